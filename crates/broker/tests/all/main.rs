//! Everything that is tested through the wire, in one binary.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod brokers;
mod cluster;
mod support;
mod transactions;
mod versions;
