//! Racks: where brokers stand, how replicas are spread over them, and which replica a consumer reads from (KIP-392).

use std::collections::BTreeMap;

use brokerage_broker::{ClusterSpec, Durability, Host};
use brokerage_kafka_admin::{ConfigResource, NewTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::*;

use crate::cluster::{name, produce};
use crate::support::{Administration, Client, batch, host_at, spec};

const NONE: i16 = 0;
const OFFSET_OUT_OF_RANGE: i16 = 1;
const NOT_LEADER_OR_FOLLOWER: i16 = 6;
/// What an answer says where no other replica is nearer.
const NO_REPLICA: i32 = -1;

/// A broker in each of these racks.
fn racked(racks: &[&str]) -> ClusterSpec {
    let mut spec = spec("c", racks.len() as i32);
    for (broker, rack) in spec.brokers.iter_mut().zip(racks) {
        broker.rack = Some((*rack).to_owned());
    }
    spec
}

async fn start(dir: &std::path::Path, spec: &ClusterSpec) -> Host {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec.clone()).await.unwrap();
    host
}

fn topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor,
        configs: BTreeMap::new(),
    }
}

fn fetch_request(rack: &str, session: (i32, i32), offset: i64) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_bytes(1 << 20)
        // It would wait for a minute.
        .with_max_wait_ms(60_000)
        .with_min_bytes(1)
        .with_session_id(session.0)
        .with_session_epoch(session.1)
        .with_rack_id(rack.to_owned().into())
        .with_topics(vec![topic])
}

/// Error code, the replica that is nearer, and bytes of records.
fn told(partition: &PartitionData) -> (i16, i32, usize) {
    let bytes = partition.records.as_ref().map_or(0, bytes::Bytes::len);
    let nearer = partition.preferred_read_replica.0;
    (partition.error_code, nearer, bytes)
}

async fn fetched(client: &mut Client, rack: &str, offset: i64, version: i16) -> (i16, i32, usize) {
    let request = fetch_request(rack, (0, -1), offset);
    let answer = client.call(request, version).await;
    told(&answer.responses[0].partitions[0])
}

