//! The tables held against the vendor's model; the lists are `coverage/jdkafka` and `coverage/jdvpc`.

use std::path::PathBuf;

use brokerage_cloud_jd::{kafka, vpc};
use brokerage_domain::instance::Phase;
use brokerage_testkit::Answer;
use brokerage_testkit::conformance::{Answers, Conformance, Model, assert_listed};
use http::Method;
use serde_json::{Value, json};

use crate::network::{ask, plane_with_networks};
use crate::{create, delete, example, get};

const MODEL: &str = include_str!("../../../../models/jdkafka.json");

fn kafka() -> Conformance {
    Conformance {
        table: &kafka::TABLE,
        model: Model::read(MODEL),
    }
}

/// The companion's operations stand apart in the file, and some of its shapes are Kafka's.
fn vpc() -> Conformance {
    let tree: Value = serde_json::from_str(MODEL).unwrap();
    let companion = &tree["companion_services"]["vpc"];
    let mut shapes = tree["shapes"].clone();
    for (name, shape) in companion["shapes"].as_object().unwrap() {
        shapes[name] = shape.clone();
    }
    let model = json!({ "operations": companion["operations"], "shapes": shapes });
    Conformance {
        table: &vpc::TABLE,
        model: Model::read(&model.to_string()),
    }
}

fn both() -> [(&'static str, Conformance); 2] {
    [("jdkafka", kafka()), ("jdvpc", vpc())]
}

fn list(dialect: &str, name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "coverage", dialect, name]
        .iter()
        .collect()
}

#[test]
fn every_operation_is_served_or_listed() {
    for (dialect, conformance) in both() {
        assert_listed(
            &list(dialect, "unimplemented.txt"),
            &conformance.unimplemented(),
        );
    }
}

#[test]
fn every_parameter_is_read_and_those_without_effect_are_listed() {
    for (dialect, conformance) in both() {
        assert_listed(
            &list(dialect, "ignored-parameters.txt"),
            &conformance.ignored(),
        );
    }
}

#[test]
fn a_missing_required_parameter_is_named() {
    for (_, conformance) in both() {
        conformance.assert_required(&[]);
    }
}

/// The answer without its envelope.
fn result(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
        .json
        .get("result")
        .cloned()
        .unwrap_or_else(|| json!({}))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_key_is_the_models_and_absent_ones_are_listed() {
    let plane = plane_with_networks().await;
    let [(_, kafka), (_, vpc)] = both();
    let (mut of_kafka, mut of_vpc) = (Answers::default(), Answers::default());
    let bought = result(create(&plane, &example()).await);
    let id = bought["instanceId"].as_str().unwrap().to_owned();
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    let one = format!("/instances/{id}");
    let grow = json!({ "instanceClassSpec": [{ "role": "broker", "nodeCount": 4 }] }).to_string();
    of_kafka.record(&kafka.model, "createInstance", &bought);
    of_kafka.record(
        &kafka.model,
        "describeInstances",
        &result(get(&plane, "/instances").await),
    );
    of_kafka.record(
        &kafka.model,
        "describeInstance",
        &result(get(&plane, &one).await),
    );
    let changed = plane
        .jd(
            "kafka",
            Method::POST,
            &format!("{one}:modifyInstanceSpec"),
            &grow,
        )
        .await;
    of_kafka.record(&kafka.model, "modifyInstanceSpec", &result(changed));
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    of_kafka.record(
        &kafka.model,
        "deleteInstance",
        &result(delete(&plane, &id).await),
    );
    assert_listed(
        &list("jdkafka", "absent-response-keys.txt"),
        &of_kafka.absent(&kafka),
    );
    for (operation, path) in [
        ("describeVpcs", "/vpcs/"),
        ("describeSubnets", "/subnets/"),
        ("describeSubnet", "/subnets/subnet-1"),
    ] {
        of_vpc.record(&vpc.model, operation, &result(ask(&plane, path).await));
    }
    assert_listed(
        &list("jdvpc", "absent-response-keys.txt"),
        &of_vpc.absent(&vpc),
    );
}
