//! What is typed: the command line as a table of flags. What it means is found in `config` and `command`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand};

use crate::serve::CLOUDS;
use crate::settings::ServeSettings;

/// What every help ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    refused, failed, or something was found (ledger check)
  2    the command line cannot be read
  141  whoever read the answer went away

Every command that asks or changes something takes --json. Colours are for terminals only; NO_COLOR=1 switches them off.
INSTANCE is an instance's id, or its name where no other instance has that name.";

/// Sells Apache Kafka through the clouds' own APIs.
#[derive(Debug, Parser)]
#[command(name = "brokerage", version, about, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the vendors' APIs and run what is bought
    #[command(after_help = "\
Examples:
  brokerage serve --sandbox
  brokerage serve --sandbox --broker-security SASL_SSL,PLAINTEXT
  brokerage serve --sandbox --listen-tls 127.0.0.1:8443
  brokerage serve --config brokerage.toml")]
    Serve(Box<ServeFlags>),
    /// Buy a cluster with a genuine, signed vendor request
    #[command(after_help = "\
Examples:
  brokerage buy --dialect ckafka --name orders --wait
  brokerage buy --dialect ckafka --region ap-shanghai --set BandWidth=40 --set InstanceNum=2 --wait
  brokerage buy --dialect alikafka --name payments --wait
  brokerage buy --dialect jdkafka --region cn-east-2 --name audit --wait")]
    Buy(BuyFlags),
    /// Say what a purchase would cost, and buy nothing
    #[command(after_help = "\
Examples:
  brokerage price --dialect ckafka
  brokerage price --dialect bss --set SubscriptionType=Subscription --set ProductType=alikafka_pre --set Period=12")]
    Price(PriceFlags),
    /// List the instances of all accounts
    #[command(after_help = "\
Examples:
  brokerage instances
  brokerage instances --account sandbox --json")]
    Instances(ListFlags),
    /// One instance: look at it, rename it, release it
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// Topics of an instance
    #[command(subcommand)]
    Topic(TopicCommand),
    /// Consumer groups of an instance
    #[command(subcommand)]
    Group(GroupCommand),
    /// Kafka users of an instance, for its SASL listeners
    #[command(subcommand)]
    User(UserCommand),
    /// Brokers of an instance: drills
    #[command(subcommand)]
    Broker(BrokerCommand),
    /// Orders
    #[command(subcommand)]
    Order(OrderCommand),
    /// Accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Add money to an account
    #[command(after_help = "\
Examples:
  brokerage top-up --account team-a --amount 99.95 --reference invoice-7")]
    TopUp(TopUpFlags),
    /// Access keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Networks and subnets
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Clusters that the database does not know
    #[command(subcommand)]
    Orphan(OrphanCommand),
    /// The ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// The catalogs
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Print what is served: every operation of every dialect
    #[command(after_help = "\
Examples:
  brokerage operations")]
    Operations(JsonFlags),
    /// List recent calls and how they ended
    #[command(after_help = "\
Examples:
  brokerage requests --last 5")]
    Requests(RequestsFlags),
    /// List the background tasks and how they last went
    #[command(after_help = "\
Examples:
  brokerage tasks")]
    Tasks(TargetFlags),
    /// Print completions for a shell
    #[command(after_help = "\
Examples:
  brokerage completions bash")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command
    #[command(after_help = "\
