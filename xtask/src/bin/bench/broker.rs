//! The embedded broker beside one Apache Kafka node, and beside another build of itself: the same cells, the same
//! client, one after the other.

mod batch;
mod cell;
mod consume;
mod produce;
mod report;
mod server;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use xtask::Workspace;

use self::cell::{Cell, Durability, ReadTimes, Times, cells, measure};
use self::report::Report;
use self::server::Served;
use crate::apache::{ApacheKafka, START_SCRIPT};
use crate::form::Form;

/// How long each server is loaded before anything is measured: the JVM compiles what is hot meanwhile.
const WARM_UP: Times = Times {
    produce: Duration::from_secs(8),
    read: Some(ReadTimes {
        consume: Duration::from_secs(3),
        paced: Duration::from_secs(3),
    }),
};
/// What a JVM's compilers and a disk still do after the warm-up is waited for.
const SETTLE: Duration = Duration::from_secs(1);

/// The options of `bench broker`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// How often each cell is measured on each server; medians are shown.
    #[arg(long, default_value_t = 3, default_value_if("short", IsPresent, "1"))]
    rounds: usize,
    /// Only cells whose name holds this text, e.g. `process/1024B/6p/8c/lz4` [default with --short: 1024B/1p/1c]
    #[arg(
        long,
        value_name = "TEXT",
        default_value_if("short", IsPresent, "1024B/1p/1c")
    )]
    only: Option<String>,
    /// Produces as fast as it goes, and nothing else.
    #[arg(long)]
    produce: bool,
    /// Without Apache Kafka.
    #[arg(long)]
    alone: bool,
    /// The broker's `cluster` example; without it, it is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Another build of the same example, which is measured in turn; its figures are what is divided by.
    #[arg(long, value_name = "FILE")]
    peer_binary: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

impl Settings {
    fn times(&self) -> Times {
        let scale = if self.form.short { 4 } else { 1 };
        Times {
            produce: Duration::from_millis(1_500) / scale,
            read: (!self.produce).then_some(ReadTimes {
                consume: Duration::from_millis(1_000) / scale,
                paced: Duration::from_millis(2_000) / scale,
            }),
        }
    }
}

/// What is measured in turn.
struct Programs {
    own: PathBuf,
    peer: Option<PathBuf>,
    apache: Option<ApacheKafka>,
}

impl Programs {
    fn prepare(workspace: &Workspace, settings: &Settings) -> Result<Self> {
        let apache = match settings.alone {
            true => None,
            false => Some(ApacheKafka::prepare(workspace)?),
        };
        Ok(Self {
            own: server::binary(workspace, settings.binary.as_deref())?,
            peer: settings.peer_binary.clone(),
            apache,
        })
    }

    /// Starts each on an empty directory.
    fn serve(&self, workspace: &Workspace, durability: Durability) -> Result<Vec<Served>> {
        let mut servers = vec![Served::own(workspace, &self.own, report::OWN, durability)?];
        if let Some(peer) = &self.peer {
            servers.push(Served::own(workspace, peer, report::PEER, durability)?);
        }
        if let Some(apache) = &self.apache {
            servers.push(Served::apache(apache, durability)?);
        }
        Ok(servers)
    }
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(settings.rounds > 0, "at least one round");
    let chosen: Vec<Cell> = cells()
        .into_iter()
        .filter(|cell| {
            settings
                .only
                .as_ref()
                .is_none_or(|text| cell.to_string().contains(text.as_str()))
        })
        .collect();
    ensure!(!chosen.is_empty(), "no cell has that in its name");
    print_setting(settings);
    let programs = Programs::prepare(workspace, settings)?;
    let mut report = Report::default();
    for durability in [Durability::Process, Durability::Power] {
        let cells: Vec<Cell> = chosen
            .iter()
            .filter(|cell| cell.durability == durability)
            .copied()
            .collect();
        if !cells.is_empty() {
            let servers = programs.serve(workspace, durability)?;
            measure_all(settings, &servers, &cells, &mut report)?;
        }
    }
    report.print();
    Ok(report.result())
}

fn print_setting(settings: &Settings) {
    let times = settings.times();
    println!(
        "server: crates/broker, its `cluster` example (release, unless one is given): one broker without limits"
    );
    if let Some(peer) = &settings.peer_binary {
        println!("beside: the same example as it is in {}", peer.display());
    }
    if !settings.alone {
        println!(
            "beside: one Apache Kafka node (KRaft, default settings), {}",
            START_SCRIPT.join(" ")
        );
    }
    println!(
        "client: this program, a thread a connection, requests prepared beforehand: one batch of at most 16 KiB (the"
    );
    println!(
        "        producer's default) for each partition, acks=all, 5 in flight; consumers fetch every partition, one"
    );
    println!("        request at a time, and look at batch headers only");
    println!("phases: produce {:?} as fast as it goes;", times.produce);
    if let Some(read) = times.read {
        println!(
            "        consume {:?} likewise, then {} batches a second for {:?} (paced);",
            read.consume,
            produce::PACED_PER_SECOND,
            read.paced
        );
    }
    println!(
        "        {} rounds, which server comes first changes each time; medians of the rounds; cores: {}",
        settings.rounds,
        cores()
    );
    println!();
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// Measures cells of one durability: all servers run all the time, so that all are warm, and only one is
/// loaded at a time.
fn measure_all(
    settings: &Settings,
    servers: &[Served],
    cells: &[Cell],
    report: &mut Report,
) -> Result<()> {
    if !settings.form.short {
        for server in servers {
            measure(server, &cells[cells.len() - 1], "warm-up", WARM_UP)?;
            measure(server, &cells[0], "warm-up-first", settings.times())?;
        }
        thread::sleep(SETTLE);
    }
    for round in 0..settings.rounds {
        for (number, cell) in cells.iter().enumerate() {
            let mut order: Vec<&Served> = servers.iter().collect();
            order.rotate_left((round + number) % servers.len());
            for server in order {
                let topic = format!("cell-{round}-{number}");
                let figures = measure(server, cell, &topic, settings.times())?;
                report.add(*cell, server.name(), figures);
            }
        }
    }
    Ok(())
}

/// What one phase cost and brought.
#[derive(Debug, Clone, Copy)]
struct Phase {
    /// Bytes of keys and values.
    payload_bytes: u64,
    records: u64,
    elapsed: Duration,
    /// CPU time of the server.
    server: Duration,
    /// CPU time of the client.
    client: Duration,
}

impl Phase {
    fn mib_per_second(&self) -> f64 {
        self.payload_bytes as f64 / f64::from(1 << 20) / self.elapsed.as_secs_f64()
    }

    fn records_per_second(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64()
    }

    /// CPU seconds of the server for each GiB.
    fn cpu_per_gib(&self) -> f64 {
        self.server.as_secs_f64() / (self.payload_bytes as f64 / f64::from(1 << 30))
    }

    /// The share of what the client could use of the machine that it used.
    fn client_share(&self, threads: usize) -> f64 {
        self.client.as_secs_f64() / self.elapsed.as_secs_f64() / threads.min(cores()) as f64
    }

    /// The share of the machine that client and server used together.
    fn machine_share(&self) -> f64 {
        (self.client + self.server).as_secs_f64() / self.elapsed.as_secs_f64() / cores() as f64
    }
}
