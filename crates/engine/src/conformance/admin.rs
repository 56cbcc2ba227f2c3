//! What is made through the engine's own connection, and what becomes of it.

use brokerage_kafka_admin::{
    AlterConfig, Client, ConfigChange, ConfigResource, ErrorCode, NewRecord, NewTopic,
    PartitionOffset, ScramCredential, ScramMechanism, Topic,
};

use super::{inside, outside, seen};
use crate::cluster::{ClusterSpec, Engine};

pub(super) async fn admin(engine: &dyn Engine, spec: &ClusterSpec) {
    engine.ensure_cluster(spec).await.expect("ensure");
    let mut client = inside(engine, spec).await;
    make(&mut client).await;
    let counted = seen(engine, spec).await;
    let found = (counted.topics, counted.partitions, counted.groups);
    assert_eq!(
        found,
        (2, 4, 1),
        "topics, partitions and groups are counted"
    );
    let bytes = (counted.bytes_in, counted.bytes_out);
    assert_eq!(bytes, (0, 0), "what the engine itself does is not counted");
    assert_eq!(counted.connections, 0, "nor is its connection");

    drills(engine, spec, &mut client).await;

    let before = topics(&mut client).await;
    engine.stop_cluster(&spec.id).await.expect("stop");
    let lost = client.topic_list().await;
    assert!(
        lost.is_err_and(|error| error.is_lost()),
        "a connection ends with its cluster"
    );
    engine.ensure_cluster(spec).await.expect("start again");
    let mut client = inside(engine, spec).await;
    assert_eq!(topics(&mut client).await, before, "topics outlive a stop");
    kept(&mut client).await;
    let mut other = outside(spec).await;
    let read = other.records_fetch("first", 0, 0, 1 << 20, 0).await;
    assert_eq!(
        read.expect("fetch").records.len(),
        1,
        "records outlive a stop"
    );
    let counted = seen(engine, spec).await;
    assert!(counted.bytes_out > 0, "what clients read is counted");
    assert_eq!(counted.connections, 1, "and so is their connection");
    client.topic_delete("first").await.expect("delete topic");
    assert_eq!(topics(&mut client).await.len(), 1);
    engine.drop_cluster(&spec.id).await.expect("drop");
}

async fn topics(client: &mut Client) -> Vec<Topic> {
    client.topic_list().await.expect("topics")
}

async fn make(client: &mut Client) {
    let topic = |name: &str| NewTopic {
        name: name.into(),
        partitions: 2,
        replication_factor: 1,
        configs: [("retention.ms".to_owned(), "3600000".to_owned())].into(),
    };
    for name in ["first", "second"] {
        client
            .topic_create(&topic(name))
            .await
            .expect("create topic");
    }
    let twice = client.topic_create(&topic("first")).await;
    let code = twice.err().and_then(|error| error.code());
    assert_eq!(
        code,
        Some(ErrorCode::TopicAlreadyExists),
        "a topic is made once"
    );
    let change = AlterConfig {
        name: "min.insync.replicas",
        change: ConfigChange::Set("2"),
    };
    let resource = ConfigResource::topic("second");
    let altered = client.configs_alter(resource, &[change]).await;
    altered.expect("alter settings");
    let password = "a password".into();
    for name in ["anna", "bert"] {
        for mechanism in ScramMechanism::ALL {
            let credential = ScramCredential::derive(mechanism, &password, vec![7; 32]);
            client.user_put(name, &credential).await.expect("put user");
        }
    }
    for (name, is_there) in [("anna", true), ("bert", true), ("nobody", false)] {
        let made = client.super_user_set(name, true).await;
        assert_eq!(made.expect("set super user"), is_there, "{name}");
    }
    let taken = client.super_user_set("anna", false).await;
    assert!(taken.expect("take it away"));
    let record = NewRecord {
        value: Some("a".into()),
        ..NewRecord::default()
    };
    let appended = client.records_append("first", 0, &[record]).await;
    assert_eq!(appended.expect("append"), 0);
    let offset = PartitionOffset {
        topic: "first".to_owned(),
        partition: 0,
        offset: 1,
        metadata: String::new(),
    };
    let set = client.group_offsets_set("readers", &[offset]).await;
    set.expect("set offsets");
}

/// Users, settings and groups are there as they were made; a user made anew is no super user.
async fn kept(client: &mut Client) {
    let users = client.user_list().await.expect("users");
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["anna", "bert"], "users outlive a stop");
    assert_eq!(
        client.super_user_list().await.expect("super users"),
        ["bert"]
    );
    let resource = ConfigResource::topic("second");
    let told = client
        .configs_describe(&[resource], Some(&["min.insync.replicas"]))
        .await;
    let entries = told.expect("settings").remove(0).expect("of a topic");
    assert_eq!(
        entries[0].value.as_deref(),
        Some("2"),
        "settings outlive a stop"
    );
    let offsets = client.group_offset_list("readers").await;
    assert_eq!(
        offsets.expect("offsets")[0].offset,
        1,
        "groups outlive a stop"
    );
    for mechanism in ScramMechanism::ALL {
        client
            .user_delete("bert", mechanism)
            .await
            .expect("delete user");
    }
    let none = client.super_user_list().await.expect("super users");
    assert!(none.is_empty(), "who is gone is no super user: {none:?}");
}

/// The engine's connection reaches everything while brokers are away.
async fn drills(engine: &dyn Engine, spec: &ClusterSpec, client: &mut Client) {
    for broker in [0, 1] {
        engine
            .stop_broker(&spec.id, broker)
            .await
            .expect("stop broker");
    }
    let topic = NewTopic {
        name: "drilled".into(),
        partitions: 3,
        replication_factor: 3,
        configs: Default::default(),
    };
    client.topic_create(&topic).await.expect("create topic");
    for partition in 0..3 {
        let record = NewRecord {
            value: Some("a".into()),
            ..NewRecord::default()
        };
        let appended = client.records_append("drilled", partition, &[record]).await;
        assert_eq!(appended.expect("append"), 0, "partition {partition}");
    }
    let offsets = client.group_offset_list("readers").await;
    assert_eq!(offsets.expect("offsets").len(), 1);
    client.topic_delete("drilled").await.expect("delete topic");
    for broker in [0, 1] {
        engine
            .start_broker(&spec.id, broker)
            .await
            .expect("start broker");
    }
}
