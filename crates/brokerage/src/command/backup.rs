//! A backup of a data directory, while a server runs on it or not, and a data directory made of one.
//!
//! The database is copied first, as it is at one moment; the clusters follow, each file as far as it has been written. So
//! a cluster that was made meanwhile is one that the database does not know: after a restore it is an orphan, kept and
//! never started. What is missing at the end of a log is cut there by its recovery, as after a crash.
//!
//! The master key is left out unless it is asked for, as is what names the directory's owner. A manifest, written last,
//! names each file with its length and hash.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use brokerage_control::seal::MasterKey;
use brokerage_domain::clock::{Clock as _, SystemClock};
use brokerage_engine_embedded::named_file_text;
use brokerage_store::sqlite_copy;
use rustix::fs::Mode;
use rustix::process::umask;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::data_dir::{LOCK_FILE, LOG_FILE, MASTER_KEY_FILE, NODE_FILE, SOCKET_FILE, STORE_FILE};

/// What names the files of a backup.
const MANIFEST_FILE: &str = "manifest.json";
/// The form of the manifest.
const MANIFEST_VERSION: u32 = 1;
/// What SQLite keeps beside a database in use.
const SHARED_MEMORY_FILE: &str = "brokerage.sqlite-shm";
/// Bytes that are copied at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// Longest manifest that is read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What stands in a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    made_at: String,
    files: Vec<Copied>,
}

/// One file of a backup.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copied {
    path: String,
    bytes: u64,
    sha256: String,
}

/// Copies what is in the data directory to a new one.
///
/// # Errors
/// If the directory is none of a server, `to` is there already, or something cannot be read or written.
pub fn backup(data: &Path, to: &Path, with_master_key: bool) -> anyhow::Result<Value> {
    umask(Mode::RWXG | Mode::RWXO);
    let is_one = [STORE_FILE, NODE_FILE]
        .iter()
        .any(|name| data.join(name).exists());
    ensure!(is_one, "data: {} is no data directory", data.display());
    make_empty(to)?;
    let mut files = Vec::new();
    let has_store = data.join(STORE_FILE).exists();
    if has_store {
        sqlite_copy(&data.join(STORE_FILE), &to.join(STORE_FILE))?;
        files.push(described(to, Path::new(STORE_FILE))?);
    }
    let left_out: &[&str] = match with_master_key {
        true => &[],
        false => &[MASTER_KEY_FILE],
    };
    let never = [
        STORE_FILE,
        LOG_FILE,
        SHARED_MEMORY_FILE,
        LOCK_FILE,
        NODE_FILE,
        SOCKET_FILE,
    ];
    for path in files_below(data, Path::new(""))? {
        let name = path.to_str().unwrap_or_default();
        if never.contains(&name) || left_out.contains(&name) {
            continue;
        }
        if let Some(copied) = copy(data, to, &path)? {
            files.push(copied);
        }
    }
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let count = files.len();
    let manifest = Manifest {
        version: MANIFEST_VERSION,
        made_at: SystemClock.now().iso(),
        files,
    };
    let text = serde_json::to_vec_pretty(&manifest)?;
    create(&to.join(MANIFEST_FILE))?.write_all(&text)?;
    sync(to)?;
    let mut answer = json!({
        "backup": to.display().to_string(),
        "files": count,
        "total_bytes": bytes,
        "master_key": with_master_key,
    });
    if !has_store {
        answer["warning"] =
            "the database is not in the data directory: dump it before the rest is copied".into();
    }
    Ok(answer)
}

/// Makes a data directory out of a backup, and nothing if a file of the backup is damaged. `master_key` is a file with the
/// key where the backup has none.
///
/// # Errors
/// If the backup is not whole, `data` is there already, or something cannot be read or written.
pub fn restore(from: &Path, data: &Path, master_key: Option<&Path>) -> anyhow::Result<Value> {
    umask(Mode::RWXG | Mode::RWXO);
    let manifest = read_manifest(from)?;
    for file in &manifest.files {
        let found = described(from, Path::new(&file.path));
        let found = found.with_context(|| format!("from: {} is damaged", file.path))?;
        ensure!(
            found == *file,
            "from: {} is damaged. Nothing was restored",
            file.path
        );
    }
    let key = master_key.map(read_key).transpose()?;
    let has_key = manifest
        .files
        .iter()
        .any(|file| file.path == MASTER_KEY_FILE);
    ensure!(
        !(has_key && key.is_some()),
        "master_key: the backup has one of its own"
    );
    make_empty(data)?;
    for file in &manifest.files {
        let copied = copy(from, data, Path::new(&file.path))?;
        ensure!(
            copied.as_ref() == Some(file),
            "from: {} has changed",
            file.path
        );
    }
    if let Some(key) = &key {
        create(&data.join(MASTER_KEY_FILE))?.write_all(key.to_text().expose_secret().as_bytes())?;
    }
    sync(data)?;
    let known = |path: &PathBuf| {
        let is_of = |file: &Copied| Path::new(&file.path) == path;
        path == Path::new(MANIFEST_FILE) || manifest.files.iter().any(is_of)
    };
    let unknown = files_below(from, Path::new(""))?;
    let unknown: Vec<String> = unknown
        .iter()
        .filter(|path| !known(path))
        .map(|path| path.display().to_string())
        .collect();
    let mut answer = json!({
        "data": data.display().to_string(),
        "made_at": manifest.made_at,
        "files": manifest.files.len(),
        "not_restored": unknown,
    });
    if !has_key && key.is_none() {
        answer["warning"] = "there is no master key: name it by master_key_file".into();
    }
    Ok(answer)
}

