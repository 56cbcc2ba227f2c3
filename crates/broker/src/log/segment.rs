//! One segment: a file of batches and the sparse indexes over it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::batch::BatchHeader;
use super::file::{CachedFile, FileCache};
use super::index::{self, OffsetEntry, TimeEntry};

/// Bytes read at a time when batches are walked one after the other.
const SCAN_CHUNK_BYTES: usize = 1 << 20;

/// Milliseconds since 1970 of a file's time.
pub(super) fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// `00000000000000000042.log` and its companions.
pub(crate) fn file_name(base_offset: i64, extension: &str) -> String {
    format!("{base_offset:020}.{extension}")
}

/// A file of record batches that starts at `base_offset`.
pub(crate) struct Segment {
    pub base_offset: i64,
    pub size_bytes: u64,
    /// Largest timestamp seen; -1 in an empty segment.
    pub max_timestamp_ms: i64,
    /// Last offset of the batch that has it.
    pub max_timestamp_offset: i64,
    /// Timestamp of the first batch, for `segment.ms`; `None` if it has none.
    pub first_timestamp_ms: Option<i64>,
    /// When it was made, and when its last batch was appended, by the broker's clock.
    pub created_ms: i64,
    pub appended_ms: i64,
    file: CachedFile,
    dir: PathBuf,
    index: Indexes,
    /// Bytes appended since the last index entry.
    unindexed_bytes: u64,
}

/// The entries in memory, and how many of them the files have.
#[derive(Default)]
struct Indexes {
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    offsets_saved: usize,
    times_saved: usize,
    /// False while the entries are on disk only.
    is_loaded: bool,
}

/// Index entries that are not on disk yet.
pub(crate) struct SegmentCheckpoint {
    pub base_offset: i64,
    pub file: CachedFile,
    appended_ms: i64,
    dir: PathBuf,
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    offsets_saved: usize,
    times_saved: usize,
}

impl Segment {
    /// An empty segment; its file is made with the first batch.
    pub(crate) fn create(
        dir: &Path,
        files: &Arc<FileCache>,
        base_offset: i64,
        now_ms: i64,
    ) -> Self {
        let path = dir.join(file_name(base_offset, "log"));
        Self {
            base_offset,
            size_bytes: 0,
            max_timestamp_ms: -1,
            max_timestamp_offset: base_offset,
            first_timestamp_ms: None,
            created_ms: now_ms,
            appended_ms: now_ms,
            file: CachedFile::new(files, path),
            dir: dir.to_owned(),
            index: Indexes {
                is_loaded: true,
                ..Indexes::default()
            },
            unindexed_bytes: 0,
        }
    }

    /// A segment found on disk, with the index entries that make sense. The tail behind the last entry
    /// is yet to be scanned: see [`Segment::scan_start`].
    pub(crate) fn open(dir: &Path, files: &Arc<FileCache>, base_offset: i64) -> io::Result<Self> {
        let mut segment = Self::create(dir, files, base_offset, 0);
        let file = segment.file.open()?.metadata()?;
        segment.size_bytes = file.len();
        segment.appended_ms = unix_ms(file.modified()?);
        // Not every file system stores creation times.
        segment.created_ms = file.created().map_or(segment.appended_ms, unix_ms);
        segment.index.is_loaded = false;
        segment.load_index()?;
        if let Some(last) = segment.index.times.last() {
            segment.max_timestamp_ms = last.timestamp_ms;
            segment.max_timestamp_offset = base_offset + i64::from(last.relative_offset);
        }
        let mut header = [0; super::batch::HEADER_BYTES];
        segment.file.read_at(&mut header, 0)?;
        segment.first_timestamp_ms = BatchHeader::parse(&header).and_then(|first| first.time_ms());
        Ok(segment)
    }

    /// The time that retention compares: the largest timestamp, or the last append if no record has one
    /// (Kafka's `LogSegment.largestTimestamp`).
    pub(crate) fn age_from_ms(&self) -> i64 {
        match self.max_timestamp_ms {
            ..0 => self.appended_ms,
            timestamp_ms => timestamp_ms,
        }
    }

