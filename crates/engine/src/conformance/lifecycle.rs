//! From nothing to nothing: what the reconciler relies on.

use crate::cluster::{ClusterSpec, Engine, EngineError};

use super::seen;

/// Takes one cluster through its life, without a word of Kafka: what fake engines keep, too.
///
/// # Panics
/// Where the engine does not keep the contract.
pub async fn lifecycle(engine: &dyn Engine, spec: &ClusterSpec) {
    let id = &spec.id;
    let absent = engine.observe_cluster(id).await.expect("observe");
    assert_eq!(absent, None, "nothing is there at first");
    for _ in 0..2 {
        engine.ensure_cluster(spec).await.expect("ensure");
    }
    let running = seen(engine, spec).await;
    assert!(running.running, "an ensured cluster runs");
    assert_eq!(running.spec.as_ref(), Some(spec), "it runs as asked");
    assert!(listed(engine, spec).await, "a running cluster is listed");

    drills(engine, spec).await;

    for _ in 0..2 {
        engine.stop_cluster(id).await.expect("stop");
    }
    assert!(!seen(engine, spec).await.running, "its data is kept");
    assert!(listed(engine, spec).await, "a stopped cluster is listed");
    assert!(engine.connect(id).await.is_err(), "nobody answers there");
    engine.ensure_cluster(spec).await.expect("start again");
    let stopped = seen(engine, spec).await.stopped_brokers;
    assert_eq!(stopped, [0], "a broker stays away over a stop");
    for _ in 0..2 {
        engine.start_broker(id, 0).await.expect("start broker");
    }
    let stopped = seen(engine, spec).await.stopped_brokers;
    assert!(stopped.is_empty(), "a broker comes back");

    for _ in 0..2 {
        engine.drop_cluster(id).await.expect("drop");
    }
    let gone = engine.observe_cluster(id).await.expect("observe");
    assert_eq!(gone, None, "a dropped cluster is gone");
    assert!(
        !listed(engine, spec).await,
        "a dropped cluster is not listed"
    );
    assert!(engine.connect(id).await.is_err(), "nobody answers there");
}

async fn drills(engine: &dyn Engine, spec: &ClusterSpec) {
    for _ in 0..2 {
        engine.stop_broker(&spec.id, 0).await.expect("stop broker");
    }
    let none = engine.stop_broker(&spec.id, 1_000).await;
    assert!(
        matches!(none, Err(EngineError::Refused { .. })),
        "a broker that is not there cannot be stopped: {none:?}"
    );
}

async fn listed(engine: &dyn Engine, spec: &ClusterSpec) -> bool {
    let ids = engine.list_clusters().await.expect("list");
    ids.contains(&spec.id)
}
