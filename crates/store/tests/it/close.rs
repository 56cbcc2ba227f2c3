//! What a file has in it: a whole database after a clean end, and nothing made where one should be.

use std::fs;
use std::path::Path;

use brokerage_store::nonce::nonce_insert;
use brokerage_store::{Durability, READ_CONNECTIONS, Store, StoreError, params};

use crate::write;

mod sql {
    brokerage_store::statements! {
        pub COUNT = "SELECT COUNT(*) FROM nonce WHERE access_key_id = $1";
    }
}

const ROWS: i64 = 500;

/// Puts something where a database should be.
type Make<'a> = &'a dyn Fn(&Path);

/// Names and contents of a directory's files.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

async fn count(store: &Store) -> i64 {
    let counting = store.read("count", |tx| {
        tx.query(&sql::COUNT, params!["key"])?[0].int(0)
    });
    counting.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_database_is_one_whole_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = Store::open_sqlite(&path, Durability::Power).unwrap();
    for at in 0..ROWS {
        write(&store, move |tx| {
            nonce_insert(tx, "key", &at.to_string(), at)
        })
        .await
        .unwrap();
    }
    // Every reader has looked, so that each has the log open.
    for _ in 0..4 * READ_CONNECTIONS {
        assert_eq!(count(&store).await, ROWS);
    }
    store.close().await;
    let names: Vec<String> = files(directory.path())
        .into_iter()
        .map(|file| file.0)
        .collect();
    assert_eq!(names, ["store.db"]);

    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    let store = Store::open_sqlite_existing(&copy, Durability::Power).unwrap();
    assert_eq!(count(&store).await, ROWS);
    store.close().await;
}

#[test]
fn a_database_that_should_be_there_is_not_made() {
    // As a first version left it that kept everything in the log: a head, and nothing else.
    let headed = |path: &Path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
            .unwrap();
    };
    let cases: [(&str, Make<'_>); 4] = [
        ("missing", &|_| {}),
        ("empty", &|path| fs::write(path, b"").unwrap()),
        ("empty beside a log", &|path| {
            fs::write(path, b"").unwrap();
            fs::write(path.with_extension("db-wal"), b"a log").unwrap();
        }),
        ("without tables", &headed),
    ];
    for (what, make) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        make(&path);
        let before = files(directory.path());
        let opened = Store::open_sqlite_existing(&path, Durability::Power);
        assert!(
            matches!(opened, Err(StoreError::Empty)),
            "{what}: {opened:?}"
        );
        assert_eq!(files(directory.path()), before, "{what}");
    }
}