    /// How old the segment is when a batch with this header comes (Kafka's `LogSegment.timeWaitedForRoll`).
    pub(crate) fn age_ms(&self, next: &BatchHeader, now_ms: i64) -> i64 {
        match self.first_timestamp_ms {
            Some(first_ms) => next.max_timestamp.saturating_sub(first_ms),
            None => now_ms.saturating_sub(self.created_ms),
        }
    }

    pub(crate) fn file(&self) -> &CachedFile {
        &self.file
    }

    fn load_index(&mut self) -> io::Result<()> {
        if self.index.is_loaded {
            return Ok(());
        }
        let read = |extension| match std::fs::read(
            self.dir.join(file_name(self.base_offset, extension)),
        ) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        };
        let mut offsets = index::decode_offsets(&read("index")?, self.size_bytes);
        let times = index::decode_times(&read("timeindex")?);
        while let Some(last) = offsets.last() {
            if self.entry_is_sound(last)? {
                break;
            }
            offsets.pop();
        }
        self.index.offsets_saved = offsets.len();
        self.index.times_saved = times.len();
        self.index.offsets = offsets;
        self.index.times = times;
        self.index.is_loaded = true;
        Ok(())
    }

    /// Whether a batch that holds the entry's offset starts at its position.
    fn entry_is_sound(&self, entry: &OffsetEntry) -> io::Result<bool> {
        let mut header = [0; super::batch::HEADER_BYTES];
        self.file.read_at(&mut header, u64::from(entry.position))?;
        let offset = self.base_offset + i64::from(entry.relative_offset);
        Ok(BatchHeader::parse(&header)
            .is_some_and(|batch| batch.base_offset <= offset && offset <= batch.last_offset()))
    }

    /// Where recovery has to start reading: batches before are covered by the index.
    pub(crate) fn scan_start(&self) -> u64 {
        self.index
            .offsets
            .last()
            .map_or(0, |entry| u64::from(entry.position))
    }

    /// How much of the file the index on disk covers.
    pub(crate) fn saved_bytes(&self) -> u64 {
        if !self.index.is_loaded {
            return self.size_bytes;
        }
        let last = self
            .index
            .offsets_saved
            .checked_sub(1)
            .map(|at| self.index.offsets[at]);
        last.map_or(0, |entry| u64::from(entry.position))
    }

    /// Drops the entries from memory; they are read again when needed.
    pub(crate) fn unload_index(&mut self) {
        if self.index.offsets_saved == self.index.offsets.len()
            && self.index.times_saved == self.index.times.len()
        {
            self.index.offsets = Vec::new();
            self.index.times = Vec::new();
            self.index.is_loaded = false;
        }
    }

    /// Writes a batch behind the last one.
    pub(crate) fn append(
        &mut self,
        header: &BatchHeader,
        body: &[u8],
        index_interval_bytes: u64,
        now_ms: i64,
    ) -> io::Result<()> {
        self.load_index()?;
        let result = self
            .file
            .write_parts_at([&header.encode(), body], self.size_bytes);
        if let Err(error) = result {
            // Best effort: what is behind `size_bytes` is overwritten by the next batch anyway.
            let _ = self.file.truncate(self.size_bytes);
            return Err(error);
        }
        self.note(header, index_interval_bytes);
        self.appended_ms = now_ms;
        Ok(())
    }

    /// Updates the index for the batch at the end of the segment.
    pub(crate) fn note(&mut self, header: &BatchHeader, index_interval_bytes: u64) {
        if self.size_bytes == 0 {
            self.first_timestamp_ms = header.time_ms();
        }
        if header.max_timestamp > self.max_timestamp_ms {
            self.max_timestamp_ms = header.max_timestamp;
            self.max_timestamp_offset = header.last_offset();
        }
        if self.unindexed_bytes > index_interval_bytes {
            self.index.offsets.push(OffsetEntry {
                relative_offset: (header.last_offset() - self.base_offset) as u32,
                position: self.size_bytes as u32,
            });
            self.note_time();
            self.unindexed_bytes = 0;
        }
        self.size_bytes += header.size_bytes() as u64;
        self.unindexed_bytes += header.size_bytes() as u64;
    }

    fn note_time(&mut self) {
        let is_newer = self
            .index
            .times
            .last()
            .is_none_or(|last| self.max_timestamp_ms > last.timestamp_ms);
        if is_newer && self.max_timestamp_ms >= 0 {
            self.index.times.push(TimeEntry {
                timestamp_ms: self.max_timestamp_ms,
                relative_offset: (self.max_timestamp_offset - self.base_offset) as u32,
            });
        }
    }

    /// Closes the time index when the segment gets no more batches.
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        self.load_index()?;
        self.note_time();
        Ok(())
    }

    /// A position at or before the batch that holds `offset`.
    pub(crate) fn position_of(&mut self, offset: i64) -> io::Result<u64> {
        self.load_index()?;
        let relative = offset - self.base_offset;
        let after = self
            .index
            .offsets
            .partition_point(|entry| i64::from(entry.relative_offset) < relative);
        // An entry names the last offset of its batch, so an entry at or after the target may be the
        // batch itself; the one before it is always safe.
        let exact = self
            .index
            .offsets
            .get(after)
            .filter(|entry| i64::from(entry.relative_offset) == relative);
        let entry = exact.or_else(|| after.checked_sub(1).map(|at| &self.index.offsets[at]));
        Ok(entry.map_or(0, |entry| u64::from(entry.position)))
    }

    /// The last batch boundary at or before `position` that the index knows.
    pub(crate) fn boundary_before(&mut self, position: u64) -> io::Result<u64> {
        if position >= self.size_bytes {
            return Ok(self.size_bytes);
        }
        self.load_index()?;
        let entries = &self.index.offsets;
        let after = entries.partition_point(|entry| u64::from(entry.position) <= position);
        let entry = after.checked_sub(1).map(|at| &entries[at]);
        Ok(entry.map_or(0, |entry| u64::from(entry.position)))
    }

    /// An offset at or before the first record that is not older than `timestamp_ms`.
    pub(crate) fn offset_before(&mut self, timestamp_ms: i64) -> io::Result<i64> {
        self.load_index()?;
        let after = self
            .index
            .times
            .partition_point(|entry| entry.timestamp_ms < timestamp_ms);
        let entry = after.checked_sub(1).map(|at| self.index.times[at]);
        Ok(entry.map_or(self.base_offset, |entry| {
            self.base_offset + i64::from(entry.relative_offset)
        }))
    }

    /// Walks whole batches from `position`: see [`scan`].
    pub(crate) fn scan(
        &self,
        position: u64,
        visit: impl FnMut(&BatchHeader, u64, &[u8]) -> bool,
    ) -> io::Result<u64> {
        scan(&self.file, position, self.size_bytes, visit)
    }

    /// Cuts the file after the last valid batch, durably: the removed bytes must not reappear after new
    /// batches.
    pub(crate) fn truncate(&mut self, size_bytes: u64) -> io::Result<()> {
        self.file.truncate(size_bytes)?;
        self.file.sync()?;
        self.size_bytes = size_bytes;
        let index = &mut self.index;
        let kept = index
            .offsets
            .partition_point(|entry| u64::from(entry.position) < size_bytes);
        if kept < index.offsets.len() {
            // The index points beyond the end of the file, so none of it can be trusted.
            let last = kept.checked_sub(1).map(|at| index.offsets[at]);
            let last_relative = last.map_or(0, |entry| entry.relative_offset);
            index.offsets.truncate(kept);
            index
                .times
                .retain(|entry| last.is_some() && entry.relative_offset <= last_relative);
            index.offsets_saved = 0;
            index.times_saved = 0;
            for extension in ["index", "timeindex"] {
                let path = self.dir.join(file_name(self.base_offset, extension));
                self.file.disk().remove_file_if_there(&path)?;
            }
        }
        Ok(())
    }

    pub(crate) fn checkpoint(&self) -> SegmentCheckpoint {
        let index = &self.index;
        // A segment whose entries are on disk only has nothing to add.
        SegmentCheckpoint {
            base_offset: self.base_offset,
            file: self.file.clone(),
            appended_ms: self.appended_ms,
            dir: self.dir.clone(),
            offsets: index
                .offsets
                .get(index.offsets_saved..)
                .unwrap_or_default()
                .to_vec(),
            times: index
                .times
                .get(index.times_saved..)
                .unwrap_or_default()
                .to_vec(),
            offsets_saved: index.offsets_saved,
            times_saved: index.times_saved,
        }
    }

    pub(crate) fn note_saved(&mut self, checkpoint: &SegmentCheckpoint) {
        self.index.offsets_saved = checkpoint.offsets_saved + checkpoint.offsets.len();
        self.index.times_saved = checkpoint.times_saved + checkpoint.times.len();
    }

    /// Removes the files.
    pub(crate) fn delete(&self) -> io::Result<()> {
        // Reads that are in progress hold the file open.
        self.file.retire();
        for extension in ["log", "index", "timeindex", "txnindex", "snapshot"] {
            let path = self.dir.join(file_name(self.base_offset, extension));
            self.file.disk().remove_file_if_there(&path)?;
        }
        Ok(())
    }
}

