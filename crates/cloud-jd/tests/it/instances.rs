//! Looking at instances and deleting them.

use brokerage_domain::clock::Moment;
use brokerage_domain::instance::Phase;
use brokerage_engine::fake::Fault;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::{check_refused, create, delete, describe, example, get, running, spent_and_held, with};

fn names(answer: &brokerage_testkit::Answer) -> Vec<&str> {
    let instances = answer.json["result"]["instances"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.body));
    instances
        .iter()
        .map(|instance| instance["instanceName"].as_str().unwrap())
        .collect()
}

async fn buy(plane: &Plane, name: &str, changes: &[(&str, Value)]) -> String {
    let mut body = with(changes);
    body["instance"]["instanceName"] = name.into();
    let id = running(plane, &body).await;
    // Lists show the newest first: each is bought a second after the one before.
    plane.clock.set(plane.control.now().plus_seconds(1));
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filtered_and_paged() {
    let plane = Plane::sandbox().await;
    let first = buy(&plane, "orders-1", &[]).await;
    let prepaid = json!({ "chargeMode": "prepaid_by_duration", "chargeDuration": 1 });
    let second = buy(&plane, "orders-2", &[("/charge", prepaid)]).await;
    buy(
        &plane,
        "payments",
        &[("/instance/instanceVersion", json!("2.4"))],
    )
    .await;
    for (query, expected) in [
        ("", &["payments", "orders-2", "orders-1"][..]),
        ("?pageNumber=1&pageSize=2", &["payments", "orders-2"]),
        ("?pageNumber=2&pageSize=2", &["orders-1"]),
        ("?pageNumber=9", &[]),
        (
            "?filters.1.name=instanceName&filters.1.operator=eq&filters.1.values.1=orders",
            &["orders-2", "orders-1"],
        ),
        (
            "?filters.1.name=instanceVersion&filters.1.values.1=2.4",
            &["payments"],
        ),
        (
            "?filters.1.name=instanceStatus&filters.1.values.1=creating&filters.1.values.2=changing",
            &[],
        ),
        (
            "?filters.1.name=instanceStatus&filters.1.values.1=creating&filters.1.values.2=running",
            &["payments", "orders-2", "orders-1"],
        ),
        (
            "?filters.1.name=chargeMode&filters.1.values.1=prepaid_by_duration",
            &["orders-2"],
        ),
        (
            "?filters.1.name=chargeMode&filters.1.values.1=postpaid_by_duration&filters.2.name=instanceName&filters.2.values.1=orders",
            &["orders-1"],
        ),
        ("?tagFilters.1.key=env&tagFilters.1.values.1=dev", &[]),
    ] {
        let answer = get(&plane, &format!("/instances{query}")).await;
        assert_eq!(names(&answer), expected, "{query}");
    }
    let by_id = format!(
        "/instances?filters.1.name=instanceId&filters.1.values.1={second}&filters.1.values.2={first}&pageSize=1"
    );
    let answer = get(&plane, &by_id).await;
    assert_eq!(
        (names(&answer), &answer.json["result"]["totalCount"]),
        (vec!["orders-2"], &json!(2))
    );
    assert!(
        answer.json["result"]["instances"][0]
            .get("extension")
            .is_none(),
        "endpoints belong to the detail"
    );
    let elsewhere = plane
        .control
        .instance_list(&plane.context("jdkafka", "cn-east-2").await)
        .await
        .unwrap();
    assert_eq!(elsewhere, []);
}

/// Go sorts its query as text, so that the tenth value comes before the second.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_nine_values_are_counted_as_numbers() {
    let plane = Plane::sandbox().await;
    let id = buy(&plane, "orders", &[]).await;
    let mut pairs: Vec<String> = (1..=10)
        .map(|at| format!("filters.1.values.{at}=kafka-{at}"))
        .collect();
    pairs.push(format!("filters.1.values.11={id}"));
    pairs.push("filters.1.name=instanceId".into());
    pairs.sort();
    let answer = get(&plane, &format!("/instances/?{}", pairs.join("&"))).await;
    assert_eq!(names(&answer), ["orders"], "{pairs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_cannot_be_is_refused() {
    let plane = Plane::sandbox().await;
    for (query, part) in [
        (
            "filters.1.name=colour&filters.1.values.1=red",
            "filters.1.name",
        ),
        ("filters.1.values.1=red", "filters.1.name"),
        ("filters.1.name=instanceId", "filters.1.values"),
        (
            "filters.1.name=chargeMode&filters.1.values.1=a&filters.1.values.2=b",
            "filters.1.values",
        ),
        (
            "filters.1.name=instanceId&filters.1.operator=ne&filters.1.values.1=a",
            "filters.1.operator",
        ),
        ("tagFilters.1.key=env", "tagFilters.1.values"),
        ("pageNumber=0", "pageNumber"),
        ("pageSize=101", "pageSize"),
        ("pageSize=ten", "pageSize"),
    ] {
        check_refused(
            &get(&plane, &format!("/instances?{query}")).await,
            400,
            "INVALID_ARGUMENT",
            part,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_instance_is_absent() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    let answer = delete(&plane, &id).await;
    assert_eq!(
        answer.status, 200,
        "never 204: clients take it for a failure"
    );
    assert_eq!(
        answer.json,
        json!({ "requestId": answer.json["requestId"].as_str().unwrap() })
    );
    plane.wait_for("jdkafka", &id, Phase::Gone).await;
    check_refused(
        &get(&plane, &format!("/instances/{id}")).await,
        404,
        "NOT_FOUND",
        &id,
    );
    check_refused(&delete(&plane, &id).await, 404, "NOT_FOUND", &id);
    assert_eq!(
        get(&plane, "/instances").await.json["result"]["totalCount"],
        0
    );
    assert_eq!(
        spent_and_held(&plane).await,
        (2_700_000, 0),
        "a started hour is paid"
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_cannot_be_deleted_while_it_is_made() {
    let plane = Plane::sandbox().await;
    plane.engine.script_ensure([Fault::Fail]);
    let answer = create(&plane, &example()).await;
    let id = answer.json["result"]["instanceId"].as_str().unwrap();
    check_refused(
        &delete(&plane, id).await,
        409,
        "FAILED_PRECONDITION",
        "creating",
    );
    assert_eq!(
        describe(&plane, id).await["extension"]["internalEndpoint"]["brokerEndpoint"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepaid_instance_can_be_deleted_only_after_its_term() {
    let plane = Plane::sandbox().await;
    let charge = json!({ "chargeMode": "prepaid_by_duration", "chargeDuration": 1 });
    let id = running(&plane, &with(&[("/charge", charge)])).await;
    check_refused(
        &delete(&plane, &id).await,
        400,
        "INVALID_ARGUMENT",
        "after its term",
    );
    let end: Moment = plane.control.now().plus_months(1);
    plane.clock.set(end.plus_seconds(-1));
    check_refused(
        &delete(&plane, &id).await,
        400,
        "INVALID_ARGUMENT",
        "after its term",
    );
    plane.clock.set(end);
    assert_eq!(
        describe(&plane, &id).await["charge"]["chargeStatus"],
        "overdue"
    );
    assert_eq!(delete(&plane, &id).await.status, 200);
    plane.wait_for("jdkafka", &id, Phase::Gone).await;
}
