//! What is typed: the command line as a table of flags. What it means is found in `config` and `command`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand};

use crate::serve::CLOUDS;
use crate::settings::ServeSettings;

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

/// Flags of `serve`. Settings may also stand in the file, and in the environment as BROKERAGE_<NAME>.
#[derive(Debug, Default, Args)]
pub struct ServeFlags {
    /// Settings file (TOML, the flags' names with underscores)
    #[arg(long, env = "BROKERAGE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: ServeSettings,
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
        place: NetworkFlags,
        /// Its id
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Make a subnet of a network
    CreateSubnet {
        #[command(flatten)]
        place: NetworkFlags,
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
pub struct NetworkFlags {
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
