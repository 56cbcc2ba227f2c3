//! Measures what a newcomer waits for: `cargo run --release -p brokerage-broker --example timing -- DATA_DIR`.
//!
//! Prints medians of starting a cluster of three brokers and of its first acknowledged record, in both
//! durabilities, and the time to open 1,000 clusters that were there before.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that fails ends the example"
)]

#[path = "../tests/it/support.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use brokerage_broker::{Durability, Host};
use brokerage_kafka_admin::NewTopic;
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{FetchRequest, ProduceRequest, TopicName};
use support::{Administration, Client, batch, host_at, spec, topic};

/// Runs of each measurement.
const RUNS: usize = 51;
/// Records of 1 KiB in each batch of the measurement of throughput.
const RECORDS_PER_BATCH: usize = 64;
/// Batches in it: half a GiB.
const BATCHES: usize = 8_192;
/// Requests in flight in it.
const IN_FLIGHT: usize = 5;
/// Clusters in the measurement of opening.
const CLUSTERS: usize = 1_000;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn first_ack(host: &Host, id: &str) {
    let request = produce_request(batch(&["first"]));
    // The first topic of a cluster is led by broker 0.
    let mut client = Client::connect(host, id, 0).await;
    let answer = client.call(request, 9).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

async fn measure(dir: &Path, durability: Durability) {
    let host = host_at(dir, durability);
    let (mut ensure, mut ack, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..RUNS {
        let id = format!("run{at}");
        let started = Instant::now();
        host.ensure_cluster(spec(&id, 3)).await.unwrap();
        ensure.push(started.elapsed());
        let started = Instant::now();
        host.create_topic(
            &id,
            NewTopic {
                replication_factor: 3,
                ..topic("t", 3)
            },
        )
        .await
        .unwrap();
        first_ack(&host, &id).await;
        ack.push(started.elapsed());
        let started = Instant::now();
        first_ack(&host, &id).await;
        more.push(started.elapsed());
    }
    host.shutdown().await;
    let (ensure, ack, more) = (median(ensure), median(ack), median(more));
    println!(
        "{durability:?}: ensure_cluster {ensure:?}, create_topic to first ack {ack:?}, connect to next ack {more:?}"
    );
}

async fn measure_opening(dir: &Path) {
    let before = resident_bytes();
    let host = host_at(dir, Durability::Process);
    for at in 0..CLUSTERS {
        let id = format!("idle{at}");
        host.ensure_cluster(spec(&id, 3)).await.unwrap();
        host.create_topic(&id, topic("t", 6)).await.unwrap();
    }
    let each = resident_bytes().saturating_sub(before) / CLUSTERS as u64;
    host.shutdown().await;
    drop(host);
    let host = host_at(dir, Durability::Process);
    let started = Instant::now();
    for id in host.cluster_ids_on_disk().unwrap() {
        host.ensure_cluster(spec(&id, 3)).await.unwrap();
    }
    let elapsed = started.elapsed();
    println!(
        "{CLUSTERS} clusters of 3 brokers and 6 partitions: open after {elapsed:?}; {each} bytes of memory for each"
    );
    host.shutdown().await;
}

fn produce_request(records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_records(Some(records));
    let data = TopicProduceData::default()
        .with_name(TopicName("t".into()))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![data])
}

/// One connection with a few requests in flight, as producers have, then everything read back.
async fn measure_throughput(dir: &Path, durability: Durability) {
    let host = host_at(dir, durability);
    host.ensure_cluster(spec("flow", 1)).await.unwrap();
    host.create_topic("flow", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "flow", 0).await;
    let value = "x".repeat(1024);
    let records = batch(&vec![value.as_str(); RECORDS_PER_BATCH]);
    let request = produce_request(records.clone());
    let frame = client.frame(&request, 9);
    let bytes = (frame.len() * BATCHES) as f64 / f64::from(1 << 20);
    let started = Instant::now();
    for at in 0..BATCHES + IN_FLIGHT {
        if at < BATCHES {
            client.send_raw(&frame).await;
        }
        if at >= IN_FLIGHT {
            client.receive_raw().await.unwrap();
        }
    }
    let produce = bytes / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let (mut offset, mut fetched) = (0, 0);
    while offset < (BATCHES * RECORDS_PER_BATCH) as i64 {
        let wanted = FetchPartition::default()
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1 << 20);
        let wanted = FetchTopic::default()
            .with_topic(TopicName("t".into()))
            .with_partitions(vec![wanted]);
        let request = FetchRequest::default()
            .with_max_bytes(50 << 20)
            .with_topics(vec![wanted]);
        let answer = client.call(request, 11).await;
        let length = answer.responses[0].partitions[0]
            .records
            .as_ref()
            .map_or(0, Bytes::len);
        fetched += length;
        offset += (length / records.len() * RECORDS_PER_BATCH) as i64;
    }
    let fetch = fetched as f64 / f64::from(1 << 20) / started.elapsed().as_secs_f64();
    println!(
        "{durability:?}: one connection, 1 KiB records in batches of {RECORDS_PER_BATCH}: produced {produce:.0} MiB/s, fetched {fetch:.0} MiB/s"
    );
    host.shutdown().await;
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    })
    .unwrap_or(0)
        << 10
}

#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).expect("usage: timing DATA_DIR");
    for (name, durability) in [
        ("process", Durability::Process),
        ("power", Durability::Power),
    ] {
        measure(&Path::new(&dir).join(name), durability).await;
        measure_throughput(&Path::new(&dir).join(format!("{name}-flow")), durability).await;
    }
    measure_opening(&Path::new(&dir).join("idle")).await;
}
