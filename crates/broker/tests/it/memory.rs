//! What clients make a host hold while their requests are under way: bounded for each cluster, given back, and of
//! no concern to the clients of another.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeConfigsRequest, ProduceRequest, TopicName,
};

use crate::support::{Administration, Client, batch, host_at, spec, topic};
use brokerage_broker::{Durability, Host};

const MIB: usize = 1 << 20;
/// The largest message that is sold.
const MESSAGE_BYTES_MAX: usize = 12 * MIB;
/// What the requests of one cluster may take while they come in.
const REQUESTS_BYTES_MAX: usize = 25 * MIB;
/// The same of all stages of a request.
const HELD_BYTES_MAX: usize = 53 * MIB;

async fn host(dir: &std::path::Path, ids: &[&str]) -> Host {
    let host = host_at(dir, Durability::Process);
    for id in ids {
        let mut spec = spec(id, 1);
        spec.limits.message_bytes_max = MESSAGE_BYTES_MAX as u32;
        let bytes_max = (
            "max.message.bytes".to_owned(),
            MESSAGE_BYTES_MAX.to_string(),
        );
        spec.defaults.configs.extend([bytes_max]);
        host.ensure_cluster(spec).await.unwrap();
        host.create_topic(id, topic("t", 1)).await.unwrap();
    }
    host
}

fn produce(records: &Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_records(Some(records.clone()));
    let data = TopicProduceData::default()
        .with_name(TopicName("t".into()))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![data])
}

/// Waits until so little is held.
async fn until_held(host: &Host, bytes: usize) {
    let waiting = async {
        while host.held_bytes() > bytes {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(waited.is_ok(), "{} bytes are held", host.held_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_messages_of_four_clients_pass() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), &["c"]).await;
    let value = "x".repeat(MESSAGE_BYTES_MAX - 100);
    let records = batch(&[&value]);
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (host, records) = (host.clone(), records.clone());
        sending.spawn(async move {
            let mut client = Client::connect(&host, "c", 0).await;
            for _ in 0..3 {
                let answer = client.call(produce(&records), 9).await;
                let partition = &answer.responses[0].partition_responses[0];
                assert_eq!(partition.error_code, 0);
                assert!(host.held_bytes() <= HELD_BYTES_MAX);
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    until_held(&host, 0).await;
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_do_not_end_hold_up_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), &["c", "neighbour"]).await;
    let mut stalled = Vec::new();
    for _ in 0..16 {
        let mut client = Client::connect(&host, "c", 0).await;
        // So much is announced, and half of it comes.
        client.announce(20 * MIB, MIB).await;
        stalled.push(client);
    }
    let waiting = async {
        while host.held_bytes() < 20 * MIB {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap();
    assert!(host.held_bytes() <= REQUESTS_BYTES_MAX);
    assert_eq!(
        host.observe("c").unwrap().held_bytes,
        host.held_bytes() as u64
    );
    assert_eq!(host.observe("neighbour").unwrap().held_bytes, 0);
    // A neighbour has its own share, and small requests of the same cluster need none.
    let mut neighbour = Client::connect(&host, "neighbour", 0).await;
    let records = batch(&[&"x".repeat(8 * MIB)]);
    let answer = neighbour.call(produce(&records), 9).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    let mut own = Client::connect(&host, "c", 0).await;
    assert_eq!(
        own.call(ApiVersionsRequest::default(), 0).await.error_code,
        0
    );
    let answer = own.call(produce(&batch(&["small"])), 9).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    drop(stalled);
    until_held(&host, 0).await;
    // What was announced and is not there is not waited for any more.
    let answer = own.call(produce(&records), 9).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), &["c", "neighbour"]).await;
    let names: Vec<String> = (0..300).map(|at| format!("topic-{at}")).collect();
    for id in ["c", "neighbour"] {
        for name in &names {
            host.create_topic(id, topic(name, 1)).await.unwrap();
        }
    }
    let resources = names.iter().map(|name| {
        DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(name.clone().into())
            .with_configuration_keys(None)
    });
    let request = DescribeConfigsRequest::default()
        .with_resources(resources.collect())
        .with_include_synonyms(true);
    let mut unread = Vec::new();
    for _ in 0..32 {
        let mut client = Client::connect(&host, "c", 0).await;
        let frame = client.frame(&request, 4);
        for _ in 0..8 {
            client.send_raw(&frame).await;
        }
        unread.push(client);
    }
    for _ in 0..20 {
        assert!(host.held_bytes() <= HELD_BYTES_MAX, "{}", host.held_bytes());
        let mut neighbour = Client::connect(&host, "neighbour", 0).await;
        let answer = neighbour.call(request.clone(), 4).await;
        assert_eq!(answer.results.len(), names.len());
    }
    drop(unread);
    until_held(&host, 0).await;
    host.shutdown().await;
}
