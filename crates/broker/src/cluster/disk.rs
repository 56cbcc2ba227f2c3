//! What happens as the disk that was bought fills.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::counters;
use crate::log::partition::Partition;
use crate::quota::disk::is_above;
use crate::spec::ClusterLimits;

impl Cluster {
    /// How much of the disk that was bought is used up: by records, and by what else the cluster knows.
    pub(crate) fn disk_used_bytes(&self) -> u64 {
        self.stored.used(&self.spec().limits) + self.metadata_log.counted_bytes()
    }

    fn is_above(&self, percent: impl FnOnce(&ClusterLimits) -> Option<u8>) -> bool {
        let limits = &self.spec().limits;
        let used = self.stored.used(limits) + self.metadata_log.counted_bytes();
        is_above(used, limits, percent(limits))
    }

    /// Whether producers have to be refused.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_above(|limits| Some(limits.disk_marks.refuse_percent))
    }

    /// Whether expired records have to go now.
    pub(crate) fn is_disk_scarce(&self) -> bool {
        self.is_above(|limits| Some(limits.disk_marks.expire_percent))
    }

    /// Removes the oldest segments of all topics until less is used than the mark. Blocks on the disk.
    pub(crate) fn trim_disk(&self) {
        let is_needed = || self.is_above(|limits| limits.disk_marks.trim_percent);
        if !is_needed() {
            return;
        }
        let now_ms = self.now_ms();
        let topics = self.topics.all();
        let expiring = topics
            .iter()
            .filter(|topic| topic.settings().is_deleted_by_retention);
        let partitions: Vec<Arc<Partition>> = expiring
            .flat_map(|topic| topic.partitions().iter().cloned().collect::<Vec<_>>())
            .collect();
        let mut by_age: BinaryHeap<Reverse<(i64, usize)>> = partitions
            .iter()
            .enumerate()
            .map(|(at, partition)| Reverse((partition.oldest_ms(), at)))
            .filter(|Reverse((oldest_ms, _))| *oldest_ms < i64::MAX)
            .collect();
        let mut trimmed = 0;
        while is_needed() {
            let Some(Reverse((_, at))) = by_age.pop() else {
                break;
            };
            let partition = &partitions[at];
            match partition.trim(now_ms) {
                // What remains of this partition is not durable yet.
                Ok(0) => {}
                Ok(freed) => {
                    trimmed += freed;
                    by_age.push(Reverse((partition.oldest_ms(), at)));
                }
                Err(error) => {
                    tracing::error!(%error, cluster = %self.id, "cannot remove old records")
                }
            }
        }
        counters::add(&self.counters.disk_trimmed_bytes, trimmed);
        tracing::info!(cluster = %self.id, trimmed_bytes = trimmed, "the disk was nearly full: the oldest records went");
    }
}
