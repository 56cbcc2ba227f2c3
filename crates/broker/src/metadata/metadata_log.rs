//! The metadata log of a cluster: an append-only file of small records that survives crashes and holds
//! everything that is not in the logs of partitions.
//!
//! Each line is a checksum (CRC-32C, eight hexadecimal digits), a space and one JSON value, or `@` and a
//! number: a mark, which says up to which byte the file was durable when the mark was written. A crash can
//! only tear what was written after the last mark: a bad line there is cut off when the file is opened,
//! together with all that follows, because sectors are not written in order. A bad line before a mark is
//! damage: opening fails and the file is left unchanged. Marks are written from time to time
//! ([`MetadataLog::mark_durable`]), so they add nothing to the cost of a change.
//!
//! How far the file was durable is also kept beside it ([`HighWater`]): a cut takes the marks with it.
//!
//! When most of the file is history, it is rewritten as a snapshot of the current state.

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::high_water::HighWater;
use crate::error::{Refusal, Unwritten};
use crate::log::durability::Durability;
use crate::log::file::{CachedFile, FileCache};

/// A metadata log below this size is never rewritten.
const REWRITE_BYTES_MIN: u64 = 256 << 10;
/// It is rewritten when it has grown to this many times what its state needed last time.
const REWRITE_GROWTH: u64 = 4;
/// Largest state, as the records that lead to it are written. In memory it takes up to three times as much.
const STATE_BYTES_MAX: u64 = 8 << 20;
/// Shortest time between two looks at how large the state is since it was last found too large.
const FULL_INTERVAL: Duration = Duration::from_secs(1);
/// Shortest time between two marks, so that everything older than this is covered by a mark.
const MARK_INTERVAL_MS: u64 = 5_000;
/// A checksum and a space, with which each line begins.
const CRC_BYTES: usize = 9;
/// Begins a line that is a mark.
const MARK: u8 = b'@';

/// State that results from applying all records in order.
pub(crate) trait LoggedState: Default {
    /// One change.
    type Record: Serialize + DeserializeOwned;
    /// Makes the change; called for every record, in order, both when it is new and when it is replayed.
    fn apply(&mut self, record: Self::Record);
    /// Records that lead from the empty state to this one.
    fn snapshot(&self) -> impl Iterator<Item = Self::Record>;
    /// Whether a change may make the state larger: such a change is refused once the state is as large as it may be.
    fn grows(record: &Self::Record) -> bool;
}

/// Why a metadata log could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataLogError {
    #[error("cannot read or write the journal")]
    Io(#[from] io::Error),
    /// A line whose checksum is right but that this version does not understand.
    #[error("line {line} is not understood")]
    MetadataRecord {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    /// The unreadable bytes were durable once, so no crash explains them.
    #[error(
        "line {line} at byte {position} is damaged, and the file was durable up to byte {durable_bytes}"
    )]
    Damaged {
        line: usize,
        position: usize,
        durable_bytes: u64,
    },
    /// The metadata log is missing, although its directory has been used.
    #[error("the file is missing, and there is data beside it")]
    Missing,
    /// The metadata log has no line that can be read.
    #[error("the file holds nothing that can be read, and there are records beside it")]
    Empty,
}

/// What else is in the directory of a metadata log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DirectoryContents {
    /// Anything at all: it was created while there was a metadata log.
    pub has_entries: bool,
    /// Records of topics, which the metadata log must contain.
    pub has_records: bool,
}

struct Inner<S> {
    state: S,
    size_bytes: u64,
    /// The end of the last record; only a mark may follow.
    records_bytes: u64,
    base_bytes: u64,
    flushed_bytes: u64,
    /// Up to where the last mark says that the file is durable.
    marked_bytes: u64,
    marked_ms: Option<i64>,
    /// Counts rewrites: positions before one are durable.
    generation: u64,
    /// What a cut of the file does not take with it.
    high_water: HighWater,
    /// Set when the disk refused to make something durable: what it holds is not known any more, and
    /// changes are refused until the metadata log is opened anew.
    is_failed: bool,
    /// When it was rewritten because it was full.
    full_at: Option<Instant>,
}

/// The position after a record, to wait until it is durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    generation: u64,
    bytes: u64,
}