fn read_manifest(from: &Path) -> anyhow::Result<Manifest> {
    let path = from.join(MANIFEST_FILE);
    let failed = || {
        format!(
            "from: {} cannot be read: is it a whole backup?",
            path.display()
        )
    };
    let mut text = String::new();
    let file = File::open(&path).with_context(failed)?;
    file.take(MANIFEST_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(failed)?;
    let manifest: Manifest = serde_json::from_str(&text).with_context(failed)?;
    ensure!(
        manifest.version == MANIFEST_VERSION,
        "from: {} is of another version",
        path.display()
    );
    for file in &manifest.files {
        let mut parts = Path::new(&file.path).components();
        let is_inside = parts.all(|part| matches!(part, std::path::Component::Normal(_)));
        ensure!(is_inside, "from: {:?} leads out of the backup", file.path);
    }
    Ok(manifest)
}

fn read_key(path: &Path) -> anyhow::Result<MasterKey> {
    let text = named_file_text(path).map(SecretString::from);
    let text = text.with_context(|| format!("master_key: {} cannot be read", path.display()))?;
    MasterKey::from_text(text.expose_secret())
        .with_context(|| format!("master_key: {} holds no key", path.display()))
}

/// Makes a directory that only its owner may read. One that is there has to be empty.
fn make_empty(path: &Path) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be made", path.display());
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(failed)?;
    if fs::read_dir(path).with_context(failed)?.next().is_some() {
        bail!("{} is not empty", path.display());
    }
    Ok(())
}

/// The files below a directory, without links: those at its top first, then a folder after the other, each in order. What
/// tells how far a cluster's metadata log reaches is read before that log, and the log before what it tells of.
fn files_below(root: &Path, inside: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let dir = root.join(inside);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        // It has gone meanwhile: a topic was deleted, a cluster released.
        Err(error) if error.kind() == io::ErrorKind::NotFound && inside != Path::new("") => {
            return Ok(files);
        }
        Err(error) => return Err(error).with_context(|| dir.display().to_string()),
    };
    for entry in entries {
        let entry = entry?;
        let path = inside.join(entry.file_name());
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_file() {
            files.push(path);
        }
    }
    let is_log = |path: &PathBuf| path.extension().is_some_and(|end| end == "journal");
    files.sort_by_key(|path| (is_log(path), path.clone()));
    folders.sort();
    for folder in folders {
        files.extend(files_below(root, &folder)?);
    }
    Ok(files)
}

/// Copies a file as far as it is written now; `None` if it is gone.
fn copy(from: &Path, to: &Path, path: &Path) -> anyhow::Result<Option<Copied>> {
    let failed = || format!("{} cannot be copied", path.display());
    let source = match File::open(from.join(path)) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(failed),
    };
    let bytes = source.metadata().with_context(failed)?.len();
    let target = to.join(path);
    if let Some(folder) = target.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(failed)?;
    }
    let mut file = create(&target)?;
    let copied = read_all(source.take(bytes), |chunk| file.write_all(chunk));
    let (bytes, sha256) = copied.with_context(failed)?;
    file.sync_all().with_context(failed)?;
    Ok(Some(Copied {
        path: name(path)?,
        bytes,
        sha256,
    }))
}

fn described(root: &Path, path: &Path) -> anyhow::Result<Copied> {
    let (bytes, sha256) = read_all(File::open(root.join(path))?, |_| Ok(()))?;
    Ok(Copied {
        path: name(path)?,
        bytes,
        sha256,
    })
}

fn name(path: &Path) -> anyhow::Result<String> {
    let name = path.to_str().map(str::to_owned);
    name.with_context(|| format!("{} is no name of ours", path.display()))
}

