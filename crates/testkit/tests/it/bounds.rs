//! What a caller sends is not kept, nor sent back, beyond a bound: whatever is wrong with it, in every dialect.

use brokerage_cloud_alibaba::signing::RPC_V1;
use brokerage_cloud_jd::signing::JDCLOUD2;
use brokerage_cloud_tencent::signing::{TC3, V1_SHA256};
use brokerage_control::request_log::{FIELD_BYTES_MAX, MESSAGE_BYTES_MAX};
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_testkit::Plane;
use brokerage_wire::WireRequest;
use http::Method;

/// Characters of two bytes in one parameter: as a form, near the largest body that a listener lets through.
const FORM_CHARS: usize = 150_000;
/// The same in JSON.
const JSON_CHARS: usize = 4_500_000;
/// Largest answer to a refused call, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

async fn check(plane: &Plane, what: &str, request: &WireRequest) {
    let answer = plane.send(request).await;
    assert!(
        answer.body.len() <= ANSWER_BYTES_MAX,
        "{what}: an answer of {} bytes",
        answer.body.len()
    );
    let last = plane.control.requests().last(1).remove(0);
    let message = last.message.expect("all of these are refused");
    assert!(message.len() <= MESSAGE_BYTES_MAX, "{what}");
    let key = last.access_key_id.unwrap_or_default();
    for field in [last.operation, last.outcome, last.request_id, key] {
        assert!(field.len() <= FIELD_BYTES_MAX, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_are_cut_in_answers_and_in_the_log() {
    let plane = Plane::sandbox().await;
    let form = |pairs: &str| {
        let long = "%C3%A9".repeat(FORM_CHARS);
        Plane::request(Method::POST, "/", &[FORM], &format!("{pairs}{long}"))
    };
    let by = |secret: &str, request, scheme| {
        plane.signed_by(
            SANDBOX_KEY_ID,
            secret,
            request,
            scheme,
            "cn-north-1",
            "kafka",
        )
    };
    let aliyun = "Action=GetQuotaTip&Version=2019-09-16&Format=JSON&RegionId=cn-hangzhou";
    let tencent = "Action=DescribeTopic&Version=2019-08-19&Region=ap-guangzhou";
    for (what, secret, pairs, scheme) in [
        (
            "RPC, wrong",
            "wrong",
            format!("{aliyun}&InstanceId="),
            &RPC_V1,
        ),
        (
            "RPC, id",
            SANDBOX_SECRET,
            format!("{aliyun}&InstanceId="),
            &RPC_V1,
        ),
        (
            "RPC, action",
            SANDBOX_SECRET,
            "Version=2019-09-16&Action=".into(),
            &RPC_V1,
        ),
        (
            "RPC, version",
            SANDBOX_SECRET,
            "Action=GetQuotaTip&Version=".into(),
            &RPC_V1,
        ),
        (
            "v1, wrong",
            "wrong",
            format!("{tencent}&InstanceId="),
            &V1_SHA256,
        ),
        (
            "v1, id",
            SANDBOX_SECRET,
            format!("{tencent}&InstanceId="),
            &V1_SHA256,
        ),
        (
            "v1, action",
            SANDBOX_SECRET,
            "Version=2019-08-19&Action=".into(),
            &V1_SHA256,
        ),
        (
            "v1, version",
            SANDBOX_SECRET,
            "Action=DescribeTopic&Version=".into(),
            &V1_SHA256,
        ),
    ] {
        check(&plane, what, &by(secret, form(&pairs), scheme)).await;
    }
    let body = format!("{{\"InstanceId\":\"{}\"}}", "é".repeat(JSON_CHARS));
    let headers = [
        JSON,
        ("x-tc-action", "DescribeTopic"),
        ("x-tc-version", "2019-08-19"),
        ("x-tc-region", "ap-guangzhou"),
    ];
    let tc3 = Plane::request(Method::POST, "/", &headers, &body);
    check(&plane, "TC3, id", &by(SANDBOX_SECRET, tc3, &TC3)).await;
    let long = "%C3%A9".repeat(10_000);
    for path in [
        format!("/v1/regions/cn-north-1/instances/{long}"),
        format!("/v1/regions/cn-north-1/{long}"),
        format!("/v1/regions/cn-north-1/instances/x:{long}"),
    ] {
        let request = Plane::request(Method::GET, &path, &[JSON], "");
        check(&plane, "JD, path", &by(SANDBOX_SECRET, request, &JDCLOUD2)).await;
    }
}
