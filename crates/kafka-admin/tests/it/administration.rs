//! Topics, settings, users, ACLs, quotas and groups: the same inside the process and through a socket.

use brokerage_kafka_admin::{
    ALL_BROKERS, Acl, AclFilter, AclOperation, AclPermission, AdminError, AlterConfig, Client,
    ConfigChange, ConfigResource, ConfigSource, ErrorCode, NewTopic, PartitionOffset, PatternType,
    Quota, QuotaChange, QuotaEntity, ResourceType, ScramCredential, ScramMechanism, User,
};

use crate::support::{World, spec, topic};

/// Does the same over both kinds of connection, each on a cluster of its own.
async fn check(work: impl AsyncFn(&mut Client)) {
    let world = World::of(spec(1)).await;
    work(&mut world.inside().await).await;
    let world = World::of(spec(1)).await;
    work(&mut world.outside(0).await).await;
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, AdminError>, expected: ErrorCode) {
    match answer {
        Err(error) if error.code() == Some(expected) => {}
        other => panic!("{expected:?} was expected: {other:?}"),
    }
}

#[tokio::test]
async fn topics_are_made_grown_and_deleted() {
    check(async |client| {
        assert_eq!(client.topic_list().await.unwrap(), []);
        let new = NewTopic {
            configs: [("retention.ms".into(), "3600000".into())].into(),
            ..topic("orders", 2, 1)
        };
        client.topic_create(&new).await.unwrap();
        refused(
            client.topic_create(&new).await,
            ErrorCode::TopicAlreadyExists,
        );
        let odd = topic("no/name", 1, 1);
        refused(
            client.topic_create(&odd).await,
            ErrorCode::InvalidTopicException,
        );
        client.partitions_create("orders", 3).await.unwrap();
        let smaller = client.partitions_create("orders", 3).await;
        refused(smaller, ErrorCode::InvalidPartitions);
        let found = client.topic_find("orders").await.unwrap().unwrap();
        assert_eq!(
            client.topic_list().await.unwrap(),
            std::slice::from_ref(&found)
        );
        assert_eq!((found.partitions.len(), found.replication_factor()), (3, 1));
        assert_eq!(found.partitions[2].leader_id, 0);
        assert_eq!(client.topic_find("others").await.unwrap(), None);
        client.topic_delete("orders").await.unwrap();
        let twice = client.topic_delete("orders").await;
        refused(twice, ErrorCode::UnknownTopicOrPartition);
        assert_eq!(client.topic_list().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn settings_are_told_and_changed_one_by_one() {
    check(async |client| {
        client.topic_create(&topic("a", 1, 1)).await.unwrap();
        let resource = ConfigResource::topic("a");
        let change = |name, change| AlterConfig { name, change };
        let changes = [
            change("retention.ms", ConfigChange::Set("60000")),
            change("cleanup.policy", ConfigChange::Append("compact")),
        ];
        client.configs_alter(resource, &changes).await.unwrap();
        let of_topic = async |client: &mut Client, name: &str| {
            let told = client.configs_describe(&[resource], Some(&[name])).await;
            let entry = told.unwrap().remove(0).unwrap().remove(0);
            (entry.value.unwrap(), entry.source)
        };
        for (name, value) in [
            ("retention.ms", "60000"),
            ("cleanup.policy", "delete,compact"),
        ] {
            let expected = (value.to_owned(), ConfigSource::Topic);
            assert_eq!(of_topic(client, name).await, expected, "{name}");
        }
        let changes = [change("retention.ms", ConfigChange::Delete)];
        client.configs_alter(resource, &changes).await.unwrap();
        let (_, source) = of_topic(client, "retention.ms").await;
        assert_ne!(source, ConfigSource::Topic);
        let unknown = [change("no.setting", ConfigChange::Set("1"))];
        let answer = client.configs_alter(resource, &unknown).await;
        refused(answer, ErrorCode::InvalidConfig);
        let absent = ConfigResource::topic("b");
        let told = client
            .configs_describe(&[absent, resource], None)
            .await
            .unwrap();
        let code = told[0].as_ref().unwrap_err().code;
        assert_eq!(code, ErrorCode::UnknownTopicOrPartition);
        assert!(told[1].as_ref().unwrap().len() > 20);
        let broker = ConfigResource::broker("0");
        let told = client.configs_describe(&[broker], Some(&["node.id"])).await;
        let entry = told.unwrap().remove(0).unwrap().remove(0);
        assert_eq!(
            (entry.value.as_deref(), entry.is_read_only),
            (Some("0"), true)
        );
    })
    .await;
}

#[tokio::test]
async fn users_have_salted_keys() {
    let mechanisms = ScramMechanism::ALL;
    check(async |client| {
        let password = "a password".into();
        for mechanism in mechanisms {
            let credential = ScramCredential::derive(mechanism, &password, vec![7; 32]);
            client.user_put("anna", &credential).await.unwrap();
        }
        let user = |mechanisms: &[ScramMechanism]| User {
            name: "anna".to_owned(),
            mechanisms: mechanisms.to_vec(),
        };
        assert_eq!(client.user_list().await.unwrap(), [user(&mechanisms)]);
        client.user_delete("anna", mechanisms[0]).await.unwrap();
        let twice = client.user_delete("anna", mechanisms[0]).await;
        refused(twice, ErrorCode::ResourceNotFound);
        assert_eq!(client.user_list().await.unwrap(), [user(&mechanisms[1..])]);
        let credential = ScramCredential::derive(mechanisms[0], &password, vec![7; 32]);
        let nobody = client.user_put("", &credential).await;
        refused(nobody, ErrorCode::UnacceptableCredential);
    })
    .await;
}

#[tokio::test]
async fn acls_are_made_chosen_and_deleted() {
    check(async |client| {
        let acl = |name: &str, operation| Acl {
            resource_type: ResourceType::Topic,
            resource_name: name.to_owned(),
            pattern_type: PatternType::Literal,
            principal: "User:anna".to_owned(),
            host: "*".to_owned(),
            operation,
            permission: AclPermission::Allow,
        };
        let (read, write) = (
            acl("orders", AclOperation::Read),
            acl("orders", AclOperation::Write),
        );
        let odd = Acl {
            principal: "anna".to_owned(),
            ..read.clone()
        };
        let asked = [read.clone(), odd, write.clone()];
        let made = client.acls_create(&asked).await.unwrap();
        let codes: Vec<_> = made
            .iter()
            .map(|one| one.as_ref().err().map(|e| e.code))
            .collect();
        assert_eq!(codes, [None, Some(ErrorCode::InvalidRequest), None]);
        let all = AclFilter::default();
        assert_eq!(
            client.acl_list(&all).await.unwrap(),
            [read.clone(), write.clone()]
        );
        let filter = AclFilter {
            operation: Some(AclOperation::Read),
            resource_name: Some("orders".to_owned()),
            ..AclFilter::default()
        };
        assert_eq!(client.acls_delete(&filter).await.unwrap(), [read]);
        assert_eq!(client.acl_list(&all).await.unwrap(), [write]);
    })
    .await;
}

#[tokio::test]
async fn quotas_are_set_and_taken_away() {
    check(async |client| {
        let entity = QuotaEntity {
            user: Some(Some("anna".to_owned())),
            client_id: Some(None),
        };
        let change = |value| QuotaChange {
            name: "producer_byte_rate",
            value,
        };
        client
            .quota_alter(&entity, &[change(Some(1_000.0))])
            .await
            .unwrap();
        let expected = Quota {
            entity: entity.clone(),
            values: [("producer_byte_rate".to_owned(), 1_000.0)].into(),
        };
        assert_eq!(client.quota_list().await.unwrap(), [expected]);
        let unknown = QuotaChange {
            name: "no_quota",
            value: Some(1.0),
        };
        let answer = client.quota_alter(&entity, &[unknown]).await;
        refused(answer, ErrorCode::InvalidRequest);
        client.quota_alter(&entity, &[change(None)]).await.unwrap();
        assert_eq!(client.quota_list().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn groups_and_their_offsets_are_told_set_and_forgotten() {
    check(async |client| {
        client.topic_create(&topic("orders", 2, 1)).await.unwrap();
        let at = |partition, offset| PartitionOffset {
            topic: "orders".to_owned(),
            partition,
            offset,
            metadata: "noted".to_owned(),
        };
        let offsets = [at(0, 5), at(1, 7)];
        client.group_offsets_set("readers", &offsets).await.unwrap();
        assert_eq!(client.group_offset_list("readers").await.unwrap(), offsets);
        let listed = client.group_list().await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].id.as_str(), listed[0].state.as_str()),
            ("readers", "Empty")
        );
        let described = client.group_describe("readers").await.unwrap();
        assert_eq!(
            (described.state.as_str(), described.members.len()),
            ("Empty", 0)
        );
        client
            .group_offset_delete("readers", "orders", 0)
            .await
            .unwrap();
        assert_eq!(
            client.group_offset_list("readers").await.unwrap(),
            offsets[1..]
        );
        client.group_delete("readers").await.unwrap();
        refused(
            client.group_delete("readers").await,
            ErrorCode::GroupIdNotFound,
        );
        assert_eq!(client.group_list().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn super_users_are_a_setting_inside_the_process_only() {
    let world = World::of(spec(1)).await;
    let mut client = world.inside().await;
    let password = "a password".into();
    let names = ["anna", "semi;colon"];
    for name in names {
        let credential = ScramCredential::derive(ScramMechanism::Sha256, &password, vec![7; 32]);
        client.user_put(name, &credential).await.unwrap();
    }
    let change = |change| AlterConfig {
        name: "super.users",
        change,
    };
    let told = async |client: &mut Client| {
        let told = client.configs_describe(&[ALL_BROKERS], None).await.unwrap();
        let entries = told[0].as_ref().unwrap();
        entries.first().map(|entry| entry.value.clone().unwrap())
    };
    assert_eq!(told(&mut client).await.as_deref(), Some(""));
    let both = change(ConfigChange::Append(r"User:anna;User:semi\;colon"));
    client.configs_alter(ALL_BROKERS, &[both]).await.unwrap();
    assert_eq!(
        told(&mut client).await.as_deref(),
        Some(r"User:anna;User:semi\;colon")
    );
    let users = client.super_user_list().await.unwrap();
    assert_eq!(users, ["anna", "semi;colon"]);
    let gone = change(ConfigChange::Subtract("User:anna"));
    client.configs_alter(ALL_BROKERS, &[gone]).await.unwrap();
    assert_eq!(
        told(&mut client).await.as_deref(),
        Some(r"User:semi\;colon")
    );
    let nobody = change(ConfigChange::Append("User:nobody"));
    let answer = client.configs_alter(ALL_BROKERS, &[nobody]).await;
    refused(answer, ErrorCode::ResourceNotFound);
    let reserved = change(ConfigChange::Append("User:__internal"));
    let answer = client.configs_alter(ALL_BROKERS, &[reserved]).await;
    refused(answer, ErrorCode::InvalidRequest);

    let mut stranger = world.outside(0).await;
    assert_eq!(told(&mut stranger).await, None);
    let answer = stranger.configs_alter(ALL_BROKERS, &[both]).await;
    refused(answer, ErrorCode::PolicyViolation);
}
