//! Everything that is tested through the wire, in one binary.

mod cluster;
mod support;
mod transactions;
mod versions;
