//! Serves one cluster until it is interrupted:
//! `cargo run -p brokerage-broker --example cluster -- DATA_DIR PORT BROKERS [power]`.
//!
//! Broker `n` listens at `127.0.0.1:PORT+n`.

use std::{path::PathBuf, sync::Arc, time::Instant};

use brokerage_broker::{
    BrokerSpec, Clock, ClusterLimits, ClusterSpec, Durability, Host, HostOptions, ListenerSpec,
    SaslSpec, SecurityProtocol, TopicDefaults,
};

struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the example is its own outermost layer"
    )]
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_millis() as i64)
    }
}

fn spec(port: u16, brokers: u16) -> ClusterSpec {
    let broker = |id: u16| BrokerSpec {
        id: i32::from(id),
        listeners: vec![ListenerSpec {
            bind: ([127, 0, 0, 1], port + id).into(),
            advertised_host: "127.0.0.1".to_owned(),
            advertised_port: port + id,
            name: "PLAINTEXT".to_owned(),
            security: SecurityProtocol::Plaintext,
            sasl: SaslSpec::default(),
        }],
    };
    ClusterSpec {
        id: "example".to_owned(),
        kafka_version: "4.1.0".to_owned(),
        brokers: (0..brokers).map(broker).collect(),
        limits: ClusterLimits::default(),
        auto_create_topics: false,
        authorization: Default::default(),
        defaults: TopicDefaults::default(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data_dir, port, brokers, rest @ ..] = arguments.as_slice() else {
        return Err("usage: cluster DATA_DIR PORT BROKERS [power]".into());
    };
    let durability = if rest.iter().any(|word| word == "power") {
        Durability::Power
    } else {
        Durability::Process
    };
    let host = Host::open(HostOptions::new(
        PathBuf::from(data_dir),
        durability,
        Arc::new(SystemClock),
        u64::from(std::process::id()),
    ))?;
    let started = Instant::now();
    host.ensure_cluster(spec(port.parse()?, brokers.parse()?))
        .await?;
    println!("ready after {:?}", started.elapsed());
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    host.shutdown().await;
    Ok(())
}
