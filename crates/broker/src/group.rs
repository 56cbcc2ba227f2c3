//! Consumer groups of a cluster.

pub(crate) mod classic;
mod coordinator;

pub(crate) use coordinator::Groups;
