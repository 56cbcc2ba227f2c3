//! modifyInstanceSpec: the rules of growth, and the money of a change whatever becomes of it.

use std::sync::Arc;

use brokerage_control::Settings;
use brokerage_control::instance::{AfterRelease, Edit, Resize};
use brokerage_domain::Error;
use brokerage_domain::catalog::{Field, PlanFault};
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::{Phase, PrepaidRelease, ReleaseTerms};
use brokerage_domain::order::{OrderKind, OrderState, Payment};
use brokerage_engine::fake::Fault;
use brokerage_testkit::{Answer, Plane, PlaneOptions};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    check_refused, create, delete, describe, example, node, running, spent_and_held, with,
};

async fn modify(plane: &Plane, id: &str, group: Value) -> Answer {
    let body = json!({ "regionId": "cn-north-1", "instanceId": id, "instanceClassSpec": [group] });
    plane
        .jd(
            "kafka",
            Method::POST,
            &format!("/instances/{id}%3AmodifyInstanceSpec"),
            &body.to_string(),
        )
        .await
}

fn endpoints(instance: &Value) -> Vec<String> {
    let list = instance["extension"]["internalEndpoint"]["brokerEndpoint"]
        .as_array()
        .unwrap();
    list.iter()
        .map(|address| address.as_str().unwrap().to_owned())
        .collect()
}

