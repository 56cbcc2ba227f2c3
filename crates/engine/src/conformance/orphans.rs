//! Clusters that nobody asks for any more: what the control plane does with orphans.

use brokerage_kafka_admin::{NewRecord, NewTopic};

use super::{inside, seen};
use crate::cluster::{ClusterSpec, Engine};

/// Takes two clusters through a start of the engine's process (`reopen`) after which one is asked for and the other is
/// not: that one is listed and seen, does not run, and is kept until it is dropped. Without a word of Kafka: fake engines
/// keep it, too.
///
/// # Panics
/// Where the engine does not keep the contract.
pub async fn orphans<E: Engine>(
    engine: E,
    reopen: impl AsyncFnOnce(E) -> E,
    spec: impl Fn(&str) -> ClusterSpec,
) -> E {
    let (known, orphan) = (spec("suite-known"), spec("suite-orphan"));
    for spec in [&known, &orphan] {
        engine.ensure_cluster(spec).await.expect("ensure");
    }
    let engine = reopen(engine).await;
    engine.ensure_cluster(&known).await.expect("start again");
    for _ in 0..2 {
        engine.stop_cluster(&orphan.id).await.expect("stop");
        let left = seen(&engine, &orphan).await;
        assert!(!left.running && left.spec.is_none(), "{left:?}");
        let listed = engine.list_clusters().await.expect("list");
        for spec in [&known, &orphan] {
            assert!(listed.contains(&spec.id), "{}: {listed:?}", spec.id);
        }
        let connected = engine.connect(&orphan.id).await;
        assert!(connected.is_err(), "nobody answers there");
    }
    // Whatever becomes of others, it is kept.
    engine.stop_cluster(&known.id).await.expect("stop");
    engine.ensure_cluster(&known).await.expect("start again");
    assert!(!seen(&engine, &orphan).await.running);
    engine.drop_cluster(&orphan.id).await.expect("drop");
    let gone = engine.observe_cluster(&orphan.id).await.expect("observe");
    assert_eq!(gone, None, "a command drops it");
    let listed = engine.list_clusters().await.expect("list");
    assert_eq!(listed, std::slice::from_ref(&known.id), "and nothing else");
    assert!(seen(&engine, &known).await.running);
    engine.drop_cluster(&known.id).await.expect("drop");
    engine
}

/// An orphan that its owner comes back for has what it had.
///
/// # Panics
/// Where the engine does not keep the contract.
pub async fn kept(engine: &dyn Engine, spec: &ClusterSpec) {
    engine.ensure_cluster(spec).await.expect("ensure");
    let mut client = inside(engine, spec).await;
    let topic = NewTopic {
        name: "kept".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: Default::default(),
    };
    let made = client.topic_create(&topic).await.expect("create topic");
    let record = NewRecord {
        value: Some("a".into()),
        ..NewRecord::default()
    };
    let appended = client
        .records_append("kept", 0, std::slice::from_ref(&record))
        .await;
    appended.expect("append");
    for _ in 0..2 {
        engine.stop_cluster(&spec.id).await.expect("stop");
        let listed = engine.list_clusters().await.expect("list");
        assert!(listed.contains(&spec.id), "{listed:?}");
    }
    engine.ensure_cluster(spec).await.expect("start again");
    let mut client = inside(engine, spec).await;
    let found = client.topic_find("kept").await.expect("metadata");
    assert_eq!(found.map(|topic| topic.id), Some(made), "the same topic");
    let fetched = client.records_fetch("kept", 0, 0, 1 << 20, 0).await;
    let records = fetched.expect("fetch").records;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].value, record.value);
    engine.drop_cluster(&spec.id).await.expect("drop");
}
