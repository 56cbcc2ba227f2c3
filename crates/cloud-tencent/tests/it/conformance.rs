//! The table against the vendor's model, with the committed lists of what is left out.

use std::path::PathBuf;

use brokerage_cloud_tencent::ckafka;
use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use brokerage_testkit::conformance::{
    Answers, Conformance, Model, assert_listed, settings_without_effect,
};
use serde_json::{Value, json};

use crate::calls::{bought, call, code, with};

fn conformance() -> Conformance {
    let model = Model::read(include_str!("../../../../models/ckafka.json"));
    Conformance {
        table: &ckafka::TABLE,
        model,
    }
}

fn list(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("coverage/ckafka")
        .join(name)
}

#[test]
fn every_operation_of_the_model_is_served_or_listed() {
    assert_listed(&list("unimplemented.txt"), &conformance().unimplemented());
}

#[test]
fn every_parameter_of_the_model_has_an_effect_or_is_listed() {
    let mut found = conformance().ignored();
    let in_force = brokerage_engine_embedded::SETTINGS;
    found.extend(settings_without_effect(
        &ckafka::convert::SETTINGS,
        in_force,
    ));
    found.extend(ckafka::notes::SHOWN_ONLY.map(str::to_owned));
    assert_listed(&list("ignored-parameters.txt"), &found);
}

#[test]
fn a_request_without_a_required_parameter_is_refused_by_its_name() {
    conformance().assert_required(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_the_model_is_answered_or_listed() {
    let conformance = conformance();
    let plane = Plane::sandbox().await;
    let mut answers = Answers::default();
    let mut record = async |action: &str, request: Value| {
        let answer = call(&plane, action, request.clone()).await;
        assert_eq!(code(&answer), "", "{action} {request}: {}", answer.body);
        answers.record(&conformance.model, action, &answer.json["Response"]);
        answer.json["Response"]["Result"].clone()
    };
    record("CreatePostPaidInstance", with(json!({ "InstanceNum": 2 }))).await;
    record("CreateInstancePost", with(json!({}))).await;
    let tagged = with(
        json!({ "Tags": [{ "TagKey": "team", "TagValue": "a" }], "CustomSSLCertId": "cert-1" }),
    );
    let id = bought(&plane, &tagged).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let instance = json!({ "InstanceId": id });
    let topic = json!({ "InstanceId": id, "TopicName": "t" });
    let created = json!({
        "InstanceId": id, "TopicName": "t", "PartitionNum": 1, "ReplicaNum": 1, "Note": "n", "IpWhiteList": ["10.0.0.1"],
        "Tags": [{ "TagKey": "team", "TagValue": "a" }], "SegmentMs": 86_400_000,
    });
    record("CreateTopic", created).await;
    record(
        "ModifyInstanceAttributes",
        json!({ "InstanceId": id, "Config": { "AutoCreateTopicEnable": false } }),
    )
    .await;
    let larger = json!({ "InstanceId": id, "UpgradeStrategy": 1, "DiskSize": 300 });
    let listed = json!({ "InstanceId": id, "TopicName": "t", "IpWhiteList": ["10.0.0.2"] });
    record("CreateTopicIpWhiteList", listed.clone()).await;
    record("DeleteTopicIpWhiteList", listed).await;
    record("DescribeTypeInstances", json!({})).await;
    record("DescribeCkafkaVersion", instance.clone()).await;
    record("InstanceScalingDown", larger).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    for (action, request) in [
        ("DescribeInstances", json!({})),
        ("DescribeInstancesDetail", instance.clone()),
        ("DescribeInstanceAttributes", instance.clone()),
        ("DescribeTopic", instance.clone()),
        ("DescribeTopicDetail", instance.clone()),
        ("DescribeTopicAttributes", topic.clone()),
        ("DeleteTopic", topic),
        ("DescribeCkafkaZone", json!({})),
        ("DescribeRegion", json!({})),
        (
            "InquireCkafkaPrice",
            json!({ "InstanceType": "profession", "PublicNetworkParam": { "PublicNetworkMonthly": 3 } }),
        ),
    ] {
        record(action, request).await;
    }
    let deleted = record("DeleteInstancePost", instance).await;
    record("DescribeTaskStatus", json!({ "FlowId": deleted["FlowId"] })).await;
    assert_listed(
        &list("absent-response-keys.txt"),
        &answers.absent(&conformance),
    );
}
