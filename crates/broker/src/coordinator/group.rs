//! Consumer groups of a cluster.

pub(crate) mod assignor;
pub(crate) mod classic;
pub(crate) mod consumer;
mod coordinator;
mod history;
pub(crate) mod pattern;

pub(crate) use coordinator::{Group, Groups, ListedGroup};
pub use history::RebalanceObservation;

/// Largest description of one member: ids, names, and its protocols or subscription. Apache Kafka keeps a
/// whole group in one record of `__consumer_offsets`, which takes 1 MiB (`message.max.bytes`).
pub(crate) const MEMBER_BYTES_MAX: usize = 1 << 20;
/// Largest description of all members of a group, with their assignments.
pub(crate) const GROUP_BYTES_MAX: usize = 4 << 20;
