//! createInstance: what the vendor's page says, parameter by parameter, and the money behind it.

use brokerage_cloud_jd::signing::JDCLOUD3;
use brokerage_control::Settings;
use brokerage_control::access_key::NewKey;
use brokerage_domain::access::{Effect, Policy, Statement};
use brokerage_domain::id::{AccessKeyId, NetworkId, SubnetId};
use brokerage_domain::instance::Phase;
use brokerage_domain::network::{Network, Subnet};
use brokerage_engine::fake::Fault;
use brokerage_testkit::{Plane, PlaneOptions};
use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    check_refused, create, delete, describe, example, get, node, running, spent_and_held, with,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_gives_a_running_instance_and_the_documented_tree() {
    let plane = Plane::sandbox().await;
    let answer = create(&plane, &example()).await;
    let id = answer.json["result"]["instanceId"].as_str().unwrap();
    let result =
        json!({ "instanceId": id, "buyId": answer.json["result"]["buyId"].as_str().unwrap() });
    assert_eq!(
        answer.json,
        json!({ "requestId": answer.json["requestId"].as_str().unwrap(), "result": result })
    );
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(
        answer.headers["x-jdcloud-request-id"].to_str().ok(),
        answer.json["requestId"].as_str()
    );
    plane.wait_for("jdkafka", id, Phase::Running).await;
    assert_eq!(
        describe(&plane, id).await,
        json!({
            "instanceId": id,
            "instanceName": "orders",
            "instanceVersion": "1.0.2",
            "instanceStatus": "running",
            "createTime": "2026-11-23T04:00:00Z",
            "vpcId": "vpc-1",
            "subnetId": "subnet-1",
            "ipVersion": "v4",
            "azId": ["cn-north-1a"],
            "instanceClass": [{
                "role": "broker",
                "nodeClassCode": "kafka.broker.n1.xsmall",
                "nodeCpu": 2,
                "nodeMemoryGB": 8,
                "nodeCount": 3,
                "nodeDiskType": "ssd.io1",
                "nodeDiskGB": 100,
            }],
            "charge": {
                "chargeMode": "postpaid_by_duration",
                "chargeStatus": "normal",
                "chargeStartTime": "2026-11-23T04:00:00Z",
                "chargeExpiredTime": "",
                "chargeRetireTime": "2026-12-01T05:00:00Z",
            },
            "tags": [],
            "extension": {
                "internalEndpoint": {
                    "brokerEndpoint": ["127.0.0.1:20000", "127.0.0.1:20001", "127.0.0.1:20002"],
                    "zkEndpoint": [],
                },
            },
        })
    );
    assert_eq!(
        spent_and_held(&plane).await,
        (2_700_000, 0),
        "the first hour of three nodes"
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepaid_purchase_takes_its_whole_term_when_it_runs() {
    let plane = Plane::sandbox().await;
    plane.engine.script_ensure([Fault::Fail]);
    let charge = json!({
        "chargeMode": "prepaid_by_duration", "chargeUnit": "month", "chargeDuration": 3, "autoRenew": true,
        "buyScenario": "eyJhY3Rpdml0eSI6eyJhY3Rpdml0eVR5cGUiOiJzYWxlIiwiYWN0aXZpdHlJZGVudGlmaWVyIjoiMTEuMTEifX0=",
    });
    let answer = create(&plane, &with(&[("/charge", charge.clone())])).await;
    let id = answer.json["result"]["instanceId"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.body));
    // Three nodes for three months: 360 for the class and 50 for the disk.
    let price = 3 * 3 * (360 + 50) * 1_000_000;
    assert_eq!(
        spent_and_held(&plane).await,
        (0, price),
        "held while it is made"
    );
    assert_eq!(describe(&plane, id).await["instanceStatus"], "creating");
    let second = running(&plane, &with(&[("/charge", charge)])).await;
    assert_eq!(
        spent_and_held(&plane).await,
        (price, price),
        "taken from the one that runs"
    );
    assert_eq!(
        describe(&plane, &second).await["charge"],
        json!({
            "chargeMode": "prepaid_by_duration",
            "chargeStatus": "normal",
            "chargeStartTime": "2026-11-23T04:00:00Z",
            "chargeExpiredTime": "2027-02-23T04:00:00Z",
            "chargeRetireTime": "2027-03-02T04:00:00Z",
        })
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_leaves_open_has_the_catalogs_value() {
    let plane = Plane::sandbox().await;
    let shortest = with(&[("/instance/instanceClassSpec", json!([{ "role": "broker" }]))]);
    let id = running(&plane, &shortest).await;
    assert_eq!(
        describe(&plane, &id).await["instanceClass"][0],
        json!({
            "role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCpu": 2, "nodeMemoryGB": 8,
            "nodeCount": 3, "nodeDiskType": "ssd.io1", "nodeDiskGB": 100,
        })
    );
}

/// Go and Python send what was left out as null, and path parameters come again in the body.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendors_clients_send_beyond_the_page_is_understood() {
    let plane = Plane::sandbox().await;
    let mut body = with(&[
        ("/instance/ipVersion", json!("v4&v6")),
        ("/instance/extension", json!({ "msgRetain": 48 })),
        (&node("nodeCount"), json!(4)),
        ("/regionId", json!("cn-south-1")),
        ("/surprise", json!({ "a": 1 })),
    ]);
    body["charge"] = Value::Null;
    let id = running(&plane, &body).await;
    let shown = describe(&plane, &id).await;
    assert_eq!(
        (&shown["ipVersion"], &shown["instanceClass"][0]["nodeCount"]),
        (&json!("v4&v6"), &json!(4))
    );
    let cx = plane.context("jdkafka", "cn-north-1").await;
    let instance = &plane.control.instance_list(&cx).await.unwrap()[0];
    assert_eq!(instance.plan.usable.retention_ms, 48 * 3_600_000);
    assert_eq!(instance.settings.retention_ms, Some(172_800_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn types_are_those_of_json_and_refusals_have_the_pages_words_and_units() {
    let plane = Plane::sandbox().await;
    for (place, value, part) in [
        // A body's types are JSON's.
        ("/instance/vpcId", json!(7), "instance.vpcId"),
        (&node("nodeCount"), json!("4"), "nodeCount"),
        // In the words and the unit of the page.
        (
            "/instance/extension",
            json!({ "msgRetain": 1 }),
            "instance.extension.msgRetain: the retention must be from",
        ),
        (
            "/instance/instanceVersion",
            json!("9"),
            "instance.instanceVersion: the version \"9\" is not offered here: it is one of 1.0.1, 1.0.2",
        ),
    ] {
        let answer = create(&plane, &with(&[(place, value)])).await;
        check_refused(&answer, 400, "INVALID_ARGUMENT", part);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_the_page_is_refused_by_the_name_of_its_parameter() {
    let plane = Plane::sandbox().await;
    let prepaid = |unit: &str, duration: Value| json!({ "chargeMode": "prepaid_by_duration", "chargeUnit": unit, "chargeDuration": duration });
    for (pointer, value, part) in [
        (
            "/instance",
            Value::Null,
            "instance: the parameter is required",
        ),
        ("/instance/vpcId", Value::Null, "instance.vpcId"),
        ("/instance/vpcId", json!(""), "instance.vpcId"),
        ("/instance/subnetId", Value::Null, "instance.subnetId"),
        (
            "/instance/instanceVersion",
            Value::Null,
            "instance.instanceVersion",
        ),
        ("/instance/instanceVersion", json!("0.9"), "instanceVersion"),
        (
            "/instance/instanceVersion",
            json!("0.10.2"),
            "instanceVersion",
        ),
        ("/instance/instanceVersion", json!("2.6.0"), "nodeClassCode"),
        (
            "/instance/instanceName",
            Value::Null,
            "instance.instanceName",
        ),
        ("/instance/instanceName", json!(""), "instance.instanceName"),
        (
            "/instance/instanceName",
            json!("1st"),
            "instance.instanceName",
        ),
        (
            "/instance/instanceName",
            json!("a b"),
            "instance.instanceName",
        ),
        (
            "/instance/instanceName",
            json!("名字"),
            "instance.instanceName",
        ),
        (
            "/instance/instanceName",
            json!("a".repeat(33)),
            "instance.instanceName",
        ),
        ("/instance/azId", Value::Null, "instance.azId"),
        ("/instance/azId", json!([]), "azId"),
        ("/instance/azId", json!(["cn-east-2a"]), "azId"),
        (
            "/instance/azId",
            json!(["cn-north-1a", "cn-north-1a"]),
            "azId",
        ),
        ("/instance/ipVersion", json!("v6"), "instance.ipVersion"),
        (
            "/instance/extension",
            json!({ "msgRetain": 23 }),
            "msgRetain",
        ),
        (
            "/instance/extension",
            json!({ "msgRetain": 169 }),
            "msgRetain",
        ),
        (
            "/instance/extension",
            json!({ "msgRetain": i64::MAX }),
            "msgRetain",
        ),
        (
            "/instance/instanceClassSpec",
            Value::Null,
            "instance.instanceClassSpec",
        ),
        (
            "/instance/instanceClassSpec",
            json!([]),
            "instanceClassSpec",
        ),
        (
            "/instance/instanceClassSpec",
            json!([{ "role": "zookeeper" }]),
            "role",
        ),
        (
            "/instance/instanceClassSpec",
            json!([{ "role": "broker" }, { "role": "broker" }]),
            "role",
        ),
        (
            "/instance/instanceClassSpec",
            json!([{ "nodeCount": 3 }]),
            "instance.instanceClassSpec.1.role",
        ),
        (
            &node("nodeClassCode"),
            json!("kafka.n.small"),
            "nodeClassCode",
        ),
        (&node("nodeCount"), json!(2), "nodeCount"),
        (&node("nodeCount"), json!(31), "nodeCount"),
        (
            &node("nodeCount"),
            json!("three"),
            "instance.instanceClassSpec.1.nodeCount",
        ),
        (&node("nodeDiskType"), json!("local"), "nodeDiskType"),
        (&node("nodeDiskGB"), json!(10), "nodeDiskGB"),
        (&node("nodeDiskGB"), json!(105), "nodeDiskGB"),
        (&node("nodeDiskGB"), json!(16_010), "nodeDiskGB"),
        (
            "/charge",
            json!({ "chargeMode": "postpaid_by_usage" }),
            "charge.chargeMode",
        ),
        (
            "/charge",
            json!({ "chargeMode": "prepaid_by_duration" }),
            "charge.chargeDuration",
        ),
        (
            "/charge",
            prepaid("month", json!(10)),
            "charge.chargeDuration",
        ),
        (
            "/charge",
            prepaid("year", json!(4)),
            "charge.chargeDuration",
        ),
        ("/charge", prepaid("day", json!(1)), "charge.chargeUnit"),
        (
            "/charge",
            json!({ "autoRenew": "perhaps" }),
            "charge.autoRenew",
        ),
        (
            "/charge",
            json!({ "buyScenario": "e30=" }),
            "charge.buyScenario.activity",
        ),
    ] {
        let answer = create(&plane, &with(&[(pointer, value.clone())])).await;
        check_refused(&answer, 400, "INVALID_ARGUMENT", part);
    }
    let listed = get(&plane, "/instances").await;
    assert_eq!(
        listed.json["result"],
        json!({ "instances": [], "totalCount": 0 }),
        "a refused order leaves nothing"
    );
    assert_eq!(spent_and_held(&plane).await, (0, 0));
    plane.assert_ledger().await;
}

/// Clients repeat path parameters at the top of the body; a member inside an object is meant for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_no_object_has_is_refused_by_name() {
    let plane = Plane::sandbox().await;
    for (place, name) in [
        ("/instance/colour", "instance.colour"),
        (
            "/instance/instanceClassSpec/0/nodeDiskGb",
            "instance.instanceClassSpec.1.nodeDiskGb",
        ),
        ("/instance/extension/colour", "instance.extension.colour"),
        ("/charge/colour", "charge.colour"),
    ] {
        let mut body = example();
        let (parent, member) = place.rsplit_once('/').unwrap();
        if body.pointer(parent).is_none() {
            let (object, name) = parent.rsplit_once('/').unwrap();
            body.pointer_mut(object).unwrap()[name] = json!({});
        }
        body.pointer_mut(parent).unwrap()[member] = json!(7);
        check_refused(&create(&plane, &body).await, 400, "INVALID_ARGUMENT", name);
    }
    let mut body = example();
    body["regionId"] = json!("cn-north-1");
    body["colour"] = json!("red");
    assert_eq!(create(&plane, &body).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_region_is_an_invalid_argument() {
    let plane = Plane::sandbox().await;
    let headers = [("content-type", "application/json")];
    let request = Plane::request(
        Method::POST,
        "/v1/regions/mars-1/instances",
        &headers,
        &example().to_string(),
    );
    let answer = plane
        .send(&plane.signed(request, &JDCLOUD3, "mars-1", "kafka"))
        .await;
    check_refused(&answer, 400, "INVALID_ARGUMENT", "regionId");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_fails_gives_the_money_back_and_the_instance_may_go() {
    let plane = Plane::sandbox().await;
    plane.engine.script_ensure([Fault::Refuse]);
    let answer = create(&plane, &example()).await;
    let id = answer.json["result"]["instanceId"].as_str().unwrap();
    plane.wait_for("jdkafka", id, Phase::Failed).await;
    assert_eq!(describe(&plane, id).await["instanceStatus"], "error");
    assert_eq!(spent_and_held(&plane).await, (0, 0));
    assert_eq!(delete(&plane, id).await.status, 200);
    plane.wait_for("jdkafka", id, Phase::Gone).await;
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_may_come_in_any_order_and_hold_the_subnets() {
    let settings = Settings {
        sandbox: false,
        rate_limits: false,
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    let answer = create(&plane, &example()).await;
    check_refused(
        &answer,
        400,
        "INVALID_ARGUMENT",
        "instance.vpcId: the network vpc-1",
    );
    let cx = plane.context("jdkafka", "cn-north-1").await;
    let created_at = plane.control.now();
    for id in ["vpc-1", "vpc-2"] {
        let network = Network {
            id: NetworkId::new(id),
            profile: "jdkafka".into(),
            region: "cn-north-1".into(),
            name: id.into(),
            cidr: "10.0.0.0/16".into(),
            created_at,
        };
        plane
            .control
            .network_create(cx.account(), network)
            .await
            .unwrap();
    }
    let subnet = Subnet {
        id: SubnetId::new("subnet-1"),
        network_id: NetworkId::new("vpc-1"),
        profile: "jdkafka".into(),
        region: "cn-north-1".into(),
        zone: "cn-north-1b".into(),
        name: "first".into(),
        cidr: "10.0.0.0/24".into(),
        created_at,
    };
    plane
        .control
        .subnet_create(cx.account(), subnet)
        .await
        .unwrap();
    let zones = json!(["cn-north-1c", "cn-north-1b"]);
    let id = running(&plane, &with(&[("/instance/azId", zones.clone())])).await;
    assert_eq!(describe(&plane, &id).await["azId"], zones);
    for (changes, status, name, part) in [
        (
            ("/instance/azId", json!(["cn-north-1a"])),
            400,
            "INVALID_ARGUMENT",
            "instance.azId",
        ),
        (
            ("/instance/subnetId", json!("subnet-9")),
            400,
            "INVALID_ARGUMENT",
            "instance.subnetId: the subnet subnet-9",
        ),
    ] {
        check_refused(&create(&plane, &with(&[changes])).await, status, name, part);
    }
    let elsewhere = with(&[
        ("/instance/vpcId", json!("vpc-2")),
        ("/instance/azId", zones),
    ]);
    check_refused(
        &create(&plane, &elsewhere).await,
        400,
        "INVALID_ARGUMENT",
        "subnet-1",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_free_port_everything_is_sold_out() {
    let settings = Settings {
        sandbox: true,
        rate_limits: false,
        broker_ports: (20_000, 20_004),
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    running(&plane, &example()).await;
    check_refused(
        &create(&plane, &example()).await,
        503,
        "UNAVAILABLE",
        "Sold out",
    );
    assert_eq!(spent_and_held(&plane).await, (2_700_000, 0));
    plane.assert_ledger().await;
}

/// Makes a key of a new account without money; `policy` is what it may do.
async fn stranger(plane: &Plane, policy: Policy) -> (String, String) {
    let account = plane.control.account_create("poor").await.unwrap();
    let new = NewKey {
        id: Some(AccessKeyId::new("STRANGER")),
        secret: Some(SecretString::from("a-secret")),
        session_token: None,
        policy,
    };
    plane
        .control
        .access_key_create(&account.id, new)
        .await
        .unwrap();
    ("STRANGER".into(), "a-secret".into())
}

async fn send_as(
    plane: &Plane,
    (id, secret): &(String, String),
    method: Method,
    path: &str,
    body: &str,
) -> brokerage_testkit::Answer {
    let target = format!("/v1/regions/cn-north-1{path}");
    let request = Plane::request(
        method,
        &target,
        &[("content-type", "application/json")],
        body,
    );
    plane
        .send(&plane.signed_by(id, secret, request, &JDCLOUD3, "cn-north-1", "kafka"))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_money_buys_nothing_and_sees_no_other() {
    let plane = Plane::sandbox().await;
    let others = running(&plane, &example()).await;
    let key = stranger(&plane, Policy::allow_all()).await;
    let answer = send_as(
        &plane,
        &key,
        Method::POST,
        "/instances",
        &example().to_string(),
    )
    .await;
    check_refused(&answer, 402, "INSUFFICIENT_BALANCE", "2.7");
    let one = format!("/instances/{others}");
    check_refused(
        &send_as(&plane, &key, Method::GET, &one, "").await,
        404,
        "NOT_FOUND",
        &others,
    );
    check_refused(
        &send_as(&plane, &key, Method::DELETE, &one, "").await,
        404,
        "NOT_FOUND",
        &others,
    );
    let grow = json!({ "instanceClassSpec": [{ "role": "broker", "nodeCount": 4 }] }).to_string();
    let change = send_as(
        &plane,
        &key,
        Method::POST,
        &format!("{one}:modifyInstanceSpec"),
        &grow,
    )
    .await;
    check_refused(&change, 404, "NOT_FOUND", &others);
    let listed = send_as(&plane, &key, Method::GET, "/instances", "").await;
    assert_eq!(listed.json["result"]["totalCount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_do_what_its_policy_says() {
    let plane = Plane::sandbox().await;
    let allow = |action: &str, resource: &str| Statement {
        effect: Effect::Allow,
        not_actions: Vec::new(),
        actions: vec![action.into()],
        resources: vec![resource.into()],
        conditions: Default::default(),
    };
    let policy = Policy {
        statements: vec![allow(
            "kafka:describe*",
            "jrn:kafka:cn-north-1:*:instances/*",
        )],
    };
    let key = stranger(&plane, policy).await;
    assert_eq!(
        send_as(&plane, &key, Method::GET, "/instances", "")
            .await
            .status,
        200
    );
    for (method, path, body) in [
        (Method::POST, "/instances", example().to_string()),
        (Method::DELETE, "/instances/i", String::new()),
        (
            Method::POST,
            "/instances/i:modifyInstanceSpec",
            json!({ "instanceClassSpec": [] }).to_string(),
        ),
        (Method::GET, "/subnets/", String::new()),
    ] {
        let answer = send_as(&plane, &key, method, path, &body).await;
        check_refused(&answer, 403, "PERMISSION_DENIED", "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_a_second_than_are_taken_are_refused() {
    let settings = Settings {
        sandbox: true,
        rate_limits: true,
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    for _ in 0..20 {
        assert_eq!(get(&plane, "/instances").await.status, 200);
    }
    check_refused(
        &get(&plane, "/instances").await,
        429,
        "RESOURCE_EXHAUSTED",
        "20 a second",
    );
}
