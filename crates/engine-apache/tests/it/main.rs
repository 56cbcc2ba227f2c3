//! Apache Kafka keeps what of the contract it can: the life of clusters, of brokers and of orphans, and what is in them.

#![cfg(feature = "engine")]

use std::cell::RefCell;
use std::env;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use brokerage_domain::catalog::{Catalogs, PlanRequest};
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_engine::{ClusterSpec, Engine, Listener, conformance};
use brokerage_engine_apache::{ApacheEngine, HeldPort};

/// Names the folder of Apache Kafka's jars.
const LIBS: &str = "KAFKA_LIBS";

/// A cluster of one broker, which leads and coordinates everything.
fn spec(id: &str, version: &str, port: &HeldPort) -> ClusterSpec {
    let catalogs = Catalogs::embedded();
    let catalog = catalogs.get("ckafka").expect("the catalog is embedded");
    let region = catalog.regions()[0].id.clone();
    let zone = catalog.zones(&region).next().map(|zone| zone.id.clone());
    let request = PlanRequest {
        zones: zone.into_iter().collect(),
        region: region.clone(),
        ..PlanRequest::default()
    };
    let plan = catalog.plan(&request).expect("defaults are sold");
    ClusterSpec {
        id: InstanceId::new(id),
        kafka_version: version.to_owned(),
        listeners: vec![Listener {
            broker_id: 0,
            security_protocol: SecurityProtocol::Plaintext,
            is_public: false,
            route: 0,
            allowed: None,
            bind: Some(Ipv4Addr::LOCALHOST.into()),
            advertised_host: "127.0.0.1".into(),
            port: port.port(),
        }],
        zones: plan.zones,
        limits: plan.usable,
        settings: ClusterSettings::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Java and Apache Kafka's jars: cargo xtask test --only engine-apache"]
async fn apache_kafka_keeps_what_it_can_of_the_suite() {
    let libs = PathBuf::from(env::var_os(LIBS).expect("KAFKA_LIBS names the jars"));
    let dir = tempfile::tempdir().expect("a folder");
    let open = async || {
        let engine = ApacheEngine::open(&libs, dir.path()).await;
        engine.expect("its jars are there")
    };
    let engine = open().await;
    let version = engine.versions().remove(0);
    // To the end: what a cluster comes back to is not given to others meanwhile.
    let ports = RefCell::new(Vec::new());
    let spec = |id: &str| {
        let port = HeldPort::any().expect("a free port");
        let spec = spec(id, &version, &port);
        ports.borrow_mut().push(port);
        spec
    };
    conformance::lifecycle(&engine, &spec("suite-life")).await;
    conformance::kept(&engine, &spec("suite-kept")).await;
    let reopen = async |engine: ApacheEngine| {
        // Its nodes go with it.
        drop(engine);
        open().await
    };
    conformance::orphans(engine, reopen, spec).await;
}