Examples:
  brokerage man
  brokerage man --out man")]
    Man {
        /// Write every page into this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// List the places where a test build may abort (cargo feature `failpoints`)
    #[command(hide = true)]
    Failpoints(JsonFlags),
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

/// How a command that asks nobody answers.
#[derive(Debug, Args)]
pub struct JsonFlags {
    /// Answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Whose things are listed.
#[derive(Debug, Args)]
pub struct ListFlags {
    /// Id or name of an account: only what is its own
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    #[command(flatten)]
    pub target: TargetFlags,
}

/// A purchase that is only asked about.
#[derive(Debug, Args)]
pub struct PriceFlags {
    /// The cloud whose goods are meant
    #[arg(long, value_parser = dialects())]
    pub dialect: String,
    /// The region
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// A parameter of the order, as for `buy`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub target: TargetFlags,
}

#[derive(Debug, Subcommand)]
pub enum InstanceCommand {
    /// Show everything that is known of it
    #[command(after_help = "\
Examples:
  brokerage instance show orders")]
    Show {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Give it another name
    #[command(after_help = "\
Examples:
  brokerage instance rename audit audit-2026")]
    Rename {
        /// The instance
        instance: String,
        /// The name
        name: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Take it away with its data, whoever's it is, also when it is prepaid; not when its owner protects it
    #[command(after_help = "\
Examples:
  brokerage instance release payments")]
    Release {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum TopicCommand {
    /// Make a topic
    #[command(after_help = "\
Examples:
  brokerage topic create orders hello
  brokerage topic create orders audit --partitions 6 --config retention.ms=86400000")]
    Create {
        /// The instance
        instance: String,
        /// The topic
        name: String,
        /// How many partitions [default: the instance's]
        #[arg(long, value_name = "COUNT")]
        partitions: Option<i32>,
        /// Copies of each [default: the instance's, or as many as it has brokers, at most 3]
        #[arg(long, value_name = "COUNT")]
        replication_factor: Option<i16>,
        /// A setting in Kafka's name
        #[arg(long = "config", value_name = "NAME=VALUE")]
        configs: Vec<String>,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List the topics
    #[command(after_help = "\
Examples:
  brokerage topic list orders")]
    List {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Delete a topic with its records
    #[command(after_help = "\
Examples:
  brokerage topic delete orders audit")]
    Delete {
        /// The instance
        instance: String,
        /// The topic
        name: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List the consumer groups
    #[command(after_help = "\
Examples:
  brokerage group list orders")]
    List {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Show a group: its members, how far it has read, and what it has not read yet
    #[command(after_help = "\
Examples:
  brokerage group show orders billing")]
    Show {
        /// The instance
        instance: String,
        /// The group
        group: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum OrderCommand {
    /// List orders, the newest first
    #[command(after_help = "\
Examples:
  brokerage order list --last 10")]
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        last: u32,
        #[command(flatten)]
        list: ListFlags,
    },
    /// Show an order with its lines
    #[command(after_help = "\
Examples:
  brokerage order show orders")]
    Show {
        /// The order, or an instance: the order that bought it
        order: String,
        #[command(flatten)]
        target: TargetFlags,
    },
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
    /// What the instance is called
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A parameter of the request, in the vendor's name; lists as NAME.1 or NAME.0, JSON paths with dots
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Wait until the cluster runs (and start it where the vendor wants that)
    #[arg(long)]
    pub wait: bool,
    /// Longest wait
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub wait_seconds: u64,
    /// Access key id [default: the sandbox key]; its secret is read from the environment, BROKERAGE_SECRET
    #[arg(long, env = "BROKERAGE_ACCESS_KEY_ID", value_name = "ID")]
    pub access_key_id: Option<String>,
    #[command(flatten)]
    pub target: TargetFlags,
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Open an account
    #[command(after_help = "\
Examples:
  brokerage account create team-a --balance 1000")]
    Create {
        /// Its name
        name: String,
        /// Money to begin with, in CNY
        #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
        balance: Option<String>,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List accounts with their balances
    #[command(after_help = "\
Examples:
  brokerage account list")]
    List(TargetFlags),
    /// Show an account: its money, what of it is held for orders, and what it has
    #[command(after_help = "\
Examples:
  brokerage account show team-a")]
    Show {
        /// Id or name
        account: String,
        #[command(flatten)]
        target: TargetFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make an access key; its secret is shown once
    #[command(after_help = "\
A policy is a document as Alibaba's RAM and Tencent's CAM have it, such as
  {\"Version\": \"1\", \"Statement\": [
    {\"Effect\": \"Allow\", \"Action\": \"alikafka:*\", \"Resource\": \"*\"},
    {\"Effect\": \"Deny\", \"NotAction\": \"alikafka:Get*\", \"Resource\": \"alikafka_post-cn-prod1\"}]}

Examples:
  brokerage key create --account team-a --id TEAMAFIRSTKEY
  brokerage key create --account team-a --policy policy.json")]
    Create {
        /// Id or name of its account
        #[arg(long)]
        account: String,
        /// Its id [default: one is drawn]
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// File with the key's policy (JSON); without it everything is allowed
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List keys without their secrets
    #[command(after_help = "\
Examples:
  brokerage key list --account team-a")]
    List(ListFlags),
    /// Make a key that may do the same as another one, which stays on until it is switched off
    #[command(after_help = "\
Examples:
  brokerage key rotate TEAMAFIRSTKEY")]
    Rotate {
        /// The key that is to be replaced
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Switch a key off
    #[command(after_help = "\
Examples:
  brokerage key disable TEAMAFIRSTKEY")]
    Disable {
        /// The key
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Switch a key on again
    #[command(after_help = "\
Examples:
  brokerage key enable TEAMAFIRSTKEY")]
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
    #[command(after_help = "\
Examples:
  brokerage broker stop orders 0")]
    Stop {
        /// The instance
        instance: String,
        /// The broker, counted from 0
        id: i32,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Bring a broker back
    #[command(after_help = "\
Examples:
  brokerage broker start orders 0")]
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
    #[command(after_help = "\
Examples:
  brokerage orphan list")]
    List(TargetFlags),
    /// Delete one with its data
    #[command(after_help = "\
Examples:
  brokerage orphan delete ckafka-forgotten")]
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
    #[command(after_help = "\
Examples:
  brokerage user put orders anna
  brokerage user put orders root --super")]
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
    #[command(after_help = "\
Examples:
  brokerage user delete orders anna")]
    Delete {
        /// The instance
        instance: String,
        /// The user
        name: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List the users of an instance
    #[command(after_help = "\
Examples:
  brokerage user list orders")]
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
    #[arg(long, allow_hyphen_values = true)]
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
    /// List networks and subnets
    #[command(after_help = "\
Examples:
  brokerage network list --account team-a")]
    List(ListFlags),
    /// Make a network
    #[command(after_help = "\
Examples:
  brokerage network create --account team-a --profile ckafka --region ap-shanghai vpc-team-a")]
    Create {
        #[command(flatten)]
        place: NetworkFlags,
        /// Its id
        id: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Make a subnet of a network
    #[command(after_help = "\
Examples:
  brokerage network create-subnet --account team-a --profile ckafka --region ap-shanghai \\
      --network vpc-team-a --zone 200002 subnet-team-a")]
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
    #[command(after_help = "\
Examples:
  brokerage ledger check")]
    Check(TargetFlags),
}

#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Read the catalogs and list every value that no source gives
    #[command(after_help = "\
Examples:
  brokerage catalog check")]
    Check {
        /// Directory of catalog files; without it the built-in ones
        #[arg(long, value_name = "DIR")]
        catalog: Option<PathBuf>,
        #[command(flatten)]
        json: JsonFlags,
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
