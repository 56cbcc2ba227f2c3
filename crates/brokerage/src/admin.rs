//! The operator's door: one JSON line in, one JSON line out, over a socket in the data directory that only the
//! directory's owner can open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use brokerage_control::Control;
use brokerage_control::background::{Task, TaskStatus};
use brokerage_control::watch::Watch;
use brokerage_domain::Error;
use brokerage_domain::id::{AccountId, InstanceId};
use brokerage_wire::client::Pairs;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::data_dir::{self, Socket};

mod account;
mod audit;
mod instance;
mod key;
mod network;
mod order;
mod topic;
mod user;

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

/// Longest wait for a server that is starting, and the pause between two looks.
const START_LIMIT: Duration = Duration::from_secs(15);
const START_PAUSE: Duration = Duration::from_millis(20);

/// What an operator may ask of a server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    AccountCreate {
        name: String,
        balance: Option<String>,
    },
    AccountList,
    AccountShow {
        account: String,
    },
    KeyCreate {
        account: String,
        id: Option<String>,
        /// The text of a document as the clouds have it.
        policy: Option<String>,
    },
    KeyList {
        account: Option<String>,
    },
    KeyRotate {
        id: String,
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
    NetworkList {
        account: Option<String>,
    },
    SubnetCreate {
        account: String,
        subnet: NetworkAsk,
        network_id: String,
        zone: String,
    },
    Instances {
        account: Option<String>,
    },
    InstanceShow {
        instance: String,
    },
    InstanceRelease {
        instance: String,
    },
    InstanceRename {
        instance: String,
        name: String,
    },
    TopicCreate {
        instance: String,
        topic: TopicAsk,
    },
    TopicList {
        instance: String,
    },
    TopicDelete {
        instance: String,
        name: String,
    },
    GroupList {
        instance: String,
    },
    GroupShow {
        instance: String,
        name: String,
    },
    OrderList {
        account: Option<String>,
        last: u32,
    },
    OrderShow {
        id: String,
    },
    Price(PriceAsk),
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
    LedgerAccept {
        account: Option<String>,
    },
    AuditList {
        account: Option<String>,
        last: u32,
    },
    AuditVerify,
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

/// A topic to make; what is not said is Kafka's default for the instance.
#[derive(Debug, Serialize, Deserialize)]
pub struct TopicAsk {
    pub name: String,
    pub partitions: Option<i32>,
    pub replication_factor: Option<i16>,
    pub configs: BTreeMap<String, String>,
}

/// A purchase whose price is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct PriceAsk {
    pub dialect: String,
    pub region: Option<String>,
    pub set: Pairs,
}

/// Where a server can be reached.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reached {
    /// Addresses of the API.
    pub api: Vec<String>,
    /// Addresses of the API that speak TLS.
    pub api_tls: Vec<String>,
    /// The certificate of the own authority, which clients of TLS listeners have to trust.
    pub ca: Option<PathBuf>,
}

/// Answers one ask.
///
/// # Errors
/// Whatever control refuses, and amounts, currencies, policies and addresses that cannot be read.
pub async fn answer(control: &Arc<Control>, reached: &Reached, ask: Ask) -> anyhow::Result<Value> {
    match ask {
        Ask::AccountCreate { name, balance } => {
            account::create(control, &name, balance.as_deref()).await
        }
        Ask::AccountList => account::list(control).await,
        Ask::AccountShow { account } => account::show(control, &account).await,
        Ask::TopUp {
            account,
            amount,
            currency,
            reference,
        } => account::top_up(control, &account, (&amount, &currency), &reference).await,
        Ask::KeyCreate {
            account,
            id,
            policy,
        } => key::create(control, &account, id, policy).await,
        Ask::KeyList { account } => key::list(control, account).await,
        Ask::KeyRotate { id } => key::rotate(control, &id).await,
        Ask::KeySetActive { id, active } => key::set_active(control, &id, active).await,
        Ask::NetworkCreate { account, network } => {
            network::create(control, &account, network).await
        }
        Ask::NetworkList { account } => network::list(control, account).await,
        Ask::SubnetCreate {
            account,
            subnet,
            network_id,
            zone,
        } => network::subnet_create(control, &account, subnet, (network_id, zone)).await,
        Ask::OrderList { account, last } => order::list(control, account, last).await,
        Ask::OrderShow { id } => order::show(control, &id).await,
        Ask::Price(price) => order::price(control, price).await,
        Ask::OrphanList => orphan_list(control).await,
        Ask::OrphanDelete { cluster } => {
            let id = InstanceId::new(cluster);
            control.orphan_delete(&id).await?;
            Ok(json!({ "cluster": id.as_str(), "deleted": true }))
        }
        Ask::LedgerCheck => ledger_check(control).await,
        Ask::LedgerAccept { account } => ledger_accept(control, account).await,
        Ask::AuditList { account, last } => audit::list(control, account, last).await,
        Ask::AuditVerify => audit::verify(control).await,
        Ask::Requests { last } => Ok(serde_json::to_value(control.requests().last(last))?),
        Ask::Tasks => Ok(tasks(control)),
        Ask::Addresses => Ok(serde_json::to_value(reached)?),
        of_instance => answer_of_instance(control, of_instance).await,
    }
}

