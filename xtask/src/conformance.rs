//! `cargo xtask conformance kafka`: what five Kafka clients ask of a cluster, at every door and replication
//! factor, of the product's broker or of Apache Kafka, which is the oracle.

mod apache;
mod client;
mod cluster;
mod door;
mod restart;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};

use self::apache::ApacheKafka;
use self::client::{CLIENTS, Client, Script, TOOLS};
use self::cluster::{Cluster, Engine};
use self::door::{DOORS, Door};
use crate::counts::Counts;
use crate::program::{Ended, Program};
use crate::steps::{Outcome, Run};
use crate::tools::Install;
use crate::workspace::Workspace;

pub use self::restart::restart_ask;

/// How long building the broker may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2_400);
/// Scripts at once: they wait most of their time.
const JOBS: usize = 3;
/// Records that are written and read back with each codec.
const RECORDS: u32 = 10_000;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// The product's broker.
    Embedded,
    /// Apache Kafka.
    Apache,
}

impl EngineName {
    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Apache => "apache",
        }
    }
}

/// What to ask, of whom. Every list that is empty means all.
#[derive(Debug, Clone, Args)]
pub struct ConformanceSettings {
    /// Who is asked.
    #[arg(long, value_enum, default_value = "embedded")]
    pub engine: EngineName,
    /// confluent-kafka, kafka-python, kafkajs, franz-go, java, or kafka-tools; may repeat.
    #[arg(long, value_name = "NAME")]
    pub client: Vec<String>,
    /// plaintext, ssl, or sasl-plaintext or sasl-ssl with -plain, -scram-256 or -scram-512; may repeat.
    #[arg(long, value_name = "NAME")]
    pub door: Vec<String>,
    /// Replication factor, with as many brokers; may repeat.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    pub rf: Vec<u16>,
    /// Asks with Apache Kafka's command-line tools, too.
    #[arg(long)]
    pub tools: bool,
    /// Scripts that run at once, each against a cluster of its own.
    #[arg(long, default_value_t = JOBS)]
    pub jobs: usize,
    /// Records that are written and read back with each codec.
    #[arg(long, default_value_t = RECORDS)]
    pub records: u32,
}

impl Default for ConformanceSettings {
    fn default() -> Self {
        Self {
            engine: EngineName::Embedded,
            client: Vec::new(),
            door: Vec::new(),
            rf: Vec::new(),
            tools: false,
            jobs: JOBS,
            records: RECORDS,
        }
    }
}

/// Replication factors if none is named.
const REPLICATION_FACTORS: [u16; 2] = [1, 3];

/// What every cell of one run shares.
struct Asking<'r> {
    workspace: &'r Workspace,
    settings: &'r ConformanceSettings,
    engine: Engine,
    /// This program, as it was found when the run began: a build beside the run may replace it.
    this: PathBuf,
}

/// One script at one door.
#[derive(Debug)]
struct Cell<'s> {
    script: &'s Script,
    door: Door,
    replication_factor: u16,
}

impl Cell<'_> {
    fn name(&self, engine: EngineName) -> String {
        format!(
            "{}-{}-{}-rf{}",
            engine.name(),
            self.script.client,
            self.door.name,
            self.replication_factor
        )
    }
}

/// Runs the scripts, prints a line each and the counts of each client, and returns their sum.
///
/// # Errors
/// If a name is unknown, or the engine cannot be had.
pub fn conformance_run(workspace: &Workspace, settings: &ConformanceSettings) -> Result<Counts> {
    let doors = chosen(&settings.door, &DOORS, |door| door.name, "door")?;
    let clients = clients_chosen(settings)?;
    let factors = match settings.rf.as_slice() {
        [] => &REPLICATION_FACTORS,
        named => named,
    };
    let asking = Asking {
        workspace,
        settings,
        engine: match settings.engine {
            EngineName::Embedded => Engine::Embedded(broker_build(workspace)?),
            EngineName::Apache => Engine::Apache(ApacheKafka::prepare(workspace)?),
        },
        this: std::env::current_exe()?,
    };
    let mut sums: BTreeMap<&'static str, Counts> = BTreeMap::new();
    let mut scripts = Vec::new();
    for client in clients {
        match client.script(workspace) {
            Install::Ready(script) => scripts.push(script),
            Install::Missing(reason) => {
                let counts = missing();
                println!("    {}: {counts}: {reason}", client.name);
                sums.insert(client.name, counts);
            }
        }
    }
    let mut cells = VecDeque::new();
    for &replication_factor in factors {
        for &door in &doors {
            for script in &scripts {
                cells.push_back(Cell {
                    script,
                    door,
                    replication_factor,
                });
            }
        }
    }
    for (client, counts) in cells_run(&asking, cells)? {
        *sums.entry(client).or_default() += counts;
    }
    let mut sum = Counts::default();
    for (client, counts) in sums {
        println!("    {client:<16} {counts}");
        sum += counts;
    }
    Ok(sum)
}

