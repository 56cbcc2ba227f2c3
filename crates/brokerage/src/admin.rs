//! The operator's door: one JSON line in, one JSON line out, over a socket in the data directory that only the
//! directory's owner can open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use brokerage_control::Control;
use brokerage_control::access_key::NewKey;
use brokerage_control::account::top_up_check;
use brokerage_control::background::{Task, TaskStatus};
use brokerage_control::instance::Unreadable;
use brokerage_control::watch::Watch;
use brokerage_domain::Error;
use brokerage_domain::access::Policy;
use brokerage_domain::account::Account;
use brokerage_domain::id::{InstanceId, NetworkId, SubnetId};
use brokerage_domain::instance::Instance;
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::network::{Network, Subnet};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::data_dir;

/// Longest request line, in bytes.
const REQUEST_BYTES_MAX: u64 = 256 * 1024;
/// Longest answer that the client reads, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Asks that are answered at once.
const CONNECTIONS_MAX: usize = 64;
/// Longest time from the connection to the end of the answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(600);
/// Pause after a failed accept (no descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for the request line.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);
/// Fewest decimals of an amount that people read.
const DECIMALS: usize = 2;

/// What an operator may ask of a server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    AccountCreate {
        name: String,
        balance: Option<String>,
    },
    AccountList,
    KeyCreate {
        account: String,
        policy: Option<Policy>,
    },
    KeySetActive {
        id: String,
        active: bool,
    },
    TopUp {
        account: String,
        amount: String,
        currency: String,
        reference: String,
    },
    NetworkCreate {
        account: String,
        network: NetworkAsk,
    },
    SubnetCreate {
        account: String,
        subnet: NetworkAsk,
        network_id: String,
        zone: String,
    },
    Instances,
    UserPut {
        instance: String,
        name: String,
        password: Option<Password>,
        /// Make it a super user, or take that away; absent: it stays what it is.
        #[serde(default, rename = "super")]
        is_super: Option<bool>,
    },
    UserDelete {
        instance: String,
        name: String,
    },
    UserList {
        instance: String,
    },
    BrokerStop {
        instance: String,
        broker: i32,
    },
    BrokerStart {
        instance: String,
        broker: i32,
    },
    OrphanList,
    OrphanDelete {
        cluster: String,
    },
    LedgerCheck,
    Requests {
        last: usize,
    },
    /// What background tasks do.
    Tasks,
    /// Where the API listens.
    Addresses,
}

