//! The embedded engine keeps the contract.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use brokerage_domain::catalog::{Catalogs, NodeGroup, PlanRequest};
use brokerage_domain::clock::{Clock, SystemClock};
use brokerage_domain::cluster_settings::{ClusterSettings, SettingName};
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_engine::{ClusterSpec, Engine, EngineError, Listener};
use brokerage_engine_embedded::{
    Durability, EmbeddedEngine, EmbeddedOptions, LogIntervals, SETTINGS, SharedPortSpec,
};
use brokerage_kafka_admin::{
    AdminError, Client, ConfigResource, ErrorCode, NewRecord, NewTopic, ScramCredential,
    ScramMechanism,
};
use bytes::Bytes;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

/// Ports that the system gave just now; the listeners that held them are gone.
pub fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}

/// A cluster of the smallest plan that some catalog sells without further words.
pub fn spec(id: &str, ports: &[u16]) -> ClusterSpec {
    let catalogs = Catalogs::embedded();
    let catalog = catalogs.get("jdkafka").unwrap();
    let region = catalog.regions()[0].id.clone();
    let zones = catalog.zones(&region).take(1).map(|zone| zone.id.clone());
    let request = PlanRequest {
        zones: zones.collect(),
        version: Some("1.0.2".into()),
        nodes: vec![NodeGroup {
            role: "broker".into(),
            ..NodeGroup::default()
        }],
        region: region.clone(),
        ..PlanRequest::default()
    };
    let plan = catalog.plan(&request).unwrap();
    let listener = |(broker_id, &port): (i32, &u16)| Listener {
        broker_id,
        security_protocol: SecurityProtocol::Plaintext,
        is_public: false,
        route: 0,
        allowed: None,
        bind: Some(Ipv4Addr::LOCALHOST.into()),
        advertised_host: "127.0.0.1".into(),
        port,
    };
    ClusterSpec {
        id: InstanceId::new(id),
        kafka_version: plan.kafka_version,
        listeners: (0..).zip(ports).map(listener).collect(),
        zones: plan.zones,
        limits: plan.usable,
        settings: ClusterSettings::default(),
    }
}

