//! What is typed: the command line as a table of flags. What it means is found in `config` and `command`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand};

use crate::serve::CLOUDS;

/// Sells Apache Kafka through the clouds' own APIs.
#[derive(Debug, Parser)]
#[command(name = "brokerage", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the vendors' APIs and run what is bought
    Serve(Box<ServeFlags>),
    /// Buy a cluster with a genuine, signed vendor request
    Buy(BuyFlags),
    /// List the instances of all accounts
    Instances(TargetFlags),
    /// Accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Access keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Kafka users of an instance, for its SASL listeners
    #[command(subcommand)]
    User(UserCommand),
    /// Brokers of an instance: drills
    #[command(subcommand)]
    Broker(BrokerCommand),
    /// Clusters that the database does not know
    #[command(subcommand)]
    Orphan(OrphanCommand),
    /// Add money to an account
    TopUp(TopUpFlags),
    /// Networks and subnets
    #[command(subcommand)]
    Network(NetworkCommand),
    /// The ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// The catalogs
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Print what is served: every operation of every dialect
    Operations,
    /// List recent calls and how they ended
    Requests(RequestsFlags),
    /// List the background tasks and how they last went
    Tasks(TargetFlags),
    /// List the places where a test build may abort (cargo feature `failpoints`)
    Failpoints,
}

/// Settings of `serve`. Each may also stand in the file, and in the environment as BROKERAGE_<NAME>.
#[derive(Debug, Default, Args)]
pub struct ServeFlags {
    /// Settings file (TOML, the flags' names with underscores)
    #[arg(long, env = "BROKERAGE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A well-known account and key, unknown networks accepted, loopback only
    #[arg(long, env = "BROKERAGE_SANDBOX", num_args = 0..=1, default_missing_value = "true")]
    pub sandbox: Option<String>,
    /// Let sandbox mode listen on other addresses than loopback
    #[arg(long, env = "BROKERAGE_SANDBOX_ON_ALL_INTERFACES", num_args = 0..=1, default_missing_value = "true")]
    pub sandbox_on_all_interfaces: Option<String>,
    /// Addresses of the API, separated by commas; port 0 lets the system choose [default: 127.0.0.1:8080]
    #[arg(long, env = "BROKERAGE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Directory of everything that is kept [default: brokerage-data]
    #[arg(long, env = "BROKERAGE_DATA", value_name = "DIR")]
    pub data: Option<String>,
    /// Host that Kafka clients are told [default: 127.0.0.1]
    #[arg(long, env = "BROKERAGE_BROKER_HOST", value_name = "HOST")]
    pub broker_host: Option<String>,
    /// Address that brokers bind [default: 127.0.0.1]
    #[arg(long, env = "BROKERAGE_BROKER_BIND", value_name = "ADDRESS")]
    pub broker_bind: Option<String>,
    /// How listeners are told apart: `port`, `loopback` (own 127.x addresses, Linux) or `server-name` (one TLS port) [default: port]
    #[arg(long, env = "BROKERAGE_BROKER_ADDRESSING", value_name = "KIND")]
    pub broker_addressing: Option<String>,
    /// Security protocols of new instances' listeners, separated by commas [default: PLAINTEXT]
    #[arg(long, env = "BROKERAGE_BROKER_SECURITY", value_name = "PROTOCOLS")]
    pub broker_security: Option<String>,
    /// TLS port that instances share which are told apart by server name [default: 9093 with `server-name`]
    #[arg(long, env = "BROKERAGE_BROKER_SHARED_PORT", value_name = "PORT")]
    pub broker_shared_port: Option<u16>,
    /// Certificate of TLS listeners with those that vouch for it (PEM) [default: signed by an own authority]
    #[arg(long, env = "BROKERAGE_BROKER_TLS_CERTIFICATE", value_name = "FILE")]
    pub broker_tls_certificate: Option<String>,
    /// Key of that certificate (PEM)
    #[arg(long, env = "BROKERAGE_BROKER_TLS_KEY", value_name = "FILE")]
    pub broker_tls_key: Option<String>,
    /// First and last port of brokers [default: 20000-32767]
    #[arg(long, env = "BROKERAGE_BROKER_PORTS", value_name = "FIRST-LAST")]
    pub broker_ports: Option<String>,
    /// When an acknowledged record is safe: `power` or `process` [default: power; sandbox: process]
    #[arg(long, env = "BROKERAGE_DURABILITY", value_name = "KIND")]
    pub durability: Option<String>,
    /// How often brokers apply retention, Kafka's `log.retention.check.interval.ms` [default: 300000]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_RETENTION_CHECK_INTERVAL_MS",
        value_name = "MS"
    )]
    pub broker_retention_check_interval_ms: Option<i64>,
    /// How long brokers remember a silent producer, Kafka's `producer.id.expiration.ms` [default: 86400000]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_PRODUCER_EXPIRATION_MS",
        value_name = "MS"
    )]
    pub broker_producer_expiration_ms: Option<i64>,
    /// How often they look for such producers, `producer.id.expiration.check.interval.ms` [default: 600000]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_PRODUCER_EXPIRATION_CHECK_INTERVAL_MS",
        value_name = "MS"
    )]
    pub broker_producer_expiration_check_interval_ms: Option<i64>,
    /// Whether the vendors' limits on calls a second apply: `on` or `off` [default: on]
    #[arg(long, env = "BROKERAGE_RATE_LIMITS", value_name = "ON|OFF")]
    pub rate_limits: Option<String>,
    /// Directory of catalog files that replace the built-in ones
    #[arg(long, env = "BROKERAGE_CATALOG", value_name = "DIR")]
    pub catalog: Option<String>,
    /// Database: `sqlite` (in the data directory) or a PostgreSQL URL [default: sqlite]
    #[arg(long, env = "BROKERAGE_STORE", value_name = "STORE")]
    pub store: Option<String>,
    /// Address of `/metrics` (OpenMetrics, no authentication); not served when nothing is said
    #[arg(long, env = "BROKERAGE_METRICS", value_name = "ADDRESS")]
    pub metrics: Option<String>,
    /// Tell topics, users and groups in `/metrics`, too
    #[arg(long, env = "BROKERAGE_METRICS_DETAILS", num_args = 0..=1, default_missing_value = "true")]
    pub metrics_details: Option<String>,
    /// What is logged, such as `info` or `brokerage_control=debug` [default: warn]
    #[arg(long, env = "BROKERAGE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Print the ready line as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which server a command talks to.
