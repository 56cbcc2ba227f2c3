//! The commands: each asks a running server through its data directory or, where that makes sense, opens the data
//! directory itself.

mod backup;
mod buy;
mod client;
mod columns;
mod manual;
pub mod next;
pub mod print;

use std::io::{BufRead as _, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use brokerage_engine_embedded::named_file_text;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::admin::{self, Ask, NetworkAsk, Password, PriceAsk, Reached, TopicAsk};
use crate::cli::{
    self, AccountCommand, AuditCommand, BrokerCommand, CatalogCommand, Command, GroupCommand,
    InstanceCommand, KeyCommand, LedgerCommand, ListFlags, NetworkCommand, NetworkFlags,
    OrderCommand, OrphanCommand, TargetFlags, TopicCommand, UserCommand,
};
use crate::config::Config;
use crate::data_dir::InUse;
use crate::serve::{self, CLOUDS};
use crate::settings::ServeSettings;
use next::Made;
use print::Column;
use print::escaped;
pub use print::escaped_lines;

/// Longest line that is read as a password, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Runs one command.
///
/// # Errors
/// If what was asked could not be done; a text for people, which names the setting where one is wrong.
pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(flags) => {
            let config = Config::resolve(*flags)?;
            runtime()?.block_on(serve::serve(config))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Buy(flags) => buy::run(flags),
        Command::Price(flags) => {
            let price = PriceAsk {
                dialect: flags.dialect,
                region: flags.region,
                set: pairs("--set", &flags.set)?,
            };
            ask(&flags.target, Ask::Price(price))
        }
        Command::Instances(ListFlags { account, target }) => {
            list(&target, Ask::Instances { account }, columns::INSTANCES)
        }
        Command::Instance(command) => instance(command),
        Command::Topic(command) => topic(command),
        Command::Group(command) => group(command),
        Command::Order(command) => order(command),
        Command::Account(command) => account(command),
        Command::Key(command) => key(command),
        Command::User(command) => user(command),
        Command::Broker(command) => broker(command),
        Command::Orphan(OrphanCommand::List(target)) => {
            list(&target, Ask::OrphanList, columns::ORPHANS)
        }
        Command::Orphan(OrphanCommand::Delete { id, target }) => {
            ask(&target, Ask::OrphanDelete { cluster: id })
        }
        Command::TopUp(flags) => {
            let (account, amount, currency, reference) =
                (flags.account, flags.amount, flags.currency, flags.reference);
            ask(
                &flags.target,
                Ask::TopUp {
                    account,
                    amount,
                    currency,
                    reference,
                },
            )
        }
        Command::Network(command) => network(command),
        Command::Ledger(LedgerCommand::Check(target)) => ledger_check(&target),
        Command::Ledger(LedgerCommand::Accept(flags)) => {
            let account = flags.account;
            ask(&flags.target, Ask::LedgerAccept { account })
        }
        Command::Audit(AuditCommand::List(flags)) => {
            let (account, last) = (flags.account, flags.last);
            list(
                &flags.target,
                Ask::AuditList { account, last },
                columns::AUDIT,
            )
        }
        Command::Audit(AuditCommand::Verify(target)) => audit_verify(&target),
        Command::Requests(flags) => {
            let last = flags.last;
            list(&flags.target, Ask::Requests { last }, columns::REQUESTS)
        }
        Command::Tasks(target) => list(&target, Ask::Tasks, columns::TASKS),
        alone => run_alone(alone),
    }
}

/// Says why a command failed, on one line. What callers chose is in such texts, too: it cannot move the terminal, nor look
/// like another message.
pub fn fail(error: &anyhow::Error) {
    print::aside(escaped(&format!("brokerage: {error:#}")));
}

/// Runs a command that needs no server.
fn run_alone(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Catalog(CatalogCommand::Check { catalog, json }) => {
            catalog_check(catalog.as_deref(), json.json)?;
        }
        Command::Backup(flags) => {
            let (target, with_key) = (flags.target, flags.with_master_key);
            let answer = backup::backup(&target.data, &flags.to, with_key)?;
            print::value(&answer, target.json, &[]);
        }
        Command::Restore(flags) => {
            let (target, key) = (flags.target, flags.master_key);
            let answer = backup::restore(&flags.from, &target.data, key.as_deref())?;
            print::value(&answer, target.json, &[]);
        }
        Command::Operations(flags) => operations(flags.json),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut cli::command(), "brokerage", &mut text);
            print::line(String::from_utf8(text)?.trim_end());
        }
        Command::Man { out } => manual::write(out.as_deref())?,
        Command::Failpoints(flags) => {
            let names = brokerage_control::failpoints::NAMES;
            match flags.json {
                true => print::value(&json!(names), true, &[]),
                false => names.iter().for_each(print::line),
            }
        }
        other => bail!("{other:?} needs a server"),
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")
}

