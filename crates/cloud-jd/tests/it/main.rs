//! JD Cloud, bytes in and bytes out, over a whole control plane without Kafka.

#![expect(clippy::unwrap_used, reason = "a test panics where it goes wrong")]

mod change;
mod conformance;
mod effect;
mod golden;
mod instances;
mod life;
mod network;
mod purchase;
mod wire;

use brokerage_control::sandbox::SANDBOX_ACCOUNT;
use brokerage_domain::instance::Phase;
use brokerage_domain::money::{Currency, Money};
use brokerage_testkit::{Answer, Plane};
use http::Method;
use serde_json::{Value, json};

/// What every account has in the sandbox, in whole units.
const SANDBOX_MONEY: i64 = brokerage_control::sandbox::SANDBOX_UNITS;

/// A purchase at its shortest, in classes of the catalog: three nodes, 2.70 an hour.
fn example() -> Value {
    json!({
        "instance": {
            "vpcId": "vpc-1",
            "subnetId": "subnet-1",
            "instanceVersion": "1.0.2",
            "instanceName": "orders",
            "azId": ["cn-north-1a"],
            "instanceClassSpec": [{
                "role": "broker",
                "nodeClassCode": "kafka.broker.n1.xsmall",
                "nodeCount": 3,
                "nodeDiskType": "ssd.io1",
                "nodeDiskGB": 100,
            }],
        },
    })
}

/// The example with members replaced, named by JSON pointer; `null` takes one away.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut body = example();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let members = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.to_owned(), value.clone()),
        };
    }
    body
}

/// The pointer of the example's group of brokers.
fn node(name: &str) -> String {
    format!("/instance/instanceClassSpec/0/{name}")
}

async fn create(plane: &Plane, body: &Value) -> Answer {
    plane
        .jd("kafka", Method::POST, "/instances", &body.to_string())
        .await
}

/// Buys the body and waits until it runs.
async fn running(plane: &Plane, body: &Value) -> String {
    let answer = create(plane, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.json["result"]["instanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    id
}

async fn get(plane: &Plane, path: &str) -> Answer {
    plane.jd("kafka", Method::GET, path, "").await
}

async fn describe(plane: &Plane, id: &str) -> Value {
    let answer = get(plane, &format!("/instances/{id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json["result"]["instance"].clone()
}

async fn delete(plane: &Plane, id: &str) -> Answer {
    plane
        .jd("kafka", Method::DELETE, &format!("/instances/{id}"), "")
        .await
}

/// Asserts a refusal: the status twice, its name, a request id, and a message that holds `part`.
fn check_refused(answer: &Answer, status: u16, name: &str, part: &str) {
    let error = &answer.json["error"];
    let id = answer.json["requestId"].as_str().unwrap_or_default();
    assert_eq!(
        (answer.status, &error["code"], &error["status"]),
        (status, &json!(status), &json!(name)),
        "{}",
        answer.body
    );
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|message| message.contains(part)),
        "{part}: {}",
        answer.body
    );
    assert!(
        !id.is_empty() && answer.headers["x-jdcloud-request-id"] == id,
        "{}",
        answer.body
    );
    assert!(answer.json.get("result").is_none());
}

/// What the sandbox account has spent and what is held, in millionths of CNY.
async fn spent_and_held(plane: &Plane) -> (i64, i64) {
    let account = plane.control.account_view(SANDBOX_ACCOUNT).await.unwrap();
    let balance = plane
        .control
        .account_balance(&account.id, Currency::Cny)
        .await
        .unwrap();
    let all = Money::from_units(SANDBOX_MONEY).unwrap().micros();
    (all - balance.posted.micros(), balance.held.micros())
}