/// Answers what is asked of instances and of their Kafka.
async fn answer_of_instance(control: &Arc<Control>, ask: Ask) -> anyhow::Result<Value> {
    match ask {
        Ask::Instances { account } => instance::list(control, account).await,
        Ask::InstanceShow { instance } => instance::show(control, &instance).await,
        Ask::InstanceRelease { instance } => instance::release(control, &instance).await,
        Ask::InstanceRename { instance, name } => instance::rename(control, &instance, name).await,
        Ask::TopicCreate { instance, topic } => topic::create(control, &instance, topic).await,
        Ask::TopicList { instance } => topic::list(control, &instance).await,
        Ask::TopicDelete { instance, name } => topic::delete(control, &instance, &name).await,
        Ask::GroupList { instance } => topic::group_list(control, &instance).await,
        Ask::GroupShow { instance, name } => topic::group_show(control, &instance, &name).await,
        Ask::UserPut {
            instance,
            name,
            password,
            is_super,
        } => user::put(control, &instance, (name, password), is_super).await,
        Ask::UserDelete { instance, name } => user::delete(control, &instance, &name).await,
        Ask::UserList { instance } => user::list(control, &instance).await,
        Ask::BrokerStop { instance, broker } => {
            let id = control.instance_find(&instance).await?.id;
            control.broker_stop(&id, broker).await?;
            Ok(json!({ "instance_id": id.as_str(), "broker": broker, "running": false }))
        }
        Ask::BrokerStart { instance, broker } => {
            let id = control.instance_find(&instance).await?.id;
            control.broker_start(&id, broker).await?;
            Ok(json!({ "instance_id": id.as_str(), "broker": broker, "running": true }))
        }
        other => bail!("{other:?} is not about an instance"),
    }
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
    Ok(json!({
        "transfers": report.transfers,
        "lines": report.lines,
        "digested": report.digested,
        "findings": findings,
    }))
}

async fn ledger_accept(control: &Control, named: Option<String>) -> anyhow::Result<Value> {
    // A damaged row of the account itself cannot be read: its id is taken as it is.
    let account = match &named {
        None => None,
        Some(named) => match control.account_view(named).await {
            Ok(account) => Some(account.id),
            Err(_) => Some(AccountId::new(named.as_str())),
        },
    };
    control.books_accept(account.as_ref()).await?;
    Ok(json!({ "account_id": account.as_ref().map(AccountId::as_str), "accepted": true }))
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
    reached: Reached,
    data: &Path,
    stop: CancellationToken,
    watch: &Watch,
) -> anyhow::Result<TaskTracker> {
    let socket = Socket::of(data).with_context(|| data.display().to_string())?;
    let path = socket.path().to_owned();
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
            let (control, reached) = (control.clone(), reached.clone());
            of_connections.spawn(async move {
                let _permit = permit;
                match tokio::time::timeout(ASK_TIMEOUT, converse(&control, &reached, stream)).await
                {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!("an operator's connection ended: {error:#}"),
                    Err(_) => tracing::debug!("an operator's connection took too long"),
                }
            });
        }
        drop(std::fs::remove_file(socket.path()));
    });
    tasks.close();
    Ok(tasks)
}

fn owner_only(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("{} cannot be closed to others", path.display()))
}

async fn converse(
    control: &Arc<Control>,
    reached: &Reached,
    stream: UnixStream,
) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(REQUEST_BYTES_MAX));
    tokio::time::timeout(LINE_TIMEOUT, reader.read_line(&mut line)).await??;
    let answered = match serde_json::from_str(&line) {
        Ok(ask) => answer(control, reached, ask).await,
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

/// Reaches the server that owns `data`; `None` when none does. One that has the directory and no socket is starting, or
/// is about to end: what it does is waited for.
fn connect(data: &Path) -> anyhow::Result<Option<std::os::unix::net::UnixStream>> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        // Until it has made its directory, there is no place for a socket.
        if let Ok(socket) = Socket::of(data)
            && let Some(stream) = socket.connect()?
        {
            return Ok(Some(stream));
        }
        if !data_dir::is_owned(data) {
            return Ok(None);
        }
        ensure!(
            Instant::now() < deadline,
            "data: the server on {} is starting and does not answer yet; try again",
            data.display()
        );
        std::thread::sleep(START_PAUSE);
    }
}

/// Asks the server that owns `data`; `None` when none runs.
///
/// # Errors
/// If the server is starting for long, hangs up or answers something else than an answer, and with the reason of what it
/// refuses.
pub fn ask(data: &Path, ask: &Ask) -> anyhow::Result<Option<Value>> {
    use std::io::{Read, Write};
    let Some(mut stream) = connect(data)? else {
        return Ok(None);
    };
    let line = format!("{}\n", serde_json::to_string(ask)?);
    ensure!(
        line.len() as u64 <= REQUEST_BYTES_MAX,
        "what is asked is longer than {REQUEST_BYTES_MAX} bytes"
    );
    stream.write_all(line.as_bytes())?;
    let mut text = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text)?;
    let mut reply: Value =
        serde_json::from_str(&text).context("the server's answer cannot be read")?;
    match reply.get("error").and_then(Value::as_str) {
        Some(error) => bail!("{error}"),
        None => Ok(Some(reply["ok"].take())),
    }
}
