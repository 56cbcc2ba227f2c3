//! Which configuration is used, and for how long.

use super::*;
const NOW_MS: i64 = 1_700_000_000_000;
const DAY_MS: i64 = 86_400_000;

fn open(files: Option<&TlsFiles>, dir: &Path) -> Result<Arc<Tls>, HostError> {
    Tls::open(files, dir, &Disk::default(), NOW_MS)
}

#[test]
fn names_are_those_told_to_clients_and_those_of_this_machine() {
    let check = |host: &str, bind: Option<[u8; 4]>, more: &[&str]| {
        let names = names(host, bind.map(IpAddr::from));
        let expected: BTreeSet<&str> = ["localhost", "127.0.0.1", "::1"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        assert!(names.iter().map(String::as_str).eq(expected), "{names:?}");
    };
    check("127.0.0.1", None, &[]);
    check("b0.c.example", None, &["b0.c.example"]);
    check(
        "b0.c.example",
        Some([127, 77, 0, 1]),
        &["b0.c.example", "127.77.0.1"],
    );
    check("kafka", Some([0, 0, 0, 0]), &["kafka"]);
}

#[tokio::test]
async fn listeners_with_the_same_names_share_one_configuration_until_it_is_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let tls = open(None, dir.path()).unwrap();
    let here = names("127.0.0.1", None);
    let first = tls.config(&here, NOW_MS).await.unwrap();
    let same = tls.config(&names("localhost", None), NOW_MS).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    let other = tls.config(&names("other", None), NOW_MS).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    let still = tls.config(&here, NOW_MS + 59 * DAY_MS).await.unwrap();
    assert!(Arc::ptr_eq(&first, &still));
    let renewed = tls.config(&here, NOW_MS + 60 * DAY_MS).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &renewed));
    // A clock that was set back: what was made would not be valid yet.
    let earlier = tls.config(&here, NOW_MS).await.unwrap();
    assert!(!Arc::ptr_eq(&renewed, &earlier));
}

#[tokio::test]
async fn the_number_of_configurations_is_bounded_and_the_oldest_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let tls = open(None, dir.path()).unwrap();
    let busy = names("busy", None);
    let config = tls.config(&busy, NOW_MS).await.unwrap();
    for at in 0..CONFIGS_MAX {
        // What is kept does not matter here, and making certificates takes its time.
        let ready = Ready {
            config: config.clone(),
            made_ms: NOW_MS,
            renew_ms: NOW_MS + 1,
        };
        let mut configs = tls.configs.lock();
        let turn = configs.turn;
        let key: Names = [format!("n{at}")].into_iter().collect();
        configs.by_names.insert(key, (ready, turn));
    }
    assert!(tls.current(&busy, NOW_MS).is_some());
    let before = tls.configs.lock().by_names.len();
    tls.config(&names("another", None), NOW_MS).await.unwrap();
    assert_eq!(tls.configs.lock().by_names.len(), before);
    assert!(tls.current(&busy, NOW_MS).is_some());
}

#[tokio::test]
async fn files_that_were_given_are_for_all_names_and_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(&Disk::default(), dir.path(), NOW_MS).unwrap();
    let files = TlsFiles {
        certificate_chain: dir.path().join("chain.pem"),
        private_key: dir.path().join("key.pem"),
    };
    assert!(matches!(
        open(Some(&files), dir.path()),
        Err(HostError::Certificate { .. })
    ));
    let pem = |label: &str, der: &[u8]| {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD as BASE64;
        let text = BASE64.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let write = || {
        let identity = authority
            .issue(&["kafka.example".to_owned()], NOW_MS)
            .unwrap();
        let chain = pem("CERTIFICATE", &identity.chain[0]);
        std::fs::write(&files.certificate_chain, chain).unwrap();
        let key = pem("PRIVATE KEY", identity.key.secret_der());
        std::fs::write(&files.private_key, key).unwrap();
    };
    write();
    let tls = open(Some(&files), dir.path()).unwrap();
    let first = tls.config(&names("a", None), NOW_MS).await.unwrap();
    let same = tls.config(&names("b", None), NOW_MS).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    let later_ms = NOW_MS + FILES_INTERVAL_MS;
    write();
    let second = tls.config(&names("a", None), later_ms).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    // Half of a replacement: the old certificate stays until the files fit each other again.
    std::fs::write(&files.private_key, "nonsense").unwrap();
    let later_ms = later_ms + FILES_INTERVAL_MS;
    let kept = tls.config(&names("a", None), later_ms).await.unwrap();
    assert!(Arc::ptr_eq(&second, &kept));
    write();
    let third = tls
        .config(&names("a", None), later_ms + FILES_INTERVAL_MS)
        .await
        .unwrap();
    assert!(!Arc::ptr_eq(&second, &third));
}
