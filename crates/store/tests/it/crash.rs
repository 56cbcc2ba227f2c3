//! The process is killed while it commits.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use brokerage_store::{Durability, Store, StoreError, nonce::nonce_insert, params};

/// Names the database file to the child process, which is this test again.
const PATH_VARIABLE: &str = "BROKERAGE_TEST_CRASH_DATABASE";

/// Concurrent callers in the child, so that commits carry groups.
const CALLERS: u32 = 8;

/// Acknowledged transactions after which the child is killed, a round each.
const KILL_AFTER: [usize; 3] = [1, 50, 300];

mod sql {
    brokerage_store::statements! {
        pub SELECT = "SELECT nonce FROM nonce WHERE access_key_id = $1 AND nonce = $2";
        pub INTEGRITY_CHECK = "PRAGMA integrity_check";
    }
}

/// What the child process does: commits without end, and prints what was acknowledged.
async fn commit_until_killed(path: &Path) {
    let store = Store::open_sqlite(path, Durability::Power).unwrap();
    let round = std::process::id();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let nonce = format!("{round}-{caller}-{number}");
                    let written = nonce.clone();
                    let fresh = store
                        .write("commit", move |tx| {
                            nonce_insert(tx, "key", &written, number)
                        })
                        .await;
                    assert!(fresh.unwrap());
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "\nacknowledged {nonce}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Ok(path) = std::env::var(PATH_VARIABLE) {
        return commit_until_killed(Path::new(&path)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let mut acknowledged = Vec::new();
    for kill_after in KILL_AFTER {
        acknowledged.extend(run_and_kill(&path, kill_after));

        let store = Store::open_sqlite(&path, Durability::Power).unwrap();
        let expected = acknowledged.clone();
        let missing = store
            .read("verify", move |tx| -> Result<Vec<String>, StoreError> {
                let check = tx.query(&sql::INTEGRITY_CHECK, &[])?;
                assert_eq!(check[0].text(0)?, "ok");
                let mut missing = Vec::new();
                for nonce in &expected {
                    if tx
                        .query_first(&sql::SELECT, params!["key", nonce])?
                        .is_none()
                    {
                        missing.push(nonce.clone());
                    }
                }
                Ok(missing)
            })
            .await
            .unwrap();
        assert_eq!(missing, Vec::<String>::new());
        store.close().await;
    }
}

/// Runs the child until it has acknowledged so many, kills it, and returns all that it acknowledged.
fn run_and_kill(path: &Path, kill_after: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::nothing_acknowledged_is_lost_when_the_process_is_killed",
            "--nocapture",
        ])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if let Some(nonce) = line.strip_prefix("acknowledged ") {
            acknowledged.push(nonce.to_owned());
        }
        if acknowledged.len() == kill_after {
            // SIGKILL; what it had printed before is still read.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(
        acknowledged.len() >= kill_after,
        "the child ended by itself"
    );
    acknowledged
}
