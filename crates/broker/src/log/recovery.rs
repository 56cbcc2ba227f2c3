//! Opening a log on disk, whether it was closed cleanly or not.
//!
//! The index of a segment is written after its batches were made durable, so everything before the last index
//! entry is sound; only the tail behind it is read, checked and cut at the first batch that is torn. The
//! state of producers since the last snapshot is rebuilt from the same tail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::batch::{self, BatchHeader, Marker};
use super::disk::Disk;
use super::file::FileCache;
use super::leader_epoch::LeaderEpochs;
use super::producer_state::{AbortedTransaction, ProducerStates};
use super::segment::{self, Segment, file_name};
use super::unified_log::{ABORTED_ENTRY_BYTES, UnifiedLog};

/// The offset in a file name such as `00000000000000000042.log`.
pub(crate) fn base_offset_of(path: &Path) -> Option<i64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// What is in the directory of a partition.
#[derive(Default)]
struct Found {
    /// Base offsets of segments, ascending.
    segments: Vec<i64>,
    /// Offsets of producer snapshots, ascending.
    snapshots: Vec<i64>,
}

/// Looks into the directory; what an interrupted compaction or checkpoint left half-written is removed.
fn look_into(dir: &Path, disk: &Disk) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let offset = base_offset_of(&path);
        match (path.extension().and_then(|name| name.to_str()), offset) {
            (Some("log"), Some(offset)) => found.segments.push(offset),
            (Some("snapshot"), Some(offset)) => found.snapshots.push(offset),
            (Some("cleaned" | "tmp"), _) => disk.remove_file_if_there(&path)?,
            _ => {}
        }
    }
    found.segments.sort_unstable();
    found.snapshots.sort_unstable();
    Ok(found)
}

/// Opens the log in `dir`. `log_start_offset` is the offset below which records were deleted on request.
pub(crate) fn open(
    dir: PathBuf,
    files: Arc<FileCache>,
    log_start_offset: i64,
    index_interval_bytes: u64,
) -> io::Result<UnifiedLog> {
    if !dir.exists() {
        return Ok(UnifiedLog::empty(dir, files, log_start_offset));
    }
    let found = look_into(&dir, files.disk())?;
    let bases = &found.segments;
    let first_offset = bases.first().or(found.snapshots.last());
    let Some(first_offset) = first_offset.copied().filter(|_| !bases.is_empty()) else {
        // A partition that had segments always keeps the last one, which holds the end of the log.
        if let Some(durable_offset) = found.snapshots.last() {
            return Err(damaged(&dir, log_start_offset, *durable_offset));
        }
        let mut log = UnifiedLog::empty(dir, files, log_start_offset);
        log.has_dir = true;
        return Ok(log);
    };
    let mut log = UnifiedLog::empty(dir, files, log_start_offset.max(first_offset));
    log.has_dir = true;
    log.end_offset = first_offset;
    if load_aborted(&mut log, bases)? {
        load_producers(&mut log, &found)?;
    }
    log.epochs = LeaderEpochs::load(&log.dir)?;
    // A snapshot is written when everything before its offset is durable, and even a damaged one has its name.
    let durable_offset = found.snapshots.last().copied().unwrap_or(first_offset);
    read_segments(&mut log, bases, durable_offset, index_interval_bytes)?;
    if log.end_offset < durable_offset {
        return Err(damaged(&log.dir, log.end_offset, durable_offset));
    }
    log.end_offset = log.end_offset.max(log.log_start_offset);
    log.epochs.truncate(log.end_offset);
    log.aborted.sort_by_key(|aborted| aborted.last_offset);
    log.aborted.dedup_by_key(|aborted| aborted.last_offset);
    // What is cut off has no transactions either.
    let end_offset = log.end_offset;
    log.aborted
        .retain(|aborted| aborted.last_offset < end_offset);
    log.flushed_offset = log.end_offset;
    if log
        .segments
        .last()
        .is_some_and(|active| active.size_bytes == 0)
    {
        // It may have been created just before the process was killed: its name is durable with the next
        // flush.
        log.dir_changes += 1;
    }
    if log.end_offset > log.checkpoint_offset {
        // What lies behind the last checkpoint may be in the page cache only: the next one covers it.
        let at = log
            .segments
            .partition_point(|segment| segment.base_offset <= log.checkpoint_offset);
        log.first_dirty_segment = log
            .segments
            .get(at.saturating_sub(1))
            .map(|segment| segment.base_offset);
    }
    Ok(log)
}

