//! What was bought holds on real traffic, and not for the engine itself.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use brokerage_kafka_admin::{Client, ErrorCode, NewRecord, NewTopic};

use super::{inside, outside, seen, try_outside};
use crate::cluster::{ClusterSpec, Engine, Listener};

/// Bytes of one record.
const RECORD_BYTES: usize = 100_000;
/// Bytes a second that are bought.
const BANDWIDTH: u64 = 400_000;
/// Bytes of disk that are bought.
const DISK_BYTES: u64 = 10_000_000;
/// Records that certainly do not fit on that disk.
const RECORDS_MAX: usize = 2 * DISK_BYTES as usize / RECORD_BYTES;

fn topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: 1,
        configs: Default::default(),
    }
}

async fn append(client: &mut Client, bytes: usize) -> Result<i64, ErrorCode> {
    let record = NewRecord {
        value: Some(vec![7; bytes].into()),
        ..NewRecord::default()
    };
    let appended = client.records_append("t", 0, &[record]).await;
    appended.map_err(|error| error.code().unwrap_or_else(|| panic!("append: {error:?}")))
}

/// Bandwidth, sizes of messages, topics, partitions and disk.
pub(super) async fn limits(engine: &dyn Engine, spec: &ClusterSpec) {
    let mut spec = spec.clone();
    spec.limits.topics_max = 2;
    spec.limits.partitions_max = 3;
    spec.limits.message_bytes_max = 2 * RECORD_BYTES as u64;
    spec.limits.message_bytes_default = 2 * RECORD_BYTES as u64;
    spec.limits.ingress_bytes_per_second_max = Some(BANDWIDTH);
    spec.limits.egress_bytes_per_second_max = Some(BANDWIDTH);
    spec.limits.bandwidth_counts_replicas = false;
    spec.limits.disk_counts_replicas = false;
    spec.limits.disk_bytes_max = DISK_BYTES;
    engine.ensure_cluster(&spec).await.expect("ensure");
    let mut client = inside(engine, &spec).await;
    client
        .topic_create(&topic("t", 1))
        .await
        .expect("create topic");
    for (name, partitions, is_allowed) in [("u", 3, false), ("u", 2, true), ("v", 1, false)] {
        let made = client.topic_create(&topic(name, partitions)).await;
        let code = made.err().and_then(|error| error.code());
        let expected = (!is_allowed).then_some(ErrorCode::PolicyViolation);
        assert_eq!(code, expected, "{name} with {partitions} partitions");
    }

    let mut leader = leader_of(&mut client, &spec).await;
    let large = append(&mut leader, 3 * RECORD_BYTES).await;
    assert_eq!(large, Err(ErrorCode::MessageTooLarge));
    // A throttled client waits: three seconds' worth, of which the first second may be saved up.
    let began = Instant::now();
    for _ in 0..3 * BANDWIDTH as usize / RECORD_BYTES {
        append(&mut leader, RECORD_BYTES).await.expect("append");
    }
    append(&mut leader, 1).await.expect("append");
    let took = began.elapsed();
    assert!(took > Duration::from_secs(1), "bandwidth holds: {took:?}");
    let began = Instant::now();
    let mut refused = None;
    for _ in 0..RECORDS_MAX {
        refused = append(&mut client, RECORD_BYTES).await.err();
        if refused.is_some() {
            break;
        }
    }
    assert_eq!(
        refused,
        Some(ErrorCode::KafkaStorageError),
        "the disk is full"
    );
    // At the bought bandwidth it would have taken this long.
    let bought = Duration::from_secs((DISK_BYTES - 4 * BANDWIDTH) / BANDWIDTH / 2);
    assert!(began.elapsed() < bought, "bandwidth is not for the engine");
    engine.drop_cluster(&spec.id).await.expect("drop");
}

/// Elastic bandwidth: more than what was bought, and what is more is counted.
pub(super) async fn elastic(engine: &dyn Engine, spec: &ClusterSpec) {
    let mut spec = spec.clone();
    spec.limits.ingress_bytes_per_second_max = Some(BANDWIDTH);
    spec.limits.elastic_bytes_per_second = 3 * BANDWIDTH;
    spec.limits.bandwidth_counts_replicas = false;
    engine.ensure_cluster(&spec).await.expect("ensure");
    let mut client = inside(engine, &spec).await;
    client
        .topic_create(&topic("t", 1))
        .await
        .expect("create topic");
    let mut leader = leader_of(&mut client, &spec).await;
    let began = Instant::now();
    // Five seconds' worth of what was bought.
    let bytes = 5 * BANDWIDTH;
    for _ in 0..bytes as usize / RECORD_BYTES {
        append(&mut leader, RECORD_BYTES).await.expect("append");
    }
    append(&mut leader, 1).await.expect("append");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "it is elastic: {took:?}");
    let counters = super::seen(engine, &spec).await.counters;
    let of = |name: &str| {
        let mut found = counters.iter().filter(|counter| counter.name == name);
        found.next().map(|counter| counter.value)
    };
    // What the bought bandwidth gave in that time, at most, is no part of it.
    let bought = BANDWIDTH as f64 * (took.as_secs_f64() + 1.0);
    let elastic = of("elastic_bytes_in").expect("it is counted");
    let least = bytes.saturating_sub(bought as u64);
    assert!((least..bytes).contains(&elastic), "{elastic} of {bytes}");
    assert_eq!(of("elastic_bytes_out"), Some(0));
    engine.drop_cluster(&spec.id).await.expect("drop");
}

