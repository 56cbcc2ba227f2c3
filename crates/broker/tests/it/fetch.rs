//! Fetching: sessions, answers that are sent from files, and topics that pack records anew.

use brokerage_broker::{Durability, Host};
use brokerage_kafka_admin::NewTopic;
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use uuid::Uuid;

use crate::cluster::{fetch, name, produce};
use crate::support::{Administration, Client, batch, host_at, spec, topic};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
const INVALID_FETCH_SESSION_EPOCH: i16 = 71;
const UNKNOWN_TOPIC_ID: i16 = 100;
const INCONSISTENT_TOPIC_ID: i16 = 103;
const FETCH_SESSION_TOPIC_ID_ERROR: i16 = 106;

/// A cluster of one broker with topics `t` and `u`.
struct Bench {
    host: Host,
    client: Client,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = host_at(dir.path(), Durability::Process);
        host.ensure_cluster(spec("c", 1)).await.unwrap();
        host.create_topic("c", topic("t", 3)).await.unwrap();
        host.create_topic("c", topic("u", 1)).await.unwrap();
        let client = Client::connect(&host, "c", 0).await;
        Self {
            host,
            client,
            _dir: dir,
        }
    }

    async fn id_of(&self, name: &str) -> Uuid {
        let topics = self.host.list_topics("c").await;
        topics.iter().find(|topic| topic.name == name).unwrap().id
    }
}

/// Topic (name, or id from version 13 on), partitions and offsets.
type Asked<'a> = (&'a str, Uuid, &'a [(i32, i64)]);

