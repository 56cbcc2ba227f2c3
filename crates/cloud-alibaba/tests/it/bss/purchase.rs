//! CreateInstance: what it buys, its rules and its refusals.

use brokerage_cloud_alibaba::signing::RPC_V1;
use brokerage_control::access_key::NewKey;
use brokerage_control::{Context, Settings};
use brokerage_domain::access::{Effect, Policy, Statement};
use brokerage_domain::catalog::Plan;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::Phase;
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::order::Charge;
use brokerage_engine::fake::Fault;
use brokerage_testkit::{Answer, Plane, PlaneOptions};
use http::Method;
use secrecy::SecretString;
use serde_json::json;

use super::{POST, PRE, SMALL, VERSION, buy, call, code, data, purchase, with};

const ORDER_CHECK: &str = "Failure to check order before create instance.";

async fn context(plane: &Plane) -> Context {
    plane.context("alikafka", "").await
}

async fn plan_of(plane: &Plane, answer: &Answer) -> Plan {
    let id = InstanceId::new(
        answer.json["Data"]["InstanceId"]
            .as_str()
            .expect(&answer.body),
    );
    plane
        .control
        .instance_view(&context(plane).await, &id)
        .await
        .unwrap()
        .plan
}

/// Starts a bought instance as its owner does, through AliKafka.
pub(crate) async fn start(plane: &Plane, id: &str, until: Phase) {
    let params = [
        ("RegionId", "cn-hangzhou"),
        ("InstanceId", id),
        ("VpcId", "vpc-1"),
        ("VSwitchId", "vsw-1"),
    ];
    let answer = plane.aliyun("StartInstance", "2019-09-16", &params).await;
    assert_eq!(answer.json["Success"], true, "{}", answer.body);
    plane.wait_for("alikafka", id, until).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pay_as_you_go_is_answered_with_the_documented_tree_and_runs_once_it_is_started() {
    let plane = Plane::sandbox().await;
    let answer = buy(&plane, POST, SMALL).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers["content-type"],
        "application/json;charset=utf-8"
    );
    let (order, instance) = (
        &answer.json["Data"]["OrderId"],
        &answer.json["Data"]["InstanceId"],
    );
    let request_id = &answer.json["RequestId"];
    let tree = json!({
        "Code": "Success", "Message": "Successful!", "RequestId": request_id, "Success": true,
        "Data": { "OrderId": order, "InstanceId": instance },
    });
    assert_eq!(answer.json, tree);
    let (order, instance) = (order.as_str().unwrap(), instance.as_str().unwrap());
    assert!(
        order.len() == 15 && order.bytes().all(|byte| byte.is_ascii_digit()),
        "{order}"
    );
    assert!(instance.starts_with("alikafka_post-cn-"), "{instance}");

    let cx = context(&plane).await;
    let bought = plane
        .control
        .instance_view(&cx, &InstanceId::new(instance))
        .await
        .unwrap();
    assert_eq!(
        (bought.phase, bought.charge),
        (Phase::AwaitingStart, Charge::Postpaid)
    );
    let balance = plane
        .control
        .account_balance(cx.account(), Currency::Cny)
        .await
        .unwrap();
    assert_eq!(
        balance.held,
        "3.22".parse().unwrap(),
        "the first hour is reserved"
    );
    let this_one = [("InstanceIDs", instance)];
    let listed = || data(&plane, "QueryAvailableInstances", &this_one);
    assert_eq!(listed().await["InstanceList"][0]["Status"], "Creating");
    let by_order = [("RegionId", "cn-hangzhou"), ("OrderId", order)];
    let in_alikafka = || plane.aliyun("GetInstanceList", "2019-09-16", &by_order);
    let shown = in_alikafka().await.json["InstanceList"]["InstanceVO"][0].clone();
    for (key, expected) in [
        ("InstanceId", json!(instance)),
        ("ServiceStatus", json!(0)),
        ("DeployType", json!(5)),
        ("DiskType", json!(1)),
        ("DiskSize", json!(500)),
        ("SpecType", json!("normal")),
        ("IoMaxSpec", json!("alikafka.hw.2xlarge")),
        ("PaidType", json!(1)),
    ] {
        assert_eq!(shown[key], expected, "{key}");
    }
    start(&plane, instance, Phase::Running).await;
    assert_eq!(listed().await["InstanceList"][0]["Status"], "Normal");
    let shown = in_alikafka().await;
    assert_eq!(
        shown.json["InstanceList"]["InstanceVO"][0]["ServiceStatus"],
        5
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_paid_at_the_order_and_ends_after_its_period() {
    let plane = Plane::sandbox().await;
    let cx = context(&plane).await;
    let balance = || async {
        plane
            .control
            .account_balance(cx.account(), Currency::Cny)
            .await
            .unwrap()
    };
    let before = balance().await;
    let renewing = with(
        PRE,
        &[
            ("RenewalStatus", "AutoRenewal"),
            ("RenewPeriod", "24"),
            ("PricingCycle", "2"),
        ],
    );
    let answer = buy(&plane, &renewing, SMALL).await;
    let instance = answer.json["Data"]["InstanceId"]
        .as_str()
        .expect(&answer.body);
    assert!(instance.starts_with("alikafka_pre-cn-"), "{instance}");
    let after = balance().await;
    assert_eq!(before.posted.checked_sub(after.posted), "22902".parse());
    assert_eq!(after.held, Money::ZERO);
    start(&plane, instance, Phase::Running).await;
    let listed = data(&plane, "QueryAvailableInstances", &[]).await;
    let bought = plane
        .control
        .instance_view(&cx, &InstanceId::new(instance))
        .await
        .unwrap();
    let end = bought.running_since.unwrap().plus_months(12).iso();
    for (key, expected) in [
        ("SubscriptionType", json!("Subscription")),
        ("ProductType", json!("alikafka_pre")),
        ("EndTime", json!(end)),
        ("RenewStatus", json!("AutoRenewal")),
        ("RenewalDuration", json!(2)),
        ("RenewalDurationUnit", json!("Y")),
    ] {
        assert_eq!(listed["InstanceList"][0][key], expected, "{key}");
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_spellings_in_any_case_buy_the_same() {
    let plane = Plane::sandbox().await;
    let expected = plan_of(&plane, &buy(&plane, POST, SMALL).await).await;
    for properties in [
        &[
            ("region", "cn-hangzhou"),
            ("spec_type", "normal"),
            ("IO_max", "20"),
            ("disk_type", "1"),
            ("disk_size", "500"),
            ("topic_quata", "50"),
            ("msg_retain", "72"),
            ("vpc_deploy", "true"),
        ][..],
        &[
            ("REGIONID", "cn-hangzhou"),
            ("iomaxspec", "alikafka.hw.2xlarge"),
            ("IOMAX", "30"),
            ("disktype", " 1 "),
            ("diskSize", "500"),
            ("Topic_Quota", "50"),
            ("deployType", "5"),
            ("EIP", "10"),
        ],
    ] {
        let plan = plan_of(&plane, &buy(&plane, POST, properties).await).await;
        assert_eq!(plan, expected, "{properties:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_property_has_its_effect() {
    let plane = Plane::sandbox().await;
    let changes = [
        ("RegionId", "cn-hongkong"),
        ("SpecType", "professional"),
        ("IoMaxSpec", "alikafka.hw.3xlarge"),
        ("DiskType", "0"),
        ("DiskSize", "900"),
        ("TopicQuota", ""),
        ("PartitionNum", "100"),
        ("EipMax", "20"),
        ("MsgRetain", "48"),
    ];
    let plan = plan_of(&plane, &buy(&plane, POST, &with(SMALL, &changes)).await).await;
    let bought = &plan.bought;
    assert_eq!(
        (plan.region.as_str(), plan.edition.as_str()),
        ("cn-hongkong", "professional")
    );
    assert_eq!(plan.spec.as_deref(), Some("alikafka.hw.3xlarge"));
    assert_eq!((bought.disk_type.as_str(), bought.disk_gb), ("0", 900));
    assert_eq!((bought.topics, bought.partitions), (None, Some(100)));
    assert_eq!((bought.deploy_public, bought.public_mbit), (true, 20));
    assert_eq!(bought.retention_minutes, 48 * 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_region_of_the_caller_is_used_where_the_order_names_none() {
    let plane = Plane::sandbox().await;
    let at_home = with(POST, &[("RegionId", "cn-shanghai")]);
    let plan = plan_of(
        &plane,
        &buy(&plane, &at_home, &with(SMALL, &[("RegionId", "")])).await,
    )
    .await;
    assert_eq!(plan.region, "cn-shanghai");
    let plan = plan_of(&plane, &buy(&plane, &at_home, SMALL).await).await;
    assert_eq!(plan.region, "cn-hangzhou", "the order wins");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_excludes_is_refused_in_its_words() {
    let plane = Plane::sandbox().await;
    let example: &[(&str, &str)] = &[
        ("ProductCode", "rds"),
        ("ProductType", "rds"),
        ("SubscriptionType", "Subscription"),
        ("Period", "12"),
        ("RenewalStatus", "ManualRenewal"),
        ("RenewPeriod", "12"),
        ("ClientToken", "JASIOFKVNVIXXXXXX"),
        ("PricingCycle", "2"),
    ];
    for product in ["rds", "ecs", "oss"] {
        let named = with(
            example,
            &[("ProductCode", product), ("ProductType", product)],
        );
        let answer = buy(&plane, &named, &[("InstanceType", "disk")]).await;
        assert_eq!((answer.status, code(&answer)), (400, "400"), "{product}");
        assert_eq!(answer.json["Message"], ORDER_CHECK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_is_refused_with_its_code_and_leaves_nothing() {
    let plane = Plane::sandbox().await;
    let post = |changes| (with(POST, changes), SMALL.to_vec());
    let pre = |changes| (with(PRE, changes), SMALL.to_vec());
    let order = |changes| (POST.to_vec(), with(SMALL, changes));
    let twice = |extra| {
        (
            POST.to_vec(),
            SMALL.iter().copied().chain([extra]).collect::<Vec<_>>(),
        )
    };
    for ((params, properties), expected, named) in [
        (
            post(&[("ProductCode", "")]),
            "MissingProductCode",
            "ProductCode",
        ),
        (
            post(&[("SubscriptionType", "")]),
            "MissingSubscriptionType",
            "SubscriptionType",
        ),
        (
            post(&[("SubscriptionType", "Hourly")]),
            "InvalidSubscriptionType",
            "SubscriptionType",
        ),
        (
            post(&[("ProductType", "alikafka_pre")]),
            "400",
            "ProductType",
        ),
        (
            pre(&[("ProductType", "alikafka_post")]),
            "400",
            "ProductType",
        ),
        (pre(&[("ProductType", "kafka")]), "400", "ProductType"),
        (pre(&[("Period", "")]), "MissingPeriod", "Period"),
        (pre(&[("Period", "0")]), "InvalidPeriod", "Period"),
        (pre(&[("Period", "-12")]), "InvalidPeriod", "Period"),
        (pre(&[("Period", "1")]), "InvalidPeriod", "Period"),
        (pre(&[("Period", "18")]), "InvalidPeriod", "Period"),
        (pre(&[("Period", "1200")]), "InvalidPeriod", "Period"),
        (pre(&[("Period", "year")]), "InvalidPeriod", "Period"),
        (
            pre(&[("PricingCycle", "1")]),
            "InvalidPricingCycle",
            "PricingCycle",
        ),
        (
            pre(&[("PricingCycle", "3")]),
            "InvalidPricingCycle",
            "PricingCycle",
        ),
        (
            pre(&[("PricingCycle", "4")]),
            "InvalidPricingCycle",
            "PricingCycle",
        ),
        (
            pre(&[("RenewalStatus", "Never")]),
            "InvalidRenewalStatus",
            "RenewalStatus",
        ),
        (
            pre(&[("RenewalStatus", "AutoRenewal")]),
            "MissingRenewPeriod",
            "RenewPeriod",
        ),
        (
            pre(&[("RenewalStatus", "AutoRenewal"), ("RenewPeriod", "13")]),
            "InvalidRenewPeriod",
            "RenewPeriod",
        ),
        (post(&[("OwnerId", "1")]), "InvalidOwner", "owner"),
        (order(&[("RegionId", "")]), "400", "region"),
        (order(&[("RegionId", "mars-1")]), "400", "region"),
        (order(&[("SpecType", "huge")]), "400", "edition"),
        (order(&[("IoMaxSpec", "")]), "400", "spec"),
        (
            order(&[("IoMaxSpec", "alikafka.hw.1xlarge")]),
            "400",
            "spec",
        ),
        (order(&[("DiskSize", "")]), "400", "disk size"),
        (order(&[("DiskSize", "550")]), "400", "disk size"),
        (order(&[("DiskSize", "99999999")]), "400", "disk size"),
        (order(&[("DiskSize", "large")]), "400", "DiskSize"),
        (order(&[("DiskType", "9")]), "400", "disk type"),
        (order(&[("TopicQuota", "")]), "400", "topics"),
        (order(&[("TopicQuota", "49")]), "400", "topics"),
        (order(&[("PartitionNum", "7")]), "400", "partitions"),
        (order(&[("EipMax", "5000")]), "400", "public bandwidth"),
        (order(&[("DeployType", "4")]), "400", "public bandwidth"),
        (order(&[("DeployType", "6")]), "400", "DeployType"),
        (order(&[("vpc_deploy", "perhaps")]), "400", "VpcDeploy"),
        (order(&[("MsgRetain", "1")]), "400", "retention"),
        (order(&[("InstanceType", "disk")]), "400", "InstanceType"),
        (
            twice(("disk_size", "500")),
            "400",
            "DiskSize is given twice",
        ),
        (twice(("DISKSIZE", "500")), "400", "DiskSize is given twice"),
    ] {
        let answer = buy(&plane, &params, &properties).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{params:?} {properties:?}: {}",
            answer.body
        );
        let message = answer.json["Message"].as_str().unwrap();
        assert!(message.contains(named), "{message} does not name {named}");
        assert_eq!(
            message.starts_with(ORDER_CHECK),
            expected == "400",
            "{message}"
        );
    }
    let without_value = purchase(POST, &[("DiskSize", "500")]);
    let pairs: Vec<(&str, &str)> = without_value[..without_value.len() - 1]
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = call(&plane, "CreateInstance", &pairs).await;
    assert_eq!(code(&answer), "MissingParameter");
    assert!(
        answer.json["Message"]
            .as_str()
            .unwrap()
            .contains("Parameter.1.Value"),
        "{}",
        answer.body
    );

    assert_eq!(
        data(&plane, "QueryAvailableInstances", &[]).await["TotalCount"],
        0
    );
    assert_eq!(data(&plane, "QueryOrders", &[]).await["TotalCount"], 0);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_hundred_properties_are_refused() {
    let plane = Plane::sandbox().await;
    let many = vec![("DiskSize", "500"); 101];
    let answer = buy(&plane, POST, &many).await;
    assert_eq!(code(&answer), "400");
    assert!(
        answer.json["Message"].as_str().unwrap().contains("100"),
        "{}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_subscription_has_is_without_effect_on_pay_as_you_go() {
    let plane = Plane::sandbox().await;
    let params = with(
        POST,
        &[
            ("Period", "5"),
            ("RenewalStatus", "AutoRenewal"),
            ("Logistics", "{\"zipCode\":\"0000\"}"),
        ],
    );
    let answer = buy(&plane, &params, SMALL).await;
    let order = OrderId::new(answer.json["Data"]["OrderId"].as_str().expect(&answer.body));
    let order = plane
        .control
        .order_view(&context(&plane).await, &order)
        .await
        .unwrap();
    assert_eq!(order.charge, Charge::Postpaid);
}

/// An account of its own with so much money, and a key of it.
async fn account(plane: &Plane, key: &str, money: Money, policy: Policy) -> Context {
    let account = plane.control.account_create(key).await.unwrap();
    if money > Money::ZERO {
        plane
            .control
            .account_top_up(&account.id, money, Currency::Cny, "test")
            .await
            .unwrap();
    }
    let new = NewKey {
        id: Some(brokerage_domain::id::AccessKeyId::new(key)),
        secret: Some(SecretString::from("secret")),
        session_token: None,
        policy,
    };
    plane
        .control
        .access_key_create(&account.id, new)
        .await
        .unwrap();
    let mut cx = context(plane).await;
    cx.principal.account_id = account.id;
    cx.principal.account_number = account.number;
    cx
}

async fn buy_as(
    plane: &Plane,
    key: &str,
    params: &[(&str, &str)],
    properties: &[(&str, &str)],
) -> Answer {
    let common = [
        ("Action", "CreateInstance"),
        ("Version", VERSION),
        ("Format", "json"),
    ];
    let query: Vec<(String, String)> = purchase(params, properties);
    let pairs = common
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .chain(query);
    let encode = brokerage_wire::signing::encode_component;
    let query: Vec<String> = pairs
        .map(|(name, value)| format!("{}={}", encode(&name), encode(&value)))
        .collect();
    let request = Plane::request(Method::POST, &format!("/?{}", query.join("&")), &[], "");
    plane
        .send(&plane.signed_by(key, "secret", request, &RPC_V1, "", ""))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balance_is_enough_to_the_last_millionth_or_it_is_not() {
    let plane = Plane::sandbox().await;
    for (name, params, price) in [("post", POST, "3.22"), ("pre", PRE, "22902")] {
        let price: Money = price.parse().unwrap();
        let short = price.checked_sub(Money::from_micros(1)).unwrap();
        let poor = account(&plane, &format!("{name}-poor"), short, Policy::allow_all()).await;
        let params = &with(params, &[("ClientToken", "token")]);
        let answer = buy_as(&plane, &format!("{name}-poor"), params, SMALL).await;
        assert_eq!(
            answer.status, 200,
            "the page gives this refusal, alone of all, status 200"
        );
        let tree = json!({
            "Code": "INSUFFICIENT.AVAILABLE.QUOTA",
            "Message": "The account balance is negative. Add funds to the account and try again.",
            "RequestId": answer.json["RequestId"],
            "Success": false,
        });
        assert_eq!(answer.json, tree);
        assert_eq!(plane.control.instance_list(&poor).await.unwrap(), []);

        plane
            .control
            .account_top_up(poor.account(), Money::from_micros(1), Currency::Cny, "more")
            .await
            .unwrap();
        let answer = buy_as(&plane, &format!("{name}-poor"), params, SMALL).await;
        assert_eq!(
            code(&answer),
            "Success",
            "the refused order bound no token: {}",
            answer.body
        );

        let params = &with(params, &[("ClientToken", "")]);
        let exact = account(&plane, &format!("{name}-exact"), price, Policy::allow_all()).await;
        let answer = buy_as(&plane, &format!("{name}-exact"), params, SMALL).await;
        assert_eq!(answer.json["Success"], true, "{}", answer.body);
        let balance = plane
            .control
            .account_balance(exact.account(), Currency::Cny)
            .await
            .unwrap();
        assert_eq!(balance.available(), Money::ZERO);
        let answer = buy_as(&plane, &format!("{name}-exact"), params, SMALL).await;
        assert_eq!(code(&answer), "INSUFFICIENT.AVAILABLE.QUOTA");
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_decide_by_product_code_and_type() {
    let plane = Plane::sandbox().await;
    let only = |key: &str, value: &str| Policy {
        statements: vec![Statement {
            effect: Effect::Allow,
            not_actions: Vec::new(),
            actions: vec!["bss:ModifyInstance".into()],
            resources: vec!["*".into()],
            conditions: [(key.to_owned(), vec![value.to_owned()])].into(),
        }],
    };
    let money = Money::from_units(100_000).unwrap();
    for (number, key, value, params, permitted) in [
        (1, "bssapi:ProductCode", "alikafka", POST, true),
        (2, "bssapi:ProductCode", "rds", POST, false),
        (3, "bssapi:ProductType", "alikafka_post", POST, true),
        (4, "bssapi:ProductType", "alikafka_post", PRE, false),
        (5, "bssapi:ProductType", "alikafka_pre", PRE, true),
    ] {
        let name = format!("policy-{number}");
        account(&plane, &name, money, only(key, value)).await;
        for params in [params.to_vec(), with(params, &[("ProductType", "")])] {
            let answer = buy_as(&plane, &name, &params, SMALL).await;
            let expected = if permitted {
                (200, "Success")
            } else {
                (403, "Forbidden.RAM")
            };
            assert_eq!(
                (answer.status, code(&answer)),
                expected,
                "{key} {value} {params:?}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_each_account_may_buy_once_and_a_full_host_fail_the_order_check() {
    let test = with(
        SMALL,
        &[
            ("IoMaxSpec", "alikafka.hw.test"),
            ("DiskSize", "100"),
            ("TopicQuota", "3"),
        ],
    );
    let plane = Plane::sandbox().await;
    assert_eq!(code(&buy(&plane, POST, &test).await), "Success");
    let answer = buy(&plane, POST, &test).await;
    assert_eq!(
        (answer.status, code(&answer)),
        (400, "400"),
        "{}",
        answer.body
    );

    let settings = Settings {
        sandbox: true,
        rate_limits: false,
        broker_ports: (20_000, 20_003),
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    assert_eq!(code(&buy(&plane, POST, SMALL).await), "Success");
    let answer = buy(&plane, POST, SMALL).await;
    assert_eq!((answer.status, code(&answer)), (400, "400"));
    assert!(
        answer.json["Message"]
            .as_str()
            .unwrap()
            .contains("Sold out"),
        "{}",
        answer.body
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_refusals_come_as_xml_where_xml_is_asked_for() {
    let plane = Plane::sandbox().await;
    let pairs = purchase(POST, SMALL);
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = plane
        .aliyun_as("XML", "CreateInstance", VERSION, &pairs)
        .await;
    assert_eq!(answer.headers["content-type"], "text/xml;charset=utf-8");
    let root = "<?xml version='1.0' encoding='UTF-8'?><CreateInstanceResponse><Code>Success</Code>";
    assert!(answer.body.starts_with(root), "{}", answer.body);
    assert!(
        answer
            .body
            .contains("<Success>true</Success><Data><OrderId>"),
        "{}",
        answer.body
    );
    let answer = plane
        .aliyun_as(
            "XML",
            "CreateInstance",
            VERSION,
            &with(POST, &[("ProductCode", "rds")]),
        )
        .await;
    assert!(
        answer.body.contains("<Error>") && answer.body.contains("<Code>400</Code>"),
        "{}",
        answer.body
    );
    let list = plane
        .aliyun_as("XML", "QueryAvailableInstances", VERSION, &[])
        .await;
    assert!(
        list.body.contains("<InstanceList><OwnerId>"),
        "{}",
        list.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_cannot_be_delivered_is_paid_back() {
    let plane = Plane::sandbox().await;
    let cx = context(&plane).await;
    let cash = || async {
        plane
            .control
            .account_balance(cx.account(), Currency::Cny)
            .await
            .unwrap()
            .available()
    };
    let before = cash().await;
    let bought = buy(&plane, PRE, SMALL).await;
    let instance = bought.json["Data"]["InstanceId"]
        .as_str()
        .expect(&bought.body);
    assert_ne!(cash().await, before);
    plane.engine.script_ensure([Fault::Refuse]);
    start(&plane, instance, Phase::Failed).await;
    assert_eq!(cash().await, before);
    assert_eq!(
        data(&plane, "QueryAvailableInstances", &[]).await["TotalCount"],
        0
    );
    let orders = data(&plane, "QueryOrders", &[("PaymentStatus", "Cancelled")]).await;
    assert_eq!(
        orders["OrderList"]["Order"][0]["OrderId"],
        bought.json["Data"]["OrderId"]
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_account_bought_no_other_sees() {
    let plane = Plane::sandbox().await;
    let money = Money::from_units(100).unwrap();
    account(&plane, "buyer", money, Policy::allow_all()).await;
    let bought = buy_as(&plane, "buyer", POST, SMALL).await;
    let order = bought.json["Data"]["OrderId"].as_str().expect(&bought.body);
    assert_eq!(
        data(&plane, "QueryAvailableInstances", &[]).await["TotalCount"],
        0
    );
    assert_eq!(data(&plane, "QueryOrders", &[]).await["TotalCount"], 0);
    let answer = call(&plane, "GetOrderDetail", &[("OrderId", order)]).await;
    assert_eq!(code(&answer), "InvalidOrderId", "{}", answer.body);
    // A token belongs to its account.
    let params = with(POST, &[("ClientToken", "shared")]);
    let (ours, theirs) = (
        buy(&plane, &params, SMALL).await,
        buy_as(&plane, "buyer", &params, SMALL).await,
    );
    assert_eq!((code(&ours), code(&theirs)), ("Success", "Success"));
    assert_ne!(ours.json["Data"], theirs.json["Data"]);
}
