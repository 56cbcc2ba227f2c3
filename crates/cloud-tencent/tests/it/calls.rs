//! Calls that most tests make.

use brokerage_cloud_tencent::signing::TC3;
use brokerage_control::access_key::NewKey;
use brokerage_domain::access::Policy;
use brokerage_domain::id::AccessKeyId;
use brokerage_domain::instance::Phase;
use brokerage_testkit::{Answer, Plane};
use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

pub const VERSION: &str = "2019-08-19";
pub const REGION: &str = "ap-guangzhou";
/// Looks at a task before a test gives up on it.
const LOOKS_MAX: usize = 10_000;

/// The first example of "CreatePostPaidInstance".
pub fn example() -> Value {
    json!({
        "InstanceName": "test55", "VpcId": "vpc-rmcgxxxx", "SubnetId": "subnet-mnzcxxxx", "ZoneId": 450001,
        "InstanceType": 1, "KafkaVersion": "2.4.2", "SpecificationsType": "profession", "DiskSize": 200,
        "BandWidth": 20, "Partition": 400, "DiskType": "CLOUD_BASIC", "PublicNetworkMonthly": 0,
    })
}

/// The example with some parameters changed; `null` takes one away.
pub fn with(changes: Value) -> Value {
    changed(example(), &changes)
}

/// A request with some parameters changed; `null` takes one away.
pub fn changed(mut request: Value, changes: &Value) -> Value {
    let fields = request.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => fields.remove(name),
            value => fields.insert(name.clone(), value.clone()),
        };
    }
    request
}

pub async fn call(plane: &Plane, action: &str, request: Value) -> Answer {
    plane.tencent(action, VERSION, &request.to_string()).await
}

/// The `Result` of a call that has to succeed.
pub async fn result(plane: &Plane, action: &str, request: Value) -> Value {
    let answer = call(plane, action, request.clone()).await;
    assert_eq!(
        (answer.status, code(&answer)),
        (200, ""),
        "{action} {request}: {}",
        answer.body
    );
    answer.json["Response"]["Result"].clone()
}

pub async fn buy(plane: &Plane, request: &Value) -> Answer {
    call(plane, "CreatePostPaidInstance", request.clone()).await
}

pub fn code(answer: &Answer) -> &str {
    answer.json["Response"]["Error"]["Code"]
        .as_str()
        .unwrap_or("")
}

/// Asserts that each call is refused with its code, with status 200 and the one content type.
pub async fn check_refused(plane: &Plane, action: &str, cases: Vec<(Value, &str)>) {
    for (request, expected) in cases {
        let answer = call(plane, action, request.clone()).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (200, expected),
            "{action} {request}: {}",
            answer.body
        );
        assert_eq!(answer.headers["content-type"], "application/json");
        assert!(
            answer.json["Response"]["RequestId"].is_string(),
            "{}",
            answer.body
        );
        assert!(
            answer.json["Response"]["Error"]["Message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
}

/// Buys what `request` says and answers the id of the first instance.
pub async fn bought(plane: &Plane, request: &Value) -> String {
    let answer = buy(plane, request).await;
    let id = answer.json["Response"]["Result"]["Data"]["InstanceId"].as_str();
    id.unwrap_or_else(|| panic!("{request}: {}", answer.body))
        .to_owned()
}

/// Buys the example and waits until it runs.
pub async fn running(plane: &Plane) -> String {
    let id = bought(plane, &example()).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    id
}

/// The entry of one instance in DescribeInstancesDetail; null when it is not listed.
pub async fn detail(plane: &Plane, id: &str) -> Value {
    result(
        plane,
        "DescribeInstancesDetail",
        json!({ "InstanceId": id }),
    )
    .await["InstanceList"][0]
        .clone()
}

/// Waits until a task is done.
pub async fn flow_done(plane: &Plane, flow: &Value) {
    for _ in 0..LOOKS_MAX {
        match result(plane, "DescribeTaskStatus", flow.clone()).await["Status"].as_i64() {
            Some(0) => return,
            Some(2) => tokio::task::yield_now().await,
            other => panic!("the task {flow} is {other:?}"),
        }
    }
    panic!("the task {flow} does not end");
}

/// Makes an account of its own with a key, without money.
pub async fn stranger(plane: &Plane, name: &str, policy: Policy) -> (String, String) {
    let account = plane.control.account_create(name).await.unwrap();
    let (id, secret) = (format!("AKID{name}"), format!("secret-of-{name}"));
    let key = NewKey {
        id: Some(AccessKeyId::new(id.as_str())),
        secret: Some(SecretString::from(secret.as_str())),
        session_token: None,
        policy,
    };
    plane
        .control
        .access_key_create(&account.id, key)
        .await
        .unwrap();
    (id, secret)
}

/// A call that another key signs.
pub async fn call_as(
    plane: &Plane,
    key: &(String, String),
    action: &str,
    request: Value,
) -> Answer {
    let headers = [
        ("content-type", "application/json"),
        ("x-tc-action", action),
        ("x-tc-version", VERSION),
        ("x-tc-region", REGION),
    ];
    let request = Plane::request(Method::POST, "/", &headers, &request.to_string());
    plane
        .send(&plane.signed_by(&key.0, &key.1, request, &TC3, REGION, "ckafka"))
        .await
}