/// The clients that are named, else all; the tools only if they are named or asked for.
fn clients_chosen(settings: &ConformanceSettings) -> Result<Vec<Client>> {
    let table = [CLIENTS.as_slice(), &[TOOLS]].concat();
    let mut clients = chosen(&settings.client, &table, |client| client.name, "client")?;
    let tools = settings.tools || settings.client.iter().any(|name| name == TOOLS.name);
    clients.retain(|client| client.name != TOOLS.name);
    if tools {
        clients.push(TOOLS);
    }
    Ok(clients)
}

/// What a script counts that cannot be run here: CI skips nothing.
fn missing() -> Counts {
    if crate::steps::in_ci() {
        Counts::one(false)
    } else {
        Counts {
            skipped: 1,
            ..Counts::default()
        }
    }
}

/// Those of a table that are named, in its order; all of it if none is.
fn chosen<T: Copy>(
    names: &[String],
    table: &[T],
    name_of: impl Fn(&T) -> &'static str,
    what: &str,
) -> Result<Vec<T>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !table.iter().any(|one| name_of(one) == name.as_str()))
    {
        let known: Vec<_> = table.iter().map(name_of).collect();
        bail!("there is no {what} {unknown}, only {}", known.join(", "));
    }
    Ok(table
        .iter()
        .filter(|one| names.is_empty() || names.iter().any(|name| name == name_of(one)))
        .copied()
        .collect())
}