pub fn open(dir: &tempfile::TempDir) -> EmbeddedEngine {
    let path = dir.path().to_owned();
    EmbeddedEngine::open(EmbeddedOptions {
        data_dir: path,
        durability: Durability::Process,
        real_clock: Arc::new(SystemClock),
        seed: 1,
        tls_files: None,
        shared_port: Some(SharedPortSpec {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            advertised_port: 0,
        }),
        public_shared_port: None,
        log_intervals: LogIntervals {
            retention_check_ms: 100,
            first_task_ms: 100,
            ..LogIntervals::default()
        },
        group_initial_rebalance_delay: Duration::ZERO,
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_engine_passes_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    brokerage_engine::conformance::run(&engine, |id| spec(id, &free_ports(3))).await;
    let reopen = async |engine: EmbeddedEngine| {
        engine.shutdown().await;
        drop(engine);
        open(&dir)
    };
    let spec = |id: &str| spec(id, &free_ports(1));
    let engine = brokerage_engine::conformance::orphans(engine, reopen, spec).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_place_of_a_cluster_is_told_and_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let spec = spec("cluster-1", &free_ports(1));
    std::fs::write(dir.path().join("cluster-1"), "a file").unwrap();
    assert_eq!(
        engine.list_clusters().await.unwrap(),
        std::slice::from_ref(&spec.id)
    );
    let seen = engine.observe_cluster(&spec.id).await.unwrap().unwrap();
    assert!(!seen.running);
    engine.stop_cluster(&spec.id).await.unwrap();
    let refused = engine.ensure_cluster(&spec).await;
    assert!(refused.is_err(), "no cluster can be made there");
    engine.drop_cluster(&spec.id).await.unwrap();
    assert_eq!(engine.list_clusters().await.unwrap(), []);
    engine.ensure_cluster(&spec).await.unwrap();
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cluster_is_named_and_does_not_hold_up_others() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    for id in ["damaged-1", "sound-1"] {
        let spec = spec(id, &free_ports(1));
        engine.ensure_cluster(&spec).await.unwrap();
        let stream = engine.connect(&spec.id).await.unwrap();
        let mut kafka = Client::connect(stream).await.unwrap();
        let password = "a password".into();
        for user in ["first", "second"] {
            let credential =
                ScramCredential::derive(ScramMechanism::Sha256, &password, vec![7; 32]);
            kafka.user_put(user, &credential).await.unwrap();
        }
    }
    engine.shutdown().await;
    let metadata_log = dir.path().join("damaged-1/cluster.journal");
    let mut bytes = std::fs::read(&metadata_log).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 20;
    bytes[second] ^= 1;
    std::fs::write(&metadata_log, &bytes).unwrap();
    let engine = open(&dir);
    let damaged = spec("damaged-1", &free_ports(1));
    for _ in 0..2 {
        let refused = engine.ensure_cluster(&damaged).await;
        assert!(
            matches!(refused, Err(EngineError::Damaged(_))),
            "{refused:?}"
        );
    }
    let seen = engine.observe_cluster(&damaged.id).await.unwrap();
    assert!(!seen.unwrap().running, "its data is there");
    assert_eq!(std::fs::read(&metadata_log).unwrap(), bytes);
    let sound = spec("sound-1", &free_ports(1));
    engine.ensure_cluster(&sound).await.unwrap();
    engine.drop_cluster(&damaged.id).await.unwrap();
    assert_eq!(engine.observe_cluster(&damaged.id).await.unwrap(), None);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_another_program_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let refused = engine.ensure_cluster(&spec("taken-1", &[port])).await;
    assert!(
        matches!(refused, Err(EngineError::AddressTaken { address }) if address.port() == port),
        "{refused:?}"
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_served_is_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let old = ClusterSpec {
        kafka_version: "0.8.2".into(),
        ..spec("old-1", &free_ports(1))
    };
    let refused = engine.ensure_cluster(&old).await;
    assert!(
        matches!(refused, Err(EngineError::Refused { .. })),
        "{refused:?}"
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_nobody_can_read_stops_its_own_cluster_only() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let (ports, other_ports) = (free_ports(3), free_ports(3));
    let mut unreadable = spec("c-unreadable", &ports);
    let said = ("num.partitions".to_owned(), "many".to_owned());
    unreadable.settings.unreadable.extend([said]);
    let refused = engine.ensure_cluster(&unreadable).await;
    let told = refused.unwrap_err();
    assert!(matches!(told, EngineError::Refused { .. }), "{told:?}");
    assert!(told.to_string().contains("num.partitions"), "{told}");
    let other = spec("c-other", &other_ports);
    engine.ensure_cluster(&other).await.unwrap();
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_listener_opens_and_the_shared_port_needs_tls() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let at = |security_protocol, bind, name: &str, port| Listener {
        broker_id: 0,
        security_protocol,
        is_public: false,
        route: 0,
        allowed: None,
        bind,
        advertised_host: name.into(),
        port,
    };
    let own = Some(Ipv4Addr::LOCALHOST.into());
    let ports = free_ports(4);
    let mut listeners: Vec<Listener> = SecurityProtocol::ALL
        .into_iter()
        .zip(&ports)
        .map(|(protocol, &port)| at(protocol, own, "127.0.0.1", port))
        .collect();
    let four = ClusterSpec {
        listeners: listeners.clone(),
        ..spec("four-1", &[])
    };
    engine.ensure_cluster(&four).await.unwrap();
    let shared = engine.shared_port().unwrap();
    listeners = vec![at(
        SecurityProtocol::SaslSsl,
        None,
        "b0-named-1.example",
        shared,
    )];
    let named = ClusterSpec {
        listeners,
        ..spec("named-1", &[])
    };
    engine.ensure_cluster(&named).await.unwrap();
    let listeners = vec![at(
        SecurityProtocol::Plaintext,
        None,
        "b0-bare-1.example",
        shared,
    )];
    let bare = ClusterSpec {
        listeners,
        ..spec("bare-1", &[])
    };
    let refused = engine.ensure_cluster(&bare).await;
    assert!(
        matches!(refused, Err(EngineError::Refused { .. })),
        "{refused:?}"
    );
    engine.shutdown().await;
}

/// A cluster setting that is said to be in force, and what a Kafka client meets without it and with it.
struct Proof {
    without: ClusterSettings,
    with: ClusterSettings,
    met_without: &'static str,
    met_with: &'static str,
}

fn proof(name: SettingName) -> Proof {
    let none = ClusterSettings::default();
    let closed = ClusterSettings {
        allow_everyone_if_no_acl_found: Some(false),
        ..none.clone()
    };
    let mut with = none.clone();
    let (without, met_without, met_with) = match name {
        SettingName::AllowEveryoneIfNoAclFound => {
            with = closed;
            (none, "done", "TopicAuthorizationFailed")
        }
        SettingName::AuthorizerClass => {
            with = closed.clone();
            with.authorizer_class = Some(String::new());
            (closed, "TopicAuthorizationFailed", "done")
        }
        SettingName::SuperUsers => {
            with = closed.clone();
            with.super_users = Some("User:somebody; User:ANONYMOUS".into());
            (closed, "TopicAuthorizationFailed", "done")
        }
        SettingName::AutoCreateTopics => {
            with.auto_create_topics = Some(true);
            (none, "0 topics", "1 topics")
        }
        SettingName::Partitions => {
            with.partitions = Some(5);
            (none, "1 partitions", "5 partitions")
        }
        SettingName::ReplicationFactor => {
            with.replication_factor = Some(2);
            (none, "3 replicas", "2 replicas")
        }
        SettingName::MessageBytesMax => {
            with.message_bytes_max = Some(2_000);
            (none, "done", "MessageTooLarge")
        }
        SettingName::MinInsyncReplicas => {
            with.min_insync_replicas = Some(2);
            (none, "done", "NotEnoughReplicas")
        }
        SettingName::RetentionMs => {
            with.retention_ms = Some(3_600_000);
            (none, "kept", "gone")
        }
        SettingName::RetentionBytes => {
            with.retention_bytes = Some(0);
            (none, "kept", "gone")
        }
        // What comes of these two is proven by the broker's own tests, which stop brokers and move time.
        SettingName::TransactionalIdExpirationMs => {
            with.transactional_id_expiration_ms = Some(3_600_000);
            (none, "604800000", "3600000")
        }
        SettingName::UncleanLeaderElection => {
            with.unclean_leader_election = Some(true);
            (none, "false", "true")
        }
    };
    Proof {
        without,
        with,
        met_without,
        met_with,
    }
}

fn told<T: std::fmt::Debug>(outcome: Result<T, AdminError>) -> String {
    match outcome.map_err(|refused| refused.code().ok_or(refused)) {
        Ok(_) => "done".to_owned(),
        Err(Ok(code)) => format!("{code:?}"),
        Err(Err(other)) => panic!("{other}"),
    }
}

/// Makes a topic that leaves to the cluster what it can; a single broker keeps one replica.
async fn make_topic(client: &mut Client, replication_factor: i16) -> Result<(), AdminError> {
    let topic = NewTopic {
        name: "t".into(),
        partitions: -1,
        replication_factor,
        configs: BTreeMap::new(),
    };
    client.topic_create(&topic).await.map(|_| ())
}

/// Appends a record of 3,000 bytes that is two hours old.
async fn append(client: &mut Client) -> Result<i64, AdminError> {
    const TWO_HOURS_MS: i64 = 7_200_000;
    let record = NewRecord {
        timestamp_ms: SystemClock.now().millis() - TWO_HOURS_MS,
        value: Some(Bytes::from(vec![b'x'; 3_000])),
        ..NewRecord::default()
    };
    client.records_append("t", 0, &[record]).await
}

/// What a client on the one listener of a cluster meets of a setting. `looks`: how often it looks for what takes time.
async fn met(name: SettingName, client: &mut Client, looks: u32) -> String {
    match name {
        SettingName::AllowEveryoneIfNoAclFound
        | SettingName::AuthorizerClass
        | SettingName::SuperUsers => told(make_topic(client, 1).await),
        SettingName::AutoCreateTopics => {
            let topic = TopicName(StrBytes::from_static_str("t"));
            let wanted = MetadataRequestTopic::default().with_name(Some(topic));
            let request = MetadataRequest::default()
                .with_topics(Some(vec![wanted]))
                .with_allow_auto_topic_creation(true);
            client.call(&request).await.unwrap();
            format!("{} topics", client.topic_list().await.unwrap().len())
        }
        SettingName::Partitions => {
            make_topic(client, 1).await.unwrap();
            let topic = client.topic_find("t").await.unwrap().unwrap();
            format!("{} partitions", topic.partitions.len())
        }
        SettingName::ReplicationFactor => {
            make_topic(client, -1).await.unwrap();
            let topic = client.topic_find("t").await.unwrap().unwrap();
            format!("{} replicas", topic.replication_factor())
        }
        SettingName::TransactionalIdExpirationMs | SettingName::UncleanLeaderElection => {
            let (resources, names) = ([ConfigResource::broker("0")], [name.kafka_name()]);
            let told = client.configs_describe(&resources, Some(&names));
            let entries = told.await.unwrap().remove(0).unwrap();
            entries[0].value.clone().unwrap()
        }
        SettingName::MessageBytesMax | SettingName::MinInsyncReplicas => {
            make_topic(client, 1).await.unwrap();
            told(append(client).await)
        }
        _ => {
            make_topic(client, 1).await.unwrap();
            append(client).await.unwrap();
            for _ in 0..looks {
                let fetched = client.records_fetch("t", 0, 0, 1 << 20, 0).await;
                match fetched.map_err(|refused| refused.code()) {
                    Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    Err(Some(ErrorCode::OffsetOutOfRange)) => return "gone".into(),
                    Err(other) => panic!("{other:?}"),
                }
            }
            "kept".into()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_that_is_said_to_be_in_force_is_met_by_clients() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    assert_eq!(engine.settings(), SETTINGS);
    let check = async |name: SettingName, id: &str, settings: ClusterSettings, expected: &str| {
        let brokers = if name == SettingName::ReplicationFactor {
            3
        } else {
            1
        };
        let ports = free_ports(brokers);
        let spec = ClusterSpec {
            settings,
            // Older ones tell settings in a form that the client does not ask in.
            kafka_version: "2.4.1".into(),
            ..spec(
                &format!("{}-{id}", name.kafka_name().replace('.', "-")),
                &ports,
            )
        };
        engine.ensure_cluster(&spec).await.unwrap();
        let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, ports[0]));
        let mut client = Client::connect(stream.await.unwrap()).await.unwrap();
        let looks = if expected == "gone" { 600 } else { 10 };
        let met = met(name, &mut client, looks).await;
        assert_eq!(met, expected, "{name:?} {:?}", spec.settings);
        engine.drop_cluster(&spec.id).await.unwrap();
    };
    for &name in SETTINGS {
        let Proof {
            without,
            with,
            met_without,
            met_with,
        } = proof(name);
        check(name, "without", without, met_without).await;
        check(name, "with", with, met_with).await;
    }
    engine.shutdown().await;
}
