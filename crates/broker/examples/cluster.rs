//! Serves one cluster until it is interrupted:
//! `cargo run -p brokerage-broker --example cluster -- DATA_DIR PORT BROKERS [power] [--release VERSION]
//! [--door NAME]… [--user NAME:PASSWORD]… [--retention-check-ms MS]`.
//!
//! A door is PLAINTEXT (if none is named), SASL_PLAINTEXT, SSL or SASL_SSL. Broker `n` of `BROKERS` listens at
//! `127.0.0.1:PORT+n` with the first door, at `PORT+BROKERS+n` with the second, and so on; with a PORT of 0 the
//! kernel chooses. The addresses are printed; it serves on when nobody reads them. The users that are named may do
//! everything, and so may everybody where no door asks for a user. TLS clients have to trust `DATA_DIR/ca.pem`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brokerage_broker::{
    Authorization, BrokerSpec, Clock, ClusterLimits, ClusterSpec, Durability, Host, HostOptions,
    ListenerSpec, LogIntervals, SaslSpec, SecurityProtocol, TRANSACTIONAL_ID_EXPIRATION_MS,
    TopicDefaults,
};
use brokerage_kafka_admin::{Client, ScramCredential, ScramMechanism};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

const CLUSTER: &str = "example";
const USAGE: &str = "usage: cluster DATA_DIR PORT BROKERS [power] [--release VERSION] \
                     [--door NAME]... [--user NAME:PASSWORD]... [--retention-check-ms MS]";

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

/// What was asked for.
struct Arguments {
    data_dir: PathBuf,
    port: u16,
    brokers: u16,
    durability: Durability,
    release: String,
    doors: Vec<SecurityProtocol>,
    users: Vec<(String, String)>,
    log_intervals: LogIntervals,
}

impl Arguments {
    fn parse(words: &[String]) -> Result<Self, Box<dyn Error>> {
        let [data_dir, port, brokers, rest @ ..] = words else {
            return Err(USAGE.into());
        };
        let mut out = Self {
            data_dir: PathBuf::from(data_dir),
            port: port.parse()?,
            brokers: brokers.parse()?,
            durability: Durability::Process,
            release: "4.1.0".to_owned(),
            doors: Vec::new(),
            users: Vec::new(),
            log_intervals: LogIntervals::default(),
        };
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "power" => out.durability = Durability::Power,
                "--release" => out.release.clone_from(rest.next().ok_or(USAGE)?),
                "--door" => out.doors.push(rest.next().ok_or(USAGE)?.parse()?),
                "--user" => {
                    let user = rest.next().and_then(|user| user.split_once(':'));
                    let (name, password) = user.ok_or(USAGE)?;
                    out.users.push((name.to_owned(), password.to_owned()));
                }
                "--retention-check-ms" => {
                    let interval_ms = rest.next().ok_or(USAGE)?.parse()?;
                    out.log_intervals.retention_check_ms = interval_ms;
                }
                _ => return Err(USAGE.into()),
            }
        }
        if out.doors.is_empty() {
            out.doors.push(SecurityProtocol::Plaintext);
        }
        Ok(out)
    }

    /// Where a broker listens with a door; 0: wherever the kernel says.
    fn listener_port(&self, door: usize, broker: u16) -> u16 {
        match self.port {
            0 => 0,
            first => first + door as u16 * self.brokers + broker,
        }
    }

    fn listeners(&self, broker: u16) -> Vec<ListenerSpec> {
        let listener = |(at, security): (usize, &SecurityProtocol)| {
            let port = self.listener_port(at, broker);
            ListenerSpec {
                bind: ([127, 0, 0, 1], port).into(),
                advertised_host: "127.0.0.1".to_owned(),
                advertised_port: port,
                name: security.name().to_owned(),
                security: *security,
                sasl: SaslSpec::default(),
                is_public: false,
                allowed: None,
            }
        };
        self.doors.iter().enumerate().map(listener).collect()
    }

    fn spec(&self) -> ClusterSpec {
        let broker = |id: u16| BrokerSpec {
            id: i32::from(id),
            rack: None,
            listeners: self.listeners(id),
        };
        ClusterSpec {
            id: CLUSTER.to_owned(),
            kafka_version: self.release.clone(),
            brokers: (0..self.brokers).map(broker).collect(),
            limits: ClusterLimits::default(),
            auto_create_topics: false,
            authorization: Authorization {
                super_users: ["User:ANONYMOUS".to_owned()].into(),
                ..Authorization::default()
            },
            defaults: TopicDefaults::default(),
            transactional_id_expiration_ms: TRANSACTIONAL_ID_EXPIRATION_MS,
        }
    }
}

/// Where all brokers listen with a door.
fn bootstrap(host: &Host, door: &str) -> String {
    let seen = host.observe(CLUSTER).map(|seen| seen.listeners);
    let listeners = seen.unwrap_or_default().into_iter();
    let addresses = listeners
        .filter(|listener| listener.name == door)
        .map(|listener| listener.local_address.to_string());
    addresses.collect::<Vec<_>>().join(",")
}

/// Prints a line. A closed standard output is no reason to stop serving.
fn tell(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Makes users who may do everything, with passwords for every mechanism.
async fn make_users(host: &Host, users: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(host.connect(CLUSTER)?).await?;
    for (name, password) in users {
        for mechanism in ScramMechanism::ALL {
            // Passwords of an example are on its command line: its salts are no secret either.
            let salt = format!("{CLUSTER} {mechanism:?} {name}").into_bytes();
            let credential = ScramCredential::derive(mechanism, &password.as_str().into(), salt);
            client.user_put(name, &credential).await?;
        }
        client.super_user_set(name, true).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let levels = std::env::var("RUST_LOG").unwrap_or_else(|_| "error".to_owned());
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(std::io::stderr)
        // It would complain with a macro that panics when nobody reads.
        .log_internal_errors(false)
        .finish()
        .with(levels.parse::<Targets>()?)
        .init();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let arguments = Arguments::parse(&words)?;
    let options = HostOptions::new(
        arguments.data_dir.clone(),
        arguments.durability,
        Arc::new(SystemClock),
        u64::from(std::process::id()),
    );
    let host = Host::open(HostOptions {
        log_intervals: arguments.log_intervals,
        group_initial_rebalance_delay: Duration::ZERO,
        ..options
    })?;
    let started = Instant::now();
    host.ensure_cluster(arguments.spec()).await?;
    make_users(&host, &arguments.users).await?;
    tell(format_args!("ready after {:?}", started.elapsed()));
    for door in &arguments.doors {
        tell(format_args!("{door} {}", bootstrap(&host, door.name())));
    }
    if let Some(path) = host.ca_path() {
        tell(format_args!("certificate authority {}", path.display()));
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    host.shutdown().await;
    Ok(())
}