async fn order_state(plane: &Plane, answer: &Answer) -> (OrderKind, OrderState) {
    let cx = plane.context("jdkafka", "").await;
    let id = OrderId::new(answer.json["result"]["buyId"].as_str().unwrap());
    let order = plane.control.order_view(&cx, &id).await.unwrap();
    let instances = plane.control.order_instances(&cx, &id).await.unwrap();
    assert_eq!(instances.len(), 1, "an order of change names its instance");
    (order.kind, order.state())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_grows_and_keeps_its_addresses() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    let before = endpoints(&describe(&plane, &id).await);
    let answer = modify(
        &plane,
        &id,
        json!({ "role": "broker", "nodeCount": 5, "nodeDiskGB": 200 }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let buy_id = answer.json["result"]["buyId"].as_str().unwrap();
    assert_eq!(
        answer.json["result"],
        json!({ "instanceId": id, "buyId": buy_id })
    );
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    let after = describe(&plane, &id).await;
    assert_eq!(
        after["instanceClass"],
        json!([{
            "role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCpu": 2, "nodeMemoryGB": 8,
            "nodeCount": 5, "nodeDiskType": "ssd.io1", "nodeDiskGB": 200,
        }])
    );
    let grown = endpoints(&after);
    assert_eq!((&grown[..3], grown.len()), (&before[..], 5));
    // 5 × (0.83 + 0.14) an hour after 3 × (0.83 + 0.07).
    assert_eq!(spent_and_held(&plane).await, (4_850_000, 0));
    assert_eq!(
        order_state(&plane, &answer).await,
        (OrderKind::Resize, OrderState::Fulfilled)
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepaid_change_costs_the_difference_for_the_rest_of_the_term() {
    let plane = Plane::sandbox().await;
    let charge = json!({ "chargeMode": "prepaid_by_duration", "chargeDuration": 1 });
    let id = running(&plane, &with(&[("/charge", charge)])).await;
    let paid = 3 * (360 + 50) * 1_000_000;
    // From 23 November a month is 30 days; a third of it passes.
    plane
        .clock
        .set(plane.control.now().plus_seconds(10 * 86_400));
    let answer = modify(
        &plane,
        &id,
        json!({ "role": "broker", "nodeClassCode": "kafka.broker.n1.xmedium" }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    let difference = 3 * (720 - 360) * 1_000_000 * 20 / 30;
    assert_eq!(spent_and_held(&plane).await, (paid + difference, 0));
    let shown = describe(&plane, &id).await;
    assert_eq!(
        shown["charge"]["chargeExpiredTime"], "2026-12-23T04:00:00Z",
        "the term stays"
    );
    assert_eq!(
        (
            &shown["instanceClass"][0]["nodeCpu"],
            &shown["instanceClass"][0]["nodeMemoryGB"]
        ),
        (&json!(4), &json!(16))
    );
    plane.clock.set(plane.control.now().plus_months(1));
    let late = modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 })).await;
    check_refused(&late, 400, "INVALID_ARGUMENT", "renewed");
    plane.assert_ledger().await;
}

/// Clients that say all of it with each change send what is there already, and 0 for what nobody set.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_changes_nothing() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    let before = describe(&plane, &id).await;
    let money = spent_and_held(&plane).await;
    let now = before["instanceClass"][0].clone();
    for group in [
        json!({ "role": "broker" }),
        json!({ "role": "broker", "nodeCount": 0, "nodeDiskGB": 0, "nodeClassCode": "", "nodeDiskType": "" }),
        json!({
            "role": "broker", "nodeCount": now["nodeCount"], "nodeDiskGB": now["nodeDiskGB"],
            "nodeClassCode": now["nodeClassCode"], "nodeDiskType": now["nodeDiskType"],
        }),
    ] {
        let answer = modify(&plane, &id, group.clone()).await;
        assert_eq!(answer.status, 200, "{group}: {}", answer.body);
        assert!(answer.json["result"]["buyId"].is_string(), "{group}");
        assert_eq!(describe(&plane, &id).await, before, "{group}");
    }
    assert_eq!(spent_and_held(&plane).await, money);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_growth_is_refused_by_the_name_of_its_parameter() {
    let plane = Plane::sandbox().await;
    let bought = with(&[
        (&node("nodeCount"), json!(4)),
        (&node("nodeClassCode"), json!("kafka.broker.n1.xmedium")),
    ]);
    let id = running(&plane, &bought).await;
    let (spent, _) = spent_and_held(&plane).await;
    for (group, part) in [
        (json!({ "role": "broker", "nodeCount": 3 }), "nodeCount"),
        (json!({ "role": "broker", "nodeCount": 31 }), "nodeCount"),
        (json!({ "role": "broker", "nodeDiskGB": 90 }), "nodeDiskGB"),
        (json!({ "role": "broker", "nodeDiskGB": 115 }), "nodeDiskGB"),
        (
            json!({ "role": "broker", "nodeDiskType": "hdd.std1" }),
            "nodeDiskType",
        ),
        (
            json!({ "role": "broker", "nodeClassCode": "kafka.broker.n1.medium" }),
            "nodeClassCode",
        ),
        (
            json!({ "role": "broker", "nodeClassCode": "kafka.broker.n1.360" }),
            "nodeClassCode",
        ),
        (json!({ "role": "zookeeper", "nodeCount": 3 }), "role"),
        (json!({ "nodeCount": 5 }), "instanceClassSpec.1.role"),
    ] {
        check_refused(
            &modify(&plane, &id, group).await,
            400,
            "INVALID_ARGUMENT",
            part,
        );
    }
    let path = format!("/instances/{id}:modifyInstanceSpec");
    for body in [
        "{}",
        "",
        r#"{"instanceClassSpec":[]}"#,
        r#"{"instanceClassSpec":null}"#,
    ] {
        let answer = plane.jd("kafka", Method::POST, &path, body).await;
        check_refused(&answer, 400, "INVALID_ARGUMENT", "instanceClassSpec");
    }
    let missing = modify(
        &plane,
        "kafka-none",
        json!({ "role": "broker", "nodeCount": 5 }),
    )
    .await;
    check_refused(&missing, 404, "NOT_FOUND", "kafka-none");
    assert_eq!(spent_and_held(&plane).await, (spent, 0));
}

/// No request of a client comes so far, because its cluster only grows; the rule below it does not rely on that.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_below_what_is_used_is_refused_whoever_makes_it() {
    let plane = Plane::sandbox().await;
    let bought = with(&[
        (&node("nodeCount"), json!(4)),
        (&node("nodeDiskGB"), json!(200)),
    ]);
    let id = InstanceId::new(running(&plane, &bought).await);
    plane.engine.use_up(&id, 0, 700 << 30);
    let cx = plane.context("jdkafka", "cn-north-1").await;
    let before = plane.control.instance_view(&cx, &id).await.unwrap();
    let mut request = before.plan.request(false);
    request.nodes[0].disk_gb = Some(100);
    let catalog = plane.control.catalog("jdkafka").unwrap();
    let resize = Resize {
        order_id: OrderId::new("buy-1"),
        plan: catalog.plan(&request).unwrap(),
        payment: Payment::OnDelivery,
        before,
    };
    let edit = Edit {
        resize: Some(resize),
        ..Edit::default()
    };
    let call = plane.change("jdkafka", "cn-north-1").await;
    let refused = plane.control.instance_edit(call, &id, edit).await;
    let Err(error @ Error::Plan(PlanFault::InUse { field, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(field, Field::Disk);
    let fault = (brokerage_cloud_jd::kafka::TABLE.fault)(&error.into());
    assert_eq!((fault.status, &*fault.code), (400, "INVALID_ARGUMENT"));
    assert!(
        fault.message.starts_with("nodeDiskGB: "),
        "{}",
        fault.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_or_deleted_while_a_change_is_under_way() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    plane.engine.script_ensure([Fault::Fail]);
    let first = modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 })).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let shown = describe(&plane, &id).await;
    assert_eq!(
        (
            &shown["instanceStatus"],
            &shown["instanceClass"][0]["nodeCount"]
        ),
        (&json!("changing"), &json!(3))
    );
    assert_eq!(
        endpoints(&shown).len(),
        3,
        "what is not delivered is not shown"
    );
    assert_eq!(spent_and_held(&plane).await, (2_700_000, 900_000));
    let again = modify(&plane, &id, json!({ "role": "broker", "nodeCount": 5 })).await;
    check_refused(&again, 409, "FAILED_PRECONDITION", "changing");
    check_refused(
        &delete(&plane, &id).await,
        409,
        "FAILED_PRECONDITION",
        "changing",
    );
    plane.assert_ledger().await;
    // Time passes, and the next attempt succeeds.
    plane
        .let_time_pass_until("jdkafka", &id, Phase::Running)
        .await;
    assert_eq!(spent_and_held(&plane).await, (3_600_000, 0));
    assert_eq!(
        order_state(&plane, &first).await,
        (OrderKind::Resize, OrderState::Fulfilled)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_gives_its_money_and_ports_back_and_keeps_the_plan() {
    let settings = Settings {
        sandbox: true,
        rate_limits: false,
        broker_ports: (20_000, 20_003),
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    let id = running(&plane, &example()).await;
    let before = describe(&plane, &id).await;
    plane.engine.script_ensure([Fault::Refuse]);
    let refused = modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 })).await;
    assert_eq!(refused.status, 200, "{}", refused.body);
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    assert_eq!(describe(&plane, &id).await, before);
    assert_eq!(spent_and_held(&plane).await, (2_700_000, 0));
    assert_eq!(
        order_state(&plane, &refused).await,
        (OrderKind::Resize, OrderState::Failed)
    );
    // The one port that was left is free again.
    assert_eq!(
        modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 }))
            .await
            .status,
        200
    );
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    assert_eq!(endpoints(&describe(&plane, &id).await).len(), 4);
    check_refused(
        &modify(&plane, &id, json!({ "role": "broker", "nodeCount": 5 })).await,
        503,
        "UNAVAILABLE",
        "Sold out",
    );
    assert_eq!(spent_and_held(&plane).await, (3_600_000, 0));
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_broker_whose_port_is_taken_gets_another() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    plane.engine.script_ensure([Fault::port_taken(20_003)]);
    assert_eq!(
        modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 }))
            .await
            .status,
        200
    );
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    let addresses = endpoints(&describe(&plane, &id).await);
    assert_eq!(
        addresses,
        [
            "127.0.0.1:20000",
            "127.0.0.1:20001",
            "127.0.0.1:20002",
            "127.0.0.1:20004"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_released_in_the_middle_of_a_change_pays_nothing_for_it() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    plane.engine.script_ensure([Fault::Fail]);
    let change = modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 })).await;
    assert_eq!(spent_and_held(&plane).await, (2_700_000, 900_000));
    plane
        .control
        .instance_release(
            plane.change("jdkafka", "cn-north-1").await,
            &InstanceId::new(id.as_str()),
            AfterRelease::Gone,
            ReleaseTerms {
                prepaid: PrepaidRelease::Permitted,
                under_way: true,
            },
        )
        .await
        .unwrap();
    plane.wait_for("jdkafka", &id, Phase::Gone).await;
    assert_eq!(spent_and_held(&plane).await, (2_700_000, 0));
    assert_eq!(
        order_state(&plane, &change).await,
        (OrderKind::Resize, OrderState::Cancelled)
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_being_made_cannot_be_changed() {
    let plane = Plane::sandbox().await;
    plane.engine.script_ensure([Fault::Fail]);
    let answer = create(&plane, &example()).await;
    let id = answer.json["result"]["instanceId"].as_str().unwrap();
    let change = modify(&plane, id, json!({ "role": "broker", "nodeCount": 4 })).await;
    check_refused(&change, 409, "FAILED_PRECONDITION", "creating");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_again_and_again_is_given_up() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    let before = describe(&plane, &id).await;
    plane.engine.script_ensure(vec![Fault::Fail; 8]);
    let change = modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 })).await;
    plane
        .let_time_pass_until("jdkafka", &id, Phase::Running)
        .await;
    assert_eq!(describe(&plane, &id).await, before);
    assert_eq!(
        order_state(&plane, &change).await,
        (OrderKind::Resize, OrderState::Failed)
    );
    assert_eq!(spent_and_held(&plane).await, (2_700_000, 0));
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_was_lost_is_delivered_once() {
    let plane = Plane::sandbox().await;
    let id = running(&plane, &example()).await;
    plane.engine.script_ensure([Fault::FailAfter]);
    let change = modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 })).await;
    plane
        .let_time_pass_until("jdkafka", &id, Phase::Running)
        .await;
    assert_eq!(
        order_state(&plane, &change).await,
        (OrderKind::Resize, OrderState::Fulfilled)
    );
    assert_eq!(spent_and_held(&plane).await, (3_600_000, 0));
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_equal_changes_at_once_one_is_ordered() {
    let plane = Arc::new(Plane::sandbox().await);
    let id = running(&plane, &example()).await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let (plane, id) = (plane.clone(), id.clone());
        calls.spawn(async move {
            modify(&plane, &id, json!({ "role": "broker", "nodeCount": 4 })).await
        });
    }
    let mut statuses: Vec<u16> = calls
        .join_all()
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    // The others came while it was under way, or found that it was done.
    assert_eq!(statuses[0], 200);
    assert!(
        statuses[1..]
            .iter()
            .all(|status| matches!(status, 400 | 409)),
        "{statuses:?}"
    );
    plane.wait_for("jdkafka", &id, Phase::Running).await;
    assert_eq!(spent_and_held(&plane).await, (3_600_000, 0));
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_paid_leaves_everything_as_it_was() {
    let plane = Plane::sandbox().await;
    let charge =
        json!({ "chargeMode": "prepaid_by_duration", "chargeUnit": "year", "chargeDuration": 3 });
    let id = running(&plane, &with(&[("/charge", charge.clone())])).await;
    let before = describe(&plane, &id).await;
    // Money is spent elsewhere until less is left than the largest change costs.
    let largest = json!({ "role": "broker", "nodeClassCode": "kafka.broker.n1.xlarge", "nodeCount": 30, "nodeDiskGB": 16_000 });
    let elsewhere = with(&[
        ("/charge", charge),
        ("/instance/instanceClassSpec", json!([largest])),
    ]);
    let mut bought = 0;
    while create(&plane, &elsewhere).await.status == 200 {
        bought += 1;
        assert!(bought < 100, "the money does not end");
    }
    let (spent, held) = spent_and_held(&plane).await;
    check_refused(
        &modify(&plane, &id, largest).await,
        402,
        "INSUFFICIENT_BALANCE",
        "balance",
    );
    assert_eq!(describe(&plane, &id).await, before);
    let (spent_after, held_after) = spent_and_held(&plane).await;
    assert_eq!(spent + held, spent_after + held_after);
    plane.assert_ledger().await;
}
