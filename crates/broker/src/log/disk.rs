//! The only place where the broker changes files and directories.
//!
//! [`Disk`] calls the operating system itself: files are real files, so that readers may use `pread` or
//! `sendfile` on them. What a loss of power may undo depends on the order of changes and flushes; therefore
//! all of them pass here, where tests install a [`Watch`] that records or refuses them.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Files hold other people's records and the keys made of their passwords: only their owner reads them.
const FILE_MODE: u32 = 0o600;

/// One change, or a request to make earlier ones durable.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(any(test, feature = "trace")),
    expect(dead_code, reason = "only the watches of tests look into it")
)]
pub enum Change<'a> {
    /// A directory is made; its parent is there.
    CreateDir(&'a Path),
    /// A directory is removed with all that is in it.
    RemoveDir(&'a Path),
    /// An empty file is made, unless there is a file of this name.
    CreateFile(&'a Path),
    /// A file is removed.
    RemoveFile(&'a Path),
    /// A file or directory gets another name, in the place of a file that had it.
    Rename {
        /// What it is called until then.
        from: &'a Path,
        /// What it is called from then on.
        to: &'a Path,
    },
    /// Both parts are written one after the other.
    Write {
        /// The file.
        path: &'a Path,
        /// Where the first part begins.
        position: u64,
        /// What is written.
        parts: [&'a [u8]; 2],
    },
    /// A file is cut, or filled with zeros, to this size.
    Truncate {
        /// The file.
        path: &'a Path,
        /// How large it is from then on.
        size_bytes: u64,
    },
    /// The content of a file becomes durable, but not its name.
    SyncFile(&'a Path),
    /// The names in a directory become durable.
    SyncDir(&'a Path),
}

/// Called before each change is made.
pub trait Watch: Send + Sync {
    /// Called before a change is made.
    ///
    /// # Errors
    /// If the change must not be made: the caller gets the error.
    fn before(&self, change: &Change<'_>) -> io::Result<()>;
}

/// The operating system's files. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    /// `None` outside of tests.
    watch: Option<Arc<dyn Watch>>,
}

impl Disk {
    /// A disk whose changes are seen, and may be refused, by `watch`.
    #[cfg(any(test, feature = "trace"))]
    pub(crate) fn watched(watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch) }
    }

    fn announce(&self, change: Change<'_>) -> io::Result<()> {
        match &self.watch {
            None => Ok(()),
            Some(watch) => watch.before(&change),
        }
    }

    /// Makes a directory and those above it that are missing.
    pub(crate) fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        if let Some(parent) = dir.parent().filter(|parent| *parent != Path::new("")) {
            self.create_dir_all(parent)?;
        }
        self.announce(Change::CreateDir(dir))?;
        match std::fs::create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
            other => other,
        }
    }

    /// Removes a directory with all that is in it.
    pub(crate) fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.announce(Change::RemoveDir(dir))?;
        std::fs::remove_dir_all(dir)
    }

    /// Opens a file to read and write; makes an empty one if there is none.
    pub(crate) fn create_file(&self, path: &Path) -> io::Result<File> {
        self.announce(Change::CreateFile(path))?;
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path)
    }

    /// Opens a file that is there to read and write.
    pub(crate) fn open_file(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    pub(crate) fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.announce(Change::RemoveFile(path))?;
        std::fs::remove_file(path)
    }

    /// The same, but it is no error if the file is not there.
    pub(crate) fn remove_file_if_there(&self, path: &Path) -> io::Result<()> {
        match self.remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.announce(Change::Rename { from, to })?;
        std::fs::rename(from, to)
    }

    /// Writes both parts one after the other at `position`, in one system call when the kernel can.
    pub(crate) fn write_parts_at(
        &self,
        file: &File,
        path: &Path,
        parts: [&[u8]; 2],
        position: u64,
    ) -> io::Result<()> {
        self.announce(Change::Write {
            path,
            position,
            parts,
        })?;
        let total = parts[0].len() + parts[1].len();
        let slices = [IoSlice::new(parts[0]), IoSlice::new(parts[1])];
        let written = match rustix::io::pwritev(file, &slices, position) {
            Ok(written) => written,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        if written == total {
            return Ok(());
        }
        let first = parts[0].len();
        if written < first {
            file.write_all_at(&parts[0][written..], position + written as u64)?;
            return file.write_all_at(parts[1], position + first as u64);
        }
        file.write_all_at(&parts[1][written - first..], position + written as u64)
    }

    pub(crate) fn truncate(&self, file: &File, path: &Path, size_bytes: u64) -> io::Result<()> {
        self.announce(Change::Truncate { path, size_bytes })?;
        file.set_len(size_bytes)
    }

    /// Makes the content of a file durable.
    pub(crate) fn sync_file(&self, file: &File, path: &Path) -> io::Result<()> {
        self.announce(Change::SyncFile(path))?;
        file.sync_data()
    }

    /// Makes the names in a directory durable.
    pub(crate) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.announce(Change::SyncDir(dir))?;
        File::open(dir)?.sync_all()
    }

    /// Makes a file of this content, in the place of what was there; not durable, and not at once.
    pub(crate) fn write_file(&self, path: &Path, content: &[u8]) -> io::Result<File> {
        let file = self.create_file(path)?;
        self.truncate(&file, path, 0)?;
        self.write_parts_at(&file, path, [content, &[]], 0)?;
        Ok(file)
    }

    /// Writes a whole file so that a reader finds the old or the new content, never a part, even after a
    /// loss of power. Which of the two is settled when the directory is made durable.
    pub(crate) fn replace_file(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = self.write_file(&temporary, content)?;
        self.sync_file(&file, &temporary)?;
        self.rename(&temporary, path)
    }
}

/// Sets the time of a file's last change, which is not a change of what a loss of power may take.
pub(super) fn set_modified(file: &File, unix_ms: i64) -> io::Result<()> {
    let since = Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
    file.set_modified(SystemTime::UNIX_EPOCH + since)
}

/// Writes a file from its beginning to its end.
pub(crate) struct DiskWriter {
    disk: Disk,
    file: File,
    path: PathBuf,
    position: u64,
}

impl DiskWriter {
    /// Begins a file, in the place of what was there.
    pub(crate) fn create(disk: &Disk, path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: disk.write_file(path, &[])?,
            disk: disk.clone(),
            path: path.to_owned(),
            position: 0,
        })
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.sync_file(&self.file, &self.path)
    }

    /// Says when what the file holds was written, in the broker's time.
    pub(crate) fn set_modified(&self, unix_ms: i64) -> io::Result<()> {
        set_modified(&self.file, unix_ms)
    }
}

impl Write for DiskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk
            .write_parts_at(&self.file, &self.path, [bytes, &[]], self.position)?;
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
