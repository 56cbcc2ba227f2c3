//! An error at every step, before and after it took effect, and every step taken twice: money, ledger, phase and cluster
//! are the same in the end.

use std::sync::atomic::{AtomicU64, Ordering};

use brokerage_control::instance::{Edit, Resize};
use brokerage_domain::catalog::PlanRequest;
use brokerage_domain::id::OrderId;
use brokerage_domain::instance::Phase;
use brokerage_domain::order::{OrderState, Payment};
use brokerage_engine::Engine;
use brokerage_engine::fake::{Fault, Method};
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::{REGION, ZONE, available, buy, release};

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A cluster is bought, becomes larger and is released.
async fn live(plane: &Plane) {
    let cx = plane.context("ckafka", REGION).await;
    let before = available(plane).await;
    let bought = buy(plane, 1).await.unwrap();
    let id = &bought.instance_ids[0];
    plane
        .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
        .await;
    let request = PlanRequest {
        region: REGION.into(),
        zones: vec![ZONE.into()],
        bandwidth_mbps: Some(20),
        partitions: Some(400),
        disk_gb: Some(300),
        ..PlanRequest::default()
    };
    let larger = plane
        .control
        .catalog("ckafka")
        .unwrap()
        .plan(&request)
        .unwrap();
    let small = plane.control.instance_view(&cx, id).await.unwrap();
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let order_id = OrderId::new(format!("change-{serial}"));
    let resize = Resize {
        before: small,
        order_id: order_id.clone(),
        plan: larger.clone(),
        payment: Payment::OnDelivery,
    };
    let edit = Edit {
        resize: Some(resize),
        ..Edit::default()
    };
    let call = plane.change("ckafka", REGION).await;
    plane.control.instance_edit(call, id, edit).await.unwrap();
    plane
        .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
        .await;
    let instance = plane.control.instance_view(&cx, id).await.unwrap();
    assert_eq!(instance.plan, larger);
    let running = plane.engine.spec(id).expect("it runs");
    assert_eq!(running.limits, larger.usable);
    release(plane, id).await;
    plane
        .let_time_pass_until("ckafka", id.as_str(), Phase::Gone)
        .await;

    let mut paid = before;
    for order in [&bought.order_id, &order_id] {
        let order = plane.control.order_view(&cx, order).await.unwrap();
        assert_eq!(order.state(), OrderState::Fulfilled);
        paid = paid.checked_sub(order.total).unwrap();
    }
    assert_eq!(available(plane).await, paid, "each is paid once");
    plane.assert_ledger().await;
}

async fn plane(is_twice: bool) -> Plane {
    let mut options = PlaneOptions::default();
    options.settings.steps_taken_twice = is_twice;
    Plane::start(options).await
}

/// How often a life calls a method of the engine for its instance.
fn calls(plane: &Plane, method: Method) -> usize {
    let name = format!("{} ckafka-", method.name());
    let calls = plane.engine.calls();
    calls.iter().filter(|call| call.starts_with(&name)).count()
}

async fn check(is_twice: bool) {
    let smooth = plane(is_twice).await;
    live(&smooth).await;
    let steps = [Method::Observe, Method::Ensure, Method::Drop];
    for method in steps {
        let count = calls(&smooth, method);
        assert!(count > 0, "{method:?} is never called");
        for at in 0..count {
            for fault in [Fault::Fail, Fault::FailAfter] {
                let plane = plane(is_twice).await;
                let before = std::iter::repeat_n(Fault::Pass, at);
                plane.engine.script(method, before.chain([fault.clone()]));
                live(&plane).await;
                let left = plane.engine.list_clusters().await.unwrap();
                assert_eq!(left, [], "{method:?} call {at} {fault:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_at_every_step_changes_nothing_in_the_end() {
    check(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_may_be_taken_twice_with_an_error_at_each() {
    check(true).await;
}

/// A purchase that is given up: its money returns once, however often that is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_gives_its_money_back_once() {
    for fault in [Fault::Pass, Fault::Fail, Fault::FailAfter] {
        let plane = plane(true).await;
        let cx = plane.context("ckafka", REGION).await;
        let before = available(&plane).await;
        // It runs, and nobody gets to know: eight attempts fail.
        plane.engine.script(Method::Ensure, [Fault::FailAfter]);
        let unseen = std::iter::repeat_n(Fault::Fail, 7);
        let looks = std::iter::once(Fault::Pass).chain(unseen);
        plane.engine.script(Method::Observe, looks);
        plane.engine.script(Method::Drop, [fault.clone()]);
        let bought = buy(&plane, 1).await.unwrap();
        let id = &bought.instance_ids[0];
        plane
            .let_time_pass_until("ckafka", id.as_str(), Phase::Failed)
            .await;
        let order = plane
            .control
            .order_view(&cx, &bought.order_id)
            .await
            .unwrap();
        assert_eq!(order.state(), OrderState::Failed, "{fault:?}");
        assert_eq!(available(&plane).await, before, "{fault:?}");
        let left = plane.engine.list_clusters().await.unwrap();
        assert_eq!(left, [], "{fault:?}");
        plane.assert_ledger().await;
    }
}
