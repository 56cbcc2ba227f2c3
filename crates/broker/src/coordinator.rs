//! Who belongs to a group, and what belongs to a transaction.

pub(crate) mod group;
pub(crate) mod transaction;
