//! Clusters of several brokers, some of which are fenced and unfenced.

use std::collections::BTreeMap;

use crate::cluster::{fetch, fetched, name, produce, produce_request};
use crate::support::{Administration, Client, batch, host_at, spec, topic};
use brokerage_broker::{ClusterSpec, Durability, Host, HostError};
use brokerage_kafka_admin::NewTopic;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::*;

const NONE: i16 = 0;
const LEADER_NOT_AVAILABLE: i16 = 5;
const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const NOT_ENOUGH_REPLICAS: i16 = 19;
const NOT_COORDINATOR: i16 = 16;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const PREFERRED_LEADER_NOT_AVAILABLE: i16 = 80;
const ELIGIBLE_LEADERS_NOT_AVAILABLE: i16 = 83;
const ELECTION_NOT_NEEDED: i16 = 84;

/// What Metadata says of a partition.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    code: i16,
    leader: i32,
    epoch: i32,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    offline: Vec<i32>,
}

fn seen(code: i16, leader: i32, epoch: i32, lists: [&[i32]; 3]) -> Seen {
    let [replicas, in_sync, offline] = lists.map(<[i32]>::to_vec);
    Seen {
        code,
        leader,
        epoch,
        replicas,
        in_sync,
        offline,
    }
}

async fn metadata(client: &mut Client, topic: &str) -> MetadataResponse {
    let wanted = MetadataRequestTopic::default().with_name(Some(name(topic)));
    let request = MetadataRequest::default().with_topics(Some(vec![wanted]));
    client.call(request, 9).await
}

async fn look(client: &mut Client, topic: &str) -> Vec<Seen> {
    let answer = metadata(client, topic).await;
    let ids = |nodes: &[BrokerId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    let mut partitions: Vec<_> = answer.topics[0].partitions.iter().collect();
    partitions.sort_by_key(|partition| partition.partition_index);
    let seen = partitions.into_iter().map(|partition| Seen {
        code: partition.error_code,
        leader: partition.leader_id.0,
        epoch: partition.leader_epoch,
        replicas: ids(&partition.replica_nodes),
        in_sync: ids(&partition.isr_nodes),
        offline: ids(&partition.offline_replicas),
    });
    seen.collect()
}

/// A topic with one partition on these brokers.
async fn place(client: &mut Client, topic: &str, replicas: &[i32], configs: &[(&str, &str)]) {
    let assignment = CreatableReplicaAssignment::default()
        .with_partition_index(0)
        .with_broker_ids(replicas.iter().copied().map(BrokerId).collect());
    let config = |(name, value): &(&str, &str)| {
        create_topics_request::CreatableTopicConfig::default()
            .with_name((*name).to_owned().into())
            .with_value(Some((*value).to_owned().into()))
    };
    let wanted = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_configs(configs.iter().map(config).collect())
        .with_assignments(vec![assignment]);
    let request = CreateTopicsRequest::default().with_topics(vec![wanted]);
    let answer = client.call(request, 5).await;
    assert_eq!(answer.topics[0].error_code, NONE, "{answer:?}");
}

async fn elect(
    client: &mut Client,
    election_type: i8,
    topic: Option<&str>,
) -> BTreeMap<String, i16> {
    let wanted = |topic: &str| {
        vec![
            TopicPartitions::default()
                .with_topic(name(topic))
                .with_partitions(vec![0]),
        ]
    };
    let request = ElectLeadersRequest::default()
        .with_election_type(election_type)
        .with_topic_partitions(topic.map(wanted));
    let answer = client.call(request, 2).await;
    assert_eq!(answer.error_code, NONE);
    let results = answer.replica_election_results.iter();
    results
        .map(|result| {
            (
                result.topic.to_string(),
                result.partition_result[0].error_code,
            )
        })
        .collect()
}

/// Error code, epoch and end offset.
async fn end_of_epoch(client: &mut Client, topic: &str, known: i32, epoch: i32) -> (i16, i32, i64) {
    let partition = OffsetForLeaderPartition::default()
        .with_partition(0)
        .with_current_leader_epoch(known)
        .with_leader_epoch(epoch);
    let wanted = OffsetForLeaderTopic::default()
        .with_topic(name(topic))
        .with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![wanted]);
    let answer = client.call(request, 4).await;
    let found = &answer.topics[0].partitions[0];
    (found.error_code, found.leader_epoch, found.end_offset)
}

