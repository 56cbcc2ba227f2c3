//! Signing read back, clocks, nonces, tokens, and requests that must not pass.

use brokerage_cloud_alibaba as alibaba;
use brokerage_cloud_alibaba::signing::{ACS3, RPC_V1};
use brokerage_cloud_jd as jd;
use brokerage_cloud_jd::signing::{JDCLOUD2, JDCLOUD3};
use brokerage_cloud_tencent as tencent;
use brokerage_cloud_tencent::signing::{TC3, V1_SHA1, V1_SHA256};
use brokerage_testkit::CLOUDS;
use brokerage_wire::client::ClientCall;
use brokerage_wire::params::{Param, from_json};
use brokerage_wire::signing::{
    self, Credentials, ReplayRule, Scheme, SignatureFault, SigningMoment, SigningScope,
};
use brokerage_wire::{Cloud, WireRequest};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use secrecy::SecretString;

const SIGNED_AT_S: i64 = 1_795_405_656;

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKID-EXAMPLE/1".into(),
        secret: "example-secret".into(),
        session_token: Some("token+/=".into()),
    }
}

fn moment() -> SigningMoment {
    SigningMoment {
        epoch_s: SIGNED_AT_S,
        nonce: "4711".into(),
    }
}

fn request(
    method: Method,
    target: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> WireRequest {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header value");
        map.append(HeaderName::from_static(name), value);
    }
    WireRequest::new(method, target, map, Bytes::from(body.to_owned())).expect("a request")
}

/// A request that suits the scheme, not yet signed.
fn unsigned(scheme: &'static Scheme, query: &str) -> WireRequest {
    let target = format!("/?{query}");
    let host = ("host", "Kafka.example.test:8080");
    let (method, headers): (_, &[_]) = if *scheme == ACS3 {
        let action = ("x-acs-action", "CreateTopic");
        let version = ("x-acs-version", "2019-09-16");
        (Method::POST, &[host, action, version])
    } else if *scheme == TC3 {
        (Method::GET, &[host, ("x-tc-action", "CreateTopic")])
    } else if jd::CLOUD.schemes.contains(&scheme) {
        let target = format!("/v1/a:b/c?{query}");
        return request(Method::GET, &target, &[host], "");
    } else {
        (Method::GET, &[host])
    };
    request(method, &target, headers, "")
}

/// The schemes of every cloud.
fn schemes() -> impl Iterator<Item = &'static Scheme> {
    CLOUDS.all().flat_map(|cloud| cloud.schemes).copied()
}

fn scope() -> SigningScope {
    SigningScope {
        region: "cn-north-1".into(),
        service: "kafka".into(),
    }
}

fn signed(scheme: &'static Scheme, query: &str) -> WireRequest {
    signing::sign(
        unsigned(scheme, query),
        scheme,
        &credentials(),
        &moment(),
        &scope(),
    )
    .expect("a request that can be signed")
}

fn verify(request: &WireRequest) -> Result<(), SignatureFault> {
    signing::verify(request, &CLOUDS.claim(request)?, &credentials().secret)
}

#[test]
fn what_is_signed_is_verified_in_every_scheme() {
    for scheme in schemes() {
        let request = signed(scheme, "b=2&a=x%20y&Tag.1.Key=%E4%B8%AD");
        let claim = CLOUDS.claim(&request).unwrap();
        assert_eq!(claim.scheme, scheme);
        assert_eq!(claim.access_key_id, "AKID-EXAMPLE/1");
        assert_eq!(claim.signed_at_s, SIGNED_AT_S);
        let token = claim.session_token.as_ref().unwrap();
        assert!(token.matches(&SecretString::from("token+/=")), "{scheme}");
        assert!(!token.matches(&SecretString::from("token+/")), "{scheme}");
        assert_eq!(verify(&request), Ok(()), "{scheme}");
        let wrong = signing::verify(&request, &claim, &SecretString::from("example-secreT"));
        assert!(
            matches!(wrong, Err(SignatureFault::Mismatch { .. })),
            "{scheme}"
        );
    }
}

