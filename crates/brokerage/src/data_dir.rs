//! The data directory: one process at a time owns it, and only its owner may read it.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use brokerage_control::seal::MasterKey;
use brokerage_domain::id::Chance;
use secrecy::{ExposeSecret, SecretString};

const LOCK_FILE: &str = "lock";
const MASTER_KEY_FILE: &str = "master.key";
const NODE_FILE: &str = "node";
const STORE_FILE: &str = "brokerage.sqlite";
const SOCKET_FILE: &str = "brokerage.sock";
const CLUSTERS_DIR: &str = "clusters";
/// Longest path of a socket on every system, less the closing zero of the shortest bound (104 bytes).
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// A data directory that this process owns until the value is dropped.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if needed, and locks it.
    pub fn own(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("data: {} cannot be used", path.display());
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
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => {
                bail!("data: {} is in use by another process", path.display())
            }
            Err(fs::TryLockError::Error(error)) => Err(error).with_context(failed),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SQLite database.
    pub fn store_file(&self) -> PathBuf {
        self.path.join(STORE_FILE)
    }

    /// Where the embedded engine keeps clusters.
    pub fn clusters(&self) -> PathBuf {
        self.path.join(CLUSTERS_DIR)
    }

    /// The key that seals secrets: read, or drawn at the first start. Readable by its owner only.
    pub fn master_key(&self, chance: &Chance) -> anyhow::Result<MasterKey> {
        let draw = || MasterKey::draw(chance).to_text();
        let text = self.kept(MASTER_KEY_FILE, draw)?;
        MasterKey::from_text(text.expose_secret())
            .with_context(|| format!("{MASTER_KEY_FILE} holds no key"))
    }

    /// The name of this directory's owner, which outlives the process: drawn at the first start.
    pub fn node(&self, chance: &Chance) -> anyhow::Result<String> {
        let name = self.kept(NODE_FILE, || SecretString::from(chance.uuid()))?;
        Ok(name.expose_secret().trim().to_owned())
    }

    /// The text of a file, drawn when there is none.
    fn kept(
        &self,
        name: &str,
        draw: impl FnOnce() -> SecretString,
    ) -> anyhow::Result<SecretString> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(SecretString::from(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = draw();
                write_new(&path, text.expose_secret())?;
                Ok(text)
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }
}

/// Written beside and renamed, so that a crash leaves a whole key or none.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let failed = || format!("{} cannot be written", path.display());
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .with_context(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(failed)?;
    fs::rename(&beside, path).with_context(failed)?;
    let dir = path
        .parent()
        .map(File::open)
        .transpose()
        .with_context(failed)?;
    dir.map_or(Ok(()), |dir| dir.sync_all())
        .with_context(failed)
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
