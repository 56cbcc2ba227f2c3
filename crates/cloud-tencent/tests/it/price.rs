//! Prices: an inquiry is what the order costs, to the last millionth.

use brokerage_domain::money::{Currency, Money};
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{REGION, bought, changed, check_refused, result, with};

fn inquiry(changes: Value) -> Value {
    let purchase = json!({
        "InstanceType": "profession", "InstanceChargeParam": { "InstanceChargeType": "POSTPAID_BY_HOUR" },
        "InstanceNum": 1, "Bandwidth": 40, "InquiryDiskParam": { "DiskType": "CLOUD_BASIC", "DiskSize": 500 },
        "MessageRetention": 24, "Topic": 800, "Partition": 800, "ZoneIds": [100003],
    });
    changed(purchase, &changes)
}

fn money(number: &Value) -> Money {
    let text = number.to_string();
    text.strip_suffix(".0")
        .unwrap_or(&text)
        .parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn available(plane: &Plane, currency: Currency) -> Money {
    let account = plane.context("ckafka", REGION).await.principal.account_id;
    plane
        .control
        .account_balance(&account, currency)
        .await
        .unwrap()
        .available()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_cases_of_the_price_list_are_answered() {
    let plane = Plane::sandbox().await;
    let month = |changes: Value| changed(inquiry(json!({ "InstanceChargeParam": null })), &changes);
    for (request, expected) in [
        // 40 MB/s, 800 partitions, 500 GB: 1990 + 175.
        (month(json!({})), 2165.0),
        // 180 MB/s: 3377 + 3 x 292, with 100 GB: 35.
        (
            month(json!({ "Bandwidth": 180, "InquiryDiskParam": { "DiskSize": 100 } })),
            4288.0,
        ),
        // 100 partitions more than come with it.
        (month(json!({ "Partition": 900 })), 2365.0),
        (
            month(json!({ "InquiryDiskParam": { "DiskType": "CLOUD_SSD", "DiskSize": 500 } })),
            2490.0,
        ),
        (month(json!({ "InstanceNum": 3 })), 6495.0),
        (
            month(
                json!({ "InstanceChargeParam": { "InstanceChargeType": "PREPAID", "InstanceChargePeriod": 12 } }),
            ),
            25_980.0,
        ),
        // By the month the China site's standard edition, by its bandwidth.
        (
            json!({ "InstanceType": "standard", "Bandwidth": 100 }),
            524.0,
        ),
    ] {
        let price = &result(&plane, "InquireCkafkaPrice", request.clone()).await["InstancePrice"];
        assert_eq!(
            (&price["DiscountPrice"], &price["TimeUnit"]),
            (&json!(expected), &json!("m")),
            "{request}"
        );
        assert_eq!(
            (&price["OriginalPrice"], &price["Currency"]),
            (&price["DiscountPrice"], &json!("CNY")),
            "{request}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inquiry_equals_what_the_order_takes() {
    let plane = Plane::sandbox().await;
    for (mbps, disk, partitions, disk_type, public, count) in [
        (40, 500, 800, "CLOUD_BASIC", 0, 1),
        (20, 200, 400, "CLOUD_BASIC", 12, 3),
        (60, 300, 1100, "CLOUD_SSD", 3, 2),
        (320, 1000, 1800, "CLOUD_PREMIUM", 30, 1),
    ] {
        let prices = result(&plane, "InquireCkafkaPrice", inquiry(json!({
            "InstanceNum": count, "Bandwidth": mbps, "Partition": partitions,
            "InquiryDiskParam": { "DiskType": disk_type, "DiskSize": disk },
            "PublicNetworkParam": { "PublicNetworkChargeType": "BANDWIDTH_POSTPAID_BY_HOUR", "PublicNetworkMonthly": public },
        })))
        .await;
        let instances = &prices["InstancePrice"];
        let parts = &instances["DetailPrices"];
        let sum = Money::sum(
            [
                "BandwidthPrice",
                "DiskPrice",
                "PartitionPrice",
                "InstanceTypePrice",
            ]
            .map(|part| money(&parts[part]["DiscountPrice"])),
        );
        assert_eq!(
            sum.unwrap(),
            money(&instances["DiscountPrice"]),
            "the parts are the whole"
        );
        assert_eq!(
            (
                &instances["TimeUnit"],
                &instances["TimeSpan"],
                &instances["GoodsNum"]
            ),
            (&json!("h"), &json!(1), &json!(count))
        );
        let public_price = &prices["PublicNetworkBandwidthPrice"];
        let inquired = money(&instances["DiscountPrice"])
            .checked_add(money(&public_price["DiscountPrice"]))
            .unwrap();

        let before = available(&plane, Currency::Cny).await;
        bought(&plane, &with(json!({
            "BandWidth": mbps, "DiskSize": disk, "Partition": partitions, "DiskType": disk_type,
            "PublicNetworkMonthly": public, "InstanceNum": count, "ZoneId": 100003, "SubnetId": "subnet-3",
        })))
        .await;
        let taken = before
            .checked_sub(available(&plane, Currency::Cny).await)
            .unwrap();
        assert_eq!(taken, inquired, "{mbps} MB/s");
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_edition_by_the_hour_is_priced_in_dollars() {
    let plane = Plane::sandbox().await;
    let request = inquiry(
        json!({ "InstanceType": "standard", "InquiryDiskParam": null, "Topic": null, "Partition": null }),
    );
    let prices = result(&plane, "InquireCkafkaPrice", request).await;
    let price = &prices["InstancePrice"];
    assert_eq!(price["Currency"], "USD");
    assert_eq!(
        prices["PublicNetworkBandwidthPrice"],
        Value::Null,
        "not asked for"
    );
    assert_eq!(price["DetailPrices"]["BandwidthPrice"], Value::Null);
    let before = available(&plane, Currency::Usd).await;
    bought(&plane, &with(json!({ "SpecificationsType": "standard", "InstanceType": 1, "DiskSize": null, "DiskType": null, "BandWidth": null, "Partition": null }))).await;
    let taken = before
        .checked_sub(available(&plane, Currency::Usd).await)
        .unwrap();
    assert_eq!(taken, money(&price["DiscountPrice"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_is_priced_by_what_the_instance_is() {
    let plane = Plane::sandbox().await;
    let id = bought(
        &plane,
        &with(json!({ "BandWidth": 40, "Partition": 800, "DiskSize": 500 })),
    )
    .await;
    let renew = json!({
        "InstanceType": "profession", "CategoryAction": "renew", "InstanceId": id,
        "InstanceChargeParam": { "InstanceChargeType": "PREPAID", "InstanceChargePeriod": 2 },
    });
    assert_eq!(
        result(&plane, "InquireCkafkaPrice", renew).await["InstancePrice"]["DiscountPrice"],
        4330.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sold_has_no_price() {
    let plane = Plane::sandbox().await;
    let charge = |name: &str, months: i64| json!({ "InstanceChargeParam": { "InstanceChargeType": name, "InstanceChargePeriod": months } });
    let cases = vec![
        (json!({}), "MissingParameter"),
        (
            json!({ "InstanceType": "" }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            inquiry(json!({ "InstanceType": "dedicated" })),
            "InvalidParameterValue",
        ),
        (inquiry(json!({ "Bandwidth": 50 })), "InvalidParameterValue"),
        (
            inquiry(json!({ "ZoneIds": [1] })),
            "InvalidParameterValue.ZoneNotSupport",
        ),
        (
            inquiry(json!({ "InstanceNum": 0 })),
            "InvalidParameterValue",
        ),
        (
            inquiry(json!({ "InstanceNum": -1 })),
            "InvalidParameterValue",
        ),
        (
            inquiry(json!({ "InstanceNum": 51 })),
            "InvalidParameterValue",
        ),
        (inquiry(charge("FREE", 1)), "InvalidParameterValue"),
        (inquiry(charge("PREPAID", 37)), "InvalidParameterValue"),
        (
            inquiry(json!({ "CategoryAction": "upgrade" })),
            "UnsupportedOperation",
        ),
        (
            inquiry(json!({ "CategoryAction": "renew" })),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            inquiry(json!({ "CategoryAction": "renew", "InstanceId": "ckafka-00000001" })),
            "InvalidParameterValue.InstanceNotExist",
        ),
        (
            inquiry(json!({ "PublicNetworkParam": { "PublicNetworkMonthly": 4 } })),
            "InvalidParameterValue",
        ),
    ];
    check_refused(&plane, "InquireCkafkaPrice", cases).await;
}