#[test]
fn the_clients_of_the_command_line_sign_what_the_server_verifies() {
    let params = from_json(br#"{"A":[{"K":"v w"}],"N":3}"#).unwrap();
    let in_path = from_json(br#"{"A":[{"K":"v w"}],"N":3,"instanceId":"i-1"}"#).unwrap();
    let call = |cloud: &Cloud, at: usize, operation: &str, region: &str, params: &Param| {
        let table = cloud.services[at];
        let call = ClientCall {
            table,
            row: table.row(operation).unwrap(),
            host: "127.0.0.1:1",
            region,
            params,
        };
        let signed = cloud.client.signed(&call, &credentials(), &moment());
        signed.unwrap()
    };
    let jd = |operation, params| call(&jd::CLOUD, 0, operation, "cn-north-1", params);
    let requests = [
        call(&tencent::CLOUD, 0, "CreateTopic", "ap-guangzhou", &params),
        call(&alibaba::CLOUD, 0, "CreateTopic", "", &params),
        jd("describeInstances", &params),
        jd("modifyInstanceSpec", &in_path),
    ];
    for request in &requests {
        assert_eq!(verify(request), Ok(()), "{request:?}");
    }
    assert_eq!(requests[1].target(), "/?A.1.K=v%20w&N=3");
    assert_eq!(requests[3].body(), r#"{"A":[{"K":"v w"}],"N":3}"#);
    assert_eq!(
        requests[3].path(),
        "/v1/regions/cn-north-1/instances/i-1%3AmodifyInstanceSpec"
    );
    assert!(matches!(params, Param::Object(_)));
}

#[test]
fn the_clock_window_is_closed_on_both_sides() {
    for scheme in schemes() {
        let claim = CLOUDS.claim(&signed(scheme, "a=1")).unwrap();
        let window_s = scheme.clock_window_s;
        for (offset_s, is_within) in [
            (0, true),
            (window_s, true),
            (-window_s, true),
            (window_s + 1, false),
            (-window_s - 1, false),
        ] {
            let checked = signing::check_clock(&claim, SIGNED_AT_S + offset_s);
            assert_eq!(checked.is_ok(), is_within, "{scheme} {offset_s}");
        }
        assert!(signing::check_clock(&claim, i64::MIN).is_err());
    }
}

#[test]
fn a_nonce_is_remembered_where_the_vendor_has_one() {
    for scheme in schemes() {
        let claim = CLOUDS.claim(&signed(scheme, "a=1")).unwrap();
        match scheme.replay {
            ReplayRule::None => assert_eq!(claim.replay_key(), None, "{scheme}"),
            ReplayRule::Once { remember_s, .. } => {
                assert!(remember_s > 2 * scheme.clock_window_s, "{scheme}");
                let key = claim.replay_key().unwrap();
                assert_eq!(key == "4711", *scheme != JDCLOUD3, "{scheme}");
            }
        }
    }
}

#[test]
fn a_token_of_jd_cloud_may_be_sent_as_it_is() {
    let token = HeaderValue::from_static("token+/=");
    let request = signed(&JDCLOUD2, "a=1")
        .with_header(HeaderName::from_static("x-jdcloud-security-token"), token);
    let claim = CLOUDS.claim(&request).unwrap();
    assert!(
        claim
            .session_token
            .unwrap()
            .matches(&SecretString::from("token+/="))
    );
    // The header is signed as it stands on the wire.
    assert!(verify(&request).is_err());
}

fn check_refused(request: &WireRequest, kind: &str) {
    let fault = verify(request).expect_err(kind);
    assert_eq!(fault.kind(), kind, "{fault}");
}

fn set(request: WireRequest, name: &'static str, value: &str) -> WireRequest {
    let value = HeaderValue::from_str(value).expect("a header value");
    request.with_header(HeaderName::from_static(name), value)
}

fn authorization(request: &WireRequest) -> String {
    request
        .header("authorization")
        .expect("signed by a header")
        .to_owned()
}

#[test]
fn a_request_without_a_signature_says_so() {
    let host = ("host", "h");
    check_refused(&request(Method::GET, "/?Action=A", &[host], ""), "unsigned");
    let json = ("content-type", "application/json");
    check_refused(
        &request(Method::POST, "/v1/x", &[host, json], "{}"),
        "unsigned",
    );
}

#[test]
fn variants_that_we_do_not_serve_are_refused_by_name() {
    for header in [
        "SKIP",
        "ACS3-HMAC-SM3 Credential=a,SignedHeaders=host,Signature=0",
        "ACS3-RSA-SHA256 Credential=a,SignedHeaders=host,Signature=0",
        "TC3-HMAC-SHA512 Credential=a,SignedHeaders=host,Signature=0",
        "Bearer abc",
        "",
    ] {
        let request = request(
            Method::POST,
            "/",
            &[("host", "h"), ("authorization", header)],
            "",
        );
        check_refused(&request, "unsupported_algorithm");
    }
    for (parameter, value) in [
        ("SignatureMethod", "HMAC-SHA256"),
        ("SignatureType", "BEARERTOKEN"),
    ] {
        let target = signed(&RPC_V1, "SignatureType=").target().to_owned();
        let target = target
            .replace(
                "SignatureType=&",
                &format!(
                    "SignatureType={}&",
                    if parameter == "SignatureType" {
                        value
                    } else {
                        ""
                    }
                ),
            )
            .replace(
                "HMAC-SHA1",
                if parameter == "SignatureMethod" {
                    value
                } else {
                    "HMAC-SHA1"
                },
            );
        check_refused(
            &request(Method::GET, &target, &[("host", "h")], ""),
            "unsupported_algorithm",
        );
    }
}

#[test]
fn a_parameter_of_the_signature_that_is_missing_is_named() {
    for (scheme, names) in [
        (
            &RPC_V1,
            &[
                "AccessKeyId",
                "Signature",
                "SignatureMethod",
                "SignatureVersion",
                "SignatureNonce",
                "Timestamp",
            ][..],
        ),
        (&V1_SHA256, &["SecretId", "Signature", "Nonce", "Timestamp"]),
    ] {
        for name in names {
            let request = signed(scheme, "a=1");
            let query = request.raw_query().unwrap_or_default().to_owned();
            let kept: Vec<&str> = query
                .split('&')
                .filter(|piece| piece.split('=').next() != Some(name))
                .collect();
            let request = request
                .with_target(format!("/?{}", kept.join("&")))
                .unwrap();
            assert_eq!(verify(&request), Err(SignatureFault::Missing { name }));
        }
    }
}

#[test]
fn headers_that_decide_have_to_be_signed() {
    let cases = [
        (&ACS3, "x-acs-action;"),
        (&ACS3, "x-acs-security-token;"),
        (&TC3, "content-type;"),
        (&JDCLOUD2, ";x-jdcloud-nonce"),
        (&JDCLOUD3, ";x-jdcloud-security-token"),
    ];
    for (scheme, list_part) in cases {
        let request = signed(scheme, "a=1");
        let shortened = authorization(&request).replacen(list_part, "", 1);
        assert_ne!(shortened, authorization(&request), "{scheme} {list_part}");
        check_refused(
            &set(request, "authorization", &shortened),
            "header_not_signed",
        );
    }
}

#[test]
fn one_signature_has_one_spelling() {
    let request = signed(&ACS3, "a=1");
    let header = authorization(&request);
    let (head, signature) = header.rsplit_once('=').unwrap();
    let upper = format!("{head}={}", signature.to_ascii_uppercase());
    check_refused(&set(request, "authorization", &upper), "mismatch");

    // 20 bytes of HMAC-SHA1 leave two unused bits in the last base64 digit.
    let request = signed(&RPC_V1, "a=1");
    let target = request.target().to_owned();
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let end = target.rfind("%3D").unwrap();
    let last = digits.find(&target[end - 1..end]).unwrap();
    let other = digits.as_bytes()[last + 1] as char;
    let respelled = format!("{}{other}{}", &target[..end - 1], &target[end..]);
    check_refused(&request.with_target(respelled).unwrap(), "mismatch");
}

#[test]
fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let rpc = signed(&RPC_V1, "a=1");
    let again = format!("{}&a=1", rpc.target());
    assert_eq!(verify(&rpc.clone().with_target(again).unwrap()), Ok(()));
    let other = format!("{}&a=2", rpc.target());
    check_refused(&rpc.clone().with_target(other).unwrap(), "ambiguous");
    let with_body = set(rpc, "content-type", "application/json").with_body("{}");
    check_refused(&with_body, "unsigned_body");

    let elsewhere = signed(&RPC_V1, "a=1");
    let target = elsewhere.target().replacen("/?", "/other?", 1);
    check_refused(&elsewhere.with_target(target).unwrap(), "malformed");

    let tc3 = signed(&TC3, "a=1");
    let proxied = tc3
        .clone()
        .with_target("http://kafka.example.test:8080/?a=1")
        .unwrap();
    assert_eq!(verify(&proxied), Ok(()));
    let elsewhere = tc3
        .clone()
        .with_target("http://other.example.test:8080/?a=1")
        .unwrap();
    check_refused(&elsewhere, "host_conflict");
    let mut twice = tc3.into_http().unwrap();
    twice
        .headers_mut()
        .append("host", HeaderValue::from_static("other"));
    check_refused(&WireRequest::from_http(twice).unwrap(), "ambiguous");
}

/// As a listener hands over a request of HTTP/2.
#[test]
fn the_authority_of_the_target_stands_for_an_absent_host() {
    for scheme in schemes() {
        let mut request = signed(scheme, "a=1").into_http().unwrap();
        request.headers_mut().remove("host");
        let target = format!("https://Kafka.example.test:8080{}", request.uri());
        assert_eq!(
            verify(&WireRequest::from_http(request.clone()).unwrap()),
            Err(SignatureFault::Missing { name: "Host" })
        );
        *request.uri_mut() = target.parse().unwrap();
        let request = WireRequest::from_http(request).unwrap();
        assert_eq!(verify(&request), Ok(()), "{scheme}");
    }
}

#[test]
fn a_body_is_held_against_its_signed_hash() {
    let request = signed(&ACS3, "a=1").with_body("x");
    check_refused(&request, "payload_hash");
}

#[test]
fn the_scope_has_the_date_of_signing() {
    for (scheme, date, other) in [
        (&TC3, "2026-11-23", "2026-11-24"),
        (&JDCLOUD2, "20261123", "20261124"),
    ] {
        let request = signed(scheme, "a=1");
        let changed = authorization(&request).replacen(date, other, 1);
        check_refused(&set(request, "authorization", &changed), "scope_date");
    }
}

#[test]
fn texts_of_a_claim_are_bounded() {
    let nonce = "n".repeat(signing::NONCE_BYTES_MAX + 1);
    let request = set(signed(&ACS3, "a=1"), "x-acs-signature-nonce", &nonce);
    check_refused(&request, "too_long");
    let token = "t".repeat(signing::SESSION_TOKEN_BYTES_MAX + 1);
    let request = set(signed(&ACS3, "a=1"), "x-acs-security-token", &token);
    check_refused(&request, "too_long");
    let many = "a&".repeat(signing::PARAMETERS_MAX + 1);
    let request = signed(&RPC_V1, "a=1")
        .with_target(format!("/?{many}"))
        .unwrap();
    check_refused(&request, "too_many");
}

#[test]
fn prints_show_no_secret() {
    for scheme in schemes() {
        let request = signed(scheme, "Password=hidden");
        let claim = CLOUDS.claim(&request).unwrap();
        let printed = format!("{claim:?} {request:?} {:?}", credentials());
        for secret in ["token+/=", "example-secret", "hidden;", "Password"] {
            assert!(!printed.contains(secret), "{scheme}: {printed}");
        }
    }
}

/// The rule of RPC v1 written once more, as its page says it and without any of our own functions.
fn naive_rpc_v1_text(method: &str, pairs: &[(String, String)]) -> String {
    fn encode(text: &str) -> String {
        let mut encoded = String::new();
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        encoded
    }
    let mut sorted: Vec<&(String, String)> = pairs.iter().collect();
    sorted.sort();
    let query: Vec<String> = sorted
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    format!("{method}&%2F&{}", encode(&query.join("&")))
}

proptest! {
    #[test]
    fn any_parameters_are_signed_as_the_naive_rule_says(
        parameters in prop::collection::btree_map("[a-z*~ \u{e9}\u{4e2d}]{1,6}", ".{0,6}", 0..6),
    ) {
        let pairs: Vec<(String, String)> = parameters.into_iter().collect();
        let query = signing::encode_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let splits = |text: &String| text.contains('&') && text.contains('=');
        let is_split = pairs.iter().any(|(_, value)| splits(value));
        let sign = |scheme| {
            signing::sign(unsigned(scheme, &query), scheme, &credentials(), &moment(), &scope())
        };
        for scheme in schemes() {
            let is_v1 = *scheme == V1_SHA1 || *scheme == V1_SHA256;
            match sign(scheme) {
                Ok(request) => prop_assert_eq!(verify(&request), Ok(()), "{}", scheme),
                Err(fault) => prop_assert!(is_v1 && is_split, "{}: {}", scheme, fault),
            }
        }
        let request = signed(&RPC_V1, &query);
        let claim = CLOUDS.claim(&request).unwrap();
        let stages = signing::stages(&request, &claim, &credentials().secret).unwrap();
        let all = signing::decode_pairs(request.raw_query().unwrap()).unwrap();
        let all: Vec<(String, String)> = all.into_iter().filter(|(name, _)| name != "Signature").collect();
        prop_assert_eq!(stages.string_to_sign, naive_rpc_v1_text("GET", &all));
    }

    #[test]
    fn arbitrary_requests_never_panic(
        target in "/[ -~]{0,40}",
        authorization in "(ACS3|TC3|JDCLOUD2|JDCLOUD3)-HMAC-SHA256 [ -~]{0,60}",
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let form = ("content-type", "application/x-www-form-urlencoded");
        for headers in [vec![form], vec![form, ("authorization", authorization.as_str())]] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, HeaderValue::from_str(value).unwrap());
            }
            map.append("host", HeaderValue::from_static("h"));
            if let Ok(request) = WireRequest::new(Method::POST, target.clone(), map, Bytes::from(body.clone())) {
                prop_assert!(verify(&request).is_err());
            }
        }
    }
}

