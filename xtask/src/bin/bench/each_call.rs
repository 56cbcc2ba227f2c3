//! What each operation that is served costs, by its sample in the files of calls: beside another build of the product,
//! or beside the cheapest look of the same service.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use brokerage_testkit::CLOUDS;
use brokerage_testkit::calls::{Door, Operation, PlayFault, Player};
use brokerage_wire::WireRequest;
use brokerage_wire::operation::{Mode, Table};
use brokerage_wire::signing::{Credentials, SigningMoment};
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use serde_json::Value;
use tokio::runtime::Runtime;
use xtask::{Server, Workspace};

use crate::calls::{Caller, bytes_of};
use crate::first_message::{release_binary, server};
use crate::form::Form;
use crate::http::Connection;
use crate::stats::median_of;

/// Between two looks at an instance that is on its way.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// The options of `bench calls`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Calls of each operation that looks; the median counts.
    #[arg(long, default_value_t = 101, default_value_if("short", IsPresent, "3"))]
    looks: usize,
    /// Calls of each operation that changes something, each after what it needs; the median counts.
    #[arg(long, default_value_t = 11, default_value_if("short", IsPresent, "1"))]
    changes: usize,
    #[command(flatten)]
    form: Form,
    /// The binary to measure; without it the product is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Another build of the product, measured in turn.
    #[arg(long, value_name = "FILE")]
    peer_binary: Option<PathBuf>,
}

/// A server behind one connection.
struct Behind {
    caller: Arc<Caller>,
    connection: RefCell<Connection>,
    /// Killed when it is dropped.
    _server: Server,
}

impl Behind {
    fn start(workspace: &Workspace, binary: &Path, name: &str) -> Result<Self> {
        let server = server(workspace, binary.to_path_buf(), name, None)?;
        Ok(Self {
            caller: Caller::sandbox(server.api()),
            connection: RefCell::new(Connection::open(server.api())?),
            _server: server,
        })
    }

    /// How long a server takes for the sample of an operation.
    fn timed(&self, player: &Player<'_, Self>, operation: Operation) -> Result<Duration> {
        let params = player.params(operation.sample())?;
        let request = bytes_of(&player.signed(operation, &params)?);
        let mut connection = self.connection.borrow_mut();
        let started = Instant::now();
        let body = connection.exchange(&request)?;
        let took = started.elapsed();
        let answer: Value = serde_json::from_slice(body)?;
        let refusal = (operation.cloud.client.refusal)(&answer);
        ensure!(refusal.is_none(), "{operation}: {answer}");
        Ok(took)
    }
}

impl Door for Behind {
    const LOOKS_MAX: usize = 6_000;

    fn host(&self) -> &str {
        self.caller.host()
    }

    fn credentials(&self) -> Credentials {
        self.caller.credentials()
    }

    fn moment(&self) -> SigningMoment {
        self.caller.moment()
    }

    async fn send(&self, request: &WireRequest) -> Result<Value, String> {
        let mut connection = self.connection.borrow_mut();
        let body = connection.exchange(&bytes_of(request));
        let body = body.map_err(|error| format!("{error:#}"))?;
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }

    async fn pause(&self) {
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// What was measured of an operation.
struct Measured {
    operation: Operation,
    median: Duration,
    /// None where the peer does not serve it.
    peer: Option<Duration>,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(
        settings.looks > 0 && settings.changes > 0,
        "at least one call"
    );
    println!("client: signed requests, one kept HTTP/1.1 connection");
    println!(
        "load:   the sample of each operation after what it needs, medians of {} calls of what looks and {} of what changes something",
        settings.looks, settings.changes
    );
    let binary = release_binary(workspace, settings.binary.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (mut calls, mut slowest) = (0, 0.0_f64);
    for table in CLOUDS.services() {
        let name = |whose| format!("calls-{whose}-{}", table.dialect);
        let own = Behind::start(workspace, &binary, &name("own"))?;
        let peer = match &settings.peer_binary {
            Some(binary) => Some(Behind::start(workspace, binary, &name("peer"))?),
            None => None,
        };
        let measured = service(&runtime, settings, table, &own, peer.as_ref())?;
        calls += measured.len();
        slowest = slowest.max(told(&measured, peer.is_some())?);
    }
    Ok(format!("calls={calls} slowest_ratio={slowest:.2}"))
}

/// Measures a service: what looks first, so that it looks at little.
fn service(
    runtime: &Runtime,
    settings: &Settings,
    table: &'static Table,
    own: &Behind,
    peer: Option<&Behind>,
) -> Result<Vec<Measured>> {
    let mut operations: Vec<Operation> = Operation::all()
        .filter(|operation| std::ptr::eq(operation.table, table))
        .collect();
    operations.sort_by_key(|operation| operation.row.mode == Mode::Write);
    let mut all = Vec::new();
    for operation in operations {
        let count = match operation.row.mode {
            Mode::Read => settings.looks,
            Mode::Write => settings.changes,
        };
        let mut player = prepared(runtime, own, operation)?;
        let mut beside =
            peer.and_then(|peer| Some((peer, prepared(runtime, peer, operation).ok()?)));
        let (mut times, mut peer_times) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for number in 0..count {
            times.push(once(runtime, own, &mut player, operation, number)?);
            if let Some((peer, player)) = &mut beside {
                let peer = *peer;
                match once(runtime, peer, player, operation, number) {
                    Ok(took) => peer_times.push(took),
                    // It is of a time before the operation.
                    Err(_) if number == 0 => beside = None,
                    Err(error) => return Err(error.context("the peer")),
                }
            }
        }
        all.push(Measured {
            operation,
            median: median_of(&mut times, Ord::cmp).context("no call")?,
            peer: median_of(&mut peer_times, Ord::cmp),
        });
    }
    Ok(all)
}

/// Makes the sample's call once more. What changes something cannot be done again to the same.
fn once<'d>(
    runtime: &Runtime,
    door: &'d Behind,
    player: &mut Player<'d, Behind>,
    operation: Operation,
    number: usize,
) -> Result<Duration> {
    if operation.row.mode == Mode::Write && number > 0 {
        *player = prepared(runtime, door, operation)?;
    }
    door.timed(player, operation)
}

fn prepared<'d>(
    runtime: &Runtime,
    door: &'d Behind,
    operation: Operation,
) -> Result<Player<'d, Behind>, PlayFault> {
    let mut player = Player::new(door);
    runtime.block_on(player.prepare(operation))?;
    Ok(player)
}

/// Prints what was measured; answers the slowest operation's ratio.
fn told(measured: &[Measured], has_peer: bool) -> Result<f64> {
    let looks = measured
        .iter()
        .filter(|measured| measured.operation.row.mode == Mode::Read);
    let cheapest = looks.map(|measured| measured.median).min();
    let cheapest = cheapest.context("a service looks at something")?;
    let mut slowest = 0.0_f64;
    for Measured {
        operation,
        median,
        peer,
    } in measured
    {
        let beside = if has_peer { *peer } else { Some(cheapest) };
        let us = median.as_secs_f64() * 1e6;
        let Some(beside) = beside else {
            println!("  {operation:<46} {us:>8.0} us, the peer has none");
            continue;
        };
        let ratio = median.as_secs_f64() / beside.as_secs_f64();
        println!(
            "  {operation:<46} {us:>8.0} us, {:>8.0} us: {ratio:.2}",
            beside.as_secs_f64() * 1e6
        );
        slowest = slowest.max(ratio);
    }
    Ok(slowest)
}
