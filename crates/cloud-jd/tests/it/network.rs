//! The calls of the VPC service.

use brokerage_domain::id::{NetworkId, SubnetId};
use brokerage_domain::network::{Network, Subnet};
use brokerage_testkit::{Answer, Plane};
use http::Method;
use serde_json::json;

use crate::check_refused;

/// A network with a subnet in each of two zones, and one without any.
pub async fn plane_with_networks() -> Plane {
    let plane = Plane::sandbox().await;
    let cx = plane.context("jdkafka", "cn-north-1").await;
    let created_at = plane.control.now();
    for (id, region) in [
        ("vpc-1", "cn-north-1"),
        ("vpc-2", "cn-north-1"),
        ("vpc-9", "cn-east-2"),
    ] {
        let network = Network {
            id: NetworkId::new(id),
            profile: "jdkafka".into(),
            region: region.into(),
            name: format!("net {id}"),
            cidr: "10.0.0.0/16".into(),
            created_at,
        };
        plane
            .control
            .network_create(cx.account(), network)
            .await
            .unwrap();
    }
    for (id, zone, cidr) in [
        ("subnet-1", "cn-north-1a", "10.0.0.0/24"),
        ("subnet-2", "cn-north-1b", "10.0.1.0/28"),
    ] {
        let subnet = Subnet {
            id: SubnetId::new(id),
            network_id: NetworkId::new("vpc-1"),
            profile: "jdkafka".into(),
            region: "cn-north-1".into(),
            zone: zone.into(),
            name: format!("sub {id}"),
            cidr: cidr.into(),
            created_at,
        };
        plane
            .control
            .subnet_create(cx.account(), subnet)
            .await
            .unwrap();
    }
    plane
}

pub async fn ask(plane: &Plane, path: &str) -> Answer {
    plane.jd("vpc", Method::GET, path, "").await
}

fn ids(answer: &Answer, list: &str, key: &str) -> Vec<String> {
    let items = answer.json["result"][list]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.body));
    items
        .iter()
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_is_shown_with_what_a_buyer_needs() {
    let plane = plane_with_networks().await;
    let subnet = json!({
        "subnetId": "subnet-2",
        "subnetName": "sub subnet-2",
        "vpcId": "vpc-1",
        "addressPrefix": "10.0.1.0/28",
        "availableIpCount": 13,
        "availableCidrIpCount": 13,
        "ipMaskLen": 28,
        "description": "",
        "startIp": "10.0.1.0",
        "endIp": "10.0.1.15",
        "createdTime": "2026-11-23T04:00:00Z",
        "subnetType": "standard",
        "az": "cn-north-1b",
        "publicSubnet": false,
        "tags": [],
    });
    let one = ask(&plane, "/subnets/subnet-2").await;
    assert_eq!(one.json["result"], json!({ "subnet": subnet }));
    let listed = ask(
        &plane,
        "/subnets/?filters.1.name=subnetIds&filters.1.values.1=subnet-2",
    )
    .await;
    assert_eq!(
        listed.json["result"],
        json!({ "subnets": [subnet], "totalCount": 1 })
    );
    check_refused(
        &ask(&plane, "/subnets/subnet-9").await,
        404,
        "NOT_FOUND",
        "subnet-9",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_are_listed_with_their_subnets() {
    let plane = plane_with_networks().await;
    let all = ask(&plane, "/vpcs/").await;
    assert_eq!(
        (
            ids(&all, "vpcs", "vpcId"),
            &all.json["result"]["totalCount"]
        ),
        (vec!["vpc-1".into(), "vpc-2".into()], &json!(2))
    );
    let first = &all.json["result"]["vpcs"][0];
    assert_eq!(
        (&first["vpcName"], &first["addressPrefix"]),
        (&json!("net vpc-1"), &json!("10.0.0.0/16"))
    );
    assert_eq!(first["subnets"].as_array().map(Vec::len), Some(2));
    assert_eq!(all.json["result"]["vpcs"][1]["subnets"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_paged() {
    let plane = plane_with_networks().await;
    let filter =
        |name: &str, value: &str| format!("filters.1.name={name}&filters.1.values.1={value}");
    for (query, expected) in [
        (filter("vpcIds", "vpc-2"), &["vpc-2"][..]),
        (filter("vpcNames", "net%20vpc-1"), &["vpc-1"]),
        (filter("azs", "cn-north-1b"), &["vpc-1"]),
        (filter("azType", "edge"), &[]),
        ("pageNumber=2&pageSize=1".into(), &["vpc-2"]),
        ("tags.1.key=env&tags.1.values.1=dev".into(), &[]),
        ("resourceGroupIds.1=rg".into(), &[]),
    ] {
        assert_eq!(
            ids(
                &ask(&plane, &format!("/vpcs?{query}")).await,
                "vpcs",
                "vpcId"
            ),
            expected,
            "{query}"
        );
    }
    for (query, expected) in [
        (filter("vpcId", "vpc-1"), &["subnet-1", "subnet-2"][..]),
        (filter("vpcId", "vpc-2"), &[]),
        (filter("subnetNames", "sub+subnet-1"), &["subnet-1"]),
        (filter("azs", "cn-north-1b"), &["subnet-2"]),
        (filter("subnetType", "standard"), &["subnet-1", "subnet-2"]),
        (filter("aclId", "acl-1"), &[]),
        (filter("routeTableId", "rtb-1"), &[]),
        ("pageSize=1".into(), &["subnet-1"]),
        ("tags.1.key=env&tags.1.values.1=dev".into(), &[]),
    ] {
        assert_eq!(
            ids(
                &ask(&plane, &format!("/subnets/?{query}")).await,
                "subnets",
                "subnetId"
            ),
            expected,
            "{query}"
        );
    }
    for path in ["/vpcs", "/subnets"] {
        let answer = ask(&plane, &format!("{path}?{}", filter("colour", "red"))).await;
        check_refused(&answer, 400, "INVALID_ARGUMENT", "filters.1.name");
    }
}