/// The file, and the state that results from it.
pub(crate) struct MetadataLog<S: LoggedState> {
    file: CachedFile,
    durability: Durability,
    inner: Mutex<Inner<S>>,
    /// Bytes on disk, to be looked at without a lock.
    stored_bytes: AtomicU64,
    flush_turn: tokio::sync::Mutex<()>,
    marker: PhantomData<S>,
}

fn failed() -> io::Error {
    io::Error::other("the journal is out of service until it is opened anew")
}

/// The error of a change that would make the state larger than it may be.
fn full() -> io::Error {
    io::Error::from(io::ErrorKind::QuotaExceeded)
}

fn encode<R: Serialize>(records: impl IntoIterator<Item = R>) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    for record in records {
        let start = out.len();
        out.extend_from_slice(&[b' '; CRC_BYTES]);
        serde_json::to_writer(&mut out, &record)?;
        let crc = crc_of(&out[start + CRC_BYTES..]);
        out[start..start + CRC_BYTES].copy_from_slice(crc.as_bytes());
        out.push(b'\n');
    }
    Ok(out)
}

fn line_of(content: &[u8]) -> Vec<u8> {
    [crc_of(content).as_bytes(), content, b"\n"].concat()
}

/// What a line begins with.
fn crc_of(content: &[u8]) -> String {
    format!("{:08x} ", crc32c::crc32c(content))
}

/// A mark: everything up to this position is durable.
fn encode_mark(durable_bytes: u64) -> Vec<u8> {
    line_of(format!("@{durable_bytes}").as_bytes())
}

/// The same, always as long.
pub(super) fn encode_place(durable_bytes: u64) -> Vec<u8> {
    line_of(format!("@{durable_bytes:020}").as_bytes())
}

/// What a line holds, if its checksum is right.
pub(super) fn content_of(line: &[u8]) -> Option<&[u8]> {
    let (crc, content) = line.strip_suffix(b"\n")?.split_at_checked(CRC_BYTES)?;
    (crc == crc_of(content).as_bytes()).then_some(content)
}

/// The content of a mark whose line lost its beginning: what ended the line before was damaged.
fn behind_damage(line: &[u8]) -> Option<&[u8]> {
    let end_of_crc = line.windows(2).rposition(|pair| pair == [b' ', MARK])?;
    content_of(line.get(end_of_crc.checked_sub(8)?..)?)
}

