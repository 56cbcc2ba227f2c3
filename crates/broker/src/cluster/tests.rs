//! What becomes of records, producers and groups with time: by the broker's clock, at Kafka's intervals.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    GroupId, InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest,
    OffsetCommitRequest, TopicName, TransactionalId,
};
use tempfile::TempDir;

use crate::log::batch::{self, BatchHeader, HEADER_BYTES};
use crate::log::durability::Durability;
use crate::spec::{ClusterSpec, TopicSpec};
use crate::trace::{Draft, NOW_MS, TracedCluster, build, produce};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const NO_TIMESTAMP: i64 = -1;

struct Bench {
    running: TracedCluster,
    _dir: TempDir,
}

async fn bench(configs: &[(&str, &str)]) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let running = TracedCluster::open(dir.path(), None, Durability::Process);
    running.cluster.elect().unwrap();
    let configs = configs.iter();
    let topic = TopicSpec {
        name: "t".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: configs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    running
        .cluster
        .create_topic(topic, Vec::new())
        .await
        .unwrap();
    Bench { running, _dir: dir }
}

/// One record of this time; `is_told` says whether the header has it, too.
fn record(key: &str, value: Option<&str>, timestamp_ms: i64, is_told: bool) -> Bytes {
    let bytes = |text: &str| text.as_bytes().to_vec();
    from_producer(
        &Draft {
            records: vec![(Some(bytes(key)), value.map(bytes))],
            timestamp_ms,
            producer: None,
            is_transactional: false,
        },
        is_told,
    )
}

fn from_producer(draft: &Draft, is_told: bool) -> Bytes {
    let bytes = build(draft);
    if is_told {
        return bytes;
    }
    let header = BatchHeader {
        max_timestamp: NO_TIMESTAMP,
        ..BatchHeader::parse(&bytes).unwrap()
    };
    batch::with_records(&header, header.records_count, &bytes[HEADER_BYTES..]).into()
}

impl Bench {
    async fn send(&self, records: &Bytes) -> PartitionProduceResponse {
        let answer = self.running.call(produce("t", 0, records, None), 9).await;
        let answer = answer.responses[0].partition_responses[0].clone();
        assert_eq!(answer.error_code, 0);
        answer
    }

    /// Time passes in steps, with scheduled tasks after each; unused partitions are closed.
    async fn pass(&self, total_ms: i64) {
        let steps = 7;
        for _ in 0..steps {
            self.running.run_scheduled_tasks(total_ms / steps).await;
        }
    }

    fn start(&self) -> i64 {
        let partition = self.running.partition("t", 0).unwrap();
        partition.watermarks().unwrap().log_start_offset
    }
}

#[tokio::test]
async fn records_go_when_they_are_old_and_not_before() {
    let check = async |timestamp_ms: i64, is_told: bool, kept_ms: i64, gone_ms: i64| {
        let bench = bench(&[("retention.ms", "86400000")]).await;
        for _ in 0..3 {
            bench
                .send(&record("k", Some("v"), timestamp_ms, is_told))
                .await;
        }
        bench.pass(kept_ms).await;
        let what = format!("{timestamp_ms}, told: {is_told}");
        assert_eq!(bench.start(), 0, "{what}: after {kept_ms} ms");
        bench.pass(gone_ms - kept_ms).await;
        assert_eq!(bench.start(), 3, "{what}: after {gone_ms} ms");
    };
    let day_later = DAY_MS + 10 * MINUTE_MS;
    check(NOW_MS, true, DAY_MS - MINUTE_MS, day_later).await;
    // Clients that do not say the largest timestamp.
    check(NOW_MS, false, DAY_MS - MINUTE_MS, day_later).await;
    // Records without a time are as old as their file.
    check(NO_TIMESTAMP, true, DAY_MS - MINUTE_MS, day_later).await;
    // What is too old when it comes can be read until retention is applied next.
    check(NOW_MS - 2 * DAY_MS, true, 20 * SECOND_MS, 2 * MINUTE_MS).await;
    check(NOW_MS - 2 * DAY_MS, false, 20 * SECOND_MS, 2 * MINUTE_MS).await;
}

#[tokio::test]
async fn retention_is_applied_every_five_minutes() {
    let bench = bench(&[("retention.ms", "1000")]).await;
    bench.pass(70 * SECOND_MS).await;
    // The first time is over; this lies between two.
    bench.send(&record("k", Some("v"), NOW_MS, true)).await;
    bench.pass(3 * MINUTE_MS).await;
    assert_eq!(bench.start(), 0);
    bench.pass(3 * MINUTE_MS).await;
    assert_eq!(bench.start(), 1);
}