/// A password on its way over the socket; never printed.
#[derive(Debug)]
pub struct Password(pub SecretString);

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl Serialize for Password {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

/// A network or subnet to make.
#[derive(Debug, Serialize, Deserialize)]
pub struct NetworkAsk {
    pub id: String,
    pub profile: String,
    pub region: String,
    pub cidr: String,
    pub name: String,
}

/// Answers one ask.
///
/// # Errors
/// Whatever control refuses, and amounts, currencies, policies and addresses that cannot be read.
pub async fn answer(control: &Control, api: &[String], ask: Ask) -> anyhow::Result<Value> {
    match ask {
        Ask::AccountCreate { name, balance } => {
            account_create(control, &name, balance.as_deref()).await
        }
        Ask::AccountList => account_list(control).await,
        Ask::KeyCreate { account, policy } => key_create(control, &account, policy).await,
        Ask::KeySetActive { id, active } => {
            control.access_key_set_active(&id, active).await?;
            Ok(json!({ "access_key_id": id, "active": active }))
        }
        Ask::TopUp {
            account,
            amount,
            currency,
            reference,
        } => top_up(control, &account, (&amount, &currency), &reference).await,
        Ask::NetworkCreate { account, network } => network_create(control, &account, network).await,
        Ask::SubnetCreate {
            account,
            subnet,
            network_id,
            zone,
        } => subnet_create(control, &account, subnet, network_id, zone).await,
        Ask::Instances => instances(control).await,
        Ask::UserPut {
            instance,
            name,
            password,
            is_super,
        } => user_put(control, instance, name, password, is_super).await,
        Ask::UserDelete { instance, name } => {
            control
                .user_delete(&InstanceId::new(instance), &name)
                .await?;
            Ok(json!({ "user": name, "deleted": true }))
        }
        Ask::UserList { instance } => user_list(control, instance).await,
        Ask::BrokerStop { instance, broker } => {
            let id = InstanceId::new(instance);
            control.broker_stop(&id, broker).await?;
            Ok(json!({ "instance_id": id.as_str(), "broker": broker, "running": false }))
        }
        Ask::BrokerStart { instance, broker } => {
            let id = InstanceId::new(instance);
            control.broker_start(&id, broker).await?;
            Ok(json!({ "instance_id": id.as_str(), "broker": broker, "running": true }))
        }
        Ask::OrphanList => orphan_list(control).await,
        Ask::OrphanDelete { cluster } => {
            let id = InstanceId::new(cluster);
            control.orphan_delete(&id).await?;
            Ok(json!({ "cluster": id.as_str(), "deleted": true }))
        }
        Ask::LedgerCheck => ledger_check(control).await,
        Ask::Requests { last } => Ok(serde_json::to_value(control.requests().last(last))?),
        Ask::Tasks => Ok(tasks(control)),
        Ask::Addresses => Ok(json!({ "api": api })),
    }
}

async fn key_create(
    control: &Control,
    account: &str,
    policy: Option<Policy>,
) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let new = NewKey {
        id: None,
        secret: None,
        session_token: None,
        policy: policy.unwrap_or_else(Policy::allow_all),
    };
    let (id, secret) = control.access_key_create(&account.id, new).await?;
    Ok(json!({ "access_key_id": id.as_str(), "secret": secret.expose_secret() }))
}

async fn top_up(
    control: &Control,
    account: &str,
    (amount, currency): (&str, &str),
    reference: &str,
) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let (amount, currency): (Money, Currency) = (amount.parse()?, currency.parse()?);
    let added = control
        .account_top_up(&account.id, amount, currency, reference)
        .await?;
    let balance = control.account_balance(&account.id, currency).await?;
    let available = balance.available().to_decimal(DECIMALS);
    Ok(json!({ "account_id": account.id.as_str(), "added": added, "available": available }))
}

async fn user_put(
    control: &Control,
    instance: String,
    name: String,
    password: Option<Password>,
    is_super: Option<bool>,
) -> anyhow::Result<Value> {
    let (id, chosen) = (InstanceId::new(instance), password.map(|given| given.0));
    let is_drawn = chosen.is_none();
    let password = control.user_put(&id, &name, chosen, is_super).await?;
    let mut shown = json!({ "user": name });
    if let Some(is_super) = is_super {
        shown["super"] = json!(is_super);
    }
    if let Some(password) = password.filter(|_| is_drawn) {
        shown["password"] = json!(password.expose_secret());
    }
    Ok(shown)
}

async fn user_list(control: &Control, instance: String) -> anyhow::Result<Value> {
    let users = control.user_list(&InstanceId::new(instance)).await?;
    let rows = users
        .iter()
        .map(|user| json!({ "user": user.name, "super": user.is_super }));
    Ok(Value::Array(rows.collect()))
}

async fn orphan_list(control: &Control) -> anyhow::Result<Value> {
    let orphans = control.orphan_list().await?;
    let rows = orphans
        .iter()
        .map(|orphan| json!({ "cluster": orphan.id.as_str(), "running": orphan.running }));
    Ok(Value::Array(rows.collect()))
}

async fn ledger_check(control: &Control) -> anyhow::Result<Value> {
    let report = control.ledger_check().await?;
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    Ok(json!({ "transfers": report.transfers, "lines": report.lines, "findings": findings }))
}

