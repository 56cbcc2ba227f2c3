//! Who administers a cluster: super users where users authenticate, everybody where nobody does.

use std::path::Path;

use brokerage_broker::{ClusterSpec, Durability, Host, ListenerSpec, SecurityProtocol};
use brokerage_kafka_admin::{
    Acl, AclFilter, AclOperation as Op, AclPermission, ErrorCode, PatternType, ResourceType as On,
};
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource as IncrementalResource;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use tokio::net::TcpStream;

use crate::sasl::{PASSWORD, alter, delete, set};
use crate::support::{Administration, Client, ProducerBatch, host_at, producer_batch, spec, topic};

const REFUSED: i16 = 31;
const OLD: &str = "2.4.1";
const NEW: &str = "4.1.0";
const SASL: &str = "SASL_PLAINTEXT";
const PLAINTEXT: &str = "PLAINTEXT";

fn listener(security: SecurityProtocol) -> ListenerSpec {
    ListenerSpec {
        name: security.name().to_owned(),
        security,
        ..spec("c", 1).brokers[0].listeners[0].clone()
    }
}

/// A cluster that listens with and without authentication.
fn both(version: &str) -> ClusterSpec {
    let mut spec = spec("c", 1);
    spec.kafka_version = version.to_owned();
    spec.brokers[0].listeners = [SecurityProtocol::SaslPlaintext, SecurityProtocol::Plaintext]
        .map(listener)
        .into();
    spec
}

async fn host_with(dir: &Path, spec: ClusterSpec, users: &[&str]) -> Host {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    for user in users {
        host.put_user("c", user, PASSWORD).await.unwrap();
    }
    host
}

async fn connect(host: &Host, listener: &str) -> Client {
    let seen = host.observe("c").unwrap().listeners;
    let found = seen.iter().find(|one| one.name == listener).unwrap();
    Client::over(TcpStream::connect(found.local_address).await.unwrap())
}

async fn client_of(host: &Host, user: &str) -> Client {
    let mut client = connect(host, SASL).await;
    let request = SaslHandshakeRequest::default().with_mechanism("PLAIN".into());
    assert_eq!(client.call(request, 1).await.error_code, 0);
    let token = format!("\0{user}\0{PASSWORD}");
    let request = SaslAuthenticateRequest::default().with_auth_bytes(token.into());
    assert_eq!(client.call(request, 1).await.error_code, 0, "{user}");
    client
}

fn acl(principal: &str, operation: Op, permission: AclPermission) -> Acl {
    Acl {
        resource_type: On::Cluster,
        resource_name: "kafka-cluster".to_owned(),
        pattern_type: PatternType::Literal,
        principal: principal.to_owned(),
        host: "*".to_owned(),
        operation,
        permission,
    }
}

fn create_acls(resource_type: On, name: &'static str) -> CreateAclsRequest {
    let creation = AclCreation::default()
        .with_resource_type(resource_type.code())
        .with_resource_name(name.into())
        .with_resource_pattern_type(3)
        .with_principal("User:made".into())
        .with_host("*".into())
        .with_operation(Op::Describe.code())
        .with_permission_type(3);
    CreateAclsRequest::default().with_creations(vec![creation])
}

fn delete_acls(resource_type: On) -> DeleteAclsRequest {
    let filter = DeleteAclsFilter::default()
        .with_resource_type_filter(resource_type.code())
        .with_resource_name_filter(None)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1);
    DeleteAclsRequest::default().with_filters(vec![filter])
}

fn describe_acls() -> DescribeAclsRequest {
    DescribeAclsRequest::default()
        .with_resource_type_filter(1)
        .with_resource_name_filter(None)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1)
}

/// Everything that changes the cluster, with the code of each answer.
async fn administer(client: &mut Client, version: &str) -> Vec<(&'static str, i16)> {
    let answer = client.call(create_acls(On::Group, "made"), 1).await;
    let mut codes = vec![("create ACLs", answer.results[0].error_code)];
    let answer = client.call(delete_acls(On::Group), 1).await;
    codes.push(("delete ACLs", answer.filter_results[0].error_code));
    let broker = AlterConfigsResource::default()
        .with_resource_type(4)
        .with_resource_name("0".into());
    let request = AlterConfigsRequest::default().with_resources(vec![broker]);
    let answer = client.call(request, 1).await;
    codes.push(("alter configs", answer.responses[0].error_code));
    let broker = IncrementalResource::default()
        .with_resource_type(4)
        .with_resource_name("0".into());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![broker]);
    let answer = client.call(request, 1).await;
    codes.push(("alter configs by steps", answer.responses[0].error_code));
    let wanted = TopicPartitions::default()
        .with_topic(TopicName("t".into()))
        .with_partitions(vec![0]);
    let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![wanted]));
    let answer = client.call(request, 2).await;
    codes.push(("elect leaders", answer.error_code));
    if version == OLD {
        return codes;
    }
    let results = alter(
        client,
        AlterUserScramCredentialsRequest::default()
            .with_upsertions(vec![set("made", 1, 4_096)])
            .with_deletions(vec![delete("gone", 2)]),
    )
    .await;
    for result in results {
        codes.push(("alter users", result.error_code));
    }
    let entity = EntityData::default()
        .with_entity_type("user".into())
        .with_entity_name(Some("made".into()));
    let op = OpData::default()
        .with_key("producer_byte_rate".into())
        .with_value(1e9);
    let entry = EntryData::default()
        .with_entity(vec![entity])
        .with_ops(vec![op]);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let answer = client.call(request, 1).await;
    codes.push(("alter quotas", answer.entries[0].error_code));
    codes
}

