//! Users and ACLs: what is said of them is so in Kafka.

use brokerage_domain::id::InstanceId;
use brokerage_engine::Engine as _;
use brokerage_kafka_admin::{
    Acl, AclFilter, AclOperation, AclPermission, PatternType, ResourceType, ScramMechanism, User,
};
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use super::{EXAMPLE, bought, done, refused, running, shown, started, with};

const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";

async fn users(plane: &Plane, id: &str) -> Value {
    let listed = done(plane, "DescribeSaslUsers", &[("InstanceId", id)]).await;
    listed["SaslUserList"]["SaslUserVO"].clone()
}

/// Makes a user with these changes of a plain one: how it is shown, and what Kafka has of it.
async fn check_user(
    plane: &Plane,
    id: &str,
    changes: &[(&str, Option<&str>)],
    expected: Value,
    mechanisms: &[ScramMechanism],
) {
    let user = [
        ("InstanceId", id),
        ("Username", "anna"),
        ("Password", "a word"),
    ];
    done(plane, "CreateSaslUser", &with(&user, changes)).await;
    assert_eq!(users(plane, id).await, json!([expected]), "{changes:?}");
    let expected = User {
        name: "anna".to_owned(),
        mechanisms: mechanisms.to_vec(),
    };
    let kept = plane.kafka(id).await.user_list().await.expect("users");
    assert_eq!(kept, [expected], "{changes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_the_type_and_the_password_that_were_said_last() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let plain = json!({"Username": "anna", "Password": "a word", "Type": "plain"});
    check_user(&plane, &id, &[], plain, &ScramMechanism::ALL).await;
    let scram = |mechanism: &str, password: &str| json!({"Username": "anna", "Password": password, "Type": "scram", "Mechanism": mechanism});
    let changes = [("Type", Some("scram")), ("Password", Some("an öther"))];
    let expected = scram("SCRAM-SHA-256", "an öther");
    check_user(&plane, &id, &changes, expected, &[ScramMechanism::Sha256]).await;
    let changes = [
        ("Type", Some("scram")),
        ("Mechanism", Some("SCRAM-SHA-512")),
    ];
    let expected = scram("SCRAM-SHA-512", "a word");
    check_user(&plane, &id, &changes, expected, &[ScramMechanism::Sha512]).await;

    let anna = [("InstanceId", id.as_str()), ("Username", "anna")];
    let other = with(&anna, &[("Type", Some("plain"))]);
    assert_eq!(
        refused(&plane, "DeleteSaslUser", &other).await,
        (400, "BIZ_SASL_USER_NOT_EXIST".to_owned())
    );
    let same = with(&anna, &changes);
    done(&plane, "DeleteSaslUser", &same).await;
    assert_eq!(users(&plane, &id).await, json!([]));
    let left = plane.kafka(&id).await.user_list().await.expect("users");
    assert_eq!(left, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_somebody_else_made_is_shown_without_a_password() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let of = brokerage_domain::id::InstanceId::new(&id);
    plane
        .control
        .user_put(&of, "operator", None, None)
        .await
        .expect("done");
    let expected = json!([{"Username": "operator", "Password": "", "Type": "plain"}]);
    assert_eq!(users(&plane, &id).await, expected);
}

fn acl(operation: AclOperation, host: &str, permission: AclPermission) -> Acl {
    Acl {
        resource_type: ResourceType::Topic,
        resource_name: "orders".to_owned(),
        pattern_type: PatternType::Prefixed,
        principal: "User:anna".to_owned(),
        host: host.to_owned(),
        operation,
        permission,
    }
}

/// An instance whose edition has ACLs, running with this `Config`.
async fn professional(plane: &Plane, config: Option<&str>) -> String {
    let order = with(&EXAMPLE, &[("SpecType", Some("professional"))]);
    let (_, id) = bought(plane, &order).await;
    started(plane, &id, &[("Config", config)]).await;
    id
}

/// What the cluster is told of access: whether what has no ACL is open, and whether ACLs are asked at all. Those who have no
/// name may do everything as soon as it is told anything.
async fn access(plane: &Plane, id: &str) -> Option<(bool, bool)> {
    plane.come_to_rest("alikafka", id).await;
    let seen = plane.engine.observe_cluster(&InstanceId::new(id)).await;
    let spec = seen.expect("observe").and_then(|seen| seen.spec);
    let settings = spec.expect("it runs").settings;
    let nameless = settings.super_users.map(|who| who == "User:ANONYMOUS");
    assert_eq!(nameless.is_some(), settings.authorizer_class.is_some());
    let is_asked = !settings.authorizer_class?.is_empty();
    nameless.and_then(|is_all| is_all.then_some(()))?;
    Some((settings.allow_everyone_if_no_acl_found?, is_asked))
}

#[tokio::test(flavor = "multi_thread")]
async fn users_need_grants_while_acl_is_enabled() {
    const ON: &str = r#"{"enable.acl":"true"}"#;
    const OFF: &str = r#"{"enable.acl":"false"}"#;
    let plane = Plane::sandbox().await;
    let enabled = Some((false, true));
    for (start, expected) in [(None, None), (Some(OFF), None), (Some(ON), enabled)] {
        let id = professional(&plane, start).await;
        assert_eq!(access(&plane, &id).await, expected, "{start:?}");
    }
    let id = professional(&plane, None).await;
    for (config, expected) in [
        // As clients say it that say everything with each change.
        (OFF, None),
        (ON, enabled),
        (r#"{"kafka.log.retention.hours":"33"}"#, enabled),
        (OFF, Some((true, false))),
        (OFF, Some((true, false))),
        (ON, enabled),
    ] {
        let of = [("InstanceId", id.as_str()), ("Config", config)];
        done(&plane, "UpdateInstanceConfig", &of).await;
        assert_eq!(access(&plane, &id).await, expected, "{config}");
        let grant = [
            ("InstanceId", id.as_str()),
            ("Username", "anna"),
            ("AclResourceType", "Topic"),
            ("AclResourceName", "orders"),
            ("AclResourcePatternType", "LITERAL"),
            ("AclOperationType", "Write"),
        ];
        let all_config = shown(&plane, &id).await["AllConfig"].to_string();
        let is_on = all_config.contains(r#"\"enable.acl\":\"true\""#);
        assert_eq!(is_on, expected == enabled, "{all_config}");
        if is_on {
            done(&plane, "CreateAcl", &grant).await;
        } else {
            let told = refused(&plane, "CreateAcl", &grant).await;
            assert_eq!(told, (400, "BIZ_ACL_NOT_ENABLED".to_owned()), "{config}");
        }
        // What is left of earlier times is seen and taken away all the same.
        let listed = done(&plane, "DescribeAcls", &grant).await;
        assert!(listed["KafkaAclList"]["KafkaAclVO"].is_array(), "{config}");
    }
    let standard = running(&plane).await;
    let of = [("InstanceId", standard.as_str()), ("Config", ON)];
    let told = refused(&plane, "UpdateInstanceConfig", &of).await;
    assert_eq!(told, (400, FIELD.to_owned()), "its edition has no ACLs");
}

async fn acls(plane: &Plane, id: &str) -> Vec<Acl> {
    let all = AclFilter::default();
    plane.kafka(id).await.acl_list(&all).await.expect("ACLs")
}

#[tokio::test(flavor = "multi_thread")]
async fn acls_are_kafkas_and_go_by_what_is_named() {
    let plane = Plane::sandbox().await;
    let id = professional(&plane, Some(r#"{"enable.acl":"true"}"#)).await;
    let topic = [
        ("InstanceId", id.as_str()),
        ("Username", "anna"),
        ("AclResourceType", "TOPIC"),
        ("AclResourceName", "orders"),
        ("AclResourcePatternType", "PREFIXED"),
        ("AclOperationType", "Write"),
    ];
    let before = acls(&plane, &id).await;
    done(&plane, "CreateAcl", &topic).await;
    let denied = [
        ("AclOperationType", Some("Read")),
        ("AclOperationTypes", Some("Read,Describe")),
        ("AclPermissionType", Some("DENY")),
        ("Host", Some("127.0.0.1")),
    ];
    done(&plane, "CreateAcl", &with(&topic, &denied)).await;
    let mut made = acls(&plane, &id).await;
    made.retain(|acl| !before.contains(acl));
    let deny = |operation| acl(operation, "127.0.0.1", AclPermission::Deny);
    let allow = acl(AclOperation::Write, "*", AclPermission::Allow);
    let mut expected = vec![
        allow.clone(),
        deny(AclOperation::Read),
        deny(AclOperation::Describe),
    ];
    expected.sort();
    assert_eq!(made, expected);

    // What is not named may be anything, and nothing else goes.
    let read = with(&topic, &[("AclOperationType", Some("READ"))]);
    done(&plane, "DeleteAcl", &read).await;
    let mut left = acls(&plane, &id).await;
    left.retain(|acl| !before.contains(acl));
    let mut expected = vec![allow, deny(AclOperation::Describe)];
    expected.sort();
    assert_eq!(left, expected);
}
