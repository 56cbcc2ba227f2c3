//! ClientToken: the same token, the same answer.

use std::sync::Arc;

use brokerage_cloud_alibaba::signing::{ACS3, RPC_V1};
use brokerage_control::Settings;
use brokerage_testkit::{Plane, PlaneOptions};
use http::Method;

use super::{POST, PRE, SMALL, VERSION, buy, code, data, purchase, with};

const CALLS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn concurrent_calls_with_one_token_give_one_order_and_equal_answers() {
    // As it is served: the limit on calls a second lets them through.
    let settings = Settings {
        sandbox: true,
        ..Settings::default()
    };
    assert!(settings.rate_limits);
    let options = PlaneOptions {
        settings,
        ..PlaneOptions::default()
    };
    let plane = Arc::new(Plane::start(options).await);
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let plane = plane.clone();
            tokio::spawn(
                async move { buy(&plane, &with(PRE, &[("ClientToken", "one")]), SMALL).await },
            )
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.json["Success"], true, "{}", answer.body);
        answers.push(answer.json["Data"].clone());
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(data(&plane, "QueryOrders", &[]).await["TotalCount"], 1);
    assert_eq!(
        data(&plane, "QueryAvailableInstances", &[]).await["TotalCount"],
        1
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_equal_is_told_by_what_is_bought_and_not_by_how_it_is_written() {
    let plane = Plane::sandbox().await;
    let token = [("ClientToken", "token")];
    let first = buy(&plane, &with(POST, &token), SMALL).await.json["Data"].clone();
    let written_otherwise = [
        ("topic_quata", "50"),
        ("DISK_SIZE", "500"),
        ("disk_type", "1"),
        ("region", "cn-hangzhou"),
        ("io_max_spec", "alikafka.hw.2xlarge"),
        ("spec_type", "normal"),
        ("vpc_deploy", "True"),
    ];
    // Python's classic client adds its region to every call.
    let params = with(
        POST,
        &[
            token[0],
            ("RegionId", "cn-beijing"),
            ("Period", "12"),
            ("ProductType", ""),
        ],
    );
    let again = buy(&plane, &params, &written_otherwise).await;
    assert_eq!(again.json["Data"], first, "{}", again.body);

    // The third signature, its parameters in the query.
    let encode = brokerage_wire::signing::encode_component;
    let pairs = purchase(&with(POST, &token), SMALL);
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let headers = [
        ("x-acs-action", "CreateInstance"),
        ("x-acs-version", VERSION),
        ("accept", "application/json"),
    ];
    let request = Plane::request(
        Method::POST,
        &format!("/?{}", query.join("&")),
        &headers,
        "",
    );
    let again = plane.send(&plane.signed(request, &ACS3, "", "")).await;
    assert_eq!(again.json["Data"], first, "{}", again.body);

    // Terraform's way: parameters in a form body.
    let common = format!("/?Action=CreateInstance&Version={VERSION}&Format=json");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let request = Plane::request(Method::POST, &common, &headers, &query.join("&"));
    let again = plane.send(&plane.signed(request, &RPC_V1, "", "")).await;
    assert_eq!(again.json["Data"], first, "{}", again.body);
    assert_eq!(data(&plane, "QueryOrders", &[]).await["TotalCount"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_with_another_order_is_refused() {
    let plane = Plane::sandbox().await;
    let token = [("ClientToken", "token")];
    assert_eq!(
        code(&buy(&plane, &with(PRE, &token), SMALL).await),
        "Success"
    );
    for (params, properties) in [
        (with(POST, &token), SMALL.to_vec()),
        (with(PRE, &[token[0], ("Period", "24")]), SMALL.to_vec()),
        (
            with(
                PRE,
                &[
                    token[0],
                    ("RenewalStatus", "AutoRenewal"),
                    ("RenewPeriod", "1"),
                ],
            ),
            SMALL.to_vec(),
        ),
        (with(PRE, &token), with(SMALL, &[("DiskSize", "600")])),
        (with(PRE, &token), with(SMALL, &[("DiskType", "0")])),
        (with(PRE, &token), with(SMALL, &[("TopicQuota", "51")])),
        (
            with(PRE, &token),
            with(SMALL, &[("RegionId", "cn-beijing")]),
        ),
        (with(PRE, &token), with(SMALL, &[("EipMax", "5")])),
        (with(PRE, &token), with(SMALL, &[("MsgRetain", "24")])),
        (
            with(PRE, &token),
            with(SMALL, &[("SpecType", "professional")]),
        ),
    ] {
        let answer = buy(&plane, &params, &properties).await;
        let expected = (400, "IdempotentParameterMismatch");
        assert_eq!(
            (answer.status, code(&answer)),
            expected,
            "{params:?} {properties:?}: {}",
            answer.body
        );
    }
    assert_eq!(data(&plane, "QueryOrders", &[]).await["TotalCount"], 1);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_binds_no_token() {
    let plane = Plane::sandbox().await;
    let params = with(POST, &[("ClientToken", "token")]);
    let bad = with(SMALL, &[("DiskSize", "550")]);
    assert_eq!(code(&buy(&plane, &params, &bad).await), "400");
    assert_eq!(code(&buy(&plane, &params, SMALL).await), "Success");
    let long = "t".repeat(129);
    assert_eq!(
        code(&buy(&plane, &with(POST, &[("ClientToken", &long)]), SMALL).await),
        "InvalidClientToken"
    );
    let empty: Vec<(&str, &str)> = POST.iter().copied().chain([("ClientToken", "")]).collect();
    let (first, second) = (
        buy(&plane, &empty, SMALL).await,
        buy(&plane, &empty, SMALL).await,
    );
    assert_ne!(
        first.json["Data"]["OrderId"], second.json["Data"]["OrderId"],
        "an empty token is none"
    );
}