/// Takes cells from the queue, some at once, until none is left.
fn cells_run(
    asking: &Asking<'_>,
    cells: VecDeque<Cell<'_>>,
) -> Result<Vec<(&'static str, Counts)>> {
    let queue = Mutex::new(cells);
    let counted = Mutex::new(Vec::new());
    let work = || {
        loop {
            let cell = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(cell) = cell else { return };
            let counts = cell_run(asking, &cell).unwrap_or_else(|error| {
                println!("    {}: {error:#}", cell.name(asking.settings.engine));
                Counts::one(false)
            });
            counted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((cell.script.client, counts));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..asking.settings.jobs.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        for worker in workers {
            ensure!(worker.join().is_ok(), "a worker panicked");
        }
        Ok(())
    })?;
    Ok(counted.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// One script against a cluster of its own; its data goes when every check passed.
fn cell_run(asking: &Asking<'_>, cell: &Cell<'_>) -> Result<Counts> {
    let name = cell.name(asking.settings.engine);
    let started = Instant::now();
    let folder = asking.workspace.scratch("conformance")?.join(&name);
    let cluster = Cluster::start(
        &asking.engine,
        folder.clone(),
        cell.replication_factor,
        cell.door,
    )?;
    let program = cell.script.program(asking.workspace.log(&name)?);
    let program = cell.door.tell(program, &cluster.authority());
    let bootstrap = cluster.bootstrap(cell.door.protocol);
    let socket = restart::restart_socket();
    let restart_command = restart::restart_command(&asking.this, &socket);
    let cluster = Mutex::new(cluster);
    let locked = || cluster.lock().unwrap_or_else(PoisonError::into_inner);
    let restart = || locked().restart();
    let ended = restart::restart_serve(&socket, restart, || {
        program
            .env("BOOTSTRAP", bootstrap)
            .env("RESTART_CMD", restart_command)
            .env("LOG_DIRS", &folder)
            .env("RECORDS", asking.settings.records.to_string())
            .env("REPLICATION_FACTOR", cell.replication_factor.to_string())
            .run()
    })?;
    locked().stop()?;
    let counts = counts_of(&name, &ended, started.elapsed());
    if counts.failed == 0 {
        fs::remove_dir_all(&folder)?;
    }
    Ok(counts)
}

/// What a script came to: one line, and below it each check that failed or was skipped.
fn counts_of(name: &str, ended: &Ended, took: Duration) -> Counts {
    let (counts, note) = match Counts::of_closing_line(&ended.output) {
        Some(counts) if ended.success == (counts.failed == 0) => (counts, String::new()),
        _ => (
            Counts::one(false),
            format!(": no result, {} ({})", ended.how, ended.log.display()),
        ),
    };
    let mut text = format!("    {name}: {counts} in {:.0} s{note}", took.as_secs_f64());
    for line in ended.output.lines() {
        if line.starts_with("FAIL ") || line.starts_with("SKIP ") {
            text += &format!("\n        {line}");
        }
    }
    println!("{text}");
    counts
}

/// The broker's own program that serves one cluster.
pub(crate) fn broker_build(workspace: &Workspace) -> Result<PathBuf> {
    let log = workspace.log("build-cluster")?;
    Program::new("cargo", BUILD_LIMIT, log)
        .args([
            "build",
            "--quiet",
            "--package",
            "brokerage-broker",
            "--example",
            "cluster",
        ])
        .folder(workspace.root())
        .succeed()?;
    let built = workspace.target().join("debug/examples/cluster");
    // A copy: a build beside this run would replace it between two starts.
    let copy = workspace.scratch("bin")?.join("cluster");
    let _ = fs::remove_file(&copy);
    fs::copy(&built, &copy).with_context(|| format!("copying {}", built.display()))?;
    ensure!(copy.exists(), "no {}", copy.display());
    Ok(copy)
}

/// The step of `cargo xtask test`: Apache Kafka's tools, through the most guarded door.
pub(crate) fn kafka_tools(run: &Run) -> Result<Outcome> {
    let settings = ConformanceSettings {
        client: vec![TOOLS.name.to_owned()],
        door: vec!["sasl-ssl-scram-512".to_owned()],
        rf: vec![3],
        ..ConformanceSettings::default()
    };
    conformance_run(&run.workspace, &settings).map(Outcome::Counted)
}

/// The step of `cargo xtask test`: all clients at replication factor 3, at the plainest door and the most guarded.
pub(crate) fn kafka_conformance(run: &Run) -> Result<Outcome> {
    let settings = ConformanceSettings {
        door: vec!["plaintext".to_owned(), "sasl-ssl-scram-512".to_owned()],
        rf: vec![3],
        ..ConformanceSettings::default()
    };
    conformance_run(&run.workspace, &settings).map(Outcome::Counted)
}

#[cfg(test)]
mod tests {
    use super::{ConformanceSettings, DOORS, chosen, clients_chosen};

    fn check(names: &[&str], expected: Option<&[&str]>) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let found = chosen(&names, &DOORS, |door| door.name, "door").ok();
        let found: Option<Vec<&str>> =
            found.map(|doors| doors.iter().map(|door| door.name).collect());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn doors_are_chosen_by_name_in_the_order_of_the_table() {
        check(&["ssl", "plaintext"], Some(&["plaintext", "ssl"]));
        check(&["ssl", "back"], None);
        let all: Vec<&str> = DOORS.iter().map(|door| door.name).collect();
        check(&[], Some(&all));
    }

    #[test]
    fn the_tools_come_along_when_they_are_asked_for() {
        for (named, tools, expected) in [
            (&[][..], false, 5),
            (&[], true, 6),
            (&["java"], false, 1),
            (&["java"], true, 2),
            (&["kafka-tools"], false, 1),
        ] {
            let settings = ConformanceSettings {
                client: named.iter().map(ToString::to_string).collect(),
                tools,
                ..ConformanceSettings::default()
            };
            let clients = clients_chosen(&settings).expect("the names are known");
            assert_eq!(clients.len(), expected, "{named:?} {tools}");
        }
    }
}
