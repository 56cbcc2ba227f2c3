//! Bandwidth and disk as they were bought.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::{fetch, name, produce, produce_request};
use crate::support::{
    Administration, Client, FixedClock, NOW_MS, PUBLIC, batch, host_at, public_spec, spec, topic,
};
use brokerage_broker::{
    ClusterLimits, ClusterSpec, DiskMarks, Durability, Host, HostOptions, PublicLimits,
    SecurityProtocol,
};
use brokerage_kafka_admin::NewTopic;
use kafka_protocol::messages::*;
use tokio::net::TcpStream;

const NONE: i16 = 0;
const KAFKA_STORAGE_ERROR: i16 = 56;
const MIB: u64 = 1 << 20;

fn limited(brokers: i32, limits: ClusterLimits) -> ClusterSpec {
    ClusterSpec {
        limits,
        ..spec("c", brokers)
    }
}

/// A host that looks after its clusters all the time.
fn busy_host(dir: &Path) -> Host {
    let clock = Arc::new(FixedClock(NOW_MS));
    Host::open(HostOptions {
        scheduled_tasks_interval: Duration::from_millis(5),
        ..HostOptions::new(dir.to_owned(), Durability::Process, clock, 1)
    })
    .unwrap()
}

/// Waits for housekeeping.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn replicated(name: &str) -> NewTopic {
    NewTopic {
        replication_factor: 2,
        ..topic(name, 1)
    }
}

async fn earliest(client: &mut Client, topic: &str) -> i64 {
    let wanted = list_offsets_request::ListOffsetsPartition::default().with_timestamp(-2);
    let wanted = list_offsets_request::ListOffsetsTopic::default()
        .with_name(name(topic))
        .with_partitions(vec![wanted]);
    let request = ListOffsetsRequest::default().with_topics(vec![wanted]);
    let answer = client.call(request, 5).await;
    answer.topics[0].partitions[0].offset
}

