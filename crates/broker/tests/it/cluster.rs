//! Clusters as their owner and their clients see them.

use std::time::{Duration, Instant};

use crate::support::{Administration, Client, batch, host_at, spec, topic};
use brokerage_broker::{ClusterLimits, Durability, Host, HostError};
use brokerage_kafka_admin::{AdminError, ErrorCode, NewTopic};
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

pub fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

pub fn produce_request(topic: &str, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(records));
    let data = TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![data])
}

/// Error code and base offset.
pub async fn produce(
    client: &mut Client,
    topic: &str,
    partition: i32,
    records: Bytes,
) -> (i16, i64) {
    let answer = client
        .call(produce_request(topic, partition, records), 9)
        .await;
    let partition = &answer.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

pub async fn fetch(
    client: &mut Client,
    topic: &str,
    partition: i32,
    offset: i64,
    max_wait_ms: i32,
) -> FetchResponse {
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let wanted = FetchTopic::default()
        .with_topic(name(topic))
        .with_partitions(vec![wanted]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_min_bytes(1)
        .with_max_wait_ms(max_wait_ms)
        .with_topics(vec![wanted]);
    client.call(request, 11).await
}

/// Error code, high watermark and bytes.
pub fn fetched(answer: &FetchResponse) -> (i16, i64, usize) {
    let partition = &answer.responses[0].partitions[0];
    (
        partition.error_code,
        partition.high_watermark,
        partition.records.as_ref().map_or(0, Bytes::len),
    )
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_stop_and_after_a_crash() {
    for durability in [Durability::Process, Durability::Power] {
        let dir = tempfile::tempdir().unwrap();
        let crashed = tempfile::tempdir().unwrap();
        let host = host_at(dir.path(), durability);
        host.ensure_cluster(spec("c", 1)).await.unwrap();
        host.create_topic("c", topic("t", 1)).await.unwrap();
        let mut client = Client::connect(&host, "c", 0).await;
        for at in 0..50 {
            assert_eq!(
                produce(&mut client, "t", 0, batch(&["a", "b"])).await,
                (0, 2 * at)
            );
        }
        commit(&mut client, 42).await;
        // What a killed process leaves behind: everything that was written, nothing that was planned.
        copy_dir(dir.path(), crashed.path());
        host.stop_cluster("c").await.unwrap();
        host.stop_cluster("c").await.unwrap();
        host.ensure_cluster(spec("c", 1)).await.unwrap();
        check_kept(&host, 100).await;
        host.shutdown().await;
        let host = host_at(crashed.path(), durability);
        host.ensure_cluster(spec("c", 1)).await.unwrap();
        check_kept(&host, 100).await;
        host.shutdown().await;
    }
}

async fn commit(client: &mut Client, offset: i64) {
    let at = offset_commit_request::OffsetCommitRequestPartition::default()
        .with_committed_offset(offset);
    let at = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![at]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![at]);
    let answer = client.call(request, 7).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
}

async fn check_kept(host: &Host, records: i64) {
    let mut client = Client::connect(host, "c", 0).await;
    let (code, high_watermark, bytes) = fetched(&fetch(&mut client, "t", 0, 0, 0).await);
    assert_eq!((code, high_watermark), (0, records));
    assert!(bytes > 0);
    let wanted = offset_fetch_request::OffsetFetchRequestTopic::default()
        .with_name(name("t"))
        .with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_topics(Some(vec![wanted]));
    assert_eq!(
        client.call(request, 5).await.topics[0].partitions[0].committed_offset,
        42
    );
    assert_eq!(
        produce(&mut client, "t", 0, batch(&["x"])).await,
        (0, records)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_waits_until_somebody_produces() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut consumer = Client::connect(&host, "c", 0).await;
    let mut producer = Client::connect(&host, "c", 0).await;
    let started = Instant::now();
    let waiting =
        tokio::spawn(async move { fetched(&fetch(&mut consumer, "t", 0, 0, 30_000).await) });
    // Whether the fetch waits already or comes later makes no difference to the answer.
    tokio::task::yield_now().await;
    assert_eq!(produce(&mut producer, "t", 0, batch(&["a"])).await, (0, 0));
    let (code, high_watermark, bytes) = waiting.await.unwrap();
    assert_eq!((code, high_watermark), (0, 1));
    assert!(bytes > 0 && started.elapsed() < Duration::from_secs(20));
    let empty = fetched(&fetch(&mut producer, "t", 0, 1, 50).await);
    assert_eq!(empty, (0, 1, 0));
    assert_eq!(
        fetched(&fetch(&mut producer, "t", 0, 2, 0).await).0,
        1,
        "beyond the end"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_answers_for_the_partitions_that_it_leads_only() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 3)).await.unwrap();
    host.create_topic(
        "c",
        NewTopic {
            replication_factor: 3,
            ..topic("t", 3)
        },
    )
    .await
    .unwrap();
    let mut clients = Vec::new();
    for broker_id in 0..3 {
        clients.push(Client::connect(&host, "c", broker_id).await);
    }
    let metadata = clients[0]
        .call(MetadataRequest::default().with_topics(None), 8)
        .await;
    assert_eq!(metadata.brokers.len(), 3);
    let partitions = &metadata.topics[0].partitions;
    let mut leaders: Vec<i32> = partitions
        .iter()
        .map(|partition| partition.leader_id.0)
        .collect();
    for partition in partitions {
        assert_eq!(
            (partition.replica_nodes.len(), partition.isr_nodes.len()),
            (3, 3)
        );
        for (broker_id, client) in clients.iter_mut().enumerate() {
            let expected = if partition.leader_id.0 == broker_id as i32 {
                0
            } else {
                6
            };
            let (code, _) = produce(client, "t", partition.partition_index, batch(&["a"])).await;
            assert_eq!(code, expected);
        }
    }
    leaders.sort_unstable();
    assert_eq!(leaders, [0, 1, 2]);
    let refused = host
        .create_topic(
            "c",
            NewTopic {
                replication_factor: 4,
                ..topic("u", 1)
            },
        )
        .await;
    let code = refused.unwrap_err().code();
    assert_eq!(code, Some(ErrorCode::InvalidReplicationFactor));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bought_limits_hold_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let limits = ClusterLimits {
        topics_max: 2,
        partitions_max: 4,
        partitions_count_replicas: true,
        groups_max: 1,
        connections_max: 2,
        message_bytes_max: 500,
        disk_bytes_max: Some(1_000),
        ..ClusterLimits::default()
    };
    let limited = brokerage_broker::ClusterSpec {
        limits,
        ..spec("c", 2)
    };
    host.ensure_cluster(limited.clone()).await.unwrap();
    let code = |result: Result<(), AdminError>| result.err().and_then(|error| error.code());
    host.create_topic(
        "c",
        NewTopic {
            replication_factor: 2,
            ..topic("a", 1)
        },
    )
    .await
    .unwrap();
    assert_eq!(
        code(
            host.create_topic(
                "c",
                NewTopic {
                    replication_factor: 2,
                    ..topic("b", 2)
                }
            )
            .await
        ),
        Some(ErrorCode::PolicyViolation)
    );
    host.create_topic("c", topic("b", 1)).await.unwrap();
    assert_eq!(
        code(host.create_topic("c", topic("d", 1)).await),
        Some(ErrorCode::PolicyViolation),
        "a third topic"
    );
    assert_eq!(host.observe("c").unwrap().partitions, 3);

    let leader = leader_of(&host, "b").await;
    let mut client = Client::connect(&host, "c", leader).await;
    let long = "x".repeat(600);
    assert_eq!(produce(&mut client, "b", 0, batch(&[&long])).await.0, 10);
    let text = "x".repeat(300);
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(produce(&mut client, "b", 0, batch(&[&text])).await.0);
    }
    assert_eq!(codes, [0, 0, 0, 56], "the disk is full after the third");

    let _second = Client::connect(&host, "c", leader).await;
    let mut third = Client::connect(&host, "c", leader).await;
    assert!(
        third.receive_raw().await.is_none(),
        "a third connection is closed"
    );

    let seen = host.observe("c").unwrap().counters;
    assert_eq!(
        (
            seen.topics_refused,
            seen.messages_too_large,
            seen.disk_refused
        ),
        (2, 1, 1)
    );
    assert_eq!(seen.connections_refused, 1);

    let more = ClusterLimits {
        topics_max: 3,
        ..limited.limits.clone()
    };
    host.ensure_cluster(brokerage_broker::ClusterSpec {
        limits: more,
        ..limited
    })
    .await
    .unwrap();
    host.create_topic("c", topic("d", 1)).await.unwrap();
    assert_eq!(
        produce(&mut client, "b", 0, batch(&["x"])).await.0,
        56,
        "the connection outlives the change"
    );
}

async fn leader_of(host: &Host, topic: &str) -> i32 {
    let mut client = Client::connect(host, "c", 0).await;
    let metadata = client
        .call(MetadataRequest::default().with_topics(None), 8)
        .await;
    let found = metadata
        .topics
        .iter()
        .find(|found| found.name.as_ref().is_some_and(|name| **name == *topic));
    let leader = found.unwrap().partitions[0].leader_id.0;
    drop(client);
    // The place of a closed connection is free when the broker has noticed.
    while host.observe("c").unwrap().connections > 0 {
        tokio::task::yield_now().await;
    }
    leader
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bandwidth_is_told_as_throttle_time_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let rate = 400_000;
    let limits = ClusterLimits {
        ingress_bytes_per_second_max: Some(rate),
        ..ClusterLimits::default()
    };
    host.ensure_cluster(brokerage_broker::ClusterSpec {
        limits,
        ..spec("c", 1)
    })
    .await
    .unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let text = "x".repeat(50_000);
    let started = Instant::now();
    let mut told_ms = 0;
    let mut sent = 0;
    for _ in 0..16 {
        let records = batch(&[&text]);
        sent += records.len() as u64;
        told_ms += client
            .call(produce_request("t", 0, records), 9)
            .await
            .throttle_time_ms;
    }
    // A quarter of a second of burst is free, and the last answer comes before its own pause.
    let least = Duration::from_secs_f64((sent as f64 - 50_100.0) / rate as f64 - 0.26);
    assert!(
        started.elapsed() >= least,
        "{:?} for {sent} bytes",
        started.elapsed()
    );
    assert!(told_ms > 1_000, "{told_ms}");
    assert!(host.observe("c").unwrap().counters.throttled_requests > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_frame_closes_its_connection_only() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let mut good = Client::connect(&host, "c", 0).await;
    // Too short, an unknown request, an unknown version, an array that is not there.
    let frames: [&[u8]; 4] = [
        &[0],
        &[0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 3, 0x7f, 0, 0, 0, 0, 0, 0, 0],
        &[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
    ];
    for frame in frames {
        let mut bad = Client::connect(&host, "c", 0).await;
        bad.send_raw(frame).await;
        assert!(bad.receive_raw().await.is_none(), "{frame:?}");
    }
    good.call(ApiVersionsRequest::default(), 0).await;
    assert_eq!(
        host.observe("c").unwrap().counters.connections_malformed,
        frames.len() as u64
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    client
        .send_raw(&[0, 18, 0, 99, 0, 0, 0, 5, 0xff, 0xff, 0])
        .await;
    let answer = client.receive_raw().await.unwrap();
    assert_eq!(answer[..6], [0, 0, 0, 5, 0, 35]);
    let known = client.call(ApiVersionsRequest::default(), 0).await;
    let produce = known.api_keys.iter().find(|key| key.api_key == 0).unwrap();
    assert_eq!(
        produce.min_version, 0,
        "librdkafka turns compression off otherwise"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_told_apart_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("a", 1)).await.unwrap();
    let taken = crate::support::address(&host, "a", 0);
    let mut other = spec("b", 2);
    other.brokers[1].listeners[0].bind = taken.into();
    match host.ensure_cluster(other.clone()).await {
        Err(HostError::AddressInUse { address }) => assert_eq!(address, taken),
        other => panic!("{other:?}"),
    }
    assert!(host.observe("b").is_none());
    host.drop_cluster("a").await.unwrap();
    host.ensure_cluster(other).await.unwrap();
    assert_eq!(crate::support::address(&host, "b", 1), taken);
    let bad = host.ensure_cluster(spec("../b", 1)).await;
    assert!(matches!(bad, Err(HostError::InvalidClusterId { .. })));
    let old = brokerage_broker::ClusterSpec {
        kafka_version: "9.9.9".to_owned(),
        ..spec("d", 1)
    };
    assert!(matches!(
        host.ensure_cluster(old).await,
        Err(HostError::UnsupportedVersion { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_cluster_leaves_nothing_and_a_deleted_topic_starts_anew() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    assert_eq!(produce(&mut client, "t", 0, batch(&["a"])).await, (0, 0));
    let first = host.list_topics("c").await[0].id;
    host.delete_topic("c", "t").await.unwrap();
    let again = host.delete_topic("c", "t").await.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(produce(&mut client, "t", 0, batch(&["a"])).await.0, 3);
    host.create_topic("c", topic("t", 1)).await.unwrap();
    assert_ne!(host.list_topics("c").await[0].id, first);
    assert_eq!(produce(&mut client, "t", 0, batch(&["a"])).await, (0, 0));
    assert_eq!(host.cluster_ids_on_disk().unwrap(), ["c"]);
    host.drop_cluster("c").await.unwrap();
    host.drop_cluster("c").await.unwrap();
    assert!(host.cluster_ids_on_disk().unwrap().is_empty());
    // What is left is the host's: its certificate authority.
    let left = std::fs::read_dir(dir.path()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["ca.key", "ca.pem"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_was_cut_off_is_ended_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let of = |name: &str| dir.path().join(name);
    for name in ["c.0123.gone", "d.gone", ".gone", "gone"] {
        std::fs::create_dir_all(of(name).join("t-0")).unwrap();
    }
    std::fs::write(of("e.4567.gone"), "not a folder").unwrap();
    host_at(dir.path(), Durability::Process).shutdown().await;
    let left = [("c.0123.gone", false), ("e.4567.gone", false)];
    let others = [("d.gone", true), (".gone", true), ("gone", true)];
    for (name, is_left) in left.into_iter().chain(others) {
        assert_eq!(of(name).exists(), is_left, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_idle_clusters_open_quickly_and_hold_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    for at in 0..100 {
        let id = format!("c{at}");
        host.ensure_cluster(spec(&id, 3)).await.unwrap();
        host.create_topic(&id, topic("t", 3)).await.unwrap();
    }
    host.shutdown().await;
    let host = host_at(dir.path(), Durability::Process);
    let started = Instant::now();
    for id in host.cluster_ids_on_disk().unwrap() {
        host.ensure_cluster(spec(&id, 3)).await.unwrap();
    }
    println!(
        "100 clusters of 3 brokers were ready after {:?}",
        started.elapsed()
    );
    assert_eq!(host.open_files(), 0);
    assert_eq!(host.list_topics("c42").await.len(), 1);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_flight_are_answered_in_their_order() {
    for durability in [Durability::Process, Durability::Power] {
        let dir = tempfile::tempdir().unwrap();
        let host = host_at(dir.path(), durability);
        host.ensure_cluster(spec("c", 1)).await.unwrap();
        host.create_topic("c", topic("t", 1)).await.unwrap();
        let mut client = Client::connect(&host, "c", 0).await;
        let mut records = 0;
        for at in 0..60 {
            let frame = if at % 13 == 12 {
                client.frame(&MetadataRequest::default().with_topics(None), 8)
            } else if at % 7 == 6 {
                client.frame(&produce_request("nowhere", 0, batch(&["a"])), 9)
            } else {
                records += 1;
                client.frame(&produce_request("t", 0, batch(&["a"])), 9)
            };
            client.send_raw(&frame).await;
        }
        for at in 1..=60i32 {
            let answer = client.receive_raw().await.unwrap();
            assert_eq!(answer[..4], at.to_be_bytes(), "{durability:?}");
        }
        let (code, high_watermark, _) = fetched(&fetch(&mut client, "t", 0, 0, 0).await);
        assert_eq!((code, high_watermark), (0, records));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_while_it_waits_frees_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let wanted = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let wanted = FetchTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![wanted]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_min_bytes(1)
        .with_max_wait_ms(300_000)
        .with_topics(vec![wanted]);
    let frame = client.frame(&request, 11);
    client.send_raw(&frame).await;
    while host.observe("c").unwrap().connections == 0 {
        tokio::task::yield_now().await;
    }
    drop(client);
    let started = Instant::now();
    while host.observe("c").unwrap().connections > 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the place is still taken"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_of_one_client_slows_that_client_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    for named in ["test", "somebody else"] {
        let entity = alter_client_quotas_request::EntityData::default()
            .with_entity_type("client-id".into())
            .with_entity_name(Some(named.into()));
        let op = alter_client_quotas_request::OpData::default()
            .with_key("producer_byte_rate".into())
            .with_value(if named == "test" { 100_000.0 } else { 1.0 });
        let entry = alter_client_quotas_request::EntryData::default()
            .with_entity(vec![entity])
            .with_ops(vec![op]);
        let answer = client
            .call(
                AlterClientQuotasRequest::default().with_entries(vec![entry]),
                1,
            )
            .await;
        assert_eq!(answer.entries[0].error_code, 0);
    }
    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let text = "x".repeat(75_000);
    let answer = client
        .call(produce_request("t", 0, batch(&[&text])), 9)
        .await;
    // Three quarters of a second, less the burst of a quarter.
    assert!(
        (450..=550).contains(&answer.throttle_time_ms),
        "{}",
        answer.throttle_time_ms
    );
}
