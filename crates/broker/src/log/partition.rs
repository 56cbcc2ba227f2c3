//! A partition: one log behind one lock, fetches that wait for records, and group flushing.
//!
//! Logs are opened at first use, and no task or timer belongs to a partition.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::batch::Batch;
use super::compaction::CompactionRules;
use super::file::FileCache;
use super::file_records::{FileRecords, ReadPlan};
use super::producer_state::AbortedTransaction;
use super::{AppendInfo, LogOptions, OffsetAndTimestamp, UnifiedLog, find_timestamp, recovery};
use crate::counters;
use crate::error::ErrorCode;
use crate::log::durability::Durability;
use crate::log::stored_bytes::StoredBytes;

/// A partition without appends for so long gets a checkpoint.
const CHECKPOINT_QUIET_MS: i64 = 1_000;
/// A busy partition gets a checkpoint so often …
const CHECKPOINT_INTERVAL_MS: i64 = 30_000;
/// … or after so many bytes: recovery after a crash reads little more than that.
const CHECKPOINT_BYTES: u64 = 256 << 20;

/// A fetch that waits for records; woken once, then it registers anew.
pub(crate) type Waiter = Arc<Notify>;

/// What a fetch of one partition found.
#[derive(Debug, Default)]
pub(crate) struct FetchedRecords {
    /// Where the records are.
    pub records: Option<FileRecords>,
    pub watermarks: Watermarks,
    pub aborted: Vec<AbortedTransaction>,
}

/// What a fetch asks of one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FetchRange {
    pub offset: i64,
    pub max_bytes: usize,
    pub at_least_one: bool,
    pub is_read_committed: bool,
}

/// Offsets of a partition at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Watermarks {
    pub log_start_offset: i64,
    pub last_stable_offset: i64,
    pub high_watermark: i64,
}

/// What a partition shares with the others of its cluster.
#[derive(Clone)]
pub(crate) struct PartitionContext {
    pub files: Arc<FileCache>,
    pub durability: Durability,
    /// Bytes on disk of the whole cluster.
    pub stored: Arc<StoredBytes>,
}

/// One partition of a topic.
pub(crate) struct Partition {
    pub index: i32,
    dir: PathBuf,
    context: PartitionContext,
    log: Mutex<Option<Box<UnifiedLog>>>,
    /// Start offset of a log without data, or below which records were deleted on request.
    start_offset: AtomicI64,
    index_interval_bytes: AtomicU64,
    /// The time from which the oldest segment ages, noted when the log was closed; `i64::MIN`: unknown.
    closed_oldest_ms: AtomicI64,
    /// Records below were compacted.
    clean_offset: AtomicI64,
    /// When the last checkpoint was written.
    checkpoint_ms: AtomicI64,
    /// When something was appended last.
    appended_ms: AtomicI64,
    flush_turn: tokio::sync::Mutex<()>,
    waiters: Mutex<Vec<Weak<Notify>>>,
    /// Leader id and leader epoch, 32 bits each.
    leadership: AtomicU64,
    /// The brokers that have a replica, the preferred leader first.
    pub replicas: Box<[i32]>,
    is_deleted: AtomicBool,
    /// Bytes of segments, whether the log is open or not.
    stored_bytes: AtomicI64,
    /// Set by use, cleared by the scheduled tasks, which close the log of an unused partition.
    is_used: AtomicBool,
}

impl Partition {
    pub(crate) fn new(
        index: i32,
        dir: PathBuf,
        context: PartitionContext,
        start_offset: i64,
    ) -> Self {
        Self {
            index,
            dir,
            context,
            log: Mutex::new(None),
            start_offset: AtomicI64::new(start_offset),
            index_interval_bytes: AtomicU64::new(4096),
            closed_oldest_ms: AtomicI64::new(i64::MAX),
            clean_offset: AtomicI64::new(0),
            checkpoint_ms: AtomicI64::new(i64::MIN / 2),
            appended_ms: AtomicI64::new(i64::MIN / 2),
            flush_turn: tokio::sync::Mutex::new(()),
            waiters: Mutex::new(Vec::new()),
            leadership: AtomicU64::new(0),
            replicas: Box::new([0]),
            is_deleted: AtomicBool::new(false),
            stored_bytes: AtomicI64::new(0),
            is_used: AtomicBool::new(false),
        }
    }