async fn compact_only(client: &mut Client, topic: &str) {
    let config = incremental_alter_configs_request::AlterableConfig::default()
        .with_name("cleanup.policy".into())
        .with_value(Some("compact".into()));
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(topic.to_owned().into())
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = client.call(request, 1).await;
    assert_eq!(answer.responses[0].error_code, NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_bandwidth_and_disk_where_the_plan_says_so() {
    for counts_replicas in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let host = host_at(dir.path(), Durability::Process);
        let limits = ClusterLimits {
            ingress_bytes_per_second_max: Some(100_000),
            egress_bytes_per_second_max: Some(100_000),
            bandwidth_counts_replicas: counts_replicas,
            disk_bytes_max: Some(250_000),
            disk_counts_replicas: counts_replicas,
            ..ClusterLimits::default()
        };
        host.ensure_cluster(limited(2, limits)).await.unwrap();
        host.create_topic("c", replicated("t")).await.unwrap();
        let weight = if counts_replicas { 2 } else { 1 };
        let mut client = Client::connect(&host, "c", 0).await;
        let records = batch(&[&"x".repeat(75_000)]);
        let bytes = records.len() as u64;
        // A quarter of a second is free; what is over has to be waited for, at 100 bytes a millisecond.
        let expected_ms = ((bytes * weight - 25_000) / 100) as i32;
        let near = |told_ms: i32| (expected_ms - 20..=expected_ms).contains(&told_ms);
        let started = Instant::now();
        let request = produce_request("t", 0, records.clone());
        let told_ms = client.call(request, 9).await.throttle_time_ms;
        assert!(near(told_ms), "{told_ms} of {expected_ms}");
        let fetched = fetch(&mut client, "t", 0, 0, 0).await;
        assert!(
            near(fetched.throttle_time_ms),
            "{}",
            fetched.throttle_time_ms
        );
        let silent = started.elapsed();
        let told = Duration::from_millis(told_ms as u64);
        assert!(silent >= told, "the connection was silent for {silent:?}");
        let seen = host.observe("c").unwrap();
        assert_eq!(
            (seen.stored_bytes, seen.disk_used_bytes),
            (bytes, bytes * weight)
        );
        let code = produce(&mut client, "t", 0, records.clone()).await.0;
        assert_eq!(code, NONE);
        let code = produce(&mut client, "t", 0, records.clone()).await.0;
        let expected = if counts_replicas {
            KAFKA_STORAGE_ERROR
        } else {
            NONE
        };
        assert_eq!(code, expected);
        assert_eq!(host.observe("c").unwrap().counters.throttled_requests, 4);
        host.shutdown().await;

        let host = host_at(dir.path(), Durability::Process);
        let copies = if counts_replicas { 2 } else { 3 };
        host.ensure_cluster(limited(
            2,
            ClusterLimits {
                disk_counts_replicas: counts_replicas,
                ..ClusterLimits::default()
            },
        ))
        .await
        .unwrap();
        let seen = host.observe("c").unwrap();
        assert_eq!(
            seen.disk_used_bytes,
            bytes * copies * weight,
            "after a restart"
        );
        host.delete_topic("c", "t").await.unwrap();
        let seen = host.observe("c").unwrap();
        assert_eq!(
            (seen.stored_bytes, seen.disk_used_bytes),
            (0, 0),
            "partitions at rest count"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_no_answer_is_throttled_by_silence() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let limits = ClusterLimits {
        ingress_bytes_per_second_max: Some(100_000),
        ..ClusterLimits::default()
    };
    host.ensure_cluster(limited(1, limits)).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let records = batch(&[&"x".repeat(75_000)]);
    let frame = client.frame(&produce_request("t", 0, records).with_acks(0), 9);
    let started = Instant::now();
    client.send_raw(&frame).await;
    client.call(ApiVersionsRequest::default(), 0).await;
    let silent = started.elapsed();
    assert!(silent >= Duration::from_millis(480), "{silent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_records_go_at_the_mark_and_compacted_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let host = busy_host(dir.path());
    let limits = ClusterLimits {
        disk_bytes_max: Some(10 * MIB),
        disk_marks: DiskMarks {
            expire_percent: 75,
            trim_percent: Some(80),
            refuse_percent: 100,
        },
        ..ClusterLimits::default()
    };
    host.ensure_cluster(limited(1, limits)).await.unwrap();
    host.create_topic("c", topic("compacted", 1)).await.unwrap();
    host.create_topic("c", topic("old", 1)).await.unwrap();
    host.create_topic("c", topic("new", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let text = "x".repeat(700_000);
    let record = batch(&["kept"]);
    let kept = record.len() as u64;
    assert_eq!(produce(&mut client, "compacted", 0, record).await.0, NONE);
    compact_only(&mut client, "compacted").await;
    // Two records fill a segment, which is as small as it can be with a disk of this size.
    for _ in 0..4 {
        assert_eq!(
            produce(&mut client, "old", 0, batch(&[&text])).await.0,
            NONE
        );
    }
    let used = host.observe("c").unwrap().disk_used_bytes;
    assert!(used < 8 * MIB);
    for _ in 0..40 {
        let produced = produce(&mut client, "new", 0, batch(&[&text])).await;
        assert_eq!(produced.0, NONE);
        let used = || host.observe("c").unwrap().disk_used_bytes;
        until("what is too much goes", || used() < 8 * MIB).await;
    }
    let seen = host.observe("c").unwrap();
    assert!(seen.disk_used_bytes > 6 * MIB, "no more goes than has to");
    assert_eq!(
        seen.counters.disk_trimmed_bytes + seen.disk_used_bytes,
        44 * batch(&[&text]).len() as u64 + kept
    );
    assert_eq!(seen.counters.disk_refused, 0);
    // Both topics have records of the same time: one is as old as the other.
    let starts = (
        earliest(&mut client, "old").await,
        earliest(&mut client, "new").await,
    );
    assert!(starts.0 + starts.1 > 30, "{starts:?}");
    assert_eq!(earliest(&mut client, "compacted").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_refused_at_the_last_mark() {
    let dir = tempfile::tempdir().unwrap();
    let host = busy_host(dir.path());
    let limits = ClusterLimits {
        disk_bytes_max: Some(1_000_000),
        disk_marks: DiskMarks {
            refuse_percent: 90,
            ..DiskMarks::default()
        },
        ..ClusterLimits::default()
    };
    host.ensure_cluster(limited(1, limits)).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let records = batch(&[&"x".repeat(300_000)]);
    for expected in [NONE, NONE, NONE, KAFKA_STORAGE_ERROR] {
        let code = produce(&mut client, "t", 0, records.clone()).await.0;
        assert_eq!(code, expected);
    }
    assert_eq!(host.observe("c").unwrap().counters.disk_refused, 1);
    assert_eq!(earliest(&mut client, "t").await, 0, "nothing was removed");
}

/// A connection to the public listener of the one broker.
async fn public_client(host: &Host) -> Client {
    let seen = host.observe("c").unwrap();
    let mut listeners = seen.listeners.into_iter();
    let public = listeners.find(|listener| listener.name == PUBLIC).unwrap();
    let stream = TcpStream::connect(public.local_address).await.unwrap();
    Client::over(stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_listeners_have_limits_and_counters_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let spec = ClusterSpec {
        limits: ClusterLimits {
            ingress_bytes_per_second_max: Some(MIB),
            egress_bytes_per_second_max: Some(MIB),
            public: PublicLimits {
                connections_max: 1,
                ingress_bytes_per_second_max: Some(100_000),
                egress_bytes_per_second_max: Some(50_000),
            },
            ..ClusterLimits::default()
        },
        ..public_spec("c", 1)
    };
    host.ensure_cluster(spec.clone()).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let records = batch(&[&"x".repeat(75_000)]);
    let bytes = records.len() as u64;
    let mut private = Client::connect(&host, "c", 0).await;
    let request = produce_request("t", 0, records.clone());
    let told_ms = private.call(request.clone(), 9).await.throttle_time_ms;
    assert_eq!(told_ms, 0, "private traffic is not bound by it");
    let mut public = public_client(&host).await;
    let told_ms = public.call(request, 9).await.throttle_time_ms;
    let near = |told_ms: i32, bytes_per_ms: u64| {
        // A quarter of a second is free.
        let expected_ms = (bytes / bytes_per_ms - 250) as i32;
        assert!(
            (expected_ms - 20..=expected_ms).contains(&told_ms),
            "{told_ms} of {expected_ms}"
        );
    };
    near(told_ms, 100);
    let fetched = fetch(&mut public, "t", 0, 0, 0).await;
    near(fetched.throttle_time_ms, 50);
    let fetched = fetch(&mut private, "t", 0, 0, 0).await;
    assert_eq!(fetched.throttle_time_ms, 0);

    let mut second = public_client(&host).await;
    assert!(second.receive_raw().await.is_none(), "one was bought");
    let seen = host.observe("c").unwrap();
    assert_eq!((seen.connections, seen.public_connections), (2, 1));
    let counted = seen.counters;
    assert_eq!(
        (counted.bytes_in, counted.public_bytes_in),
        (2 * bytes, bytes)
    );
    assert_eq!(counted.public_bytes_out, bytes);
    assert_eq!(
        (
            counted.public_connections_accepted,
            counted.public_connections_refused,
            counted.connections_accepted,
            counted.connections_refused,
        ),
        (1, 1, 2, 1)
    );

    // Without public access its listener is gone with its connections, and nothing else is.
    let without = ClusterSpec {
        brokers: crate::support::spec("c", 1).brokers,
        ..spec.clone()
    };
    host.ensure_cluster(without).await.unwrap();
    assert!(public.receive_raw().await.is_none());
    assert_eq!(earliest(&mut private, "t").await, 0);
    until("the connection is given back", || {
        host.observe("c").unwrap().public_connections == 0
    })
    .await;
    host.ensure_cluster(spec).await.unwrap();
    assert_eq!(earliest(&mut public_client(&host).await, "t").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_connects_anew_for_each_request_waits_as_others_do() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let spec = ClusterSpec {
        limits: ClusterLimits {
            public: PublicLimits {
                connections_max: 8,
                ingress_bytes_per_second_max: Some(100_000),
                egress_bytes_per_second_max: Some(100_000),
            },
            ..ClusterLimits::default()
        },
        ..public_spec("c", 1)
    };
    host.ensure_cluster(spec).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let records = batch(&[&"x".repeat(50_000)]);
    let bytes = records.len() as u64;
    let started = Instant::now();
    let mut told = Duration::ZERO;
    for _ in 0..4 {
        let mut client = public_client(&host).await;
        let request = produce_request("t", 0, records.clone());
        let told_ms = client.call(request, 9).await.throttle_time_ms;
        told = Duration::from_millis(told_ms as u64);
    }
    // The last one still owes what it was told; what was paid before it is what came beyond a quarter of a second.
    let paid = started.elapsed() + told;
    let due = Duration::from_millis(4 * bytes / 100 - 250);
    assert!(
        paid + Duration::from_millis(20) >= due,
        "{paid:?} of {due:?}"
    );
    let mut reader = public_client(&host).await;
    let fetched = fetch(&mut reader, "t", 0, 0, 0).await;
    assert!(fetched.throttle_time_ms > 200, "one batch is owed");
    let started = Instant::now();
    let mut reader = public_client(&host).await;
    fetch(&mut reader, "t", 0, 0, 0).await;
    let told = Duration::from_millis(fetched.throttle_time_ms as u64);
    let waited = started.elapsed();
    assert!(
        waited + Duration::from_millis(100) >= told,
        "{waited:?} of {told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_at_public_listeners_take_no_place_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let mut spec = ClusterSpec {
        limits: ClusterLimits {
            connections_max: 1,
            public: PublicLimits {
                connections_max: 4,
                ..PublicLimits::default()
            },
            ..ClusterLimits::default()
        },
        ..public_spec("c", 1)
    };
    let listeners = &mut spec.brokers[0].listeners;
    let public = listeners.iter_mut().find(|listener| listener.is_public);
    public.unwrap().security = SecurityProtocol::SaslPlaintext;
    host.ensure_cluster(spec).await.unwrap();
    let _stranger = public_client(&host).await;
    until("the stranger is let in", || {
        host.observe("c").unwrap().public_connections == 1
    })
    .await;
    let mut second = public_client(&host).await;
    assert!(
        second.receive_raw().await.is_none(),
        "a quarter is for strangers"
    );
    let mut private = Client::connect(&host, "c", 0).await;
    private.call(ApiVersionsRequest::default(), 0).await;
    let seen = host.observe("c").unwrap();
    assert_eq!((seen.connections, seen.public_connections), (2, 1));
    let mut third = Client::connect(&host, "c", 0).await;
    assert!(third.receive_raw().await.is_none(), "one was bought");
}
