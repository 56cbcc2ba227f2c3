//! Every file of a data directory, changed, missing, emptied and cut: `docs/files.md` says what a start makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::serve::{BINARY, Server, run};

/// What is done to a file.
const DAMAGES: [&str; 4] = ["changed", "missing", "emptied", "cut"];

/// What the table says of one file.
struct Row {
    pattern: String,
    expected: [String; 4],
}

fn table() -> Vec<Row> {
    let text = include_str!("../../../../docs/files.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    rows.map(|line| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(cell).collect();
        let [pattern, changed, missing, emptied, cut, _] = &cells[..] else {
            panic!("{line}");
        };
        Row {
            pattern: pattern.clone(),
            expected: [changed, missing, emptied, cut].map(Clone::clone),
        }
    })
    .collect()
}

/// Whether a path is one that a pattern means: `*` is anything within a name.
fn is_meant(pattern: &str, path: &str) -> bool {
    let (patterns, names): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let name_is_meant = |(pattern, name): (&&str, &&str)| match pattern.split_once('*') {
        Some((before, after)) => {
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        }
        None => pattern == name,
    };
    patterns.len() == names.len() && patterns.iter().zip(&names).all(name_is_meant)
}

/// Every file below a directory, by its path from there. A socket is none that can be copied.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn lay_out(files: &BTreeMap<String, Vec<u8>>, dir: &Path) {
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn serve(data: &Path, tls: bool) -> Server {
    let mut flags = vec!["--sandbox", "--json", "--log", "error"];
    if tls {
        flags.extend(["--listen-tls", "127.0.0.1:0"]);
    }
    Server::start(data, &flags, Stdio::piped(), Stdio::piped())
}

fn brokerage(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    format!("{text}{error}")
}

/// A directory with all that there is: a cluster, a topic with a record, money and keys.
fn fill(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut server = serve(data, true);
    let address = server.address();
    for arguments in [
        &["buy", "--dialect", "ckafka", "--name", "orders", "--wait", "--endpoint"][..],
        &["topic", "create", "orders", "t"],
        &["user", "put", "orders", "anna", "--password-stdin"],
    ] {
        let mut all = arguments.to_vec();
        let endpoint = format!("http://{address}");
        if arguments.last() == Some(&"--endpoint") {
            all.push(&endpoint);
        }
        drop(brokerage(data, &all));
    }
    assert!(server.stop());
    files(data)
}

/// What a start made of a directory.
#[derive(Debug, PartialEq)]
enum Start {
    Refused(String),
    Served { cluster_runs: bool, findings: bool },
}

fn start(data: &Path) -> Start {
    let mut server = serve(data, true);
    if server.try_address().is_none() {
        return Start::Refused(server.error());
    }
    let shown = brokerage(data, &["instances", "--json"]);
    let checked = run(data, &["ledger", "check"]);
    let cluster_runs = shown.contains("\"running\"");
    assert!(server.stop());
    Start::Served {
        cluster_runs,
        findings: !checked.status.success(),
    }
}

fn damaged(bytes: &[u8], damage: &str) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    match damage {
        "changed" => {
            let middle = bytes.len() / 2;
            bytes.get_mut(middle).into_iter().for_each(|byte| *byte ^= 4);
        }
        "missing" => return None,
        "emptied" => bytes.clear(),
        _ => bytes.truncate(bytes.len() / 2),
    }
    Some(bytes)
}

/// What is other than before, the database left out that a start opens before it finds something else wrong.
fn changed<'f>(
    before: &'f BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
) -> Vec<&'f str> {
    let differs = before.iter().filter(|(name, bytes)| {
        !name.starts_with("brokerage.sqlite") && after.get(*name) != Some(bytes)
    });
    differs.map(|(name, _)| name.as_str()).collect()
}

fn check(whole: &BTreeMap<String, Vec<u8>>, name: &str, damage: &str, expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    lay_out(whole, dir.path());
    let path = dir.path().join(name);
    match damaged(&whole[name], damage) {
        Some(bytes) => fs::write(&path, bytes).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let before = files(dir.path());
    let begun = start(dir.path());
    let what = format!("{name} {damage}: {begun:?}");
    let after = files(dir.path());
    match (expected, &begun) {
        ("refused", Start::Refused(why)) => {
            let file = Path::new(name).file_name().unwrap().to_str().unwrap();
            assert!(why.contains(file) || why.contains("database"), "{what}");
            assert_eq!(changed(&before, &after), [""; 0], "{what}");
        }
        ("cluster", Start::Served { cluster_runs, .. }) => {
            assert!(!cluster_runs, "{what}");
            let of_cluster = |name: &&str| name.ends_with("cluster.journal");
            let changed: Vec<&str> = changed(&before, &after).into_iter().filter(of_cluster).collect();
            assert_eq!(changed, [""; 0], "{what}");
        }
        ("told", _) => {}
        (
            "harmless" | "repaired",
            Start::Served {
                cluster_runs: true,
                findings: false,
            },
        ) => {}
        _ => panic!("{what}, not {expected}"),
    }
    // Whatever it made of it, the rest is there still.
    let gone: BTreeSet<&String> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    let gone: Vec<&&String> = gone.iter().filter(|name| !name.ends_with(".kafka_cleanshutdown")).collect();
    assert!(gone.is_empty(), "{what}: {gone:?}");
}

#[test]
fn every_file_is_in_the_table_and_a_start_does_what_it_says() {
    assert!(Path::new(BINARY).exists());
    let dir = tempfile::tempdir().unwrap();
    let whole = fill(dir.path());
    let rows = table();
    for name in whole.keys() {
        let row = rows.iter().find(|row| is_meant(&row.pattern, name));
        let Some(row) = row else {
            panic!("docs/files.md has no row for {name}");
        };
        for (damage, expected) in DAMAGES.into_iter().zip(&row.expected) {
            check(&whole, name, damage, expected);
        }
    }
    let path = |row: &Row| PathBuf::from(&row.pattern);
    assert!(rows.iter().map(path).all(|path| path.is_relative()));
}
