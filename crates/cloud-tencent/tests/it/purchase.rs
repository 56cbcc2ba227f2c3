//! Purchases: the examples of the vendor's page, its rules and its error codes.

use brokerage_control::Settings;
use brokerage_domain::access::Policy;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{NetworkId, SubnetId};
use brokerage_domain::instance::Phase;
use brokerage_domain::money::Currency;
use brokerage_domain::network::{Network, Subnet};
use brokerage_testkit::{Plane, PlaneOptions};
use serde_json::{Value, json};

use crate::calls::{
    REGION, bought, buy, call_as, check_refused, code, detail, example, result, stranger, with,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_example_gives_a_running_instance_and_the_documented_tree() {
    let plane = Plane::sandbox().await;
    let answer = buy(&plane, &example()).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let result = &answer.json["Response"]["Result"];
    let (instance, deal) = (
        &result["Data"]["InstanceId"],
        &result["Data"]["DealNames"][0],
    );
    assert_eq!(
        *result,
        json!({
            "ReturnCode": "0",
            "ReturnMessage": "ok[apply ok]",
            "Data": {
                "FlowId": 0,
                "DealNames": [deal],
                "InstanceId": instance,
                "DealNameInstanceIdMapping": [{ "DealName": deal, "InstanceIdList": [instance] }],
            },
        })
    );
    assert!(
        deal.as_str()
            .is_some_and(|deal| deal.len() == 23 && deal.bytes().all(|b| b.is_ascii_digit()))
    );
    let id = instance.as_str().unwrap();
    plane.wait_for("ckafka", id, Phase::Running).await;
    let detail = detail(&plane, id).await;
    for (key, expected) in [
        ("Status", json!(1)),
        ("Bandwidth", json!(160)),
        ("DiskSize", json!(200)),
        ("Version", json!("2.4.2")),
        ("ZoneIds", json!([450001])),
        ("ExpireTime", json!(0)),
        ("PublicNetwork", json!(3)),
        ("InstanceType", json!("profession")),
    ] {
        assert_eq!(detail[key], expected, "{key}");
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_batch_example_gives_three_instances_in_one_deal() {
    let plane = Plane::sandbox().await;
    let batch = json!({
        "InstanceName": "test58", "VpcId": "vpc-rmcg5cpf", "SubnetId": "subnet-mnzcs7gk", "KafkaVersion": "2.4.2",
        "SpecificationsType": "profession", "BandWidth": 20, "DiskSize": 200, "Partition": 400, "TopicNum": 200,
        "ZoneId": 450001, "InstanceNum": 3, "PublicNetworkMonthly": 12,
    });
    let answer = buy(&plane, &batch).await;
    let data = &answer.json["Response"]["Result"]["Data"];
    assert_eq!(
        data["DealNames"].as_array().map(Vec::len),
        Some(1),
        "{}",
        answer.body
    );
    let ids = data["DealNameInstanceIdMapping"][0]["InstanceIdList"]
        .as_array()
        .unwrap();
    assert_eq!(ids.len(), 3);
    let listed = result(&plane, "DescribeInstancesDetail", json!({})).await;
    let mut names: Vec<String> = listed["InstanceList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| instance["InstanceName"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["test58-1", "test58-2", "test58-3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_multi_zone_example_shows_its_three_zones() {
    let plane = Plane::sandbox().await;
    let zones = json!([450001, 450002, 450003]);
    let id = bought(
        &plane,
        &with(json!({ "MultiZoneFlag": true, "ZoneIds": zones })),
    )
    .await;
    let shown = detail(&plane, &id).await;
    assert_eq!(
        (&shown["ZoneIds"], &shown["ZoneId"]),
        (&zones, &json!(450001))
    );
    // The access point's zone comes first, whatever the list's order.
    let id = bought(
        &plane,
        &with(json!({ "MultiZoneFlag": true, "ZoneIds": [450002, 450001] })),
    )
    .await;
    assert_eq!(
        detail(&plane, &id).await["ZoneIds"],
        json!([450001, 450002])
    );
    // Of a list alone it is the zone of the subnet.
    let list =
        json!({ "ZoneId": null, "MultiZoneFlag": true, "ZoneIds": [450002, 450003, 450001] });
    let id = bought(&plane, &with(list)).await;
    assert_eq!(
        detail(&plane, &id).await["ZoneIds"],
        json!([450001, 450002, 450003])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_the_page_is_refused_with_its_code() {
    let plane = Plane::sandbox().await;
    let cases = [
        (json!({ "VpcId": null }), "MissingParameter"),
        (json!({ "SubnetId": null }), "MissingParameter"),
        (
            json!({ "VpcId": "" }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            json!({ "SubnetId": "" }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            json!({ "ZoneId": null }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            json!({ "MultiZoneFlag": true }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (json!({ "ZoneId": "first" }), "InvalidParameter"),
        (json!({ "ClusterId": "first" }), "InvalidParameter"),
        (json!({ "Tags": "team" }), "InvalidParameter"),
        (
            json!({ "Tags": [{ "TagKey": "", "TagValue": "a" }] }),
            "InvalidParameter",
        ),
        (
            json!({ "Tags": [{ "TagKey": "team" }] }),
            "MissingParameter",
        ),
        (
            json!({ "Tags": [{ "TagKey": "a", "TagValue": "1" }, { "TagKey": "a", "TagValue": "2" }] }),
            "InvalidParameterValue.RepetitionValue",
        ),
        (
            json!({ "Tags": [{ "TagKey": "a", "TagValue": "v".repeat(256) }] }),
            "InvalidParameterValue",
        ),
        (
            json!({ "VpcId": "v".repeat(256) }),
            "InvalidParameterValue.VpcIdInvalid",
        ),
        (
            json!({ "SubnetId": "s".repeat(256) }),
            "InvalidParameterValue.SubnetIdInvalid",
        ),
        (
            json!({ "CustomSSLCertId": "c".repeat(64 << 10) }),
            "InvalidParameterValue",
        ),
        (
            json!({ "ZoneId": 1 }),
            "InvalidParameterValue.ZoneNotSupport",
        ),
        (
            json!({ "MultiZoneFlag": true, "ZoneIds": [450001, 1] }),
            "InvalidParameterValue.ZoneNotSupport",
        ),
        (json!({ "ZoneIds": [450002] }), "InvalidParameterValue"),
        (
            json!({ "ZoneIds": [450001, 450002] }),
            "InvalidParameterValue",
        ),
        (
            json!({ "MultiZoneFlag": true, "ZoneIds": [450001, 450002, 450001] }),
            "InvalidParameterValue.RepetitionValue",
        ),
        (
            json!({ "MultiZoneFlag": true, "ZoneIds": [450001, 450002, 450002] }),
            "InvalidParameterValue.RepetitionValue",
        ),
        (json!({ "InstanceType": 2 }), "InvalidParameterValue"),
        (
            json!({ "SpecificationsType": "standard", "InstanceType": 9 }),
            "InvalidParameterValue",
        ),
        (
            json!({ "SpecificationsType": "exclusive" }),
            "InvalidParameterValue",
        ),
        // What a row of the standard edition does not have.
        (
            json!({ "SpecificationsType": "standard", "BandWidth": 40, "DiskSize": null }),
            "InvalidParameterValue",
        ),
        (
            json!({ "SpecificationsType": "standard", "Partition": 60, "DiskSize": null }),
            "InvalidParameterValue",
        ),
        (
            json!({ "SpecificationsType": "standard", "Partition": 60, "BandWidth": 40 }),
            "InvalidParameterValue",
        ),
        // A body's types are JSON's.
        (json!({ "VpcId": 7 }), "InvalidParameter"),
        (json!({ "BandWidth": "20" }), "InvalidParameter"),
        (json!({ "MultiZoneFlag": 0 }), "InvalidParameter"),
        (json!({ "BandWidth": 30 }), "InvalidParameterValue"),
        (json!({ "BandWidth": 0 }), "InvalidParameterValue"),
        (json!({ "DiskSize": 250 }), "InvalidParameterValue"),
        (json!({ "DiskSize": 500_100 }), "InvalidParameterValue"),
        (json!({ "DiskType": "CLOUD_TAPE" }), "InvalidParameterValue"),
        (json!({ "Partition": 450 }), "InvalidParameterValue"),
        (json!({ "TopicNum": 250 }), "InvalidParameterValue"),
        (json!({ "MsgRetentionTime": 0 }), "InvalidParameterValue"),
        (
            json!({ "MsgRetentionTime": 43_201 }),
            "InvalidParameterValue",
        ),
        (
            json!({ "PublicNetworkMonthly": 4 }),
            "InvalidParameterValue",
        ),
        (
            json!({ "PublicNetworkMonthly": -3 }),
            "InvalidParameterValue",
        ),
        (json!({ "KafkaVersion": "0.8" }), "InvalidParameterValue"),
        (json!({ "InstanceNum": 0 }), "InvalidParameterValue"),
        (json!({ "InstanceNum": 1_000_000 }), "InvalidParameterValue"),
        (
            json!({ "InstanceName": "x".repeat(129) }),
            "InvalidParameterValue",
        ),
        (
            json!({ "ElasticBandwidthSwitch": 2 }),
            "InvalidParameterValue",
        ),
        (json!({ "NoSuchParameter": 1 }), "UnknownParameter"),
    ];
    let cases = cases
        .into_iter()
        .map(|(changes, expected)| (with(changes), expected))
        .collect();
    check_refused(&plane, "CreatePostPaidInstance", cases).await;
    let listed = result(&plane, "DescribeInstancesDetail", json!({})).await;
    assert_eq!(listed["TotalCount"], 0, "a refused order leaves nothing");
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_takes_the_defaults_of_the_page() {
    let plane = Plane::sandbox().await;
    let least = json!({ "VpcId": "vpc-1", "SubnetId": "subnet-1", "ZoneIds": [100003] });
    let id = bought(&plane, &least).await;
    let shown = result(
        &plane,
        "DescribeInstanceAttributes",
        json!({ "InstanceId": id }),
    )
    .await;
    for (key, expected) in [
        ("InstanceName", json!(id)),
        ("Bandwidth", json!(320)),
        ("DiskSize", json!(500)),
        ("RemainingPartitions", json!(800)),
        ("RemainingTopics", json!(800)),
        ("MsgRetentionTime", json!(1440)),
        ("Version", json!("2.4.1")),
        ("InstanceType", json!("profession")),
        ("Cvm", json!(1)),
        ("PublicNetwork", json!(3)),
        ("ElasticBandwidthSwitch", json!(0)),
        ("ElasticBandwidthOpenStatus", json!(1)),
        ("ZoneId", json!(100003)),
        ("InstanceChargeType", json!("POSTPAID_BY_HOUR")),
    ] {
        assert_eq!(shown[key], expected, "{key}");
    }
    assert_eq!(detail(&plane, &id).await["DiskType"], "CLOUD_BASIC");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_is_shown_again_as_it_was_given() {
    let plane = Plane::sandbox().await;
    let request = with(json!({
        "MsgRetentionTime": 43_200, "KafkaVersion": "3.2.3", "DiskType": "CLOUD_PREMIUM", "BandWidth": 60,
        "TopicNum": 300, "Partition": 1000, "PublicNetworkMonthly": 6, "ElasticBandwidthSwitch": 1, "ClusterId": 5,
        "CustomSSLCertId": "cert-1", "StoreQuantityType": 1,
        "Tags": [{ "TagKey": "team", "TagValue": "data" }, { "TagKey": "env", "TagValue": "" }],
    }));
    let id = bought(&plane, &request).await;
    // Until then the elastic bandwidth is being opened.
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let (listed, shown) = (
        detail(&plane, &id).await,
        result(
            &plane,
            "DescribeInstanceAttributes",
            json!({ "InstanceId": id }),
        )
        .await,
    );
    // In the order in which they were given.
    let tags =
        json!([{ "TagKey": "team", "TagValue": "data" }, { "TagKey": "env", "TagValue": "" }]);
    for (tree, key, expected) in [
        (&shown, "MsgRetentionTime", json!(43_200)),
        (&shown, "CustomCertId", json!("cert-1")),
        (&shown, "ElasticBandwidthSwitch", json!(1)),
        (&shown, "ElasticBandwidthOpenStatus", json!(32)),
        (&shown, "Tags", tags.clone()),
        (&shown, "PublicNetwork", json!(9)),
        (&shown, "FreePartitionNumber", json!(900)),
        (&listed, "Version", json!("3.2.3")),
        (&listed, "DiskType", json!("CLOUD_PREMIUM")),
        (&listed, "Bandwidth", json!(480)),
        (&listed, "MaxTopicNumber", json!(300)),
        (&listed, "MaxPartitionNumber", json!(1000)),
        (&listed, "Tags", tags),
    ] {
        assert_eq!(tree[key], expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_edition_takes_its_figures_from_its_row() {
    let plane = Plane::sandbox().await;
    let kinds = [
        "general",
        "standard",
        "advanced",
        "capacity",
        "specialized-1",
        "specialized-2",
        "specialized-3",
        "specialized-4",
    ];
    let figures = [
        (40, 300, 25, 60),
        (100, 1000, 40, 100),
        (150, 2500, 50, 150),
        (180, 4000, 150, 300),
        (300, 6000, 250, 500),
        (400, 6000, 250, 500),
        (600, 6000, 350, 600),
        (900, 9000, 450, 700),
    ];
    for (number, (kind, (mbps, disk, topics, partitions))) in
        (1..).zip(kinds.into_iter().zip(figures))
    {
        let id = bought(
            &plane,
            &with(json!({
                "SpecificationsType": "standard", "InstanceType": number, "DiskSize": disk, "BandWidth": null,
                "Partition": partitions,
            })),
        )
        .await;
        let shown = detail(&plane, &id).await;
        let found = [
            "InstanceType",
            "Bandwidth",
            "DiskSize",
            "MaxTopicNumber",
            "MaxPartitionNumber",
            "Cvm",
        ]
        .map(|key| &shown[key]);
        let expected = [
            json!(kind),
            json!(mbps * 8),
            json!(disk),
            json!(topics),
            json!(partitions),
            json!(0),
        ];
        assert_eq!(found, expected.each_ref(), "{number}");
    }
    // Disk alone can be bought beyond the row.
    let id = bought(
        &plane,
        &with(json!({
            "SpecificationsType": "standard", "DiskSize": 500, "BandWidth": null, "Partition": null,
        })),
    )
    .await;
    assert_eq!(detail(&plane, &id).await["DiskSize"], 500);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_have_to_be_there_and_to_belong_together() {
    let settings = Settings {
        sandbox: false,
        rate_limits: false,
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    let account = plane.context("ckafka", REGION).await.principal.account_id;
    let network = |id: &str| Network {
        id: NetworkId::new(id),
        profile: "ckafka".into(),
        region: REGION.into(),
        name: id.into(),
        cidr: "10.0.0.0/16".into(),
        created_at: plane.control.now(),
    };
    let subnet = |id: &str, network: &str, zone: &str| Subnet {
        id: SubnetId::new(id),
        network_id: NetworkId::new(network),
        profile: "ckafka".into(),
        region: REGION.into(),
        zone: zone.into(),
        name: id.into(),
        cidr: "10.0.1.0/24".into(),
        created_at: plane.control.now(),
    };
    for id in ["vpc-a", "vpc-b"] {
        plane
            .control
            .network_create(&account, network(id))
            .await
            .unwrap();
    }
    plane
        .control
        .subnet_create(&account, subnet("subnet-a", "vpc-a", "100003"))
        .await
        .unwrap();
    let place = |vpc: &str, subnet: &str, zone: i64| {
        with(json!({ "VpcId": vpc, "SubnetId": subnet, "ZoneId": zone }))
    };
    let cases = vec![
        (
            place("vpc-none", "subnet-a", 100003),
            "InvalidParameterValue.VpcIdInvalid",
        ),
        (
            place("vpc-a", "subnet-none", 100003),
            "InvalidParameterValue.SubnetIdInvalid",
        ),
        (
            place("vpc-b", "subnet-a", 100003),
            "InvalidParameterValue.SubnetIdInvalid",
        ),
        (
            place("vpc-a", "subnet-a", 100004),
            "InvalidParameterValue.SubnetNotBelongToZone",
        ),
    ];
    check_refused(&plane, "CreatePostPaidInstance", cases).await;
    bought(&plane, &place("vpc-a", "subnet-a", 100003)).await;
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_a_second_are_taken() {
    let settings = Settings {
        sandbox: true,
        rate_limits: true,
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    for _ in 0..20 {
        assert_eq!(code(&buy(&plane, &example()).await), "");
    }
    assert_eq!(code(&buy(&plane, &example()).await), "RequestLimitExceeded");
    plane
        .clock
        .set(Moment::from_seconds(plane.control.real_now().seconds() + 1));
    assert_eq!(code(&buy(&plane, &example()).await), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_money_or_no_permission_gets_nothing() {
    let plane = Plane::sandbox().await;
    let poor = stranger(&plane, "poor", Policy::allow_all()).await;
    let batch = with(json!({ "InstanceNum": 3 }));
    let refused = |answer: &brokerage_testkit::Answer| code(answer).to_owned();
    let answer = call_as(&plane, &poor, "CreatePostPaidInstance", batch).await;
    assert_eq!(
        refused(&answer),
        "UnsupportedOperation.OssReject",
        "{}",
        answer.body
    );
    let barred = stranger(
        &plane,
        "barred",
        Policy {
            statements: Vec::new(),
        },
    )
    .await;
    let answer = call_as(&plane, &barred, "CreatePostPaidInstance", example()).await;
    assert_eq!(refused(&answer), "UnauthorizedOperation", "{}", answer.body);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_beyond_the_money_is_refused_whole() {
    let plane = Plane::sandbox().await;
    let key = stranger(&plane, "two", Policy::allow_all()).await;
    let account = plane.control.account_view("two").await.unwrap().id;
    let one: Value = result(&plane, "InquireCkafkaPrice", json!({
        "InstanceType": "profession", "InstanceChargeParam": { "InstanceChargeType": "POSTPAID_BY_HOUR" },
        "Bandwidth": 20, "Partition": 400, "InquiryDiskParam": { "DiskType": "CLOUD_BASIC", "DiskSize": 200 },
    })).await["InstancePrice"]["DiscountPrice"].clone();
    let price: brokerage_domain::money::Money = one.to_string().parse().unwrap();
    let money = price.checked_mul(2).unwrap();
    plane
        .control
        .account_top_up(&account, money, Currency::Cny, "for two")
        .await
        .unwrap();
    let buy = |count: i64| {
        call_as(
            &plane,
            &key,
            "CreatePostPaidInstance",
            with(json!({ "InstanceNum": count })),
        )
    };
    assert_eq!(code(&buy(3).await), "UnsupportedOperation.OssReject");
    assert_eq!(code(&buy(2).await), "");
    assert_eq!(code(&buy(1).await), "UnsupportedOperation.OssReject");
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ports_for_its_brokers_an_order_is_sold_out() {
    let settings = Settings {
        sandbox: true,
        rate_limits: false,
        broker_ports: (20_000, 20_003),
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    bought(&plane, &example()).await;
    check_refused(
        &plane,
        "CreatePostPaidInstance",
        vec![(example(), "ResourceUnavailable")],
    )
    .await;
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_purchase_answers_a_flow_that_can_be_followed() {
    let plane = Plane::sandbox().await;
    let answer = result(&plane, "CreateInstancePost", example()).await;
    let flow = answer["Data"]["FlowId"].as_i64().unwrap();
    assert_eq!(
        answer,
        json!({ "ReturnCode": "0", "ReturnMessage": "ok", "Data": { "FlowId": flow } })
    );
    let listed = result(
        &plane,
        "DescribeInstances",
        json!({ "SearchWord": "test55" }),
    )
    .await;
    let id = listed["InstanceList"][0]["InstanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let task = result(&plane, "DescribeTaskStatus", json!({ "FlowId": flow })).await;
    assert_eq!(task, json!({ "Status": 0, "Output": "" }));
    check_refused(
        &plane,
        "DescribeTaskStatus",
        vec![
            (json!({ "FlowId": 0 }), "ResourceNotFound"),
            (json!({ "FlowId": flow + 1 }), "ResourceNotFound"),
            (json!({ "FlowId": -1 }), "ResourceNotFound"),
            (json!({}), "MissingParameter"),
        ],
    )
    .await;
}

/// Terraform's provider names it; its record formats are older than what the broker speaks.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_sold_is_refused_by_name_with_those_that_are() {
    let plane = Plane::sandbox().await;
    let request = with(json!({ "KafkaVersion": "0.10.2" }));
    let answer = buy(&plane, &request).await;
    assert_eq!(code(&answer), "InvalidParameterValue");
    let told = answer.json["Response"]["Error"]["Message"].as_str();
    let told = told.expect("a message");
    for part in ["`KafkaVersion`", "0.10.2", "1.1.1", "2.4.1"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
