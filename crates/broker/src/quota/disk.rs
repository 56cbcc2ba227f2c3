//! The disk that was bought: at which marks something happens as it fills.

use crate::spec::ClusterLimits;

/// A segment is at most this part of the disk that was bought, so that removing the oldest frees little at
/// a time.
const SEGMENTS_PER_DISK: u64 = 100;
/// … but not smaller than this.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// Whether more is used than so much of the disk that was bought.
pub(crate) fn is_above(used: u64, limits: &ClusterLimits, percent: Option<u8>) -> bool {
    let mark = percent.and_then(|percent| mark(limits, percent));
    mark.is_some_and(|mark| used >= mark)
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