async fn account_create(
    control: &Control,
    name: &str,
    balance: Option<&str>,
) -> anyhow::Result<Value> {
    // The amount is read and checked first, so that a wrong one makes no account.
    let balance: Option<Money> = balance.map(str::parse).transpose().context("balance")?;
    let balance = balance.filter(|amount| !amount.is_zero());
    balance.map_or(Ok(()), top_up_check).context("balance")?;
    let account = control.account_create(name).await?;
    if let Some(amount) = balance {
        control
            .account_top_up(&account.id, amount, Currency::Cny, "opening")
            .await?;
    }
    account_value(control, &account).await
}

async fn account_list(control: &Control) -> anyhow::Result<Value> {
    let mut list = Vec::new();
    let mut after = String::new();
    loop {
        let page = control.account_list(&after).await?;
        let Some(last) = page.last() else {
            return Ok(Value::Array(list));
        };
        after = last.id.as_str().to_owned();
        for account in &page {
            list.push(account_value(control, account).await?);
        }
    }
}

async fn account_value(control: &Control, account: &Account) -> anyhow::Result<Value> {
    let mut value = json!({
        "account_id": account.id.as_str(),
        "name": account.name,
        "number": account.number.to_string(),
        "created_at": account.created_at.iso(),
    });
    for currency in Currency::ALL {
        let balance = control.account_balance(&account.id, currency).await?;
        value[format!("available_{}", currency.code().to_ascii_lowercase())] =
            balance.available().to_decimal(DECIMALS).into();
    }
    Ok(value)
}

async fn network_create(
    control: &Control,
    account: &str,
    ask: NetworkAsk,
) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let NetworkAsk {
        id,
        profile,
        region,
        cidr,
        name,
    } = ask;
    known_region(control, &profile, &region)?;
    let network = Network {
        id: NetworkId::new(&id),
        profile,
        region,
        name,
        cidr,
        created_at: control.now(),
    };
    control.network_create(&account.id, network).await?;
    Ok(json!({ "network_id": id }))
}

async fn subnet_create(
    control: &Control,
    account: &str,
    ask: NetworkAsk,
    network_id: String,
    zone: String,
) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let NetworkAsk {
        id,
        profile,
        region,
        cidr,
        name,
    } = ask;
    known_region(control, &profile, &region)?;
    if !control
        .catalog(&profile)?
        .zones(&region)
        .any(|known| known.id == zone)
    {
        bail!("zone: {zone} is not in the catalog's region {region}");
    }
    let subnet = Subnet {
        id: SubnetId::new(&id),
        network_id: NetworkId::new(network_id),
        profile,
        region,
        zone,
        name,
        cidr,
        created_at: control.now(),
    };
    control.subnet_create(&account.id, subnet).await?;
    Ok(json!({ "subnet_id": id }))
}

fn known_region(control: &Control, profile: &str, region: &str) -> anyhow::Result<()> {
    let catalog = control
        .catalog(profile)
        .with_context(|| format!("profile: there is no catalog {profile}"))?;
    match catalog.region(region) {
        Some(_) => Ok(()),
        None => bail!("region: {region} is not in the catalog {profile}"),
    }
}

async fn instances(control: &Control) -> anyhow::Result<Value> {
    let value = |instance: &Instance| {
        let listeners = control.instance_bootstraps(instance);
        json!({
            "instance_id": instance.id.as_str(),
            "account_id": instance.account_id.as_str(),
            "profile": instance.profile,
            "name": instance.name,
            "order_id": instance.order_id.as_str(),
            "phase": instance.phase.word(),
            "bootstrap": listeners.first().map_or("", |(_, addresses)| addresses),
            "listeners": listeners
                .iter()
                .map(|(protocol, addresses)| (protocol.name(), addresses))
                .collect::<BTreeMap<_, _>>(),
            "failure": instance.failure,
        })
    };
    // The same keys as of the others: the first row's are the heading of the table.
    let unreadable = |row: &Unreadable| {
        json!({
            "instance_id": row.id.as_str(),
            "account_id": "",
            "profile": "",
            "name": "",
            "order_id": "",
            "phase": "unreadable",
            "bootstrap": "",
            "listeners": {},
            "failure": row.to_string(),
        })
    };
    let rows = control.instance_list_all().await?;
    let values = rows.iter().map(|row| match row {
        Ok(instance) => value(instance),
        Err(row) => unreadable(row),
    });
    Ok(Value::Array(values.collect()))
}

