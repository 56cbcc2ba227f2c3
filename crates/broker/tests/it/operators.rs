//! What operators' tools and user interfaces ask of a cluster.

use std::time::{Duration, Instant};

use crate::cluster::name;
use crate::support::{Administration, Client, FixedClock, NOW_MS, host_at, spec, topic};
use brokerage_broker::{ClusterSpec, Durability, Host, HostOptions};
use kafka_protocol::messages::*;

const NONE: i16 = 0;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_REPLICA_ASSIGNMENT: i16 = 39;
const INVALID_REQUEST: i16 = 42;
const POLICY_VIOLATION: i16 = 44;
const LOG_DIR_NOT_FOUND: i16 = 57;
const DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: i16 = 64;
const NO_REASSIGNMENT_IN_PROGRESS: i16 = 85;

/// A cluster of two brokers with the topic `t` of two partitions, and a client of its first broker.
async fn cluster(dir: &std::path::Path) -> (Host, Client) {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec("c", 2)).await.unwrap();
    host.create_topic("c", topic("t", 2)).await.unwrap();
    let client = Client::connect(&host, "c", 0).await;
    (host, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reassignment_is_under_way_and_none_begins() {
    use alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};

    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    for topics in [None, Some(Vec::new())] {
        let request = ListPartitionReassignmentsRequest::default().with_topics(topics);
        let answer = client.call(request, 0).await;
        assert_eq!((answer.error_code, answer.error_message), (NONE, None));
        assert_eq!(answer.topics, []);
    }
    let mut check = async |topic: &'static str, replicas: Option<&[i32]>, code: i16| {
        let ids = replicas.map(|ids| ids.iter().copied().map(BrokerId).collect());
        let partition = ReassignablePartition::default().with_replicas(ids);
        let wanted = ReassignableTopic::default()
            .with_name(name(topic))
            .with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default().with_topics(vec![wanted]);
        let answer = client.call(request, 1).await;
        let told = &answer.responses[0].partitions[0];
        assert_eq!(told.error_code, code, "{topic} {replicas:?}");
        assert_eq!(told.error_message.is_none(), code == NONE);
    };
    check("t", None, NO_REASSIGNMENT_IN_PROGRESS).await;
    check("nowhere", None, UNKNOWN_TOPIC_OR_PARTITION).await;
    check("t", Some(&[0]), NONE).await;
    check("t", Some(&[1]), POLICY_VIOLATION).await;
    for replicas in [&[][..], &[0, 0], &[2], &[-1]] {
        check("t", Some(replicas), INVALID_REPLICA_ASSIGNMENT).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metadata_log_has_one_voter() {
    use describe_quorum_request::{PartitionData, TopicData};

    let dir = tempfile::tempdir().unwrap();
    let (host, mut client) = cluster(dir.path()).await;
    let mut described = async |topic: &'static str, index: i32| {
        let partition = PartitionData::default().with_partition_index(index);
        let wanted = TopicData::default()
            .with_topic_name(name(topic))
            .with_partitions(vec![partition]);
        let request = DescribeQuorumRequest::default().with_topics(vec![wanted]);
        let mut answer = client.call(request, 2).await;
        assert_eq!((answer.error_code, answer.error_message), (NONE, None));
        assert_eq!(answer.nodes[0].node_id, 0);
        answer.topics.remove(0).partitions.remove(0)
    };
    let first = described("__cluster_metadata", 0).await;
    assert_eq!((first.error_code, first.leader_id.0), (NONE, 0));
    let voters: Vec<i32> = first
        .current_voters
        .iter()
        .map(|voter| voter.replica_id.0)
        .collect();
    assert_eq!((voters, first.observers.len()), (vec![0], 0));
    host.create_topic("c", topic("u", 1)).await.unwrap();
    let second = described("__cluster_metadata", 0).await;
    assert!(first.high_watermark < second.high_watermark);
    assert_eq!(
        second.current_voters[0].log_end_offset,
        second.high_watermark
    );
    for (topic, index) in [("t", 0), ("__cluster_metadata", 1)] {
        let found = described(topic, index).await;
        assert_eq!(
            found.error_code, UNKNOWN_TOPIC_OR_PARTITION,
            "{topic} {index}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_stay_in_the_one_directory() {
    use alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};

    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let told = client
        .call(DescribeLogDirsRequest::default().with_topics(None), 4)
        .await;
    let known = told.results[0].log_dir.to_string();
    let mut check = async |path: &str, topic: &'static str, index: i32, code: i16| {
        let wanted = AlterReplicaLogDirTopic::default()
            .with_name(name(topic))
            .with_partitions(vec![index, index]);
        let dir = AlterReplicaLogDir::default()
            .with_path(path.to_owned().into())
            .with_topics(vec![wanted]);
        let request = AlterReplicaLogDirsRequest::default().with_dirs(vec![dir]);
        let answer = client.call(request, 2).await;
        let partitions = &answer.results[0].partitions;
        assert_eq!(
            (partitions.len(), partitions[0].error_code),
            (1, code),
            "{path} {topic}"
        );
    };
    check(&known, "t", 0, NONE).await;
    check(&known, "t", 9, UNKNOWN_TOPIC_OR_PARTITION).await;
    check(&known, "nowhere", 0, UNKNOWN_TOPIC_OR_PARTITION).await;
    check("/elsewhere", "t", 0, LOG_DIR_NOT_FOUND).await;
    check("", "t", 0, LOG_DIR_NOT_FOUND).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas_of_every_kind_are_kept_and_bytes_are_in_force() {
    use alter_client_quotas_request::{EntityData, EntryData, OpData};
    use describe_client_quotas_request::ComponentData;

    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let entity = |parts: &[(&'static str, Option<&'static str>)]| -> Vec<EntityData> {
        let part = |(kind, name): &(&'static str, Option<&'static str>)| {
            EntityData::default()
                .with_entity_type((*kind).into())
                .with_entity_name(name.map(Into::into))
        };
        parts.iter().map(part).collect()
    };
    let user = || entity(&[("user", Some("u"))]);
    let address = || entity(&[("ip", Some("127.0.0.1"))]);
    for (whom, key, value, code) in [
        (user(), "request_percentage", 12.5, NONE),
        (user(), "controller_mutation_rate", 0.5, NONE),
        (user(), "producer_byte_rate", 1024.0, NONE),
        (user(), "producer_byte_rate", 1.5, INVALID_REQUEST),
        (user(), "producer_byte_rate", 0.0, INVALID_REQUEST),
        (user(), "request_percentage", -1.0, INVALID_REQUEST),
        (user(), "request_percentage", f64::NAN, INVALID_REQUEST),
        (user(), "connection_creation_rate", 1.0, INVALID_REQUEST),
        (address(), "connection_creation_rate", 7.0, NONE),
        (address(), "request_percentage", 7.0, INVALID_REQUEST),
        (
            entity(&[("ip", None)]),
            "connection_creation_rate",
            9.0,
            NONE,
        ),
        (
            entity(&[("ip", Some("nowhere"))]),
            "connection_creation_rate",
            9.0,
            INVALID_REQUEST,
        ),
        (
            entity(&[("ip", None), ("user", None)]),
            "connection_creation_rate",
            9.0,
            INVALID_REQUEST,
        ),
        (
            entity(&[("group", None)]),
            "request_percentage",
            9.0,
            INVALID_REQUEST,
        ),
        (Vec::new(), "request_percentage", 9.0, INVALID_REQUEST),
    ] {
        let op = OpData::default().with_key(key.into()).with_value(value);
        let entry = EntryData::default()
            .with_entity(whom.clone())
            .with_ops(vec![op]);
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        let answer = client.call(request, 1).await.entries.remove(0);
        assert_eq!(answer.error_code, code, "{whom:?} {key} {value}");
        assert_eq!(answer.error_message.is_none(), code == NONE);
    }
    let component = |kind: &'static str| {
        ComponentData::default()
            .with_entity_type(kind.into())
            .with_match_type(2)
    };
    let mut described = async |components: Vec<ComponentData>| {
        let request = DescribeClientQuotasRequest::default().with_components(components);
        let answer = client.call(request, 1).await;
        let entries = answer.entries.unwrap_or_default().into_iter();
        let values = entries.flat_map(|entry| entry.values);
        let mut values: Vec<_> = values.map(|one| (one.key.to_string(), one.value)).collect();
        values.sort_by(|one, other| one.partial_cmp(other).unwrap());
        (answer.error_code, values)
    };
    let row = |key: &str, value: f64| (key.to_owned(), value);
    let of_user = vec![
        row("controller_mutation_rate", 0.5),
        row("producer_byte_rate", 1024.0),
        row("request_percentage", 12.5),
    ];
    assert_eq!(described(vec![component("user")]).await, (NONE, of_user));
    let of_addresses = vec![
        row("connection_creation_rate", 7.0),
        row("connection_creation_rate", 9.0),
    ];
    assert_eq!(described(vec![component("ip")]).await, (NONE, of_addresses));
    for (components, code) in [
        (vec![component("group")], UNSUPPORTED_VERSION),
        (vec![component("")], INVALID_REQUEST),
        (vec![component("ip"), component("user")], INVALID_REQUEST),
        (vec![component("user").with_match_type(3)], INVALID_REQUEST),
    ] {
        assert_eq!(described(components).await, (code, Vec::new()));
    }
}

