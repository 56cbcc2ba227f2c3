//! Routes: how clients reach an instance, in the VPC and from the public network.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_engine::Engine;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{bought, check_refused, detail, result, with};

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
