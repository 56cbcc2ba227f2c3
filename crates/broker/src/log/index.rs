//! The sparse indexes beside a segment: `.index` (offset to position) and `.timeindex` (timestamp to
//! offset), with the entries of Apache Kafka's `OffsetIndex` and `TimeIndex`.

/// Bytes of one `.index` entry.
pub(crate) const OFFSET_ENTRY_BYTES: usize = 8;
/// Bytes of one `.timeindex` entry.
pub(crate) const TIME_ENTRY_BYTES: usize = 12;

/// The batch at `position` holds the offset `base + relative_offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    pub relative_offset: u32,
    pub position: u32,
}

/// No record up to `base + relative_offset` is younger than `timestamp_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub timestamp_ms: i64,
    pub relative_offset: u32,
}

pub(crate) fn encode_offsets(entries: &[OffsetEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * OFFSET_ENTRY_BYTES);
    for entry in entries {
        out.extend(entry.relative_offset.to_be_bytes());
        out.extend(entry.position.to_be_bytes());
    }
    out
}

pub(crate) fn encode_times(entries: &[TimeEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * TIME_ENTRY_BYTES);
    for entry in entries {
        out.extend(entry.timestamp_ms.to_be_bytes());
        out.extend(entry.relative_offset.to_be_bytes());
    }
    out
}

/// Reads `.index` entries as far as they make sense: both columns growing, positions inside the file.
pub(crate) fn decode_offsets(bytes: &[u8], file_bytes: u64) -> Vec<OffsetEntry> {
    let mut out: Vec<OffsetEntry> = Vec::with_capacity(bytes.len() / OFFSET_ENTRY_BYTES);
    for chunk in bytes.chunks_exact(OFFSET_ENTRY_BYTES) {
        let entry = OffsetEntry {
            relative_offset: u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]),
            position: u32::from_be_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]),
        };
        let grows = out.last().is_none_or(|last| {
            entry.relative_offset > last.relative_offset && entry.position > last.position
        });
        if !grows || entry.position == 0 || u64::from(entry.position) >= file_bytes {
            break;
        }
        out.push(entry);
    }
    out
}

/// Reads `.timeindex` entries as far as both columns grow.
pub(crate) fn decode_times(bytes: &[u8]) -> Vec<TimeEntry> {
    let mut out: Vec<TimeEntry> = Vec::with_capacity(bytes.len() / TIME_ENTRY_BYTES);
    for chunk in bytes.chunks_exact(TIME_ENTRY_BYTES) {
        let (time, offset) = chunk.split_at(8);
        let entry = TimeEntry {
            timestamp_ms: i64::from_be_bytes(time.try_into().expect("8 of 12 bytes")),
            relative_offset: u32::from_be_bytes(offset.try_into().expect("4 of 12 bytes")),
        };
        let grows = out.last().is_none_or(|last| {
            entry.timestamp_ms > last.timestamp_ms && entry.relative_offset >= last.relative_offset
        });
        if !grows {
            break;
        }
        out.push(entry);
    }
    out
}
