//! The suite that every engine passes: one function, called from a test of the engine's own crate.

use std::collections::BTreeMap;

use brokerage_domain::topic::Topic;
use secrecy::SecretString;

use crate::cluster::{ClusterSpec, Engine, EngineError, User};

/// Takes one cluster through its life. `spec` must describe a cluster that does not exist yet, with room for
/// two topics of two partitions.
///
/// # Panics
/// Where the engine does not keep the contract.
pub async fn run(engine: &dyn Engine, spec: &ClusterSpec) {
    let id = &spec.id;
    let topic = |name: &str| Topic {
        name: name.into(),
        partitions: 2,
        replication_factor: 1,
        configs: BTreeMap::from([
            ("min.insync.replicas".into(), "2".into()),
            ("retention.ms".into(), "3600000".into()),
        ]),
    };
    assert_eq!(
        engine.observe_cluster(id).await.expect("observe"),
        None,
        "nothing is there at first"
    );

    engine.ensure_cluster(spec).await.expect("ensure");
    engine.ensure_cluster(spec).await.expect("ensure again");
    let seen = engine
        .observe_cluster(id)
        .await
        .expect("observe")
        .expect("is there");
    assert!(seen.running, "an ensured cluster runs");
    assert_eq!(seen.spec.as_ref(), Some(spec), "it runs as it was asked to");

    engine
        .create_topic(id, &topic("first"))
        .await
        .expect("create topic");
    engine
        .create_topic(id, &topic("second"))
        .await
        .expect("create topic");
    let twice = engine.create_topic(id, &topic("first")).await;
    assert!(
        matches!(twice, Err(EngineError::Kafka { code: 36, .. })),
        "a topic is made once: {twice:?}"
    );
    let seen = engine
        .observe_cluster(id)
        .await
        .expect("observe")
        .expect("is there");
    assert_eq!(
        (seen.topics, seen.partitions),
        (2, 4),
        "topics and partitions are counted"
    );

    let password = SecretString::from("a password");
    for name in ["second", "first", "second"] {
        engine
            .ensure_user(id, name, &password)
            .await
            .expect("ensure user");
    }
    let nobody = engine.ensure_user(id, "", &password).await;
    assert!(
        matches!(nobody, Err(EngineError::Refused { .. })),
        "a user has a name: {nobody:?}"
    );
    engine.drop_user(id, "third").await.expect("drop nobody");
    for (name, is_there) in [("first", true), ("second", true), ("third", false)] {
        let made = engine.set_super_user(id, name, true).await;
        assert_eq!(made.expect("set super user"), is_there, "{name}");
    }
    let taken = engine.set_super_user(id, "first", false).await;
    assert!(taken.expect("take it away"));
    engine
        .ensure_user(id, "second", &password)
        .await
        .expect("ensure user");

    let mut changed = spec.clone();
    changed.settings.auto_create_topics = Some(true);
    engine
        .ensure_cluster(&changed)
        .await
        .expect("ensure with another setting");
    let seen = engine
        .observe_cluster(id)
        .await
        .expect("observe")
        .expect("is there");
    assert_eq!(
        seen.spec.as_ref(),
        Some(&changed),
        "a running cluster takes new settings"
    );

    for _ in 0..2 {
        engine.stop_broker(id, 0).await.expect("stop broker");
    }
    let none = engine.stop_broker(id, 1_000).await;
    assert!(
        matches!(none, Err(EngineError::Refused { .. })),
        "a broker that is not there cannot be stopped: {none:?}"
    );

    engine.stop_cluster(id).await.expect("stop");
    engine.stop_cluster(id).await.expect("stop again");
    let seen = engine
        .observe_cluster(id)
        .await
        .expect("observe")
        .expect("data is kept");
    assert!(!seen.running, "a stopped cluster does not run");
    assert!(
        engine.list_clusters().await.expect("list").contains(id),
        "a stopped cluster is listed"
    );

    engine.ensure_cluster(spec).await.expect("start again");
    assert_eq!(
        engine.list_topics(id).await.expect("topics"),
        [topic("first"), topic("second")],
        "topics outlive a stop, with their replicas and settings"
    );
    let seen = engine.observe_cluster(id).await.expect("observe");
    let stopped = seen.expect("is there").stopped_brokers;
    assert_eq!(stopped, [0], "a broker stays away over a stop");
    for _ in 0..2 {
        engine.start_broker(id, 0).await.expect("start broker");
    }
    let seen = engine.observe_cluster(id).await.expect("observe");
    assert!(
        seen.expect("is there").stopped_brokers.is_empty(),
        "a broker comes back"
    );
    let user = |name: &str, is_super| User {
        name: name.into(),
        is_super,
    };
    let users = engine.list_users(id).await.expect("users");
    let expected = [user("first", false), user("second", true)];
    assert_eq!(users, expected, "users outlive a stop");
    engine.drop_user(id, "second").await.expect("drop user");
    engine
        .ensure_user(id, "second", &password)
        .await
        .expect("ensure user");
    engine.drop_user(id, "first").await.expect("drop user");
    let users = engine.list_users(id).await.expect("users");
    assert_eq!(
        users,
        [user("second", false)],
        "a new user is no super user"
    );
    engine
        .delete_topic(id, "first")
        .await
        .expect("delete topic");
    assert_eq!(engine.list_topics(id).await.expect("topics").len(), 1);

    engine.drop_cluster(id).await.expect("drop");
    engine.drop_cluster(id).await.expect("drop again");
    assert_eq!(
        engine.observe_cluster(id).await.expect("observe"),
        None,
        "a dropped cluster is gone"
    );
    assert!(
        !engine.list_clusters().await.expect("list").contains(id),
        "a dropped cluster is not listed"
    );
}
