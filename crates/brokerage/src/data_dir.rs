//! The data directory: one process at a time owns it, and only its owner may read it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use brokerage_control::seal::MasterKey;
use brokerage_domain::id::Chance;
use brokerage_store::{Durability, Store, StoreError};
use rustix::fs::Mode;
use rustix::process::umask;
use secrecy::{ExposeSecret, SecretString};

pub const LOCK_FILE: &str = "lock";
/// Longest time for which somebody who only looks has the lock, and the pause between two attempts.
const LOOK_LIMIT: Duration = Duration::from_millis(200);
const LOOK_PAUSE: Duration = Duration::from_millis(5);
pub const MASTER_KEY_FILE: &str = "master.key";
/// The key that a first start has drawn, until the database is there.
const DRAWN_KEY_FILE: &str = "master.new";
pub const NODE_FILE: &str = "node";
pub const STORE_FILE: &str = "brokerage.sqlite";
/// SQLite's write-ahead log; making a new database would throw it away.
pub const LOG_FILE: &str = "brokerage.sqlite-wal";
pub const SOCKET_FILE: &str = "brokerage.sock";
pub const CLUSTERS_DIR: &str = "clusters";
/// Longest path of a socket on every system, less the closing zero of the shortest bound (104 bytes).
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// The system's administrator.
const ROOT: u32 = 0;

/// What a refusal advises.
const ADVICE: &str = "Nothing was changed. Put back what is missing, as it was when the rest was kept; to begin anew, \
                      use an empty directory";

/// Another process owns a data directory.
#[derive(Debug, thiserror::Error)]
#[error("data: {} is in use by another process", path.display())]
pub struct InUse {
    path: PathBuf,
}

/// A data directory that this process owns until the value is dropped.
pub struct DataDir {
    path: PathBuf,
    is_first_start: bool,
    /// The key that is not the directory's own.
    key_given: Option<MasterKey>,
    is_key_given: bool,
    _lock: File,
}

/// What is in a data directory.
struct Found {
    /// The key that seals secrets.
    key: bool,
    /// A key that a first start has drawn and did not come to use.
    drawn: bool,
    /// A database with at least a byte.
    store: bool,
    /// A write-ahead log of a database.
    log: bool,
    /// The length of its owner's name.
    node_bytes: Option<u64>,
    /// Whether there are clusters.
    clusters: bool,
}

impl Found {
    fn in_dir(path: &Path) -> anyhow::Result<Self> {
        let length = |name: &str| match fs::metadata(path.join(name)) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("data: {name} cannot be looked at")),
        };
        let clusters = match fs::read_dir(path.join(CLUSTERS_DIR)) {
            Ok(mut clusters) => clusters.next().is_some(),
            Err(error) if is_absent(&error) => false,
            Err(error) => return Err(error).context("data: the clusters cannot be looked at"),
        };
        Ok(Self {
            key: length(MASTER_KEY_FILE)?.is_some(),
            drawn: length(DRAWN_KEY_FILE)?.is_some(),
            store: length(STORE_FILE)?.is_some_and(|bytes| bytes > 0),
            log: length(LOG_FILE)?.is_some_and(|bytes| bytes > 0),
            node_bytes: length(NODE_FILE)?,
            clusters,
        })
    }

    /// Whether nothing was kept here before. A first start that was cut off is made once more: its key has sealed
    /// nothing yet.
    ///
    /// # Errors
    /// When a part of what was kept is missing.
    fn is_first_start(&self, path: &Path, asked: Asked) -> anyhow::Result<bool> {
        let path = path.display();
        let Asked {
            keeps_store,
            has_key,
        } = asked;
        ensure!(
            self.node_bytes != Some(0),
            "data: {path}: {NODE_FILE} holds no name. {ADVICE}"
        );
        // Name and clusters are made when key and database are there.
        let is_old = self.clusters || self.node_bytes.is_some();
        if self.key || (has_key && (is_old || self.store || self.log)) {
            if keeps_store && !self.store {
                bail!(no_store(&path));
            }
            return Ok(false);
        }
        if has_key {
            return Ok(true);
        }
        if is_old || ((self.store || self.log) && !self.drawn) {
            bail!(
                "data: {path} has data but no {MASTER_KEY_FILE}, without which no access key in {STORE_FILE} can be \
                 opened. {ADVICE}"
            );
        }
        Ok(true)
    }
}

/// What a start asks of a data directory.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// Whether the database is to be in it.
    keeps_store: bool,
    /// Whether it needs no master key of its own.
    has_key: bool,
}