fn tasks(control: &Control) -> Value {
    let value = |(task, status): (&Task, TaskStatus)| {
        let last = status.last.as_ref();
        json!({
            "task": task.name,
            "period_ms": u64::try_from(task.period.as_millis()).unwrap_or(u64::MAX),
            "slices": status.slices,
            "failures": status.failures,
            "last_at": last.map(|last| last.began_at.iso()),
            "last_took_us": last.map(|last| last.took_us),
            "last_failure": last.and_then(|last| last.failure.clone()),
        })
    };
    Value::Array(control.task_list().into_iter().map(value).collect())
}

/// Serves the socket until `stop` is cancelled.
///
/// # Errors
/// If the socket cannot be made or closed to others.
pub async fn serve(
    control: Arc<Control>,
    api: Vec<String>,
    data: &Path,
    stop: CancellationToken,
    watch: &Watch,
) -> anyhow::Result<TaskTracker> {
    let path = data_dir::socket(data);
    // The data directory is locked: a socket that is there was left by a process that is gone.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} cannot be replaced", path.display()));
        }
        _ => {}
    }
    let listener =
        UnixListener::bind(&path).with_context(|| format!("{} cannot be bound", path.display()))?;
    owner_only(&path)?;
    let tasks = TaskTracker::new();
    let of_connections = tasks.clone();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    watch.spawn(&tasks, "the operator's socket", async move {
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else {
                break;
            };
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted.inspect_err(
                |error| tracing::warn!(%error, "the operator's socket does not accept"),
            ) else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (control, api) = (control.clone(), api.clone());
            of_connections.spawn(async move {
                let _permit = permit;
                match tokio::time::timeout(ASK_TIMEOUT, converse(&control, &api, stream)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!("an operator's connection ended: {error:#}"),
                    Err(_) => tracing::debug!("an operator's connection took too long"),
                }
            });
        }
        drop(std::fs::remove_file(path));
    });
    tasks.close();
    Ok(tasks)
}

fn owner_only(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("{} cannot be closed to others", path.display()))
}

async fn converse(control: &Control, api: &[String], stream: UnixStream) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(REQUEST_BYTES_MAX));
    tokio::time::timeout(LINE_TIMEOUT, reader.read_line(&mut line)).await??;
    let answered = match serde_json::from_str(&line) {
        Ok(ask) => answer(control, api, ask).await,
        Err(error) => Err(error.into()),
    };
    let reply = match answered {
        Ok(value) => json!({ "ok": value }),
        Err(error) => {
            if let Some(Error::Internal(_)) = error.downcast_ref() {
                tracing::error!("an operator's ask failed: {error:#}");
            }
            json!({ "error": format!("{error:#}") })
        }
    };
    write.write_all(format!("{reply}\n").as_bytes()).await?;
    Ok(())
}

/// Asks the server that owns `data`; `None` when none runs.
///
/// # Errors
/// If the server hangs up or answers something else than an answer, and with the reason of what it refuses.
pub fn ask(data: &Path, ask: &Ask) -> anyhow::Result<Option<Value>> {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(data_dir::socket(data)) else {
        return Ok(None);
    };
    stream.write_all(format!("{}\n", serde_json::to_string(ask)?).as_bytes())?;
    let mut text = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text)?;
    let mut reply: Value =
        serde_json::from_str(&text).context("the server's answer cannot be read")?;
    match reply.get("error").and_then(Value::as_str) {
        Some(error) => bail!("{error}"),
        None => Ok(Some(reply["ok"].take())),
    }
}
