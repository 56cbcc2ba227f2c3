//! The fake engine keeps the contract, so that what is tested over it holds over a real one.

use std::net::Ipv4Addr;

use brokerage_domain::catalog::{Catalogs, PlanRequest};
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_engine::fake::FakeEngine;
use brokerage_engine::{ClusterSpec, Engine, Listener};

#[tokio::test]
async fn the_fake_engine_lives_as_the_suite_has_it() {
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
    let listener = |broker_id: i32| Listener {
        broker_id,
        security_protocol: SecurityProtocol::Plaintext,
        is_public: false,
        route: 0,
        allowed: None,
        bind: Some(Ipv4Addr::LOCALHOST.into()),
        advertised_host: "127.0.0.1".into(),
        port: 20_000,
    };
    let spec = |id: &str| ClusterSpec {
        id: InstanceId::new(id),
        kafka_version: plan.kafka_version.clone(),
        listeners: vec![listener(0)],
        zones: plan.zones.clone(),
        limits: plan.usable.clone(),
        settings: ClusterSettings::default(),
    };
    brokerage_engine::conformance::lifecycle(&FakeEngine::new(), &spec("fake-1")).await;
    // A process that starts anew runs nothing.
    let reopen = async |engine: FakeEngine| {
        for id in engine.list_clusters().await.expect("list") {
            engine.stop_cluster(&id).await.expect("stop");
        }
        engine
    };
    brokerage_engine::conformance::orphans(FakeEngine::new(), reopen, spec).await;
}
