//! AliKafka and its VPC, bytes in and bytes out, over a whole control plane without Kafka.

mod change;
mod conformance;
mod effect;
mod endpoint;
mod groups;
mod lifecycle;
mod purchase;
mod recorded;
mod tags;
mod term;
mod topic_edits;
mod topics;
mod users;
mod vpc;
mod wire;

use brokerage_domain::instance::Phase;
use brokerage_testkit::{Answer, Plane};
use serde_json::Value;

/// AliKafka's API version.
const VERSION: &str = "2019-09-16";
/// The region of all tests.
const REGION: &str = "cn-hangzhou";

/// The example of "CreatePostPayOrder".
const EXAMPLE: [(&str, &str); 8] = [
    ("RegionId", REGION),
    ("TopicQuota", "50"),
    ("DiskType", "1"),
    ("DiskSize", "900"),
    ("DeployType", "5"),
    ("IoMax", "20"),
    ("SpecType", "normal"),
    ("IoMaxSpec", "alikafka.hw.2xlarge"),
];

/// Parameters with some of them changed or added; an empty name of a value takes one away.
fn with<'a>(
    base: &[(&'a str, &'a str)],
    changes: &[(&'a str, Option<&'a str>)],
) -> Vec<(&'a str, &'a str)> {
    let kept = base
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let added = changes
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)));
    kept.copied().chain(added).collect()
}

async fn call(plane: &Plane, action: &str, params: &[(&str, &str)]) -> Answer {
    plane.aliyun(action, VERSION, params).await
}

/// A call that has to succeed, in the region of all tests.
async fn done(plane: &Plane, action: &str, params: &[(&str, &str)]) -> Value {
    let answer = call(plane, action, &with(params, &[("RegionId", Some(REGION))])).await;
    assert_eq!(answer.status, 200, "{action}: {}", answer.body);
    answer.json
}

/// A call that has to be refused: its status and code.
async fn refused(plane: &Plane, action: &str, params: &[(&str, &str)]) -> (u16, String) {
    let answer = call(plane, action, &with(params, &[("RegionId", Some(REGION))])).await;
    assert_ne!(
        answer.json["Message"].as_str().unwrap_or(""),
        "",
        "{action}: {}",
        answer.body
    );
    (answer.status, code(&answer).to_owned())
}

fn code(answer: &Answer) -> &str {
    answer.json["Code"].as_str().unwrap_or("")
}

/// Buys by some parameters: the order's id and the instance's.
async fn bought(plane: &Plane, params: &[(&str, &str)]) -> (String, String) {
    let order = done(plane, "CreatePostPayOrder", params).await["OrderId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let listed = done(plane, "GetInstanceList", &[("OrderId", &order)]).await;
    let id = listed["InstanceList"]["InstanceVO"][0]["InstanceId"]
        .as_str()
        .expect("an id")
        .to_owned();
    (order, id)
}

/// Starts an instance and waits until it runs.
async fn started(plane: &Plane, id: &str, params: &[(&str, Option<&str>)]) {
    let start = [
        ("InstanceId", id),
        ("VpcId", "vpc-1"),
        ("VSwitchId", "vsw-1"),
    ];
    done(plane, "StartInstance", &with(&start, params)).await;
    plane.wait_for("alikafka", id, Phase::Running).await;
}

/// An instance by the example, running.
async fn running(plane: &Plane) -> String {
    let (_, id) = bought(plane, &EXAMPLE).await;
    started(plane, &id, &[]).await;
    id
}

/// What GetInstanceList says of one instance; null when it says nothing.
async fn shown(plane: &Plane, id: &str) -> Value {
    let mut listed = done(plane, "GetInstanceList", &[("InstanceId.1", id)]).await;
    listed["InstanceList"]["InstanceVO"]
        .get_mut(0)
        .map(Value::take)
        .unwrap_or_default()
}
