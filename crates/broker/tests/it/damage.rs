//! Directories that were damaged while nothing ran: what no crash explains is reported and left unchanged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use brokerage_broker::{Clock, Durability, Host, HostError, HostOptions};
use brokerage_kafka_admin::{Acl, AclFilter};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};

use crate::support::{Administration, Client, NOW_MS, batch, host_at, spec, topic};

/// Clusters of one host: the first is damaged.
const CLUSTERS: [&str; 2] = ["c", "d"];
const TOPICS: [&str; 3] = ["t", "u", "v"];

async fn produce(host: &Host, id: &str, topic: &str) {
    let data = PartitionProduceData::default().with_records(Some(batch(&["a", "b"])));
    let data = TopicProduceData::default()
        .with_name(TopicName(topic.to_owned().into()))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_transactional_id(None)
        .with_acks(-1)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![data]);
    let answer = Client::connect(host, id, 0).await.call(request, 9).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

fn acl(principal: &str) -> Acl {
    use brokerage_kafka_admin::{AclOperation, AclPermission, PatternType, ResourceType};
    Acl {
        resource_type: ResourceType::Topic,
        resource_name: "t".to_owned(),
        pattern_type: PatternType::Literal,
        principal: principal.to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::All,
        permission: AclPermission::Allow,
    }
}

/// A clock that goes on by a second whenever it is read.
struct FastClock(AtomicI64);

impl Clock for FastClock {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// Clusters with topics, records and ACLs.
async fn filled(dir: &Path, durability: Durability) -> Host {
    let clock = Arc::new(FastClock(AtomicI64::new(NOW_MS)));
    let host = Host::open(HostOptions {
        scheduled_tasks_interval: Duration::from_millis(20),
        ..HostOptions::new(dir.to_owned(), durability, clock, 1)
    })
    .unwrap();
    for id in CLUSTERS {
        host.ensure_cluster(spec(id, 1)).await.unwrap();
        for name in TOPICS {
            host.create_topic(id, topic(name, 1)).await.unwrap();
            produce(&host, id, name).await;
        }
        let acls = vec![acl("User:ANONYMOUS"), acl("User:x")];
        host.create_acls(id, acls).await.unwrap();
    }
    host
}

/// Everything below a directory.
fn content(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => {
                out.extend(content(&path));
                out.insert(path, None);
            }
            false => {
                let bytes = std::fs::read(&path).unwrap();
                out.insert(path, Some(bytes));
            }
        }
    }
    out
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in content(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        match bytes {
            Some(bytes) => std::fs::write(&target, bytes).unwrap(),
            None => std::fs::create_dir_all(&target).unwrap(),
        }
    }
}

fn line_begin(bytes: &[u8], line: usize) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at + 1).nth(line - 2).unwrap()
}

/// What happens to a metadata log; `None`: it goes.
type Damage = fn(&mut Vec<u8>) -> Option<()>;

const FLIPPED_FIRST: Damage = |bytes| {
    bytes[12] ^= 1;
    Some(())
};
const FLIPPED_SECOND: Damage = |bytes| {
    let at = line_begin(bytes, 2) + 12;
    bytes[at] ^= 4;
    Some(())
};
/// The first ACL: without it everything would be open to everybody.
const FLIPPED_ACL: Damage = |bytes| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    bytes[text.find("User:ANONYMOUS").unwrap()] ^= 1;
    Some(())
};
const ZEROED_PAGE: Damage = |bytes| {
    let at = line_begin(bytes, 2);
    bytes[at..at + 300].fill(0);
    Some(())
};
const ZEROED: Damage = |bytes| {
    bytes.fill(0);
    Some(())
};
const LINE_GONE: Damage = |bytes| {
    let (second, third) = (line_begin(bytes, 2), line_begin(bytes, 3));
    bytes.drain(second..third);
    Some(())
};
const EMPTIED: Damage = |bytes| {
    bytes.clear();
    Some(())
};
const MISSING: Damage = |_| None;
const HALVED: Damage = |bytes| {
    bytes.truncate(bytes.len() / 2);
    Some(())
};
const CUT: Damage = |bytes| {
    bytes.truncate(line_begin(bytes, 2));
    Some(())
};
const SHORTENED: Damage = |bytes| {
    bytes.pop();
    Some(())
};