    /// A partition with data on disk whose log was not opened yet; the cluster's sum of bytes includes it
    /// already.
    pub(crate) fn with_data(self, stored_bytes: u64) -> Self {
        Self {
            closed_oldest_ms: AtomicI64::new(i64::MIN),
            stored_bytes: AtomicI64::new(stored_bytes as i64),
            ..self
        }
    }

    /// Sets the replicas; the first of them leads until [`Partition::set_leader`].
    pub(crate) fn with_replicas(self, replicas: Vec<i32>) -> Self {
        self.set_leader(replicas.first().copied().unwrap_or(0), 0);
        Self {
            replicas: replicas.into(),
            ..self
        }
    }

    /// Leader id (-1: none) and leader epoch, as one.
    pub(crate) fn leader(&self) -> (i32, i32) {
        let packed = self.leadership.load(Ordering::Acquire);
        ((packed >> 32) as u32 as i32, packed as u32 as i32)
    }

    pub(crate) fn leader_epoch(&self) -> i32 {
        self.leader().1
    }

    /// Sets the leader and wakes waiting fetches, which must notice it.
    pub(crate) fn set_leader(&self, leader_id: i32, leader_epoch: i32) {
        let packed = u64::from(leader_id as u32) << 32 | u64::from(leader_epoch as u32);
        if self.leadership.swap(packed, Ordering::AcqRel) != packed {
            self.wake();
        }
    }

