//! Doors at which others may have read what comes: one signature changes something once, and a call that reads is never
//! sent again as one that changes. And what is read of a request before its body.

use brokerage_cloud_alibaba::signing::{ACS3, RPC_V1};
use brokerage_cloud_jd::signing::{JDCLOUD2, JDCLOUD3};
use brokerage_cloud_tencent::signing::{TC3, V1_SHA256};
use brokerage_domain::id::AccountId;
use brokerage_testkit::{Answer, Plane};
use brokerage_wire::WireRequest;
use brokerage_wire::gateway::{Entrance, Inside};
use brokerage_wire::signing::{Scheme, encode_pairs};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};

/// A door that others hear at.
struct Street;

impl Entrance for Street {
    fn is_exposed(&self) -> bool {
        true
    }

    fn admit(&self, _account: &AccountId) -> bool {
        true
    }
}

/// A door for accounts that hold nothing more.
struct Full;

impl Entrance for Full {
    fn is_exposed(&self) -> bool {
        false
    }

    fn admit(&self, _account: &AccountId) -> bool {
        false
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

const CKAFKA: &str = "2019-08-19";

/// A cluster of CKafka, as its parameters.
const PURCHASE: [(&str, &str); 11] = [
    ("InstanceName", "a"),
    ("VpcId", "vpc-1"),
    ("SubnetId", "subnet-1"),
    ("ZoneId", "100003"),
    ("InstanceType", "1"),
    ("KafkaVersion", "2.4.2"),
    ("SpecificationsType", "profession"),
    ("DiskSize", "200"),
    ("BandWidth", "20"),
    ("Partition", "400"),
    ("DiskType", "CLOUD_BASIC"),
];

fn tc3(action: &str, body: &Value) -> WireRequest {
    let headers = [
        JSON,
        ("x-tc-action", action),
        ("x-tc-version", CKAFKA),
        ("x-tc-region", "ap-guangzhou"),
    ];
    Plane::request(Method::POST, "/", &headers, &body.to_string())
}

/// A purchase, in the words of each cloud.
fn purchase(scheme: &'static Scheme) -> WireRequest {
    if *scheme == TC3 {
        let value = |(name, text): (&str, &str)| {
            let number = text.parse::<i64>().map(Value::from);
            (name.to_owned(), number.unwrap_or_else(|_| text.into()))
        };
        let body: Map<String, Value> = PURCHASE.into_iter().map(value).collect();
        return tc3("CreatePostPaidInstance", &body.into());
    }
    if *scheme == V1_SHA256 {
        let query = encode_pairs(PURCHASE);
        let common = "Action=CreatePostPaidInstance&Region=ap-guangzhou";
        let target = format!("/?{common}&Version={CKAFKA}&{query}");
        return Plane::request(Method::GET, &target, &[], "");
    }
    let body = json!({ "instance": {
        "vpcId": "vpc-1", "subnetId": "subnet-1", "instanceVersion": "1.0.2", "instanceName": "a",
        "azId": ["cn-north-1a"], "instanceClassSpec": [{
            "role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCount": 3,
            "nodeDiskType": "ssd.io1", "nodeDiskGB": 100,
        }],
    }});
    let path = "/v1/regions/cn-north-1/instances";
    Plane::request(Method::POST, path, &[JSON], &body.to_string())
}

async fn bought(plane: &Plane, scheme: &'static Scheme) -> usize {
    let profile = match *scheme == JDCLOUD2 || *scheme == JDCLOUD3 {
        true => "jdkafka",
        false => "ckafka",
    };
    let cx = plane.context(profile, "").await;
    let instances = plane.control.instance_list(&cx).await;
    instances.expect("a list").len()
}

fn is_done(answer: &Answer) -> bool {
    answer.status == 200 && answer.json["Response"]["Error"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signature_changes_something_once_where_others_may_have_read_it() {
    for scheme in [&TC3, &V1_SHA256, &JDCLOUD2, &JDCLOUD3] {
        let plane = Plane::sandbox().await;
        let call = || plane.signed(purchase(scheme), scheme, "cn-north-1", "kafka");
        let captured = call();
        let first = plane.send_at(&Street, &captured).await;
        assert!(is_done(&first), "{scheme}: {}", first.body);
        let mut again = vec![captured.clone()];
        if *scheme == JDCLOUD3 {
            let other = HeaderValue::from_static("another");
            again.push(captured.with_header(HeaderName::from_static("x-jdcloud-nonce"), other));
        }
        for repeated in again {
            for _ in 0..2 {
                let answer = plane.send_at(&Street, &repeated).await;
                assert!(!is_done(&answer), "{scheme}: {}", answer.body);
            }
        }
        assert_eq!(bought(&plane, scheme).await, 1, "{scheme}");
        // Signed anew it is another call.
        plane.clock.set(plane.control.now().plus_seconds(1));
        let next = plane.send_at(&Street, &call()).await;
        assert!(is_done(&next), "{scheme}: {}", next.body);
    }
}

/// Loops send equal orders within one second: their signatures are the same, and each counts.
#[tokio::test(flavor = "multi_thread")]
async fn equal_calls_of_one_second_count_where_nobody_else_hears() {
    let plane = Plane::sandbox().await;
    let request = plane.signed(purchase(&TC3), &TC3, "", "kafka");
    for _ in 0..3 {
        let answer = plane.send_at(&Inside, &request).await;
        assert!(is_done(&answer), "{}", answer.body);
    }
    assert_eq!(bought(&plane, &TC3).await, 3);
}

/// TC3's clients do not sign the name of the operation.
#[tokio::test(flavor = "multi_thread")]
async fn what_read_is_not_sent_again_as_a_change() {
    let plane = Plane::sandbox().await;
    let read = tc3("DescribeInstances", &json!({"InstanceId": "ckafka-1"}));
    let read = plane.signed(read, &TC3, "", "ckafka");
    for _ in 0..2 {
        let answer = plane.send_at(&Street, &read).await;
        assert!(is_done(&answer), "{}", answer.body);
    }
    let action = HeaderName::from_static("x-tc-action");
    let changed = read.with_header(action, HeaderValue::from_static("DeleteInstancePost"));
    let answer = plane.send_at(&Street, &changed).await;
    let code = answer.json["Response"]["Error"]["Code"].as_str();
    assert_eq!(code, Some("RequestLimitExceeded"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_holds_too_much_is_throttled_in_its_words() {
    let plane = Plane::sandbox().await;
    for (scheme, code) in [
        (&TC3, "RequestLimitExceeded"),
        (&V1_SHA256, "RequestLimitExceeded"),
        (&JDCLOUD3, "RESOURCE_EXHAUSTED"),
    ] {
        let call = plane.signed(purchase(scheme), scheme, "cn-north-1", "vpc");
        let answer = plane.send_at(&Full, &call).await;
        assert!(answer.body.contains(code), "{scheme}: {}", answer.body);
    }
}

fn without_body(request: &WireRequest) -> WireRequest {
    request.clone().with_body(Bytes::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_looked_at_before_its_body() {
    let plane = Plane::sandbox().await;
    let alibaba = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-acs-action", "DescribeVpcs"),
        ("x-acs-version", "2016-04-28"),
    ];
    let acs3 = || Plane::request(Method::POST, "/", &alibaba, "RegionId=cn-hangzhou");
    let query = "/?Action=DescribeVpcs&Version=2016-04-28";
    let rpc = || Plane::request(Method::GET, query, &[], "");
    for (scheme, request) in [
        (&ACS3, acs3()),
        (&RPC_V1, rpc()),
        (&TC3, purchase(&TC3)),
        (&JDCLOUD3, purchase(&JDCLOUD3)),
    ] {
        let sound = plane.signed(request.clone(), scheme, "cn-north-1", "vpc");
        assert!(
            plane
                .gateway
                .check_head(&without_body(&sound))
                .await
                .is_ok(),
            "{scheme}"
        );
        let unknown = plane.signed_by("NOBODY", "x", request.clone(), scheme, "cn-north-1", "vpc");
        let refused = plane.gateway.check_head(&without_body(&unknown)).await;
        assert!(refused.is_err(), "{scheme}: an unknown key");
        let refused = plane.gateway.check_head(&without_body(&request)).await;
        assert!(refused.is_err(), "{scheme}: no signature");
        let now = plane.control.now();
        plane.clock.set(now.plus_seconds(3_600));
        let refused = plane.gateway.check_head(&without_body(&sound)).await;
        assert!(refused.is_err(), "{scheme}: an hour late");
        plane.clock.set(now);
    }
    // Where the head declares the body, the signature is proved at once; the body then has to be that one.
    let id = "BROKERAGESANDBOX";
    let forged = plane.signed_by(id, "guessed", acs3(), &ACS3, "", "vpc");
    assert!(
        plane
            .gateway
            .check_head(&without_body(&forged))
            .await
            .is_err()
    );
    let other = plane
        .signed(acs3(), &ACS3, "", "vpc")
        .with_body("RegionId=cn-beijing");
    assert!(
        plane
            .gateway
            .check_head(&without_body(&other))
            .await
            .is_ok()
    );
    assert_ne!(plane.send(&other).await.status, 200);
}
