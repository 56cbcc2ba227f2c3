//! QueryOrders and GetOrderDetail.

use brokerage_domain::clock::Moment;
use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use super::purchase::start;
use super::{POST, PRE, SMALL, buy, call, code, data, with};

/// When test time begins.
const BEGINNING: Moment = Moment::from_seconds(1_795_406_400);

async fn order(plane: &Plane, params: &[(&str, &str)], properties: &[(&str, &str)]) -> String {
    let answer = buy(plane, params, properties).await;
    answer.json["Data"]["OrderId"]
        .as_str()
        .expect(&answer.body)
        .to_owned()
}

fn ids(found: &Value) -> Vec<&str> {
    let orders = found["OrderList"]["Order"]
        .as_array()
        .expect("orders are a list in an object");
    orders
        .iter()
        .map(|order| order["OrderId"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_the_last_hour_are_listed_newest_first() {
    let plane = Plane::sandbox().await;
    let old = order(&plane, POST, SMALL).await;
    plane.clock.set(BEGINNING.plus_seconds(1_800));
    let newer = order(&plane, PRE, SMALL).await;
    assert_eq!(
        ids(&data(&plane, "QueryOrders", &[]).await),
        [newer.as_str(), &old]
    );
    plane.clock.set(BEGINNING.plus_seconds(3_601));
    let last_hour = data(&plane, "QueryOrders", &[]).await;
    assert_eq!(ids(&last_hour), [newer.as_str()]);
    assert_eq!(
        last_hour,
        json!({
            "PageNum": 1, "PageSize": 20, "TotalCount": 1,
            "OrderList": { "Order": [{
                "OrderId": newer, "OrderType": "New", "SubscriptionType": "Subscription", "ProductCode": "alikafka",
                "ProductType": "alikafka_pre", "CommodityCode": "alikafka_pre", "CreateTime": "2026-11-23T04:30:00Z",
                "PaymentTime": "2026-11-23T04:30:00Z", "PaymentStatus": "Paid", "PaymentCurrency": "CNY", "Currency": "CNY",
                "PretaxGrossAmount": "22902.00", "PretaxAmount": "22902.00", "PretaxAmountLocal": "22902.00", "Tax": "0.00",
                "AfterTaxAmount": "22902.00",
            }] },
        })
    );
    let (from, until) = ("2026-11-23T04:00:00Z", "2026-11-23T04:29:59Z");
    for (params, expected) in [
        (&[("CreateTimeStart", from)][..], vec![newer.as_str(), &old]),
        (&[("CreateTimeEnd", until)], vec![old.as_str()]),
        (
            &[("CreateTimeStart", from), ("CreateTimeEnd", from)],
            vec![old.as_str()],
        ),
        (
            &[
                ("CreateTimeStart", from),
                ("SubscriptionType", "PayAsYouGo"),
            ],
            vec![old.as_str()],
        ),
        (
            &[("CreateTimeStart", from), ("ProductType", "alikafka_pre")],
            vec![newer.as_str()],
        ),
        (&[("CreateTimeStart", from), ("ProductCode", "rds")], vec![]),
        (
            &[
                ("CreateTimeStart", from),
                ("OrderType", "New"),
                ("PaymentStatus", "Paid"),
            ],
            vec![newer.as_str(), &old],
        ),
        (&[("CreateTimeStart", from), ("OrderType", "Renew")], vec![]),
        (
            &[("CreateTimeStart", from), ("PaymentStatus", "Unpaid")],
            vec![],
        ),
        (
            &[
                ("CreateTimeStart", from),
                ("PageSize", "1"),
                ("PageNum", "2"),
            ],
            vec![old.as_str()],
        ),
        (
            &[
                ("CreateTimeStart", from),
                ("PaymentStatus", "Paid"),
                ("PageSize", "1"),
                ("PageNum", "2"),
            ],
            vec![old.as_str()],
        ),
        (&[("CreateTimeStart", from), ("PageNum", "2")], vec![]),
    ] {
        let found = data(&plane, "QueryOrders", params).await;
        assert_eq!(ids(&found), expected, "{params:?}");
    }
    for (params, expected) in [
        (("CreateTimeStart", "2026-11-23"), "InvalidCreateTimeStart"),
        (("OrderType", "Steal"), "InvalidOrderType"),
        (("PaymentStatus", "Maybe"), "InvalidPaymentStatus"),
        (("PageSize", "0"), "InvalidPageSize"),
        (("OwnerId", "1"), "InvalidOwner"),
    ] {
        assert_eq!(
            code(&call(&plane, "QueryOrders", &[params]).await),
            expected,
            "{params:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_shows_what_it_bought_in_properties_that_can_be_ordered_again() {
    let plane = Plane::sandbox().await;
    let bought = buy(
        &plane,
        POST,
        &with(SMALL, &[("EipMax", "10"), ("MsgRetain", "48")]),
    )
    .await;
    let (id, instance) = (
        &bought.json["Data"]["OrderId"],
        &bought.json["Data"]["InstanceId"],
    );
    let found = data(
        &plane,
        "GetOrderDetail",
        &[("OrderId", id.as_str().unwrap())],
    )
    .await;
    let detail = &found["OrderList"]["Order"][0];
    let config = "topic_quata:[topic_quata:50;]disk_type:[disk_type:1;]disk_size:[disk_size:500;]msg_retain:[msg_retain:48;]\
                  region:[region:cn-hangzhou;]IO_max:[IO_max:20;]IO_max_spec:[IO_max_spec:alikafka.hw.2xlarge;]\
                  spec_type:[spec_type:normal;]eip:[eip:10;]vpc_deploy:[vpc_deploy:false;]";
    for (key, expected) in [
        ("OrderId", json!(id)),
        ("InstanceIDs", json!(json!([instance]).to_string())),
        ("OriginalConfig", json!(config)),
        ("OrderType", json!("New")),
        ("OrderSubType", json!("ProductSubOrder")),
        ("PaymentStatus", json!("Paid")),
        ("AfterTaxAmount", json!("0.00")),
        ("Region", json!("cn-hangzhou")),
        ("UsageEndTime", json!("2126-11-23T04:00:00Z")),
    ] {
        assert_eq!(detail[key], expected, "{key}");
    }
    let modules = detail["OriginalModuleConfig"]["originalModuleConfig"]
        .as_array()
        .unwrap();
    let properties: Vec<(&str, &str)> = modules
        .iter()
        .map(|module| {
            let property = &module["ModuleProperties"]["moduleProperties"][0];
            (
                module["Code"].as_str().unwrap(),
                property["Value"].as_str().unwrap(),
            )
        })
        .collect();
    let again = order(&plane, POST, &properties).await;
    let again = data(&plane, "GetOrderDetail", &[("OrderId", &again)]).await;
    assert_eq!(again["OrderList"]["Order"][0]["OriginalConfig"], config);
    let subscription = order(&plane, PRE, SMALL).await;
    let subscription = data(&plane, "GetOrderDetail", &[("OrderId", &subscription)]).await;
    assert_eq!(
        subscription["OrderList"]["Order"][0]["AfterTaxAmount"],
        "22902.00"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_other_clouds_and_unknown_ones_are_not_there() {
    let plane = Plane::sandbox().await;
    let elsewhere = json!({
        "VpcId": "vpc-1", "SubnetId": "subnet-1", "ZoneId": 450001, "KafkaVersion": "2.4.2",
        "SpecificationsType": "profession", "DiskSize": 200, "BandWidth": 20, "Partition": 400,
    });
    let answer = plane
        .tencent(
            "CreatePostPaidInstance",
            "2019-08-19",
            &elsewhere.to_string(),
        )
        .await;
    let deal = answer.json["Response"]["Result"]["Data"]["DealNames"][0]
        .as_str()
        .expect(&answer.body);
    assert_eq!(data(&plane, "QueryOrders", &[]).await["TotalCount"], 0);
    assert_eq!(
        data(&plane, "QueryAvailableInstances", &[]).await["TotalCount"],
        0
    );
    for id in [deal, "123456789012345"] {
        let answer = call(&plane, "GetOrderDetail", &[("OrderId", id)]).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, "InvalidOrderId"),
            "{}",
            answer.body
        );
    }
    assert_eq!(
        code(&call(&plane, "GetOrderDetail", &[]).await),
        "MissingOrderId"
    );
}

/// Both say when a subscription ends, before it is started and after.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_has_one_end_in_every_answer() {
    let plane = Plane::sandbox().await;
    let order = order(&plane, PRE, SMALL).await;
    let ends = async || {
        let listed = data(&plane, "QueryAvailableInstances", &[]).await;
        let detail = data(&plane, "GetOrderDetail", &[("OrderId", &order)]).await;
        (
            listed["InstanceList"][0]["EndTime"].clone(),
            detail["OrderList"]["Order"][0]["UsageEndTime"].clone(),
        )
    };
    let before = ends().await;
    assert_eq!(before.0, BEGINNING.plus_months(12).iso());
    assert_eq!(before.0, before.1);
    // The term begins when it is started, two days later.
    plane.clock.set(BEGINNING.plus_seconds(2 * 86_400));
    let listed = data(&plane, "QueryAvailableInstances", &[]).await;
    let id = listed["InstanceList"][0]["InstanceID"].as_str().unwrap();
    start(&plane, id, Phase::Running).await;
    let after = ends().await;
    assert_ne!(after.0, before.0);
    assert_eq!(after.0, after.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_refused_by_the_name_of_its_property() {
    let plane = Plane::sandbox().await;
    for (change, expected) in [
        (
            ("DiskSize", "10"),
            "DiskSize: the disk size must be from 500 to 6100, not 10.",
        ),
        (
            ("MsgRetain", "12"),
            "MsgRetain: the retention must be from 24 to 480, not 12.",
        ),
        (
            ("SpecType", "gold"),
            "SpecType: the edition \"gold\" is not offered here: it is one of normal, professional",
        ),
    ] {
        let answer = buy(&plane, POST, &with(SMALL, &[change])).await;
        let message = answer.json["Message"].as_str().unwrap();
        assert_eq!(code(&answer), "400");
        assert!(message.contains(expected), "{message}");
    }
}

/// The configuration, and the original one, of an order: as texts and as modules.
async fn configs(plane: &Plane, order: &str) -> [(String, String); 2] {
    let found = data(plane, "GetOrderDetail", &[("OrderId", order)]).await;
    let detail = &found["OrderList"]["Order"][0];
    let parts = |list: &Value, of: [&str; 2]| {
        let modules = list.as_array().expect("modules").iter();
        let values = modules.map(|module| {
            let code = module["Code"].as_str().unwrap();
            let value = &module[of[0]][of[1]][0]["Value"];
            format!("{code}:[{code}:{};]", value.as_str().unwrap())
        });
        values.collect::<String>()
    };
    let text = |key: &str| detail[key].as_str().expect(key).to_owned();
    [
        (
            text("Config"),
            parts(
                &detail["BillModuleConfig"]["billModuleConfig"],
                ["BillModuleProperties", "billModuleProperties"],
            ),
        ),
        (
            text("OriginalConfig"),
            parts(
                &detail["OriginalModuleConfig"]["originalModuleConfig"],
                ["ModuleProperties", "moduleProperties"],
            ),
        ),
    ]
}

/// An order is a record: whatever becomes of what it bought, it tells what was bought.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_tells_what_was_ordered_and_not_what_became_of_it() {
    let plane = Plane::sandbox().await;
    let bought = buy(&plane, POST, SMALL).await;
    let [first, id] =
        ["OrderId", "InstanceId"].map(|key| bought.json["Data"][key].as_str().unwrap().to_owned());
    start(&plane, &id, Phase::Running).await;
    let alikafka = async |action: &str, params: &[(&str, &str)]| {
        let of = [("RegionId", "cn-hangzhou"), ("InstanceId", id.as_str())];
        let params = [&of[..], params].concat();
        let answer = plane.aliyun(action, "2019-09-16", &params).await;
        assert_eq!(answer.json["Success"], true, "{action}: {}", answer.body);
        plane.wait_for("alikafka", &id, Phase::Running).await;
    };
    // An upgrade's answer does not name its order; the newest one is the first of the list.
    let upgrade = async |at_s: i64, changes: &[(&str, &str)]| {
        plane.clock.set(BEGINNING.plus_seconds(at_s));
        alikafka("UpgradePostPayOrder", changes).await;
        let listed = data(&plane, "QueryOrders", &[]).await;
        ids(&listed)[0].to_owned()
    };
    let second = upgrade(60, &[("DiskSize", "600")]).await;
    let third = upgrade(120, &[("DiskSize", "700"), ("TopicQuota", "60")]).await;
    let small = "topic_quata:[topic_quata:50;]disk_type:[disk_type:1;]disk_size:[disk_size:500;]msg_retain:[msg_retain:72;]\
                 region:[region:cn-hangzhou;]IO_max:[IO_max:20;]IO_max_spec:[IO_max_spec:alikafka.hw.2xlarge;]\
                 spec_type:[spec_type:normal;]vpc_deploy:[vpc_deploy:true;]";
    let larger = small.replace("disk_size:500", "disk_size:600");
    let largest = small
        .replace("disk_size:500", "disk_size:700")
        .replace("topic_quata:50", "topic_quata:60");
    let check = async || {
        for (order, config, original) in [
            (&first, small, small),
            (&second, larger.as_str(), small),
            (&third, largest.as_str(), larger.as_str()),
        ] {
            let expected = [config, original].map(|text| (text.to_owned(), text.to_owned()));
            assert_eq!(configs(&plane, order).await, expected, "{order}");
        }
    };
    check().await;
    let force = [("ForceDeleteInstance", "true")];
    let of = [("RegionId", "cn-hangzhou"), ("InstanceId", id.as_str())];
    let release = [&of[..], &force[..]].concat();
    let answer = plane
        .aliyun("ReleaseInstance", "2019-09-16", &release)
        .await;
    assert_eq!(answer.json["Success"], true, "{}", answer.body);
    plane.wait_for("alikafka", &id, Phase::Released).await;
    let answer = plane.aliyun("DeleteInstance", "2019-09-16", &of).await;
    assert_eq!(answer.json["Success"], true, "{}", answer.body);
    check().await;
}
