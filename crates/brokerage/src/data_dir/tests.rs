use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;

/// A start up to where the data directory is whole.
fn start(path: &Path) -> anyhow::Result<String> {
    let chance = Chance::from_system();
    let mut data = DataDir::own(path, true, None)?;
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
    let interrupted: [&dyn Fn(&mut DataDir); 3] = [
        &|_| {},
        &|data| drop(data.master_key(&Chance::from_system()).expect("a key")),
        &|data| {
            data.master_key(&Chance::from_system()).expect("a key");
            drop(data.open_store(Durability::Process).expect("a database"));
        },
    ];
    for (at, cut_off) in interrupted.into_iter().enumerate() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut data = DataDir::own(dir.path(), true, None).expect("a data directory");
        cut_off(&mut data);
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
fn mode(path: &Path) -> u32 {
    let seen = fs::metadata(path).expect("it is there");
    seen.permissions().mode() & 0o777
}

#[test]
fn what_was_open_to_others_is_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("data");
    start(&path).expect("the first start");
    let files = [STORE_FILE, MASTER_KEY_FILE, NODE_FILE, LOCK_FILE];
    for name in files {
        close_less(&path.join(name), 0o644);
    }
    close_less(&path.join(CLUSTERS_DIR), 0o755);
    close_less(&path, 0o755);
    start(&path).expect("the second start");
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join(CLUSTERS_DIR)), 0o700);
    for name in files {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
}

fn close_less(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// A start with a key that is given, and the key that it went on with.
fn start_given(path: &Path, key: &str) -> anyhow::Result<String> {
    let given = MasterKey::from_text(key)?;
    let mut data = DataDir::own(path, true, Some(given))?;
    let key = data.master_key(&Chance::from_system())?;
    let store = data.open_store(Durability::Process)?;
    data.keep_master_key()?;
    data.node(&Chance::from_system())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(store.close());
    Ok(key.to_text().expose_secret().to_owned())
}

#[test]
fn a_key_that_is_given_is_written_nowhere_and_has_to_be_the_own_one() {
    let (one, other) = ("01".repeat(32), "02".repeat(32));
    let dir = tempfile::tempdir().expect("a directory");
    for _ in 0..2 {
        assert_eq!(start_given(dir.path(), &one).expect("a start"), one);
    }
    assert!(!dir.path().join(MASTER_KEY_FILE).exists());
    assert!(!dir.path().join(DRAWN_KEY_FILE).exists());
    fs::remove_file(dir.path().join(STORE_FILE)).expect("the database goes");
    assert!(start_given(dir.path(), &one).is_err(), "no database");
    let dir = tempfile::tempdir().expect("a directory");
    let own = start(dir.path()).expect("a start");
    assert!(start_given(dir.path(), &other).is_err(), "another key");
    assert_eq!(start_given(dir.path(), &own).expect("its own key"), own);
}

#[test]
fn the_socket_of_a_deep_directory_is_in_it_and_its_owner_answers() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["near".to_owned(), "x".repeat(120)] {
        let path = dir.path().join(name);
        fs::create_dir(&path).expect("a directory");
        let socket = Socket::of(&path).expect("a socket");
        assert!(socket.connect().expect("nobody").is_none());
        let _listener = std::os::unix::net::UnixListener::bind(socket.path()).expect("it is bound");
        assert!(path.join(SOCKET_FILE).exists());
        let asked = Socket::of(&path).expect("a socket");
        assert!(asked.connect().expect("ourselves").is_some());
        let stranger = Socket {
            owner: asked.owner + 1,
            ..asked
        };
        let heard = stranger.connect().map(|stream| stream.is_some());
        match peer_is_root() {
            true => assert!(heard.is_ok()),
            false => assert!(heard.is_err()),
        }
    }
}

fn peer_is_root() -> bool {
    rustix::process::getuid().is_root()
}