impl SegmentCheckpoint {
    /// Makes the batches durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_if_there()
    }

    /// Writes index entries for batches that are durable. Recovery trusts the offset index and does not read
    /// the batches that it covers, so their timestamps must come from the time index, which is made durable
    /// first.
    pub(crate) fn write(&self) -> io::Result<()> {
        if self.file.is_retired() {
            return Ok(());
        }
        // The next opening reads the time of the last append from the file.
        match self.file.set_modified(self.appended_ms) {
            Err(_) if self.file.is_retired() => return Ok(()),
            other => other?,
        }
        let disk = self.file.disk();
        let write = |extension, saved_bytes: usize, bytes: Vec<u8>| {
            let path = self.dir.join(file_name(self.base_offset, extension));
            let file = disk.create_file(&path)?;
            disk.write_parts_at(&file, &path, [&bytes, &[]], saved_bytes as u64)?;
            disk.truncate(&file, &path, (saved_bytes + bytes.len()) as u64)?;
            Ok::<_, io::Error>((file, path))
        };
        let (times, path) = write(
            "timeindex",
            self.times_saved * index::TIME_ENTRY_BYTES,
            index::encode_times(&self.times),
        )?;
        disk.sync_file(&times, &path)?;
        write(
            "index",
            self.offsets_saved * index::OFFSET_ENTRY_BYTES,
            index::encode_offsets(&self.offsets),
        )
        .map(drop)
    }
}

