//! The suite that every engine passes, called from a test of the engine's own crate: one file a promise.

use std::net::SocketAddr;

use brokerage_kafka_admin::Client;
use tokio::net::TcpStream;

use crate::cluster::{ClusterObservation, ClusterSpec, Engine};

mod admin;
mod lifecycle;
mod limits;
mod orphans;
mod settings;
mod versions;
mod zones;

pub use lifecycle::lifecycle;
pub use orphans::{kept, orphans};

/// Takes clusters through everything. `spec` describes one that does not exist yet, under the id that it is given: three
/// brokers that listen without security on free ports, with room for topics of two partitions.
///
/// # Panics
/// Where the engine does not keep the contract.
pub async fn run(engine: &dyn Engine, spec: impl Fn(&str) -> ClusterSpec) {
    lifecycle(engine, &spec("suite-life")).await;
    admin::admin(engine, &spec("suite-admin")).await;
    orphans::kept(engine, &spec("suite-kept")).await;
    limits::limits(engine, &spec("suite-limits")).await;
    limits::connections(engine, &spec("suite-connections")).await;
    limits::elastic(engine, &spec("suite-elastic")).await;
    limits::public_access(engine, &spec("suite-public")).await;
    settings::settings(engine, &spec("suite-settings")).await;
    versions::versions(engine, &spec).await;
    zones::zones(engine, &spec("suite-zones")).await;
}

async fn seen(engine: &dyn Engine, spec: &ClusterSpec) -> ClusterObservation {
    let seen = engine.observe_cluster(&spec.id).await.expect("observe");
    seen.expect("the cluster is there")
}

/// The engine's own connection.
async fn inside(engine: &dyn Engine, spec: &ClusterSpec) -> Client {
    let stream = engine.connect(&spec.id).await.expect("connect");
    Client::connect(stream).await.expect("Kafka answers")
}

/// A client's connection to the first listener.
async fn outside(spec: &ClusterSpec) -> Client {
    try_outside(spec).await.expect("Kafka answers")
}

async fn try_outside(spec: &ClusterSpec) -> Option<Client> {
    let listener = &spec.listeners[0];
    let address = SocketAddr::new(listener.bind.expect("an address"), listener.port);
    let stream = TcpStream::connect(address).await.ok()?;
    Client::connect(stream).await.ok()
}
