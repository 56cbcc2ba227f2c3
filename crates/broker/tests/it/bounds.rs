//! What clients may make a cluster hold, keep or work on.

use crate::cluster::name;
use crate::support::{Administration, Client, host_at, spec, topic};
use brokerage_broker::{Durability, Host};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Request, StrBytes};

const NONE: i16 = 0;
const INVALID_REQUEST: i16 = 42;
const POLICY_VIOLATION: i16 = 44;
const KAFKA_STORAGE_ERROR: i16 = 56;
/// Longest text of a request.
const TEXT_BYTES_MAX: usize = 32_767;

fn long(bytes: usize) -> StrBytes {
    "x".repeat(bytes).into()
}

async fn cluster(dir: &std::path::Path) -> Host {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host
}

/// Whether there is an answer; otherwise the connection was closed.
async fn is_answered<R: Request>(host: &Host, request: &R, version: i16) -> bool {
    let mut client = Client::connect(host, "c", 0).await;
    let frame = client.frame(request, version);
    client.send_raw(&frame).await;
    client.receive_raw().await.is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_too_long_closes_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    for (bytes, expected) in [(TEXT_BYTES_MAX, true), (TEXT_BYTES_MAX + 1, false)] {
        macro_rules! check {
            ($request:expr, $version:expr) => {
                let is_answered = is_answered(&host, &$request, $version).await;
                assert_eq!(is_answered, expected, "{bytes}: {}", stringify!($request));
            };
        }
        let id = || GroupId(long(bytes));
        check!(
            InitProducerIdRequest::default()
                .with_transactional_id(Some(TransactionalId(long(bytes)))),
            4
        );
        check!(
            FindCoordinatorRequest::default().with_coordinator_keys(vec![long(bytes)]),
            4
        );
        check!(OffsetCommitRequest::default().with_group_id(id()), 8);
        check!(JoinGroupRequest::default().with_group_id(id()), 7);
        check!(
            JoinGroupRequest::default().with_group_instance_id(Some(long(bytes))),
            7
        );
        check!(JoinGroupRequest::default().with_member_id(long(bytes)), 7);
        check!(
            ConsumerGroupHeartbeatRequest::default().with_subscribed_topic_regex(Some(long(bytes))),
            1
        );
        check!(
            ConsumerGroupHeartbeatRequest::default()
                .with_subscribed_topic_names(Some(vec![TopicName(long(bytes))])),
            1
        );
        let entity = EntityData::default()
            .with_entity_type("user".into())
            .with_entity_name(Some(long(bytes)));
        let entry = EntryData::default().with_entity(vec![entity]);
        check!(
            AlterClientQuotasRequest::default().with_entries(vec![entry.clone()]),
            1
        );
        let config = incremental_alter_configs_request::AlterableConfig::default()
            .with_name("leader.replication.throttled.replicas".into())
            .with_value(Some(long(bytes)));
        let resource = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name("t".into())
            .with_configs(vec![config]);
        check!(
            IncrementalAlterConfigsRequest::default().with_resources(vec![resource.clone()]),
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_bounded_by_what_it_becomes() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name("t".into())
        .with_configuration_keys(None);
    let request = |count: usize| {
        DescribeConfigsRequest::default().with_resources(vec![resource.clone(); count])
    };
    let mut client = Client::connect(&host, "c", 0).await;
    let answer = client.call(request(40_000), 4).await;
    assert_eq!(answer.results.len(), 1);
    assert_eq!(answer.results[0].error_code, NONE);
    assert!(!is_answered(&host, &request(1_000_000), 4).await);
}

fn journal_bytes(dir: &std::path::Path) -> u64 {
    let metadata_log = dir.join("c").join("cluster.journal");
    std::fs::metadata(metadata_log).unwrap().len()
}

fn commit_request(group: &StrBytes, partitions: impl Iterator<Item = i32>) -> OffsetCommitRequest {
    let partition = |index| {
        offset_commit_request::OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(7)
    };
    let topic = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(partitions.map(partition).collect());
    OffsetCommitRequest::default()
        .with_group_id(GroupId(group.clone()))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_names_a_group_once_for_many_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    host.create_topic("c", topic("t", 200)).await.unwrap();
    let group = long(TEXT_BYTES_MAX);
    let mut client = Client::connect(&host, "c", 0).await;
    let before = journal_bytes(dir.path());
    let answer = client.call(commit_request(&group, 0..200), 8).await;
    let partitions = answer.topics[0].partitions.iter();
    assert!(
        partitions
            .clone()
            .all(|partition| partition.error_code == NONE)
    );
    assert_eq!(partitions.len(), 200);
    let written = journal_bytes(dir.path()) - before;
    assert!(written < 2 * TEXT_BYTES_MAX as u64, "{written}");
    // One partition, however often it is named.
    let before = journal_bytes(dir.path());
    let answer = client
        .call(commit_request(&group, std::iter::repeat_n(3, 5_000)), 8)
        .await;
    assert_eq!(answer.topics[0].partitions.len(), 1);
    let written = journal_bytes(dir.path()) - before;
    assert!(written < 2 * TEXT_BYTES_MAX as u64, "{written}");
    // What was written is read again.
    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let wanted = offset_fetch_request::OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(group))
        .with_topics(None);
    let answer = client
        .call(OffsetFetchRequest::default().with_groups(vec![wanted]), 8)
        .await;
    let found = &answer.groups[0].topics[0].partitions;
    assert_eq!(found.len(), 200);
    assert!(
        found
            .iter()
            .all(|partition| partition.committed_offset == 7)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_of_an_offset_is_measured_in_characters() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    for (metadata, expected) in [
        ("偏".repeat(2_000), NONE),
        ("偏".repeat(4_096), NONE),
        ("偏".repeat(4_097), 12),
        ("x".repeat(4_097), 12),
        // Two of Java's characters each.
        ("🐈".repeat(2_048), NONE),
        ("🐈".repeat(2_049), 12),
    ] {
        let mut request = commit_request(&"g".into(), 0..1);
        let partition = &mut request.topics[0].partitions[0];
        partition.committed_metadata = Some(metadata.clone().into());
        let answer = client.call(request, 8).await;
        let code = answer.topics[0].partitions[0].error_code;
        assert_eq!(code, expected, "{metadata:.10}");
        if code != NONE {
            continue;
        }
        let wanted = offset_fetch_request::OffsetFetchRequestGroup::default()
            .with_group_id(GroupId("g".into()))
            .with_topics(None);
        let request = OffsetFetchRequest::default().with_groups(vec![wanted]);
        let answer = client.call(request, 8).await;
        let found = &answer.groups[0].topics[0].partitions[0].metadata;
        assert_eq!(found.as_deref(), Some(metadata.as_str()));
    }
}

fn join_request(metadata_bytes: usize, protocols: usize) -> JoinGroupRequest {
    let protocol = |at: usize| {
        JoinGroupRequestProtocol::default()
            .with_name(format!("p{at}").into())
            .with_metadata(Bytes::from(vec![0; metadata_bytes]))
    };
    JoinGroupRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type("consumer".into())
        .with_protocols((0..protocols).map(protocol).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_says_so_much_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut client = Client::connect(&host, "c", 0).await;
    for (metadata_bytes, protocols, expected) in [
        (7 << 20, 1, INVALID_REQUEST),
        (1 << 20, 1, INVALID_REQUEST),
        (600 << 10, 2, INVALID_REQUEST),
        (0, 33, INVALID_REQUEST),
        (600 << 10, 1, NONE),
    ] {
        let request = join_request(metadata_bytes, protocols);
        let code = client.call(request, 3).await.error_code;
        assert_eq!(code, expected, "{metadata_bytes} {protocols}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ids_of_a_transaction_and_of_a_cluster_are_bounded_together() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut client = Client::connect(&host, "c", 0).await;
    let transactional_id = |at: usize| {
        let text = format!("{at:04}{}", "x".repeat(TEXT_BYTES_MAX - 4));
        TransactionalId(text.into())
    };
    let init = |id: TransactionalId| {
        InitProducerIdRequest::default()
            .with_transactional_id(Some(id))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
    };
    let room = (4 << 20) / TEXT_BYTES_MAX;
    let mut first = None;
    for at in 0..room {
        let given = client.call(init(transactional_id(at)), 4).await;
        assert_eq!(given.error_code, NONE, "{at}");
        first.get_or_insert(given);
    }
    let code = client
        .call(init(transactional_id(room)), 4)
        .await
        .error_code;
    assert_eq!(code, POLICY_VIOLATION);
    // Who has an id already keeps it.
    let given = client.call(init(transactional_id(0)), 4).await;
    assert_eq!(given.error_code, NONE);

    let add = |at: usize| {
        let group = format!("{at}{}", "x".repeat(TEXT_BYTES_MAX - 1));
        AddOffsetsToTxnRequest::default()
            .with_transactional_id(transactional_id(0))
            .with_producer_id(given.producer_id)
            .with_producer_epoch(given.producer_epoch)
            .with_group_id(GroupId(group.into()))
    };
    for (at, expected) in [(0, NONE), (1, NONE), (2, POLICY_VIOLATION), (0, NONE)] {
        assert_eq!(client.call(add(at), 3).await.error_code, expected, "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_have_quotas_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut client = Client::connect(&host, "c", 0).await;
    for (bytes, expected) in [(1_024, NONE), (1_025, INVALID_REQUEST)] {
        let entity = EntityData::default()
            .with_entity_type("client-id".into())
            .with_entity_name(Some(long(bytes)));
        let op = OpData::default()
            .with_key("producer_byte_rate".into())
            .with_value(1e6);
        let entry = EntryData::default()
            .with_entity(vec![entity])
            .with_ops(vec![op]);
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        assert_eq!(
            client.call(request, 1).await.entries[0].error_code,
            expected
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_sent_is_not_told_back_at_length() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let config = incremental_alter_configs_request::AlterableConfig::default()
        .with_name(long(TEXT_BYTES_MAX))
        .with_value(Some("1".into()));
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name("t".into())
        .with_configs(vec![config]);
    // In the old form a message could not even be written at that length.
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = client.call(request, 0).await;
    let response = &answer.responses[0];
    assert_eq!(response.error_code, ResponseError::InvalidConfig.code());
    assert!(response.error_message.as_ref().unwrap().len() <= 1_024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_that_multiplies_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    for at in 0..100 {
        let name = format!("{}-{at}", "a".repeat(240));
        host.create_topic("c", topic(&name, 1)).await.unwrap();
    }
    let mut client = Client::connect(&host, "c", 0).await;
    let mut join = async |text: &str| {
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId("g".into()))
            .with_member_id(format!("m{}", text.len()).into())
            .with_rebalance_timeout_ms(10_000)
            .with_subscribed_topic_regex(Some(text.to_owned().into()));
        client.call(request, 1).await
    };
    let invalid = ResponseError::InvalidRegularExpression.code();
    for text in [
        "(((a?){20}){20}){20}b",
        "((a?){20}){20}b",
        "(a{1000}){1000}",
        &"a?".repeat(1_000),
        "(",
    ] {
        assert_eq!(join(text).await.error_code, invalid, "{text:.40}");
    }
    let joined = join("a+-1.").await;
    assert_eq!(joined.error_code, NONE);
    let assigned = joined.assignment.unwrap();
    assert_eq!(assigned.topic_partitions.len(), 10);
}

/// Commits offsets with long metadata, in one group after the other, until one is refused; returns how many were not.
async fn fill_with_offsets(client: &mut Client, from: usize) -> usize {
    for at in from.. {
        let mut request = commit_request(&format!("g{at}").into(), 0..100);
        for partition in &mut request.topics[0].partitions {
            partition.committed_metadata = Some(long(4_096));
        }
        let answer = client.call(request, 8).await;
        let code = answer.topics[0].partitions[0].error_code;
        if code != NONE {
            assert_eq!(code, KAFKA_STORAGE_ERROR);
            return at;
        }
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_knows_so_much_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let mut small = spec("c", 1);
    small.limits.disk_bytes_max = Some(64 << 20);
    host.ensure_cluster(small.clone()).await.unwrap();
    host.create_topic("c", topic("t", 100)).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let groups = fill_with_offsets(&mut client, 0).await;
    // 400 KB each.
    assert!((15..25).contains(&groups), "{groups}");
    let journal = journal_bytes(dir.path());
    assert!(journal < 11 << 20, "{journal}");
    // It counts against the disk that was bought.
    let used = host.observe("c").unwrap().disk_used_bytes;
    assert!(used > journal - (1 << 20) && used <= journal, "{used}");
    // Whatever needs no room goes on, and what is there is kept over a restart.
    assert_eq!(
        client
            .call(ApiVersionsRequest::default(), 0)
            .await
            .error_code,
        NONE
    );
    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(small).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    assert_eq!(fill_with_offsets(&mut client, groups).await, groups);
    let gone: Vec<GroupId> = (0..5).map(|at| GroupId(format!("g{at}").into())).collect();
    let request = DeleteGroupsRequest::default().with_groups_names(gone);
    let deleted = client.call(request, 2).await;
    assert!(deleted.results.iter().all(|group| group.error_code == NONE));
    // How much room that made is looked at once a second.
    let again = async {
        while fill_with_offsets(&mut client, groups).await < groups + 3 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), again).await;
    assert!(waited.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_all_groups_say_so_much_together() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut clients = Vec::new();
    let mut refused = 0;
    for at in 0..12 {
        let mut client = Client::connect(&host, "c", 0).await;
        let mut request = join_request(1_000 << 10, 1);
        request.group_id = GroupId(format!("g{at}").into());
        let code = client.call(request, 3).await.error_code;
        refused += usize::from(code == ResponseError::GroupMaxSizeReached.code());
        clients.push(client);
    }
    // 8 MiB.
    assert_eq!(refused, 4);
    // Whoever leaves makes room.
    let described = DescribeGroupsRequest::default().with_groups(vec![GroupId("g0".into())]);
    let described = clients[0].call(described, 5).await;
    let member = described.groups[0].members[0].member_id.clone();
    let request = LeaveGroupRequest::default()
        .with_group_id(GroupId("g0".into()))
        .with_member_id(member);
    assert_eq!(clients[0].call(request, 2).await.error_code, NONE);
    let code = clients[0]
        .call(join_request(1_000 << 10, 1), 3)
        .await
        .error_code;
    assert_eq!(code, NONE);
}