/// Walks whole batches of a file from `position` to `file_bytes`; the visitor says whether to go on.
/// Returns the position behind the last whole batch that was accepted.
pub(crate) fn scan(
    file: &CachedFile,
    position: u64,
    file_bytes: u64,
    mut visit: impl FnMut(&BatchHeader, u64, &[u8]) -> bool,
) -> io::Result<u64> {
    let mut at = position;
    let mut buffer = Vec::new();
    let mut want = SCAN_CHUNK_BYTES;
    while at < file_bytes {
        let length = want.min((file_bytes - at) as usize);
        buffer.resize(length, 0);
        let got = file.read_at(&mut buffer, at)?;
        let mut used = 0;
        let mut larger = None;
        while let Some(header) = BatchHeader::parse(&buffer[used..got]) {
            let end = used + header.size_bytes();
            if end > got {
                larger = Some(header.size_bytes());
                break;
            }
            if !visit(&header, at + used as u64, &buffer[used..end]) {
                return Ok(at + used as u64);
            }
            used = end;
        }
        at += used as u64;
        let is_stuck =
            used == 0 && larger.is_none_or(|size| size <= length || size as u64 > file_bytes - at);
        if is_stuck || got < length {
            break;
        }
        want = larger.unwrap_or(0).max(SCAN_CHUNK_BYTES);
    }
    Ok(at)
}
