//! What the owner of a cluster sees of its topics, users and groups.

use brokerage_broker::{
    Durability, GroupObservation, Host, SaslMechanism, SaslSpec, TopicCounterValues,
    TopicObservation, UserCounterValues,
};
use kafka_protocol::messages::*;

use crate::sasl::{PASSWORD, log_in, sasl_spec};
use crate::support::{Administration, Client, batch, host_at, spec, topic};

fn name(text: &str) -> TopicName {
    TopicName(text.to_owned().into())
}

/// Error code of one batch.
async fn produce(client: &mut Client, topic: &str, partition: i32, values: &[&str]) -> i16 {
    let data = produce_request::PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(batch(values)));
    let data = produce_request::TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![data]);
    client.call(request, 9).await.responses[0].partition_responses[0].error_code
}

/// Bytes from the start of a partition.
async fn fetch(client: &mut Client, topic: &str, partition: i32) -> u64 {
    let partition = fetch_request::FetchPartition::default()
        .with_partition(partition)
        .with_partition_max_bytes(1 << 20);
    let wanted = fetch_request::FetchTopic::default()
        .with_topic(name(topic))
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_topics(vec![wanted]);
    let answer = client.call(request, 11).await;
    let records = &answer.responses[0].partitions[0].records;
    records.as_ref().map_or(0, |records| records.len() as u64)
}

async fn commit(client: &mut Client, topic: &str, partition: i32, offset: i64) {
    let at = offset_commit_request::OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset);
    let at = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name(topic))
        .with_partitions(vec![at]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![at]);
    let answer = client.call(request, 7).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
}

fn seen(host: &Host, topic: &str) -> TopicObservation {
    let topics = host.observe_topics("c").unwrap();
    topics.into_iter().find(|one| one.name == topic).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_user_and_each_topic_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let mut limited = sasl_spec(SaslSpec::default());
    limited.limits.ingress_bytes_per_second_max = Some(1);
    host.ensure_cluster(limited).await.unwrap();
    host.create_topic("c", topic("t", 2)).await.unwrap();
    host.create_topic("c", topic("u", 1)).await.unwrap();
    for user in ["writer", "reader"] {
        host.put_user("c", user, PASSWORD).await.unwrap();
        let mut client = Client::connect(&host, "c", 0).await;
        log_in(&mut client, SaslMechanism::Plain, user, PASSWORD).await;
        if user == "writer" {
            assert_eq!(produce(&mut client, "t", 1, &["a"]).await, 0);
            continue;
        }
        assert!(fetch(&mut client, "t", 1).await > 0);
        assert_eq!(produce(&mut client, "t", 9, &["a"]).await, 3);
        drop(client);
    }
    let bytes = batch(&["a"]).len() as u64;
    let t = seen(&host, "t");
    let expected = TopicCounterValues {
        bytes_in: bytes,
        bytes_out: bytes,
        produce_requests: 2,
        fetch_requests: 1,
        errors: 1,
    };
    assert_eq!(t.counters, expected);
    assert_eq!((t.partitions, t.stored_bytes), (2, bytes));
    assert_eq!(seen(&host, "u").counters, TopicCounterValues::default());
    let users = host.observe_users("c").unwrap();
    let of = |user: &str| -> UserCounterValues {
        users.iter().find(|one| one.name == user).unwrap().counters
    };
    assert_eq!(users.len(), 2);
    let (writer, reader) = (of("writer"), of("reader"));
    assert_eq!((writer.bytes_in, writer.bytes_out), (bytes, 0));
    assert_eq!((writer.errors, writer.throttled_requests), (0, 1));
    assert!(writer.throttled_ms > 0);
    assert_eq!((reader.bytes_in, reader.bytes_out), (0, bytes));
    assert_eq!((reader.errors, reader.requests), (1, 2));
    let all = host.observe("c").unwrap().counters;
    assert_eq!((all.bytes_in, all.bytes_out, all.errors), (bytes, bytes, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_topic_stores_is_known_at_rest_and_gone_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 2)).await.unwrap();
    host.create_topic("c", topic("u", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    for (topic, partition) in [("t", 0), ("t", 1), ("u", 0)] {
        assert_eq!(produce(&mut client, topic, partition, &["a"]).await, 0);
    }
    let bytes = batch(&["a"]).len() as u64;
    let check = |t: u64, u: u64| {
        assert_eq!(seen(&host, "t").stored_bytes, t);
        assert_eq!(seen(&host, "u").stored_bytes, u);
        assert_eq!(host.observe("c").unwrap().stored_bytes, t + u);
    };
    check(2 * bytes, bytes);
    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    assert_eq!(host.open_files(), 0);
    check(2 * bytes, bytes);
    assert_eq!(host.open_files(), 0, "looking opens nothing");
    // Partitions that were never opened count as well when they go.
    host.delete_topic("c", "t").await.unwrap();
    assert_eq!(host.observe("c").unwrap().stored_bytes, bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_of_a_group_is_what_it_has_not_come_to() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 2)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    assert_eq!(host.observe_groups("c").unwrap(), []);
    assert_eq!(produce(&mut client, "t", 0, &["a", "b", "c"]).await, 0);
    assert_eq!(produce(&mut client, "t", 1, &["a", "b"]).await, 0);
    commit(&mut client, "t", 0, 1).await;
    commit(&mut client, "t", 1, 2).await;
    let check = |groups: Vec<GroupObservation>| {
        assert_eq!(groups.len(), 1);
        let group = &groups[0];
        assert_eq!((group.group_id.as_str(), group.members), ("g", 0));
        assert_eq!((group.kind, group.state), ("classic", "Empty"));
        let lags: Vec<(i32, u64)> = group
            .partitions
            .iter()
            .map(|one| (one.partition, one.lag()))
            .collect();
        assert_eq!(lags, [(0, 2), (1, 0)]);
        assert_eq!(group.lag(), 2);
    };
    check(host.observe_groups("c").unwrap());
    host.stop_cluster("c").await.unwrap();
    assert_eq!(host.observe_groups("c"), None);
    assert!(host.running_cluster_ids().is_empty());
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    check(host.observe_groups("c").unwrap());
    assert_eq!(host.running_cluster_ids(), ["c"]);
}