async fn check(dir: &Path, what: &str, damage: Damage) {
    let scratch = tempfile::tempdir().unwrap();
    copy(dir, scratch.path());
    let metadata_log = scratch.path().join("c/cluster.journal");
    let sound = std::fs::read(&metadata_log).unwrap();
    let mut bytes = sound.clone();
    match damage(&mut bytes) {
        Some(()) => std::fs::write(&metadata_log, bytes).unwrap(),
        None => std::fs::remove_file(&metadata_log).unwrap(),
    }
    let found = content(&scratch.path().join("c"));
    let host = host_at(scratch.path(), Durability::Power);
    for _ in 0..2 {
        let refused = host.ensure_cluster(spec("c", 1)).await;
        assert!(
            matches!(&refused, Err(HostError::DamagedMetadataLog { id, .. }) if id == "c"),
            "{what}: {refused:?}"
        );
        assert!(
            content(&scratch.path().join("c")) == found,
            "{what}: something was changed"
        );
    }
    host.ensure_cluster(spec("d", 1)).await.unwrap();
    assert_eq!(host.list_topics("d").await.len(), TOPICS.len());
    // The backup is put back.
    std::fs::write(&metadata_log, sound).unwrap();
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    assert_eq!(host.list_topics("c").await.len(), TOPICS.len());
    let acls = host.list_acls("c", &AclFilter::default()).await;
    assert_eq!(acls.len(), 2, "{what}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_journal_stops_its_cluster_alone_and_nothing_is_deleted() {
    for durability in [Durability::Process, Durability::Power] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), durability).await.shutdown().await;
        for (what, damage) in [
            ("first line", FLIPPED_FIRST),
            ("second line", FLIPPED_SECOND),
            ("ACL", FLIPPED_ACL),
            ("zeros", ZEROED_PAGE),
            ("only zeros", ZEROED),
            ("line gone", LINE_GONE),
            ("emptied", EMPTIED),
            ("missing", MISSING),
            ("halved", HALVED),
            ("cut behind its first line", CUT),
            ("shortened", SHORTENED),
        ] {
            check(dir.path(), &format!("{durability:?}, {what}"), damage).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_a_while_before_a_kill_is_vouched_for_and_a_torn_tail_is_cut() {
    for durability in [Durability::Process, Durability::Power] {
        let dir = tempfile::tempdir().unwrap();
        let host = filled(dir.path(), durability).await;
        let metadata_log = dir.path().join("c/cluster.journal");
        let is_marked = || {
            let text = std::fs::read_to_string(&metadata_log).unwrap();
            // A mark for every record: only marks follow the position that it names.
            let mark = |line: &str| line.split_once(" @")?.1.parse::<usize>().ok();
            let last = text.lines().last().and_then(mark);
            last.is_some_and(|end| text[end..].lines().all(|line| mark(line).is_some()))
        };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !is_marked() {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let killed = tempfile::tempdir().unwrap();
        copy(dir.path(), killed.path());
        host.shutdown().await;
        for (what, damage) in [
            ("first line", FLIPPED_FIRST),
            ("second line", FLIPPED_SECOND),
            ("ACL", FLIPPED_ACL),
            ("zeros", ZEROED_PAGE),
            ("only zeros", ZEROED),
            ("line gone", LINE_GONE),
            ("emptied", EMPTIED),
            ("missing", MISSING),
            ("halved", HALVED),
            ("cut behind its first line", CUT),
        ] {
            check(killed.path(), &format!("{durability:?}, {what}"), damage).await;
        }
        let metadata_log = killed.path().join("c/cluster.journal");
        let mut bytes = std::fs::read(&metadata_log).unwrap();
        let sound_bytes = bytes.len();
        bytes.extend(b"0123abcd {\"t\":\"TopicGone\",\"name\":\"t\"}\n0123");
        std::fs::write(&metadata_log, &bytes).unwrap();
        let host = host_at(killed.path(), durability);
        host.ensure_cluster(spec("c", 1)).await.unwrap();
        assert_eq!(host.list_topics("c").await.len(), TOPICS.len());
        let cut = std::fs::read(&metadata_log).unwrap();
        assert_eq!(cut, bytes[..sound_bytes]);
        host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_the_journal_does_not_know_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), Durability::Process)
        .await
        .shutdown()
        .await;
    let cluster = dir.path().join("c");
    let records = std::fs::read(cluster.join("t-0/00000000000000000000.log")).unwrap();
    let make = |name: &str, file: &str, bytes: &[u8]| {
        std::fs::create_dir_all(cluster.join(name)).unwrap();
        std::fs::write(cluster.join(name).join(file), bytes).unwrap();
    };
    let log = "00000000000000000000.log";
    make("unknown-0", log, &records);
    make("t-1", log, &records);
    make("empty-0", log, b"");
    make("0.6b7f-delete", log, &records);
    make("old-0.6b7f-stray", log, &records);
    make("lost+found", "some", b"thing");
    make("backup", "cluster.journal", b"x");
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let mut names: Vec<String> = content(&cluster)
        .into_iter()
        .filter(|(_, bytes)| bytes.is_none())
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut aside: Vec<String> = Vec::new();
    names.retain(|name| {
        let is_new = name.ends_with("-stray") && !name.starts_with("old-0");
        if is_new {
            aside.push(name.clone());
        }
        !is_new
    });
    let left = [
        "backup",
        "lost+found",
        "old-0.6b7f-stray",
        "t-0",
        "u-0",
        "v-0",
    ];
    assert_eq!(names, left);
    let stems: Vec<&str> = aside
        .iter()
        .filter_map(|name| name.split_once('.').map(|(stem, _)| stem))
        .collect();
    assert_eq!(stems, ["t-1", "unknown-0"]);
    for name in &aside {
        assert_eq!(
            std::fs::read(cluster.join(name).join(log)).unwrap(),
            records
        );
    }
    host.shutdown().await;
}