/// `&` and `=` in what is signed without being escaped read as the end of one parameter and the next.
#[test]
fn parameters_that_sign_like_several_are_refused() {
    for (query, is_taken) in [
        ("InstanceName=x%26MsgRetentionTime%3D61", false),
        ("a=1%26b%3D2%26c%3D3", false),
        ("a%3D1=2", false),
        ("a%261=2", false),
        ("a=1%262", true),
        ("a=1%3D2%262", true),
        ("a=x%20%26%20y%20%3D%20z", true),
    ] {
        let request = unsigned(&V1_SHA256, query);
        let signed = signing::sign(request, &V1_SHA256, &credentials(), &moment(), &scope());
        match is_taken {
            true => assert_eq!(verify(&signed.unwrap()), Ok(()), "{query}"),
            false => assert!(
                matches!(signed, Err(SignatureFault::Ambiguous { .. })),
                "{query}: {signed:?}"
            ),
        }
    }
    // What was signed as two is not read as one, and the other way round.
    let two = signed(&V1_SHA256, "InstanceName=x&MsgRetentionTime=61")
        .target()
        .to_owned();
    let one = two.replace("x&MsgRetentionTime=61", "x%26MsgRetentionTime%3D61");
    assert_ne!(one, two);
    let one = request(
        Method::GET,
        &one,
        &[("host", "Kafka.example.test:8080")],
        "",
    );
    assert!(verify(&one).is_err());
}

