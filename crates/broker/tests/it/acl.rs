//! Access control through the wire: which permission each request needs, and how ACLs are managed.
//!
//! Longer than 800 lines: one table of permissions for every request, which is read beside its neighbours.

use brokerage_broker::{Authorization, Durability, Host, SaslMechanism, SaslSpec};
use brokerage_kafka_admin::{
    Acl, AclFilter, AclOperation as Op, AclPermission, PatternFilter, PatternType,
    ResourceType as On,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Request;
use uuid::Uuid;

use crate::sasl::{PASSWORD, log_in, sasl_spec};
use crate::support::{
    Administration, Client, ProducerBatch, batch, host_at, producer_batch, spec, topic,
};

const UNKNOWN_TOPIC: i16 = 3;
const TOPIC: i16 = 29;
const GROUP: i16 = 30;
const CLUSTER: i16 = 31;
const TRANSACTIONAL_ID: i16 = 53;
const AUTHORIZATION_CODES: [i16; 4] = [TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID];

/// The only user of a listener without authentication.
const USER: &str = "User:ANONYMOUS";

fn name(text: &str) -> TopicName {
    TopicName(text.to_owned().into())
}

fn group() -> GroupId {
    GroupId("g".into())
}

fn acl(operation: Op, resource_type: On, name: &str, permission: AclPermission) -> Acl {
    Acl {
        resource_type,
        resource_name: name.to_owned(),
        pattern_type: PatternType::Literal,
        principal: USER.to_owned(),
        host: "*".to_owned(),
        operation,
        permission,
    }
}

fn allow(operation: Op, resource_type: On, name: &str) -> Acl {
    acl(operation, resource_type, name, AclPermission::Allow)
}

fn deny(operation: Op, resource_type: On, name: &str) -> Acl {
    acl(operation, resource_type, name, AclPermission::Deny)
}

fn on_topic(operation: Op) -> Acl {
    allow(operation, On::Topic, "t")
}

fn on_group(operation: Op) -> Acl {
    allow(operation, On::Group, "g")
}

fn on_cluster(operation: Op) -> Acl {
    allow(operation, On::Cluster, "kafka-cluster")
}

fn on_transactional_id(operation: Op) -> Acl {
    allow(operation, On::TransactionalId, "x")
}

/// A cluster that is closed to everybody, or open until there are ACLs, with topics `t` and `u`.
async fn cluster(dir: &std::path::Path, is_open: bool) -> Host {
    let host = host_at(dir, Durability::Process);
    let mut spec = spec("c", 1);
    spec.auto_create_topics = true;
    spec.authorization = Authorization {
        allow_everyone_if_no_acl_found: is_open,
        ..Authorization::default()
    };
    host.ensure_cluster(spec).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    host.create_topic("c", topic("u", 1)).await.unwrap();
    host
}

struct Checker {
    host: Host,
    client: Client,
}

impl Checker {
    /// Without a permission the request is refused with the code; with all `needed` it is not. Each of
    /// them is really needed.
    async fn check<R: Request + Clone>(
        &mut self,
        request: R,
        version: i16,
        code_of: impl Fn(&R::Response) -> i16,
        refused: i16,
        needed: &[Acl],
    ) {
        let key = R::KEY;
        for missing in 0..needed.len() {
            let mut granted = needed.to_vec();
            let missing = granted.remove(missing);
            self.host.create_acls("c", granted).await.unwrap();
            let code = code_of(&self.client.call(request.clone(), version).await);
            let is_refused = match needed.len() {
                1 => code == refused,
                _ => AUTHORIZATION_CODES.contains(&code),
            };
            assert!(
                is_refused,
                "key {key} v{version}: {code} without {missing:?}"
            );
            self.host
                .delete_acls("c", AclFilter::default())
                .await
                .unwrap();
        }
        let code = code_of(&self.client.call(request.clone(), version).await);
        assert_eq!(code, refused, "key {key} v{version} without any permission");
        self.host.create_acls("c", needed.to_vec()).await.unwrap();
        let code = code_of(&self.client.call(request, version).await);
        assert!(
            !AUTHORIZATION_CODES.contains(&code),
            "key {key} v{version}: {code} with {needed:?}"
        );
        self.host
            .delete_acls("c", AclFilter::default())
            .await
            .unwrap();
    }
}

async fn checker(dir: &std::path::Path) -> Checker {
    let host = cluster(dir, false).await;
    let client = Client::connect(&host, "c", 0).await;
    Checker { host, client }
}

fn produce_request(records: bytes::Bytes) -> ProduceRequest {
    let data = produce_request::PartitionProduceData::default().with_records(Some(records));
    let data = produce_request::TopicProduceData::default()
        .with_name(name("t"))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![data])
}

