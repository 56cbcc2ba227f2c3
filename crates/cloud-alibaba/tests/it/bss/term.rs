//! Orders about what was bought: renewals, conversions, changes, and money that is given back. Their amounts are what was
//! paid.

use brokerage_domain::clock::Moment;
use brokerage_domain::instance::Phase;
use brokerage_domain::money::{Currency, Money};
use brokerage_testkit::Plane;
use serde_json::Value;

use super::{PRE, SMALL, buy, call, code, data};

/// 2026-11-23T04:00:00Z, when test time begins.
const BEGINNING_S: i64 = 1_795_406_400;
const DAY_S: i64 = 86_400;
/// What the small cluster costs a month.
const MONTH: i64 = 1_908_500_000;

async fn available(plane: &Plane) -> i64 {
    let cx = plane.context("alikafka", "").await;
    let balance = plane
        .control
        .account_balance(cx.account(), Currency::Cny)
        .await;
    balance.unwrap().available().micros()
}

async fn started(plane: &Plane, id: &str) {
    let start = [
        ("RegionId", "cn-hangzhou"),
        ("InstanceId", id),
        ("VpcId", "vpc-1"),
        ("VSwitchId", "vsw-1"),
    ];
    let answer = plane.aliyun("StartInstance", "2019-09-16", &start).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    plane.wait_for("alikafka", id, Phase::Running).await;
}

/// A subscription of twelve months that runs.
async fn subscription(plane: &Plane) -> String {
    let id = buy(plane, PRE, SMALL).await.json["Data"]["InstanceId"].clone();
    let id = id.as_str().unwrap().to_owned();
    started(plane, &id).await;
    id
}

async fn orders(plane: &Plane, order_type: &str) -> Vec<Value> {
    let asked = [
        ("OrderType", order_type),
        ("CreateTimeStart", "2026-11-01T00:00:00Z"),
    ];
    let asked = if order_type.is_empty() {
        &asked[1..]
    } else {
        &asked
    };
    let listed = data(plane, "QueryOrders", asked).await;
    let orders = listed["OrderList"]["Order"].as_array().unwrap().clone();
    assert_eq!(listed["TotalCount"], orders.len());
    orders
}

