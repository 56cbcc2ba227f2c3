//! Brokers stand in the zones that were bought, and topics in as many of them as they have copies.

use std::collections::BTreeSet;

use brokerage_kafka_admin::{Client, ConfigResource, NewTopic};

use super::{inside, seen};
use crate::cluster::{ClusterSpec, Engine};

/// What each broker tells as its `broker.rack`.
async fn racks(client: &mut Client, spec: &ClusterSpec) -> Vec<Option<String>> {
    let brokers: BTreeSet<i32> = spec.listeners.iter().map(|at| at.broker_id).collect();
    let mut racks = Vec::new();
    for broker in brokers {
        let id = broker.to_string();
        let resources = [ConfigResource::broker(&id)];
        let told = client.configs_describe(&resources, Some(&["broker.rack"]));
        let entries = told.await.expect("settings").remove(0);
        let entries = entries.expect("of a broker");
        racks.push(entries.into_iter().next().and_then(|entry| entry.value));
    }
    racks
}

pub(super) async fn zones(engine: &dyn Engine, spec: &ClusterSpec) {
    let mut spec = spec.clone();
    spec.zones = vec!["zone-1".to_owned(), "zone-2".to_owned()];
    engine.ensure_cluster(&spec).await.expect("ensure");
    let mut client = inside(engine, &spec).await;
    let told = racks(&mut client, &spec).await;
    let expected = ["zone-1", "zone-2", "zone-1"].map(|zone| Some(zone.to_owned()));
    assert_eq!(told, expected);
    let topic = NewTopic {
        name: "t".to_owned(),
        partitions: 2,
        replication_factor: 2,
        configs: Default::default(),
    };
    client.topic_create(&topic).await.expect("create topic");
    let found = client.topic_find("t").await.expect("metadata");
    for partition in found.expect("it is there").partitions {
        let zones = partition.replicas.iter().map(|broker| spec.zone(*broker));
        let zones: BTreeSet<_> = zones.collect();
        assert_eq!(zones.len(), 2, "{partition:?} stands in both zones");
    }
    spec.zones = Vec::new();
    engine.ensure_cluster(&spec).await.expect("ensure");
    assert_eq!(seen(engine, &spec).await.spec.as_ref(), Some(&spec));
    assert_eq!(racks(&mut client, &spec).await, [None, None, None]);
    engine.drop_cluster(&spec.id).await.expect("drop");
}
