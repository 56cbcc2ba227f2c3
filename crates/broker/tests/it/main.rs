//! Everything that is tested through the wire, in one binary.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod acl;
mod bounds;
mod brokers;
mod client_scram;
mod cluster;
mod configs;
#[cfg(feature = "trace")]
mod crash;
mod damage;
mod fetch;
mod limits;
mod memory;
mod metadata;
mod named_twice;
mod observation;
mod operators;
mod racks;
mod records;
mod releases;
mod sasl;
mod super_users;
mod support;
mod tls;
mod transactions;
mod versions;
