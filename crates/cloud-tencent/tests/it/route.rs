//! Routes: how clients reach an instance, in the VPC and from the public network.

use std::collections::BTreeSet;

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_engine::Engine;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{bought, changed, check_refused, detail, flow_done, result, running, with};
use crate::effect::spec;

/// `[VipType, AccessType]` of each route that is told.
async fn routes(plane: &Plane, id: &str, main: bool) -> Vec<Value> {
    let request = json!({ "InstanceId": id, "MainRouteFlag": main });
    let told = result(plane, "DescribeRoute", request).await;
    let routes = told["Routers"].as_array().unwrap().iter();
    routes.cloned().collect()
}

fn types(routes: &[Value]) -> Vec<Value> {
    let types = |route: &Value| json!([route["VipType"], route["AccessType"]]);
    routes.iter().map(types).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_route_is_there_while_public_bandwidth_is_bought() {
    let plane = Plane::sandbox().await;
    let id = bought(&plane, &with(json!({ "PublicNetworkMonthly": 3 }))).await;
    let private = bought(&plane, &with(json!({}))).await;
    let public = json!([1, 3]);
    let main = json!([3, 0]);
    // What is free is part of it.
    for (mbit, is_bought) in [(6, true), (3, false), (9, true)] {
        if mbit != 6 {
            let request = json!({ "InstanceId": id, "PublicNetwork": mbit });
            result(&plane, "ModifyInstanceAttributes", request).await;
        }
        plane.wait_for("ckafka", &id, Phase::Running).await;
        let expected = if is_bought {
            vec![public.clone()]
        } else {
            vec![]
        };
        let told = routes(&plane, &id, false).await;
        assert_eq!(types(&told), expected, "{mbit}");
        let seen = plane.engine.observe_cluster(&InstanceId::new(&*id)).await;
        let spec = seen.unwrap().unwrap().spec.unwrap();
        let there = spec.listeners.iter().any(|listener| listener.is_public);
        assert_eq!(there, is_bought, "{mbit}");
        let bits = spec.limits.public_bits_per_second_max;
        assert_eq!(bits, mbit * 1_000_000);
        let shown = detail(&plane, &id).await;
        assert_eq!(shown["PublicNetwork"], mbit);
        // The instance's own addresses are those of the VPC.
        let all = routes(&plane, &id, true).await;
        assert_eq!(all[0]["VipList"], shown["VipList"]);
        if is_bought {
            assert_eq!(types(&all), [main.clone(), public.clone()]);
            assert_ne!(all[1]["VipList"], shown["VipList"]);
            assert_eq!(all[1]["Domain"], all[1]["VipList"][0]["Vip"]);
            assert!(all[1]["VpcId"].is_null(), "{}", all[1]);
            let request = json!({ "InstanceId": id, "RouteId": all[1]["RouteId"] });
            let one = result(&plane, "DescribeRoute", request).await;
            assert_eq!(one["Routers"], json!([all[1]]));
        }
    }
    plane.wait_for("ckafka", &private, Phase::Running).await;
    assert_eq!(routes(&plane, &private, false).await, Vec::<Value>::new());
    let told = routes(&plane, &private, true).await;
    assert_eq!(types(&told), [main]);
    let unknown = json!({ "InstanceId": "ckafka-00000001" });
    let refusal = "InvalidParameterValue.InstanceNotExist";
    check_refused(&plane, "DescribeRoute", vec![(unknown, refusal)]).await;
    plane.assert_ledger().await;
}

/// A route as DescribeRoute tells it alone; null where it is not there.
async fn route(plane: &Plane, id: &str, route_id: i64) -> Value {
    let request = json!({ "InstanceId": id, "RouteId": route_id });
    let told = result(plane, "DescribeRoute", request).await;
    told["Routers"][0].clone()
}

/// Makes a route and waits until its task is done.
async fn made(plane: &Plane, id: &str, changes: Value) -> i64 {
    let request = changed(json!({ "InstanceId": id }), &changes);
    let answer = result(plane, "CreateRoute", request).await;
    flow_done(plane, &json!({ "FlowId": answer["Data"]["FlowId"] })).await;
    answer["Data"]["RouteDTO"]["RouteId"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_listeners_that_open_and_close() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let before = spec(&plane, &id).await.listeners;
    let vpc = json!({
        "VipType": 3, "VpcId": "vpc-hyuojwa7", "SubnetId": "subnet-96ufvn1s", "AccessType": 0, "PublicNetwork": 3,
        "Ip": "10.0.0.55",
    });
    let first = made(&plane, &id, vpc).await;
    let told = route(&plane, &id, first).await;
    for (key, value) in [
        ("VipType", json!(3)),
        ("AccessType", json!(0)),
        ("VpcId", json!("vpc-hyuojwa7")),
        ("Subnet", json!("subnet-96ufvn1s")),
        ("Status", json!(2)),
    ] {
        assert_eq!(told[key], value, "{key}");
    }
    assert_eq!(told["VipList"][0]["Vip"], "10.0.0.55");
    let public = made(&plane, &id, json!({ "VipType": 1, "PublicNetwork": 3 })).await;
    let told = route(&plane, &id, public).await;
    assert_eq!(types(&[told]), [json!([1, 3])]);
    // The cluster has them, beside what it had.
    let seen = spec(&plane, &id).await;
    assert_eq!(seen.listeners.len(), 3 * 3);
    assert!(
        before
            .iter()
            .all(|listener| seen.listeners.contains(listener))
    );
    let names: BTreeSet<String> = seen
        .listeners
        .iter()
        .map(|one| one.kind().to_string())
        .collect();
    let expected = ["PLAINTEXT", "ROUTE_1_PLAINTEXT", "ROUTE_2_PUBLIC_SASL_SSL"];
    assert!(names.iter().eq(expected.iter()), "{names:?}");
    assert_eq!(seen.limits.public_bits_per_second_max, 3_000_000);
    let ports: BTreeSet<u16> = seen.listeners.iter().map(|one| one.port).collect();
    assert_eq!(ports.len(), 9);
    // They outlive another size, also one with public bandwidth.
    let larger = json!({ "InstanceId": id, "PublicNetwork": 6 });
    result(&plane, "ModifyInstanceAttributes", larger).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    assert_eq!(types(&routes(&plane, &id, true).await).len(), 4);
    let delete = json!({ "InstanceId": id, "RouteId": first });
    let deleted = result(&plane, "DeleteRoute", delete).await;
    flow_done(&plane, &json!({ "FlowId": deleted["Data"]["FlowId"] })).await;
    assert_eq!(route(&plane, &id, first).await, Value::Null);
    let seen = spec(&plane, &id).await;
    assert!(seen.listeners.iter().all(|one| one.route != 1));
    // Its number is not used again.
    let third = made(&plane, &id, json!({ "VipType": 1 })).await;
    assert!(third > public && third != first);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_lets_in_whom_its_policy_allows() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let list = json!([{ "CidrBlock": "10.0.0.0/8", "PolicyDescription": "a" }, { "CidrBlock": "1.2.3.4" }]);
    let made = made(&plane, &id, json!({ "VipType": 1, "IpWhitelist": list })).await;
    for (route_id, number) in [(made, 1_u16), (30, 0)] {
        for (texts, expected) in [
            (
                vec!["10.0.0.0/8", "1.2.3.4"],
                Some(vec!["10.0.0.0/8", "1.2.3.4"]),
            ),
            (vec!["127.0.0.1/32"], Some(vec!["127.0.0.1/32"])),
            (vec![], None),
        ] {
            let list: Vec<Value> = texts
                .iter()
                .map(|text| json!({ "CidrBlock": text }))
                .collect();
            let policy = json!({ "InstanceId": id, "RouteId": route_id, "IpWhitelist": list });
            result(&plane, "ModifyAccessPolicy", policy).await;
            let of = json!({ "InstanceId": id, "RouteId": route_id });
            let told = result(&plane, "DescribeAccessPolicy", of).await;
            assert_eq!(told["TotalCount"], texts.len());
            flow_done(&plane, &json!({ "FlowId": flow_of(&id) })).await;
            for listener in spec(&plane, &id).await.listeners {
                let found: Option<Vec<String>> = listener
                    .allowed
                    .map(|list| list.iter().map(|one| one.text().to_owned()).collect());
                let expected = expected.as_ref().filter(|_| listener.route == number);
                let other = listener.route == 1 && number == 0;
                if !other {
                    let expected =
                        expected.map(|list| list.iter().map(|text| (*text).to_owned()).collect());
                    assert_eq!(found, expected, "{route_id} {texts:?}");
                }
            }
        }
    }
}

/// The task of an instance, which every call that changes it names.
fn flow_of(id: &str) -> i64 {
    let digits = id.strip_prefix("ckafka-").unwrap();
    i64::from_str_radix(digits, 36).unwrap() + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_that_cannot_be_are_refused_and_none_is_left() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let value = "InvalidParameterValue";
    let cases = [
        (json!({ "VipType": 7 }), value),
        (json!({ "VipType": 0 }), value),
        (json!({}), "MissingParameter"),
        (json!({ "VipType": 1, "AccessType": 0 }), value),
        (json!({ "VipType": 1, "AccessType": 4 }), value),
        (json!({ "VipType": 1, "PublicNetwork": 4 }), value),
        (json!({ "VipType": 1, "PublicNetwork": -3 }), value),
        (json!({ "VipType": 1, "PublicNetwork": 300 }), value),
        (json!({ "VipType": 1, "Ip": "x" }), value),
        (json!({ "VipType": 1, "Note": "n".repeat(257) }), value),
        (
            json!({ "VipType": 1, "SecurityGroupIds": ["sg-1"] }),
            "UnsupportedOperation",
        ),
        (
            json!({ "VipType": 1, "IpWhitelist": [{ "CidrBlock": "" }] }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            json!({ "VipType": 3, "SubnetId": "subnet-1" }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            json!({ "VipType": 3, "VpcId": "vpc-other", "SubnetId": "subnet-mnzcxxxx" }),
            "InvalidParameterValue.SubnetIdInvalid",
        ),
        (
            json!({ "VipType": 3, "AccessType": 2, "VpcId": "v", "SubnetId": "s" }),
            value,
        ),
        (
            json!({ "VipType": 1, "InstanceId": "ckafka-00000001" }),
            "InvalidParameterValue.InstanceNotExist",
        ),
    ];
    let cases = cases.map(|(changes, code)| (changed(json!({ "InstanceId": id }), &changes), code));
    check_refused(&plane, "CreateRoute", cases.into()).await;
    let many: Vec<Value> = (0..101)
        .map(|n| json!({ "CidrBlock": format!("10.0.0.{n}") }))
        .collect();
    let many = json!({ "InstanceId": id, "VipType": 1, "IpWhitelist": many });
    check_refused(&plane, "CreateRoute", vec![(many, "LimitExceeded")]).await;
    assert_eq!(routes(&plane, &id, false).await, Vec::<Value>::new());
    for _ in 0..10 {
        made(&plane, &id, json!({ "VipType": 1 })).await;
    }
    let one = json!({ "InstanceId": id, "VipType": 1 });
    check_refused(
        &plane,
        "CreateRoute",
        vec![(one, "LimitExceeded.RouteOverLimit")],
    )
    .await;
    assert_eq!(routes(&plane, &id, false).await.len(), 10);
    // All of them go with the instance, and their ports are free.
    result(&plane, "DeleteInstancePost", json!({ "InstanceId": id })).await;
    plane.wait_for("ckafka", &id, Phase::Gone).await;
    plane.assert_ledger().await;
}
