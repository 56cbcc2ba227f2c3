//! The commands: each asks a running server through its data directory or, where that makes sense, opens the data
//! directory itself.

mod buy;
mod print;

use std::io::{BufRead as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use secrecy::SecretString;
use serde_json::Value;

use crate::admin::{self, Ask, NetworkAsk, Password};
use crate::cli::{
    AccountCommand, BrokerCommand, CatalogCommand, Command, KeyCommand, LedgerCommand,
    NetworkCommand, NetworkFlags, OrphanCommand, TargetFlags, UserCommand,
};
use crate::config::Config;
use crate::serve::{self, CLOUDS};
use crate::settings::ServeSettings;

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
        Command::Instances(target) => ask(&target, Ask::Instances),
        Command::Account(command) => account(command),
        Command::Key(command) => key(command),
        Command::User(command) => user(command),
        Command::Broker(command) => broker(command),
        Command::Orphan(OrphanCommand::List(target)) => ask(&target, Ask::OrphanList),
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
        Command::Catalog(CatalogCommand::Check { catalog }) => catalog_check(catalog.as_deref()),
        Command::Operations => {
            operations();
            Ok(ExitCode::SUCCESS)
        }
        Command::Requests(flags) => ask(&flags.target, Ask::Requests { last: flags.last }),
        Command::Tasks(target) => ask(&target, Ask::Tasks),
        Command::Failpoints => {
            brokerage_control::failpoints::NAMES
                .iter()
                .for_each(print::line);
            Ok(ExitCode::SUCCESS)
        }
    }
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
            "data: no server runs on {}, and there is no such directory",
            data.display()
        );
    }
    let settings = ServeSettings {
        data: Some(data.display().to_string()),
        ..ServeSettings::default()
    };
    let config = Config::of(settings, false)?;
    runtime()?.block_on(async {
        let plane = serve::compose(&config).await?;
        let answer = admin::answer(&plane.control, &[], ask).await;
        plane.control.close().await;
        answer
    })
}

fn ask(target: &TargetFlags, ask: Ask) -> anyhow::Result<ExitCode> {
    print::value(&answer(&target.data, ask)?, target.json);
    Ok(ExitCode::SUCCESS)
}

fn account(command: AccountCommand) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::Create {
            name,
            balance,
            target,
        } => ask(&target, Ask::AccountCreate { name, balance }),
        AccountCommand::List(target) => ask(&target, Ask::AccountList),
    }
}

fn key(command: KeyCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeyCommand::Create {
            account,
            policy,
            target,
        } => {
            let read = |path: &std::path::PathBuf| {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("policy: {}", path.display()))?;
                serde_json::from_str(&text).with_context(|| format!("policy: {}", path.display()))
            };
            let policy = policy.as_ref().map(read).transpose()?;
            ask(&target, Ask::KeyCreate { account, policy })
        }
        KeyCommand::Disable { id, target } => ask(&target, Ask::KeySetActive { id, active: false }),
        KeyCommand::Enable { id, target } => ask(&target, Ask::KeySetActive { id, active: true }),
    }
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
        UserCommand::List { instance, target } => ask(&target, Ask::UserList { instance }),
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
        NetworkCommand::Create {
            place: flags,
            id,
            target,
        } => {
            let (account, network) = place(id, flags);
            ask(&target, Ask::NetworkCreate { account, network })
        }
        NetworkCommand::CreateSubnet {
            place: flags,
            network,
            zone,
            id,
            target,
        } => {
            let (account, subnet) = place(id, flags);
            ask(
                &target,
                Ask::SubnetCreate {
                    account,
                    subnet,
                    network_id: network,
                    zone,
                },
            )
        }
    }
}

fn ledger_check(target: &TargetFlags) -> anyhow::Result<ExitCode> {
    let report = answer(&target.data, Ask::LedgerCheck)?;
    let findings = report["findings"].as_array().map_or(0, Vec::len);
    if target.json {
        print::value(&report, true);
    } else {
        for finding in report["findings"].as_array().into_iter().flatten() {
            print::line(print::escaped(finding.as_str().unwrap_or_default()));
        }
        print::line(format!(
            "{} transfers, {} order lines: {findings} findings",
            report["transfers"], report["lines"]
        ));
    }
    Ok(if findings == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn catalog_check(dir: Option<&Path>) -> anyhow::Result<ExitCode> {
    // No engine is opened to look at catalogs: this is what the one that `serve` opens answers.
    let offered = brokerage_engine_embedded::serves_version;
    let catalogs = serve::catalogs(dir, &offered)?;
    for catalog in catalogs.current() {
        print::line(format!(
            "{} {} {}",
            catalog.profile(),
            catalog.version(),
            catalog.hash()
        ));
        for default in catalog.defaults_report() {
            print::line(format!("  ours: {} = {}", default.key, default.value));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The coverage page: what the tables serve, and what of the vendors' models they do not.
fn operations() {
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
