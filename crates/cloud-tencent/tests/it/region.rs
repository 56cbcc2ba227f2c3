//! Regions and zones, from the catalog.

use brokerage_cloud_tencent::signing::TC3;
use brokerage_domain::catalog::Catalogs;
use brokerage_testkit::{Answer, Plane};
use http::Method;
use serde_json::{Value, json};

use crate::calls::{REGION, VERSION, code, result};

async fn call_in(plane: &Plane, region: Option<&str>, action: &str) -> Answer {
    let mut headers = vec![
        ("content-type", "application/json"),
        ("x-tc-action", action),
        ("x-tc-version", VERSION),
    ];
    headers.extend(region.map(|region| ("x-tc-region", region)));
    let request = Plane::request(Method::POST, "/", &headers, "{}");
    plane.send(&plane.signed(request, &TC3, "", "ckafka")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_zone_that_is_listed_is_sold() {
    let plane = Plane::sandbox().await;
    let zones = result(&plane, "DescribeCkafkaZone", json!({})).await;
    let ids: Vec<&str> = zones["ZoneList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| zone["ZoneId"].as_str().unwrap())
        .collect();
    let catalogs = Catalogs::embedded();
    let expected: Vec<String> = catalogs
        .get("ckafka")
        .unwrap()
        .zones(REGION)
        .map(|zone| zone.id.clone())
        .collect();
    assert_eq!(ids, expected);
    for id in ids {
        let zone: i64 = id.parse().unwrap();
        let request =
            crate::calls::with(json!({ "ZoneId": zone, "SubnetId": format!("subnet-{id}") }));
        crate::calls::bought(&plane, &request).await;
    }
    assert_eq!(
        (&zones["MaxBuyInstanceNum"], &zones["MaxBandwidth"]),
        (&json!(50), &json!(20_000))
    );
    let one = &zones["ZoneList"][0];
    assert!(
        one["SoldOut"].is_string() && one["Flag"].is_boolean(),
        "{one}"
    );
    for text in ["Standard", "Profession", "PublicNetwork"] {
        let parsed: Value = serde_json::from_str(zones[text].as_str().unwrap()).unwrap();
        assert!(
            parsed.is_array() || parsed.is_object(),
            "{text} is a text of JSON"
        );
    }
    // The price of what a buyer gets who says nothing, by the hour, each list price x 1.2 / 720 rounded up:
    // 1990 gives 3.316667, and 35 for 100 GB of disk gives 0.058334, five times.
    assert_eq!(
        zones["UnitPrice"],
        json!({ "RealTotalCost": 3.608337, "TotalCost": 3.608337 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_needed_and_has_to_be_known() {
    let plane = Plane::sandbox().await;
    for (region, expected) in [
        (None, "MissingParameter"),
        (Some("mars-north"), "UnsupportedRegion"),
        (Some("eu-frankfurt"), ""),
    ] {
        let answer = call_in(&plane, region, "DescribeCkafkaZone").await;
        assert_eq!(code(&answer), expected, "{region:?}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_region_of_the_catalog_is_listed() {
    let plane = Plane::sandbox().await;
    let answer = call_in(&plane, None, "DescribeRegion").await;
    let regions = answer.json["Response"]["Result"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(
        regions.len(),
        Catalogs::embedded().get("ckafka").unwrap().regions().len()
    );
    assert_eq!(
        (&regions[0]["RegionId"], &regions[0]["RegionCodeV3"]),
        (&json!(1), &json!("ap-guangzhou"))
    );
    let page = result(&plane, "DescribeRegion", json!({ "Offset": 1, "Limit": 2 })).await;
    assert_eq!(page, json!(regions[1..3]));
}
