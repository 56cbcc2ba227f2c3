//! The data directory: one process at a time owns it, and only its owner may read it.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use brokerage_control::seal::MasterKey;
use brokerage_domain::id::Chance;
use brokerage_store::{Durability, Store, StoreError};
use secrecy::{ExposeSecret, SecretString};

const LOCK_FILE: &str = "lock";
/// Longest time for which somebody who only looks has the lock, and the pause between two attempts.
const LOOK_LIMIT: Duration = Duration::from_millis(200);
const LOOK_PAUSE: Duration = Duration::from_millis(5);
const MASTER_KEY_FILE: &str = "master.key";
/// The key that a first start has drawn, until the database is there.
const DRAWN_KEY_FILE: &str = "master.new";
const NODE_FILE: &str = "node";
const STORE_FILE: &str = "brokerage.sqlite";
/// SQLite's write-ahead log; making a new database would throw it away.
const LOG_FILE: &str = "brokerage.sqlite-wal";
const SOCKET_FILE: &str = "brokerage.sock";
const CLUSTERS_DIR: &str = "clusters";
/// Longest path of a socket on every system, less the closing zero of the shortest bound (104 bytes).
const SOCKET_PATH_BYTES_MAX: usize = 103;

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
    fn is_first_start(&self, path: &Path, keeps_store: bool) -> anyhow::Result<bool> {
        let path = path.display();
        ensure!(
            self.node_bytes != Some(0),
            "data: {path}: {NODE_FILE} holds no name. {ADVICE}"
        );
        if self.key {
            if keeps_store && !self.store {
                bail!(no_store(&path));
            }
            return Ok(false);
        }
        // Name and clusters are made when key and database are there.
        let is_old = self.clusters || self.node_bytes.is_some();
        if is_old || ((self.store || self.log) && !self.drawn) {
            bail!(
                "data: {path} has data but no {MASTER_KEY_FILE}, without which no access key in {STORE_FILE} can be \
                 opened. {ADVICE}"
            );
        }
        Ok(true)
    }
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
    /// Makes the directory if needed, and locks it. `keeps_store` says whether the database is to be in it.
    ///
    /// A directory in which a part of what was kept is missing is refused, and left as it is.
    ///
    /// # Errors
    /// If it cannot be made or locked, another process has it, or a part of what was kept is missing.
    pub fn own(path: &Path, keeps_store: bool) -> anyhow::Result<Self> {
        let failed = || format!("data: {} cannot be used", path.display());
        // Before the lock is made, and again behind it.
        Found::in_dir(path)?.is_first_start(path, keeps_store)?;
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
            Ok(()) => Ok(Self {
                is_first_start: Found::in_dir(&path)?.is_first_start(&path, keeps_store)?,
                path,
                _lock: lock,
            }),
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

    /// The key that seals secrets: read, or drawn at the first start. Readable by its owner only. A drawn one is for
    /// good with [`DataDir::keep_master_key`], so that a key without a database is never left behind.
    ///
    /// # Errors
    /// If the key cannot be written or read, or the file holds none.
    pub fn master_key(&self, chance: &Chance) -> anyhow::Result<MasterKey> {
        if self.is_first_start {
            let key = MasterKey::draw(chance);
            write_new(
                &self.path.join(DRAWN_KEY_FILE),
                key.to_text().expose_secret(),
            )?;
            return Ok(key);
        }
        let path = self.path.join(MASTER_KEY_FILE);
        let text = fs::read_to_string(&path)
            .map(SecretString::from)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        MasterKey::from_text(text.expose_secret())
            .with_context(|| format!("{MASTER_KEY_FILE} holds no key"))
    }

    /// Keeps the key that was drawn at the first start: to be called when the database is there.
    ///
    /// # Errors
    /// If the file cannot be renamed.
    pub fn keep_master_key(&self) -> anyhow::Result<()> {
        if !self.is_first_start {
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

/// The socket of the server that owns `data`, whoever that is.
///
/// A socket's path is bounded by the system; that of a deep directory stands in the system's temporary directory,
/// under a name that both sides derive from the directory's.
pub fn socket(data: &Path) -> PathBuf {
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let inside = data.join(SOCKET_FILE);
    if inside.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return inside;
    }
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    std::env::temp_dir().join(format!("brokerage-{:016x}.sock", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A start up to where the data directory is whole.
    fn start(path: &Path) -> anyhow::Result<String> {
        let chance = Chance::from_system();
        let data = DataDir::own(path, true)?;
        let key = data.master_key(&chance)?;
        let store = data.open_store(Durability::Process)?;
        data.keep_master_key()?;
        data.node(&chance)?;
        fs::create_dir_all(data.clusters().join("cluster"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(store.close());
        Ok(key.to_text().expose_secret().to_owned())
    }

    /// Everything below a directory, with a hash of each file.
    fn contents(path: &Path) -> BTreeMap<PathBuf, Option<u64>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(path).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                found.extend(contents(&path));
                found.insert(path, None);
            } else {
                let mut hasher = DefaultHasher::new();
                fs::read(&path).expect("a file").hash(&mut hasher);
                found.insert(path, Some(hasher.finish()));
            }
        }
        found
    }

    fn remove(path: &Path) {
        match path.is_dir() {
            true => fs::remove_dir_all(path).expect("a directory goes"),
            false => fs::remove_file(path).expect("a file goes"),
        }
    }

    #[test]
    fn a_start_finds_what_the_one_before_left() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("new");
        let key = start(&path).expect("the first start");
        assert_eq!(start(&path).expect("the second"), key);
        assert!(!path.join(DRAWN_KEY_FILE).exists());
    }

    #[test]
    fn a_first_start_that_was_cut_off_is_made_once_more() {
        let interrupted: [&dyn Fn(&DataDir); 3] = [
            &|_| {},
            &|data| drop(data.master_key(&Chance::from_system()).expect("a key")),
            &|data| {
                data.master_key(&Chance::from_system()).expect("a key");
                drop(data.open_store(Durability::Process).expect("a database"));
            },
        ];
        for (at, cut_off) in interrupted.into_iter().enumerate() {
            let dir = tempfile::tempdir().expect("a directory");
            let data = DataDir::own(dir.path(), true).expect("a data directory");
            cut_off(&data);
            drop(data);
            let key = start(dir.path()).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(start(dir.path()).expect("the next"), key, "{at}");
        }
    }

    #[test]
    fn a_log_without_its_database_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join(LOG_FILE), b"a log").expect("a file");
        let before = contents(dir.path());
        start(dir.path()).expect_err("a part is missing");
        assert_eq!(contents(dir.path()), before);
    }

    #[test]
    fn a_directory_without_a_part_of_its_data_is_refused_and_left_alone() {
        for (missing, emptied, named) in [
            (&[MASTER_KEY_FILE][..], None, MASTER_KEY_FILE),
            (&[MASTER_KEY_FILE, LOCK_FILE], None, MASTER_KEY_FILE),
            (&[MASTER_KEY_FILE, CLUSTERS_DIR], None, MASTER_KEY_FILE),
            (&[MASTER_KEY_FILE, NODE_FILE], None, MASTER_KEY_FILE),
            (&[MASTER_KEY_FILE, STORE_FILE], None, MASTER_KEY_FILE),
            (&[STORE_FILE], None, STORE_FILE),
            (&[STORE_FILE, CLUSTERS_DIR, NODE_FILE], None, STORE_FILE),
            (&[CLUSTERS_DIR], Some(STORE_FILE), STORE_FILE),
            (&[], Some(STORE_FILE), STORE_FILE),
            (&[], Some(MASTER_KEY_FILE), MASTER_KEY_FILE),
            (&[], Some(NODE_FILE), NODE_FILE),
        ] {
            let dir = tempfile::tempdir().expect("a directory");
            start(dir.path()).expect("the first start");
            missing
                .iter()
                .for_each(|name| remove(&dir.path().join(name)));
            if let Some(name) = emptied {
                fs::write(dir.path().join(name), b"").expect("an empty file");
            }
            let before = contents(dir.path());
            let error = start(dir.path()).expect_err("a part is missing");
            let message = format!("{error:#}");
            assert!(
                message.contains(named),
                "{missing:?} {emptied:?}: {message}"
            );
            assert_eq!(contents(dir.path()), before, "{missing:?} {emptied:?}");
        }
    }
}