fn fetch_by_name() -> FetchRequest {
    let partition = fetch_request::FetchPartition::default().with_partition_max_bytes(1 << 20);
    let wanted = fetch_request::FetchTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_topics(vec![wanted])
}

fn produced(answer: &ProduceResponse) -> i16 {
    answer.responses[0].partition_responses[0].error_code
}

fn fetched(answer: &FetchResponse) -> i16 {
    answer.responses[0].partitions[0].error_code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_written_and_read_with_permission_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = checker(dir.path()).await;
    let write = [on_topic(Op::Write)];
    at.check(produce_request(batch(&["a"])), 9, produced, TOPIC, &write)
        .await;
    let transactional = producer_batch(
        &["a"],
        ProducerBatch {
            producer_id: 7,
            epoch: 0,
            sequence: 0,
            is_transactional: true,
        },
    );
    let request =
        produce_request(transactional).with_transactional_id(Some(TransactionalId("x".into())));
    let both = [on_topic(Op::Write), on_transactional_id(Op::Write)];
    at.check(request, 9, produced, TRANSACTIONAL_ID, &both)
        .await;

    let partition = fetch_request::FetchPartition::default().with_partition_max_bytes(1 << 20);
    at.check(fetch_by_name(), 11, fetched, TOPIC, &[on_topic(Op::Read)])
        .await;
    let id = at.host.list_topics("c").await[0].id;
    let by_id = |id: Uuid| {
        let wanted = fetch_request::FetchTopic::default()
            .with_topic_id(id)
            .with_partitions(vec![partition.clone()]);
        FetchRequest::default()
            .with_max_bytes(1 << 20)
            .with_topics(vec![wanted])
    };
    at.check(by_id(id), 13, fetched, TOPIC, &[on_topic(Op::Read)])
        .await;
    let answer = at.client.call(by_id(Uuid::from_u128(1)), 13).await;
    assert_eq!(fetched(&answer), 100, "an id that is unknown is no secret");

    let partition = list_offsets_request::ListOffsetsPartition::default().with_timestamp(-1);
    let wanted = list_offsets_request::ListOffsetsTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_topics(vec![wanted]);
    let code = |answer: &ListOffsetsResponse| answer.topics[0].partitions[0].error_code;
    for operation in [
        Op::Describe,
        Op::Read,
        Op::Write,
        Op::Delete,
        Op::Alter,
        Op::All,
    ] {
        at.check(request.clone(), 5, code, TOPIC, &[on_topic(operation)])
            .await;
    }
    let partition = offset_for_leader_epoch_request::OffsetForLeaderPartition::default();
    let wanted = offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default().with_topics(vec![wanted]);
    let code = |answer: &OffsetForLeaderEpochResponse| answer.topics[0].partitions[0].error_code;
    for needed in [on_topic(Op::Describe), on_cluster(Op::ClusterAction)] {
        at.check(request.clone(), 3, code, TOPIC, &[needed]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producer_ids_are_given_to_those_who_may_write_something() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = checker(dir.path()).await;
    let code = |answer: &InitProducerIdResponse| answer.error_code;
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(1_000);
    for needed in [on_topic(Op::Write), on_cluster(Op::IdempotentWrite)] {
        at.check(request.clone(), 2, code, CLUSTER, &[needed]).await;
    }
    let request = request.with_transactional_id(Some(TransactionalId("x".into())));
    let write = [on_transactional_id(Op::Write)];
    at.check(request, 2, code, TRANSACTIONAL_ID, &write).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_need_permission_for_their_id_and_for_what_they_touch() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = checker(dir.path()).await;
    let id = || TransactionalId("x".into());
    let write = on_transactional_id(Op::Write);

    let wanted = add_partitions_to_txn_request::AddPartitionsToTxnTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![0]);
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id())
        .with_v3_and_below_topics(vec![wanted]);
    let code = |answer: &AddPartitionsToTxnResponse| {
        answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    };
    let needed = [write.clone(), on_topic(Op::Write)];
    at.check(request, 3, code, TRANSACTIONAL_ID, &needed).await;

    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(id())
        .with_group_id(group());
    let code = |answer: &AddOffsetsToTxnResponse| answer.error_code;
    let needed = [write.clone(), on_group(Op::Read)];
    at.check(request, 3, code, TRANSACTIONAL_ID, &needed).await;

    let partition = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default();
    let wanted = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(id())
        .with_group_id(group())
        .with_generation_id(-1)
        .with_topics(vec![wanted]);
    let code = |answer: &TxnOffsetCommitResponse| answer.topics[0].partitions[0].error_code;
    let needed = [write.clone(), on_group(Op::Read), on_topic(Op::Read)];
    at.check(request, 3, code, TRANSACTIONAL_ID, &needed).await;

    let request = EndTxnRequest::default().with_transactional_id(id());
    let code = |answer: &EndTxnResponse| answer.error_code;
    at.check(request, 3, code, TRANSACTIONAL_ID, &[write]).await;

    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![id()]);
    let code = |answer: &DescribeTransactionsResponse| answer.transaction_states[0].error_code;
    let describe = [on_transactional_id(Op::Describe)];
    at.check(request, 0, code, TRANSACTIONAL_ID, &describe)
        .await;

    let wanted = describe_producers_request::TopicRequest::default()
        .with_name(name("t"))
        .with_partition_indexes(vec![0]);
    let request = DescribeProducersRequest::default().with_topics(vec![wanted]);
    let code = |answer: &DescribeProducersResponse| answer.topics[0].partitions[0].error_code;
    at.check(request, 0, code, TOPIC, &[on_topic(Op::Read)])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_need_permission_for_the_group() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = checker(dir.path()).await;
    let read = [on_group(Op::Read)];

    let request = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(10_000)
        .with_protocol_type("consumer".into());
    at.check(request, 5, |answer| answer.error_code, GROUP, &read)
        .await;
    let request = SyncGroupRequest::default().with_group_id(group());
    at.check(request, 3, |answer| answer.error_code, GROUP, &read)
        .await;
    let request = HeartbeatRequest::default().with_group_id(group());
    at.check(request, 3, |answer| answer.error_code, GROUP, &read)
        .await;
    let request = LeaveGroupRequest::default().with_group_id(group());
    at.check(request, 3, |answer| answer.error_code, GROUP, &read)
        .await;

    let request = DescribeGroupsRequest::default().with_groups(vec![group()]);
    let code = |answer: &DescribeGroupsResponse| answer.groups[0].error_code;
    at.check(request, 3, code, GROUP, &[on_group(Op::Describe)])
        .await;
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group()]);
    let code = |answer: &ConsumerGroupDescribeResponse| answer.groups[0].error_code;
    at.check(request, 0, code, GROUP, &[on_group(Op::Describe)])
        .await;
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group()]);
    let code = |answer: &DeleteGroupsResponse| answer.results[0].error_code;
    at.check(request, 2, code, GROUP, &[on_group(Op::Delete)])
        .await;

    let request = FindCoordinatorRequest::default().with_key("g".into());
    let describe = [on_group(Op::Describe)];
    at.check(request, 2, |answer| answer.error_code, GROUP, &describe)
        .await;
    let request = FindCoordinatorRequest::default()
        .with_key_type(1)
        .with_coordinator_keys(vec!["x".into()]);
    let code = |answer: &FindCoordinatorResponse| answer.coordinators[0].error_code;
    let describe = [on_transactional_id(Op::Describe)];
    at.check(request, 4, code, TRANSACTIONAL_ID, &describe)
        .await;
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id("m".into())
        .with_rebalance_timeout_ms(10_000)
        .with_topic_partitions(Some(Vec::new()))
        .with_subscribed_topic_names(Some(vec![name("t")]));
    let needed = [on_group(Op::Read), on_topic(Op::Describe)];
    at.check(request, 1, |answer| answer.error_code, GROUP, &needed)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_need_permission_for_group_and_topic() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = checker(dir.path()).await;
    let partition = offset_commit_request::OffsetCommitRequestPartition::default();
    let wanted = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![wanted]);
    let code = |answer: &OffsetCommitResponse| answer.topics[0].partitions[0].error_code;
    let needed = [on_group(Op::Read), on_topic(Op::Read)];
    at.check(request, 7, code, GROUP, &needed).await;

    let wanted = offset_fetch_request::OffsetFetchRequestTopic::default()
        .with_name(name("t"))
        .with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(group())
        .with_topics(Some(vec![wanted]));
    let code = |answer: &OffsetFetchResponse| match answer.error_code {
        0 => answer.topics[0].partitions[0].error_code,
        code => code,
    };
    let needed = [on_group(Op::Describe), on_topic(Op::Describe)];
    at.check(request, 5, code, GROUP, &needed).await;

    let asked = offset_fetch_request::OffsetFetchRequestGroup::default()
        .with_group_id(group())
        .with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![asked]);
    let code = |answer: &OffsetFetchResponse| answer.groups[0].error_code;
    at.check(request.clone(), 8, code, GROUP, &[on_group(Op::Describe)])
        .await;
    at.host
        .create_acls("c", vec![on_group(Op::Describe)])
        .await
        .unwrap();
    let seen = |answer: OffsetFetchResponse| answer.groups[0].topics.len();
    let all = at.client.call(request.clone(), 8).await;
    assert_eq!(
        seen(all),
        0,
        "topics that may not be described are left out"
    );
    at.host
        .create_acls("c", vec![on_topic(Op::Describe)])
        .await
        .unwrap();
    assert_eq!(seen(at.client.call(request, 8).await), 1);
    at.host
        .delete_acls("c", AclFilter::default())
        .await
        .unwrap();

    let wanted = offset_delete_request::OffsetDeleteRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![
            offset_delete_request::OffsetDeleteRequestPartition::default(),
        ]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(group())
        .with_topics(vec![wanted]);
    let code = |answer: &OffsetDeleteResponse| match answer.error_code {
        0 => answer.topics[0].partitions[0].error_code,
        code => code,
    };
    let needed = [on_group(Op::Delete), on_topic(Op::Read)];
    at.check(request, 0, code, GROUP, &needed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_managed_with_permission_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = checker(dir.path()).await;
    let create = |topic: &str| {
        let topic = create_topics_request::CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(1)
            .with_replication_factor(1);
        CreateTopicsRequest::default().with_topics(vec![topic])
    };
    let code = |answer: &CreateTopicsResponse| answer.topics[0].error_code;
    let own = allow(Op::Create, On::Topic, "v");
    at.check(create("v"), 5, code, TOPIC, &[own]).await;
    let everywhere = [on_cluster(Op::Create)];
    at.check(create("w"), 5, code, TOPIC, &everywhere).await;

    let wanted = create_partitions_request::CreatePartitionsTopic::default()
        .with_name(name("t"))
        .with_count(2)
        .with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![wanted]);
    let code = |answer: &CreatePartitionsResponse| answer.results[0].error_code;
    at.check(request, 2, code, TOPIC, &[on_topic(Op::Alter)])
        .await;

    let partition = delete_records_request::DeleteRecordsPartition::default();
    let wanted = delete_records_request::DeleteRecordsTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![wanted]);
    let code = |answer: &DeleteRecordsResponse| answer.topics[0].partitions[0].error_code;
    at.check(request, 1, code, TOPIC, &[on_topic(Op::Delete)])
        .await;

    let delete = |topic: &str| DeleteTopicsRequest::default().with_topic_names(vec![name(topic)]);
    let code = |answer: &DeleteTopicsResponse| answer.responses[0].error_code;
    at.check(delete("missing"), 4, code, TOPIC, &[on_cluster(Op::Delete)])
        .await;
    at.check(delete("t"), 4, code, TOPIC, &[on_topic(Op::Delete)])
        .await;
    // By id: only clients that may describe the topic get its name.
    let id = at.host.list_topics("c").await;
    let id = id.iter().find(|topic| topic.name == "u").unwrap().id;
    let wanted = delete_topics_request::DeleteTopicState::default().with_topic_id(id);
    let request = DeleteTopicsRequest::default().with_topics(vec![wanted]);
    for (granted, told) in [(Vec::new(), None), (vec![Op::Describe], Some(name("u")))] {
        let granted = granted.into_iter().map(|op| allow(op, On::Topic, "u"));
        at.host.create_acls("c", granted.collect()).await.unwrap();
        let answer = at.client.call(request.clone(), 6).await;
        assert_eq!(answer.responses[0].error_code, TOPIC);
        assert_eq!(answer.responses[0].name, told);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_the_cluster_are_looked_at_and_changed_with_permission_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = checker(dir.path()).await;
    for (kind, resource, refused, describe, alter) in [
        (
            2,
            "t",
            TOPIC,
            on_topic(Op::DescribeConfigs),
            on_topic(Op::AlterConfigs),
        ),
        (
            4,
            "0",
            CLUSTER,
            on_cluster(Op::DescribeConfigs),
            on_cluster(Op::AlterConfigs),
        ),
    ] {
        let wanted = describe_configs_request::DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(resource.into());
        let request = DescribeConfigsRequest::default().with_resources(vec![wanted]);
        let code = |answer: &DescribeConfigsResponse| answer.results[0].error_code;
        for needed in [describe, alter.clone()] {
            at.check(request.clone(), 2, code, refused, &[needed]).await;
        }
        let wanted = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(resource.into());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![wanted]);
        let code = |answer: &IncrementalAlterConfigsResponse| answer.responses[0].error_code;
        at.check(request, 1, code, refused, std::slice::from_ref(&alter))
            .await;
        let wanted = alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(resource.into());
        let request = AlterConfigsRequest::default().with_resources(vec![wanted]);
        let code = |answer: &AlterConfigsResponse| answer.responses[0].error_code;
        at.check(request, 1, code, refused, &[alter]).await;
    }
    let request = DescribeLogDirsRequest::default().with_topics(None);
    let describe = [on_cluster(Op::Describe)];
    at.check(request, 3, |answer| answer.error_code, CLUSTER, &describe)
        .await;
    let request = DescribeClientQuotasRequest::default();
    let describe_configs = [on_cluster(Op::DescribeConfigs)];
    at.check(
        request,
        0,
        |answer| answer.error_code,
        CLUSTER,
        &describe_configs,
    )
    .await;
    let request = AlterClientQuotasRequest::default()
        .with_entries(vec![alter_client_quotas_request::EntryData::default()]);
    let code = |answer: &AlterClientQuotasResponse| answer.entries[0].error_code;
    at.check(request, 0, code, CLUSTER, &[on_cluster(Op::AlterConfigs)])
        .await;

    let user = || "user".into();
    let wanted = describe_user_scram_credentials_request::UserName::default().with_name(user());
    let request = DescribeUserScramCredentialsRequest::default().with_users(Some(vec![wanted]));
    at.check(request, 0, |answer| answer.error_code, CLUSTER, &describe)
        .await;
    let deletion = alter_user_scram_credentials_request::ScramCredentialDeletion::default()
        .with_name(user())
        .with_mechanism(1);
    let request = AlterUserScramCredentialsRequest::default().with_deletions(vec![deletion]);
    let code = |answer: &AlterUserScramCredentialsResponse| answer.results[0].error_code;
    let alter = [on_cluster(Op::Alter)];
    at.check(request, 0, code, CLUSTER, &alter).await;
    let wanted = elect_leaders_request::TopicPartitions::default()
        .with_topic(TopicName("t".into()))
        .with_partitions(vec![0]);
    for wanted in [Some(vec![wanted]), None] {
        let request = ElectLeadersRequest::default().with_topic_partitions(wanted);
        at.check(request, 1, |answer| answer.error_code, CLUSTER, &alter)
            .await;
    }
    at.check(
        describe_acls_any(),
        3,
        |answer| answer.error_code,
        CLUSTER,
        &describe,
    )
    .await;
    let request = CreateAclsRequest::default()
        .with_creations(vec![create_acls_request::AclCreation::default()]);
    let code = |answer: &CreateAclsResponse| answer.results[0].error_code;
    at.check(request, 3, code, CLUSTER, &[on_cluster(Op::Alter)])
        .await;
    let request = DeleteAclsRequest::default()
        .with_filters(vec![delete_acls_request::DeleteAclsFilter::default()]);
    let code = |answer: &DeleteAclsResponse| answer.filter_results[0].error_code;
    at.check(request, 3, code, CLUSTER, &[on_cluster(Op::Alter)])
        .await;
}

