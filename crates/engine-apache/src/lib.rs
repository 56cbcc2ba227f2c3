//! Apache Kafka's own processes: for tests and comparisons, no cluster that anybody buys runs on them.
//!
//! [`Distribution`] and [`NodeSettings`] say how one node is formatted and run; whoever runs it brings the process.
//! [`ApacheEngine`] runs whole clusters of them as an engine (`brokerage_engine::Engine`).
//!
//! As an engine it keeps the life of clusters, of brokers and of orphans, and what is in them. What Apache Kafka cannot do
//! in this form it does not pretend to do:
//! - Bought limits are not in force. Kafka has no limit of topics, partitions, groups, disk or bandwidth of a cluster; quotas
//!   are of users and clients, and can be set by `kafka-admin`.
//! - No cluster setting is in force ([`brokerage_engine::Engine::settings`] is empty).
//! - One version: that of the jars.
//! - Listeners without security only. Who comes in has no name, and may do everything.
//! - A connection ([`brokerage_engine::Engine::connect`]) is one to the first broker that runs. It answers for what that
//!   broker leads and coordinates, counts as every other, and is nothing while no broker runs.
//! - Bytes, connections and counters are not observed.
#![cfg_attr(not(feature = "engine"), allow(rustdoc::broken_intra_doc_links))]

#[cfg(feature = "engine")]
mod engine;
mod node;
mod port;
#[cfg(feature = "engine")]
mod process;

#[cfg(feature = "engine")]
pub use engine::ApacheEngine;
pub use node::{
    CLUSTER_ID, Distribution, FAST_FLAGS, FEW_THREADS, JAVA, NodeSettings, node_folder_make,
};
pub use port::HeldPort;
