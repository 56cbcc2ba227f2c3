//! Answers about faulty records, and what a topic's policy forbids.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use brokerage_broker::{Clock, ClusterSpec, Durability, Host, HostOptions};
use brokerage_kafka_admin::NewTopic;
use bytes::Bytes;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::*;

use crate::cluster::{fetch, fetched, name, produce, produce_request};
use crate::support::{Administration, Client, NOW_MS, batch, host_at, spec, topic};

const NONE: i16 = 0;
const INVALID_RECORD: i16 = 87;
const POLICY_VIOLATION: i16 = 44;

fn topic_with(name: &str, configs: &[(&str, &str)]) -> NewTopic {
    let configs = configs.iter();
    NewTopic {
        configs: configs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..topic(name, 1)
    }
}

async fn host_with(dir: &std::path::Path, spec: ClusterSpec, topics: Vec<NewTopic>) -> Host {
    let host = host_at(dir, Durability::Process);
    let id = spec.id.clone();
    host.ensure_cluster(spec).await.unwrap();
    for topic in topics {
        host.create_topic(&id, topic).await.unwrap();
    }
    host
}

async fn send(
    client: &mut Client,
    topic: &str,
    records: Bytes,
    version: i16,
) -> PartitionProduceResponse {
    let request = produce_request(topic, 0, records);
    let answer = client.call(request, version).await;
    answer.responses[0].partition_responses[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_batch_tells_which_records_are_to_blame() {
    let dir = tempfile::tempdir().unwrap();
    let topics = vec![topic_with("c", &[("cleanup.policy", "compact")])];
    let host = host_with(dir.path(), spec("c", 1), topics).await;
    let mut client = Client::connect(&host, "c", 0).await;
    // These records have no keys.
    let answer = send(&mut client, "c", batch(&["a", "b"]), 8).await;
    let told: Vec<i32> = answer
        .record_errors
        .iter()
        .map(|record| record.batch_index)
        .collect();
    assert_eq!((answer.error_code, told), (INVALID_RECORD, vec![0, 1]));
    let text = |text: &Option<kafka_protocol::protocol::StrBytes>| {
        text.as_ref().is_some_and(|text| !text.is_empty())
    };
    assert!(text(&answer.error_message));
    assert!(text(&answer.record_errors[0].batch_index_error_message));
    // KIP-467 came with version 8.
    let answer = send(&mut client, "c", batch(&["a"]), 7).await;
    assert_eq!(answer.error_code, INVALID_RECORD);
    assert!(answer.record_errors.is_empty());
    // Bytes that are no batch are refused with a reason, and without single records.
    let mut torn = batch(&["a"]).to_vec();
    torn[7] = 5;
    let answer = send(&mut client, "c", torn.into(), 9).await;
    assert_eq!(answer.error_code, INVALID_RECORD);
    assert!(answer.record_errors.is_empty() && text(&answer.error_message));
    let (code, end, _) = fetched(&fetch(&mut client, "c", 0, 0, 0).await);
    assert_eq!((code, end), (NONE, 0), "nothing of it is stored");
}

/// The answers name a bounded number of records, whatever the request holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_of_faulty_records_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let topics = vec![topic_with("c", &[("cleanup.policy", "compact")])];
    let host = host_with(dir.path(), spec("c", 1), topics).await;
    let mut client = Client::connect(&host, "c", 0).await;
    let values = vec![""; 30_000];
    let answer = send(&mut client, "c", batch(&values), 9).await;
    assert_eq!(answer.error_code, INVALID_RECORD);
    assert_eq!(answer.record_errors.len(), 10_000);
    let message = answer.error_message.unwrap();
    assert!(message.contains("30000"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_request_without_answer_closes_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let brokers = spec("c", 2);
    let led_by_second = NewTopic {
        replication_factor: 1,
        ..topic("t", 2)
    };
    let compacted = topic_with("k", &[("cleanup.policy", "compact")]);
    let topics = vec![led_by_second, compacted];
    let host = host_with(dir.path(), brokers, topics).await;
    let mut client = Client::connect(&host, "c", 0).await;
    let metadata = client
        .call(MetadataRequest::default().with_topics(None), 9)
        .await;
    let topic_t = metadata
        .topics
        .iter()
        .find(|topic| topic.name == Some(name("t")))
        .unwrap();
    let led_by = |broker: i32| {
        let mut partitions = topic_t.partitions.iter();
        let found = partitions.find(|partition| partition.leader_id.0 == broker);
        found.unwrap().partition_index
    };
    let unanswered =
        |topic: &str, partition, records| produce_request(topic, partition, records).with_acks(0);
    let good = || unanswered("t", led_by(0), batch(&["a"]));
    let mut torn = batch(&["a"]).to_vec();
    torn[7] = 5;
    let refused: [(&str, ProduceRequest); 4] = [
        ("not the leader", unanswered("t", led_by(1), batch(&["a"]))),
        ("no such topic", unanswered("x", 0, batch(&["a"]))),
        ("no batch", unanswered("t", led_by(0), torn.into())),
        ("a faulty record", unanswered("k", 0, batch(&["a"]))),
    ];
    for (what, request) in refused {
        let mut client = Client::connect(&host, "c", 0).await;
        // What goes well is not answered, and the connection goes on.
        let frame = client.frame(&good(), 9);
        client.send_raw(&frame).await;
        // The answer before is sent before the connection is closed.
        let frame = client.frame(&ApiVersionsRequest::default(), 0);
        client.send_raw(&frame).await;
        let frame = client.frame(&request, 9);
        client.send_raw(&frame).await;
        let frame = client.frame(&ApiVersionsRequest::default(), 0);
        client.send_raw(&frame).await;
        assert!(client.receive_raw().await.is_some(), "{what}");
        assert!(client.receive_raw().await.is_none(), "{what}: closed");
    }
    let (code, end, _) = fetched(&fetch(&mut client, "t", led_by(0), 0, 0).await);
    assert_eq!((code, end), (NONE, 4));
}

async fn delete_records(client: &mut Client, topic: &str, offset: i64) -> (i16, i64) {
    let wanted = delete_records_request::DeleteRecordsPartition::default().with_offset(offset);
    let wanted = delete_records_request::DeleteRecordsTopic::default()
        .with_name(name(topic))
        .with_partitions(vec![wanted]);
    let request = DeleteRecordsRequest::default().with_topics(vec![wanted]);
    let answer = client.call(request, 2).await;
    let partition = &answer.topics[0].partitions[0];
    (partition.error_code, partition.low_watermark)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_deleted_where_the_policy_is_to_delete() {
    let dir = tempfile::tempdir().unwrap();
    let check = async |policy: &str, expected: (i16, i64)| {
        let topic = policy.replace(',', "-");
        let dir = dir.path().join(&topic);
        let topics = vec![topic_with(&topic, &[])];
        let host = host_with(&dir, spec("c", 1), topics).await;
        let mut client = Client::connect(&host, "c", 0).await;
        let (code, _) = produce(&mut client, &topic, 0, batch(&["a", "b", "c"])).await;
        assert_eq!(code, NONE);
        let config = incremental_alter_configs_request::AlterableConfig::default()
            .with_name("cleanup.policy".into())
            .with_value(Some(policy.to_owned().into()));
        let resource = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(topic.clone().into())
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let answer = client.call(request, 1).await;
        assert_eq!(answer.responses[0].error_code, NONE);
        let deleted = delete_records(&mut client, &topic, 2).await;
        assert_eq!(deleted, expected, "{policy}");
        // An unknown partition is answered as such, whatever the policy.
        let absent = delete_records(&mut client, "absent", 2).await;
        assert_eq!(absent, (3, -1));
    };
    check("delete", (NONE, 2)).await;
    check("compact,delete", (NONE, 2)).await;
    check("compact", (POLICY_VIOLATION, -1)).await;
}

/// A clock that moves when it is looked at.
struct MovingClock(AtomicI64);

impl Clock for MovingClock {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_appending_is_told_as_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(MovingClock(AtomicI64::new(NOW_MS)));
    let options = HostOptions::new(dir.path().to_owned(), Durability::Process, clock, 1);
    let host = Host::open(options).unwrap();
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let stamped = topic_with("t", &[("message.timestamp.type", "LogAppendTime")]);
    host.create_topic("c", stamped).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let from_producer = |sequence| {
        let producer = crate::support::ProducerBatch {
            producer_id: 7,
            epoch: 0,
            sequence,
            is_transactional: false,
        };
        crate::support::producer_batch(&["a"], producer)
    };
    let mut told = Vec::new();
    for sequence in 0..3 {
        let answer = send(&mut client, "t", from_producer(sequence), 9).await;
        told.push(answer.log_append_time_ms);
    }
    // Told again, it is the time of the first.
    let again = send(&mut client, "t", from_producer(1), 9).await;
    assert_eq!((again.base_offset, again.log_append_time_ms), (1, told[1]));
    let answer = fetch(&mut client, "t", 0, 0, 0).await;
    let bytes = answer.responses[0].partitions[0].records.clone().unwrap();
    let size = bytes.len() / 3;
    let stored: Vec<i64> = (0..3)
        .map(|at| i64::from_be_bytes(bytes[at * size + 35..at * size + 43].try_into().unwrap()))
        .collect();
    assert_eq!(stored, told);
    assert!(told.is_sorted_by(|one, next| one < next));
}
