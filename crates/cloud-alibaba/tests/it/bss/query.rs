//! Listings of instances, and the balance.

use brokerage_domain::money::{Currency, Money};
use brokerage_testkit::Plane;
use serde_json::json;

use super::{POST, PRE, SMALL, buy, call, code, data, with};

#[tokio::test(flavor = "multi_thread")]
async fn terraforms_first_call_finds_an_empty_plain_list() {
    let plane = Plane::sandbox().await;
    buy(&plane, POST, SMALL).await;
    let probe = [
        ("PageNum", "1"),
        ("PageSize", "50"),
        ("ProductCode", "vipcloudfw"),
        ("ProductType", "vipcloudfw"),
        ("SubscriptionType", "Subscription"),
    ];
    let found = data(&plane, "QueryAvailableInstances", &probe).await;
    assert_eq!(
        found,
        json!({ "PageNum": 1, "PageSize": 50, "TotalCount": 0, "InstanceList": [] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_take_what_they_name_and_pages_follow_each_other() {
    let plane = Plane::sandbox().await;
    let beijing = with(SMALL, &[("RegionId", "cn-beijing")]);
    let post = buy(&plane, POST, SMALL).await.json["Data"]["InstanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    buy(&plane, POST, &beijing).await;
    buy(&plane, PRE, SMALL).await;
    let renewing = with(
        PRE,
        &[("RenewalStatus", "AutoRenewal"), ("RenewPeriod", "1")],
    );
    buy(&plane, &renewing, &beijing).await;
    let both = format!("{post}, alikafka_post-cn-nothing0000");
    let many = vec!["x"; 101].join(",");
    let count = async |filters: &[(&str, &str)]| {
        data(&plane, "QueryAvailableInstances", filters).await["TotalCount"].clone()
    };
    for (filters, expected) in [
        (&[][..], 4),
        (&[("ProductCode", "alikafka")], 4),
        (&[("ProductCode", "ecs")], 0),
        (&[("ProductType", "alikafka_pre")], 2),
        (&[("SubscriptionType", "PayAsYouGo")], 2),
        (
            &[
                ("SubscriptionType", "PayAsYouGo"),
                ("ProductType", "alikafka_pre"),
            ],
            0,
        ),
        (&[("Region", "cn-beijing")], 2),
        (
            &[("Region", "cn-beijing"), ("ProductType", "alikafka_pre")],
            1,
        ),
        // Clients add this to every call; it limits nothing.
        (&[("RegionId", "cn-beijing")], 4),
        (&[("RenewStatus", "AutoRenewal")], 1),
        (&[("RenewStatus", "ManualRenewal")], 1),
        (&[("RenewStatus", "NotRenewal")], 0),
        (&[("InstanceIDs", &both)], 1),
        (
            &[
                ("CreateTimeStart", "2026-11-23T04:00:00Z"),
                ("CreateTimeEnd", "2026-11-23T04:00:00Z"),
            ],
            4,
        ),
        (&[("CreateTimeStart", "2026-11-23T04:00:01Z")], 0),
        (&[("CreateTimeEnd", "2026-11-23T03:59:59Z")], 0),
        // Subscriptions have an end before they are started.
        (&[("EndTimeStart", "2026-01-01T00:00:00Z")], 2),
    ] {
        assert_eq!(count(filters).await, expected, "{filters:?}");
    }
    for (filters, expected) in [
        (&[("PageSize", "301")][..], "InvalidPageSize"),
        (&[("PageNum", "0")], "InvalidPageNum"),
        (&[("RenewStatus", "Maybe")], "InvalidRenewStatus"),
        (&[("SubscriptionType", "Gift")], "InvalidSubscriptionType"),
        (
            &[("CreateTimeStart", "yesterday")],
            "InvalidCreateTimeStart",
        ),
        (
            &[
                ("CreateTimeStart", "2026-11-23T04:00:00Z"),
                ("CreateTimeEnd", "2026-11-22T04:00:00Z"),
            ],
            "InvalidCreateTimeEnd",
        ),
        (&[("InstanceIDs", &many)], "InvalidInstanceIDs"),
        (&[("OwnerId", "7")], "InvalidOwner"),
    ] {
        let answer = call(&plane, "QueryAvailableInstances", filters).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{filters:?}: {}",
            answer.body
        );
    }
    let owner = plane
        .context("alikafka", "")
        .await
        .principal
        .account_number
        .to_string();
    assert_eq!(count(&[("OwnerId", &owner)]).await, 4);
    let mut seen = Vec::new();
    for number in ["1", "2", "3"] {
        let page = data(
            &plane,
            "QueryAvailableInstances",
            &[("PageSize", "2"), ("PageNum", number)],
        )
        .await;
        assert_eq!(page["TotalCount"], 4);
        seen.extend(
            page["InstanceList"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["InstanceID"].clone()),
        );
    }
    assert_eq!(seen.len(), 4);
    seen.dedup();
    assert_eq!(seen.len(), 4, "no instance is on two pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balance_is_text_with_two_decimals() {
    let plane = Plane::sandbox().await;
    let fresh = data(&plane, "QueryAccountBalance", &[]).await;
    assert_eq!(
        fresh,
        json!({
            "AvailableCashAmount": "100000000.00", "MybankCreditAmount": "0.00", "Currency": "CNY",
            "AvailableAmount": "100000000.00", "CreditAmount": "0.00",
        })
    );
    buy(&plane, POST, SMALL).await;
    buy(&plane, PRE, SMALL).await;
    let after = data(&plane, "QueryAccountBalance", &[]).await;
    assert_eq!(
        after["AvailableAmount"], "99977094.78",
        "22902 are paid and 3.22 reserved"
    );
    let account = plane.context("alikafka", "").await.principal.account_id;
    plane
        .control
        .account_top_up(&account, Money::from_micros(9_999), Currency::Cny, "test")
        .await
        .unwrap();
    let after = data(&plane, "QueryAccountBalance", &[]).await;
    assert_eq!(
        after["AvailableAmount"], "99977094.78",
        "less than a fen is not shown"
    );
}
