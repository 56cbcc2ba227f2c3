//! Group and transaction coordinators.

pub(crate) mod group;
pub(crate) mod transaction;