async fn is_administrator(client: &mut Client, version: &str) -> bool {
    let codes = administer(client, version).await;
    let refused = codes.iter().filter(|(_, code)| *code == REFUSED).count();
    assert!(refused == 0 || refused == codes.len(), "{codes:?}");
    refused == 0
}

/// What producers, consumers, Streams and Connect ask of the cluster as a whole.
async fn work(client: &mut Client, name: &str) {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000);
    let producer = client.call(request, 1).await;
    assert_eq!(producer.error_code, 0, "{name}: a producer's id");
    let batch = producer_batch(
        &["a"],
        ProducerBatch {
            producer_id: producer.producer_id.0,
            epoch: producer.producer_epoch,
            sequence: 0,
            is_transactional: false,
        },
    );
    let data = PartitionProduceData::default().with_records(Some(batch));
    let data = TopicProduceData::default()
        .with_name(TopicName("t".into()))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_transactional_id(None)
        .with_acks(-1)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![data]);
    let answer = client.call(request, 8).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, 0, "{name}: an idempotent batch");
    let made = CreatableTopic::default()
        .with_name(TopicName(format!("of-{name}").into()))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![made]);
    let answer = client.call(request, 5).await;
    assert_eq!(answer.topics[0].error_code, 0, "{name}: a topic is made");
    let broker = DescribeConfigsResource::default()
        .with_resource_type(4)
        .with_resource_name("0".into())
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![broker]);
    let answer = client.call(request, 2).await;
    assert_eq!(answer.results[0].error_code, 0, "{name}: broker settings");
    let answer = client.call(describe_acls(), 1).await;
    assert_eq!(answer.error_code, 0, "{name}: ACLs are described");
    let answer = client.call(ListGroupsRequest::default(), 3).await;
    assert_eq!(answer.error_code, 0, "{name}: groups are listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_users_authenticate_only_super_users_administer_and_everybody_else_works() {
    for version in [OLD, NEW] {
        let dir = tempfile::tempdir().unwrap();
        let users = ["admin", "app", "gone"];
        let host = host_with(dir.path(), both(version), &users).await;
        assert!(host.set_super_user("c", "admin", true).await.unwrap());
        let app = &mut client_of(&host, "app").await;
        let nameless = &mut connect(&host, PLAINTEXT).await;
        let admin = &mut client_of(&host, "admin").await;
        work(app, "app").await;
        work(nameless, "nameless").await;
        for client in [&mut *app, &mut *nameless] {
            assert!(!is_administrator(client, version).await, "{version}");
        }
        // Nor is it given by ACLs.
        let everything = [
            acl("User:*", Op::All, AclPermission::Allow),
            acl("User:app", Op::Alter, AclPermission::Allow),
            acl("User:app", Op::AlterConfigs, AclPermission::Allow),
            acl("User:app", Op::ClusterAction, AclPermission::Allow),
        ];
        host.create_acls("c", everything.into()).await.unwrap();
        for client in [&mut *app, &mut *nameless] {
            assert!(!is_administrator(client, version).await, "{version}");
        }
        assert!(is_administrator(admin, version).await, "{version}");
        let answer = admin.call(delete_acls(On::Cluster), 1).await;
        assert_eq!(answer.filter_results[0].matching_acls.len(), 4);
        assert_eq!(host.list_acls("c", &AclFilter::default()).await, []);
        host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_super_user_changes_is_shown_as_permitted_to_him_alone() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), both(NEW), &["admin", "app"]).await;
    host.set_super_user("c", "admin", true).await.unwrap();
    let bit = |operation: Op| 1i32 << operation.code();
    let administration = bit(Op::Alter) | bit(Op::AlterConfigs) | bit(Op::ClusterAction);
    let others =
        bit(Op::Create) | bit(Op::Describe) | bit(Op::DescribeConfigs) | bit(Op::IdempotentWrite);
    for (user, expected) in [("admin", administration | others), ("app", others)] {
        let request =
            DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
        let answer = client_of(&host, user).await.call(request, 0).await;
        assert_eq!(answer.cluster_authorized_operations, expected, "{user}");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_super_user_is_made_and_unmade_on_open_connections_and_stays_so_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), both(NEW), &["admin", "gone"]).await;
    let client = &mut client_of(&host, "admin").await;
    assert!(!is_administrator(client, NEW).await);
    for is_super in [true, false, true] {
        host.set_super_user("c", "admin", is_super).await.unwrap();
        assert_eq!(is_administrator(client, NEW).await, is_super);
    }
    // Another password, and a restart, leave it as it is.
    host.put_user("c", "admin", "new").await.unwrap();
    host.put_user("c", "admin", PASSWORD).await.unwrap();
    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(both(NEW)).await.unwrap();
    let mut inside = host.admin("c").await;
    assert_eq!(inside.super_user_list().await.unwrap(), ["admin"]);
    let users = inside.user_list().await.unwrap();
    assert!(users.iter().any(|user| user.name == "made"), "{users:?}");
    let client = &mut client_of(&host, "admin").await;
    assert!(is_administrator(client, NEW).await);
    // Who is deleted is nobody, and who gets the name later is not he.
    host.delete_user("c", "admin").await.unwrap();
    assert!(!is_administrator(client, NEW).await);
    host.put_user("c", "admin", PASSWORD).await.unwrap();
    assert!(!is_administrator(client, NEW).await);
    host.put_user("c", "other", PASSWORD).await.unwrap();
    for user in ["admin", "other"] {
        host.set_super_user("c", user, true).await.unwrap();
    }
    let other = &mut client_of(&host, "other").await;
    let deletions = vec![delete("admin", 1), delete("other", 2)];
    let request = AlterUserScramCredentialsRequest::default().with_deletions(deletions);
    alter(other, request.clone()).await;
    assert!(is_administrator(client, NEW).await, "SCRAM-SHA-512 is left");
    let request = request.with_deletions(vec![delete("admin", 2)]);
    assert_eq!(alter(other, request).await[0].error_code, 0);
    assert!(!is_administrator(client, NEW).await);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_super_user_opens_what_acls_have_locked() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), both(NEW), &["admin", "app"]).await;
    host.set_super_user("c", "admin", true).await.unwrap();
    let denied = acl("User:*", Op::All, AclPermission::Deny);
    host.create_acls("c", vec![denied]).await.unwrap();
    let app = &mut client_of(&host, "app").await;
    assert_eq!(app.call(describe_acls(), 1).await.error_code, REFUSED);
    let admin = &mut client_of(&host, "admin").await;
    assert_eq!(
        admin.call(describe_acls(), 1).await.resources[0].acls.len(),
        1
    );
    let answer = admin.call(delete_acls(On::Cluster), 1).await;
    assert_eq!(answer.filter_results[0].matching_acls.len(), 1);
    assert_eq!(app.call(describe_acls(), 1).await.error_code, 0);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_name_administers_where_nobody_has_one() {
    let dir = tempfile::tempdir().unwrap();
    // As ever: everybody, until an ACL says otherwise; it can be opened again.
    let host = host_with(dir.path(), spec("c", 1), &["gone"]).await;
    let client = &mut connect(&host, PLAINTEXT).await;
    assert!(is_administrator(client, NEW).await);
    let answer = client
        .call(create_acls(On::Cluster, "kafka-cluster"), 1)
        .await;
    assert_eq!(answer.results[0].error_code, 0);
    let answer = client.call(delete_acls(On::Cluster), 1).await;
    assert_eq!(answer.filter_results[0].error_code, REFUSED);
    assert!(host.set_super_user("c", "ANONYMOUS", true).await.unwrap());
    assert!(is_administrator(client, NEW).await);
    // A listener that asks for names ends that, on connections that are open; other rights stay.
    let listener_of_users = listener(SecurityProtocol::SaslPlaintext);
    let mut guarded = spec("c", 1);
    guarded.authorization.super_users = ["User:ANONYMOUS".to_owned()].into();
    guarded.brokers[0].listeners.push(listener_of_users);
    host.ensure_cluster(guarded).await.unwrap();
    let denied = acl("User:*", Op::All, AclPermission::Deny);
    host.create_acls("c", vec![denied]).await.unwrap();
    assert!(!is_administrator(client, NEW).await);
    work(client, "nameless").await;
    let refused = host.set_super_user("c", "ANONYMOUS", true).await;
    assert!(
        matches!(&refused, Err(error) if error.code() == Some(ErrorCode::InvalidRequest)),
        "{refused:?}"
    );
    assert!(host.set_super_user("c", "ANONYMOUS", false).await.unwrap());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_are_there_become_super_users_and_nobody_is_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), both(NEW), &[]).await;
    assert!(!host.set_super_user("c", "nobody", true).await.unwrap());
    assert_eq!(host.admin("c").await.user_list().await.unwrap(), []);
    for is_super in [true, false] {
        let refused = host.set_super_user("c", "__internal", is_super).await;
        assert!(
            matches!(&refused, Err(error) if error.code() == Some(ErrorCode::InvalidRequest)),
            "{refused:?}"
        );
    }
    host.shutdown().await;
}
