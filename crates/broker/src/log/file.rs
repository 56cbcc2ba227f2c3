//! Open files, shared by all clusters of a host and bounded in number.
//!
//! A [`CachedFile`] knows its path; the descriptor behind it is opened when needed and closed when others
//! need it or after it was idle, so that an unused partition holds no file open.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::disk::{self, Disk};

/// The table is split so that requests for different files rarely wait for each other.
const SHARDS: usize = 16;

struct Entry {
    file: Arc<File>,
    /// The tick of its last use.
    used: u64,
}

/// The open descriptors.
pub(crate) struct FileCache {
    disk: Disk,
    shards: [Mutex<HashMap<u64, Entry>>; SHARDS],
    shard_capacity: usize,
    next_id: AtomicU64,
    /// Advanced by [`FileCache::close_idle`]: entries not used since the tick before are closed.
    tick: AtomicU64,
}

impl FileCache {
    /// A cache of about `capacity` descriptors.
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Self::on(Disk::default(), capacity)
    }

    /// The same on a disk that is watched.
    pub(crate) fn on(disk: Disk, capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            disk,
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
            shard_capacity: capacity.div_ceil(SHARDS).max(1),
            next_id: AtomicU64::new(0),
            tick: AtomicU64::new(1),
        })
    }

    /// Where the files are.
    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    fn shard(&self, id: u64) -> &Mutex<HashMap<u64, Entry>> {
        &self.shards[(id % SHARDS as u64) as usize]
    }

    fn get(&self, id: u64, open: impl FnOnce(&Disk) -> io::Result<File>) -> io::Result<Arc<File>> {
        let tick = self.tick.load(Ordering::Relaxed);
        let mut shard = self.shard(id).lock();
        if let Some(entry) = shard.get_mut(&id) {
            entry.used = tick;
            return Ok(entry.file.clone());
        }
        let file = Arc::new(open(&self.disk)?);
        if shard.len() >= self.shard_capacity {
            let oldest = shard
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                shard.remove(&oldest);
            }
        }
        shard.insert(
            id,
            Entry {
                file: file.clone(),
                used: tick,
            },
        );
        Ok(file)
    }

    /// Closes what was not used since the last call.
    pub(crate) fn close_idle(&self) {
        let tick = self.tick.fetch_add(1, Ordering::Relaxed);
        for shard in &self.shards {
            shard.lock().retain(|_, entry| entry.used >= tick);
        }
    }

    /// How many descriptors are open.
    pub(crate) fn open_count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// A file that is opened when it is used.
#[derive(Clone)]
pub(crate) struct CachedFile(Arc<Inner>);

struct Inner {
    id: u64,
    path: PathBuf,
    is_retired: AtomicBool,
    cache: Arc<FileCache>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cache.shard(self.id).lock().remove(&self.id);
    }
}

impl CachedFile {
    /// Names a file. It has to be there when it is used, or be made by [`CachedFile::create`].
    pub(crate) fn new(cache: &Arc<FileCache>, path: PathBuf) -> Self {
        let id = cache.next_id.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner {
            id,
            path,
            is_retired: AtomicBool::new(false),
            cache: cache.clone(),
        }))
    }

    /// Says that another file is about to take this one's name: what is read from now on may be wrong.
    pub(crate) fn retire(&self) {
        self.0.is_retired.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.0.is_retired.load(Ordering::SeqCst)
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.0.cache.disk
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// The open file. Who holds it can read what it is now, whatever becomes of its name.
    pub(crate) fn open(&self) -> io::Result<Arc<File>> {
        if self.is_retired() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the file was replaced or removed",
            ));
        }
        self.0
            .cache
            .get(self.0.id, |disk| disk.open_file(&self.0.path))
    }

    /// Makes the file, empty, if it is not there.
    pub(crate) fn create(&self) -> io::Result<()> {
        self.0
            .cache
            .get(self.0.id, |disk| disk.create_file(&self.0.path))
            .map(drop)
    }

    /// Fills `buffer` from `position`; fewer bytes only at the end of the file.
    pub(crate) fn read_at(&self, mut buffer: &mut [u8], mut position: u64) -> io::Result<usize> {
        let file = self.open()?;
        let mut total = 0;
        while !buffer.is_empty() {
            match file.read_at(buffer, position) {
                Ok(0) => break,
                Ok(count) => {
                    total += count;
                    position += count as u64;
                    buffer = &mut buffer[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    /// Writes both parts one after the other at `position`, in one system call when the kernel can.
    pub(crate) fn write_parts_at(&self, parts: [&[u8]; 2], position: u64) -> io::Result<()> {
        let file = self.open()?;
        let disk = &self.0.cache.disk;
        disk.write_parts_at(&file, &self.0.path, parts, position)
    }

    /// Makes the data durable. A file that was removed or replaced meanwhile needs it no more.
    pub(crate) fn sync_if_there(&self) -> io::Result<()> {
        match self.sync() {
            Err(_) if self.is_retired() => Ok(()),
            other => other,
        }
    }

    /// Makes the data durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.cache.disk.sync_file(&*self.open()?, &self.0.path)
    }

    /// Says when what the file holds was written, in the broker's time.
    pub(crate) fn set_modified(&self, unix_ms: i64) -> io::Result<()> {
        disk::set_modified(&*self.open()?, unix_ms)
    }

    pub(crate) fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        let file = self.open()?;
        self.0.cache.disk.truncate(&file, &self.0.path, size_bytes)
    }

    /// Closes the descriptor; the next use opens the path anew.
    pub(crate) fn close(&self) {
        self.0.cache.shard(self.0.id).lock().remove(&self.0.id);
    }
}
