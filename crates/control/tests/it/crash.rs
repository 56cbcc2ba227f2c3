//! Delivery under faults: whatever the engine does, money, records and clusters agree in the end.

use brokerage_domain::instance::Phase;
use brokerage_domain::money::Currency;
use brokerage_domain::order::OrderState;
use brokerage_engine::Engine;
use brokerage_engine::fake::Fault;
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::{buy, release, start_over};

/// What a delivery that met `faults` comes to.
async fn check(faults: &[Fault], expected: Phase) {
    let plane = Plane::sandbox().await;
    let before = crate::purchase::available(&plane).await;
    plane.engine.script_ensure(faults.iter().cloned());
    let placed = buy(&plane, 1).await.expect("the order is accepted");
    let id = placed.instance_ids[0].as_str();
    plane.let_time_pass_until("ckafka", id, expected).await;
    let cx = plane.context("ckafka", "").await;
    let order = plane
        .control
        .order_view(&cx, &placed.order_id)
        .await
        .unwrap();
    let clusters = plane.engine.list_clusters().await.unwrap();
    let after = crate::purchase::available(&plane).await;
    match expected {
        Phase::Running => {
            assert_eq!(order.state(), OrderState::Fulfilled, "{faults:?}");
            assert_eq!(clusters.len(), 1, "{faults:?}");
            assert_eq!(
                before.checked_sub(after).unwrap(),
                order.total,
                "{faults:?}"
            );
        }
        _ => {
            assert_eq!(order.state(), OrderState::Failed, "{faults:?}");
            assert_eq!(
                clusters.len(),
                0,
                "no cluster is left of a failed delivery: {faults:?}"
            );
            assert_eq!(after, before, "the money is back: {faults:?}");
        }
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_survive_passing_faults_and_give_the_money_back_otherwise() {
    check(&[], Phase::Running).await;
    check(&[Fault::Fail], Phase::Running).await;
    check(
        &[Fault::FailAfter, Fault::Fail, Fault::FailAfter],
        Phase::Running,
    )
    .await;
    check(
        &[Fault::port_taken(20_001), Fault::port_taken(20_000)],
        Phase::Running,
    )
    .await;
    check(&[Fault::Refuse], Phase::Failed).await;
    check(&vec![Fault::Fail; 8], Phase::Failed).await;
    check(&vec![Fault::FailAfter; 8], Phase::Running).await;
    // What is given up is deleted: never what is damaged.
    check(&vec![Fault::Damaged; 10], Phase::Running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_data_is_left_alone_and_the_instance_tells_of_it() {
    let plane = Plane::sandbox().await;
    let ids = buy(&plane, 2).await.unwrap().instance_ids;
    for id in &ids {
        plane
            .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
            .await;
    }
    plane.engine.script_ensure([Fault::Damaged]);
    start_over(&plane).await;
    let cx = plane.context("ckafka", "").await;
    let mut failures = Vec::new();
    for id in &ids {
        let instance = plane.control.instance_view(&cx, id).await.unwrap();
        failures.extend(instance.failure);
    }
    let told = "the data of the cluster is damaged; its operator has to look";
    assert_eq!(failures, [told], "one of two");
    let running = async || {
        let mut running = 0;
        for id in &ids {
            let seen = plane.engine.observe_cluster(id).await.unwrap().unwrap();
            running += usize::from(seen.running);
        }
        running
    };
    assert!(running().await >= 1, "the other one is not held up");
    let dropped = |call: &String| call.starts_with("drop_cluster");
    assert!(!plane.engine.calls().iter().any(dropped));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_replaced_and_not_given_again() {
    let plane = Plane::sandbox().await;
    plane.engine.script_ensure([Fault::port_taken(20_001)]);
    let placed = buy(&plane, 1).await.unwrap();
    plane
        .let_time_pass_until("ckafka", placed.instance_ids[0].as_str(), Phase::Running)
        .await;
    let cx = plane.context("ckafka", "").await;
    let instance = plane
        .control
        .instance_view(&cx, &placed.instance_ids[0])
        .await
        .unwrap();
    assert_eq!(instance.slots, [20_000, 20_003, 20_002]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_paid_or_placed_whole_leaves_nothing() {
    let mut options = PlaneOptions::default();
    options.settings.broker_ports = (20_000, 20_005);
    let plane = Plane::start(options).await;
    assert!(buy(&plane, 3).await.is_err(), "nine ports of six");
    let cx = plane.context("ckafka", "").await;
    assert_eq!(plane.control.instance_list(&cx).await.unwrap().len(), 0);
    let two = buy(&plane, 2).await.expect("six ports of six");
    for id in &two.instance_ids {
        plane
            .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
            .await;
    }
    assert!(buy(&plane, 1).await.is_err(), "sold out");
    release(&plane, &two.instance_ids[0]).await;
    plane
        .let_time_pass_until("ckafka", two.instance_ids[0].as_str(), Phase::Gone)
        .await;
    assert!(
        buy(&plane, 1).await.is_ok(),
        "released ports are sold again"
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_runs_again_after_a_start_on_its_own_ports() {
    let plane = Plane::sandbox().await;
    let placed = buy(&plane, 3).await.unwrap();
    let mut slots = Vec::new();
    let cx = plane.context("ckafka", "").await;
    for id in &placed.instance_ids {
        plane
            .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
            .await;
        slots.push(plane.control.instance_view(&cx, id).await.unwrap().slots);
    }
    start_over(&plane).await;
    for (id, slots) in placed.instance_ids.iter().zip(slots) {
        let seen = plane
            .engine
            .observe_cluster(id)
            .await
            .unwrap()
            .expect("it runs again");
        let spec = seen.spec.expect("it runs");
        let listening: Vec<u16> = spec
            .listeners
            .iter()
            .map(|listener| listener.port)
            .collect();
        assert_eq!(listening, slots);
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_spends_no_more_than_it_has_however_many_ask() {
    let plane = Plane::sandbox().await;
    let price = crate::purchase::price(&plane);
    let account = plane.control.account_create("poor").await.unwrap();
    let money = price.checked_mul(5).unwrap();
    plane
        .control
        .account_top_up(&account.id, money, Currency::Cny, "opening")
        .await
        .unwrap();
    let buyers: Vec<_> = (0..16)
        .map(|_| crate::purchase::buy_as(&plane, &account, 1))
        .collect();
    let outcomes = futures_util::future::join_all(buyers).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    let batch = crate::purchase::buy_as(&plane, &account, 2).await;
    assert!(matches!(
        batch,
        Err(brokerage_domain::Error::InsufficientFunds { .. })
    ));
    plane.assert_ledger().await;
}