/// Asks the server that owns the data directory; without one, answers from the directory itself.
fn answer(data: &Path, ask: Ask) -> anyhow::Result<Value> {
    if let Some(answer) = admin::ask(data, &ask)? {
        return Ok(answer);
    }
    if !data.is_dir() {
        bail!(
            "no server runs on {}: there is no such directory",
            data.display()
        );
    }
    let settings = ServeSettings {
        data: Some(data.display().to_string()),
        ..ServeSettings::default()
    };
    let mut config = Config::of(settings, false)?;
    runtime()?.block_on(async {
        let plane = match serve::compose(&mut config).await {
            // A server has begun to start meanwhile.
            Err(error) if error.is::<InUse>() => {
                return admin::ask(data, &ask)?.ok_or(error);
            }
            composed => composed?,
        };
        // Whoever looks at damaged books, or accepts them, does so before they are opened.
        if !matches!(ask, Ask::LedgerCheck | Ask::LedgerAccept { .. }) {
            plane.control.books_open().await?;
        }
        let answer = admin::answer(&plane.control, &Reached::default(), ask).await;
        plane.control.close().await;
        answer
    })
}

fn ask(target: &TargetFlags, ask: Ask) -> anyhow::Result<ExitCode> {
    list(target, ask, &[])
}

/// Asks, and tells people what may be typed next, of the answer.
fn ask_and_lead_on(
    target: &TargetFlags,
    ask: Ask,
    next: impl FnOnce(&Value) -> Vec<String>,
) -> anyhow::Result<ExitCode> {
    let answer = answer(&target.data, ask)?;
    let lines = next(&answer);
    print::value(&answer, target.json, &[]);
    if !target.json {
        next::tell(&lines);
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks, and shows what is a list with these columns.
fn list(target: &TargetFlags, ask: Ask, columns: &[Column]) -> anyhow::Result<ExitCode> {
    print::value(&answer(&target.data, ask)?, target.json, columns);
    Ok(ExitCode::SUCCESS)
}

/// Names and values that were typed with an equals sign in between.
fn pairs(flag: &str, typed: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |text: &String| {
        let (name, value) = text
            .split_once('=')
            .with_context(|| format!("{flag} {text}: not NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    typed.iter().map(pair).collect()
}

fn instance(command: InstanceCommand) -> anyhow::Result<ExitCode> {
    match command {
        InstanceCommand::Show { instance, target } => ask(&target, Ask::InstanceShow { instance }),
        InstanceCommand::Rename {
            instance,
            name,
            target,
        } => ask(&target, Ask::InstanceRename { instance, name }),
        InstanceCommand::Release { instance, target } => {
            ask(&target, Ask::InstanceRelease { instance })
        }
    }
}

fn topic(command: TopicCommand) -> anyhow::Result<ExitCode> {
    match command {
        TopicCommand::Create {
            instance,
            name,
            partitions,
            replication_factor,
            configs,
            target,
        } => {
            let topic = TopicAsk {
                name,
                partitions,
                replication_factor,
                configs: pairs("--config", &configs)?.into_iter().collect(),
            };
            ask(&target, Ask::TopicCreate { instance, topic })
        }
        TopicCommand::List { instance, target } => {
            list(&target, Ask::TopicList { instance }, columns::TOPICS)
        }
        TopicCommand::Delete {
            instance,
            name,
            target,
        } => ask(&target, Ask::TopicDelete { instance, name }),
    }
}

fn group(command: GroupCommand) -> anyhow::Result<ExitCode> {
    match command {
        GroupCommand::List { instance, target } => {
            list(&target, Ask::GroupList { instance }, columns::GROUPS)
        }
        GroupCommand::Show {
            instance,
            group: name,
            target,
        } => ask(&target, Ask::GroupShow { instance, name }),
    }
}

fn order(command: OrderCommand) -> anyhow::Result<ExitCode> {
    match command {
        OrderCommand::List {
            last,
            list: ListFlags { account, target },
        } => list(&target, Ask::OrderList { account, last }, columns::ORDERS),
        OrderCommand::Show { order: id, target } => ask(&target, Ask::OrderShow { id }),
    }
}

fn account(command: AccountCommand) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::Create {
            name,
            balance,
            target,
        } => {
            let next = next::of_account(&name, &target.data);
            ask_and_lead_on(&target, Ask::AccountCreate { name, balance }, |_| next)
        }
        AccountCommand::List(target) => list(&target, Ask::AccountList, columns::ACCOUNTS),
        AccountCommand::Show { account, target } => ask(&target, Ask::AccountShow { account }),
    }
}

fn key(command: KeyCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeyCommand::Create {
            account,
            id,
            policy,
            target,
        } => {
            let read = |path: &std::path::PathBuf| {
                named_file_text(path).with_context(|| format!("policy: {}", path.display()))
            };
            let policy = policy.as_ref().map(read).transpose()?;
            let (owner, data) = (account.clone(), target.data.clone());
            let create = Ask::KeyCreate {
                account,
                id,
                policy,
            };
            ask_and_lead_on(&target, create, |key| {
                told_once(key);
                next::of_key(&key["access_key_id"], &owner, &data)
            })
        }
        KeyCommand::List(ListFlags { account, target }) => {
            list(&target, Ask::KeyList { account }, columns::KEYS)
        }
        KeyCommand::Rotate { id, target } => {
            ask_and_lead_on(&target, Ask::KeyRotate { id }, |key| {
                told_once(key);
                Vec::new()
            })
        }
        KeyCommand::Disable { id, target } => ask(&target, Ask::KeySetActive { id, active: false }),
        KeyCommand::Enable { id, target } => ask(&target, Ask::KeySetActive { id, active: true }),
    }
}

/// A key's secret is told once: what to do where it could not be told.
fn told_once(key: &Value) {
    let id = key["access_key_id"].as_str().unwrap_or_default();
    print::if_unwritten(format!(
        "the key {id} is made, and its secret is lost: brokerage key rotate {id}"
    ));
}

fn broker(command: BrokerCommand) -> anyhow::Result<ExitCode> {
    match command {
        BrokerCommand::Stop {
            instance,
            id: broker,
            target,
        } => ask(&target, Ask::BrokerStop { instance, broker }),
        BrokerCommand::Start {
            instance,
            id: broker,
            target,
        } => ask(&target, Ask::BrokerStart { instance, broker }),
    }
}

fn user(command: UserCommand) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Put {
            instance,
            name,
            password_stdin,
            is_super,
            no_super,
            target,
        } => {
            let is_super = (is_super || no_super).then_some(is_super);
            let password = match password_stdin {
                true => Some(Password(line_of_input()?)),
                false => None,
            };
            ask(
                &target,
                Ask::UserPut {
                    instance,
                    name,
                    password,
                    is_super,
                },
            )
        }
        UserCommand::Delete {
            instance,
            name,
            target,
        } => ask(&target, Ask::UserDelete { instance, name }),
        UserCommand::List { instance, target } => {
            list(&target, Ask::UserList { instance }, columns::USERS)
        }
    }
}

