//! Connections inside the process stand outside of what was bought, counted and forbidden.

use brokerage_broker::{ClusterLimits, SecurityProtocol};
use brokerage_kafka_admin::{
    Acl, AclOperation, AclPermission, Client, ErrorCode, NewRecord, OffsetAt, PartitionOffset,
    PatternType, ResourceType, ScramCredential, ScramMechanism,
};
use tokio::io::AsyncReadExt;

use crate::support::{ID, World, spec, topic};

/// Uses a cluster as its owner does.
async fn use_it(client: &mut Client, name: &str, replicas: i16) {
    client
        .topic_create(&topic(name, 3, replicas))
        .await
        .unwrap();
    for partition in 0..3 {
        let record = NewRecord {
            value: Some(vec![7; 10_000].into()),
            ..NewRecord::default()
        };
        client
            .records_append(name, partition, &[record])
            .await
            .unwrap();
        let read = client
            .records_fetch(name, partition, 0, 1 << 20, 0)
            .await
            .unwrap();
        assert_eq!(read.records.len(), 1);
        let latest = client.offset_find(name, partition, OffsetAt::Latest).await;
        assert_eq!(latest.unwrap(), Some(1));
        let offset = PartitionOffset {
            topic: name.to_owned(),
            partition,
            offset: 1,
            metadata: String::new(),
        };
        let group = format!("{name}-{partition}");
        client.group_offsets_set(&group, &[offset]).await.unwrap();
        client.group_delete(&group).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_counted_and_bandwidth_is_not_taken() {
    let mut one = spec(3);
    one.limits = ClusterLimits {
        ingress_bytes_per_second_max: Some(1),
        egress_bytes_per_second_max: Some(1),
        ..ClusterLimits::default()
    };
    let world = World::of(one).await;
    let before = world.host.observe(ID).unwrap();
    let mut client = world.inside().await;
    let began = std::time::Instant::now();
    use_it(&mut client, "t", 1).await;
    // Of one byte a second, this would take hours.
    assert!(began.elapsed().as_secs() < 20);
    let after = world.host.observe(ID).unwrap();
    assert_eq!(after.counters, before.counters);
    assert_eq!((after.connections, after.topics), (0, 1));
    let of_topic = world.host.observe_topics(ID).unwrap().remove(0).counters;
    assert_eq!(of_topic, Default::default());
    assert_eq!(world.host.observe_users(ID).unwrap(), []);
}

#[tokio::test]
async fn it_comes_in_where_nobody_else_does() {
    let mut closed = spec(1);
    closed.limits.connections_max = 0;
    for listener in &mut closed.brokers[0].listeners {
        listener.security = SecurityProtocol::SaslSsl;
    }
    let world = World::of(closed).await;
    let deny = |resource_type, name: &str| Acl {
        resource_type,
        resource_name: name.to_owned(),
        pattern_type: PatternType::Literal,
        principal: "User:*".to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::All,
        permission: AclPermission::Deny,
    };
    let denied = vec![
        deny(ResourceType::Cluster, "kafka-cluster"),
        deny(ResourceType::Topic, "*"),
        deny(ResourceType::Group, "*"),
    ];
    let mut client = world.inside().await;
    let created = client.acls_create(&denied).await.unwrap();
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    use_it(&mut client, "t", 1).await;
    let credential =
        ScramCredential::derive(ScramMechanism::Sha256, &"a password".into(), vec![7; 32]);
    client.user_put("anna", &credential).await.unwrap();
}

#[tokio::test]
async fn it_speaks_for_every_broker_also_while_some_are_stopped() {
    let world = World::of(spec(3)).await;
    let mut client = world.inside().await;
    for stopped in [&[][..], &[0], &[1, 2]] {
        for broker in 0..3 {
            match stopped.contains(&broker) {
                true => world.host.stop_broker(ID, broker).await.unwrap(),
                false => world.host.start_broker(ID, broker).await.unwrap(),
            }
        }
        use_it(&mut client, &format!("t{}", stopped.len()), 3).await;
    }
}

#[tokio::test]
async fn bought_topics_and_partitions_hold_inside_too() {
    let mut small = spec(1);
    small.limits.topics_max = 2;
    small.limits.partitions_max = 3;
    let world = World::of(small).await;
    let mut client = world.inside().await;
    client.topic_create(&topic("a", 1, 1)).await.unwrap();
    for (name, partitions) in [("b", 3), ("b", 2), ("c", 1)] {
        let made = client.topic_create(&topic(name, partitions, 1)).await;
        let code = made.err().and_then(|error| error.code());
        let expected = ((name, partitions) != ("b", 2)).then_some(ErrorCode::PolicyViolation);
        assert_eq!(code, expected, "{name} {partitions}");
    }
}

#[tokio::test]
async fn an_old_release_is_administered_in_the_newest_requests() {
    let old = brokerage_broker::ClusterSpec {
        kafka_version: "1.0.2".to_owned(),
        ..spec(1)
    };
    let world = World::of(old).await;
    let (inside, outside) = (world.inside().await, world.outside(0).await);
    // AlterUserScramCredentials came with 2.7.
    assert!(inside.versions().contains_key(&51));
    assert!(!outside.versions().contains_key(&51));
}

#[tokio::test]
async fn it_ends_with_its_cluster() {
    let world = World::of(spec(1)).await;
    let (mut client, mut bare) = (world.inside().await, world.host.connect(ID).unwrap());
    world.host.stop_cluster(ID).await.unwrap();
    assert_eq!(bare.read(&mut [0]).await.unwrap(), 0);
    let lost = client.topic_list().await.unwrap_err();
    assert!(lost.is_lost(), "{lost:?}");
    assert!(world.host.connect(ID).is_err());
    world.host.ensure_cluster(world.spec.clone()).await.unwrap();
    let mut client = world.inside().await;
    world.host.drop_cluster(ID).await.unwrap();
    assert!(client.topic_list().await.unwrap_err().is_lost());
}