/// The rack that Metadata, DescribeCluster and the settings of each broker tell.
async fn racks(host: &Host, client: &mut Client) -> Vec<(String, String, String)> {
    let metadata = client.call(MetadataRequest::default(), 9).await;
    let described = client
        .call(DescribeClusterRequest::default().with_endpoint_type(1), 1)
        .await;
    let mut racks = Vec::new();
    for (broker, same) in metadata.brokers.iter().zip(&described.brokers) {
        let id = broker.node_id.0.to_string();
        let resource = ConfigResource::broker(&id);
        let mut admin = host.admin("c").await;
        let names = Some(&["broker.rack"][..]);
        let told = admin.configs_describe(&[resource], names).await.unwrap();
        let rack = told[0].as_ref().unwrap()[0].value.clone().unwrap();
        let text =
            |rack: &Option<kafka_protocol::protocol::StrBytes>| rack.as_ref().unwrap().to_string();
        racks.push((text(&broker.rack), text(&same.rack), rack));
    }
    racks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_tells_the_rack_of_a_broker_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let expected = ["a", "b", "a"].map(|rack| {
        let rack = || rack.to_owned();
        (rack(), rack(), rack())
    });
    for _ in 0..2 {
        let host = start(dir.path(), &racked(&["a", "b", "a"])).await;
        let mut client = Client::connect(&host, "c", 0).await;
        assert_eq!(racks(&host, &mut client).await, expected);
        host.shutdown().await;
    }
    // A running cluster takes other ones, and has none where nobody says any.
    let host = start(dir.path(), &spec("c", 3)).await;
    let mut client = Client::connect(&host, "c", 0).await;
    let bare = client.call(MetadataRequest::default(), 9).await;
    assert!(bare.brokers.iter().all(|broker| broker.rack.is_none()));
    host.ensure_cluster(racked(&["a", "b", "a"])).await.unwrap();
    assert_eq!(racks(&host, &mut client).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_a_topic_stand_in_all_racks_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let spec = racked(&["a", "a", "b", "b"]);
    let placed = async |host: &Host| -> Vec<Vec<i32>> {
        let topics = host.list_topics("c").await;
        let partitions = topics[0].partitions.iter();
        partitions
            .map(|partition| partition.replicas.clone())
            .collect()
    };
    let host = start(dir.path(), &spec).await;
    host.create_topic("c", topic("t", 2, 2)).await.unwrap();
    assert_eq!(placed(&host).await, [[0, 2], [1, 2]]);
    host.shutdown().await;
    let host = start(dir.path(), &spec).await;
    assert_eq!(placed(&host).await, [[0, 2], [1, 2]]);
    let mut admin = host.admin("c").await;
    admin.partitions_create("t", 4).await.unwrap();
    assert_eq!(placed(&host).await, [[0, 2], [1, 2], [2, 0], [3, 0]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_is_sent_to_the_replica_in_its_rack_and_reads_there() {
    let dir = tempfile::tempdir().unwrap();
    let host = start(dir.path(), &racked(&["a", "b", "c"])).await;
    host.create_topic("c", topic("t", 1, 2)).await.unwrap();
    let mut leader = Client::connect(&host, "c", 0).await;
    let mut replica = Client::connect(&host, "c", 1).await;
    let mut other = Client::connect(&host, "c", 2).await;
    let records = batch(&["x"]);
    let bytes = records.len();
    assert_eq!(
        produce(&mut leader, "t", 0, records.clone()).await,
        (NONE, 0)
    );

    for version in [11, 12] {
        // At the end, too, nobody waits to be told.
        for offset in [0, 1] {
            let sent = fetched(&mut leader, "b", offset, version).await;
            assert_eq!(sent, (NONE, 1, 0), "version {version} at {offset}");
        }
        // Its own rack, no rack, one without a replica, one that is nowhere.
        for rack in ["a", "", "c", "d"] {
            let read = fetched(&mut leader, rack, 0, version).await;
            assert_eq!(read, (NONE, NO_REPLICA, bytes), "{rack:?}");
        }
        let read = fetched(&mut replica, "b", 0, version).await;
        assert_eq!(read, (NONE, NO_REPLICA, bytes));
        let refused = fetched(&mut other, "c", 0, version).await;
        assert_eq!(refused, (NOT_LEADER_OR_FOLLOWER, NO_REPLICA, 0));
        let outside = fetched(&mut leader, "b", 9, version).await;
        assert_eq!(outside, (OFFSET_OUT_OF_RANGE, NO_REPLICA, 0));
    }
    // Before, only leaders answered.
    let refused = fetched(&mut replica, "", 0, 10).await;
    assert_eq!(refused, (NOT_LEADER_OR_FOLLOWER, NO_REPLICA, 0));
    // Others than consumers go to the leader.
    assert_eq!(
        produce(&mut replica, "t", 0, records).await.0,
        NOT_LEADER_OR_FOLLOWER
    );

    // In a session a partition is told as long as it is to be read elsewhere.
    let answer = leader.call(fetch_request("b", (0, 0), 1), 12).await;
    let session = answer.session_id;
    for epoch in 1..3 {
        let mut next = fetch_request("b", (session, epoch), 1);
        next.topics.clear();
        let answer = leader.call(next, 12).await;
        assert_eq!(told(&answer.responses[0].partitions[0]), (NONE, 1, 0));
    }
    // The leader is read from while the replica is away.
    host.stop_broker("c", 1).await.unwrap();
    let read = fetched(&mut leader, "b", 0, 12).await;
    assert_eq!(read, (NONE, NO_REPLICA, bytes));
}

#[tokio::test]
async fn a_rack_has_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    for rack in [String::new(), "r".repeat(40_000)] {
        let refused = host.ensure_cluster(racked(&[&rack])).await;
        let reason = refused.unwrap_err().to_string();
        assert!(reason.contains("a rack has a name"), "{reason}");
    }
}
