//! Consumer groups of a cluster.

pub(crate) mod assignor;
pub(crate) mod classic;
pub(crate) mod consumer;
mod coordinator;
pub(crate) mod record;

pub(crate) use coordinator::{Group, Groups};