    /// Locks the log, opening it first if it is closed.
    fn open(&self) -> Result<OpenLog<'_>, ErrorCode> {
        if self.is_deleted.load(Ordering::Acquire) {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        self.is_used.store(true, Ordering::Relaxed);
        let mut slot = self.log.lock();
        // Checked again under the lock: a partition that is being deleted must not be reopened.
        if self.is_deleted.load(Ordering::Acquire) {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        if slot.is_none() {
            let start = self.start_offset.load(Ordering::Acquire);
            let interval = self.index_interval_bytes.load(Ordering::Relaxed);
            let mut log = recovery::open(
                self.dir.clone(),
                self.context.files.clone(),
                start,
                interval,
            )
            .map_err(|error| storage_error(&error))?;
            if self.context.durability == Durability::Power {
                log.make_durable().map_err(|error| storage_error(&error))?;
            }
            *slot = Some(Box::new(log));
        }
        if slot.as_ref().is_some_and(|log| log.is_failed()) {
            return Err(ErrorCode::KafkaStorageError);
        }
        Ok(OpenLog(slot))
    }

    /// Counts bytes that were written to disk or removed.
    fn note_stored(&self, change: i64) {
        self.stored_bytes.fetch_add(change, Ordering::Relaxed);
        self.context.stored.note(change, self.replicas.len());
    }

    /// Bytes of segments, without opening anything.
    pub(crate) fn stored_bytes(&self) -> u64 {
        counters::stored(&self.stored_bytes)
    }

    fn high_watermark(&self, log: &UnifiedLog) -> i64 {
        match self.context.durability {
            Durability::Power => log.flushed_offset(),
            Durability::Process => log.end_offset(),
        }
    }

    fn watermarks_of(&self, log: &UnifiedLog) -> Watermarks {
        let high_watermark = self.high_watermark(log);
        Watermarks {
            log_start_offset: log.log_start_offset(),
            last_stable_offset: log.last_stable_offset(high_watermark),
            high_watermark,
        }
    }

    pub(crate) fn watermarks(&self) -> Result<Watermarks, ErrorCode> {
        let log = self.open()?;
        Ok(self.watermarks_of(&log))
    }

    /// Whether this producer has an ongoing transaction in this partition, in this epoch.
    pub(crate) fn is_in_transaction(&self, producer_id: i64, epoch: i16) -> bool {
        let log = self.open();
        log.is_ok_and(|log| log.producers().is_open_in(producer_id, epoch))
    }

    /// Appends a batch. It is visible to consumers, and may be acknowledged, when [`Partition::flush`]
    /// has returned for its end offset.
    ///
    /// `verify` is asked, under the lock, before a producer's first batch of a transaction.
    pub(crate) fn append(
        &self,
        batch: &Batch,
        options: &LogOptions,
        now_ms: i64,
        verify: impl FnOnce() -> Result<(), ErrorCode>,
    ) -> Result<AppendInfo, ErrorCode> {
        let info = {
            let mut log = self.open()?;
            let header = &batch.header;
            if header.is_transactional()
                && !header.is_control()
                && !log.producers().is_open(header.producer_id)
            {
                verify()?;
            }
            log.append(batch, self.leader_epoch(), options, now_ms)?
        };
        self.appended_ms.store(now_ms, Ordering::Relaxed);
        self.note_stored(info.size_bytes as i64);
        if self.context.durability == Durability::Process {
            self.wake();
        }
        Ok(info)
    }

    /// Whether everything below `offset` is as durable as the host promises.
    pub(crate) fn is_flushed(&self, offset: i64) -> bool {
        self.context.durability == Durability::Process
            || self
                .log
                .lock()
                .as_ref()
                .is_some_and(|log| log.flushed_offset() >= offset)
    }

    /// Returns when everything below `offset` is as durable as the host promises. Callers that come while a
    /// flush runs share the next one.
    pub(crate) async fn flush(self: &Arc<Self>, offset: i64) -> Result<(), ErrorCode> {
        if self.context.durability == Durability::Process {
            return Ok(());
        }
        let _turn = self.flush_turn.lock().await;
        let plan = {
            let log = self.open()?;
            if log.flushed_offset() >= offset {
                return Ok(());
            }
            log.flush_plan()
        };
        let flushed = plan.covers();
        let result = tokio::task::spawn_blocking(move || plan.run())
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the flush was cancelled")));
        self.open()?.note_flush(flushed, &result);
        self.wake();
        result.map_err(|error| storage_error(&error))
    }

    /// Finds whole batches. The lock is held to find the position, not to read.
    pub(crate) fn fetch(&self, range: FetchRange) -> Result<FetchedRecords, ErrorCode> {
        let mut target = range.offset;
        loop {
            let (mut fetched, plan) = self.plan(range, target)?;
            let Some(plan) = plan else {
                return Ok(fetched);
            };
            let located = plan.locate(range.max_bytes, range.at_least_one);
            fetched.records = located.map_err(|error| storage_error(&error))?;
            // Compaction leaves holes: then the next segment goes on.
            let next = plan
                .next_base_offset
                .filter(|next| *next < plan.limit_offset && fetched.records.is_none());
            match next {
                Some(next) => target = next,
                None => {
                    if fetched.records.is_none() {
                        fetched.aborted.clear();
                    }
                    return Ok(fetched);
                }
            }
        }
    }

    /// Watermarks, and where to read `target` if the range may have records; takes the lock.
    fn plan(
        &self,
        range: FetchRange,
        target: i64,
    ) -> Result<(FetchedRecords, Option<ReadPlan>), ErrorCode> {
        let mut log = self.open()?;
        let watermarks = self.watermarks_of(&log);
        if range.offset < watermarks.log_start_offset || range.offset > log.end_offset() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let limit = if range.is_read_committed {
            watermarks.last_stable_offset
        } else {
            watermarks.high_watermark
        };
        let mut fetched = FetchedRecords {
            watermarks,
            ..FetchedRecords::default()
        };
        if target >= limit || (range.max_bytes == 0 && !range.at_least_one) {
            return Ok((fetched, None));
        }
        let plan = log
            .plan(target, limit, range.max_bytes)
            .map_err(|error| storage_error(&error))?;
        if range.is_read_committed && plan.is_some() {
            fetched.aborted = log.aborted_in(range.offset, limit);
        }
        Ok((fetched, plan))
    }

    /// Compacts the log if it is dirty enough. Blocks on the disk.
    pub(crate) fn compact(&self, rules: CompactionRules) -> io::Result<()> {
        let clean_offset = self.clean_offset.load(Ordering::Relaxed);
        let plan = {
            let slot = self.log.lock();
            let Some(log) = slot.as_ref().filter(|log| !log.is_failed()) else {
                return Ok(());
            };
            let limit = log.last_stable_offset(self.high_watermark(log));
            log.compaction_plan(clean_offset, limit, rules)
        };
        let Some(plan) = plan else { return Ok(()) };
        let compacted = plan.run()?;
        compacted.prepare()?;
        let installed = match self.log.lock().as_mut() {
            None => return Ok(()),
            Some(log) => {
                let installed = log.install(&compacted, rules.index_interval_bytes);
                // A half-finished replacement is completed when the log is opened again.
                installed.inspect_err(|_| log.fail())?
            }
        };
        self.clean_offset
            .fetch_max(compacted.clean_offset, Ordering::Relaxed);
        self.note_stored(-(installed.freed_bytes as i64));
        compacted.finish(&installed)
    }

    /// Registers a waiting fetch, to be woken by the next change.
    pub(crate) fn register(&self, waiter: &Waiter) {
        let mut waiters = self.waiters.lock();
        // Fetches that gave up are removed only when the list must grow, so that registering stays cheap.
        if waiters.len() == waiters.capacity() {
            waiters.retain(|waiting| waiting.strong_count() > 0);
            let room = waiters.len().max(1);
            waiters.reserve(room);
        }
        waiters.push(Arc::downgrade(waiter));
    }

    fn wake(&self) {
        let waiters = std::mem::take(&mut *self.waiters.lock());
        for waiter in waiters.iter().filter_map(Weak::upgrade) {
            waiter.notify_one();
        }
    }

    /// Calls `question` with the log, under the lock.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&mut UnifiedLog, Watermarks) -> io::Result<T>,
    ) -> Result<T, ErrorCode> {
        let mut log = self.open()?;
        let watermarks = self.watermarks_of(&log);
        question(&mut log, watermarks).map_err(|error| storage_error(&error))
    }