fn of<'a>(id: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let product = [("InstanceId", id), ("ProductCode", "alikafka")];
    [&product, more].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_amounts_of_all_orders_are_what_was_paid() {
    let plane = Plane::sandbox().await;
    let before = available(&plane).await;
    let id = subscription(&plane).await;
    let paid = async || before - available(&plane).await;
    assert_eq!(paid().await, 12 * MONTH);
    let renewed = data(&plane, "RenewInstance", &of(&id, &[("RenewPeriod", "6")])).await;
    assert_eq!(paid().await, 18 * MONTH);
    let detail = [("OrderId", renewed["OrderId"].as_str().unwrap())];
    let detail = &data(&plane, "GetOrderDetail", &detail).await["OrderList"]["Order"][0];
    let told = [
        "OrderType",
        "UsageStartTime",
        "UsageEndTime",
        "PretaxAmount",
    ]
    .map(|key| &detail[key]);
    assert_eq!(
        told,
        [
            "Renew",
            "2027-11-23T04:00:00Z",
            "2028-05-23T04:00:00Z",
            "11451.00"
        ]
    );
    // A tenth of the eighteen months is over: 547 days.
    plane
        .clock
        .set(Moment::from_seconds(BEGINNING_S + 47 * DAY_S));
    let upgrade = [
        ("SubscriptionType", "Subscription"),
        ("ModifyType", "Upgrade"),
        ("Parameter.1.Code", "disk_size"),
        ("Parameter.1.Value", "600"),
    ];
    data(&plane, "ModifyInstance", &of(&id, &upgrade)).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    let whole_days = 365 + 182;
    let left_days = whole_days - 47;
    let difference = (18 * 100_000_000 * left_days + whole_days - 1) / whole_days;
    assert_eq!(paid().await, 18 * MONTH + difference);
    let asked = of(&id, &[]);
    let quote = data(&plane, "InquiryPriceRefundInstance", &asked).await;
    let back = 18 * (MONTH + 100_000_000) * left_days / whole_days;
    let told: Money = quote["RefundAmount"].to_string().parse().unwrap();
    assert_eq!(told.micros(), back);
    let refunded = data(
        &plane,
        "RefundInstance",
        &of(&id, &[("ImmediatelyRelease", "1")]),
    )
    .await;
    assert!(refunded["OrderId"].is_i64(), "{refunded}");
    assert_eq!(paid().await, 18 * MONTH + difference - back);
    plane.wait_for("alikafka", &id, Phase::Released).await;
    assert_eq!(paid().await, 18 * MONTH + difference - back);
    for (kind, count) in [
        ("New", 1),
        ("Renew", 1),
        ("Upgrade", 1),
        ("Refund", 1),
        ("Convert", 0),
    ] {
        assert_eq!(orders(&plane, kind).await.len(), count, "{kind}");
    }
    let all = orders(&plane, "").await;
    let amount = |order: &Value| -> i64 {
        let text = order["PretaxAmount"].as_str().unwrap();
        text.parse::<Money>().unwrap().micros()
    };
    assert_eq!(all.iter().map(amount).sum::<i64>(), paid().await);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_a_token_is_placed_once() {
    let plane = Plane::sandbox().await;
    let id = subscription(&plane).await;
    let before = available(&plane).await;
    for (action, more, other) in [
        (
            "RenewInstance",
            vec![("RenewPeriod", "1")],
            vec![("RenewPeriod", "2")],
        ),
        (
            "ModifyInstance",
            vec![
                ("SubscriptionType", "Subscription"),
                ("ModifyType", "Upgrade"),
                ("Parameter.1.Code", "DiskSize"),
                ("Parameter.1.Value", "600"),
            ],
            vec![
                ("SubscriptionType", "Subscription"),
                ("ModifyType", "Upgrade"),
                ("Parameter.1.Code", "DiskSize"),
                ("Parameter.1.Value", "700"),
            ],
        ),
        (
            "RefundInstance",
            vec![("ImmediatelyRelease", "1")],
            vec![("ImmediatelyRelease", "0")],
        ),
    ] {
        let token = [("ClientToken", "once")];
        let asked = of(&id, &[more.as_slice(), &token].concat());
        let first = data(&plane, action, &asked).await;
        if action == "ModifyInstance" {
            plane.wait_for("alikafka", &id, Phase::Running).await;
        }
        let paid = available(&plane).await;
        assert_eq!(data(&plane, action, &asked).await, first, "{action}");
        assert_eq!(available(&plane).await, paid, "{action}");
        let other = of(&id, &[other.as_slice(), &token].concat());
        let answer = call(&plane, action, &other).await;
        assert_eq!(
            code(&answer),
            "IdempotentParameterMismatch",
            "{action}: {}",
            answer.body
        );
    }
    assert_ne!(available(&plane).await, before);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_costs_nothing() {
    let plane = Plane::sandbox().await;
    let id = subscription(&plane).await;
    let before = available(&plane).await;
    let convert = [("SubscriptionType", "Subscription"), ("Period", "1")];
    for (action, asked, expected) in [
        (
            "RenewInstance",
            of(&id, &[("RenewPeriod", "0")]),
            "InvalidRenewPeriod",
        ),
        (
            "RenewInstance",
            of(&id, &[("RenewPeriod", "-1")]),
            "InvalidRenewPeriod",
        ),
        ("RenewInstance", of(&id, &[]), "MissingRenewPeriod"),
        (
            "RenewInstance",
            of("alikafka_pre-cn-none", &[("RenewPeriod", "1")]),
            "InvalidInstanceId",
        ),
        (
            "RenewInstance",
            of(
                &id,
                &[("RenewPeriod", "1"), ("ProductType", "alikafka_post")],
            ),
            "400",
        ),
        (
            "RenewInstance",
            of(&id, &[("RenewPeriod", "1"), ("OwnerId", "1")]),
            "InvalidOwner",
        ),
        ("ConvertChargeType", of(&id, &convert), "400"),
        (
            "RefundInstance",
            of(&id, &[("ImmediatelyRelease", "2")]),
            "InvalidImmediatelyRelease",
        ),
        (
            "RefundInstance",
            vec![("ProductCode", "alikafka")],
            "MissingInstanceId",
        ),
        (
            "ModifyInstance",
            of(
                &id,
                &[
                    ("SubscriptionType", "Subscription"),
                    ("ModifyType", "Sideways"),
                ],
            ),
            "InvalidModifyType",
        ),
        (
            "ModifyInstance",
            of(
                &id,
                &[
                    ("SubscriptionType", "PayAsYouGo"),
                    ("ModifyType", "Upgrade"),
                ],
            ),
            "BIZ_FIELD_CHECK_INVALID",
        ),
    ] {
        let answer = call(&plane, action, &asked).await;
        assert_eq!(
            code(&answer),
            expected,
            "{action} {asked:?}: {}",
            answer.body
        );
    }
    assert_eq!(available(&plane).await, before);
    assert_eq!(orders(&plane, "").await.len(), 1);
    plane.assert_ledger().await;
}