/// One line of standard input, without its end.
fn line_of_input() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(PASSWORD_BYTES_MAX + 1)
        .read_line(&mut line)
        .context("standard input")?;
    ensure!(
        line.len() as u64 <= PASSWORD_BYTES_MAX,
        "a password has at most {PASSWORD_BYTES_MAX} bytes with the end of its line"
    );
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n'])))
}

fn network(command: NetworkCommand) -> anyhow::Result<ExitCode> {
    let place = |id: String, flags: NetworkFlags| {
        let NetworkFlags {
            account,
            profile,
            region,
            cidr,
            name,
        } = flags;
        (
            account,
            NetworkAsk {
                name: name.unwrap_or_else(|| id.clone()),
                id,
                profile,
                region,
                cidr,
            },
        )
    };
    match command {
        NetworkCommand::List(ListFlags { account, target }) => {
            list(&target, Ask::NetworkList { account }, columns::NETWORKS)
        }
        NetworkCommand::Create {
            place: flags,
            id,
            target,
        } => {
            let (account, network) = place(id, flags);
            let of = Made::new(&account, &network);
            let create = Ask::NetworkCreate { account, network };
            ask_and_lead_on(&target, create, |made| {
                next::of_network(&of, &made["zones"], &target.data)
            })
        }
        NetworkCommand::CreateSubnet {
            place: flags,
            network,
            zone,
            id,
            target,
        } => {
            let (account, subnet) = place(id, flags);
            let lines = next::of_subnet(&Made::new(&account, &subnet), &target.data);
            let create = Ask::SubnetCreate {
                account,
                subnet,
                network_id: network,
                zone,
            };
            ask_and_lead_on(&target, create, |_| lines)
        }
    }
}