    /// The first record of `timestamp_ms` or later, below `limit_offset`. Unpacks batches without the lock.
    pub(crate) fn find_timestamp(
        &self,
        timestamp_ms: i64,
        limit_offset: i64,
    ) -> Result<Option<OffsetAndTimestamp>, ErrorCode> {
        find_timestamp(limit_offset, |from_offset| {
            self.ask(|log, _| log.batch_of_time(timestamp_ms, from_offset))
        })
    }

    /// Deletes records below `offset` (-1: up to the high watermark). Returns the new start.
    pub(crate) fn delete_records(&self, offset: i64, now_ms: i64) -> Result<i64, ErrorCode> {
        let (start, freed) = {
            let mut log = self.open()?;
            let high_watermark = self.high_watermark(&log);
            let offset = if offset == -1 { high_watermark } else { offset };
            if offset < 0 || offset > high_watermark {
                return Err(ErrorCode::OffsetOutOfRange);
            }
            let freed = log
                .delete_before(offset, now_ms)
                .map_err(|error| storage_error(&error))?;
            self.start_offset
                .fetch_max(log.log_start_offset(), Ordering::AcqRel);
            (log.log_start_offset(), freed)
        };
        self.note_stored(-(freed as i64));
        Ok(start)
    }

    /// Applies retention.
    pub(crate) fn expire(
        &self,
        retention_ms: Option<i64>,
        retention_bytes: Option<u64>,
        now_ms: i64,
    ) {
        let mut slot = self.log.lock();
        let Some(log) = slot.as_mut().filter(|log| !log.is_failed()) else {
            return;
        };
        let limit = self.high_watermark(log);
        match log.expire(retention_ms, retention_bytes, limit, now_ms) {
            Ok(freed) => self.note_stored(-(freed as i64)),
            Err(error) => {
                tracing::error!(%error, dir = %self.dir.display(), "cannot apply retention")
            }
        }
    }

    /// Forgets producers that have appended nothing since `before_ms`.
    pub(crate) fn expire_producers(&self, before_ms: i64) {
        if let Some(log) = self.log.lock().as_mut() {
            log.expire_producers(before_ms);
        }
    }

    /// From when the age of the oldest segment counts; `i64::MAX` if there is none to be removed.
    pub(crate) fn oldest_ms(&self) -> i64 {
        if let Some(log) = self.log.lock().as_ref() {
            return log.oldest_ms();
        }
        match self.closed_oldest_ms.load(Ordering::Relaxed) {
            i64::MIN => self.open().map_or(i64::MAX, |log| log.oldest_ms()),
            known => known,
        }
    }

