//! An append-only file of small records that survives crashes: what a cluster knows besides its logs.
//!
//! Each line is a checksum (CRC-32C, eight hexadecimal digits), a space and one JSON value. A torn last
//! line is cut off when the file is opened. When it holds mostly history it is rewritten from the
//! state that it adds up to.

use std::{io, marker::PhantomData, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};

use super::file::{CachedFile, FileCache};
use crate::host::Durability;

/// A journal below this size is never rewritten.
const REWRITE_BYTES_MIN: u64 = 256 << 10;
/// It is rewritten when it has grown to this many times what its state needed last time.
const REWRITE_GROWTH: u64 = 4;

/// State that is the sum of its records.
pub(crate) trait JournaledState: Default {
    /// One change.
    type Record: Serialize + DeserializeOwned;
    /// Makes the change; called for every record, in order, both when it is new and when it is replayed.
    fn apply(&mut self, record: Self::Record);
    /// Records that lead from nothing to this state.
    fn snapshot(&self) -> Vec<Self::Record>;
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("cannot read or write the journal")]
    Io(#[from] io::Error),
    /// A line whose checksum is right but that this version does not understand.
    #[error("line {line} is not understood")]
    Record {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
}

struct Inner<S> {
    state: S,
    size_bytes: u64,
    base_bytes: u64,
    flushed_bytes: u64,
    /// Counts rewrites: positions before one are durable.
    generation: u64,
    /// Set when the disk refused to make something durable: what it holds is not known any more, and
    /// changes are refused until the journal is opened anew.
    is_failed: bool,
}

/// Place behind a record, to wait for its durability.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    generation: u64,
    bytes: u64,
}

/// The file and the state that it adds up to.
pub(crate) struct Journal<S: JournaledState> {
    file: CachedFile,
    durability: Durability,
    inner: Mutex<Inner<S>>,
    flush_turn: tokio::sync::Mutex<()>,
    marker: PhantomData<S>,
}

fn failed() -> io::Error {
    io::Error::other("the journal is out of service until it is opened anew")
}

fn encode<R: Serialize>(records: &[R]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    for record in records {
        let json = serde_json::to_vec(record)?;
        out.extend(format!("{:08x} ", crc32c::crc32c(&json)).into_bytes());
        out.extend(json);
        out.push(b'\n');
    }
    Ok(out)
}

/// The records of a journal and the number of bytes that are sound.
fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<(Vec<R>, usize), JournalError> {
    let mut records = Vec::new();
    let mut sound = 0;
    for (line, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let json = text
            .strip_suffix(b"\n")
            .and_then(|text| text.split_at_checked(9));
        let Some((crc, json)) = json else { break };
        let crc = std::str::from_utf8(&crc[..8])
            .ok()
            .and_then(|crc| u32::from_str_radix(crc, 16).ok());
        if crc != Some(crc32c::crc32c(json)) {
            break;
        }
        let record = serde_json::from_slice(json);
        records.push(record.map_err(|source| JournalError::Record {
            line: line + 1,
            source,
        })?);
        sound += text.len();
    }
    Ok((records, sound))
}

impl<S: JournaledState> Journal<S> {
    /// Opens or creates the journal and replays it.
    pub(crate) fn open(
        path: PathBuf,
        files: &Arc<FileCache>,
        durability: Durability,
    ) -> Result<Self, JournalError> {
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files.disk().create_file(&path)?;
                Vec::new()
            }
            other => other?,
        };
        let (records, sound) = decode(&bytes)?;
        let file = CachedFile::new(files, path);
        if sound < bytes.len() {
            tracing::warn!(file = %file.path().display(), cut_bytes = bytes.len() - sound, "torn tail is cut off");
            file.truncate(sound as u64)?;
        }
        if durability == Durability::Power {
            // The process may have been killed before it did so, and what is read here is told to clients.
            file.sync()?;
            let dir = file.path().parent();
            dir.map_or(Ok(()), |dir| files.disk().sync_dir(dir))?;
        }
        let mut state = S::default();
        records.into_iter().for_each(|record| state.apply(record));
        let base_bytes = encode(&state.snapshot())?.len() as u64;
        let inner = Inner {
            state,
            size_bytes: sound as u64,
            base_bytes,
            flushed_bytes: sound as u64,
            generation: 0,
            is_failed: false,
        };
        Ok(Self {
            file,
            durability,
            inner: Mutex::new(inner),
            flush_turn: tokio::sync::Mutex::new(()),
            marker: PhantomData,
        })
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.inner.lock().state)
    }

    /// Decides on changes while nobody else changes anything, writes them down, then makes them.
    pub(crate) fn change<T, E: From<io::Error>>(
        &self,
        decide: impl FnOnce(&S) -> Result<(Vec<S::Record>, T), E>,
    ) -> Result<(T, Position), E> {
        let mut inner = self.inner.lock();
        let (records, answer) = decide(&inner.state)?;
        if inner.is_failed && !records.is_empty() {
            return Err(failed().into());
        }
        if !records.is_empty() {
            let bytes = encode(&records)?;
            self.file.write_parts_at([&bytes, &[]], inner.size_bytes)?;
            inner.size_bytes += bytes.len() as u64;
            records
                .into_iter()
                .for_each(|record| inner.state.apply(record));
            self.rewrite_if_large(&mut inner);
        }
        Ok((
            answer,
            Position {
                generation: inner.generation,
                bytes: inner.size_bytes,
            },
        ))
    }

    /// Writes records that need no decision.
    pub(crate) fn append(&self, records: Vec<S::Record>) -> io::Result<Position> {
        self.change(|_| Ok::<_, io::Error>((records, ())))
            .map(|(_, position)| position)
    }

    /// The records are written in any case: what goes wrong here is told to those who wait for them.
    fn rewrite_if_large(&self, inner: &mut Inner<S>) {
        if inner.size_bytes < REWRITE_BYTES_MIN
            || inner.size_bytes < inner.base_bytes * REWRITE_GROWTH
        {
            return;
        }
        if let Err(error) = self.rewrite(inner) {
            tracing::error!(%error, file = %self.file.path().display(), "cannot rewrite the journal");
            // Which of the two files will be found under the name is not known.
            inner.is_failed = true;
        }
    }

    fn rewrite(&self, inner: &mut Inner<S>) -> io::Result<()> {
        let bytes = encode(&inner.state.snapshot())?;
        let (path, disk) = (self.file.path(), self.file.disk());
        disk.replace_file(path, &bytes)?;
        // The descriptor still names the old file.
        self.file.close();
        path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))?;
        inner.size_bytes = bytes.len() as u64;
        inner.base_bytes = inner.size_bytes;
        inner.flushed_bytes = inner.size_bytes;
        inner.generation += 1;
        Ok(())
    }

    /// Returns when the record before `position` is as durable as the host promises.
    pub(crate) async fn flush(&self, position: Position) -> io::Result<()> {
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
                return Err(failed());
            }
            (inner.generation, inner.size_bytes)
        };
        let file = self.file.clone();
        let result = tokio::task::spawn_blocking(move || file.sync())
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the flush was cancelled")));
        let mut inner = self.inner.lock();
        if result.is_err() {
            // The kernel tells of a page that it could not write once, and forgets it.
            inner.is_failed = true;
        } else if inner.generation == generation {
            inner.flushed_bytes = inner.flushed_bytes.max(end);
        }
        result
    }

    /// Makes everything durable, whatever the setting: used at a graceful stop.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.inner.lock().is_failed {
            return Err(failed());
        }
        self.file.sync()
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
