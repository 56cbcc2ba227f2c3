//! Price inquiries agree with orders and with the ledger to the last millionth.

use brokerage_domain::id::OrderId;
use brokerage_domain::money::{Currency, Money};
use brokerage_testkit::{Answer, Plane};
use serde_json::{Value, json};

use super::{POST, PRE, SMALL, buy, call, code, data, with};

/// The modules that a price tool asks for, made of the properties of an order.
fn modules(properties: &[(&str, &str)]) -> Vec<(String, String)> {
    let value = |code: &str| {
        properties
            .iter()
            .find(|(name, _)| *name == code)
            .map(|(_, value)| *value)
    };
    let mut list = Vec::new();
    for (module, parts) in [
        (
            "PartitionNum",
            &["PartitionNum", "SpecType", "RegionId"][..],
        ),
        ("TopicQuota", &["PartitionNum", "TopicQuota", "RegionId"]),
        ("IoMaxSpec", &["SpecType", "IoMaxSpec", "RegionId"]),
        ("DiskSize", &["DiskType", "DiskSize", "RegionId"]),
        ("EipMax", &["EipMax", "RegionId"]),
    ] {
        if value(module).is_none() {
            continue;
        }
        let config: Vec<String> = parts
            .iter()
            .filter_map(|part| Some(format!("{part}:{}", value(part)?)))
            .collect();
        list.push((module.to_owned(), config.join(",")));
    }
    list
}

async fn inquire(
    plane: &Plane,
    action: &str,
    params: &[(&str, &str)],
    modules: &[(String, String)],
) -> Answer {
    let numbered: Vec<(String, &str)> = (1..)
        .zip(modules)
        .flat_map(|(number, (code, config))| {
            [
                (format!("ModuleList.{number}.ModuleCode"), code.as_str()),
                (format!("ModuleList.{number}.Config"), config.as_str()),
            ]
        })
        .collect();
    let pairs: Vec<(&str, &str)> = params
        .iter()
        .copied()
        .chain(numbered.iter().map(|(name, value)| (name.as_str(), *value)))
        .collect();
    call(plane, action, &pairs).await
}

fn money(value: &Value) -> Money {
    value
        .to_string()
        .parse()
        .expect("an amount is a plain number")
}

fn sum(data: &Value) -> Money {
    let details = data["ModuleDetails"]["ModuleDetail"]
        .as_array()
        .expect("modules are priced");
    Money::sum(
        details
            .iter()
            .map(|detail| money(&detail["CostAfterDiscount"])),
    )
    .unwrap()
}