async fn start(dir: &std::path::Path, spec: &ClusterSpec) -> Host {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec.clone()).await.unwrap();
    host
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_broker_is_replaced_and_comes_back_after_a_restart_of_the_process_too() {
    let dir = tempfile::tempdir().unwrap();
    let spec = spec("c", 3);
    let host = start(dir.path(), &spec).await;
    let mut leader = Client::connect(&host, "c", 1).await;
    place(&mut leader, "t", &[1, 2], &[("min.insync.replicas", "2")]).await;
    place(&mut leader, "alone", &[1], &[]).await;
    assert_eq!(produce(&mut leader, "t", 0, batch(&["a"])).await, (NONE, 0));

    host.stop_broker("c", 1).await.unwrap();
    assert!(
        leader.receive_raw().await.is_none(),
        "its connections close"
    );
    assert_eq!(host.observe("c").unwrap().stopped_brokers, [1]);
    let mut other = Client::connect(&host, "c", 2).await;
    let moved = seen(NONE, 2, 1, [&[1, 2], &[2], &[1]]);
    assert_eq!(look(&mut other, "t").await, [moved]);
    let leaderless = seen(LEADER_NOT_AVAILABLE, -1, 1, [&[1], &[1], &[1]]);
    assert_eq!(look(&mut other, "alone").await, [leaderless]);
    let answer = metadata(&mut other, "t").await;
    let brokers: Vec<i32> = answer
        .brokers
        .iter()
        .map(|broker| broker.node_id.0)
        .collect();
    assert_eq!((brokers, answer.controller_id.0), (vec![0, 2], 0));

    let request = DescribeClusterRequest::default()
        .with_endpoint_type(1)
        .with_include_fenced_brokers(true);
    let answer = other.call(request, 2).await;
    let fenced = |id: i32| {
        let mut brokers = answer.brokers.iter();
        brokers.any(|broker| broker.broker_id.0 == id && broker.is_fenced)
    };
    assert_eq!([0, 1, 2].map(fenced), [false, true, false]);

    // One replica in sync is too few for acks=all, not for acks=1.
    let refused = produce(&mut other, "t", 0, batch(&["b"])).await;
    assert_eq!(refused, (NOT_ENOUGH_REPLICAS, -1));
    let request = produce_request("t", 0, batch(&["c", "d"])).with_acks(1);
    let answer = other.call(request, 9).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, NONE);
    assert_eq!(fetched(&fetch(&mut other, "t", 0, 0, 0).await).1, 3);
    let lost = produce(&mut other, "alone", 0, batch(&["e"])).await;
    assert_eq!(lost, (NOT_LEADER_OR_FOLLOWER, -1));

    host.stop_broker("c", 1).await.unwrap();
    host.shutdown().await;
    let host = start(dir.path(), &spec).await;
    assert_eq!(host.observe("c").unwrap().stopped_brokers, [1]);
    let mut other = Client::connect(&host, "c", 2).await;
    assert_eq!(look(&mut other, "t").await[0].leader, 2);

    host.start_broker("c", 1).await.unwrap();
    host.start_broker("c", 1).await.unwrap();
    let stays = seen(NONE, 2, 1, [&[1, 2], &[1, 2], &[]]);
    assert_eq!(look(&mut other, "t").await, [stays]);
    let back = seen(NONE, 1, 2, [&[1], &[1], &[]]);
    assert_eq!(look(&mut other, "alone").await, [back]);
    let mut leader = Client::connect(&host, "c", 1).await;
    assert_eq!(
        produce(&mut leader, "alone", 0, batch(&["f"])).await,
        (NONE, 0)
    );
    assert_eq!(produce(&mut other, "t", 0, batch(&["g"])).await, (NONE, 3));
    assert!(matches!(
        host.stop_broker("c", 3).await,
        Err(HostError::BrokerNotFound { broker_id: 3, .. })
    ));
    assert!(matches!(
        host.stop_broker("d", 0).await,
        Err(HostError::ClusterNotFound { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_are_elected_on_request_and_epochs_are_told_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let spec = spec("c", 3);
    let host = start(dir.path(), &spec).await;
    let mut client = Client::connect(&host, "c", 0).await;
    place(&mut client, "t", &[0, 1], &[]).await;
    place(&mut client, "u", &[0, 1], &[]).await;
    assert_eq!(
        produce(&mut client, "t", 0, batch(&["a", "b"])).await.0,
        NONE
    );
    let all = elect(&mut client, 0, None).await;
    assert!(all.is_empty(), "{all:?}");

    host.stop_broker("c", 0).await.unwrap();
    let mut next = Client::connect(&host, "c", 1).await;
    let one = elect(&mut next, 0, Some("t")).await;
    assert_eq!(one["t"], PREFERRED_LEADER_NOT_AVAILABLE);
    assert_eq!(end_of_epoch(&mut next, "t", 1, 0).await, (NONE, 0, 2));
    assert_eq!(end_of_epoch(&mut next, "t", 1, 1).await, (NONE, 1, 2));
    assert_eq!(produce(&mut next, "t", 0, batch(&["c"])).await, (NONE, 2));
    host.start_broker("c", 0).await.unwrap();
    let all = elect(&mut next, 0, None).await;
    assert_eq!(all, [("t".to_owned(), 0), ("u".to_owned(), 0)].into());
    let one = elect(&mut next, 0, Some("t")).await;
    assert_eq!(one["t"], ELECTION_NOT_NEEDED);
    let one = elect(&mut next, 1, Some("t")).await;
    assert_eq!(one["t"], ELECTION_NOT_NEEDED);
    assert_eq!(elect(&mut next, 0, Some("nowhere")).await["nowhere"], 3);
    assert_eq!(
        produce(&mut next, "t", 0, batch(&["d"])).await.0,
        NOT_LEADER_OR_FOLLOWER
    );

    let mut client = Client::connect(&host, "c", 0).await;
    assert_eq!(produce(&mut client, "t", 0, batch(&["d"])).await, (NONE, 3));
    let check = async |client: &mut Client| {
        assert_eq!(end_of_epoch(client, "t", 2, 0).await, (NONE, 0, 2));
        assert_eq!(end_of_epoch(client, "t", 2, 1).await, (NONE, 1, 3));
        assert_eq!(end_of_epoch(client, "t", 2, 2).await, (NONE, 2, 4));
        assert_eq!(end_of_epoch(client, "t", 2, 3).await, (NONE, -1, -1));
        assert_eq!(end_of_epoch(client, "t", 1, 0).await.0, FENCED_LEADER_EPOCH);
        assert_eq!(
            end_of_epoch(client, "t", 3, 0).await.0,
            UNKNOWN_LEADER_EPOCH
        );
    };
    check(&mut client).await;
    let mut follower = Client::connect(&host, "c", 1).await;
    let told = end_of_epoch(&mut follower, "t", 1, 0).await.0;
    assert_eq!(told, FENCED_LEADER_EPOCH, "a follower knows the epoch");
    let told = end_of_epoch(&mut follower, "t", 2, 0).await.0;
    assert_eq!(told, NOT_LEADER_OR_FOLLOWER);
    let mut stranger = Client::connect(&host, "c", 2).await;
    let told = end_of_epoch(&mut stranger, "t", 1, 0).await.0;
    assert_eq!(
        told, NOT_LEADER_OR_FOLLOWER,
        "a broker without a replica does not"
    );

    host.shutdown().await;
    let host = start(dir.path(), &spec).await;
    let mut client = Client::connect(&host, "c", 0).await;
    check(&mut client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_in_sync_replica_alone_may_lead_again_unless_an_unclean_election_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let host = start(dir.path(), &spec("c", 3)).await;
    let mut client = Client::connect(&host, "c", 2).await;
    place(&mut client, "t", &[0, 1], &[]).await;
    place(
        &mut client,
        "u",
        &[0, 1],
        &[("unclean.leader.election.enable", "true")],
    )
    .await;
    for broker in [0, 1] {
        host.stop_broker("c", broker).await.unwrap();
    }
    host.start_broker("c", 0).await.unwrap();
    let gone = seen(LEADER_NOT_AVAILABLE, -1, 2, [&[0, 1], &[1], &[1]]);
    assert_eq!(look(&mut client, "t").await, [gone]);
    let taken = seen(NONE, 0, 3, [&[0, 1], &[0], &[1]]);
    assert_eq!(look(&mut client, "u").await, [taken]);
    let one = elect(&mut client, 0, Some("t")).await;
    assert_eq!(one["t"], PREFERRED_LEADER_NOT_AVAILABLE);
    assert_eq!(
        elect(&mut client, 1, None).await,
        [("t".to_owned(), 0)].into()
    );
    let taken = seen(NONE, 0, 3, [&[0, 1], &[0], &[1]]);
    assert_eq!(look(&mut client, "t").await, [taken]);
    host.stop_broker("c", 0).await.unwrap();
    let one = elect(&mut client, 1, Some("t")).await;
    assert_eq!(one["t"], ELIGIBLE_LEADERS_NOT_AVAILABLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unclean_election_that_a_cluster_permits_takes_place_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let host = start(dir.path(), &spec("c", 3)).await;
    let mut client = Client::connect(&host, "c", 2).await;
    place(&mut client, "t", &[0, 1], &[]).await;
    let never = [("unclean.leader.election.enable", "false")];
    place(&mut client, "u", &[0, 1], &never).await;
    for broker in [0, 1] {
        host.stop_broker("c", broker).await.unwrap();
    }
    host.start_broker("c", 0).await.unwrap();
    let gone = || seen(LEADER_NOT_AVAILABLE, -1, 2, [&[0, 1], &[1], &[1]]);
    assert_eq!(look(&mut client, "t").await, [gone()]);
    let mut permitted = spec("c", 3);
    let unclean = (
        "unclean.leader.election.enable".to_owned(),
        "true".to_owned(),
    );
    permitted.defaults.configs.extend([unclean]);
    host.ensure_cluster(permitted).await.unwrap();
    let taken = seen(NONE, 0, 3, [&[0, 1], &[0], &[1]]);
    assert_eq!(look(&mut client, "t").await, [taken]);
    assert_eq!(
        look(&mut client, "u").await,
        [gone()],
        "it says otherwise itself"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_go_where_they_are_asked_to_and_new_ones_where_brokers_run() {
    let dir = tempfile::tempdir().unwrap();
    let host = start(dir.path(), &spec("c", 3)).await;
    let mut client = Client::connect(&host, "c", 0).await;
    place(&mut client, "hand", &[2, 0], &[]).await;
    let assignment = |ids: &[i32]| {
        let ids = ids.iter().copied().map(BrokerId).collect();
        CreatePartitionsAssignment::default().with_broker_ids(ids)
    };
    let mut grow = async |assignments: Vec<CreatePartitionsAssignment>, count| {
        let wanted = CreatePartitionsTopic::default()
            .with_name(name("hand"))
            .with_count(count)
            .with_assignments(Some(assignments));
        let request = CreatePartitionsRequest::default().with_topics(vec![wanted]);
        client.call(request, 2).await.results[0].error_code
    };
    assert_eq!(
        grow(vec![assignment(&[1, 0]), assignment(&[0, 1])], 2).await,
        39
    );
    assert_eq!(grow(vec![assignment(&[1])], 2).await, 39);
    assert_eq!(grow(vec![assignment(&[1, 3])], 2).await, 39);
    assert_eq!(grow(vec![assignment(&[1, 1])], 2).await, 39);
    assert_eq!(grow(vec![assignment(&[1, 2])], 2).await, NONE);
    let placed: Vec<_> = look(&mut client, "hand").await;
    let replicas: Vec<_> = placed.into_iter().map(|at| at.replicas).collect();
    assert_eq!(replicas, [[2, 0], [1, 2]]);

    host.stop_broker("c", 1).await.unwrap();
    let wanted = NewTopic {
        replication_factor: 3,
        ..topic("made", 2)
    };
    host.create_topic("c", wanted).await.unwrap();
    host.create_topic("c", topic("single", 6)).await.unwrap();
    for at in look(&mut client, "made").await {
        assert_eq!((at.epoch, at.offline), (0, vec![1]));
        assert_eq!(at.replicas.last(), Some(&1));
    }
    for at in look(&mut client, "single").await {
        assert_eq!((at.code, at.epoch), (NONE, 0));
        assert_ne!(at.leader, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coordinators_move_with_what_they_know() {
    let dir = tempfile::tempdir().unwrap();
    let host = start(dir.path(), &spec("c", 2)).await;
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let find = async |client: &mut Client| {
        let request = FindCoordinatorRequest::default().with_key("g".into());
        let found = client.call(request, 2).await;
        (found.error_code, found.node_id.0)
    };
    let commit = async |client: &mut Client, offset| {
        let partition = offset_commit_request::OffsetCommitRequestPartition::default()
            .with_committed_offset(offset);
        let wanted = offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId("g".into()))
            .with_topics(vec![wanted]);
        client.call(request, 7).await.topics[0].partitions[0].error_code
    };
    let mut clients = [
        Client::connect(&host, "c", 0).await,
        Client::connect(&host, "c", 1).await,
    ];
    let (code, first) = find(&mut clients[0]).await;
    let (at, other) = (first as usize, 1 - first);
    assert_eq!(code, NONE);
    assert_eq!(commit(&mut clients[at], 5).await, NONE);
    assert_eq!(commit(&mut clients[1 - at], 6).await, NOT_COORDINATOR);
    host.stop_broker("c", first).await.unwrap();
    let client = &mut clients[1 - at];
    assert_eq!(find(client).await, (NONE, other));
    assert_eq!(commit(client, 7).await, NONE);
    host.start_broker("c", first).await.unwrap();
    assert_eq!(find(client).await, (NONE, first));
    assert_eq!(commit(client, 8).await, NOT_COORDINATOR);
    let mut client = Client::connect(&host, "c", first).await;
    let wanted = offset_fetch_request::OffsetFetchRequestTopic::default()
        .with_name(name("t"))
        .with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_topics(Some(vec![wanted]));
    let answer = client.call(request, 5).await;
    assert_eq!(answer.topics[0].partitions[0].committed_offset, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minimum_above_the_replicas_refuses_before_kafka_3_7_only() {
    for (version, expected) in [("2.8.2", NOT_ENOUGH_REPLICAS), ("4.1.0", NONE)] {
        let dir = tempfile::tempdir().unwrap();
        let spec = ClusterSpec {
            kafka_version: version.to_owned(),
            ..spec("c", 1)
        };
        let host = start(dir.path(), &spec).await;
        let mut client = Client::connect(&host, "c", 0).await;
        place(&mut client, "t", &[0], &[("min.insync.replicas", "2")]).await;
        let code = produce(&mut client, "t", 0, batch(&["a"])).await.0;
        assert_eq!(code, expected, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_plan_keeps_every_partition_within_reach() {
    let dir = tempfile::tempdir().unwrap();
    let host = start(dir.path(), &spec("c", 3)).await;
    let mut client = Client::connect(&host, "c", 0).await;
    place(&mut client, "t", &[2], &[]).await;
    place(&mut client, "u", &[2, 0, 1], &[]).await;
    host.ensure_cluster(spec("c", 2)).await.unwrap();
    let moved = seen(NONE, 0, 1, [&[0], &[0], &[]]);
    assert_eq!(look(&mut client, "t").await, [moved]);
    let moved = seen(NONE, 0, 1, [&[0, 1], &[0, 1], &[]]);
    assert_eq!(look(&mut client, "u").await, [moved]);
    assert_eq!(produce(&mut client, "t", 0, batch(&["a"])).await, (NONE, 0));
}
