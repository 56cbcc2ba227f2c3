//! The table held against the vendor's model, through the committed lists of what is not served.

use std::path::PathBuf;

use brokerage_cloud_alibaba::alikafka::topic_config::SHOWN_ONLY;
use brokerage_cloud_alibaba::alikafka::{TABLE, config, notes};
use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use brokerage_testkit::conformance::{
    Answers, Conformance, Model, assert_listed, settings_without_effect,
};
use brokerage_wire::operation::RegionUse;

use super::{EXAMPLE, REGION, VERSION, call, with};

fn conformance() -> Conformance {
    Conformance {
        table: &TABLE,
        model: Model::read(include_str!("../../../../../models/alikafka.json")),
    }
}

fn list(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("coverage/alikafka")
        .join(name)
}

#[test]
fn operations_without_a_row_are_listed() {
    assert_eq!(TABLE.version, VERSION);
    assert_listed(&list("unimplemented.txt"), &conformance().unimplemented());
}

#[test]
fn parameters_without_effect_are_listed_with_a_reason() {
    let mut found = conformance().ignored();
    // The model knows `Config` as a text.
    let shown_only = SHOWN_ONLY.map(|member| format!("CreateTopic.Config.{member}"));
    found.extend(shown_only);
    for operation in ["StartInstance", "UpdateInstanceConfig"] {
        let shown_only = config::SHOWN_ONLY.map(|member| format!("{operation}.Config.{member}"));
        found.extend(shown_only);
    }
    found.extend(notes::SHOWN_ONLY.map(str::to_owned));
    found.extend(settings_without_effect(
        &config::SETTINGS,
        brokerage_engine_embedded::SETTINGS,
    ));
    assert_listed(&list("ignored-parameters.txt"), &found);
}

#[test]
fn a_region_is_required_where_the_model_requires_it() {
    let model = conformance().model;
    for row in TABLE.rows {
        let operation = model.operation(row.name).expect("the model has it");
        let required = operation
            .required_paths()
            .iter()
            .any(|path| path == &["RegionId"]);
        let region = row.region.unwrap_or(TABLE.region);
        assert_eq!(region == RegionUse::Required, required, "{}", row.name);
    }
}

#[test]
fn required_parameters_are_named_when_they_are_missing() {
    // Without VSwitchId, VSwitchIds says it: the operation checks that one of them is there.
    conformance().assert_required(&["StartInstance.VSwitchId"]);
}

/// Makes a call and takes its answer down.
async fn record(
    plane: &Plane,
    answers: &mut Answers,
    action: &str,
    params: &[(&str, &str)],
) -> serde_json::Value {
    let answer = call(plane, action, &with(params, &[("RegionId", Some(REGION))])).await;
    assert_eq!(answer.status, 200, "{action}: {}", answer.body);
    answers.record(&conformance().model, action, &answer.json);
    answer.json
}

/// A running subscription.
async fn subscribed(plane: &Plane, answers: &mut Answers) -> String {
    let bought = record(
        plane,
        answers,
        "CreatePrePayInstance",
        &with(
            &EXAMPLE,
            &[("TopicQuota", None), ("PartitionNum", Some("50"))],
        ),
    )
    .await;
    let id = bought["Data"]["InstanceId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let start = [
        ("InstanceId", id.as_str()),
        ("VpcId", "vpc-2"),
        ("VSwitchId", "vsw-2"),
    ];
    record(plane, answers, "StartInstance", &start).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_hold_the_models_keys_and_types_or_the_keys_are_listed() {
    let plane = Plane::sandbox().await;
    let mut answers = Answers::default();
    let order = with(
        &EXAMPLE,
        &[
            ("SpecType", Some("professional")),
            ("ResourceGroupId", Some("rg-1")),
            ("Tag.1.Key", Some("k")),
            ("Tag.1.Value", Some("v")),
        ],
    );
    let order = record(&plane, &mut answers, "CreatePostPayOrder", &order).await["OrderId"]
        .as_str()
        .unwrap()
        .to_owned();
    let listed = record(
        &plane,
        &mut answers,
        "GetInstanceList",
        &[("OrderId", &order)],
    )
    .await;
    let id = listed["InstanceList"]["InstanceVO"][0]["InstanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    let by_spec = with(
        &EXAMPLE,
        &[("TopicQuota", None), ("PartitionNum", Some("50"))],
    );
    for action in [
        "CreatePostPayInstance",
        "CreatePrePayInstance",
        "CreatePrePayOrder",
    ] {
        record(&plane, &mut answers, action, &by_spec).await;
    }
    let prepaid = subscribed(&plane, &mut answers).await;
    let more = [("InstanceId", prepaid.as_str()), ("DiskSize", "1000")];
    record(&plane, &mut answers, "UpgradePrePayOrder", &more).await;
    let of = [("InstanceId", id.as_str())];
    let group = [("ResourceId", id.as_str()), ("NewResourceGroupId", "rg-2")];
    record(&plane, &mut answers, "ChangeResourceGroup", &group).await;
    let start = [
        ("VpcId", Some("vpc-1")),
        ("VSwitchIds.1", Some("vsw-1")),
        ("SelectedZones", Some(r#"[["zoneh"],["zonek"]]"#)),
        ("SecurityGroup", Some("sg-1")),
        ("KMSKeyId", Some("key-1")),
    ];
    record(&plane, &mut answers, "StartInstance", &with(&of, &start)).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    let topic = with(&of, &[("Topic", Some("topic"))]);
    let resource = format!("Kafka_{id}_topic");
    let tagged = [
        ("ResourceType", "TOPIC"),
        ("ResourceId.1", resource.as_str()),
    ];
    for (action, params) in [
        ("GetInstanceList", vec![("InstanceId.1", id.as_str())]),
        ("GetAllInstanceIdList", vec![]),
        (
            "ModifyInstanceName",
            with(&of, &[("InstanceName", Some("name"))]),
        ),
        ("UpdateInstanceConfig", with(&of, &[("Config", Some("{}"))])),
        ("CreateTopic", with(&topic, &[("Remark", Some("remark"))])),
        (
            "ModifyTopicRemark",
            with(&topic, &[("Remark", Some("other"))]),
        ),
        (
            "TagResources",
            with(
                &tagged,
                &[("Tag.1.Key", Some("k")), ("Tag.1.Value", Some("v"))],
            ),
        ),
        ("ListTagResources", tagged.to_vec()),
        ("GetTopicList", of.to_vec()),
        ("UntagResources", with(&tagged, &[("TagKey.1", Some("k"))])),
        ("GetQuotaTip", of.to_vec()),
        ("DeleteTopic", topic.clone()),
        (
            "UpgradePostPayOrder",
            with(&of, &[("DiskSize", Some("1000"))]),
        ),
    ] {
        record(&plane, &mut answers, action, &params).await;
    }
    plane.wait_for("alikafka", &id, Phase::Running).await;
    let less = with(&of, &[("DiskSize", Some("900"))]);
    record(&plane, &mut answers, "DowngradePostPayOrder", &less).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    record(&plane, &mut answers, "ReleaseInstance", &of).await;
    plane.wait_for("alikafka", &id, Phase::Released).await;
    record(&plane, &mut answers, "DeleteInstance", &of).await;
    assert_listed(
        &list("absent-response-keys.txt"),
        &answers.absent(&conformance()),
    );
}
