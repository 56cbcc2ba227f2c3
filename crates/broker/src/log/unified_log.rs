//! The log of a partition: its segments in order, and what is known of its producers.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::batch::{self, Batch, BatchHeader, HEADER_BYTES};
use super::disk::Disk;
use super::file::{CachedFile, FileCache};
use super::file_records::ReadPlan;
use super::leader_epoch::LeaderEpochs;
use super::producer_state::{AbortedTransaction, ProducerStates, SequenceCheck};
use super::record;
use super::segment::{Segment, SegmentCheckpoint, file_name};
use crate::error::ErrorCode;

/// What the topic's settings say about segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogOptions {
    pub segment_bytes: u64,
    pub segment_ms: i64,
    pub index_interval_bytes: u64,
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AppendInfo {
    pub base_offset: i64,
    /// Exclusive end of the batch: what has to be durable before it is acknowledged.
    pub end_offset: i64,
    pub size_bytes: u64,
    pub is_duplicate: bool,
    /// LogAppendTime of the batch (of the original for a duplicate); -1 with CreateTime.
    pub log_append_time_ms: i64,
}

/// Answer to a look-up by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetAndTimestamp {
    pub offset: i64,
    pub timestamp_ms: i64,
}

/// Segments, ordered by base offset; offsets grow by appending only.
pub(crate) struct UnifiedLog {
    pub(super) dir: PathBuf,
    pub(super) files: Arc<FileCache>,
    pub(super) segments: Vec<Segment>,
    pub(super) log_start_offset: i64,
    pub(super) end_offset: i64,
    /// Everything below is on stable storage.
    pub(super) flushed_offset: i64,
    pub(super) producers: ProducerStates,
    pub(super) aborted: Vec<AbortedTransaction>,
    pub(super) epochs: LeaderEpochs,
    /// Offset of the newest producer snapshot on disk; -1 if there is none.
    pub(super) checkpoint_offset: i64,
    /// Base offset of the first segment that changed since the last checkpoint.
    pub(super) first_dirty_segment: Option<i64>,
    pub(super) has_dir: bool,
    /// How often names in the directory have changed in a way that has to be durable …
    pub(super) dir_changes: u64,
    /// … and how many of these changes are.
    dir_changes_durable: u64,
    /// Set when a write failed: the log answers KAFKA_STORAGE_ERROR until it is reopened.
    pub(super) is_failed: bool,
}

impl UnifiedLog {
    /// A log without data; its directory is made with the first batch.
    pub(crate) fn empty(dir: PathBuf, files: Arc<FileCache>, start_offset: i64) -> Self {
        Self {
            dir,
            files,
            segments: Vec::new(),
            log_start_offset: start_offset,
            end_offset: start_offset,
            flushed_offset: start_offset,
            producers: ProducerStates::default(),
            aborted: Vec::new(),
            epochs: LeaderEpochs::default(),
            checkpoint_offset: -1,
            first_dirty_segment: None,
            has_dir: false,
            dir_changes: 0,
            dir_changes_durable: 0,
            is_failed: false,
        }
    }

    pub(crate) fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    pub(crate) fn end_offset(&self) -> i64 {
        self.end_offset
    }

    pub(crate) fn flushed_offset(&self) -> i64 {
        self.flushed_offset
    }

    pub(crate) fn producers(&self) -> &ProducerStates {
        &self.producers
    }

