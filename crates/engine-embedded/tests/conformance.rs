//! The embedded engine keeps the contract.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use brokerage_domain::catalog::{Catalogs, NodeGroup, PlanRequest};
use brokerage_domain::clock::SystemClock;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_engine::{ClusterSpec, Engine, EngineError, Listener};
use brokerage_engine_embedded::{
    Durability, EmbeddedEngine, EmbeddedOptions, LogIntervals, SharedPortSpec,
};
use secrecy::SecretString;

/// Ports that the system gave just now; the listeners that held them are gone.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}

/// A cluster of the smallest plan that some catalog sells without further words.
fn spec(id: &str, ports: &[u16]) -> ClusterSpec {
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
        bind: Some(Ipv4Addr::LOCALHOST.into()),
        advertised_host: "127.0.0.1".into(),
        port,
    };
    ClusterSpec {
        id: InstanceId::new(id),
        kafka_version: plan.kafka_version,
        listeners: (0..).zip(ports).map(listener).collect(),
        limits: plan.usable,
        settings: ClusterSettings::default(),
    }
}

fn open(dir: &tempfile::TempDir) -> EmbeddedEngine {
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
        log_intervals: LogIntervals::default(),
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_engine_passes_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    brokerage_engine::conformance::run(&engine, &spec("suite-1", &free_ports(3))).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cluster_is_named_and_does_not_hold_up_others() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let password = SecretString::from("a password");
    for id in ["damaged-1", "sound-1"] {
        let spec = spec(id, &free_ports(1));
        engine.ensure_cluster(&spec).await.unwrap();
        for user in ["first", "second"] {
            let made = engine.ensure_user(&spec.id, user, &password).await;
            made.unwrap();
        }
    }
    engine.shutdown().await;
    let journal = dir.path().join("damaged-1/cluster.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 20;
    bytes[second] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
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
    assert_eq!(std::fs::read(&journal).unwrap(), bytes);
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
async fn every_kind_of_listener_opens_and_the_shared_port_needs_tls() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let at = |security_protocol, bind, name: &str, port| Listener {
        broker_id: 0,
        security_protocol,
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