/// A connection to the broker that leads the topic.
async fn leader_of(client: &mut Client, spec: &ClusterSpec) -> Client {
    let found = client.topic_find("t").await.expect("metadata");
    let leader_id = found.expect("the topic is there").partitions[0].leader_id;
    let mut spec = spec.clone();
    spec.listeners
        .retain(|listener| listener.broker_id == leader_id);
    outside(&spec).await
}

/// Connections: those bought, and the engine's beside.
pub(super) async fn connections(engine: &dyn Engine, spec: &ClusterSpec) {
    let mut spec = spec.clone();
    spec.limits.connections_max = 2;
    engine.ensure_cluster(&spec).await.expect("ensure");
    let held = [outside(&spec).await, outside(&spec).await];
    assert!(try_outside(&spec).await.is_none(), "a third is refused");
    let mut client = inside(engine, &spec).await;
    client
        .topic_create(&topic("t", 1))
        .await
        .expect("create topic");
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(60);
    while try_outside(&spec).await.is_none() {
        assert!(Instant::now() < deadline, "a closed connection makes room");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.drop_cluster(&spec.id).await.expect("drop");
}

/// Bits in a byte of public bandwidth.
const BITS: u64 = 8;
/// Records of three seconds at the bought rate.
const RECORDS: usize = 3 * BANDWIDTH as usize / RECORD_BYTES;

/// Public access: through listeners of its own, in each direction at the bought rate, bounded, counted apart; and gone
/// with its listeners.
pub(super) async fn public_access(engine: &dyn Engine, spec: &ClusterSpec) {
    let mut private = spec.clone();
    private.limits.public_bits_per_second_max = BITS * BANDWIDTH;
    private.limits.public_connections_max = 2;
    private.limits.ingress_bytes_per_second_max = None;
    private.limits.egress_bytes_per_second_max = None;
    private.limits.message_bytes_default = 2 * RECORD_BYTES as u64;
    let mut both = private.clone();
    let public: Vec<Listener> = spec.listeners.iter().map(public_beside).collect();
    both.listeners.extend(public.clone());
    both.listeners.sort_by_key(|listener| listener.broker_id);
    let only = ClusterSpec {
        listeners: public,
        ..private.clone()
    };
    engine.ensure_cluster(&both).await.expect("ensure");
    let mut client = inside(engine, &both).await;
    // The records have no time of day.
    let kept = NewTopic {
        configs: [("retention.ms".to_owned(), "-1".to_owned())].into(),
        ..topic("t", 1)
    };
    client.topic_create(&kept).await.expect("create topic");

    let took = produce(&mut leader_of(&mut client, &private).await).await;
    assert!(took < Duration::from_secs(2), "private: {took:?}");
    let mut leader = leader_of(&mut client, &only).await;
    let took = produce(&mut leader).await;
    assert!(took > Duration::from_secs(2), "public, in: {took:?}");
    let took = fetch(&mut leader_of(&mut client, &private).await).await;
    assert!(took < Duration::from_secs(2), "private: {took:?}");
    let took = fetch(&mut leader).await;
    assert!(took > Duration::from_secs(2), "public, out: {took:?}");

    let counted = async |name: &str| {
        let counters = seen(engine, &both).await.counters;
        let counter = counters.iter().find(|counter| counter.name == name);
        counter.unwrap_or_else(|| panic!("no {name}")).value
    };
    for (public, all) in [
        ("public_bytes_in", "bytes_in"),
        ("public_bytes_out", "bytes_out"),
    ] {
        let records = (RECORDS * RECORD_BYTES) as u64;
        let (public, all) = (counted(public).await, counted(all).await);
        assert!(
            public >= records && all >= public + records,
            "{public} of {all}"
        );
    }
    let second = outside(&only).await;
    assert!(try_outside(&only).await.is_none(), "a third is refused");
    let _private = outside(&private).await;
    assert_eq!(counted("public_connections_refused").await, 1);

    engine.ensure_cluster(&private).await.expect("ensure");
    assert!(try_outside(&only).await.is_none(), "it is not bought");
    drop((leader, second));
    append(&mut leader_of(&mut client, &private).await, 1)
        .await
        .expect("private listeners stay");
    engine.drop_cluster(&spec.id).await.expect("drop");
}

/// A public listener of the same broker, on a port that is free.
fn public_beside(private: &Listener) -> Listener {
    let bind = private.bind.expect("an address");
    let free = TcpListener::bind((bind, 0)).expect("a free port");
    let port = free.local_addr().expect("its address").port();
    Listener {
        is_public: true,
        port,
        ..private.clone()
    }
}

/// How long three seconds' worth of records take.
async fn produce(leader: &mut Client) -> Duration {
    let began = Instant::now();
    for _ in 0..RECORDS {
        append(leader, RECORD_BYTES).await.expect("append");
    }
    // Whoever was told to wait is not answered before.
    append(leader, 1).await.expect("append");
    began.elapsed()
}

/// How long reading them takes.
async fn fetch(leader: &mut Client) -> Duration {
    let began = Instant::now();
    for offset in 0..=RECORDS as i64 {
        let bytes_max = RECORD_BYTES as i32;
        let fetched = leader.records_fetch("t", 0, offset, bytes_max, 0).await;
        fetched.expect("fetch");
    }
    began.elapsed()
}