/// A client that leaves names plain has none that could be read as something else.
#[test]
fn parameters_cannot_be_folded_into_a_name() {
    let sound = signed(&ACS3, "a=1&b=2");
    assert_eq!(verify(&sound), Ok(()));
    // What the vendor's Python client leaves plain.
    for name in ["Tag.1.Key", "a[0]", "a:b", "\u{4e2d}"] {
        let (plain, encoded) = (
            format!("{name}=1"),
            format!("{}=1", signing::encode_component(name)),
        );
        assert!(plain_signed(&plain, &encoded), "{name}");
    }
    assert!(!plain_signed("a=1&b=2", "a%3D1%26b=2"));
    for folded in [
        "a%3D1%26b=2",
        "a=1%26b%3D2",
        "a%3D1%26b%3D2",
        "a%3D1%26b%3D2=",
    ] {
        let folded = sound.clone().with_target(format!("/?{folded}")).unwrap();
        assert!(verify(&folded).is_err(), "{folded:?}");
    }
}

/// Whether a request with one query is taken that was signed with another text in its place.
fn plain_signed(signed_query: &str, sent_query: &str) -> bool {
    let request = signed(&ACS3, sent_query);
    let claim = CLOUDS.claim(&request).expect("a claim");
    let forms = signing::candidates(&request, &claim).expect("forms");
    let lines =
        |(canonical, _): &(String, String)| canonical.split('\n').nth(2) == Some(signed_query);
    forms.iter().any(lines)
}