fn request(session: (i32, i32), asked: &[Asked<'_>], version: i16) -> FetchRequest {
    let topics = asked.iter().map(|(topic, id, partitions)| {
        let partitions = partitions.iter().map(|(partition, offset)| {
            FetchPartition::default()
                .with_partition(*partition)
                .with_fetch_offset(*offset)
                .with_partition_max_bytes(32 << 20)
        });
        let topic = if version < 13 { name(topic) } else { name("") };
        let id = if version < 13 { Uuid::nil() } else { *id };
        FetchTopic::default()
            .with_topic(topic)
            .with_topic_id(id)
            .with_partitions(partitions.collect())
    });
    FetchRequest::default()
        .with_max_bytes(32 << 20)
        .with_min_bytes(1)
        .with_session_id(session.0)
        .with_session_epoch(session.1)
        .with_topics(topics.collect())
}

/// Error code, and partition, error code and bytes of each partition of the answer.
fn told(answer: &FetchResponse) -> (i16, Vec<(i32, i16, usize)>) {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let partitions = partitions.map(|partition| {
        let bytes = partition.records.as_ref().map_or(0, Bytes::len);
        (partition.partition_index, partition.error_code, bytes)
    });
    (answer.error_code, partitions.collect())
}

#[tokio::test]
async fn a_session_tells_what_changed() {
    for version in [7, 11, 12, 13, 17] {
        let mut bench = Bench::new().await;
        let id = bench.id_of("t").await;
        let all: &[(i32, i64)] = &[(0, 0), (1, 0), (2, 0)];
        let first = request((0, 0), &[("t", id, all)], version);
        let answer = bench.client.call(first, version).await;
        let session = answer.session_id;
        assert_ne!(session, 0, "version {version}");
        assert_eq!(told(&answer), (0, vec![(0, 0, 0), (1, 0, 0), (2, 0, 0)]));

        let quiet = request((session, 1), &[], version);
        let answer = bench.client.call(quiet.clone(), version).await;
        assert_eq!((answer.session_id, told(&answer)), (session, (0, vec![])));

        let records = batch(&["a"]);
        produce(&mut bench.client, "t", 1, records.clone()).await;
        let answer = bench
            .client
            .call(request((session, 2), &[], version), version)
            .await;
        assert_eq!(told(&answer), (0, vec![(1, 0, records.len())]));

        // The consumer goes on behind them, and forgets another partition.
        let mut next = request((session, 3), &[("t", id, &[(1, 1)])], version);
        let (forgotten, forgotten_id) = match version {
            ..13 => (name("t"), Uuid::nil()),
            _ => (name(""), id),
        };
        next.forgotten_topics_data = vec![
            ForgottenTopic::default()
                .with_topic(forgotten)
                .with_topic_id(forgotten_id)
                .with_partitions(vec![0]),
        ];
        assert_eq!(told(&bench.client.call(next, version).await), (0, vec![]));
        for partition in 0..3 {
            produce(&mut bench.client, "t", partition, records.clone()).await;
        }
        let answer = bench
            .client
            .call(request((session, 4), &[], version), version)
            .await;
        assert_eq!(
            told(&answer),
            (0, vec![(2, 0, records.len()), (1, 0, records.len())])
        );

        let stale = bench.client.call(quiet, version).await;
        assert_eq!(stale.error_code, INVALID_FETCH_SESSION_EPOCH);
        let end = bench
            .client
            .call(request((session, -1), &[], version), version)
            .await;
        assert_eq!((end.session_id, told(&end)), (0, (0, vec![])));
        let gone = bench
            .client
            .call(request((session, 5), &[], version), version)
            .await;
        assert_eq!(gone.error_code, FETCH_SESSION_ID_NOT_FOUND);
    }
}

#[tokio::test]
async fn a_session_is_told_that_its_topic_was_replaced() {
    let mut bench = Bench::new().await;
    let id = bench.id_of("t").await;
    let other = bench.id_of("u").await;
    let nobody = Uuid::from_u128(7);
    let asked: &[Asked<'_>] = &[
        ("t", id, &[(0, 0)]),
        ("u", other, &[(0, 0)]),
        ("", nobody, &[(0, 0)]),
    ];
    let answer = bench.client.call(request((0, 0), asked, 13), 13).await;
    assert_eq!(
        told(&answer).1,
        [(0, 0, 0), (0, 0, 0), (0, UNKNOWN_TOPIC_ID, 0)]
    );
    let session = answer.session_id;
    bench.host.delete_topic("c", "t").await.unwrap();
    bench.host.delete_topic("c", "u").await.unwrap();
    bench.host.create_topic("c", topic("t", 1)).await.unwrap();
    let answer = bench.client.call(request((session, 1), &[], 13), 13).await;
    let expected = [
        (0, INCONSISTENT_TOPIC_ID, 0),
        (0, UNKNOWN_TOPIC_OR_PARTITION, 0),
        (0, UNKNOWN_TOPIC_ID, 0),
    ];
    assert_eq!(told(&answer).1, expected);
    let by_name = bench.client.call(request((session, 2), &[], 12), 12).await;
    assert_eq!(by_name.error_code, FETCH_SESSION_TOPIC_ID_ERROR);
    // Without a session the old id is not known at all.
    let answer = bench
        .client
        .call(request((0, -1), &asked[..1], 13), 13)
        .await;
    assert_eq!(told(&answer).1, [(0, UNKNOWN_TOPIC_ID, 0)]);
}

/// Base offsets of whole batches.
fn base_offsets(records: &[u8]) -> Vec<i64> {
    let (mut at, mut found) = (0, Vec::new());
    while at < records.len() {
        found.push(i64::from_be_bytes(records[at..at + 8].try_into().unwrap()));
        let length = u32::from_be_bytes(records[at + 8..at + 12].try_into().unwrap());
        let end = at + 12 + length as usize;
        let crc = u32::from_be_bytes(records[at + 17..at + 21].try_into().unwrap());
        assert_eq!(crc, crc32c::crc32c(&records[at + 21..end]));
        at = end;
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_answers_are_whole_in_every_version() {
    let mut bench = Bench::new().await;
    let large = "x".repeat(300_000);
    let sizes: [&[&str]; 3] = [&[&large, &large], &["small"], &[&large, "small", &large]];
    for (partition, values) in (0..).zip(sizes) {
        for value in values {
            produce(&mut bench.client, "t", partition, batch(&[value])).await;
        }
    }
    let id = bench.id_of("t").await;
    for version in 4..=17 {
        let asked: &[Asked<'_>] = &[("t", id, &[(0, 0), (1, 0), (2, 1)])];
        let answer = bench
            .client
            .call(request((0, -1), asked, version), version)
            .await;
        let partitions = &answer.responses[0].partitions;
        let found = partitions
            .iter()
            .map(|partition| base_offsets(partition.records.as_ref().unwrap()));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [vec![0, 1], vec![0], vec![1, 2]],
            "version {version}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_goes_on_when_its_topic_is_deleted_meanwhile() {
    let mut bench = Bench::new().await;
    let large = "x".repeat(500_000);
    // More than the kernel takes before the client reads.
    for _ in 0..48 {
        produce(&mut bench.client, "t", 0, batch(&[&large])).await;
    }
    let mut consumer = Client::connect(&bench.host, "c", 0).await;
    let asked = request((0, -1), &[("t", Uuid::nil(), &[(0, 0)])], 12);
    let frame = consumer.frame(&asked, 12);
    consumer.send_raw(&frame).await;
    let length = consumer.receive_length().await.unwrap();
    bench.host.delete_topic("c", "t").await.unwrap();
    let answer = consumer.receive_rest(length).await.unwrap();
    let answer = consumer.decode::<FetchRequest>(answer, 12);
    let records = answer.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(base_offsets(&records), (0..48).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_topic_packs_records_as_it_was_told() {
    let mut bench = Bench::new().await;
    let codecs = ["uncompressed", "gzip", "snappy", "lz4", "zstd"];
    for (codec, at) in codecs.into_iter().zip(0u8..) {
        let wanted = NewTopic {
            configs: [("compression.type".to_owned(), codec.to_owned())].into(),
            ..topic(codec, 1)
        };
        bench.host.create_topic("c", wanted).await.unwrap();
        let value = "y".repeat(2_000);
        let came = batch(&[&value, &value]);
        assert_eq!(
            produce(&mut bench.client, codec, 0, came.clone()).await,
            (0, 0)
        );
        assert_eq!(
            produce(&mut bench.client, codec, 0, came.clone()).await,
            (0, 2)
        );
        let answer = fetch(&mut bench.client, codec, 0, 0, 0).await;
        let records = answer.responses[0].partitions[0].records.clone().unwrap();
        assert_eq!(base_offsets(&records), [0, 2], "{codec}");
        assert_eq!(records[22] & 7, at, "{codec}");
        assert_eq!(records.len() < came.len(), at > 0, "{codec}");
    }
}

#[tokio::test]
async fn many_consumers_that_wait_are_all_woken() {
    let mut bench = Bench::new().await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut consumer = Client::connect(&bench.host, "c", 0).await;
        waiting.spawn(async move { told(&fetch(&mut consumer, "t", 0, 0, 60_000).await) });
    }
    let records = batch(&["a"]);
    let expected = (0, vec![(0, 0, records.len())]);
    produce(&mut bench.client, "t", 0, records).await;
    while let Some(answer) = waiting.join_next().await {
        assert_eq!(answer.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_batch_is_sent_whatever_the_limits_are() {
    let mut bench = Bench::new().await;
    for value in ["a", "b"] {
        produce(&mut bench.client, "t", 0, batch(&[value])).await;
        produce(&mut bench.client, "t", 1, batch(&[value])).await;
    }
    let whole = batch(&["a"]).len();
    for (max_bytes, partition_max_bytes) in [(0, 0), (-1, -1), (1 << 20, 0), (0, 1 << 20), (1, 1)] {
        for offset in 0..2 {
            let wanted = |index: i32| {
                FetchPartition::default()
                    .with_partition(index)
                    .with_fetch_offset(offset)
                    .with_partition_max_bytes(partition_max_bytes)
            };
            let wanted = FetchTopic::default()
                .with_topic(name("t"))
                .with_partitions(vec![wanted(2).with_fetch_offset(0), wanted(0), wanted(1)]);
            let request = FetchRequest::default()
                .with_max_bytes(max_bytes)
                .with_session_epoch(-1)
                .with_topics(vec![wanted]);
            let answer = bench.client.call(request, 11).await;
            let partitions = answer.responses[0].partitions.iter();
            let sizes =
                partitions.map(|partition| partition.records.as_ref().map_or(0, Bytes::len));
            let sizes: Vec<usize> = sizes.collect();
            assert_eq!(
                sizes,
                [0, whole, 0],
                "{max_bytes} {partition_max_bytes} at {offset}"
            );
        }
    }
    bench.host.shutdown().await;
}
