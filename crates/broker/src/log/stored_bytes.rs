//! How much the logs of a cluster hold.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::spec::ClusterLimits;

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
    pub(crate) fn used(&self, limits: &ClusterLimits) -> u64 {
        match limits.disk_counts_replicas {
            true => unsigned(&self.replicated),
            false => self.physical(),
        }
    }
}
