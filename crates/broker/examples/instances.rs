//! Serves many small clusters until its standard input ends, to measure what they cost:
//! `cargo run --release -p brokerage-broker --example instances -- DATA_DIR COUNT [brokers=N] [doors=N] [ingress=BYTES] [egress=BYTES]`.
//!
//! Each has two topics of three partitions and one plaintext listener a broker (or
//! listeners with more security protocols, up to four), at an address of its own
//! and a port that the system chooses. The limits are those of the first cluster,
//! `c0`. Prints `ready_ms=…`, counted from opening the host until all listeners accept, and the address of
//! the first two clusters.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use brokerage_broker::{
    Authorization, BrokerSpec, Clock, ClusterLimits, ClusterSpec, Durability, Host, HostError,
    HostOptions, ListenerSpec, SaslSpec, SecurityProtocol, TRANSACTIONAL_ID_EXPIRATION_MS,
    TopicDefaults,
};
use brokerage_kafka_admin::{Client, NewTopic};
use tokio::task::JoinSet;

/// Clusters that are opened at once.
const OPENED_AT_ONCE: usize = 64;
/// 127.1.0.0: all of 127.0.0.0/8 is this machine on Linux.
const FIRST_ADDRESS: u32 = 0x7f01_0000;
/// What each broker listens with: the first of these.
const DOORS: [SecurityProtocol; 4] = [
    SecurityProtocol::Plaintext,
    SecurityProtocol::SaslPlaintext,
    SecurityProtocol::Ssl,
    SecurityProtocol::SaslSsl,
];
const TOPICS: [&str; 2] = ["orders", "payments"];
const PARTITIONS: i32 = 3;

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

/// What the command line asks for.
struct Settings {
    data_dir: PathBuf,
    count: usize,
    brokers: i32,
    doors: usize,
    limits: ClusterLimits,
}

impl Settings {
    fn parse() -> Option<Self> {
        let mut arguments = std::env::args().skip(1);
        let mut settings = Self {
            data_dir: arguments.next()?.into(),
            count: arguments.next()?.parse().ok()?,
            brokers: 1,
            doors: 1,
            limits: ClusterLimits::default(),
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=')?;
            let limits = &mut settings.limits;
            match name {
                "brokers" => settings.brokers = value.parse().ok()?,
                "doors" => {
                    settings.doors = value.parse().ok().filter(|doors| *doors <= DOORS.len())?
                }
                "ingress" => limits.ingress_bytes_per_second_max = Some(value.parse().ok()?),
                "egress" => limits.egress_bytes_per_second_max = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(settings)
    }

    fn spec(&self, at: usize) -> ClusterSpec {
        // An address of its own for each: beyond half of the ports of one address, the system looks for a free
        // one for very long.
        let address = Ipv4Addr::from(FIRST_ADDRESS + at as u32);
        let listener = |security: &SecurityProtocol| ListenerSpec {
            bind: (address, 0).into(),
            advertised_host: address.to_string(),
            advertised_port: 0,
            name: security.name().to_owned(),
            security: *security,
            sasl: SaslSpec::default(),
            is_public: false,
            allowed: None,
        };
        let broker = |id| BrokerSpec {
            id,
            rack: None,
            listeners: DOORS[..self.doors].iter().map(listener).collect(),
        };
        ClusterSpec {
            id: format!("c{at}"),
            kafka_version: "4.1.0".to_owned(),
            brokers: (0..self.brokers).map(broker).collect(),
            limits: match at {
                0 => self.limits.clone(),
                _ => ClusterLimits::default(),
            },
            auto_create_topics: false,
            // Records stay, whatever time a load generator gives them.
            defaults: TopicDefaults {
                retention_ms: -1,
                ..TopicDefaults::default()
            },
            authorization: Authorization::default(),
            transactional_id_expiration_ms: TRANSACTIONAL_ID_EXPIRATION_MS,
        }
    }
}

/// Opens all clusters, several at once, and makes the topics of those that are new.
async fn open_all(host: &Host, settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let mut opening: JoinSet<Result<(), HostError>> = JoinSet::new();
    for at in 0..settings.count {
        if opening.len() >= OPENED_AT_ONCE
            && let Some(opened) = opening.join_next().await
        {
            opened??;
        }
        let (host, spec) = (host.clone(), settings.spec(at));
        opening.spawn(async move { host.ensure_cluster(spec).await });
    }
    while let Some(opened) = opening.join_next().await {
        opened??;
    }
    Ok(())
}

async fn make_topics(host: &Host, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    for at in 0..count {
        let mut client = Client::connect(host.connect(&format!("c{at}"))?).await?;
        if !client.topic_list().await?.is_empty() {
            continue;
        }
        for name in TOPICS {
            let topic = NewTopic {
                name: name.to_owned(),
                partitions: PARTITIONS,
                replication_factor: 1,
                configs: Default::default(),
            };
            client.topic_create(&topic).await?;
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage =
        "usage: instances DATA_DIR COUNT [brokers=N] [doors=N] [ingress=BYTES] [egress=BYTES]";
    let settings = Settings::parse().ok_or(usage)?;
    let started = Instant::now();
    let host = Host::open(HostOptions::new(
        settings.data_dir.clone(),
        Durability::Process,
        Arc::new(SystemClock),
        u64::from(std::process::id()),
    ))?;
    open_all(&host, &settings).await?;
    let ready = started.elapsed();
    make_topics(&host, settings.count).await?;
    println!("ready_ms={}", ready.as_secs_f64() * 1e3);
    for at in 0..settings.count.min(2) {
        let seen = host.observe(&format!("c{at}"));
        let address = seen.and_then(|seen| Some(seen.listeners.first()?.local_address));
        println!("address={}", address.ok_or("the cluster does not run")?);
    }
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
        .await??;
    host.shutdown().await;
    Ok(())
}
