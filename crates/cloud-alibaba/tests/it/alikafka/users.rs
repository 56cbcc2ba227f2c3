//! Users and ACLs: what is said of them is so in Kafka.

use brokerage_kafka_admin::{
    Acl, AclFilter, AclOperation, AclPermission, PatternType, ResourceType, ScramMechanism, User,
};
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use super::{done, refused, running, with};

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
        (400, FIELD.to_owned())
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

async fn acls(plane: &Plane, id: &str) -> Vec<Acl> {
    let all = AclFilter::default();
    plane.kafka(id).await.acl_list(&all).await.expect("ACLs")
}

#[tokio::test(flavor = "multi_thread")]
async fn acls_are_kafkas_and_go_by_what_is_named() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
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
