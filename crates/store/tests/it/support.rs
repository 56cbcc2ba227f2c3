//! Databases for tests: a throw-away PostgreSQL server, shared by the tests of one binary while any of them runs.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long the server may take to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause between two looks whether it is ready.
const START_POLL: Duration = Duration::from_millis(20);

/// A PostgreSQL server on a socket in its own directory (no port). Stopped when the last test lets go of it.
pub struct Server {
    directory: TempDir,
    binaries: PathBuf,
    user: Option<User>,
    child: Child,
    databases: AtomicU32,
}

/// PostgreSQL refuses to run as root; then it runs as another user of the system.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Server {
    /// The shared server. `None`: there is no PostgreSQL on this machine, which is an error under `CI=true`.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        // A test that failed while it started the server must not fail the others by its poison.
        let mut shared = SHARED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let Some(binaries) = find_binaries() else {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI=true, but there is no initdb on PATH or in /usr/lib/postgresql/*/bin: apt-get install postgresql"
            );
            eprintln!("skipped: no PostgreSQL on this machine (apt-get install postgresql)");
            return None;
        };
        let server = Arc::new(Self::start(binaries));
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    fn start(binaries: PathBuf) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("pg")
            .tempdir()
            .expect("a directory");
        let user = user_below_root(directory.path());
        if let Some(user) = user {
            chown(directory.path(), Some(user.uid), Some(user.gid)).expect("root may do so");
        }
        let data = directory.path().join("data");
        let made = command(&binaries.join("initdb"), user, directory.path())
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .expect("initdb starts");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let child = command(&binaries.join("postgres"), user, directory.path())
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=200",
            ])
            .args(["-c", "deadlock_timeout=50ms"])
            .arg("-k")
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres starts");
        let mut server = Self {
            directory,
            binaries,
            user,
            child,
            databases: AtomicU32::new(0),
        };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match postgres::Client::connect(&self.url("postgres"), postgres::NoTls) {
                Ok(_client) => return,
                Err(error) => assert!(
                    Instant::now() < deadline,
                    "PostgreSQL is not ready: {error}"
                ),
            }
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                panic!("PostgreSQL ended at once: {status}");
            }
            std::thread::sleep(START_POLL);
        }
    }

    fn url(&self, database: &str) -> String {
        format!(
            "host={} user=postgres dbname={database}",
            self.directory.path().display()
        )
    }

    /// Makes an empty database and returns its URL. Blocks.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut client =
            postgres::Client::connect(&self.url("postgres"), postgres::NoTls).expect("it is ready");
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .expect("a superuser may do so");
        self.url(&name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = command(
            &self.binaries.join("pg_ctl"),
            self.user,
            self.directory.path(),
        )
        .args(["stop", "--silent", "--mode=immediate", "--pgdata"])
        .arg(self.directory.path().join("data"))
        .status();
        if !stopped.is_ok_and(|status| status.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

fn command(program: &Path, user: Option<User>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// The user `postgres` (or `nobody`), if this process is root's.
fn user_below_root(own: &Path) -> Option<User> {
    if std::fs::metadata(own).expect("it was just made").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("a system with users");
    let find = |name: &str| {
        let fields: Vec<&str> = users
            .lines()
            .map(|line| line.split(':').collect())
            .find(|fields: &Vec<&str>| fields.first() == Some(&name))?;
        Some(User {
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
        })
    };
    Some(
        find("postgres")
            .or_else(|| find("nobody"))
            .expect("a user that is not root"),
    )
}

/// The directory of `initdb`, `postgres` and `pg_ctl`: the system's newest, or what PATH has.
fn find_binaries() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .rev()
        .map(|(_version, directory)| directory)
        .chain(std::env::split_paths(&on_path))
        .find(|directory| {
            ["initdb", "postgres", "pg_ctl"]
                .iter()
                .all(|name| directory.join(name).is_file())
        })
}
