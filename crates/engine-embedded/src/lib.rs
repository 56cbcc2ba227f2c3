//! The embedded engine: every cluster is served by the broker library inside this process.
//!
//! One physical copy of each partition is kept whatever the replication factor; how durable it is, is the
//! [`Durability`] that the engine is opened with. Data lives under one directory, one folder a cluster.

mod cluster;
mod engine;

pub use brokerage_broker::{
    Durability, LogIntervals, Place, Places, ServerTls, SharedPortSpec, TlsFiles, named_file_text,
    serves_version,
};
pub use cluster::SETTINGS;
pub use engine::{EmbeddedEngine, EmbeddedOptions, OpenError};