fn no_store(path: &impl std::fmt::Display) -> String {
    format!(
        "data: {path} has a {MASTER_KEY_FILE} but no {STORE_FILE}, or an empty one: accounts, keys and money would be \
         gone. {ADVICE} ({LOG_FILE} belongs to it if the server was not stopped cleanly)"
    )
}

fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

impl DataDir {
    /// Makes the directory if needed, locks it and closes it to others. `keeps_store` says whether the database is to be
    /// in it, `key_given` is the master key where that is not to be the directory's own.
    ///
    /// A directory in which a part of what was kept is missing is refused, and left as it is.
    ///
    /// # Errors
    /// If it cannot be made or locked, another process has it, or a part of what was kept is missing.
    pub fn own(
        path: &Path,
        keeps_store: bool,
        key_given: Option<MasterKey>,
    ) -> anyhow::Result<Self> {
        let failed = || format!("data: {} cannot be used", path.display());
        let asked = Asked {
            keeps_store,
            has_key: key_given.is_some(),
        };
        // What the process makes from here on is its owner's alone.
        umask(Mode::RWXG | Mode::RWXO);
        // Before the lock is made, and again behind it.
        Found::in_dir(path)?.is_first_start(path, asked)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(failed)?;
        let path = path.canonicalize().with_context(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK_FILE))
            .with_context(failed)?;
        match lock_patiently(&lock) {
            Ok(()) => {
                close_to_others(&path).with_context(failed)?;
                Ok(Self {
                    is_first_start: Found::in_dir(&path)?.is_first_start(&path, asked)?,
                    path,
                    is_key_given: false,
                    key_given,
                    _lock: lock,
                })
            }
            Err(fs::TryLockError::WouldBlock) => Err(InUse { path }.into()),
            Err(fs::TryLockError::Error(error)) => Err(error).with_context(failed),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the embedded engine keeps clusters.
    pub fn clusters(&self) -> PathBuf {
        self.path.join(CLUSTERS_DIR)
    }

    /// Opens the SQLite database; makes it at the first start only.
    ///
    /// # Errors
    /// If the database is missing where it was before, and whatever opening and migrating it says.
    pub fn open_store(&self, durability: Durability) -> anyhow::Result<Store> {
        let file = self.path.join(STORE_FILE);
        let opened = match self.is_first_start {
            true => Store::open_sqlite(&file, durability),
            false => Store::open_sqlite_existing(&file, durability),
        };
        opened.map_err(|error| match error {
            StoreError::Empty => anyhow!(no_store(&self.path.display())),
            other => other.into(),
        })
    }

    /// The key that seals secrets: the given one; otherwise read, or drawn at the first start. Readable by its owner only. A drawn one is for
    /// good with [`DataDir::keep_master_key`], so that a key without a database is never left behind.
    ///
    /// # Errors
    /// If the key cannot be written or read, the file holds none, or it holds another one than the given one.
    pub fn master_key(&mut self, chance: &Chance) -> anyhow::Result<MasterKey> {
        if let Some(key) = self.key_given.take() {
            self.is_key_given = true;
            return self.check_given(key);
        }
        if self.is_first_start {
            let key = MasterKey::draw(chance);
            write_new(
                &self.path.join(DRAWN_KEY_FILE),
                key.to_text().expose_secret(),
            )?;
            return Ok(key);
        }
        self.own_key()
    }

    fn own_key(&self) -> anyhow::Result<MasterKey> {
        let path = self.path.join(MASTER_KEY_FILE);
        let text = fs::read_to_string(&path)
            .map(SecretString::from)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        MasterKey::from_text(text.expose_secret())
            .with_context(|| format!("{MASTER_KEY_FILE} holds no key"))
    }

    /// The given key, unless the directory's own is another one.
    fn check_given(&self, given: MasterKey) -> anyhow::Result<MasterKey> {
        if self.path.join(MASTER_KEY_FILE).exists() {
            let own = self.own_key()?;
            ensure!(
                own.to_text().expose_secret() == given.to_text().expose_secret(),
                "data: {} has another {MASTER_KEY_FILE} than the key that is given. {ADVICE}",
                self.path.display()
            );
        }
        Ok(given)
    }

    /// Keeps the key that was drawn at the first start: to be called when the database is there.
    ///
    /// # Errors
    /// If the file cannot be renamed.
    pub fn keep_master_key(&self) -> anyhow::Result<()> {
        if !self.is_first_start || self.is_key_given {
            return Ok(());
        }
        let (drawn, kept) = (DRAWN_KEY_FILE, MASTER_KEY_FILE);
        rename(&self.path.join(drawn), &self.path.join(kept))
    }

    /// The name of this directory's owner, which outlives the process: drawn at the first start.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn node(&self, chance: &Chance) -> anyhow::Result<String> {
        let path = self.path.join(NODE_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if is_absent(&error) => {
                let name = chance.uuid();
                let beside = path.with_extension("new");
                write_new(&beside, &name)?;
                rename(&beside, &path)?;
                Ok(name)
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }
}

/// Writes a file that only its owner may read; it is on disk, under a name that is not looked for yet.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(failed)
}

/// Renames for good, so that a crash leaves a whole file or none.
fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", to.display());
    fs::rename(from, to).with_context(failed)?;
    let dir = to
        .parent()
        .map(File::open)
        .transpose()
        .with_context(failed)?;
    dir.map_or(Ok(()), |dir| dir.sync_all())
        .with_context(failed)
}