/// Reads to the end: how many bytes, and their hash.
fn read_all(
    mut source: impl Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(u64, String)> {
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = source.read(&mut chunk)?;
        if read == 0 {
            let hash = hasher.finalize();
            return Ok((
                bytes,
                hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            ));
        }
        hasher.update(&chunk[..read]);
        each(&chunk[..read])?;
        bytes += read as u64;
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    let made = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    made.with_context(|| format!("{} cannot be made", path.display()))
}

/// Makes the entries of a directory, and of those below it, safe from a power cut.
fn sync(path: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path())?;
        }
    }
    Ok(File::open(path)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::CLUSTERS_DIR;

    fn data() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let write =
            |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("a file");
        fs::create_dir_all(dir.path().join(CLUSTERS_DIR).join("a/t-0")).expect("a cluster");
        for (name, text) in [
            (NODE_FILE, "node"),
            (LOCK_FILE, ""),
            (MASTER_KEY_FILE, &"ab".repeat(32)),
            ("clusters/a/cluster.journal", "journal"),
            ("clusters/a/t-0/0.log", "records"),
        ] {
            write(name, text);
        }
        dir
    }

    fn listed(path: &Path) -> Vec<String> {
        let files = files_below(path, Path::new("")).expect("files");
        files
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn what_is_backed_up_is_restored_and_nothing_else() {
        let data = data();
        let out = tempfile::tempdir().expect("a directory");
        let (to, again) = (out.path().join("backup"), out.path().join("data"));
        let answer = backup(data.path(), &to, true).expect("a backup");
        assert_eq!(answer["files"], 3, "{answer}");
        assert!(backup(data.path(), &to, true).is_err(), "it is not empty");
        fs::write(to.join("clusters/stranger"), "x").expect("a file");
        let answer = restore(&to, &again, None).expect("a restore");
        assert_eq!(answer["not_restored"], json!(["clusters/stranger"]));
        let files = [
            "master.key",
            "clusters/a/cluster.journal",
            "clusters/a/t-0/0.log",
        ];
        assert_eq!(listed(&again), files);
        for name in files {
            let read = |dir: &Path| fs::read(dir.join(name)).expect("a file");
            assert_eq!(read(&again), read(data.path()), "{name}");
        }
        assert!(restore(&to, &again, None).is_err(), "it is not empty");
        assert!(
            backup(out.path(), &out.path().join("other"), true).is_err(),
            "no data"
        );
    }

    #[test]
    fn a_master_key_is_asked_for_or_given() {
        let data = data();
        let out = tempfile::tempdir().expect("a directory");
        let to = out.path().join("backup");
        backup(data.path(), &to, false).expect("a backup");
        assert!(!to.join(MASTER_KEY_FILE).exists());
        let without = restore(&to, &out.path().join("a"), None).expect("a restore");
        assert!(without["warning"].is_string(), "{without}");
        let key = data.path().join(MASTER_KEY_FILE);
        let with = restore(&to, &out.path().join("b"), Some(&key)).expect("a restore");
        assert!(with["warning"].is_null(), "{with}");
        assert!(out.path().join("b").join(MASTER_KEY_FILE).exists());
    }

    #[test]
    fn a_damaged_backup_restores_nothing() {
        let data = data();
        let out = tempfile::tempdir().expect("a directory");
        let to = out.path().join("backup");
        backup(data.path(), &to, true).expect("a backup");
        let again = out.path().join("data");
        let log = to.join("clusters/a/t-0/0.log");
        for damage in ["recorts", "record", ""] {
            fs::write(&log, damage).expect("a file");
            let refused = restore(&to, &again, None).expect_err("damage");
            assert!(format!("{refused:#}").contains("0.log"), "{refused:#}");
            assert!(!again.exists());
        }
        fs::remove_file(&log).expect("it is there");
        assert!(restore(&to, &again, None).is_err());
        fs::remove_file(to.join(MANIFEST_FILE)).expect("it is there");
        assert!(
            restore(&to, &again, None).is_err(),
            "cut off before its end"
        );
        assert!(!again.exists());
    }

    #[test]
    fn a_manifest_does_not_lead_out() {
        let out = tempfile::tempdir().expect("a directory");
        for path in ["../x", "/x", "a/../../x"] {
            let file = json!({"path": path, "bytes": 0, "sha256": ""});
            let manifest = json!({"version": 1, "made_at": "", "files": [file]});
            fs::write(out.path().join(MANIFEST_FILE), manifest.to_string()).expect("a file");
            let refused = restore(out.path(), &out.path().join("d"), None).expect_err("a path");
            assert!(format!("{refused:#}").contains("leads out"), "{refused:#}");
        }
    }
}
