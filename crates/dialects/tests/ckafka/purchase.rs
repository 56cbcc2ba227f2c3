//! Purchases: the examples of the vendor's page, its rules and its error codes.

use brokerage_domain::instance::Phase;
use brokerage_testkit::{Answer, Plane};
use serde_json::{Value, json};

const VERSION: &str = "2019-08-19";

/// The first example of "CreatePostPaidInstance".
fn example() -> Value {
    json!({
        "InstanceName": "test55", "VpcId": "vpc-rmcgxxxx", "SubnetId": "subnet-mnzcxxxx", "ZoneId": 450001,
        "InstanceType": 1, "KafkaVersion": "2.4.2", "SpecificationsType": "profession", "DiskSize": 200,
        "BandWidth": 20, "Partition": 400, "DiskType": "CLOUD_BASIC", "PublicNetworkMonthly": 0,
    })
}

/// The example with some parameters changed; `null` takes one away.
fn with(changes: Value) -> Value {
    let mut request = example();
    let fields = request.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => fields.remove(name),
            value => fields.insert(name.clone(), value.clone()),
        };
    }
    request
}

async fn buy(plane: &Plane, request: &Value) -> Answer {
    plane.tencent("CreatePostPaidInstance", VERSION, &request.to_string()).await
}

fn code(answer: &Answer) -> &str {
    answer.json["Response"]["Error"]["Code"].as_str().unwrap_or("")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_example_gives_a_running_instance_and_the_documented_tree() {
    let plane = Plane::sandbox().await;
    let answer = buy(&plane, &example()).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let result = &answer.json["Response"]["Result"];
    let (instance, deal) = (&result["Data"]["InstanceId"], &result["Data"]["DealNames"][0]);
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
    assert!(deal.as_str().is_some_and(|deal| deal.len() == 23 && deal.bytes().all(|b| b.is_ascii_digit())));
    let id = instance.as_str().unwrap();
    plane.wait_for("ckafka", id, Phase::Running).await;
    let body = json!({ "InstanceId": id }).to_string();
    let detail = plane.tencent("DescribeInstancesDetail", VERSION, &body).await;
    let detail = &detail.json["Response"]["Result"]["InstanceList"][0];
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
    assert_eq!(data["DealNames"].as_array().map(Vec::len), Some(1), "{}", answer.body);
    let ids = data["DealNameInstanceIdMapping"][0]["InstanceIdList"].as_array().unwrap();
    assert_eq!(ids.len(), 3);
    let listed = plane.tencent("DescribeInstancesDetail", VERSION, "{}").await;
    let mut names: Vec<String> = listed.json["Response"]["Result"]["InstanceList"]
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
    let answer = buy(&plane, &with(json!({ "MultiZoneFlag": true, "ZoneIds": [450001, 450002, 450003] }))).await;
    let id = &answer.json["Response"]["Result"]["Data"]["InstanceId"];
    let body = json!({ "InstanceIdList": [id] }).to_string();
    let detail = plane.tencent("DescribeInstancesDetail", VERSION, &body).await;
    assert_eq!(detail.json["Response"]["Result"]["InstanceList"][0]["ZoneIds"], json!([450001, 450002, 450003]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_the_page_is_refused_with_its_code() {
    let plane = Plane::sandbox().await;
    for (changes, expected) in [
        (json!({ "VpcId": null }), "MissingParameter"),
        (json!({ "VpcId": "" }), "InvalidParameterValue.NotAllowedEmpty"),
        (json!({ "ZoneId": null }), "InvalidParameterValue.NotAllowedEmpty"),
        (json!({ "ZoneId": "first" }), "InvalidParameter"),
        (json!({ "ZoneId": 1 }), "InvalidParameterValue.ZoneNotSupport"),
        (json!({ "ZoneIds": [450002] }), "InvalidParameterValue"),
        (json!({ "MultiZoneFlag": true, "ZoneIds": [450001, 450002, 450001] }), "InvalidParameterValue.RepetitionValue"),
        (json!({ "MultiZoneFlag": true, "ZoneIds": [450001, 450002, 450002] }), "InvalidParameterValue.RepetitionValue"),
        (json!({ "DiskSize": 250 }), "InvalidParameterValue"),
        (json!({ "Partition": 450 }), "InvalidParameterValue"),
        (json!({ "PublicNetworkMonthly": 4 }), "InvalidParameterValue"),
        (json!({ "KafkaVersion": "0.8" }), "InvalidParameterValue"),
        (json!({ "InstanceNum": 0 }), "InvalidParameterValue"),
        (json!({ "InstanceName": "x".repeat(129) }), "InvalidParameterValue"),
        (json!({ "ElasticBandwidthSwitch": 2 }), "InvalidParameterValue"),
        (json!({ "NoSuchParameter": 1 }), "UnknownParameter"),
    ] {
        let answer = buy(&plane, &with(changes.clone())).await;
        assert_eq!((answer.status, code(&answer)), (200, expected), "{changes}: {}", answer.body);
    }
    let listed = plane.tencent("DescribeInstancesDetail", VERSION, "{}").await;
    assert_eq!(listed.json["Response"]["Result"]["TotalCount"], 0, "a refused order leaves nothing");
    plane.assert_ledger().await;
}
