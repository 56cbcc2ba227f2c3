//! The disk that was bought: how much of it is used, and what happens as it fills.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use crate::{cluster::Cluster, counters, log::partition::Partition, spec::ClusterLimits};

/// A segment is at most this part of the disk that was bought, so that removing the oldest frees little at
/// a time.
const SEGMENTS_PER_DISK: u64 = 100;
/// … but not smaller than this.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// Bytes of the segments of a cluster.
#[derive(Debug, Default)]
pub(crate) struct StoredBytes {
    physical: AtomicI64,
    /// Each byte counted once for each replica that is shown.
    replicated: AtomicI64,
}

fn unsigned(counter: &AtomicI64) -> u64 {
    u64::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0)
}

impl StoredBytes {
    /// Takes note of bytes written, or removed if negative.
    pub(crate) fn note(&self, bytes: i64, replicas: usize) {
        let replicas = i64::try_from(replicas).unwrap_or(1).max(1);
        self.physical.fetch_add(bytes, Ordering::Relaxed);
        self.replicated
            .fetch_add(bytes * replicas, Ordering::Relaxed);
    }

    /// What really lies on disk.
    pub(crate) fn physical(&self) -> u64 {
        unsigned(&self.physical)
    }

    /// As the limits count it.
    fn used(&self, limits: &ClusterLimits) -> u64 {
        match limits.disk_counts_replicas {
            true => unsigned(&self.replicated),
            false => self.physical(),
        }
    }
}

/// Bytes at a mark.
fn mark(limits: &ClusterLimits, percent: u8) -> Option<u64> {
    let bytes = u128::from(limits.disk_bytes_max?) * u128::from(percent) / 100;
    u64::try_from(bytes).ok()
}

/// The largest segment that a cluster with this disk writes.
pub(crate) fn segment_bytes_max(limits: &ClusterLimits) -> u64 {
    let part = |disk: u64| (disk / SEGMENTS_PER_DISK).max(SEGMENT_BYTES_MIN);
    limits.disk_bytes_max.map_or(u64::MAX, part)
}

impl Cluster {
    /// How much of the disk that was bought is used up.
    pub(crate) fn disk_used_bytes(&self) -> u64 {
        self.stored.used(&self.spec().limits)
    }

    fn is_above(&self, percent: impl FnOnce(&ClusterLimits) -> Option<u8>) -> bool {
        let spec = self.spec();
        let mark = percent(&spec.limits).and_then(|percent| mark(&spec.limits, percent));
        mark.is_some_and(|mark| self.stored.used(&spec.limits) >= mark)
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
        let now_ms = self.shared.now_ms();
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
                // What is left of this one is not durable yet.
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
