//! Settings are in force, also when they change while a cluster runs.

use brokerage_kafka_admin::{Client, ConfigResource, NewTopic};

use super::{inside, seen};
use crate::cluster::{ClusterSpec, Engine};

/// A topic that says nothing itself: its partitions, and how long it keeps its records.
async fn made(client: &mut Client, name: &str) -> (usize, String) {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: -1,
        replication_factor: 1,
        configs: Default::default(),
    };
    client.topic_create(&topic).await.expect("create topic");
    let found = client.topic_find(name).await.expect("metadata");
    let partitions = found.expect("it is there").partitions.len();
    (partitions, retention_ms(client, name).await)
}

async fn retention_ms(client: &mut Client, name: &str) -> String {
    let resource = ConfigResource::topic(name);
    let told = client
        .configs_describe(&[resource], Some(&["retention.ms"]))
        .await;
    let entries = told.expect("settings").remove(0).expect("of a topic");
    entries[0].value.clone().expect("it is told")
}

pub(super) async fn settings(engine: &dyn Engine, spec: &ClusterSpec) {
    let mut spec = spec.clone();
    spec.settings.partitions = Some(2);
    spec.settings.retention_ms = Some(60_000);
    engine.ensure_cluster(&spec).await.expect("ensure");
    let mut client = inside(engine, &spec).await;
    assert_eq!(made(&mut client, "before").await, (2, "60000".to_owned()));
    spec.settings.partitions = Some(1);
    spec.settings.retention_ms = Some(70_000);
    engine.ensure_cluster(&spec).await.expect("ensure");
    let running = seen(engine, &spec).await.spec;
    assert_eq!(
        running.as_ref(),
        Some(&spec),
        "a running cluster takes new settings"
    );
    assert_eq!(made(&mut client, "after").await, (1, "70000".to_owned()));
    let told = retention_ms(&mut client, "before").await;
    assert_eq!(told, "70000", "defaults are not copied into topics");
    engine.drop_cluster(&spec.id).await.expect("drop");
}
