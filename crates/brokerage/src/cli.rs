//! What is typed: the command line as a table of flags. What it means is found in `config` and `command`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, CommandFactory, Parser, Subcommand};

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

/// Examples by command, in the order in which they can be run.
const EXAMPLES: &str = include_str!("../../../docs/examples.txt");

/// The command line, each command with its examples.
pub fn command() -> clap::Command {
    let sections = EXAMPLES.split("\n[").skip(1);
    let sections = sections.filter_map(|section| section.split_once("]\n"));
    sections.fold(Cli::command(), |command, (name, lines)| {
        let lines = lines.lines().filter(|line| !line.is_empty());
        let lines: String = lines.map(|line| format!("\n  {line}")).collect();
        let name: Vec<&str> = name.split(' ').collect();
        with_examples(command, &name, format!("Examples:{lines}"))
    })
}

fn with_examples(command: clap::Command, name: &[&str], shown: String) -> clap::Command {
    match name {
        [] => command.after_help(shown),
        [first, rest @ ..] => {
            command.mut_subcommand(*first, |inner| with_examples(inner, rest, shown))
        }
    }
}

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
    Serve(Box<ServeFlags>),
    /// Buy a cluster with a genuine, signed vendor request
    Buy(BuyFlags),
    /// Say what a purchase would cost, and buy nothing
    Price(PriceFlags),
    /// List the instances of all accounts
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
    Operations(JsonFlags),
    /// List recent calls and how they ended
    Requests(RequestsFlags),
    /// List the background tasks and how they last went
    Tasks(TargetFlags),
    /// Print completions for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command
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
    Show {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Give it another name
    Rename {
        /// The instance
        instance: String,
        /// The name
        name: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Take it away with its data, whoever's it is, also when it is prepaid; not when its owner protects it
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
    List {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Delete a topic with its records
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
    List {
        /// The instance
        instance: String,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Show a group: its members, how far it has read, and what it has not read yet
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
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        last: u32,
        #[command(flatten)]
        list: ListFlags,
    },
    /// Show an order with its lines
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
    List(TargetFlags),
    /// Show an account: its money, what of it is held for orders, and what it has
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
    Create {
        /// Id or name of its account
        #[arg(long)]
        account: String,
        /// Its id [default: one is drawn]
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// File with the key's policy, as clouds write them: {"Version": "1", "Statement": [{"Effect": "Allow",
        /// "Action": "*", "Resource": "*"}]}; without it everything is allowed
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List keys without their secrets
    List(ListFlags),
    /// Make a key that may do the same as another one, which stays on until it is switched off
    Rotate {
        /// The key that is to be replaced
        id: String,
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
    List(ListFlags),
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
    /// Recompute everything from transfers, compare all rows with their digests, and tell what is wrong
    Check(TargetFlags),
    /// Take the rows of an account that are there for right, after what `check` says of them was looked at
    Accept(AcceptFlags),
}

#[derive(Debug, Args)]
pub struct AcceptFlags {
    /// The account, by name or id; without it every account
    #[arg(long)]
    pub account: Option<String>,
    #[command(flatten)]
    pub target: TargetFlags,
}

#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Read the catalogs and list every value that no source gives
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