fn describe_acls_any() -> DescribeAclsRequest {
    DescribeAclsRequest::default()
        .with_resource_type_filter(1)
        .with_resource_name_filter(None)
        .with_pattern_type_filter(1)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_operation(1)
        .with_permission_type(1)
}

/// Names and codes of the topics in a metadata answer.
async fn metadata(client: &mut Client, topics: Option<&[&str]>) -> Vec<(String, i16)> {
    let wanted = topics.map(|topics| {
        let topics = topics.iter().map(|topic| {
            metadata_request::MetadataRequestTopic::default().with_name(Some(name(topic)))
        });
        topics.collect()
    });
    let request = MetadataRequest::default()
        .with_topics(wanted)
        .with_allow_auto_topic_creation(true);
    let answer = client.call(request, 8).await;
    let topics = answer.topics.into_iter();
    topics
        .map(|topic| (topic.name.unwrap().to_string(), topic.error_code))
        .collect()
}

fn listed(topics: &[(&str, i16)]) -> Vec<(String, i16)> {
    topics
        .iter()
        .map(|(name, code)| ((*name).to_owned(), *code))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_hides_what_may_not_be_described() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path(), false).await;
    let client = &mut Client::connect(&host, "c", 0).await;
    assert_eq!(metadata(client, None).await, listed(&[]));
    let named: &[&str] = &["t", "missing"];
    let refused = listed(&[("t", TOPIC), ("missing", TOPIC)]);
    assert_eq!(metadata(client, Some(named)).await, refused);
    let grant = |acl: Acl| host.create_acls("c", vec![acl]);
    grant(on_topic(Op::Read)).await.unwrap();
    grant(allow(Op::Describe, On::Topic, "missing"))
        .await
        .unwrap();
    assert_eq!(metadata(client, None).await, listed(&[("t", 0)]));
    // It may be described, but not made.
    let refused = listed(&[("t", 0), ("missing", TOPIC)]);
    assert_eq!(metadata(client, Some(named)).await, refused);
    assert_eq!(host.list_topics("c").await.len(), 2);
    grant(allow(Op::Create, On::Topic, "missing"))
        .await
        .unwrap();
    for code in [UNKNOWN_TOPIC, 0] {
        // The first answer only has it made.
        let seen = metadata(client, Some(named)).await;
        assert_eq!(seen, listed(&[("t", 0), ("missing", code)]));
    }

    let request = DescribeTopicPartitionsRequest::default().with_response_partition_limit(10);
    let answer = client.call(request.clone(), 0).await;
    assert_eq!(answer.topics.len(), 2, "u is hidden");
    let wanted = describe_topic_partitions_request::TopicRequest::default().with_name(name("u"));
    let answer = client.call(request.with_topics(vec![wanted]), 0).await;
    assert_eq!(answer.topics[0].error_code, TOPIC);
    assert_eq!(answer.topics[0].topic_id, Uuid::nil());

    let groups = |answer: ListGroupsResponse| answer.groups.len();
    let join = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(10_000)
        .with_protocol_type("consumer".into());
    grant(on_group(Op::Read)).await.unwrap();
    client.call(join, 3).await;
    assert_eq!(
        groups(client.call(ListGroupsRequest::default(), 3).await),
        1
    );
    let gone = AclFilter {
        resource_type: Some(On::Group),
        ..AclFilter::default()
    };
    host.delete_acls("c", gone).await.unwrap();
    assert_eq!(
        groups(client.call(ListGroupsRequest::default(), 3).await),
        0
    );
    grant(on_cluster(Op::Describe)).await.unwrap();
    assert_eq!(
        groups(client.call(ListGroupsRequest::default(), 3).await),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_acls_is_open_and_a_resource_with_acls_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path(), true).await;
    let client = &mut Client::connect(&host, "c", 0).await;
    let produce = || produce_request(batch(&["a"]));
    assert_eq!(produced(&client.call(produce(), 9).await), 0);
    let mut other = on_topic(Op::Write);
    other.principal = "User:somebody".to_owned();
    host.create_acls("c", vec![other.clone()]).await.unwrap();
    assert_eq!(
        produced(&client.call(produce(), 9).await),
        TOPIC,
        "the topic belongs to somebody else now"
    );
    let all = metadata(client, None).await;
    assert_eq!(all, listed(&[("u", 0)]), "others are as open as before");
    // Prefixes and DENY.
    let mut prefix = allow(Op::All, On::Topic, "");
    prefix.resource_name = "t".to_owned();
    prefix.pattern_type = PatternType::Prefixed;
    host.create_acls("c", vec![prefix]).await.unwrap();
    assert_eq!(produced(&client.call(produce(), 9).await), 0);
    let forbidden = deny(Op::Write, On::Topic, "*");
    host.create_acls("c", vec![forbidden.clone()])
        .await
        .unwrap();
    assert_eq!(produced(&client.call(produce(), 9).await), TOPIC);
    // From elsewhere it would be forbidden.
    host.delete_acls(
        "c",
        AclFilter {
            permission: Some(AclPermission::Deny),
            ..AclFilter::default()
        },
    )
    .await
    .unwrap();
    let elsewhere = Acl {
        host: "10.1.2.3".to_owned(),
        ..forbidden.clone()
    };
    host.create_acls("c", vec![elsewhere]).await.unwrap();
    assert_eq!(produced(&client.call(produce(), 9).await), 0);
    let here = Acl {
        host: "127.0.0.1".to_owned(),
        ..forbidden
    };
    host.create_acls("c", vec![here]).await.unwrap();
    assert_eq!(produced(&client.call(produce(), 9).await), TOPIC);
    // A super user may do everything, on the connection that is open already.
    let mut spec = spec("c", 1);
    spec.authorization.super_users = [USER.to_owned()].into();
    host.ensure_cluster(spec).await.unwrap();
    assert_eq!(produced(&client.call(produce(), 9).await), 0);
    assert_eq!(
        host.observe("c").unwrap().counters.authorizations_refused,
        3
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acls_are_made_described_and_deleted_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path(), true).await;
    let client = &mut Client::connect(&host, "c", 0).await;
    let creation = |kind: i8, resource: &str, principal: &str| {
        create_acls_request::AclCreation::default()
            .with_resource_type(kind)
            .with_resource_name(resource.to_owned().into())
            .with_resource_pattern_type(3)
            .with_principal(principal.to_owned().into())
            .with_host("*".into())
            .with_operation(3)
            .with_permission_type(3)
    };
    let creations = vec![
        creation(2, "t", "User:x"),
        creation(2, "t", "User:y"),
        creation(2, "t", "User:x"),
        creation(4, "my-cluster", "User:x"),
        creation(2, "", "User:x"),
        creation(2, "t", "x"),
        creation(1, "t", "User:x"),
        creation(2, "t", "User:x").with_operation(1),
        creation(2, "t", "User:x").with_permission_type(1),
        creation(2, "t", "User:x").with_resource_pattern_type(2),
        creation(3, "g", "User:x").with_resource_pattern_type(4),
    ];
    let request = CreateAclsRequest::default().with_creations(creations);
    let answer = client.call(request, 3).await;
    let codes: Vec<i16> = answer.results.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [0, 0, 0, 42, 42, 42, 42, 42, 42, 42, 0]);
    let told = answer.results[3].error_message.as_deref();
    assert_eq!(
        told,
        Some("The only valid name for the CLUSTER resource is kafka-cluster")
    );

    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let client = &mut Client::connect(&host, "c", 0).await;
    let answer = client.call(describe_acls_any(), 3).await;
    let seen: Vec<(i8, String, i8, usize)> = answer
        .resources
        .iter()
        .map(|one| {
            let name = one.resource_name.to_string();
            (one.resource_type, name, one.pattern_type, one.acls.len())
        })
        .collect();
    let expected = [(2, "t".to_owned(), 3, 2), (3, "g".to_owned(), 4, 1)];
    assert_eq!(seen, expected);
    let matching = describe_acls_any()
        .with_resource_type_filter(3)
        .with_resource_name_filter(Some("group-of-x".into()))
        .with_pattern_type_filter(2);
    assert_eq!(client.call(matching, 3).await.resources.len(), 1);
    let unknown = describe_acls_any().with_operation(99);
    assert_eq!(client.call(unknown, 3).await.error_code, 42);

    let filter = |kind: i8, principal: Option<&str>| {
        delete_acls_request::DeleteAclsFilter::default()
            .with_resource_type_filter(kind)
            .with_resource_name_filter(None)
            .with_pattern_type_filter(1)
            .with_principal_filter(principal.map(|text| text.to_owned().into()))
            .with_host_filter(None)
            .with_operation(1)
            .with_permission_type(1)
    };
    let filters = vec![
        filter(1, Some("User:x")),
        filter(99, None),
        filter(2, Some("User:z")),
    ];
    let request = DeleteAclsRequest::default().with_filters(filters);
    let answer = client.call(request, 3).await;
    let results: Vec<(i16, usize)> = answer
        .filter_results
        .iter()
        .map(|one| (one.error_code, one.matching_acls.len()))
        .collect();
    assert_eq!(results, [(0, 2), (42, 0), (0, 0)]);
    let left = host.list_acls("c", &AclFilter::default()).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].principal, "User:y");
    let matching = AclFilter {
        resource_type: Some(On::Topic),
        resource_name: Some("t".to_owned()),
        pattern_type: PatternFilter::Match,
        ..AclFilter::default()
    };
    assert_eq!(host.list_acls("c", &matching).await, left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_told_what_they_may_do_when_they_ask() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path(), false).await;
    let client = &mut Client::connect(&host, "c", 0).await;
    let bits = |operations: &[Op]| {
        let operations = operations.iter();
        operations.fold(0, |bits, operation| bits | 1i32 << operation.code())
    };
    let all_of_topic = bits(&[
        Op::Read,
        Op::Write,
        Op::Create,
        Op::Delete,
        Op::Alter,
        Op::Describe,
        Op::DescribeConfigs,
        Op::AlterConfigs,
    ]);
    let granted = vec![
        on_topic(Op::Read),
        on_topic(Op::AlterConfigs),
        allow(Op::All, On::Topic, "u"),
        on_group(Op::Delete),
    ];
    host.create_acls("c", granted).await.unwrap();
    let request = MetadataRequest::default()
        .with_topics(None)
        .with_include_cluster_authorized_operations(true)
        .with_include_topic_authorized_operations(true);
    let answer = client.call(request.clone(), 8).await;
    let told: Vec<i32> = answer
        .topics
        .iter()
        .map(|topic| topic.topic_authorized_operations)
        .collect();
    let of_t = bits(&[
        Op::Read,
        Op::Describe,
        Op::AlterConfigs,
        Op::DescribeConfigs,
    ]);
    assert_eq!(told, [of_t, all_of_topic]);
    assert_eq!(
        answer.cluster_authorized_operations, 0,
        "it may not be described"
    );
    host.create_acls("c", vec![on_cluster(Op::Alter)])
        .await
        .unwrap();
    let of_cluster = bits(&[Op::Alter, Op::Describe]);
    let answer = client.call(request, 8).await;
    assert_eq!(answer.cluster_authorized_operations, of_cluster);
    let request =
        DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
    let answer = client.call(request, 0).await;
    assert_eq!(answer.cluster_authorized_operations, of_cluster);
    let request = DescribeGroupsRequest::default()
        .with_groups(vec![group()])
        .with_include_authorized_operations(true);
    let answer = client.call(request, 3).await;
    let of_group = bits(&[Op::Delete, Op::Describe]);
    assert_eq!(answer.groups[0].authorized_operations, of_group);
    // Nobody asked.
    let answer = client
        .call(MetadataRequest::default().with_topics(None), 8)
        .await;
    assert_eq!(answer.topics[0].topic_authorized_operations, i32::MIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_matches_only_topics_that_may_be_described() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path(), false).await;
    let client = &mut Client::connect(&host, "c", 0).await;
    let granted = vec![on_group(Op::Read), on_topic(Op::Read)];
    host.create_acls("c", granted).await.unwrap();
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id("m".into())
        .with_rebalance_timeout_ms(10_000)
        .with_topic_partitions(Some(Vec::new()))
        .with_subscribed_topic_regex(Some(".*".into()));
    let answer = client.call(request, 1).await;
    assert_eq!(answer.error_code, 0);
    let assigned = answer.assignment.unwrap().topic_partitions;
    let topics = host.list_topics("c").await;
    let id = topics.iter().find(|one| one.name == "t").unwrap().id;
    assert_eq!(assigned.len(), 1);
    assert_eq!(assigned[0].topic_id, id);
    // The next heartbeat follows what may be described now.
    host.create_acls("c", vec![allow(Op::Describe, On::Topic, "u")])
        .await
        .unwrap();
    let beat = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id("m".into())
        .with_member_epoch(answer.member_epoch)
        .with_rebalance_timeout_ms(-1)
        .with_subscribed_topic_names(None);
    let answer = client.call(beat, 1).await;
    assert_eq!(answer.error_code, 0);
    assert_eq!(answer.assignment.unwrap().topic_partitions.len(), 2);
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group()]);
    let code = |answer: ConsumerGroupDescribeResponse| answer.groups[0].error_code;
    host.create_acls("c", vec![deny(Op::Describe, On::Topic, "u")])
        .await
        .unwrap();
    assert_eq!(code(client.call(request.clone(), 1).await), TOPIC);
    host.create_acls("c", vec![deny(Op::Describe, On::Group, "g")])
        .await
        .unwrap();
    assert_eq!(code(client.call(request, 1).await), GROUP);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_user_has_what_its_own_acls_give() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let mut spec = sasl_spec(SaslSpec::default());
    spec.authorization = Authorization {
        super_users: ["User:admin".to_owned()].into(),
        allow_everyone_if_no_acl_found: false,
        ..Authorization::default()
    };
    host.ensure_cluster(spec.clone()).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    for (user, operation) in [
        ("writer", Some(Op::Write)),
        ("reader", Some(Op::Read)),
        ("admin", None),
    ] {
        host.put_user("c", user, PASSWORD).await.unwrap();
        let granted = operation.map(|operation| Acl {
            principal: format!("User:{user}"),
            ..on_topic(operation)
        });
        host.create_acls("c", granted.into_iter().collect())
            .await
            .unwrap();
    }
    let expected = [("writer", 0, TOPIC), ("reader", TOPIC, 0), ("admin", 0, 0)];
    let mut clients = Vec::new();
    for (user, writes, reads) in expected {
        let mut client = Client::connect(&host, "c", 0).await;
        let answer = log_in(&mut client, SaslMechanism::ScramSha256, user, PASSWORD).await;
        assert_eq!(answer.error_code, 0);
        assert_eq!(works(&mut client).await, (writes, reads), "{user}");
        clients.push((client, writes, reads));
    }
    // Without an authorizer nobody is refused, on connections that are open; what was said of access is kept.
    for has_authorizer in [false, true] {
        spec.authorization.has_authorizer = has_authorizer;
        host.ensure_cluster(spec.clone()).await.unwrap();
        for (client, writes, reads) in &mut clients {
            let expected = if has_authorizer {
                (*writes, *reads)
            } else {
                (0, 0)
            };
            assert_eq!(works(client).await, expected, "{has_authorizer}");
        }
        let (client, ..) = &mut clients[0];
        let entry = alter_client_quotas_request::EntryData::default();
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        let refused = client.call(request, 0).await.entries[0].error_code;
        assert_eq!(refused, CLUSTER, "super users alone administer");
    }
}

/// What a user is answered who writes and who reads.
async fn works(client: &mut Client) -> (i16, i16) {
    let written = client.call(produce_request(batch(&["a"])), 9).await;
    let read = client.call(fetch_by_name(), 11).await;
    (produced(&written), fetched(&read))
}