#[derive(Debug, Args)]
pub struct TargetFlags {
    /// The server's data directory
    #[arg(long, env = "BROKERAGE_DATA", value_name = "DIR", default_value = crate::config::DATA_DEFAULT)]
    pub data: PathBuf,
    /// Answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be bought through: each purchase of each cloud, by name.
fn dialects() -> PossibleValuesParser {
    let mut purchases: Vec<_> = CLOUDS.purchases().collect();
    purchases.sort_by_key(|purchase| purchase.dialect);
    let values = purchases.into_iter();
    values
        .map(|purchase| PossibleValue::new(purchase.dialect).help(purchase.about))
        .collect::<Vec<_>>()
        .into()
}

#[derive(Debug, Args)]
pub struct BuyFlags {
    /// The cloud whose request is sent
    #[arg(long, value_parser = dialects())]
    pub dialect: String,
    /// Where it is sent, such as http://127.0.0.1:8080; without it the server of the data directory
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The region that is asked for
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// A parameter of the request, in the vendor's name; lists as NAME.1 or NAME.0, JSON paths with dots
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Wait until the cluster runs (and start it where the vendor wants that)
    #[arg(long)]
    pub wait: bool,
    /// Longest wait
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub wait_seconds: u64,
    /// Access key id [default: the sandbox key]
    #[arg(long, env = "BROKERAGE_ACCESS_KEY_ID", value_name = "ID")]
    pub access_key_id: Option<String>,
    #[command(flatten)]
    pub target: TargetFlags,
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Open an account
    Create {
        /// Its name
        name: String,
        /// Money to begin with, in CNY
        #[arg(long, value_name = "AMOUNT")]
        balance: Option<String>,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List accounts with their balances
    List(TargetFlags),
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make an access key; its secret is shown once
    Create {
        /// Id or name of its account
        #[arg(long)]
        account: String,
        /// File with the key's policy (JSON); without it everything is allowed
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Switch a key off
    Disable {
        /// The key
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Switch a key on again
    Enable {
        /// The key
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum BrokerCommand {
    /// Take a broker away, as if its host had failed; it stays away until it is started
    Stop {
        /// The instance
        instance: String,
        /// The broker, counted from 0
        id: i32,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Bring a broker back
    Start {
        /// The instance
        instance: String,
        /// The broker, counted from 0
        id: i32,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum OrphanCommand {
    /// List them: they are stopped, and their data is kept
    List(TargetFlags),
    /// Delete one with its data
    Delete {
        /// The cluster
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a user or give it another password
    Put {
        /// The instance
        instance: String,
        /// The user
        name: String,
        /// Take the password from standard input (one line); without it one is drawn and shown once
        #[arg(long)]
        password_stdin: bool,
        /// Make it a super user: where users authenticate, only super users administer users, access rules, quotas
        /// and brokers. A user who is there keeps its password
        #[arg(long = "super", conflicts_with = "no_super")]
        is_super: bool,
        /// Make it an ordinary user again
        #[arg(long)]
        no_super: bool,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Take a user away
    Delete {
        /// The instance
        instance: String,
        /// The user
        name: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List the users of an instance
    List {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Args)]
pub struct TopUpFlags {
    /// Id or name of the account
    #[arg(long)]
    pub account: String,
    /// How much, such as 100 or 99.95
    #[arg(long)]
    pub amount: String,
    /// CNY or USD
    #[arg(long, default_value = "CNY")]
    pub currency: String,
    /// Names the payment: the same reference adds nothing a second time
    #[arg(long)]
    pub reference: String,
    #[command(flatten)]
    pub target: TargetFlags,
}

#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Make a network
    Create {
        #[command(flatten)]
        place: PlaceFlags,
        /// Its id
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Make a subnet of a network
    CreateSubnet {
        #[command(flatten)]
        place: PlaceFlags,
        /// The network
        #[arg(long)]
        network: String,
        /// The zone
        #[arg(long)]
        zone: String,
        /// Its id
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

/// Whose network, where.
#[derive(Debug, Args)]
pub struct PlaceFlags {
    /// Id or name of the account
    #[arg(long)]
    pub account: String,
    /// Catalog: alikafka, ckafka or jdkafka
    #[arg(long)]
    pub profile: String,
    /// Region
    #[arg(long)]
    pub region: String,
    /// Address range
    #[arg(long, default_value = "10.0.0.0/16")]
    pub cidr: String,
    /// Name for people [default: the id]
    #[arg(long)]
    pub name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Recompute everything from transfers and tell what is wrong
    Check(TargetFlags),
}

#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Read the catalogs and list every value that no source gives
    Check {
        /// Directory of catalog files; without it the built-in ones
        #[arg(long, value_name = "DIR")]
        catalog: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct RequestsFlags {
    /// How many
    #[arg(long, default_value_t = 50)]
    pub last: usize,
    #[command(flatten)]
    pub target: TargetFlags,
}