    /// The leader epoch of the record at `offset`.
    pub(crate) fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.epochs.epoch_at(offset)
    }

    /// The newest epoch that is not newer than `epoch`, and where it ended: see [`LeaderEpochs::end_of`].
    pub(crate) fn end_of_epoch(
        &self,
        epoch: i32,
        current: i32,
        end_offset: i64,
    ) -> Option<(i32, i64)> {
        self.epochs
            .end_of(epoch, current, self.log_start_offset, end_offset)
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size_bytes).sum()
    }

    /// First offset that may still belong to an open transaction, or `high_watermark`.
    pub(crate) fn last_stable_offset(&self, high_watermark: i64) -> i64 {
        self.producers
            .first_open_offset()
            .map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// Aborted transactions that overlap `from..to`.
    pub(crate) fn aborted_in(&self, from: i64, to: i64) -> Vec<AbortedTransaction> {
        let overlaps = |aborted: &&AbortedTransaction| {
            aborted.last_offset >= from && aborted.first_offset < to
        };
        self.aborted.iter().filter(overlaps).copied().collect()
    }

    /// Appends a validated batch, giving it the next offsets.
    ///
    /// # Errors
    /// The sequence errors of idempotent producers, and KAFKA_STORAGE_ERROR if the disk refuses.
    pub(crate) fn append(
        &mut self,
        batch: &Batch,
        leader_epoch: i32,
        options: &LogOptions,
        now_ms: i64,
    ) -> Result<AppendInfo, ErrorCode> {
        let log_append_time_ms = batch.log_append_time_ms();
        if self.is_failed {
            return Err(ErrorCode::KafkaStorageError);
        }
        if batch.header.producer_id >= 0
            && !batch.header.is_control()
            && let SequenceCheck::Duplicate(known) = self.producers.check(&batch.header)?
        {
            return Ok(AppendInfo {
                base_offset: known.base_offset(),
                end_offset: known.last_offset + 1,
                size_bytes: 0,
                is_duplicate: true,
                log_append_time_ms: match log_append_time_ms {
                    ..0 => log_append_time_ms,
                    _ => known.timestamp_ms,
                },
            });
        }
        let header = BatchHeader {
            base_offset: self.end_offset,
            leader_epoch,
            ..batch.header
        };
        self.write(&header, &batch.body, options, now_ms)
            .map_err(|error| {
                tracing::error!(%error, dir = %self.dir.display(), "cannot append");
                ErrorCode::KafkaStorageError
            })?;
        if let Some((first_offset, last_offset)) = self.producers.note(&header, now_ms)
            && batch::marker_of(&header, &batch.body) == Some(batch::Marker::Abort)
        {
            let producer_id = header.producer_id;
            self.aborted.push(AbortedTransaction {
                producer_id,
                first_offset,
                last_offset,
            });
        }
        self.epochs.note(leader_epoch, header.base_offset);
        self.end_offset = header.last_offset() + 1;
        Ok(AppendInfo {
            base_offset: header.base_offset,
            end_offset: self.end_offset,
            size_bytes: header.size_bytes() as u64,
            is_duplicate: false,
            log_append_time_ms,
        })
    }

    fn write(
        &mut self,
        header: &BatchHeader,
        body: &[u8],
        options: &LogOptions,
        now_ms: i64,
    ) -> io::Result<()> {
        if !self.has_dir {
            self.files.disk().create_dir_all(&self.dir)?;
            self.has_dir = true;
            self.dir_changes += 1;
        }
        self.roll_if_needed(header, options, now_ms)?;
        let segment = self.segments.last_mut().expect("rolling made a segment");
        segment.append(header, body, options.index_interval_bytes, now_ms)?;
        self.first_dirty_segment.get_or_insert(segment.base_offset);
        Ok(())
    }

    fn roll_if_needed(
        &mut self,
        header: &BatchHeader,
        options: &LogOptions,
        now_ms: i64,
    ) -> io::Result<()> {
        let is_full = self.segments.last().is_none_or(|segment| {
            segment.size_bytes > 0
                && (segment.size_bytes + header.size_bytes() as u64 > options.segment_bytes
                    || header.last_offset() - segment.base_offset > i64::from(i32::MAX)
                    || segment.age_ms(header, now_ms) > options.segment_ms)
        });
        match is_full {
            true => self.roll(now_ms),
            false => Ok(()),
        }
    }

    /// Starts a new segment at the end of the log.
    pub(crate) fn roll(&mut self, now_ms: i64) -> io::Result<()> {
        if let Some(active) = self.segments.last_mut() {
            active.seal()?;
        }
        let segment = Segment::create(&self.dir, &self.files, self.end_offset, now_ms);
        // The file exists from now on: its name preserves the end of the log when all segments before it are
        // removed.
        segment.file().create()?;
        self.dir_changes += 1;
        self.segments.push(segment);
        Ok(())
    }

    fn segment_at(&self, offset: i64) -> Option<usize> {
        self.segments
            .partition_point(|segment| segment.base_offset <= offset)
            .checked_sub(1)
    }

    /// Where to find `target` and what follows below `limit_offset`, about `max_bytes` of it; `None` if
    /// there is nothing at or behind it.
    pub(crate) fn plan(
        &mut self,
        target: i64,
        limit_offset: i64,
        max_bytes: usize,
    ) -> io::Result<Option<ReadPlan>> {
        if target >= self.end_offset || self.segments.is_empty() {
            return Ok(None);
        }
        let at = self.segment_at(target).unwrap_or(0);
        let next_base_offset = self.segments.get(at + 1).map(|next| next.base_offset);
        let is_whole = limit_offset >= next_base_offset.unwrap_or(self.end_offset);
        let segment = &mut self.segments[at];
        let position = segment.position_of(target)?;
        let visible_end = if is_whole {
            segment.size_bytes
        } else {
            segment.position_of(limit_offset)?
        };
        let wanted_end = segment.boundary_before(position.saturating_add(max_bytes as u64))?;
        Ok(Some(ReadPlan {
            position,
            sure_end: visible_end.min(wanted_end),
            end: segment.size_bytes,
            file: segment.file().open()?,
            target,
            limit_offset,
            next_base_offset,
        }))
    }

    /// The first batch from `from_offset` on that has a record of `timestamp_ms` or later.
    pub(crate) fn batch_of_time(
        &mut self,
        timestamp_ms: i64,
        from_offset: i64,
    ) -> io::Result<Option<BatchOfTime>> {
        let from_offset = from_offset.max(self.log_start_offset);
        for segment in &mut self.segments {
            if segment.max_timestamp_ms < timestamp_ms {
                continue;
            }
            let before = segment.offset_before(timestamp_ms)?.max(from_offset);
            let position = segment.position_of(before)?;
            let mut found = None;
            segment.scan(position, |header, _, bytes| {
                if header.max_timestamp >= timestamp_ms && header.last_offset() >= from_offset {
                    found = Some(BatchOfTime {
                        header: *header,
                        body: bytes[HEADER_BYTES..].to_vec(),
                        timestamp_ms,
                        from_offset,
                    });
                }
                found.is_none()
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The largest timestamp, if a record has one.
    pub(crate) fn max_timestamp_ms(&self) -> Option<i64> {
        let newest = self.segments.iter().map(|segment| segment.max_timestamp_ms);
        newest.max().filter(|timestamp_ms| *timestamp_ms >= 0)
    }

    /// Moves the start of the log; segments that lie before it wholly are removed. Returns the bytes freed.
    pub(crate) fn delete_before(&mut self, offset: i64, now_ms: i64) -> io::Result<u64> {
        self.log_start_offset = self.log_start_offset.max(offset.min(self.end_offset));
        let start = self.log_start_offset;
        let mut freed = 0;
        while self.segments.len() > 1 && self.segments[1].base_offset <= start {
            freed += self.remove_first()?;
        }
        if self.segments.len() == 1 && start == self.end_offset && self.segments[0].size_bytes > 0 {
            self.roll(now_ms)?;
            self.files.disk().sync_dir(&self.dir)?;
            freed += self.remove_first()?;
        }
        self.aborted.retain(|aborted| aborted.last_offset >= start);
        Ok(freed)
    }

    fn remove_first(&mut self) -> io::Result<u64> {
        let segment = self.segments.remove(0);
        segment.delete()?;
        Ok(segment.size_bytes)
    }

    /// `retention.ms` and `retention.bytes`, on whole segments below `limit_offset`, that which is written to
    /// too. Returns the bytes freed.
    pub(crate) fn expire(
        &mut self,
        retention_ms: Option<i64>,
        retention_bytes: Option<u64>,
        limit_offset: i64,
        now_ms: i64,
    ) -> io::Result<u64> {
        let oldest_ms = retention_ms.map(|retention_ms| now_ms.saturating_sub(retention_ms));
        let mut freed = 0;
        while let Some(first) = self.segments.first() {
            if first.size_bytes == 0 {
                break;
            }
            let next = self
                .segments
                .get(1)
                .map_or(self.end_offset, |next| next.base_offset);
            let is_old = oldest_ms.is_some_and(|oldest| first.age_from_ms() < oldest);
            let rest_bytes = self.size_bytes() - first.size_bytes;
            let is_over = retention_bytes.is_some_and(|keep| rest_bytes >= keep);
            if next > limit_offset || !(is_old || is_over) {
                break;
            }
            freed += self.delete_before(next, now_ms)?;
        }
        Ok(freed)
    }

    /// Removes the oldest segment if it lies below `limit_offset`. Returns the bytes freed.
    pub(crate) fn trim(&mut self, limit_offset: i64, now_ms: i64) -> io::Result<u64> {
        let next = self
            .segments
            .get(1)
            .map_or(self.end_offset, |next| next.base_offset);
        let has_data = self
            .segments
            .first()
            .is_some_and(|first| first.size_bytes > 0);
        match has_data && next <= limit_offset {
            true => self.delete_before(next, now_ms),
            false => Ok(0),
        }
    }

    /// What has to be written so that the next opening reads the tail only; `None` if nothing changed.
    pub(crate) fn checkpoint(&self) -> Option<LogCheckpoint> {
        let first_dirty = self.first_dirty_segment.filter(|_| !self.is_failed)?;
        let dirty =
            |segment: &&Segment| segment.base_offset >= first_dirty && segment.size_bytes > 0;
        Some(LogCheckpoint {
            disk: self.files.disk().clone(),
            dir: self.dir.clone(),
            dir_changes: self.dir_changes,
            is_dir_durable: self.dir_changes_durable == self.dir_changes,
            segments: self
                .segments
                .iter()
                .filter(dirty)
                .map(Segment::checkpoint)
                .collect(),
            end_offset: self.end_offset,
            active_base_offset: self
                .segments
                .last()
                .map_or(0, |segment| segment.base_offset),
            producers: self.producers.encode(),
            aborted: self.aborted_by_segment(first_dirty),
            epochs: self.epochs.clone(),
        })
    }

    fn aborted_by_segment(&self, first_dirty: i64) -> Vec<(i64, Vec<AbortedTransaction>)> {
        let mut out: Vec<(i64, Vec<AbortedTransaction>)> = Vec::new();
        for aborted in &self.aborted {
            let Some(at) = self.segment_at(aborted.last_offset) else {
                continue;
            };
            let base = self.segments[at].base_offset;
            if base < first_dirty {
                continue;
            }
            match out.last_mut() {
                Some((last, list)) if *last == base => list.push(*aborted),
                _ => out.push((base, vec![*aborted])),
            }
        }
        out
    }

    /// Whether something was appended that no checkpoint covers.
    pub(crate) fn is_dirty(&self) -> bool {
        self.first_dirty_segment.is_some()
    }

    /// Bytes that recovery would have to read; an upper bound of what changed since the last checkpoint.
    pub(crate) fn dirty_bytes(&self) -> u64 {
        let Some(first) = self.first_dirty_segment else {
            return 0;
        };
        let dirty = self
            .segments
            .iter()
            .filter(|segment| segment.base_offset >= first);
        dirty
            .map(|segment| segment.size_bytes - segment.saved_bytes())
            .sum()
    }

    /// Records that a checkpoint was written.
    pub(crate) fn note_checkpoint(&mut self, checkpoint: &LogCheckpoint) {
        for saved in &checkpoint.segments {
            let segment = self
                .segments
                .iter_mut()
                .find(|segment| segment.base_offset == saved.base_offset);
            if let Some(segment) = segment {
                segment.note_saved(saved);
            }
        }
        self.checkpoint_offset = checkpoint.end_offset;
        self.first_dirty_segment =
            (self.end_offset > checkpoint.end_offset).then_some(checkpoint.active_base_offset);
    }

    /// The files that hold what is not durable yet, and the offset they reach.
    pub(crate) fn flush_plan(&self) -> FlushPlan {
        let at = self.segment_at(self.flushed_offset).unwrap_or(0);
        let is_dir_durable = self.dir_changes_durable == self.dir_changes;
        FlushPlan {
            disk: self.files.disk().clone(),
            files: self
                .segments
                .iter()
                .skip(at)
                .map(|segment| segment.file().clone())
                .collect(),
            dir: (!is_dir_durable).then(|| self.dir.clone()),
            dir_changes: self.dir_changes,
            end_offset: self.end_offset,
        }
    }

    /// Records the result of a flush.
    pub(crate) fn note_flush(&mut self, flushed: Flushed, result: &io::Result<()>) {
        match result {
            Ok(()) => {
                self.flushed_offset = self.flushed_offset.max(flushed.end_offset);
                self.dir_changes_durable = self.dir_changes_durable.max(flushed.dir_changes);
            }
            Err(error) => {
                tracing::error!(%error, dir = %self.dir.display(), "cannot flush: the log is taken out of service");
                self.is_failed = true;
            }
        }
    }

    /// Makes durable what recovery found after the last checkpoint: the process may have been killed before
    /// it flushed, and from now on clients see it.
    pub(super) fn make_durable(&mut self) -> io::Result<()> {
        let Some(first) = self.first_dirty_segment else {
            return Ok(());
        };
        self.segments
            .iter()
            .filter(|segment| segment.base_offset >= first)
            .try_for_each(|segment| segment.file().sync())?;
        sync_names(self.files.disk(), &self.dir)
    }

    /// Takes the log out of service: a write failed, so what the disk holds is unknown.
    pub(crate) fn fail(&mut self) {
        self.is_failed = true;
    }

    /// Makes sure that the files are no longer opened by name.
    pub(crate) fn retire(&self) {
        self.segments
            .iter()
            .for_each(|segment| segment.file().retire());
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.is_failed
    }

    /// Drops index entries of sealed segments from memory; they are read again when needed.
    pub(crate) fn unload_indexes(&mut self) {
        let sealed = self.segments.len().saturating_sub(1);
        self.segments[..sealed]
            .iter_mut()
            .for_each(Segment::unload_index);
    }

    /// The time from which the oldest segment ages; `i64::MAX` without records.
    pub(crate) fn oldest_ms(&self) -> i64 {
        let first = self.segments.iter().find(|segment| segment.size_bytes > 0);
        first.map_or(i64::MAX, Segment::age_from_ms)
    }

    #[cfg(test)]
    pub(crate) fn segments_count(&self) -> usize {
        self.segments.len()
    }

    /// Forgets producers that have appended nothing since `before_ms`.
    pub(crate) fn expire_producers(&mut self, before_ms: i64) {
        self.producers.expire(before_ms);
    }
}

/// A batch in which a timestamp is looked for: it is decompressed without the log's lock.
pub(crate) struct BatchOfTime {
    header: BatchHeader,
    body: Vec<u8>,
    timestamp_ms: i64,
    from_offset: i64,
}

impl BatchOfTime {
    /// The first record of the time or later.
    fn first_record(&self) -> Option<OffsetAndTimestamp> {
        let header = &self.header;
        let mut found = None;
        let read = record::visit(header, &self.body, record::UNPACKED_BYTES_MAX, |record| {
            let (offset, timestamp_ms) = (record.offset(header), record.timestamp_ms(header));
            if timestamp_ms < self.timestamp_ms || offset < self.from_offset {
                return ControlFlow::Continue(());
            }
            found = Some(OffsetAndTimestamp {
                offset,
                timestamp_ms,
            });
            ControlFlow::Break(())
        });
        match read {
            Ok(()) => found,
            // If records cannot be decompressed, the answer is their batch.
            Err(_) => Some(OffsetAndTimestamp {
                offset: header.base_offset.max(self.from_offset),
                timestamp_ms: header.max_timestamp,
            }),
        }
    }
}

/// The first record of a time or later, below `limit_offset`. `next` gives the batch of that time from an
/// offset on ([`UnifiedLog::batch_of_time`]).
pub(crate) fn find_timestamp<E>(
    limit_offset: i64,
    mut next: impl FnMut(i64) -> Result<Option<BatchOfTime>, E>,
) -> Result<Option<OffsetAndTimestamp>, E> {
    let mut from_offset = 0;
    while let Some(batch) = next(from_offset)? {
        if let Some(found) = batch.first_record() {
            return Ok((found.offset < limit_offset).then_some(found));
        }
        from_offset = batch.header.last_offset() + 1;
    }
    Ok(None)
}

/// Makes the names of a partition's files durable, and the name of its directory.
fn sync_names(disk: &Disk, dir: &Path) -> io::Result<()> {
    disk.sync_dir(dir)?;
    dir.parent().map_or(Ok(()), |parent| disk.sync_dir(parent))
}

/// What a flush covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flushed {
    pub end_offset: i64,
    dir_changes: u64,
}

/// Files to make durable, outside of the partition's lock.
pub(crate) struct FlushPlan {
    disk: Disk,
    files: Vec<CachedFile>,
    dir: Option<PathBuf>,
    dir_changes: u64,
    end_offset: i64,
}

impl FlushPlan {
    /// What is durable when the plan has run.
    pub(crate) fn covers(&self) -> Flushed {
        Flushed {
            end_offset: self.end_offset,
            dir_changes: self.dir_changes,
        }
    }

    pub(crate) fn run(&self) -> io::Result<()> {
        self.files.iter().try_for_each(CachedFile::sync_if_there)?;
        match &self.dir {
            Some(dir) => sync_names(&self.disk, dir),
            None => Ok(()),
        }
    }
}

/// What a checkpoint writes, outside of the partition's lock.
pub(crate) struct LogCheckpoint {
    disk: Disk,
    dir: PathBuf,
    dir_changes: u64,
    is_dir_durable: bool,
    segments: Vec<SegmentCheckpoint>,
    end_offset: i64,
    active_base_offset: i64,
    producers: Vec<u8>,
    aborted: Vec<(i64, Vec<AbortedTransaction>)>,
    epochs: LeaderEpochs,
}

impl LogCheckpoint {
    /// What is durable when [`LogCheckpoint::sync`] has returned.
    pub(crate) fn covers(&self) -> Flushed {
        Flushed {
            end_offset: self.end_offset,
            dir_changes: self.dir_changes,
        }
    }

    /// Makes the batches durable, and the names of their files.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.segments.iter().try_for_each(SegmentCheckpoint::sync)?;
        if self.is_dir_durable {
            Ok(())
        } else {
            sync_names(&self.disk, &self.dir)
        }
    }

    /// Writes the indexes of batches that are durable. The snapshot comes last: recovery does not look for
    /// aborted transactions before its offset.
    pub(crate) fn write(&self) -> io::Result<()> {
        self.epochs.save(&self.disk, &self.dir)?;
        self.segments
            .iter()
            .try_for_each(SegmentCheckpoint::write)?;
        for (base_offset, aborted) in &self.aborted {
            let path = self.dir.join(file_name(*base_offset, "txnindex"));
            self.disk.replace_file(&path, &encode_aborted(aborted))?;
        }
        if !self.aborted.is_empty() {
            self.disk.sync_dir(&self.dir)?;
        }
        let snapshot = self.dir.join(file_name(self.end_offset, "snapshot"));
        self.disk.replace_file(&snapshot, &self.producers)?;
        remove_older_snapshots(&self.disk, &self.dir, self.end_offset)
    }

    #[cfg(test)]
    pub(crate) fn save(&self) -> io::Result<()> {
        self.sync()?;
        self.write()
    }
}

fn remove_older_snapshots(disk: &Disk, dir: &Path, keep: i64) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "snapshot")
            && super::recovery::base_offset_of(&path).is_some_and(|offset| offset < keep)
        {
            disk.remove_file_if_there(&path)?;
        }
    }
    Ok(())
}

/// Bytes of one entry of a `.txnindex` file.
pub(super) const ABORTED_ENTRY_BYTES: usize = 34;

/// The bytes of a `.txnindex` file (Kafka's `AbortedTxn`, version 0).
fn encode_aborted(aborted: &[AbortedTransaction]) -> Vec<u8> {
    let mut out = Vec::with_capacity(aborted.len() * ABORTED_ENTRY_BYTES);
    for entry in aborted {
        out.extend(0i16.to_be_bytes());
        out.extend(entry.producer_id.to_be_bytes());
        out.extend(entry.first_offset.to_be_bytes());
        out.extend(entry.last_offset.to_be_bytes());
        out.extend((entry.last_offset + 1).to_be_bytes());
    }
    out
}
