//! Scheduled tasks on the logs of a cluster: retention, compaction, checkpoints, closing of unused logs.
//!
//! The cluster decides when each runs.

use std::sync::Arc;

use super::{Topic, Topics};
use crate::log::compaction::CompactionRules;
use crate::log::partition::Partition;
use crate::metadata::topic_config::TopicSettings;

impl Topics {
    /// Opens closed partitions with records older than their retention, and those with so many bytes that a segment
    /// is over it.
    pub(crate) fn open_expired(&self, now_ms: i64) {
        for topic in self.all() {
            let settings = topic.settings();
            if !settings.is_deleted_by_retention {
                continue;
            }
            let oldest_ms = settings.retention_ms.map(|ms| now_ms.saturating_sub(ms));
            let oldest_ms = oldest_ms.unwrap_or(i64::MIN);
            let most_bytes = settings.retention_bytes.unwrap_or(u64::MAX);
            let most_bytes = most_bytes.saturating_add(settings.log.segment_bytes);
            for partition in topic.partitions().iter() {
                partition.open_if_expired(oldest_ms, most_bytes);
            }
        }
    }

    /// Applies retention where a log is open.
    pub(crate) fn expire(&self, now_ms: i64) {
        for topic in self.all() {
            let settings = topic.settings();
            if !settings.is_deleted_by_retention {
                continue;
            }
            for partition in open_partitions(&topic) {
                partition.expire(settings.retention_ms, settings.retention_bytes, now_ms);
            }
        }
    }

    /// Forgets producers that have appended nothing since `before_ms`, where a log is open.
    pub(crate) fn expire_producers(&self, before_ms: i64) {
        for topic in self.all() {
            open_partitions(&topic).for_each(|partition| partition.expire_producers(before_ms));
        }
    }

    /// Compacts, writes checkpoints, and closes unused logs. Returns whether a log is still open.
    pub(crate) fn compact_and_checkpoint(&self, now_ms: i64) -> bool {
        let mut has_open = false;
        for topic in self.all() {
            let settings = topic.settings();
            for partition in open_partitions(&topic) {
                let kept = compact_and_checkpoint(&partition, &settings, now_ms);
                // A partition that is being deleted may fail here; that is expected.
                if let Err(error) = kept
                    && !partition.is_deleted()
                {
                    tracing::error!(%error, topic = %topic.name, partition = partition.index, "a scheduled task failed");
                }
                has_open |= partition.close_if_unused();
            }
        }
        has_open
    }
}

fn open_partitions(topic: &Topic) -> impl Iterator<Item = Arc<Partition>> {
    let partitions = topic.partitions();
    (0..partitions.len())
        .map(move |at| partitions[at].clone())
        .filter(|partition| partition.is_open())
}

fn compact_and_checkpoint(
    partition: &Partition,
    settings: &TopicSettings,
    now_ms: i64,
) -> std::io::Result<()> {
    if settings.is_compacted {
        partition.compact(CompactionRules {
            min_dirty_ratio: settings.min_cleanable_dirty_ratio,
            min_lag_ms: settings.min_compaction_lag_ms,
            max_lag_ms: settings.max_compaction_lag_ms,
            delete_retention_ms: settings.delete_retention_ms,
            segment_bytes: settings.log.segment_bytes,
            index_interval_bytes: settings.log.index_interval_bytes,
            now_ms,
        })?;
    }
    if partition.wants_checkpoint(now_ms) {
        partition.checkpoint(now_ms)?;
    }
    Ok(())
}