#[tokio::test]
async fn producers_are_known_while_they_append_whatever_time_they_write() {
    let check = async |timestamp_ms: i64, is_told: bool| {
        let bench = bench(&[("retention.ms", "-1")]).await;
        let batch = |sequence: i32| {
            let draft = Draft {
                records: vec![(None, Some(b"v".to_vec()))],
                timestamp_ms,
                producer: Some((7, 0, sequence)),
                is_transactional: false,
            };
            from_producer(&draft, is_told)
        };
        bench.send(&batch(0)).await;
        assert_eq!(bench.send(&batch(1)).await.base_offset, 1);
        for pause_ms in [5 * SECOND_MS, 20 * MINUTE_MS, 20 * HOUR_MS] {
            bench.pass(pause_ms).await;
            let again = bench.send(&batch(1)).await.base_offset;
            assert_eq!(again, 1, "{timestamp_ms}: repeated after {pause_ms} ms");
        }
        // The first of these opens the closed partition; the next run removes idle producers.
        bench.pass(2 * DAY_MS).await;
        bench.start();
        bench.running.run_scheduled_tasks(11 * MINUTE_MS).await;
        assert_eq!(bench.send(&batch(1)).await.base_offset, 2);
    };
    check(NOW_MS, true).await;
    check(NOW_MS, false).await;
    check(NOW_MS - 2 * DAY_MS, true).await;
    check(NO_TIMESTAMP, true).await;
}

#[tokio::test]
async fn segments_without_a_time_are_closed_by_the_brokers_clock() {
    let bench = bench(&[("segment.ms", "3600000"), ("retention.ms", "-1")]).await;
    let segments = || {
        let partition = bench.running.partition("t", 0).unwrap();
        partition.ask(|log, _| Ok(log.segments_count())).unwrap()
    };
    let timeless = record("k", Some("v"), NO_TIMESTAMP, true);
    bench.send(&timeless).await;
    bench.running.run_scheduled_tasks(30 * MINUTE_MS).await;
    bench.send(&timeless).await;
    assert_eq!(segments(), 1);
    bench.running.run_scheduled_tasks(31 * MINUTE_MS).await;
    bench.send(&timeless).await;
    assert_eq!(segments(), 2);
}

#[tokio::test]
async fn a_smaller_size_is_kept_where_nobody_asks_for_records_any_more() {
    let bench = bench(&[("segment.bytes", "100"), ("retention.ms", "-1")]).await;
    for _ in 0..4 {
        bench.send(&record("k", Some("v"), NOW_MS, true)).await;
    }
    bench.pass(HOUR_MS).await;
    let partition = bench.running.partition("t", 0).unwrap();
    assert!(!partition.is_open() && partition.stored_bytes() > 100);
    let old = bench.running.cluster.spec();
    let mut spec = ClusterSpec::clone(&old);
    spec.defaults.retention_bytes = 0;
    bench.running.cluster.set_spec(Arc::new(spec));
    bench.running.cluster.adapt(&old).unwrap();
    bench.pass(HOUR_MS).await;
    assert_eq!((bench.start(), partition.stored_bytes()), (4, 0));
}

#[tokio::test]
async fn transactional_ids_that_nobody_uses_are_forgotten_after_the_clusters_time() {
    let check = async |expiration_ms: i64| {
        let bench = bench(&[]).await;
        let cluster = &bench.running.cluster;
        let spec = ClusterSpec {
            transactional_id_expiration_ms: expiration_ms,
            ..ClusterSpec::clone(&cluster.spec())
        };
        cluster.set_spec(Arc::new(spec));
        let begin = InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId("x".into())))
            .with_transaction_timeout_ms(1_000);
        let begun = bench.running.call(begin, 4).await;
        assert_eq!(begun.error_code, 0);
        let is_known = || {
            cluster
                .metadata_log()
                .read(|state| state.transactions.contains_key("x"))
        };
        bench.pass(expiration_ms - MINUTE_MS).await;
        assert!(is_known(), "within {expiration_ms}");
        bench.pass(10 * MINUTE_MS).await;
        assert!(!is_known(), "after {expiration_ms}");
    };
    check(HOUR_MS).await;
    check(7 * DAY_MS).await;
}

