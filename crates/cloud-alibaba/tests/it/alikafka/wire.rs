//! The gateway: every way in which a client sends a call, both formats of answers, and what is refused before an
//! operation is asked.

use brokerage_cloud_alibaba::signing::{ACS3, RPC_V1};
use brokerage_control::Settings;
use brokerage_testkit::{Plane, PlaneOptions};
use brokerage_wire::WireRequest;
use brokerage_wire::signing::Scheme;
use http::Method;

use super::{EXAMPLE, VERSION, code};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const ACTION_HEADERS: [(&str, &str); 2] = [
    ("x-acs-action", "CreatePostPayOrder"),
    ("x-acs-version", VERSION),
];
const NAMED: &str = "Action=CreatePostPayOrder&Version=2019-09-16";

fn business() -> String {
    let pairs: Vec<String> = EXAMPLE
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn post(target: &str, headers: &[(&str, &str)], body: &str) -> WireRequest {
    Plane::request(Method::POST, target, headers, body)
}

/// The example's order, as each client sends it: the request before it is signed, and how it is.
fn transports() -> Vec<(&'static str, &'static Scheme, WireRequest)> {
    let (all, v1) = (business(), &RPC_V1);
    let query = |rest: &str| format!("/?{NAMED}&{rest}{all}");
    let form_headers = [&ACTION_HEADERS[..], &[FORM]].concat();
    let json_headers = [&ACTION_HEADERS[..], &[("accept", "application/json")]].concat();
    let get = Plane::request(Method::GET, &query("Format=JSON&"), &[], "");
    vec![
        (
            "Python classic",
            v1,
            post(&query("Format=JSON&SignatureType=&"), &ACTION_HEADERS, ""),
        ),
        ("Python classic, GET", v1, get),
        (
            "Python and Node, Tea",
            &ACS3,
            post(&format!("/?{all}"), &json_headers, ""),
        ),
        (
            "ACS3 is JSON, whatever is said",
            &ACS3,
            post(&format!("/?Format=XML&{all}"), &ACTION_HEADERS, ""),
        ),
        (
            "Tea with a form body",
            &ACS3,
            post("/", &form_headers, &all),
        ),
        (
            "Python Tea, first signature",
            v1,
            post(&query("Format=json&"), &ACTION_HEADERS, ""),
        ),
        (
            "Node pop-core",
            v1,
            post("/", &[FORM], &format!("{NAMED}&Format=JSON&{all}")),
        ),
        (
            "Terraform",
            v1,
            post(&format!("/?{NAMED}&Format=json"), &form_headers, &all),
        ),
        (
            "the same parameter in query and body",
            v1,
            post(&query("Format=json&"), &[FORM], &all),
        ),
        (
            "through a proxy",
            v1,
            post(
                &format!("http://127.0.0.1:8080{}", query("Format=JSON&")),
                &[],
                "",
            ),
        ),
        (
            "only an Accept header",
            v1,
            post(&query(""), &[("accept", "application/json")], ""),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_of_a_call_is_understood_and_answered_in_json() {
    let plane = Plane::sandbox().await;
    for (client, scheme, request) in transports() {
        let answer = plane.send(&plane.signed(request, scheme, "", "")).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.body);
        assert_eq!(
            answer.headers["content-type"], "application/json;charset=utf-8",
            "{client}"
        );
        assert_eq!(answer.json["Success"], true, "{client}: {}", answer.body);
        assert_eq!(
            answer.headers["x-acs-request-id"],
            answer.json["RequestId"].as_str().unwrap(),
            "{client}"
        );
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_for_json_the_answer_is_xml() {
    let plane = Plane::sandbox().await;
    let target = format!("/?{NAMED}&{}", business());
    for (headers, format) in [
        (&[][..], ""),
        (&[("accept", "application/json")][..], "&Format=xml"),
        (&[][..], "&Format=XML"),
    ] {
        let request = post(&format!("{target}{format}"), headers, "");
        let answer = plane.send(&plane.signed(request, &RPC_V1, "", "")).await;
        assert_eq!(answer.headers["content-type"], "text/xml;charset=utf-8");
        assert!(
            answer
                .body
                .contains("<CreatePostPayOrderResponse><RequestId>"),
            "{}",
            answer.body
        );
    }
    let refused = plane.send(&post(&target, &[], "")).await;
    assert_eq!(refused.status, 400);
    let begins = "<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>";
    assert!(
        refused.body.starts_with(begins) && refused.body.ends_with("</Recommend></Error>"),
        "{}",
        refused.body
    );
    assert!(
        refused
            .body
            .contains("<HostId>127.0.0.1:8080</HostId><Code>MissingAccessKeyId</Code>"),
        "{}",
        refused.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_refuses_has_its_documented_code() {
    let plane = Plane::sandbox().await;
    let good = |rest: &str| format!("/?{NAMED}&Format=JSON&{}{rest}", business());
    let signed = |request: WireRequest| plane.signed(request, &RPC_V1, "", "");
    let other_action = [("x-acs-action", "DeleteInstance")];
    let put = Plane::request(Method::PUT, &good(""), &[], "");
    let path = post(
        "/path",
        &[&ACTION_HEADERS[..], &[("accept", "application/json")]].concat(),
        "",
    );
    let by = |id, secret, scheme| {
        plane.signed_by(
            id,
            secret,
            post(&good(""), &ACTION_HEADERS, ""),
            scheme,
            "",
            "",
        )
    };
    for (request, status, expected) in [
        (post(&good(""), &[], ""), 400, "MissingAccessKeyId"),
        (
            post(&good("&AccessKeyId=x"), &[], ""),
            400,
            "MissingSignature",
        ),
        // Whoever is not known is told nothing of what there is.
        (
            post(
                "/?Format=JSON&Version=2019-09-16&Action=NoSuchAction",
                &[],
                "",
            ),
            400,
            "MissingAccessKeyId",
        ),
        (
            signed(post("/?Format=JSON&Version=2019-09-16", &[], "")),
            400,
            "MissingAction",
        ),
        (
            signed(post("/?Format=JSON&Action=CreatePostPayOrder", &[], "")),
            400,
            "MissingVersion",
        ),
        (
            signed(post(
                "/?Format=JSON&Version=2019-09-16&Action=NoSuchAction",
                &[],
                "",
            )),
            404,
            "InvalidApi.NotFound",
        ),
        (
            signed(post(
                "/?Format=JSON&Version=1999-01-01&Action=CreatePostPayOrder",
                &[],
                "",
            )),
            404,
            "InvalidVersion",
        ),
        (
            plane.signed(path, &ACS3, "", ""),
            404,
            "InvalidApi.NotFound",
        ),
        (signed(put), 400, "UnsupportedHTTPMethod"),
        (
            signed(post(&good(""), &other_action, "")),
            400,
            "InvalidParameter",
        ),
        (
            by("NOBODY", "x", &RPC_V1),
            404,
            "InvalidAccessKeyId.NotFound",
        ),
        (
            by("BROKERAGESANDBOX", "wrong", &RPC_V1),
            400,
            "SignatureDoesNotMatch",
        ),
        (
            by("BROKERAGESANDBOX", "wrong", &ACS3),
            400,
            "SignatureDoesNotMatch",
        ),
    ] {
        let answer = plane.send(&request).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (status, expected),
            "{}",
            answer.body
        );
        for key in ["RequestId", "HostId", "Message", "Recommend"] {
            assert!(
                answer.json[key]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{key}: {}",
                answer.body
            );
        }
    }
    let format = post(
        &format!("/?{NAMED}&Format=YAML"),
        &[("accept", "application/json")],
        "",
    );
    let answer = plane.send(&signed(format)).await;
    assert_eq!(
        (answer.status, code(&answer)),
        (400, "InvalidParameter.Format")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_is_not_signed_is_not_taken() {
    let plane = Plane::sandbox().await;
    let [(action, name), (version, number)] = ACTION_HEADERS;
    // The second form hides what would decide, from everybody but the signature.
    for (named, escape) in [
        ("", false),
        ("Action=GetInstanceList&Version=2019-09-16&", true),
    ] {
        let request = post(&format!("/?{named}Format=JSON&{}", business()), &[], "");
        let request = plane.signed(request, &RPC_V1, "", "");
        let escaped = |target: &str| {
            let names = [
                ("Action=", "%41ction="),
                ("Version=", "%56ersion="),
                ("&Signature=", "&%53ignature="),
            ];
            names
                .iter()
                .fold(target.to_owned(), |target, (plain, escaped)| {
                    target.replace(plain, escaped)
                })
        };
        let target = if escape {
            escaped(request.target())
        } else {
            request.target().to_owned()
        };
        let request = request
            .with_target(target)
            .unwrap()
            .with_header(action.parse().unwrap(), name.parse().unwrap())
            .with_header(version.parse().unwrap(), number.parse().unwrap());
        let answer = plane.send(&request).await;
        let expected = if escape {
            "InvalidParameter"
        } else {
            "MissingAction"
        };
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{}",
            answer.body
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_is_told_what_the_server_signed() {
    let plane = Plane::sandbox().await;
    let target = format!("/?{NAMED}&Format=JSON&{}", business());
    let request = plane.signed_by(
        "BROKERAGESANDBOX",
        "wrong",
        post(&target, &[], ""),
        &RPC_V1,
        "",
        "",
    );
    let answer = plane.send(&request).await;
    let message = answer.json["Message"].as_str().unwrap();
    let (before, shown) = message.split_once(':').unwrap();
    assert!(before.ends_with("server string to sign is"), "{message}");
    assert!(
        shown.starts_with("POST&%2F&AccessKeyId%3DBROKERAGESANDBOX%26Action%3DCreatePostPayOrder"),
        "{message}"
    );
    assert!(!message.contains("brokerage-sandbox-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_served_once() {
    let plane = Plane::sandbox().await;
    for (client, scheme, request) in transports() {
        let request = plane.signed(request, scheme, "", "");
        assert_eq!(plane.send(&request).await.status, 200, "{client}");
        let again = plane.send(&request).await;
        assert_eq!(
            (again.status, code(&again)),
            (400, "SignatureNonceUsed"),
            "{client}: {}",
            again.body
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_another_time_is_refused() {
    let plane = Plane::sandbox().await;
    let target = format!("/?{NAMED}&Format=JSON&{}", business());
    let request = plane.signed(post(&target, &[], ""), &RPC_V1, "", "");
    let begun = plane.control.real_now();
    for (seconds, expected) in [
        (-901, "InvalidTimeStamp.Expired"),
        (901, "InvalidTimeStamp.Expired"),
        (900, ""),
    ] {
        plane.clock.set(begun.plus_seconds(seconds));
        let answer = plane.send(&request).await;
        assert_eq!(code(&answer), expected, "{seconds}: {}", answer.body);
    }
    let words = format!(
        "{target}&AccessKeyId=x&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=n&Signature=s"
    );
    for (rest, expected) in [
        ("&Timestamp=yesterday", "InvalidTimeStamp.Format"),
        ("", "MissingTimestamp"),
        (
            "&Timestamp=2026-11-23T04:00:00Z&SignatureType=BEARERTOKEN",
            "InvalidSignatureMethod",
        ),
    ] {
        let answer = plane.send(&post(&format!("{words}{rest}"), &[], "")).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (400, expected),
            "{rest}: {}",
            answer.body
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_a_second_are_throttled() {
    let settings = Settings {
        sandbox: true,
        rate_limits: true,
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    let target = format!("/?{NAMED}&Format=JSON&{}", business());
    let mut codes = Vec::new();
    for _ in 0..30 {
        let answer = plane
            .send(&plane.signed(post(&target, &[], ""), &RPC_V1, "", ""))
            .await;
        codes.push((answer.status, code(&answer).to_owned()));
    }
    let served = codes.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(served, 20, "{codes:?}");
    assert!(
        codes.contains(&(400, "Throttling.User".to_owned())),
        "{codes:?}"
    );
}