const POST_PRICE: &[(&str, &str)] = &[
    ("ProductCode", "alikafka"),
    ("ProductType", "alikafka_post"),
    ("SubscriptionType", "PayAsYouGo"),
];
const PRE_PRICE: &[(&str, &str)] = &[
    ("ProductCode", "alikafka"),
    ("ProductType", "alikafka_pre"),
    ("SubscriptionType", "Subscription"),
    ("OrderType", "NewOrder"),
    ("ServicePeriodUnit", "Year"),
    ("ServicePeriodQuantity", "1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn inquiry_order_and_ledger_agree_to_the_last_millionth() {
    let plane = Plane::sandbox().await;
    let cx = plane.context("alikafka", "").await;
    for changes in [
        &[][..],
        &[("TopicQuota", "60")],
        &[("TopicQuota", ""), ("PartitionNum", "333")],
        &[("TopicQuota", "60"), ("PartitionNum", "160")],
        &[("EipMax", "7"), ("DiskType", "0")],
        &[
            ("SpecType", "professional"),
            ("IoMaxSpec", "alikafka.hw.16xlarge"),
            ("DiskSize", "5000"),
            ("TopicQuota", "181"),
        ],
        &[
            ("SpecType", "professionalForHighRead"),
            ("IoMaxSpec", "alikafka.hr.12xlarge"),
            ("DiskSize", "2700"),
            ("TopicQuota", "150"),
        ],
        &[
            ("RegionId", "ap-southeast-3"),
            ("DiskType", "5"),
            ("EipMax", "160"),
        ],
        &[
            ("RegionId", "us-east-1"),
            ("PartitionNum", "1"),
            ("TopicQuota", "1001"),
        ],
    ] {
        let properties = with(SMALL, changes);
        let held = || async {
            plane
                .control
                .account_balance(cx.account(), Currency::Cny)
                .await
                .unwrap()
        };
        for (action, price, order, prepaid) in [
            ("GetPayAsYouGoPrice", POST_PRICE, POST, false),
            ("GetSubscriptionPrice", PRE_PRICE, PRE, true),
        ] {
            let inquiry = inquire(&plane, action, price, &modules(&properties)).await;
            assert_eq!(
                inquiry.json["Success"], true,
                "{changes:?}: {}",
                inquiry.body
            );
            let asked = sum(&inquiry.json["Data"]);
            if prepaid {
                assert_eq!(money(&inquiry.json["Data"]["TradePrice"]), asked);
            }
            let before = held().await;
            let bought = buy(&plane, order, &properties).await;
            let id = OrderId::new(bought.json["Data"]["OrderId"].as_str().expect(&bought.body));
            let order = plane.control.order_view(&cx, &id).await.unwrap();
            let after = held().await;
            assert_eq!(order.total, asked, "{changes:?} {action}");
            let taken = before.available().checked_sub(after.available()).unwrap();
            assert_eq!(taken, asked, "{changes:?} {action}");
        }
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_lists_example_is_answered_with_the_documented_tree() {
    let plane = Plane::sandbox().await;
    let sixty = with(SMALL, &[("TopicQuota", "60")]);
    let answer = inquire(&plane, "GetPayAsYouGoPrice", POST_PRICE, &modules(&sixty)).await;
    let detail = |code: &str, cost: f64, unit: f64| json!({ "ModuleCode": code, "OriginalCost": cost, "InvoiceDiscount": 0, "CostAfterDiscount": cost, "UnitPrice": unit });
    assert_eq!(
        answer.json["Data"],
        json!({
            "Currency": "CNY",
            "ModuleDetails": { "ModuleDetail": [
                detail("TopicQuota", 0.83, 0.083), detail("IoMaxSpec", 2.42, 2.42), detail("DiskSize", 0.8, 0.16),
            ] },
            "PromotionDetails": { "PromotionDetail": [] },
        })
    );
    assert_eq!(sum(&answer.json["Data"]), "4.05".parse().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_and_partitions_are_priced_as_price_tools_ask_for_them() {
    let plane = Plane::sandbox().await;
    let rest = [
        (
            "IoMaxSpec",
            "SpecType:normal,IoMaxSpec:alikafka.hw.2xlarge,RegionId:cn-hangzhou",
        ),
        ("DiskSize", "DiskType:1,DiskSize:500,RegionId:cn-hangzhou"),
    ];
    for (topics, partitions, expected) in [
        (
            "PartitionNum:0,TopicQuota:50,RegionId:cn-hangzhou",
            None,
            "3.22",
        ),
        (
            "PartitionNum:0,TopicQuota:60,RegionId:cn-hangzhou",
            None,
            "4.05",
        ),
        (
            "PartitionNum:0,TopicQuota:60,RegionId:cn-hangzhou",
            Some("PartitionNum:0,SpecType:normal,RegionId:cn-hangzhou"),
            "4.05",
        ),
        (
            "PartitionNum:100,TopicQuota:1100,RegionId:cn-hangzhou",
            Some("PartitionNum:100,SpecType:normal,RegionId:cn-hangzhou"),
            "3.7388",
        ),
    ] {
        let asked = [("TopicQuota", topics)]
            .into_iter()
            .chain(partitions.map(|config| ("PartitionNum", config)));
        let asked: Vec<(String, String)> = asked
            .chain(rest)
            .map(|(code, config)| (code.to_owned(), config.to_owned()))
            .collect();
        let answer = inquire(&plane, "GetPayAsYouGoPrice", POST_PRICE, &asked).await;
        assert_eq!(answer.json["Success"], true, "{topics}: {}", answer.body);
        assert_eq!(
            sum(&answer.json["Data"]).to_string(),
            expected,
            "{topics} {partitions:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_is_so_many_months_and_so_many_instances() {
    let plane = Plane::sandbox().await;
    for (changes, expected) in [
        (&[][..], "22902"),
        (
            &[
                ("ServicePeriodUnit", "Month"),
                ("ServicePeriodQuantity", "1"),
            ],
            "1908.5",
        ),
        (
            &[("ServicePeriodUnit", ""), ("ServicePeriodQuantity", "")],
            "1908.5",
        ),
        (
            &[("ServicePeriodQuantity", "2"), ("Quantity", "3")],
            "137412",
        ),
    ] {
        let answer = inquire(
            &plane,
            "GetSubscriptionPrice",
            &with(PRE_PRICE, changes),
            &modules(SMALL),
        )
        .await;
        let data = &answer.json["Data"];
        assert_eq!(
            data["TradePrice"].to_string(),
            expected,
            "{changes:?}: {}",
            answer.body
        );
        assert_eq!(data["OriginalPrice"], data["TradePrice"]);
        assert_eq!(data["DiscountPrice"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_modules_are_priced_by_themselves() {
    let plane = Plane::sandbox().await;
    for (module, config, expected) in [
        (
            "DiskSize",
            "DiskType:1,DiskSize:500,RegionId:cn-hangzhou",
            "0.8",
        ),
        (
            "disk_size",
            "disk_type:0;disk_size:500;region:cn-hangzhou",
            "0.3",
        ),
        (
            "IoMaxSpec",
            "SpecType:professional,IoMaxSpec:alikafka.hw.2xlarge,RegionId:cn-hangzhou",
            "5.21",
        ),
        ("IoMax", "IoMax:20,RegionId:cn-hangzhou", "2.42"),
        ("EipMax", "EipMax:10,RegionId:cn-hangzhou", "0.63"),
        ("EipMax", "EipMax:0,RegionId:cn-hangzhou", "0"),
        (
            "PartitionNum",
            "PartitionNum:100,SpecType:normal,RegionId:cn-hangzhou",
            "0.5188",
        ),
        (
            "TopicQuota",
            "TopicQuota:60,IoMaxSpec:alikafka.hw.2xlarge,RegionId:cn-hangzhou",
            "0.83",
        ),
    ] {
        let answer = inquire(
            &plane,
            "GetPayAsYouGoPrice",
            POST_PRICE,
            &[(module.to_owned(), config.to_owned())],
        )
        .await;
        let detail = &answer.json["Data"]["ModuleDetails"]["ModuleDetail"][0];
        assert_eq!(
            detail["OriginalCost"].to_string(),
            expected,
            "{module} {config}: {}",
            answer.body
        );
        assert_eq!(detail["ModuleCode"], module);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_ordered_has_no_price() {
    let plane = Plane::sandbox().await;
    let one = |code: &str, config: &str| vec![(code.to_owned(), config.to_owned())];
    let small = || modules(SMALL);
    let post = |changes| with(POST_PRICE, changes);
    for (params, modules, expected) in [
        (
            post(&[("ProductCode", "ecs")]),
            small(),
            "InvalidProductCode",
        ),
        (
            post(&[("ProductType", "alikafka_pre")]),
            small(),
            "InvalidProductType",
        ),
        (
            post(&[("SubscriptionType", "Subscription")]),
            small(),
            "InvalidSubscriptionType",
        ),
        (
            post(&[("ModuleList.1.PriceType", "Month")]),
            small(),
            "InvalidParameter",
        ),
        (post(&[("Region", "cn-beijing")]), small(), "InvalidRegion"),
        (
            post(&[]),
            one("InstanceType", "InstanceType:x"),
            "InvalidParameter",
        ),
        (
            post(&[]),
            one("SpecType", "SpecType:normal"),
            "InvalidParameter",
        ),
        (post(&[]), one("DiskSize", "Size:5"), "InvalidParameter"),
        (post(&[]), one("DiskSize", "DiskSize"), "InvalidParameter"),
        (
            post(&[]),
            one("DiskSize", "DiskSize:500,DiskType:1"),
            "InvalidRegion",
        ),
        (
            post(&[]),
            one("DiskSize", "DiskSize:500,RegionId:cn-hangzhou"),
            "InvalidModuleList",
        ),
        (
            post(&[]),
            one("DiskSize", "DiskSize:-5,DiskType:1,RegionId:cn-hangzhou"),
            "InvalidModuleList",
        ),
        (
            post(&[]),
            one("TopicQuota", "TopicQuota:60,RegionId:cn-hangzhou"),
            "InvalidModuleList",
        ),
        (
            post(&[]),
            one("PartitionNum", "RegionId:cn-hangzhou"),
            "InvalidModuleList",
        ),
        (
            post(&[]),
            one("IoMaxSpec", "IoMaxSpec:big,RegionId:cn-hangzhou"),
            "InvalidModuleList",
        ),
        (
            post(&[]),
            one("IoMaxSpec", "IoMax:20,SpecType:big,RegionId:cn-hangzhou"),
            "InvalidModuleList",
        ),
        (
            post(&[]),
            modules(&with(SMALL, &[("DiskSize", "550")])),
            "InvalidModuleList",
        ),
        (post(&[]), [small(), small()].concat(), "InvalidParameter"),
        (
            post(&[]),
            vec![("DiskSize".to_owned(), String::new()); 51],
            "InvalidModuleList",
        ),
        (post(&[]), Vec::new(), "MissingModuleList"),
    ] {
        let answer = inquire(&plane, "GetPayAsYouGoPrice", &params, &modules).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{params:?} {modules:?}: {}",
            answer.body
        );
    }
    for (changes, expected) in [
        (&[("OrderType", "")][..], "MissingOrderType"),
        (&[("OrderType", "Renewal")], "InvalidOrderType"),
        (&[("OrderType", "Gift")], "InvalidOrderType"),
        (&[("ServicePeriodUnit", "Day")], "InvalidServicePeriodUnit"),
        (&[("ServicePeriodUnit", "Week")], "InvalidServicePeriodUnit"),
        (
            &[("ServicePeriodQuantity", "0")],
            "InvalidServicePeriodQuantity",
        ),
        (
            &[("ServicePeriodQuantity", "4000000000")],
            "InvalidServicePeriodQuantity",
        ),
        (&[("Quantity", "0")], "InvalidQuantity"),
        (&[("Quantity", "101")], "InvalidQuantity"),
        (&[("OwnerId", "1")], "InvalidOwner"),
    ] {
        let answer = inquire(
            &plane,
            "GetSubscriptionPrice",
            &with(PRE_PRICE, changes),
            &small(),
        )
        .await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{changes:?}: {}",
            answer.body
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_region_may_stand_in_the_request_or_come_with_the_caller() {
    let plane = Plane::sandbox().await;
    let disk = vec![("DiskSize".to_owned(), "DiskType:1,DiskSize:100".to_owned())];
    for (name, region, expected) in [
        ("Region", "us-east-1", "0.24"),
        ("RegionId", "ap-southeast-3", "0.22"),
    ] {
        let answer = inquire(
            &plane,
            "GetPayAsYouGoPrice",
            &with(POST_PRICE, &[(name, region)]),
            &disk,
        )
        .await;
        assert_eq!(
            sum(&answer.json["Data"]).to_string(),
            expected,
            "{}",
            answer.body
        );
    }
    let products = data(
        &plane,
        "QueryProductList",
        &[("PageNum", "1"), ("QueryTotalCount", "true")],
    )
    .await;
    assert_eq!(products["TotalCount"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn described_modules_can_be_asked_for_with_described_values() {
    let plane = Plane::sandbox().await;
    let described = data(
        &plane,
        "DescribePricingModule",
        &POST_PRICE[..1]
            .iter()
            .chain(&POST_PRICE[2..])
            .copied()
            .collect::<Vec<_>>(),
    )
    .await;
    let attributes = described["AttributeList"]["Attribute"].as_array().unwrap();
    let first_value = |code: &str| {
        let attribute = attributes
            .iter()
            .find(|attribute| attribute["Code"] == code)
            .expect("every part is described");
        let value = attribute["Values"]["AttributeValue"]
            .get(0)
            .map(|value| value["Value"].as_str().unwrap().to_owned());
        value.unwrap_or_else(|| "500".to_owned())
    };
    let modules = described["ModuleList"]["Module"].as_array().unwrap();
    assert_eq!(modules.len(), 5);
    for module in modules {
        let parts = module["ConfigList"]["ConfigList"].as_array().unwrap();
        let config: Vec<String> = parts
            .iter()
            .map(|part| part.as_str().unwrap())
            .map(|code| format!("{code}:{}", first_value(code)))
            .collect();
        let code = module["ModuleCode"].as_str().unwrap().to_owned();
        // The first row of the ladder has its own few topics and partitions.
        let config = config
            .join(",")
            .replace("TopicQuota:500", "TopicQuota:3")
            .replace("PartitionNum:500", "PartitionNum:0");
        let answer = inquire(&plane, "GetPayAsYouGoPrice", POST_PRICE, &[(code, config)]).await;
        assert_eq!(answer.json["Success"], true, "{}", answer.body);
    }
}
