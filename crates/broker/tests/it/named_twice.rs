//! What a request names more than once is worked on and answered once, or refused, as by Apache Kafka.

use std::iter::repeat_n;

use crate::cluster::{name, produce};
use crate::support::{Administration, Client, batch, host_at, spec, topic};
use brokerage_broker::{Durability, Host};
use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as WholeResource, AlterableConfig as WholeConfig,
};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

const NONE: i16 = 0;
const INVALID_REQUEST: i16 = 42;
const TIMES: usize = 3;

/// The same so many times.
fn times<T: Clone>(one: T) -> Vec<T> {
    repeat_n(one, TIMES).collect()
}

/// A cluster with the topic `t` of two partitions, and a client of it.
async fn cluster(dir: &std::path::Path) -> (Host, Client) {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 2)).await.unwrap();
    let client = Client::connect(&host, "c", 0).await;
    (host, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;

    let wanted = metadata_request::MetadataRequestTopic::default().with_name(Some(name("t")));
    let request = MetadataRequest::default().with_topics(Some(times(wanted)));
    let answer = client.call(request, 12).await;
    assert_eq!(answer.topics.len(), 1);
    let id = answer.topics[0].topic_id;
    // The id counts where there is one, whatever the name (clients of 4.x send an empty one).
    let wanted = |name: Option<&'static str>| {
        metadata_request::MetadataRequestTopic::default()
            .with_topic_id(id)
            .with_name(name.map(|name| TopicName(name.into())))
    };
    let both = vec![wanted(None), wanted(Some("")), wanted(Some("x"))];
    let answer = client
        .call(MetadataRequest::default().with_topics(Some(both)), 12)
        .await;
    assert_eq!(answer.topics.len(), 1);
    assert_eq!(answer.topics[0].name, Some(name("t")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    // Once by itself, and refused where it is there twice, also in two entries of one topic.
    let partition = |index| {
        list_offsets_request::ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_timestamp(-1)
    };
    let wanted = |indexes: &[i32]| {
        list_offsets_request::ListOffsetsTopic::default()
            .with_name(name("t"))
            .with_partitions(indexes.iter().copied().map(partition).collect())
    };
    for (topics, expected) in [
        (vec![wanted(&[0, 1])], &[(0, NONE), (1, NONE)]),
        (vec![wanted(&[0, 1, 0])], &[(0, INVALID_REQUEST), (1, NONE)]),
        (
            vec![wanted(&[1, 0]), wanted(&[0])],
            &[(1, NONE), (0, INVALID_REQUEST)],
        ),
    ] {
        let answer = client
            .call(ListOffsetsRequest::default().with_topics(topics), 6)
            .await;
        assert_eq!(answer.topics.len(), 1);
        let told = answer.topics[0].partitions.iter();
        let told: Vec<_> = told.map(|at| (at.partition_index, at.error_code)).collect();
        assert_eq!(told, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let wanted = offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
        .with_topic(name("t"))
        .with_partitions(times(Default::default()));
    let request = OffsetForLeaderEpochRequest::default().with_topics(times(wanted));
    let answer = client.call(request, 4).await;
    assert_eq!(
        (answer.topics.len(), answer.topics[0].partitions.len()),
        (1, 1)
    );

    let wanted = describe_producers_request::TopicRequest::default()
        .with_name(name("t"))
        .with_partition_indexes(times(0));
    let request = DescribeProducersRequest::default().with_topics(times(wanted));
    let answer = client.call(request, 0).await;
    assert_eq!(
        (answer.topics.len(), answer.topics[0].partitions.len()),
        (1, 1)
    );

    let wanted = describe_log_dirs_request::DescribableLogDirTopic::default()
        .with_topic(name("t"))
        .with_partitions(times(0));
    let request = DescribeLogDirsRequest::default().with_topics(Some(times(wanted)));
    let answer = client.call(request, 4).await;
    let topics = &answer.results[0].topics;
    assert_eq!((topics.len(), topics[0].partitions.len()), (1, 1));

    let wanted = elect_leaders_request::TopicPartitions::default()
        .with_topic(name("t"))
        .with_partitions(times(0));
    let request = ElectLeadersRequest::default().with_topic_partitions(Some(times(wanted)));
    let answer = client.call(request, 2).await;
    let results = &answer.replica_election_results;
    assert_eq!((results.len(), results[0].partition_result.len()), (1, 1));

    let wanted = describe_topic_partitions_request::TopicRequest::default().with_name(name("t"));
    let request = DescribeTopicPartitionsRequest::default()
        .with_topics(times(wanted))
        .with_response_partition_limit(100)
        .with_cursor(None);
    assert_eq!(client.call(request, 0).await.topics.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    produce(&mut client, "t", 0, batch(&["a", "b", "c"])).await;

    // Where it is fetched from is said last.
    let from = |offset| {
        fetch_request::FetchPartition::default()
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1 << 20)
    };
    let wanted = fetch_request::FetchTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![from(99), from(98), from(0)]);
    for session_epoch in [-1, 0] {
        let request = FetchRequest::default()
            .with_max_bytes(1 << 20)
            .with_session_epoch(session_epoch)
            .with_topics(times(wanted.clone()));
        let answer = client.call(request, 11).await;
        assert_eq!(answer.responses.len(), 1);
        let partitions = &answer.responses[0].partitions;
        assert_eq!((partitions.len(), partitions[0].error_code), (1, NONE));
    }

    let before =
        |offset| delete_records_request::DeleteRecordsPartition::default().with_offset(offset);
    let wanted = delete_records_request::DeleteRecordsTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![before(3), before(1)]);
    let request = DeleteRecordsRequest::default().with_topics(vec![wanted]);
    let answer = client.call(request, 2).await;
    let partitions = &answer.topics[0].partitions;
    assert_eq!((partitions.len(), partitions[0].low_watermark), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_of_groups() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let group = || GroupId("g".into());

    let at = |offset| {
        offset_commit_request::OffsetCommitRequestPartition::default().with_committed_offset(offset)
    };
    let wanted = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![at(1), at(2)]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(-1)
        .with_topics(times(wanted));
    let answer = client.call(request, 8).await;
    assert_eq!(
        (answer.topics.len(), answer.topics[0].partitions.len()),
        (1, 1)
    );

    for version in [7, 8] {
        let topic = offset_fetch_request::OffsetFetchRequestTopic::default()
            .with_name(name("t"))
            .with_partition_indexes(times(0));
        let topics = offset_fetch_request::OffsetFetchRequestTopics::default()
            .with_name(name("t"))
            .with_partition_indexes(times(0));
        let asked = offset_fetch_request::OffsetFetchRequestGroup::default()
            .with_group_id(group())
            .with_topics(Some(times(topics)));
        let request = match version {
            7 => OffsetFetchRequest::default()
                .with_group_id(group())
                .with_topics(Some(times(topic))),
            _ => OffsetFetchRequest::default().with_groups(times(asked)),
        };
        let answer = client.call(request, version).await;
        let found: Vec<i64> = match version {
            7 => answer
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .map(|at| at.committed_offset)
                .collect(),
            _ => answer
                .groups
                .iter()
                .flat_map(|group| &group.topics)
                .flat_map(|topic| &topic.partitions)
                .map(|at| at.committed_offset)
                .collect(),
        };
        assert_eq!(found, [2], "what was said last, once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let group = || GroupId("g".into());
    let at = offset_commit_request::OffsetCommitRequestPartition::default();
    let wanted = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![at]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![wanted]);
    client.call(request, 8).await;
    let request = DescribeGroupsRequest::default().with_groups(times(group()));
    assert_eq!(client.call(request, 5).await.groups.len(), 1);
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(times(group()));
    assert_eq!(client.call(request, 1).await.groups.len(), 1);
    let keys = times(StrBytes::from_static_str("g"));
    let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
    assert_eq!(client.call(request, 4).await.coordinators.len(), 1);

    let topic = offset_delete_request::OffsetDeleteRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(times(Default::default()));
    let request = OffsetDeleteRequest::default()
        .with_group_id(group())
        .with_topics(times(topic));
    let answer = client.call(request, 0).await;
    assert_eq!(
        (answer.topics.len(), answer.topics[0].partitions.len()),
        (1, 1)
    );
    let request = DeleteGroupsRequest::default().with_groups_names(times(group()));
    let answer = client.call(request, 2).await;
    assert_eq!(
        (answer.results.len(), answer.results[0].error_code),
        (1, NONE)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let id = || TransactionalId("tx".into());
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id()))
        .with_transaction_timeout_ms(60_000);
    let given = client.call(request, 2).await;
    assert_eq!(given.error_code, NONE);

    let topic = add_partitions_to_txn_request::AddPartitionsToTxnTopic::default()
        .with_name(name("t"))
        .with_partitions(times(0));
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id())
        .with_v3_and_below_producer_id(given.producer_id)
        .with_v3_and_below_producer_epoch(given.producer_epoch)
        .with_v3_and_below_topics(times(topic));
    let answer = client.call(request, 3).await;
    let results = &answer.results_by_topic_v3_and_below;
    assert_eq!(
        (results.len(), results[0].results_by_partition.len()),
        (1, 1)
    );

    let topic = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(times(Default::default()));
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(id())
        .with_group_id(GroupId("g".into()))
        .with_producer_id(given.producer_id)
        .with_producer_epoch(given.producer_epoch)
        .with_generation_id(-1)
        .with_topics(times(topic));
    let answer = client.call(request, 5).await;
    assert_eq!(
        (answer.topics.len(), answer.topics[0].partitions.len()),
        (1, 1)
    );
    assert_eq!(answer.topics[0].partitions[0].error_code, NONE);

    let request = DescribeTransactionsRequest::default().with_transactional_ids(times(id()));
    assert_eq!(client.call(request, 0).await.transaction_states.len(), 1);
    let filters = times(StrBytes::from_static_str("Sleeping"));
    let request = ListTransactionsRequest::default().with_state_filters(filters);
    assert_eq!(client.call(request, 0).await.unknown_state_filters.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_are_made_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (host, mut client) = cluster(dir.path()).await;
    let wanted = |text: &str| {
        create_topics_request::CreatableTopic::default()
            .with_name(name(text))
            .with_num_partitions(1)
            .with_replication_factor(1)
    };
    let topics = vec![wanted("u"), wanted("v"), wanted("u")];
    let answer = client
        .call(CreateTopicsRequest::default().with_topics(topics), 7)
        .await;
    let told: Vec<_> = answer
        .topics
        .iter()
        .map(|topic| (topic.name.to_string(), topic.error_code))
        .collect();
    assert_eq!(
        told,
        [("u".to_owned(), INVALID_REQUEST), ("v".to_owned(), NONE)]
    );

    let wanted = create_partitions_request::CreatePartitionsTopic::default()
        .with_name(name("t"))
        .with_count(3)
        .with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(times(wanted));
    let answer = client.call(request, 3).await;
    assert_eq!(
        (answer.results.len(), answer.results[0].error_code),
        (1, INVALID_REQUEST)
    );

    let names = vec![name("v"), name("t"), name("v")];
    let request = DeleteTopicsRequest::default().with_topic_names(names);
    let answer = client.call(request, 5).await;
    let told: Vec<_> = answer
        .responses
        .iter()
        .map(|topic| topic.error_code)
        .collect();
    assert_eq!(told, [INVALID_REQUEST, NONE]);
    let left = host.list_topics("c").await;
    let [left] = &left[..] else {
        panic!("{left:?}")
    };
    assert_eq!(left.name, "v");
    // By name and by id is twice, too.
    let by_name = delete_topics_request::DeleteTopicState::default().with_name(Some(name("v")));
    let by_id = delete_topics_request::DeleteTopicState::default()
        .with_name(None)
        .with_topic_id(left.id);
    for (topics, expected) in [
        (vec![by_id.clone(), by_id.clone()], &[INVALID_REQUEST][..]),
        (vec![by_id.clone(), by_name], &[INVALID_REQUEST, NONE]),
    ] {
        let answer = client
            .call(DeleteTopicsRequest::default().with_topics(topics), 6)
            .await;
        let told: Vec<_> = answer
            .responses
            .iter()
            .map(|topic| topic.error_code)
            .collect();
        assert_eq!(told, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let resource = describe_configs_request::DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name("t".into())
        .with_configuration_keys(Some(times("retention.ms".into())));
    let request = DescribeConfigsRequest::default().with_resources(times(resource));
    let answer = client.call(request, 4).await;
    assert_eq!(
        (answer.results.len(), answer.results[0].configs.len()),
        (1, 1)
    );

    let set = |value: &'static str| {
        AlterableConfig::default()
            .with_name("retention.ms".into())
            .with_value(Some(value.into()))
    };
    let change = |configs: Vec<AlterableConfig>| {
        AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name("t".into())
            .with_configs(configs)
    };
    for (resources, expected) in [
        (vec![change(vec![set("1"), set("2")])], INVALID_REQUEST),
        (
            vec![change(vec![set("1")]), change(vec![set("2")])],
            INVALID_REQUEST,
        ),
        (vec![change(vec![set("3")])], NONE),
    ] {
        let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
        let answer = client.call(request, 1).await;
        assert_eq!(
            (answer.responses.len(), answer.responses[0].error_code),
            (1, expected)
        );
    }
    let set = WholeConfig::default()
        .with_name("retention.ms".into())
        .with_value(Some("4".into()));
    let change = |configs: Vec<WholeConfig>| {
        WholeResource::default()
            .with_resource_type(2)
            .with_resource_name("t".into())
            .with_configs(configs)
    };
    for (resources, expected) in [
        (vec![change(times(set.clone()))], INVALID_REQUEST),
        (times(change(vec![set.clone()])), INVALID_REQUEST),
        (vec![change(vec![set])], NONE),
    ] {
        let request = AlterConfigsRequest::default().with_resources(resources);
        let answer = client.call(request, 2).await;
        assert_eq!(
            (answer.responses.len(), answer.responses[0].error_code),
            (1, expected)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let entity = alter_client_quotas_request::EntityData::default()
        .with_entity_type("client-id".into())
        .with_entity_name(Some("x".into()));
    let set = |key: &'static str, value: f64| {
        let op = alter_client_quotas_request::OpData::default()
            .with_key(key.into())
            .with_value(value);
        alter_client_quotas_request::EntryData::default()
            .with_entity(vec![entity.clone()])
            .with_ops(vec![op])
    };
    // All of them are done, and answered once.
    let entries = vec![
        set("producer_byte_rate", 1.0),
        set("consumer_byte_rate", 2.0),
        set("producer_byte_rate", 3.0),
    ];
    let request = AlterClientQuotasRequest::default().with_entries(entries);
    let answer = client.call(request, 1).await;
    assert_eq!(
        (answer.entries.len(), answer.entries[0].error_code),
        (1, NONE)
    );
    let component = describe_client_quotas_request::ComponentData::default()
        .with_entity_type("client-id".into())
        .with_match_type(2);
    let request = DescribeClientQuotasRequest::default().with_components(vec![component.clone()]);
    let answer = client.call(request, 1).await;
    let entries = answer.entries.unwrap();
    let values: Vec<f64> = entries[0].values.iter().map(|value| value.value).collect();
    assert_eq!(values, [2.0, 3.0]);
    let request = DescribeClientQuotasRequest::default().with_components(times(component));
    assert_eq!(client.call(request, 1).await.error_code, INVALID_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acls() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let creation = create_acls_request::AclCreation::default()
        .with_resource_type(2)
        .with_resource_name("t".into())
        .with_resource_pattern_type(3)
        .with_principal("User:x".into())
        .with_host("*".into())
        .with_operation(3)
        .with_permission_type(3);
    let request = CreateAclsRequest::default().with_creations(times(creation));
    let answer = client.call(request, 3).await;
    assert!(
        answer
            .results
            .iter()
            .all(|result| result.error_code == NONE)
    );
    // What one filter has deleted no other deletes.
    let filter = delete_acls_request::DeleteAclsFilter::default()
        .with_resource_type_filter(2)
        .with_resource_name_filter(None)
        .with_pattern_type_filter(1)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_operation(1)
        .with_permission_type(1);
    let request = DeleteAclsRequest::default().with_filters(times(filter));
    let answer = client.call(request, 3).await;
    let matching: Vec<usize> = answer
        .filter_results
        .iter()
        .map(|result| result.matching_acls.len())
        .collect();
    assert_eq!(matching, [1, 0, 0]);
}