/// The requests by which user interfaces guess a cluster's version, with the highest version of each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_release_tells_of_the_requests_that_its_administrators_have() {
    let check = async |version: &str, expected: &[(ApiKey, Option<i16>)]| {
        let dir = tempfile::tempdir().unwrap();
        let host = host_at(dir.path(), Durability::Process);
        let spec = ClusterSpec {
            kafka_version: version.to_owned(),
            ..spec("c", 1)
        };
        host.ensure_cluster(spec).await.unwrap();
        let mut client = Client::connect(&host, "c", 0).await;
        let told = client.call(ApiVersionsRequest::default(), 0).await.api_keys;
        for (key, version_max) in expected {
            let found = told.iter().find(|row| row.api_key == *key as i16);
            assert_eq!(
                found.map(|row| row.max_version),
                *version_max,
                "{version}: {key:?}"
            );
        }
    };
    let (dirs, alter) = (
        ApiKey::AlterReplicaLogDirs,
        ApiKey::AlterPartitionReassignments,
    );
    let (make, describe) = (
        ApiKey::CreateDelegationToken,
        ApiKey::DescribeDelegationToken,
    );
    let list = ApiKey::ListPartitionReassignments;
    check("1.0.0", &[(dirs, Some(0)), (make, None), (alter, None)]).await;
    check(
        "1.1.1",
        &[
            (dirs, Some(0)),
            (make, Some(0)),
            (describe, Some(0)),
            (list, None),
        ],
    )
    .await;
    check(
        "2.4.1",
        &[
            (dirs, Some(1)),
            (make, Some(2)),
            (alter, Some(0)),
            (list, Some(0)),
        ],
    )
    .await;
    check(
        "4.1.0",
        &[
            (dirs, Some(2)),
            (make, Some(3)),
            (alter, Some(1)),
            (list, Some(0)),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delegation_tokens_are_refused_as_where_they_are_off() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    let code = DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
    let made = client
        .call(CreateDelegationTokenRequest::default(), 3)
        .await;
    assert_eq!((made.error_code, made.expiry_timestamp_ms), (code, -1));
    let renewed = client.call(RenewDelegationTokenRequest::default(), 2).await;
    assert_eq!(renewed.error_code, code);
    let expired = client
        .call(ExpireDelegationTokenRequest::default(), 2)
        .await;
    assert_eq!(expired.error_code, code);
    let described = client
        .call(DescribeDelegationTokenRequest::default(), 3)
        .await;
    assert_eq!(described.error_code, code);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_is_not_the_same_as_none() {
    use create_partitions_request::CreatePartitionsTopic;
    use delete_topics_request::DeleteTopicState;

    let dir = tempfile::tempdir().unwrap();
    let (host, mut client) = cluster(dir.path()).await;
    for (assignments, code) in [(Some(Vec::new()), INVALID_REPLICA_ASSIGNMENT), (None, NONE)] {
        let wanted = CreatePartitionsTopic::default()
            .with_name(name("t"))
            .with_count(3)
            .with_assignments(assignments);
        let request = CreatePartitionsRequest::default().with_topics(vec![wanted]);
        let answer = client.call(request, 3).await;
        assert_eq!(answer.results[0].error_code, code);
    }
    let id = host.list_topics("c").await[0].id;
    let state = |name: Option<TopicName>, id: uuid::Uuid| {
        DeleteTopicState::default()
            .with_name(name)
            .with_topic_id(id)
    };
    for (topic, code) in [
        (state(Some(name("t")), id), INVALID_REQUEST),
        (state(None, uuid::Uuid::nil()), INVALID_REQUEST),
        (
            state(Some(name("")), uuid::Uuid::nil()),
            UNKNOWN_TOPIC_OR_PARTITION,
        ),
        (state(None, id), NONE),
    ] {
        let request = DeleteTopicsRequest::default().with_topics(vec![topic]);
        let answer = client.call(request, 6).await;
        assert_eq!(answer.responses[0].error_code, code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_start_together_are_assigned_to_once() {
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(FixedClock(NOW_MS));
    let delay = Duration::from_millis(300);
    let host = Host::open(HostOptions {
        group_initial_rebalance_delay: delay,
        ..HostOptions::new(dir.path().to_owned(), Durability::Process, clock, 1)
    })
    .unwrap();
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    let join = async |pause: Duration| {
        tokio::time::sleep(pause).await;
        let mut client = Client::connect(&host, "c", 0).await;
        let protocol =
            join_group_request::JoinGroupRequestProtocol::default().with_name("range".into());
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId("g".into()))
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(10_000)
            .with_protocol_type("consumer".into())
            .with_protocols(vec![protocol]);
        client.call(request, 3).await
    };
    let started = Instant::now();
    let (first, second) = tokio::join!(join(Duration::ZERO), join(Duration::from_millis(20)));
    assert!(started.elapsed() >= delay);
    assert_eq!((first.error_code, second.error_code), (NONE, NONE));
    assert_eq!((first.generation_id, second.generation_id), (1, 1));
    assert_eq!(
        first.members.len() + second.members.len(),
        2,
        "the leader is told of both"
    );
    host.shutdown().await;
}

/// Kafka's tools ask for loggers of brokers; those of this process are the operator's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_have_no_loggers_that_clients_may_set() {
    const LOGGERS: i8 = 8;
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    for (broker, described, altered) in [
        ("0", NONE, POLICY_VIOLATION),
        ("1", NONE, POLICY_VIOLATION),
        ("7", INVALID_REQUEST, POLICY_VIOLATION),
    ] {
        let wanted = describe_configs_request::DescribeConfigsResource::default()
            .with_resource_type(LOGGERS)
            .with_resource_name(broker.into());
        let request = DescribeConfigsRequest::default().with_resources(vec![wanted]);
        let told = client.call(request, 2).await.results.remove(0);
        assert_eq!(
            (told.error_code, told.configs),
            (described, vec![]),
            "{broker}"
        );
        let level = incremental_alter_configs_request::AlterableConfig::default()
            .with_name("root".into())
            .with_value(Some("DEBUG".into()));
        let changed = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(LOGGERS)
            .with_resource_name(broker.into())
            .with_configs(vec![level]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![changed]);
        let told = client.call(request, 1).await.responses.remove(0);
        assert_eq!(told.error_code, altered, "{broker}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_setting_is_told_with_its_meaning_to_those_who_ask_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_host, mut client) = cluster(dir.path()).await;
    for (kind, resource) in [(2, "t"), (4, "0"), (16, "s"), (32, "g")] {
        for is_asked in [false, true] {
            let wanted = describe_configs_request::DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(resource.into());
            let request = DescribeConfigsRequest::default()
                .with_resources(vec![wanted])
                .with_include_documentation(is_asked);
            let told = client.call(request, 4).await.results.remove(0);
            assert_eq!(told.error_code, NONE, "{kind}");
            assert!(!told.configs.is_empty(), "{kind}");
            for config in told.configs {
                let name = config.name.as_str();
                assert_eq!(config.documentation.is_some(), is_asked, "{name}");
            }
        }
    }
}