    /// Removes the oldest segment, whatever retention says. Returns the bytes freed; 0 if there is nothing
    /// that consumers could have seen.
    pub(crate) fn trim(&self, now_ms: i64) -> io::Result<u64> {
        let Ok(mut log) = self.open() else {
            return Ok(0);
        };
        if log.is_failed() {
            return Ok(0);
        }
        let limit = self.high_watermark(&log);
        let freed = log.trim(limit, now_ms)?;
        self.note_stored(-(freed as i64));
        Ok(freed)
    }

    /// Whether it is time for a checkpoint: the partition is quiet, or much was written since the last.
    pub(crate) fn wants_checkpoint(&self, now_ms: i64) -> bool {
        let slot = self.log.lock();
        let Some(log) = slot.as_ref().filter(|log| log.is_dirty()) else {
            return false;
        };
        let quiet_ms = now_ms - self.appended_ms.load(Ordering::Relaxed);
        let since_ms = now_ms - self.checkpoint_ms.load(Ordering::Relaxed);
        quiet_ms >= CHECKPOINT_QUIET_MS
            || since_ms >= CHECKPOINT_INTERVAL_MS
            || log.dirty_bytes() >= CHECKPOINT_BYTES
    }

    /// Writes what the next opening needs. Blocks on the disk.
    pub(crate) fn checkpoint(&self, now_ms: i64) -> io::Result<()> {
        let checkpoint = match self.log.lock().as_ref() {
            Some(log) => log.checkpoint(),
            None => None,
        };
        let Some(checkpoint) = checkpoint else {
            return Ok(());
        };
        if self.is_deleted.load(Ordering::Acquire) {
            return Ok(());
        }
        let synced = checkpoint.sync();
        if let Some(log) = self.log.lock().as_mut() {
            log.note_flush(checkpoint.covers(), &synced);
        }
        // In `power`, what became durable may be seen now.
        self.wake();
        synced?;
        checkpoint.write()?;
        self.checkpoint_ms.store(now_ms, Ordering::Relaxed);
        if let Some(log) = self.log.lock().as_mut() {
            log.note_checkpoint(&checkpoint);
        }
        Ok(())
    }

    /// Closes the log if it was not used since the last call; it is opened again when needed. Returns whether
    /// the log is (still) open.
    pub(crate) fn close_if_unused(&self) -> bool {
        let is_used = self.is_used.swap(false, Ordering::Relaxed);
        let mut slot = self.log.lock();
        let Some(log) = slot.as_mut() else {
            return false;
        };
        if is_used || log.is_failed() || log.is_dirty() {
            log.unload_indexes();
            return true;
        }
        self.closed_oldest_ms
            .store(log.oldest_ms(), Ordering::Relaxed);
        *slot = None;
        false
    }

    /// Opens the log if it is closed, and its oldest segment is older than `oldest_ms` or it has more than
    /// `most_bytes`, so that retention is applied to it.
    pub(crate) fn open_if_expired(&self, oldest_ms: i64, most_bytes: u64) {
        let is_old = self.closed_oldest_ms.load(Ordering::Relaxed) < oldest_ms;
        if (is_old || self.stored_bytes() > most_bytes) && !self.is_open() {
            // The next request for the partition gets the error.
            let _ = self.open();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.log.lock().is_some()
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }

    /// Takes the partition out of service and returns its directory, to be removed.
    pub(crate) fn delete(&self) -> PathBuf {
        self.is_deleted.store(true, Ordering::Release);
        if let Some(log) = self.log.lock().take() {
            log.retire();
        }
        self.note_stored(-self.stored_bytes.load(Ordering::Relaxed));
        self.wake();
        self.dir.clone()
    }
}

struct OpenLog<'a>(MutexGuard<'a, Option<Box<UnifiedLog>>>);

impl std::ops::Deref for OpenLog<'_> {
    type Target = UnifiedLog;
    fn deref(&self) -> &UnifiedLog {
        self.0
            .as_ref()
            .expect("opened before the guard was handed out")
    }
}

impl std::ops::DerefMut for OpenLog<'_> {
    fn deref_mut(&mut self) -> &mut UnifiedLog {
        self.0
            .as_mut()
            .expect("opened before the guard was handed out")
    }
}

fn storage_error(error: &io::Error) -> ErrorCode {
    tracing::error!(%error, "storage failed");
    ErrorCode::KafkaStorageError
}
