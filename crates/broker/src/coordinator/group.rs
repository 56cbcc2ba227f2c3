//! Consumer groups of a cluster.

pub(crate) mod assignor;
pub(crate) mod classic;
pub(crate) mod consumer;
mod coordinator;
pub(crate) mod pattern;

pub(crate) use coordinator::{Group, Groups, ListedGroup};

/// What one member may say of itself: ids, names, and what its protocols or subscription hold. Apache Kafka
/// keeps a whole group in one record of `__consumer_offsets`, which takes 1 MiB (`message.max.bytes`).
pub(crate) const MEMBER_BYTES_MAX: usize = 1 << 20;
/// What all members of a group may say of themselves, with what they were assigned.
pub(crate) const GROUP_BYTES_MAX: usize = 16 << 20;
