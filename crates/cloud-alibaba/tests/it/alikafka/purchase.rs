//! CreatePostPayOrder: the example of the vendor's page, its rules, and what becomes of the money.

use brokerage_cloud_alibaba::signing::RPC_V1;
use brokerage_control::access_key::NewKey;
use brokerage_domain::access::Policy;
use brokerage_domain::id::{AccessKeyId, AccountId};
use brokerage_domain::money::{Currency, Money};
use brokerage_testkit::Plane;
use http::Method;
use secrecy::SecretString;
use serde_json::json;

use super::{EXAMPLE, REGION, VERSION, bought, call, code, done, refused, shown, started, with};

#[tokio::test(flavor = "multi_thread")]
async fn the_example_gives_the_documented_tree_in_json() {
    let plane = Plane::sandbox().await;
    let answer = call(&plane, "CreatePostPayOrder", &EXAMPLE).await;
    assert_eq!(
        answer.headers["content-type"],
        "application/json;charset=utf-8"
    );
    let (order, request) = (&answer.json["OrderId"], &answer.json["RequestId"]);
    assert_eq!(
        answer.json,
        json!({ "RequestId": request, "Message": "operation success.", "OrderId": order, "Code": 200, "Success": true })
    );
    assert!(
        order
            .as_str()
            .is_some_and(|order| order.len() == 15 && order.bytes().all(|b| b.is_ascii_digit()))
    );
    let request = request.as_str().unwrap();
    assert_eq!(
        (request.len(), request.to_ascii_uppercase().as_str()),
        (36, request)
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_gives_the_documented_tree_in_xml() {
    let plane = Plane::sandbox().await;
    let answer = plane
        .aliyun_as("XML", "CreatePostPayOrder", VERSION, &EXAMPLE)
        .await;
    assert_eq!(answer.headers["content-type"], "text/xml;charset=utf-8");
    let between = |open: &str, close: &str| {
        let rest = answer
            .body
            .split_once(open)
            .unwrap_or_else(|| panic!("{open} in {}", answer.body))
            .1;
        rest.split_once(close).unwrap().0.to_owned()
    };
    let (request, order) = (
        between("<RequestId>", "</RequestId>"),
        between("<OrderId>", "</OrderId>"),
    );
    assert_eq!(
        answer.body,
        format!(
            "<?xml version='1.0' encoding='UTF-8'?><CreatePostPayOrderResponse><RequestId>{request}</RequestId>\
             <Message>operation success.</Message><OrderId>{order}</OrderId><Code>200</Code><Success>true</Success>\
             </CreatePostPayOrderResponse>"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_listed_at_once_and_waits_for_its_start() {
    let plane = Plane::sandbox().await;
    let (order, id) = bought(&plane, &EXAMPLE).await;
    assert!(
        id.starts_with("alikafka_post-cn-") && id.len() == "alikafka_post-cn-".len() + 11,
        "{id}"
    );
    let instance = shown(&plane, &id).await;
    for (key, expected) in [
        ("ServiceStatus", json!(0)),
        ("ViewInstanceStatusCode", json!(0)),
        ("PaidType", json!(1)),
        ("DeployType", json!(5)),
        ("DiskType", json!(1)),
        ("DiskSize", json!(900)),
        ("EipMax", json!(0)),
        ("IoMax", json!(20)),
        ("IoMaxSpec", json!("alikafka.hw.2xlarge")),
        ("IoMaxWrite", json!(20)),
        ("SpecType", json!("normal")),
        ("TopicNumLimit", json!(50)),
        ("MsgRetain", json!(72)),
        ("RegionId", json!(REGION)),
        ("Name", json!(id)),
        ("Tags", json!({ "TagVO": [] })),
        (
            "UpgradeServiceDetailInfo",
            json!({ "Current2OpenSourceVersion": "2.2.0" }),
        ),
        ("EndPoint", json!(null)),
        ("VpcId", json!(null)),
    ] {
        assert_eq!(instance[key], expected, "{key}");
    }
    let by_another_order = done(&plane, "GetInstanceList", &[("OrderId", "1")]).await;
    assert_eq!(
        by_another_order["InstanceList"],
        json!({ "InstanceVO": [] })
    );
    assert_ne!(order, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_the_page_to_say_the_same_is_sold() {
    let plane = Plane::sandbox().await;
    for (changes, key, expected) in [
        // "IoMaxSpec prevails when both are given."
        (vec![("IoMax", Some("120"))], "IoMax", json!(20)),
        (
            vec![("IoMaxSpec", None), ("IoMax", Some("30"))],
            "IoMaxSpec",
            json!("alikafka.hw.3xlarge"),
        ),
        (
            vec![("IoMaxSpec", Some("")), ("IoMax", Some("30"))],
            "IoMaxSpec",
            json!("alikafka.hw.3xlarge"),
        ),
        (vec![("SpecType", None)], "SpecType", json!("normal")),
        (vec![("DiskType", Some("0"))], "DiskType", json!(0)),
        (vec![("DiskType", Some("6"))], "DiskType", json!(6)),
        (vec![("EipMax", Some("3"))], "EipMax", json!(0)),
        (
            vec![("DeployType", Some("4")), ("EipMax", Some("3"))],
            "EipMax",
            json!(3),
        ),
        (
            vec![("DeployType", Some("4")), ("EipMax", Some("3"))],
            "DeployType",
            json!(4),
        ),
        (
            vec![("TopicQuota", None), ("PartitionNum", Some("50"))],
            "TopicNumLimit",
            json!(1_050),
        ),
        (
            vec![("TopicQuota", Some("1050")), ("PartitionNum", Some("50"))],
            "TopicNumLimit",
            json!(1_050),
        ),
        (
            vec![("TopicQuota", Some("51")), ("PartitionNum", Some("16"))],
            "TopicNumLimit",
            json!(1_016),
        ),
        (vec![("PaidType", Some("1"))], "PaidType", json!(1)),
        (
            vec![("SpecType", Some("professional"))],
            "TopicNumLimit",
            json!(100),
        ),
        (
            vec![
                ("SpecType", Some("professionalForHighRead")),
                ("IoMaxSpec", Some("alikafka.hr.2xlarge")),
            ],
            "IoMaxRead",
            json!(50),
        ),
        (
            vec![("ResourceGroupId", Some("rg-1"))],
            "ResourceGroupId",
            json!("rg-1"),
        ),
        (
            vec![("Tag.1.Value", Some("v")), ("Tag.1.Key", Some("k"))],
            "Tags",
            json!({ "TagVO": [{ "Key": "k", "Value": "v" }] }),
        ),
    ] {
        let (_, id) = bought(&plane, &with(&EXAMPLE, &changes)).await;
        assert_eq!(shown(&plane, &id).await[key], expected, "{changes:?}");
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_the_page_is_refused_with_its_code_and_names_its_parameter() {
    const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";
    let plane = Plane::sandbox().await;
    for (changes, expected, named) in [
        (vec![("RegionId", None)], "MissingRegionId", "RegionId"),
        (vec![("RegionId", Some("cn-nowhere"))], FIELD, "RegionId"),
        (
            vec![("DeployType", None)],
            "MissingDeployType",
            "DeployType",
        ),
        (
            vec![("DeployType", Some("public"))],
            "InvalidDeployType",
            "DeployType",
        ),
        (vec![("DeployType", Some("6"))], FIELD, "DeployType"),
        (vec![("DeployType", Some("4"))], FIELD, "EipMax"),
        (
            vec![("DeployType", Some("4")), ("EipMax", Some("0"))],
            FIELD,
            "EipMax",
        ),
        (vec![("DiskSize", None)], FIELD, "DiskSize"),
        (vec![("DiskSize", Some("910"))], FIELD, "DiskSize"),
        (vec![("DiskSize", Some("-100"))], FIELD, "DiskSize"),
        (vec![("DiskType", None)], FIELD, "DiskType"),
        (vec![("DiskType", Some("2"))], FIELD, "DiskType"),
        (vec![("TopicQuota", None)], FIELD, "TopicQuota"),
        (vec![("TopicQuota", Some("49"))], FIELD, "TopicQuota"),
        (
            vec![("TopicQuota", Some("many"))],
            "InvalidTopicQuota",
            "TopicQuota",
        ),
        (vec![("PartitionNum", Some("50"))], FIELD, "PartitionNum"),
        (
            vec![("TopicQuota", None), ("PartitionNum", Some("3001"))],
            FIELD,
            "PartitionNum",
        ),
        (
            vec![("IoMax", None), ("IoMaxSpec", None)],
            FIELD,
            "IoMaxSpec",
        ),
        (
            vec![("IoMax", Some("25")), ("IoMaxSpec", None)],
            FIELD,
            "IoMax",
        ),
        (
            vec![("IoMaxSpec", Some("alikafka.hw.16xlarge"))],
            FIELD,
            "IoMaxSpec",
        ),
        (
            vec![("IoMaxSpec", Some("alikafka.hr.2xlarge"))],
            FIELD,
            "IoMaxSpec",
        ),
        (vec![("SpecType", Some("enterprise"))], FIELD, "SpecType"),
        (vec![("PaidType", Some("0"))], FIELD, "PaidType"),
        (vec![("PaidType", Some("3"))], FIELD, "serverless"),
        (
            vec![("Tag.1.Value", Some("v"))],
            "MissingParameter",
            "Tag.1.Key",
        ),
        (vec![("Tag.1.Key", Some("acs:k"))], FIELD, "Tag.1.Key"),
        (
            vec![("Tag.1.Key", Some("k")), ("Tag.2.Key", Some("k"))],
            FIELD,
            "Tag.2.Key",
        ),
        (
            vec![("ServerlessConfig", Some("{"))],
            "InvalidServerlessConfig",
            "ServerlessConfig",
        ),
        // Who writes a member into an object means it, in whichever form it is sent.
        (
            vec![("ServerlessConfig", Some(r#"{"Foo":1}"#))],
            "InvalidServerlessConfig",
            "Foo",
        ),
        (
            vec![("ServerlessConfig.Foo", Some("1"))],
            "InvalidServerlessConfig",
            "Foo",
        ),
        (
            vec![
                ("Tag.1.Key", Some("k")),
                ("Tag.1.Value", Some("v")),
                ("Tag.1.Foo", Some("x")),
            ],
            "InvalidParameter",
            "Tag.1.Foo",
        ),
    ] {
        let answer = call(&plane, "CreatePostPayOrder", &with(&EXAMPLE, &changes)).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{changes:?}: {}",
            answer.body
        );
        assert!(
            answer.json["Message"].as_str().unwrap().contains(named),
            "{changes:?}: {}",
            answer.body
        );
    }
    let all = done(&plane, "GetInstanceList", &[]).await;
    assert_eq!(
        all["InstanceList"]["InstanceVO"],
        json!([]),
        "a refused order leaves nothing"
    );
    plane.assert_ledger().await;
}

/// The order of the example as another account's key.
fn order_by(plane: &Plane, key: &str, secret: &str) -> brokerage_wire::WireRequest {
    let query: Vec<String> = EXAMPLE
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let target = format!(
        "/?Action=CreatePostPayOrder&Version={VERSION}&Format=JSON&{}",
        query.join("&")
    );
    plane.signed_by(
        key,
        secret,
        Plane::request(Method::POST, &target, &[], ""),
        &RPC_V1,
        "",
        "",
    )
}

async fn account_with(plane: &Plane, key: &str, secret: &str, policy: Policy) -> AccountId {
    let account = plane
        .control
        .account_create(key)
        .await
        .expect("it is made")
        .id;
    let new = NewKey {
        id: Some(AccessKeyId::new(key)),
        secret: Some(SecretString::from(secret)),
        session_token: None,
        policy,
    };
    plane
        .control
        .access_key_create(&account, new)
        .await
        .expect("it is made");
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_money_is_refused_until_it_has_some() {
    let plane = Plane::sandbox().await;
    let account = account_with(&plane, "POOR", "s", Policy::allow_all()).await;
    let answer = plane.send(&order_by(&plane, "POOR", "s")).await;
    assert_eq!(
        (answer.status, code(&answer)),
        (400, "InvalidAccountStatus.NotEnoughBalance"),
        "{}",
        answer.body
    );
    let money = Money::from_units(5).unwrap();
    plane
        .control
        .account_top_up(&account, money, Currency::Cny, "test")
        .await
        .unwrap();
    assert_eq!(plane.send(&order_by(&plane, "POOR", "s")).await.status, 200);
    // The first hour of 3.86 is reserved, and the rest does not pay for a second instance.
    let answer = plane.send(&order_by(&plane, "POOR", "s")).await;
    assert_eq!(
        code(&answer),
        "InvalidAccountStatus.NotEnoughBalance",
        "{}",
        answer.body
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_policy_does_not_name_the_operation_is_refused() {
    let plane = Plane::sandbox().await;
    let policy = Policy {
        statements: Vec::new(),
    };
    account_with(&plane, "NOBODY", "s", policy).await;
    let answer = plane.send(&order_by(&plane, "NOBODY", "s")).await;
    assert_eq!(
        (answer.status, code(&answer)),
        (403, "Forbidden.RAM"),
        "{}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_four_purchases_answers_in_its_way_and_is_paid_in_its_way() {
    let plane = Plane::sandbox().await;
    let cx = plane.context("alikafka", REGION).await;
    let by_partitions = with(
        &EXAMPLE,
        &[("TopicQuota", None), ("PartitionNum", Some("50"))],
    );
    for (action, paid_type, prepaid) in [
        ("CreatePostPayOrder", 1, false),
        ("CreatePostPayInstance", 1, false),
        ("CreatePrePayOrder", 0, true),
        ("CreatePrePayInstance", 0, true),
    ] {
        let spent = || async {
            let balance = plane
                .control
                .account_balance(&cx.principal.account_id, Currency::Cny)
                .await
                .unwrap();
            balance.available()
        };
        let before = spent().await;
        let answer = done(&plane, action, &by_partitions).await;
        assert!(
            spent().await < before,
            "{action}: nothing was taken or reserved"
        );
        let (order, id) = match answer["Data"].as_object() {
            Some(data) => (
                data["OrderId"].as_i64().unwrap().to_string(),
                data["InstanceId"].as_str().map(str::to_owned),
            ),
            None => (answer["OrderId"].as_str().unwrap().to_owned(), None),
        };
        let listed = done(&plane, "GetInstanceList", &[("OrderId", &order)]).await;
        let instance = &listed["InstanceList"]["InstanceVO"][0];
        assert_eq!(instance["PaidType"], paid_type, "{action}");
        assert_eq!(
            instance["InstanceId"]
                .as_str()
                .unwrap()
                .starts_with("alikafka_pre-cn-"),
            prepaid,
            "{action}"
        );
        assert!(
            id.is_none_or(|id| instance["InstanceId"] == id.as_str()),
            "{action}"
        );
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_has_a_term_that_is_sold_and_ends_by_itself() {
    const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";
    let plane = Plane::sandbox().await;
    for (changes, expected) in [
        (vec![("Duration", Some("0"))], FIELD),
        (vec![("Duration", Some("13"))], FIELD),
        (vec![("Duration", Some("-1"))], FIELD),
        (vec![("PaidType", Some("1"))], FIELD),
        (vec![("PaidType", Some("4"))], FIELD),
        (vec![("DeployType", None)], FIELD),
        (
            vec![("ConfluentConfig", Some("{"))],
            "InvalidConfluentConfig",
        ),
    ] {
        let answer = call(&plane, "CreatePrePayOrder", &with(&EXAMPLE, &changes)).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{changes:?}: {}",
            answer.body
        );
    }
    let year = with(
        &EXAMPLE,
        &[("Duration", Some("12")), ("PaidType", Some("0"))],
    );
    let order = done(&plane, "CreatePrePayOrder", &year).await["OrderId"]
        .as_str()
        .unwrap()
        .to_owned();
    let listed = done(&plane, "GetInstanceList", &[("OrderId", &order)]).await;
    let id = listed["InstanceList"]["InstanceVO"][0]["InstanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    started(&plane, &id, &[]).await;
    // 2027-11-23T04:00:00Z: a year after the plane's beginning, when it ran first.
    assert_eq!(
        shown(&plane, &id).await["ExpiredTime"],
        1_826_942_400_000_i64
    );
    assert_eq!(
        refused(&plane, "ReleaseInstance", &[("InstanceId", &id)]).await,
        (400, FIELD.to_owned())
    );
    plane.assert_ledger().await;
}