fn ledger_check(target: &TargetFlags) -> anyhow::Result<ExitCode> {
    let report = answer(&target.data, Ask::LedgerCheck)?;
    let findings = report["findings"].as_array().map_or(0, Vec::len);
    if target.json {
        print::value(&report, true, &[]);
    } else {
        for finding in report["findings"].as_array().into_iter().flatten() {
            print::line(escaped(finding.as_str().unwrap_or_default()));
        }
        print::line(format!(
            "{} transfers, {} order lines, {} digested rows: {findings} findings",
            report["transfers"], report["lines"], report["digested"]
        ));
    }
    Ok(if findings == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn audit_verify(target: &TargetFlags) -> anyhow::Result<ExitCode> {
    let report = answer(&target.data, Ask::AuditVerify)?;
    let finding = report["finding"].as_str();
    if target.json {
        print::value(&report, true, &[]);
    } else {
        if let Some(finding) = finding {
            print::line(escaped(finding));
        }
        print::line(format!(
            "{} rows, {} pruned before: {} findings",
            report["rows"],
            report["pruned"],
            u8::from(finding.is_some())
        ));
    }
    Ok(match finding {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

fn catalog_check(dir: Option<&Path>, is_json: bool) -> anyhow::Result<()> {
    // No engine is opened to look at catalogs: this is what the one that `serve` opens answers.
    let offered = brokerage_engine_embedded::serves_version;
    let catalogs = serve::catalogs(dir, &offered)?;
    let catalog = |catalog: &Arc<brokerage_domain::catalog::Catalog>| {
        let ours = catalog.defaults_report().into_iter();
        let ours: Vec<Value> = ours
            .map(|of| json!({ "key": of.key, "value": of.value }))
            .collect();
        json!({
            "profile": catalog.profile(),
            "version": catalog.version(),
            "hash": catalog.hash(),
            "ours": ours,
        })
    };
    let values: Vec<Value> = catalogs.current().map(catalog).collect();
    if is_json {
        print::value(&values.into(), true, &[]);
        return Ok(());
    }
    let plain = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    for catalog in &values {
        let head = ["profile", "version", "hash"].map(|key| plain(&catalog[key]));
        print::line(head.join(" "));
        for of in catalog["ours"].as_array().into_iter().flatten() {
            print::line(format!(
                "  ours: {} = {}",
                plain(&of["key"]),
                plain(&of["value"])
            ));
        }
    }
    Ok(())
}

/// The coverage page: what the tables serve, and what of the vendors' models they do not.
fn operations(is_json: bool) {
    if is_json {
        let tables = CLOUDS.services().map(|table| {
            let rows = table.rows.iter().map(|row| {
                json!({
                    "operation": row.name,
                    "mode": format!("{:?}", row.mode).to_lowercase(),
                    "calls_per_second": table.calls_per_second_of(row),
                    "action": table.action(row),
                })
            });
            json!({
                "dialect": table.dialect,
                "version": table.version,
                "served": rows.collect::<Vec<_>>(),
                "unserved": table.unserved,
            })
        });
        return print::value(&tables.collect::<Vec<_>>().into(), true, &[]);
    }
    for table in CLOUDS.services() {
        let served = table.rows.len();
        let all = served + table.unserved.len();
        let (dialect, version) = (table.dialect, table.version);
        // Of a companion service the model has only what callers of Kafka know.
        print::line(format!("{dialect} {version}: {served} of {all}"));
        for row in table.rows {
            let mode = format!("{:?}", row.mode).to_lowercase();
            let name = row.name;
            let (per_second, action) = (table.calls_per_second_of(row), table.action(row));
            print::line(format!(
                "  {name:<36} {mode:<5} {per_second:>3}/s  {action}"
            ));
        }
        for name in table.unserved {
            print::line(format!("  {name:<36} not served"));
        }
    }
}
