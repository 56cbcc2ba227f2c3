//! The envelope, routes, signatures and replays.

use brokerage_cloud_jd::signing::{JDCLOUD2, JDCLOUD3};
use brokerage_testkit::Plane;
use brokerage_wire::WireRequest;
use http::{HeaderName, HeaderValue, Method};

use crate::{check_refused, example};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn list() -> WireRequest {
    Plane::request(Method::GET, "/v1/regions/cn-north-1/instances", &JSON, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signatures_are_taken() {
    let plane = Plane::sandbox().await;
    for scheme in [&JDCLOUD2, &JDCLOUD3] {
        let answer = plane
            .send(&plane.signed(list(), scheme, "cn-north-1", "kafka"))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_with_401_and_told_what_was_signed() {
    let plane = Plane::sandbox().await;
    let refused = |answer: brokerage_testkit::Answer, part: &str| {
        check_refused(&answer, 401, "UNAUTHENTICATED", part)
    };
    refused(plane.send(&list()).await, "no signature");
    let other = plane.signed_by("NOBODY", "secret", list(), &JDCLOUD3, "cn-north-1", "kafka");
    refused(plane.send(&other).await, "access key");
    let wrong = plane.signed_by(
        "BROKERAGESANDBOX",
        "secret",
        list(),
        &JDCLOUD2,
        "cn-north-1",
        "kafka",
    );
    refused(plane.send(&wrong).await, "JDCLOUD2-HMAC-SHA256\n");
    let sound = plane.signed(list(), &JDCLOUD3, "cn-north-1", "kafka");
    let token = sound.clone().with_header(
        HeaderName::from_static("x-jdcloud-security-token"),
        HeaderValue::from_static("x"),
    );
    assert_eq!(plane.send(&token).await.status, 401);
    let changed = sound
        .with_target("/v1/regions/cn-north-1/instances/")
        .unwrap();
    assert_eq!(plane.send(&changed).await.status, 401);
    let unknown = Plane::request(Method::GET, "/v1/regions/cn-north-1/secrets", &JSON, "");
    refused(plane.send(&unknown).await, "no signature");
    let late = plane.signed(list(), &JDCLOUD3, "cn-north-1", "kafka");
    plane.clock.set(plane.control.now().plus_seconds(86_400));
    refused(plane.send(&late).await, "window");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_counts_once() {
    let plane = Plane::sandbox().await;
    let request = Plane::request(
        Method::POST,
        "/v1/regions/cn-north-1/instances",
        &JSON,
        &example().to_string(),
    );
    let signed = plane.signed(request, &JDCLOUD2, "cn-north-1", "kafka");
    assert_eq!(plane.send(&signed).await.status, 200);
    check_refused(&plane.send(&signed).await, 401, "UNAUTHENTICATED", "before");
    let cx = plane.context("jdkafka", "").await;
    assert_eq!(plane.control.instance_list(&cx).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_is_not_found() {
    let plane = Plane::sandbox().await;
    for (method, path) in [
        (Method::GET, "/topics"),
        (Method::DELETE, "/instances"),
        (Method::POST, "/instances/i:reboot"),
        (Method::GET, "/instances/i/topics"),
    ] {
        check_refused(
            &plane.jd("kafka", method, path, "").await,
            404,
            "NOT_FOUND",
            path,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_an_invalid_argument() {
    let plane = Plane::sandbox().await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"instance\":1}",
        "{\"instance\":{},\"instance\":{}}",
    ] {
        let answer = plane.jd("kafka", Method::POST, "/instances", body).await;
        check_refused(&answer, 400, "INVALID_ARGUMENT", "");
    }
}

/// Clients behind a proxy name the whole address in the request line.
#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_is_served() {
    let plane = Plane::sandbox().await;
    let signed = plane.signed(list(), &JDCLOUD2, "cn-north-1", "kafka");
    let absolute = signed
        .with_target("http://127.0.0.1:8080/v1/regions/cn-north-1/instances")
        .unwrap();
    let answer = plane.send(&absolute).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}
