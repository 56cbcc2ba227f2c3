//! From sending a signed purchase to the first acknowledged record.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use serde_json::Value;
use xtask::{Program, Server, ServerSettings, Workspace};

use crate::apache::ApacheKafka;
use crate::calls::Caller;
use crate::form::Form;
use crate::http::Connection;
use crate::kafka::first_acknowledged;
use crate::stats::{median_of, ms, percentile};

/// How long building the product may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2_400);
/// How long a bought cluster may take to acknowledge a record.
const LIMIT: Duration = Duration::from_secs(30);
/// Purchases before the first that is timed: they load code and data.
const WARM_UP: usize = 3;

/// The options of `bench first-message`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Purchases that are timed, one after another; each cluster stays.
    #[arg(long, default_value_t = 200, default_value_if("short", IsPresent, "5"))]
    runs: usize,
    /// Starts of Apache Kafka.
    #[arg(long, default_value_t = 5, default_value_if("short", IsPresent, "1"))]
    apache_runs: usize,
    #[command(flatten)]
    form: Form,
    /// The binary to measure; without it the product is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// How long each part of one purchase took, from its sending.
struct Timing {
    answered: Duration,
    running: Duration,
    acknowledged: Duration,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(
        settings.runs > 0 && settings.apache_runs > 0,
        "at least one run of each"
    );
    println!(
        "client: one kept HTTP/1.1 connection, CreatePostPaidInstance signed with TC3-HMAC-SHA256, then"
    );
    println!(
        "        DescribeInstancesDetail until it runs, ApiVersions, CreateTopics, Metadata, Produce acks=all of one"
    );
    println!("        record, each in the newest version that the cluster knows");
    println!(
        "load:   {} purchases one after another, {WARM_UP} before them untimed; clusters stay",
        settings.runs
    );
    let apache = ApacheKafka::prepare(workspace)?;
    let binary = release_binary(workspace, settings.binary.as_deref())?;
    let mut server = server(workspace, binary, "first-message", None)?;
    let mut timings = purchases(&server, settings.runs)?;
    server.stop()?;

    println!(
        "beside: {} starts of one Apache Kafka 4.4.0 node (copied formatted folder, AppCDS, lean flags),",
        settings.apache_runs
    );
    println!("        the same Kafka client from start to first acknowledged record");
    let mut starts = Vec::new();
    for number in 0..settings.apache_runs {
        let start = apache.start_to_first_acknowledged(number)?;
        println!("  Apache Kafka start {}: {:.0} ms", number + 1, ms(start));
        starts.push(start);
    }
    let apache_median = median_of(&mut starts, Ord::cmp).context("no start")?;
    let (p50, p99) = report(&mut timings);
    println!(
        "  Apache Kafka: median {:.0} ms of {} starts",
        ms(apache_median),
        settings.apache_runs
    );
    let speedup = apache_median.as_secs_f64() / p50.as_secs_f64();
    Ok(format!(
        "speedup={speedup:.1} p50_ms={:.2} p99_ms={:.2} apache_ms={:.0} runs={}",
        ms(p50),
        ms(p99),
        ms(apache_median),
        settings.runs
    ))
}

fn report(timings: &mut [Timing]) -> (Duration, Duration) {
    let shown = |what: &str, of: fn(&Timing) -> Duration| {
        let mut durations: Vec<Duration> = timings.iter().map(of).collect();
        let pair = (
            percentile(&mut durations, 50),
            percentile(&mut durations, 99),
        );
        println!(
            "  {what}: p50 {:.2} ms, p99 {:.2} ms",
            ms(pair.0),
            ms(pair.1)
        );
        pair
    };
    shown("order answered", |timing| timing.answered);
    shown("seen running", |timing| timing.running);
    shown("first record acknowledged", |timing| timing.acknowledged)
}

/// The binary that was given, or the product built as users run it.
pub(crate) fn release_binary(workspace: &Workspace, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(binary) = given {
        return Ok(binary.to_path_buf());
    }
    Program::new("cargo", BUILD_LIMIT, workspace.log("build-release")?)
        .args(["build", "--quiet", "--release", "--package", "brokerage"])
        .folder(workspace.root())
        .succeed()?;
    Ok(workspace.target().join("release/brokerage"))
}

/// Starts a server with the vendors' rate limits off on a fresh data directory.
pub(crate) fn server(
    workspace: &Workspace,
    binary: PathBuf,
    name: &str,
    broker_ports: Option<RangeInclusive<u16>>,
) -> Result<Server> {
    let data = workspace.scratch("data")?.join(format!("bench-{name}"));
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let log = workspace.log(&format!("bench-{name}-server"))?;
    let arguments = ["--rate-limits", "off"].map(Into::into).into();
    Server::start(ServerSettings {
        binary,
        data,
        log,
        broker_ports,
        arguments,
    })
}

fn purchases(server: &Server, runs: usize) -> Result<Vec<Timing>> {
    let caller = Caller::sandbox(server.api());
    let mut connection = Connection::open(server.api())?;
    let mut timings = Vec::with_capacity(runs);
    for number in 0..WARM_UP + runs {
        let timing = purchase(&caller, &mut connection, number)?;
        if number >= WARM_UP {
            timings.push(timing);
        }
    }
    Ok(timings)
}

fn purchase(caller: &Caller, connection: &mut Connection, number: usize) -> Result<Timing> {
    let started = Instant::now();
    let answer: Value = serde_json::from_slice(connection.exchange(&caller.ckafka_order()?)?)?;
    let instance_id = answer["Response"]["Result"]["Data"]["InstanceId"].as_str();
    let instance_id = instance_id
        .with_context(|| format!("no instance in {answer}"))?
        .to_owned();
    let answered = started.elapsed();
    let bootstrap = loop {
        let answer: Value =
            serde_json::from_slice(connection.exchange(&caller.ckafka_detail(&instance_id)?)?)?;
        let row = &answer["Response"]["Result"]["InstanceList"][0];
        if row["Status"] == 1 {
            let (host, port) = (row["Vip"].as_str(), row["Vport"].as_str());
            break format!("{}:{}", host.context("no Vip")?, port.context("no Vport")?);
        }
        ensure!(
            started.elapsed() < LIMIT,
            "{instance_id} does not run: {row}"
        );
        std::thread::sleep(Duration::from_millis(1));
    };
    let running = started.elapsed();
    first_acknowledged(&bootstrap, &format!("first-{number}"))?;
    Ok(Timing {
        answered,
        running,
        acknowledged: started.elapsed(),
    })
}