#[tokio::test]
async fn tombstones_stay_for_their_time_by_the_brokers_clock() {
    let check = async |timestamp_ms: i64| {
        let configs = [
            ("cleanup.policy", "compact"),
            ("segment.bytes", "100"),
            ("min.cleanable.dirty.ratio", "0.0"),
            ("delete.retention.ms", "3600000"),
        ];
        let bench = bench(&configs).await;
        bench
            .send(&record("k", Some("v"), timestamp_ms, true))
            .await;
        bench.send(&record("k", None, timestamp_ms, true)).await;
        let others = async || {
            for key in ["a", "b"] {
                bench.send(&record(key, Some("v"), NOW_MS, true)).await;
                bench.running.run_scheduled_tasks(SECOND_MS).await;
            }
        };
        others().await;
        bench.pass(30 * MINUTE_MS).await;
        others().await;
        let keys = || {
            let seen = bench.running.read("t", 0, false).1;
            let deleted = seen.iter().filter(|record| record.value.is_none());
            deleted.count()
        };
        assert_eq!(keys(), 1, "{timestamp_ms}: within its time");
        bench.pass(40 * MINUTE_MS).await;
        others().await;
        assert_eq!(keys(), 0, "{timestamp_ms}: after its time");
    };
    check(NOW_MS).await;
    check(NOW_MS - 30 * DAY_MS).await;
    check(NO_TIMESTAMP).await;
}

const GROUP: &str = "g";

impl Bench {
    /// A member joins the group, and leaves it again.
    async fn visit(&self) {
        let protocol = JoinGroupRequestProtocol::default().with_name("range".into());
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(GROUP.into()))
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(10_000)
            .with_group_instance_id(None)
            .with_protocol_type("consumer".into())
            .with_protocols(vec![protocol]);
        let joined = self.running.call(request, 3).await;
        assert_eq!(joined.error_code, 0);
        let request = LeaveGroupRequest::default()
            .with_group_id(GroupId(GROUP.into()))
            .with_member_id(joined.member_id);
        assert_eq!(self.running.call(request, 2).await.error_code, 0);
    }

    /// Commits the offset of a partition as a client that is no member does.
    async fn commit(&self) {
        let at = OffsetCommitRequestPartition::default().with_committed_offset(5);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName("t".into()))
            .with_partitions(vec![at]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(GROUP.into()))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let answer = self.running.call(request, 7).await;
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    }

    /// State and protocol type of the group in a list; `None` if it is not there.
    async fn listed(&self) -> Option<(String, String)> {
        let answer = self.running.call(ListGroupsRequest::default(), 4).await;
        let group = answer.groups.first()?;
        Some((
            group.group_state.to_string(),
            group.protocol_type.to_string(),
        ))
    }

    fn offset(&self) -> Option<i64> {
        self.running.committed_offset(GROUP, "t", 0)
    }
}

#[tokio::test]
async fn a_group_that_never_committed_stays_until_expired_offsets_are_looked_for() {
    let bench = bench(&[]).await;
    bench.visit().await;
    let empty = Some(("Empty".to_owned(), "consumer".to_owned()));
    assert_eq!(bench.listed().await, empty);
    bench.pass(9 * MINUTE_MS).await;
    assert_eq!(bench.listed().await, empty);
    bench.pass(2 * MINUTE_MS).await;
    assert_eq!(bench.listed().await, None);
}

#[tokio::test]
async fn offsets_stay_for_a_week_after_the_last_member_or_after_they_were_committed() {
    // Nobody was ever a member: the week begins when they are committed.
    let simple = bench(&[]).await;
    simple.commit().await;
    assert_eq!(
        simple.listed().await,
        Some(("Empty".to_owned(), String::new()))
    );
    simple.pass(6 * DAY_MS).await;
    assert_eq!(simple.offset(), Some(5));
    simple.pass(DAY_MS + HOUR_MS).await;
    assert_eq!(simple.offset(), None);

    // It begins anew when a member has gone.
    let emptied = bench(&[]).await;
    emptied.commit().await;
    emptied.pass(6 * DAY_MS).await;
    emptied.visit().await;
    emptied.pass(6 * DAY_MS).await;
    let empty = ("Empty".to_owned(), "consumer".to_owned());
    assert_eq!(
        (emptied.offset(), emptied.listed().await),
        (Some(5), Some(empty))
    );
    emptied.pass(DAY_MS + HOUR_MS).await;
    assert_eq!((emptied.offset(), emptied.listed().await), (None, None));
}
