//! Who may come in, and who may do what.

pub(crate) mod attempts;
pub(crate) mod authorizer;
pub(crate) mod sasl;
pub(crate) mod scram;
pub(crate) mod user;
