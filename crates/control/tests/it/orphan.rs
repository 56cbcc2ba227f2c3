//! Clusters that the store does not know are stopped and kept, and deleted by an operator only.

use brokerage_control::orphan::Orphan;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_domain::listing::Listing;
use brokerage_engine::Engine;
use brokerage_engine::fake::{Fault, Method};
use brokerage_store::Store;
use brokerage_store::instance::{Attention, instance_by_id, instance_insert};
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::{buy, release};

/// Looks before a test gives up on what a task does.
const LOOKS_MAX: usize = 1_000_000;

async fn wait_until(plane: &Plane, holds: impl AsyncFn() -> bool) {
    plane.control.task_wake("stop_orphans");
    for _ in 0..LOOKS_MAX {
        if holds().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the task does not come to it");
}

/// A plane with an instance and, beside it, a cluster of the same kind that nobody bought.
async fn with_orphan() -> (Plane, InstanceId, InstanceId) {
    let plane = Plane::sandbox().await;
    let known = buy(&plane, 1).await.unwrap().instance_ids.remove(0);
    let of = known.as_str();
    plane
        .let_time_pass_until("ckafka", of, Phase::Running)
        .await;
    let orphan = make_orphan(&plane, &known).await;
    (plane, known, orphan)
}

/// A cluster like that of an instance, which nobody bought.
async fn make_orphan(plane: &Plane, known: &InstanceId) -> InstanceId {
    let seen = plane.engine.observe_cluster(known).await.unwrap().unwrap();
    let mut spec = seen.spec.unwrap();
    spec.id = InstanceId::new("ckafka-stranger");
    plane.engine.ensure_cluster(&spec).await.unwrap();
    spec.id
}

async fn runs(plane: &Plane, id: &InstanceId) -> bool {
    let seen = plane.engine.observe_cluster(id).await.unwrap();
    seen.is_some_and(|seen| seen.running)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_is_stopped_told_and_kept_until_an_operator_deletes_it() {
    let (plane, known, orphan) = with_orphan().await;
    // The engine does not tell at first, and does not stop at first.
    plane.engine.script(Method::List, [Fault::Fail]);
    plane
        .engine
        .script(Method::Stop, [Fault::Fail, Fault::FailAfter]);
    for _ in 0..3 {
        plane.control.task_wake("stop_orphans");
        tokio::task::yield_now().await;
    }
    wait_until(&plane, async || {
        plane.control.task_wake("stop_orphans");
        !runs(&plane, &orphan).await
    })
    .await;
    wait_until(&plane, async || plane.control.orphan_count() == 1).await;
    let expected = Orphan {
        id: orphan.clone(),
        running: false,
    };
    assert_eq!(plane.control.orphan_list().await.unwrap(), [expected]);
    assert!(runs(&plane, &known).await, "what was bought runs");
    let listed = plane.engine.list_clusters().await.unwrap();
    assert!(listed.contains(&orphan), "its data is kept");
    for id in [&known, &InstanceId::new("ckafka-nobody")] {
        let refused = plane.control.orphan_delete(id).await;
        assert!(refused.is_err(), "{id} is no orphan");
    }
    assert!(runs(&plane, &known).await);
    plane.control.orphan_delete(&orphan).await.unwrap();
    assert_eq!(plane.control.orphan_list().await.unwrap(), []);
    assert_eq!(plane.control.orphan_count(), 0);
    let listed = plane.engine.list_clusters().await.unwrap();
    assert_eq!(listed, [known]);
}

/// The wrong backup was there for a while: its clusters were stopped, and what the right one knows of them starts again.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_record_comes_back_is_started_again() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let options = PlaneOptions {
        store: Some(store.clone()),
        ..PlaneOptions::default()
    };
    let plane = Plane::start(options).await;
    let known = buy(&plane, 1).await.unwrap().instance_ids.remove(0);
    let of = known.as_str();
    plane
        .let_time_pass_until("ckafka", of, Phase::Running)
        .await;
    let orphan = make_orphan(&plane, &known).await;
    wait_until(&plane, async || {
        plane.control.orphan_count() == 1 && !runs(&plane, &orphan).await
    })
    .await;
    let (of, wanted) = (known.clone(), orphan.clone());
    let put_back = store.write("put_back", move |tx| {
        let mut instance = instance_by_id(tx, &of)?.unwrap();
        instance.id = wanted.clone();
        let listing = Listing::ById;
        instance_insert(tx, &instance, Attention::Settled, listing)
    });
    put_back.await.unwrap();
    assert!(!runs(&plane, &orphan).await, "it stays stopped till a look");
    wait_until(&plane, async || {
        plane.control.task_wake("stop_orphans");
        plane.control.orphan_count() == 0 && runs(&plane, &orphan).await
    })
    .await;
    assert_eq!(plane.control.orphan_list().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_instance_is_taken_for_an_orphan_in_any_phase() {
    let plane = Plane::sandbox().await;
    for _ in 0..20 {
        let id = buy(&plane, 1).await.unwrap().instance_ids.remove(0);
        let listed = plane.control.orphan_list().await.unwrap();
        assert_eq!(listed, [], "while it is made");
        let of = id.as_str();
        plane
            .let_time_pass_until("ckafka", of, Phase::Running)
            .await;
        assert_eq!(plane.control.orphan_list().await.unwrap(), []);
        // Its data cannot be deleted for some time: its record is still there.
        plane
            .engine
            .script(Method::Drop, [Fault::Fail, Fault::Fail]);
        release(&plane, &id).await;
        assert_eq!(plane.control.orphan_list().await.unwrap(), []);
        plane.let_time_pass_until("ckafka", of, Phase::Gone).await;
    }
    let stopped = |call: &String| call.starts_with("stop_cluster");
    assert!(!plane.engine.calls().iter().any(stopped));
}
