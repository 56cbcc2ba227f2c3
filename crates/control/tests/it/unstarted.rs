//! Orders that nobody starts: cancelled when their time is over, once, with their money.

use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;

use crate::purchase::{available, order_unstarted, start, view};

/// Longer than the catalog lets an order wait, in seconds.
const PAST_THE_WAIT_S: i64 = 80 * 3_600;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_starts_is_cancelled_and_its_money_returns() {
    let plane = Plane::sandbox().await;
    let before = available(&plane).await;
    let unstarted = order_unstarted(&plane).await;
    let started = order_unstarted(&plane).await;
    start(&plane, &started).await;
    plane
        .wait_for("ckafka", started.as_str(), Phase::Running)
        .await;
    assert!(available(&plane).await < before);
    plane.control.task_wake("timers");
    let later = plane.control.real_now().plus_seconds(PAST_THE_WAIT_S);
    plane.clock.set(later);
    plane.control.task_wake("timers");
    plane
        .let_time_pass_until("ckafka", unstarted.as_str(), Phase::Gone)
        .await;
    let price = crate::purchase::price(&plane);
    assert_eq!(
        before.checked_sub(available(&plane).await).unwrap(),
        price,
        "the started one is paid, the other one is not"
    );
    assert_eq!(view(&plane, &started).await.phase, Phase::Running);
    plane.assert_ledger().await;
}
