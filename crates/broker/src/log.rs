//! The log of one partition: segments of record batches on disk, in Kafka's own format.

pub(crate) mod batch;
pub(crate) mod compaction;
pub(crate) mod disk;
pub(crate) mod durability;
pub(crate) mod file;
pub(crate) mod file_records;
pub(crate) mod index;
mod leader_epoch;
pub(crate) mod partition;
pub(crate) mod producer_state;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod stored_bytes;

#[cfg(test)]
pub(crate) mod tests;
mod unified_log;

pub(crate) use unified_log::{
    AppendInfo, LogOptions, OffsetAndTimestamp, UnifiedLog, find_timestamp,
};