/// Opens the segments one after the other, up to the first that is torn.
///
/// # Errors
/// If it is torn before `durable_offset`: that is damage, and nothing is removed.
fn read_segments(
    log: &mut UnifiedLog,
    bases: &[i64],
    durable_offset: i64,
    index_interval_bytes: u64,
) -> io::Result<()> {
    for (at, base_offset) in bases.iter().enumerate() {
        if at > 0 && *base_offset < log.end_offset {
            // Compaction had put its records into the segment before, and was interrupted.
            Segment::create(&log.dir, &log.files, *base_offset, 0).delete()?;
            continue;
        }
        let is_whole = recover_segment(log, *base_offset, durable_offset, index_interval_bytes)?;
        if !is_whole {
            for lost in &bases[at + 1..] {
                tracing::warn!(dir = %log.dir.display(), base_offset = lost, "segment behind a torn one is removed");
                Segment::create(&log.dir, &log.files, *lost, 0).delete()?;
            }
            break;
        }
    }
    Ok(())
}

/// Durable records are missing: what is left is kept as it is, for an operator to look at.
fn damaged(place: &Path, end_offset: i64, durable_offset: i64) -> io::Error {
    let text = format!(
        "{} is damaged at offset {end_offset}, although everything before {durable_offset} was on stable storage",
        place.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// When something was appended last, by the broker's clock; `i64::MIN` if nothing was.
fn last_append_ms(log: &UnifiedLog, bases: &[i64]) -> io::Result<i64> {
    let mut last_ms = i64::MIN;
    for base_offset in bases {
        let file = std::fs::metadata(log.dir.join(file_name(*base_offset, "log")))?;
        if file.len() > 0 {
            last_ms = last_ms.max(segment::unix_ms(file.modified()?));
        }
    }
    Ok(last_ms)
}

/// Starts from the newest producer snapshot that can be read.
fn load_producers(log: &mut UnifiedLog, found: &Found) -> io::Result<()> {
    let append_ms = last_append_ms(log, &found.segments)?;
    for offset in found.snapshots.iter().rev().copied() {
        let bytes = std::fs::read(log.dir.join(file_name(offset, "snapshot")))?;
        if let Some(states) = ProducerStates::decode(&bytes, append_ms) {
            log.producers = states;
            log.checkpoint_offset = offset;
            return Ok(());
        }
    }
    Ok(())
}

/// Opens one segment and reads its tail. Returns whether nothing had to be cut off.
fn recover_segment(
    log: &mut UnifiedLog,
    base_offset: i64,
    durable_offset: i64,
    index_interval_bytes: u64,
) -> io::Result<bool> {
    let mut segment = Segment::open(&log.dir, &log.files, base_offset)?;
    let file_bytes = segment.size_bytes;
    let scan_start = segment.scan_start();
    // Producers may need more than the tail if their snapshot is older than the index.
    let producers_start = match log.checkpoint_offset.max(base_offset) {
        from if from == base_offset => 0,
        from => segment.position_of(from)?,
    };
    let start = scan_start.min(producers_start);
    let file = segment.file().clone();
    if start > 0 && log.epochs == LeaderEpochs::default() {
        // No file: all batches that the index covers are of one epoch.
        let mut first = [0; batch::HEADER_BYTES];
        file.read_at(&mut first, 0)?;
        if let Some(first) = BatchHeader::parse(&first) {
            log.epochs.note(first.leader_epoch, first.base_offset);
        }
    }
    let append_ms = segment.appended_ms;
    segment.size_bytes = scan_start;
    let mut end_offset = log.end_offset.max(base_offset);
    let sound = segment::scan(&file, start, file_bytes, |header, position, bytes| {
        if position >= scan_start {
            // After the tail there may be remains of earlier writes.
            if !batch::crc_is_valid(bytes, header) || header.base_offset < end_offset {
                return false;
            }
            segment.note(header, index_interval_bytes);
        }
        end_offset = end_offset.max(header.last_offset() + 1);
        log.epochs.note(header.leader_epoch, header.base_offset);
        if header.base_offset >= log.checkpoint_offset {
            note_producer(log, header, bytes, append_ms);
        }
        true
    })?;
    // The index is written behind what is durable, too.
    if sound < scan_start || (sound < file_bytes && end_offset < durable_offset) {
        return Err(damaged(file.path(), end_offset, durable_offset));
    }
    if sound < file_bytes {
        tracing::warn!(file = %file.path().display(), cut_bytes = file_bytes - sound, "torn tail is cut off");
        segment.truncate(sound)?;
        log.first_dirty_segment.get_or_insert(base_offset);
    }
    log.end_offset = end_offset;
    log.segments.push(segment);
    Ok(sound == file_bytes)
}

fn note_producer(log: &mut UnifiedLog, header: &BatchHeader, bytes: &[u8], append_ms: i64) {
    if let Some((first_offset, last_offset)) = log.producers.note(header, append_ms)
        && batch::marker_of(header, &bytes[batch::HEADER_BYTES..]) == Some(Marker::Abort)
    {
        log.aborted.push(AbortedTransaction {
            producer_id: header.producer_id,
            first_offset,
            last_offset,
        });
    }
}

/// Reads the transaction indexes. Returns false if one is damaged, and removes it: what it said is found
/// by reading the whole log.
fn load_aborted(log: &mut UnifiedLog, bases: &[i64]) -> io::Result<bool> {
    let mut is_sound = true;
    for base_offset in bases {
        let path = log.dir.join(file_name(*base_offset, "txnindex"));
        match read_aborted(&path, *base_offset)? {
            Some(aborted) => log.aborted.extend(aborted),
            None => {
                tracing::warn!(file = %path.display(), "damaged: the log is read as a whole");
                log.files.disk().remove_file_if_there(&path)?;
                is_sound = false;
            }
        }
    }
    Ok(is_sound)
}

/// `None` if the file makes no sense (Kafka's `TransactionIndex.sanityCheck`).
fn read_aborted(path: &Path, base_offset: i64) -> io::Result<Option<Vec<AbortedTransaction>>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Vec::new())),
        other => other?,
    };
    if !bytes.len().is_multiple_of(ABORTED_ENTRY_BYTES) {
        return Ok(None);
    }
    let i64_at = |entry: &[u8], at: usize| {
        i64::from_be_bytes(entry[at..at + 8].try_into().expect("8 bytes of the entry"))
    };
    let entry = |entry: &[u8]| AbortedTransaction {
        producer_id: i64_at(entry, 2),
        first_offset: i64_at(entry, 10),
        last_offset: i64_at(entry, 18),
    };
    let entries: Vec<AbortedTransaction> =
        bytes.chunks_exact(ABORTED_ENTRY_BYTES).map(entry).collect();
    let is_sound = |aborted: &AbortedTransaction| {
        aborted.producer_id >= 0
            && (0..=aborted.last_offset).contains(&aborted.first_offset)
            && aborted.last_offset >= base_offset
    };
    let are_sorted = entries.is_sorted_by(|one, next| one.last_offset < next.last_offset);
    Ok((are_sorted && entries.iter().all(is_sound)).then_some(entries))
}
