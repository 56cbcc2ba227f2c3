//! The right to reconcile, with two processes on one store.

use brokerage_domain::instance::Phase;
use brokerage_engine::Engine;
use brokerage_store::Store;
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::buy;

/// Longer than a lease lasts, in seconds.
const PAST_THE_LEASE_S: i64 = 60;

async fn plane(store: &Store, node: &str, seed: u64) -> Plane {
    let options = PlaneOptions {
        store: Some(store.clone()),
        node: node.to_owned(),
        seed,
        ..PlaneOptions::default()
    };
    Plane::start(options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_reconciles_and_the_next_begins_where_it_ended() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let first = plane(&store, "first", 1).await;
    let second = plane(&store, "second", 1).await;
    let placed = buy(&second, 1).await.unwrap();
    let id = placed.instance_ids[0].as_str();
    first
        .let_time_pass_until("ckafka", id, Phase::Running)
        .await;
    assert_eq!(first.engine.list_clusters().await.unwrap().len(), 1);
    assert_eq!(
        second.engine.list_clusters().await.unwrap().len(),
        0,
        "it only serves callers"
    );

    first.control.background_stop().await;
    // A third process finds the right given up, and runs what should run.
    let third = plane(&store, "third", 1).await;
    assert_eq!(third.engine.list_clusters().await.unwrap().len(), 1);
    third.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_slept_past_its_lease_records_nothing() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let sleeper = plane(&store, "sleeper", 1).await;
    let options = PlaneOptions {
        store: Some(store.clone()),
        node: "other".to_owned(),
        beginning: sleeper.control.real_now().plus_seconds(PAST_THE_LEASE_S),
        ..PlaneOptions::default()
    };
    let other = Plane::start(options).await;
    // The sleeper still believes that it reconciles; its step is refused, the other's counts.
    let placed = buy(&sleeper, 1).await.unwrap();
    let id = placed.instance_ids[0].as_str();
    other
        .let_time_pass_until("ckafka", id, Phase::Running)
        .await;
    let cx = other.context("ckafka", "").await;
    let order = other
        .control
        .order_view(&cx, &placed.order_id)
        .await
        .unwrap();
    assert_eq!(
        order.state(),
        brokerage_domain::order::OrderState::Fulfilled
    );
    other.assert_ledger().await;
}

/// Ids of orders and instances begin with serial numbers: two processes that give the same one would fail an order.
#[tokio::test(flavor = "multi_thread")]
async fn processes_on_one_store_give_no_serial_number_twice() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let mut planes = Vec::new();
    for node in ["first", "second", "third"] {
        planes.push(plane(&store, node, 1).await);
    }
    let serials = planes
        .iter()
        .flat_map(|plane| (0..100).map(|_| plane.control.serial()));
    let mut serials: Vec<u64> = serials.collect();
    serials.sort_unstable();
    serials.dedup();
    assert_eq!(serials.len(), 300);
}
