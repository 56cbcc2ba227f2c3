//! The server as a process: what it leaves in its data directory, and that nobody has to read what it prints.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use brokerage_store::audit::{AuditEntry, audit_list};
use brokerage_store::{Durability, Store};

const BINARY: &str = env!("CARGO_BIN_EXE_brokerage");

/// A server on ports that the system chooses; killed when a test gives it up.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Server {
    fn start(data: &Path, flags: &[&str], out: Stdio, error: Stdio) -> Self {
        let child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(error)
            .spawn();
        Self(child.unwrap())
    }

    /// The address of the API, from the line that says that the server is ready.
    fn address(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        ready["api"][0].as_str().unwrap().to_owned()
    }

    /// Asks it to stop and waits; whether it ended well.
    fn stop(mut self) -> bool {
        let id = self.0.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.unwrap().success());
        self.0.wait().unwrap().success()
    }
}

fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

/// The first line of an answer to an unsigned call.
fn call(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /?Action=GetQuotaTip&Version=2019-09-16 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    let command = Command::new(BINARY)
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output();
    command.unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (gone, writer) = std::io::pipe().unwrap();
    drop(gone);
    for error in [full(), writer.into()] {
        // Every event is a line that fails, before the server is ready and behind it.
        let flags = ["--json", "--sandbox", "--log", "trace"];
        let mut server = Server::start(data.path(), &flags, Stdio::piped(), error);
        let address = server.address();
        assert!(call(&address).starts_with("HTTP/1.1 4"), "it answers");
        assert!(server.stop());
    }
    // Nobody reads that it is ready either: it serves the operator all the same.
    for flags in [&["--json"][..], &[]] {
        let mut server = Server::start(data.path(), flags, full(), full());
        let socket = data.path().join("brokerage.sock");
        while !socket.exists() {
            assert!(server.0.try_wait().unwrap().is_none(), "it goes on");
            std::thread::yield_now();
        }
        let listed = run(data.path(), &["account", "list", "--json"]);
        assert!(listed.status.success(), "{listed:?}");
        assert!(server.stop());
        assert!(!socket.exists());
    }
}

/// A longer one was cut and then fitted nothing that anybody would type.
#[test]
fn a_password_that_is_too_long_is_refused_before_anybody_is_asked() {
    let data = tempfile::tempdir().unwrap();
    let check = |bytes: usize, is_long: bool| {
        let mut putting = Command::new(BINARY)
            .args(["user", "put", "i", "anna", "--password-stdin", "--data"])
            .arg(data.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may have read enough before all of it is written.
        drop(
            putting
                .stdin
                .take()
                .unwrap()
                .write_all("p".repeat(bytes).as_bytes()),
        );
        let refused = putting.wait_with_output().unwrap();
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "no server runs");
        assert_eq!(told.contains("at most 4096"), is_long, "{bytes}: {told}");
    };
    check(4_096, false);
    check(4_097, true);
    check(300_000, true);
}

#[test]
fn a_data_directory_without_its_key_or_its_database_is_not_served() {
    for missing in ["master.key", "brokerage.sqlite"] {
        let data = tempfile::tempdir().unwrap();
        let mut server = Server::start(data.path(), &["--json"], Stdio::piped(), Stdio::null());
        server.address();
        assert!(server.stop());
        let files = |wal| data.path().join(format!("brokerage.sqlite{wal}")).exists();
        assert_eq!(["", "-wal", "-shm"].map(files), [true, false, false]);

        fs::remove_file(data.path().join(missing)).unwrap();
        for arguments in [
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["account", "list"],
        ] {
            let refused = run(data.path(), arguments);
            let told = String::from_utf8(refused.stderr).unwrap();
            assert!(!refused.status.success(), "without {missing}");
            assert!(
                told.contains(missing) && told.contains("Nothing was changed"),
                "{told}"
            );
            assert!(!data.path().join(missing).exists());
        }
    }
}

/// What the database does not know is told to the operator, and goes by his command only, which the audit trail names.
#[test]
fn an_orphan_is_listed_and_deleted_over_the_operators_socket() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &["--json"], Stdio::piped(), Stdio::null());
    server.address();
    let orphan = data.path().join("clusters").join("ckafka-stranger");
    fs::create_dir(&orphan).unwrap();
    let orphans = || {
        let listed = run(data.path(), &["orphan", "list", "--json"]);
        assert!(listed.status.success(), "{listed:?}");
        String::from_utf8(listed.stdout).unwrap()
    };
    assert!(orphans().contains("ckafka-stranger"), "{}", orphans());
    for (id, is_deleted) in [("ckafka-nobody", false), ("ckafka-stranger", true)] {
        let deleted = run(data.path(), &["orphan", "delete", id]);
        assert_eq!(deleted.status.success(), is_deleted, "{deleted:?}");
    }
    assert!(!orphans().contains("ckafka-stranger"), "{}", orphans());
    assert!(!orphan.exists());
    assert!(server.stop());

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let file = data.path().join("brokerage.sqlite");
    let store = Store::open_sqlite_existing(&file, Durability::Process).unwrap();
    let rows = runtime.block_on(store.read("audit", |tx| audit_list(tx, "", i64::MAX, 10)));
    let rows: Vec<AuditEntry> = rows.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (&*row.action, &*row.resource, &*row.decided_by))
        .collect();
    assert_eq!(told, [("OrphanDelete", "ckafka-stranger", "operator")]);
}

#[test]
fn an_opening_balance_that_cannot_be_makes_no_account() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &["--json"], Stdio::piped(), Stdio::null());
    server.address();
    for balance in ["-5", "1e9", "1000000001"] {
        let balance = format!("--balance={balance}");
        let refused = run(data.path(), &["account", "create", "team-a", &balance]);
        assert!(!refused.status.success(), "{balance}: {refused:?}");
    }
    let listed = run(data.path(), &["account", "list", "--json"]);
    assert_eq!(String::from_utf8(listed.stdout).unwrap().trim(), "[]");
    assert!(server.stop());
}
