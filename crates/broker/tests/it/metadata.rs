//! Metadata of topics that do not exist yet, and of those that are internal.

use crate::cluster::name;
use crate::support::{Administration, Client, batch, host_at, spec, topic};
use brokerage_broker::{ClusterLimits, ClusterSpec, Durability};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_because_it_was_asked_for_is_told_of_from_the_next_answer_on() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let spec = ClusterSpec {
        auto_create_topics: true,
        ..spec("c", 1)
    };
    host.ensure_cluster(spec).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    // (whether it may be created, code and partitions of the answer)
    let cases = [(false, 3, 0), (false, 3, 0), (true, 3, 0), (true, 0, 1)];
    for (allowed, code, partitions) in cases {
        let wanted = MetadataRequestTopic::default().with_name(Some(name("new")));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![wanted]))
            .with_allow_auto_topic_creation(allowed);
        let told = client.call(request, 9).await;
        let topic = &told.topics[0];
        assert_eq!(
            (topic.error_code, topic.partitions.len()),
            (code, partitions)
        );
    }
}

const INVALID_TOPIC_EXCEPTION: i16 = 17;

/// What Metadata tells of all topics: names, whether they are internal, and numbers of partitions.
async fn all_topics(client: &mut Client) -> Vec<(String, bool, usize)> {
    let request = MetadataRequest::default().with_topics(None);
    let answer = client.call(request, 12).await;
    let row = |topic: &metadata_response::MetadataResponseTopic| {
        let name = topic.name.as_ref().unwrap().to_string();
        let leaders = topic
            .partitions
            .iter()
            .map(|partition| partition.leader_id.0);
        assert!(leaders.into_iter().all(|leader| leader >= 0), "{name}");
        (name, topic.is_internal, topic.partitions.len())
    };
    answer.topics.iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn internal_topics_are_there_once_a_coordinator_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    // There is room for one topic of one partition.
    let limits = ClusterLimits {
        topics_max: 1,
        partitions_max: 1,
        ..ClusterLimits::default()
    };
    let spec = ClusterSpec {
        limits,
        ..spec("c", 2)
    };
    host.ensure_cluster(spec.clone()).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    assert_eq!(all_topics(&mut client).await, []);
    let row = |name: &str| (name.to_owned(), true, 50);
    let (offsets, transactions) = (row("__consumer_offsets"), row("__transaction_state"));
    for (key_type, expected) in [
        (0, vec![offsets.clone()]),
        (0, vec![offsets.clone()]),
        (1, vec![offsets.clone(), transactions.clone()]),
    ] {
        let request = FindCoordinatorRequest::default()
            .with_coordinator_keys(vec!["k".into()])
            .with_key_type(key_type);
        let found = client.call(request, 4).await.coordinators.remove(0);
        assert_eq!(found.error_code, 0);
        assert_eq!(all_topics(&mut client).await, expected);
    }
    // They take nothing of what was bought, and are no topics of the owner's.
    host.create_topic("c", topic("own", 1)).await.unwrap();
    let seen = host.observe("c").unwrap();
    assert_eq!((seen.topics, seen.partitions), (1, 1));
    host.create_topic("c", topic("more", 1)).await.unwrap_err();

    // They can be described and read, are empty, and nobody writes to them.
    let asked = describe_topic_partitions_request::TopicRequest::default()
        .with_name(TopicName("__consumer_offsets".into()));
    let request = DescribeTopicPartitionsRequest::default()
        .with_topics(vec![asked])
        .with_response_partition_limit(100)
        .with_cursor(None);
    let described = client.call(request, 0).await.topics.remove(0);
    assert_eq!(
        (described.is_internal, described.partitions.len()),
        (true, 50)
    );
    let at = list_offsets_request::ListOffsetsPartition::default().with_timestamp(-1);
    let asked = list_offsets_request::ListOffsetsTopic::default()
        .with_name(TopicName("__consumer_offsets".into()))
        .with_partitions(vec![at]);
    let request = ListOffsetsRequest::default().with_topics(vec![asked]);
    let leader = described.partitions[0].leader_id.0;
    let mut leading = Client::connect(&host, "c", leader).await;
    let found = leading
        .call(request, 6)
        .await
        .topics
        .remove(0)
        .partitions
        .remove(0);
    assert_eq!((found.error_code, found.offset), (0, 0));
    let data = produce_request::PartitionProduceData::default().with_records(Some(batch(&["a"])));
    let data = produce_request::TopicProduceData::default()
        .with_name(TopicName("__consumer_offsets".into()))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![data]);
    let refused = leading.call(request, 9).await.responses.remove(0);
    let code = refused.partition_responses[0].error_code;
    assert_eq!(code, INVALID_TOPIC_EXCEPTION);

    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(spec).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let all = [offsets, transactions, ("own".to_owned(), false, 1)];
    assert_eq!(all_topics(&mut client).await, all);
}
