//! Users and ACLs: what is said of them is so in Kafka.

use brokerage_kafka_admin::{
    Acl, AclFilter, AclOperation, AclPermission, PatternType, ResourceType, ScramMechanism,
};
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{changed, check_refused, result, running};

fn acl(name: &str, principal: &str, host: &str, operation: AclOperation) -> Acl {
    Acl {
        resource_type: ResourceType::Topic,
        resource_name: name.to_owned(),
        pattern_type: PatternType::Literal,
        principal: principal.to_owned(),
        host: host.to_owned(),
        operation,
        permission: AclPermission::Allow,
    }
}

async fn acls(plane: &Plane, id: &str) -> Vec<Acl> {
    let all = AclFilter::default();
    plane.kafka(id).await.acl_list(&all).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_comes_in_by_every_mechanism_and_is_listed_in_pages() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for name in ["anna", "bert", "carl"] {
        let user = json!({ "InstanceId": id, "Name": name, "Password": "a word" });
        result(&plane, "CreateUser", user).await;
    }
    let kept = plane.kafka(&id).await.user_list().await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(
        kept.iter()
            .all(|user| user.mechanisms == ScramMechanism::ALL)
    );

    let page = json!({ "InstanceId": id, "SearchWord": "r", "Offset": 1, "Limit": 100 });
    let found = result(&plane, "DescribeUser", page).await;
    assert_eq!(
        (&found["TotalCount"], &found["Users"][0]["Name"]),
        (&json!(2), &json!("carl"))
    );
    let text = |value: &Value| value.as_str().map(str::len);
    let user = &found["Users"][0];
    assert_eq!(
        (text(&user["CreateTime"]), text(&user["UpdateTime"])),
        (Some(19), Some(19))
    );
    assert!(user["UserId"].is_i64(), "{user}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acl_is_told_apart_by_every_member() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let before = acls(&plane, &id).await;
    let write = json!({
        "InstanceId": id, "ResourceType": 2, "ResourceName": "orders", "Operation": 4, "PermissionType": 3,
        "Host": "10.10.10.0", "Principal": "User:anna",
    });
    let everybody = json!({ "Host": "", "Principal": "" });
    result(&plane, "CreateAcl", write.clone()).await;
    result(&plane, "CreateAcl", changed(write.clone(), &everybody)).await;
    let made = |acls: Vec<Acl>| -> Vec<Acl> {
        acls.into_iter()
            .filter(|acl| !before.contains(acl))
            .collect()
    };
    let mut expected = vec![
        acl("orders", "User:anna", "10.10.10.0", AclOperation::Write),
        acl("orders", "User:*", "*", AclOperation::Write),
    ];
    expected.sort();
    assert_eq!(made(acls(&plane, &id).await), expected);

    // Each names something that no ACL has.
    for other in [
        json!({ "Host": "10.10.10.1" }),
        json!({ "Principal": "User:bert" }),
        json!({ "Operation": 3 }),
        json!({ "PermissionType": 2 }),
        json!({ "ResourceName": "order" }),
        json!({ "ResourceType": 3 }),
    ] {
        result(&plane, "DeleteAcl", changed(write.clone(), &other)).await;
        assert_eq!(made(acls(&plane, &id).await), expected, "{other}");
    }
    result(&plane, "DeleteAcl", write).await;
    let left = acl("orders", "User:*", "*", AclOperation::Write);
    assert_eq!(made(acls(&plane, &id).await), [left]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_bound_and_is_looked_at_before_anything_is_made() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let before = acls(&plane, &id).await;
    let rule =
        json!({ "Operation": "All", "PermissionType": "Deny", "Host": "*", "Principal": "User:*" });
    let names: Vec<String> = (0..101).map(|number| format!("t{number}")).collect();
    let many =
        json!({ "InstanceId": id, "ResourceType": 2, "ResourceNames": names, "RuleList": [rule] });
    let refusal = "InvalidParameterValue";
    let wrong = json!({ "Operation": "Alle", "PermissionType": "Deny", "Host": "*", "Principal": "User:*" });
    let mixed = json!({ "InstanceId": id, "ResourceType": 2, "ResourceNames": ["t"], "RuleList": [rule, wrong] });
    let cases = vec![(many, refusal), (mixed, refusal)];
    check_refused(&plane, "BatchCreateAcl", cases).await;
    assert_eq!(acls(&plane, &id).await, before);
}
