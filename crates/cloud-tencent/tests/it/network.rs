//! The network service, as buyers use it.

use brokerage_testkit::{Answer, Plane};
use serde_json::{Value, json};

use crate::calls::{bought, code, with};

const VERSION: &str = "2017-03-12";

async fn call(plane: &Plane, action: &str, request: &Value) -> Answer {
    plane.tencent(action, VERSION, &request.to_string()).await
}

async fn ids(plane: &Plane, action: &str, request: &Value) -> Vec<String> {
    let answer = call(plane, action, request).await;
    assert_eq!(code(&answer), "", "{request}: {}", answer.body);
    let (set, id) = if action == "DescribeVpcs" {
        ("VpcSet", "VpcId")
    } else {
        ("SubnetSet", "SubnetId")
    };
    let list = answer.json["Response"][set].as_array().unwrap();
    let mut ids: Vec<String> = list
        .iter()
        .map(|entry| entry[id].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_and_subnets_are_found_without_a_wrapper() {
    let plane = Plane::sandbox().await;
    bought(
        &plane,
        &with(json!({ "VpcId": "vpc-a", "SubnetId": "subnet-a", "ZoneId": 100003 })),
    )
    .await;
    let answer = call(
        &plane,
        "DescribeVpcs",
        &json!({ "Offset": "0", "Limit": "100" }),
    )
    .await;
    let response = &answer.json["Response"];
    assert_eq!(response["TotalCount"], 1);
    let vpc = &response["VpcSet"][0];
    for (key, expected) in [
        ("VpcId", json!("vpc-a")),
        ("IsDefault", json!(false)),
        ("EnableMulticast", json!(false)),
        ("CreatedTime", json!("2026-11-23 12:00:00")),
    ] {
        assert_eq!(vpc[key], expected, "{key}");
    }
    let answer = call(
        &plane,
        "DescribeSubnets",
        &json!({ "Offset": 0, "Limit": 100 }),
    )
    .await;
    let subnet = &answer.json["Response"]["SubnetSet"][0];
    for (key, expected) in [
        ("SubnetId", json!("subnet-a")),
        ("VpcId", json!("vpc-a")),
        ("Zone", json!("ap-guangzhou-3")),
        ("CdcId", json!("")),
        ("EnableBroadcast", json!(false)),
        ("RouteTableId", json!("rtb-a")),
        ("AvailableIpAddressCount", json!(253)),
    ] {
        assert_eq!(subnet[key], expected, "{key}");
    }
    let null = |tree: &Value| tree.as_object().unwrap().values().any(Value::is_null);
    assert!(!null(vpc) && !null(subnet));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_narrows_the_list() {
    let plane = Plane::sandbox().await;
    for (vpc, subnet, zone) in [
        ("vpc-a", "subnet-a", 100003),
        ("vpc-a", "subnet-b", 100004),
        ("vpc-b", "subnet-c", 450001),
    ] {
        bought(
            &plane,
            &with(json!({ "VpcId": vpc, "SubnetId": subnet, "ZoneId": zone })),
        )
        .await;
    }
    let filter =
        |name: &str, value: &str| json!({ "Filters": [{ "Name": name, "Values": [value] }] });
    for (action, request, expected) in [
        ("DescribeVpcs", json!({}), vec!["vpc-a", "vpc-b"]),
        (
            "DescribeVpcs",
            json!({ "VpcIds": ["vpc-b"] }),
            vec!["vpc-b"],
        ),
        ("DescribeVpcs", filter("vpc-id", "vpc-a"), vec!["vpc-a"]),
        ("DescribeVpcs", filter("vpc-name", "vpc-b"), vec!["vpc-b"]),
        ("DescribeVpcs", filter("is-default", "true"), vec![]),
        (
            "DescribeVpcs",
            filter("is-default", "false"),
            vec!["vpc-a", "vpc-b"],
        ),
        ("DescribeVpcs", filter("tag:team", "a"), vec![]),
        (
            "DescribeVpcs",
            json!({ "Offset": "1", "Limit": "1" }),
            vec!["vpc-b"],
        ),
        (
            "DescribeSubnets",
            json!({}),
            vec!["subnet-a", "subnet-b", "subnet-c"],
        ),
        (
            "DescribeSubnets",
            json!({ "SubnetIds": ["subnet-c"] }),
            vec!["subnet-c"],
        ),
        (
            "DescribeSubnets",
            filter("vpc-id", "vpc-a"),
            vec!["subnet-a", "subnet-b"],
        ),
        (
            "DescribeSubnets",
            filter("zone", "ap-guangzhou-4"),
            vec!["subnet-b"],
        ),
        (
            "DescribeSubnets",
            filter("zone", "450001"),
            vec!["subnet-c"],
        ),
        (
            "DescribeSubnets",
            filter("subnet-name", "subnet-a"),
            vec!["subnet-a"],
        ),
    ] {
        assert_eq!(
            ids(&plane, action, &request).await,
            expected,
            "{action} {request}"
        );
    }
    for (action, request, expected) in [
        (
            "DescribeVpcs",
            filter("colour", "red"),
            "InvalidParameterValue",
        ),
        (
            "DescribeSubnets",
            crate::calls::changed(filter("vpc-id", "a"), &json!({ "SubnetIds": ["s"] })),
            "InvalidParameter.Coexist",
        ),
        (
            "DescribeSubnets",
            json!({ "Limit": "many" }),
            "InvalidParameter",
        ),
        ("DescribeSecurityGroups", json!({}), "InvalidAction"),
    ] {
        let answer = call(&plane, action, &request).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (200, expected),
            "{action} {request}: {}",
            answer.body
        );
    }
}