/// Locks a file, unless somebody has it for longer than a look takes ([`is_owned`]).
fn lock_patiently(lock: &File) -> Result<(), fs::TryLockError> {
    let deadline = Instant::now() + LOOK_LIMIT;
    loop {
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(LOOK_PAUSE);
            }
            done => return done,
        }
    }
}

/// Whether a process owns a data directory now.
pub fn is_owned(data: &Path) -> bool {
    let lock = OpenOptions::new().write(true).open(data.join(LOCK_FILE));
    let locked = lock.map(|lock| lock.try_lock_shared());
    matches!(locked, Ok(Err(fs::TryLockError::WouldBlock)))
}

/// Closes the directory and what is in it to everybody but its owner, whatever was there before. What clusters have is
/// behind their own directory.
fn close_to_others(path: &Path) -> std::io::Result<()> {
    close(path, 0o700)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => close(&entry.path(), 0o700)?,
            kind if kind.is_file() => close(&entry.path(), 0o600)?,
            _ => {}
        }
    }
    Ok(())
}

fn close(path: &Path, mode: u32) -> std::io::Result<()> {
    let open_to = fs::metadata(path)?.permissions().mode();
    match open_to & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
    }
}

/// The socket of the server that owns a data directory.
pub struct Socket {
    /// A path that reaches it.
    path: PathBuf,
    /// Who owns the directory.
    owner: u32,
    /// The directory, where the path goes through it.
    _dir: Option<File>,
}

impl Socket {
    /// The socket of the server that owns `data`, whoever that is.
    ///
    /// It is in the directory, where nobody else can put one. A socket's path is bounded by the system; that of a deep
    /// directory goes through the directory that is held open (Linux).
    ///
    /// # Errors
    /// If there is no such directory.
    pub fn of(data: &Path) -> std::io::Result<Self> {
        let data = data.canonicalize()?;
        let owner = fs::metadata(&data)?.uid();
        let inside = data.join(SOCKET_FILE);
        if inside.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok(Self {
                path: inside,
                owner,
                _dir: None,
            });
        }
        let dir = File::open(&data)?;
        let through = format!("/proc/self/fd/{}/{SOCKET_FILE}", dir.as_raw_fd());
        Ok(Self {
            path: through.into(),
            owner,
            _dir: Some(dir),
        })
    }

    /// A path that reaches it as long as this is there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Connects to whoever listens; `None` where nobody does.
    ///
    /// # Errors
    /// If it is somebody else than the directory's owner (or the system's administrator).
    pub fn connect(&self) -> anyhow::Result<Option<UnixStream>> {
        let Ok(stream) = UnixStream::connect(&self.path) else {
            return Ok(None);
        };
        if let Some(user) = peer_user(&stream)? {
            ensure!(
                user == self.owner || user == ROOT,
                "{}: user {user} answers, and the directory is user {}'s",
                self.path.display(),
                self.owner
            );
        }
        Ok(Some(stream))
    }
}

/// Who is at the other end of a socket, where the system says it.
#[cfg(target_os = "linux")]
fn peer_user(stream: &UnixStream) -> anyhow::Result<Option<u32>> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(Some(peer.uid.as_raw()))
}

#[cfg(not(target_os = "linux"))]
fn peer_user(_: &UnixStream) -> anyhow::Result<Option<u32>> {
    Ok(None)
}

#[cfg(test)]
mod tests;