/// The position that a mark names; `None` if the line is no mark.
pub(super) fn mark_of(content: &[u8]) -> Option<u64> {
    let digits = content.strip_prefix(&[MARK])?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What a file holds.
struct Decoded<R> {
    records: Vec<R>,
    /// The end of the last record.
    records_bytes: u64,
    /// Up to here every line is sound.
    sound_bytes: usize,
    /// Up to where marks say that the file is durable.
    marked_bytes: u64,
}

/// Reads records up to the first bad line, and marks behind it, too. `high_bytes`: up to where the file is known to have been
/// durable.
fn decode<R: DeserializeOwned>(
    bytes: &[u8],
    high_bytes: u64,
) -> Result<Decoded<R>, MetadataLogError> {
    let mut out = Decoded {
        records: Vec::new(),
        records_bytes: 0,
        sound_bytes: 0,
        marked_bytes: 0,
    };
    // The first line that is bad, or that says that something before it is gone.
    let mut bad = None;
    let mut lines = 0;
    let mut at = 0;
    for text in bytes.split_inclusive(|byte| *byte == b'\n') {
        lines += 1;
        let start = at;
        at += text.len();
        let content = content_of(text);
        let mark = content.or_else(|| behind_damage(text)).and_then(mark_of);
        out.marked_bytes = out.marked_bytes.max(mark.unwrap_or(0));
        if content.is_none() || mark.is_some_and(|durable_bytes| durable_bytes > start as u64) {
            bad.get_or_insert(lines);
        }
        if bad.is_some() {
            continue;
        }
        out.sound_bytes = at;
        if let Some(json) = content.filter(|_| mark.is_none()) {
            let record = serde_json::from_slice(json);
            let unknown = |source| MetadataLogError::MetadataRecord {
                line: lines,
                source,
            };
            out.records.push(record.map_err(unknown)?);
            out.records_bytes = at as u64;
        }
    }
    let durable_bytes = out.marked_bytes.max(high_bytes);
    if (out.sound_bytes as u64) < durable_bytes {
        return Err(MetadataLogError::Damaged {
            line: bad.unwrap_or(lines + 1),
            position: out.sound_bytes,
            durable_bytes,
        });
    }
    Ok(out)
}

impl<S: LoggedState> MetadataLog<S> {
    /// Opens or creates a metadata log without looking at its directory.
    #[cfg(test)]
    pub(crate) fn open(
        path: PathBuf,
        files: &Arc<FileCache>,
        durability: Durability,
    ) -> Result<Self, MetadataLogError> {
        Self::open_in(path, files, durability, || Ok(DirectoryContents::default()))
    }

    /// Opens or creates the metadata log and replays it. A damaged file is left unchanged.
    /// `directory_contents` is called if the file is missing or empty.
    pub(crate) fn open_in(
        path: PathBuf,
        files: &Arc<FileCache>,
        durability: Durability,
        directory_contents: impl Fn() -> io::Result<DirectoryContents>,
    ) -> Result<Self, MetadataLogError> {
        let (bytes, is_missing) = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), true),
            other => (other?, false),
        };
        if is_missing && directory_contents()?.has_entries {
            return Err(MetadataLogError::Missing);
        }
        let (high_water, high_bytes) = HighWater::beside(&path, files)?;
        let decoded = decode(&bytes, high_bytes)?;
        if decoded.sound_bytes == 0 && directory_contents()?.has_records {
            return Err(MetadataLogError::Empty);
        }
        if is_missing {
            files.disk().create_file(&path)?;
        }
        let sound = decoded.sound_bytes;
        let file = CachedFile::new(files, path);
        if sound < bytes.len() {
            tracing::warn!(file = %file.path().display(), cut_bytes = bytes.len() - sound, "torn tail is cut off");
            file.truncate(sound as u64)?;
        }
        if durability == Durability::Power {
            // The process may have been killed before it flushed, and clients may see what is read here.
            file.sync()?;
            let dir = file.path().parent();
            dir.map_or(Ok(()), |dir| files.disk().sync_dir(dir))?;
        }
        let mut state = S::default();
        let records = decoded.records.into_iter();
        records.for_each(|record| state.apply(record));
        let base_bytes = encode(state.snapshot())?.len() as u64;
        let inner = Inner {
            state,
            size_bytes: sound as u64,
            records_bytes: decoded.records_bytes,
            base_bytes,
            flushed_bytes: match durability {
                Durability::Power => sound as u64,
                Durability::Process => decoded.marked_bytes,
            },
            marked_bytes: decoded.marked_bytes,
            marked_ms: None,
            generation: 0,
            high_water,
            is_failed: false,
            full_at: None,
        };
        Ok(Self {
            file,
            durability,
            stored_bytes: AtomicU64::new(inner.size_bytes),
            inner: Mutex::new(inner),
            flush_turn: tokio::sync::Mutex::new(()),
            marker: PhantomData,
        })
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.inner.lock().state)
    }

    /// Where it ends, in bytes; less after it was rewritten.
    pub(crate) fn end(&self) -> i64 {
        i64::try_from(self.inner.lock().size_bytes).unwrap_or(i64::MAX)
    }

    /// Bytes of it that count against the disk of its cluster: what is beyond the size that each may have.
    pub(crate) fn counted_bytes(&self) -> u64 {
        let bytes = self.stored_bytes.load(Ordering::Relaxed);
        bytes.saturating_sub(REWRITE_BYTES_MIN)
    }

    /// Calls `decide` under the lock, writes the records it returns, and applies them. They are durable when
    /// [`MetadataLog::flush`] has returned for the position.
    ///
    /// # Errors
    /// The error of `decide`; [`Refusal::Unwritten`] if the disk fails.
    pub(crate) fn change<T, E>(
        &self,
        decide: impl FnOnce(&S) -> Result<(Vec<S::Record>, T), E>,
    ) -> Result<(T, Position), Refusal<E>> {
        let mut inner = self.inner.lock();
        let (records, answer) = decide(&inner.state).map_err(Refusal::Decided)?;
        self.write(&mut inner, records)?;
        Ok((
            answer,
            Position {
                generation: inner.generation,
                bytes: inner.size_bytes,
            },
        ))
    }

    fn write(&self, inner: &mut Inner<S>, records: Vec<S::Record>) -> Result<(), Unwritten> {
        if records.is_empty() {
            return Ok(());
        }
        if inner.is_failed {
            return Err(failed().into());
        }
        let bytes = encode(&records)?;
        if records.iter().any(S::grows) && !self.has_room(inner, bytes.len() as u64) {
            return Err(full().into());
        }
        self.file.write_parts_at([&bytes, &[]], inner.size_bytes)?;
        inner.size_bytes += bytes.len() as u64;
        inner.records_bytes = inner.size_bytes;
        self.stored_bytes.store(inner.size_bytes, Ordering::Relaxed);
        records
            .into_iter()
            .for_each(|record| inner.state.apply(record));
        self.rewrite_if_large(inner);
        Ok(())
    }

    /// Whether the state may grow by so much. What was removed from it shows when it is rewritten, so that is done
    /// where it matters.
    fn has_room(&self, inner: &mut Inner<S>, bytes: u64) -> bool {
        // The file holds the state and its history. A small state may have more of it, and is rewritten whenever it
        // has; a large one only from time to time.
        let is_small = |inner: &Inner<S>| inner.base_bytes <= STATE_BYTES_MAX / 2;
        let fits = |inner: &Inner<S>| {
            let more = if is_small(inner) {
                STATE_BYTES_MAX / 4
            } else {
                0
            };
            inner.size_bytes + bytes <= STATE_BYTES_MAX + more
        };
        let is_known = inner.full_at.is_some_and(|at| at.elapsed() < FULL_INTERVAL);
        let has_history = inner.records_bytes > inner.base_bytes;
        if !fits(inner) && has_history && (is_small(inner) || !is_known) {
            inner.full_at = Some(Instant::now());
            self.rewrite_or_fail(inner);
        }
        !inner.is_failed && fits(inner)
    }

    /// Like [`MetadataLog::change`], and the returned future waits until the change is as durable as the host
    /// promises. The change itself is made by the call, even if the future is dropped.
    ///
    /// # Errors
    /// As [`MetadataLog::change`]; [`Refusal::Unwritten`] if they cannot be made durable.
    pub(crate) fn commit<T, E, D>(
        &self,
        decide: D,
    ) -> impl Future<Output = Result<T, Refusal<E>>> + use<'_, S, T, E, D>
    where
        D: FnOnce(&S) -> Result<(Vec<S::Record>, T), E>,
    {
        // Not an async function: that would keep `decide` in memory while it waits.
        let changed = self.change(decide);
        async move {
            let (answer, position) = changed?;
            self.flush(position).await?;
            Ok(answer)
        }
    }

    /// Writes records that need no decision.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn append(&self, records: Vec<S::Record>) -> Result<Position, Unwritten> {
        let ((), position) = self.change(|_| Ok::<_, Infallible>((records, ())))?;
        Ok(position)
    }

    /// The records are already written: an error here reaches those who wait for their durability.
    fn rewrite_if_large(&self, inner: &mut Inner<S>) {
        if inner.size_bytes < REWRITE_BYTES_MIN
            || inner.size_bytes < inner.base_bytes * REWRITE_GROWTH
        {
            return;
        }
        self.rewrite_or_fail(inner);
    }

    fn rewrite_or_fail(&self, inner: &mut Inner<S>) {
        if let Err(error) = self.rewrite(inner) {
            tracing::error!(%error, file = %self.file.path().display(), "cannot rewrite the journal");
            // It is unknown which of the two files now has the name.
            inner.is_failed = true;
        }
    }

    fn rewrite(&self, inner: &mut Inner<S>) -> io::Result<()> {
        let mut bytes = encode(inner.state.snapshot())?;
        let records_bytes = bytes.len() as u64;
        // The file gets its name when its content is durable.
        bytes.extend(encode_mark(records_bytes));
        let (path, disk) = (self.file.path(), self.file.disk());
        inner.high_water.reset()?;
        disk.replace_file(path, &bytes)?;
        // The descriptor still names the old file.
        self.file.close();
        path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))?;
        inner.size_bytes = bytes.len() as u64;
        self.stored_bytes.store(inner.size_bytes, Ordering::Relaxed);
        inner.records_bytes = records_bytes;
        inner.base_bytes = records_bytes;
        inner.flushed_bytes = inner.size_bytes;
        inner.marked_bytes = records_bytes;
        inner.generation += 1;
        inner.high_water.raise(records_bytes)
    }

    /// Returns when the record before `position` is as durable as the host promises.
    ///
    /// # Errors
    /// If it cannot be made so.
    pub(crate) async fn flush(&self, position: Position) -> Result<(), Unwritten> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        let _turn = self.flush_turn.lock().await;
        let (generation, end) = {
            let inner = self.inner.lock();
            if position.generation < inner.generation || position.bytes <= inner.flushed_bytes {
                return Ok(());
            }
            if inner.is_failed {
                return Err(failed().into());
            }
            (inner.generation, inner.size_bytes)
        };
        let file = self.file.clone();
        let result = tokio::task::spawn_blocking(move || file.sync())
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the flush was cancelled")));
        let mut inner = self.inner.lock();
        if result.is_err() {
            // The kernel reports a page that it could not write only once, then drops the error.
            inner.is_failed = true;
        } else if inner.generation == generation {
            inner.flushed_bytes = inner.flushed_bytes.max(end);
        }
        Ok(result?)
    }

    /// Whether [`MetadataLog::mark_durable`] has something to do.
    pub(crate) fn needs_mark(&self, now_ms: i64) -> bool {
        let inner = self.inner.lock();
        let is_due = |marked_ms: i64| now_ms.abs_diff(marked_ms) >= MARK_INTERVAL_MS;
        !inner.is_failed
            && inner.marked_ms.is_none_or(is_due)
            && inner.marked_bytes < self.markable_bytes(&inner)
    }

    /// The end of the records that a mark could cover. With `Power`, writers flush for themselves and must
    /// see an error of the disk: a flush from here could consume it.
    fn markable_bytes(&self, inner: &Inner<S>) -> u64 {
        match self.durability {
            Durability::Power => inner.records_bytes.min(inner.flushed_bytes),
            Durability::Process => inner.records_bytes,
        }
    }

    /// Writes a mark that says how much of the file is durable, so that damage can be distinguished from a
    /// torn tail. With `Process` the file is flushed first. Blocks on the disk.
    pub(crate) fn mark_durable(&self, now_ms: i64) -> io::Result<()> {
        self.inner.lock().marked_ms = Some(now_ms);
        if self.durability == Durability::Process {
            self.flush_all()?;
        }
        self.mark()
    }

    /// Makes everything durable that is written.
    fn flush_all(&self) -> io::Result<()> {
        let (generation, end) = {
            let inner = self.inner.lock();
            if inner.is_failed {
                return Err(failed());
            }
            (inner.generation, inner.size_bytes)
        };
        let result = self.file.sync();
        let mut inner = self.inner.lock();
        if result.is_err() {
            inner.is_failed = true;
        } else if inner.generation == generation {
            inner.flushed_bytes = inner.flushed_bytes.max(end);
        }
        result
    }

    fn mark(&self) -> io::Result<()> {
        let mut inner = self.inner.lock();
        if inner.is_failed {
            return Err(failed());
        }
        if inner.marked_bytes < inner.records_bytes.min(inner.flushed_bytes) {
            let line = encode_mark(inner.flushed_bytes);
            self.file.write_parts_at([&line, &[]], inner.size_bytes)?;
            inner.size_bytes += line.len() as u64;
            inner.marked_bytes = inner.flushed_bytes;
            let durable_bytes = inner.flushed_bytes;
            inner.high_water.raise(durable_bytes)?;
        }
        Ok(())
    }

    /// Flushes everything, whatever the durability, and says that all of the file is durable: for a clean shutdown.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.flush_all()?;
        self.mark()?;
        self.flush_all()?;
        let mut inner = self.inner.lock();
        let size_bytes = inner.size_bytes;
        inner.high_water.raise(size_bytes)
    }
}

#[cfg(test)]
mod tests;
