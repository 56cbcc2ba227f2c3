//! From starting the server to its ready line, with many running instances.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use serde_json::Value;
use xtask::{Server, Workspace};

use crate::calls::Caller;
use crate::first_message::{release_binary, server};
use crate::form::Form;
use crate::http::Connection;
use crate::load::load;
use crate::stats::{median_of, ms};

/// The product's own range, three brokers each.
const BROKER_PORTS: RangeInclusive<u16> = 20_000..=32_767;
/// How long all the clusters may take to run.
const LIMIT: Duration = Duration::from_secs(300);
/// How often is asked whether they do.
const PAUSE: Duration = Duration::from_millis(100);

/// The options of `bench ready`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Running instances.
    #[arg(
        long,
        default_value_t = 1_000,
        default_value_if("short", IsPresent, "10")
    )]
    instances: usize,
    /// Starts after a stop, and as many after a kill.
    #[arg(long, default_value_t = 5, default_value_if("short", IsPresent, "1"))]
    runs: usize,
    #[command(flatten)]
    form: Form,
    /// The binary to measure; without it the product is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(settings.runs > 0, "at least one run");
    println!("client: none; the clock runs from starting the process to its ready line");
    println!(
        "load:   {} running instances of three brokers, medians of {} starts after a stop and {} after a kill",
        settings.instances, settings.runs, settings.runs
    );
    let binary = release_binary(workspace, settings.binary.as_deref())?;
    let mut server = server(workspace, binary, "ready", Some(BROKER_PORTS))?;
    buy(&server, settings.instances)?;
    let (mut after_stop, mut after_kill) = (Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        server.stop()?;
        after_stop.push(start_again(&mut server)?);
        server.kill()?;
        after_kill.push(start_again(&mut server)?);
    }
    wait_until_running(&server, settings.instances)?;
    server.stop()?;
    let [stop, kill] = [&mut after_stop, &mut after_kill].map(|starts| median_of(starts, Ord::cmp));
    let (stop, kill) = (stop.context("no start")?, kill.context("no start")?);
    Ok(format!(
        "ready_ms={:.0} ready_after_kill_ms={:.0} instances={}",
        ms(stop),
        ms(kill),
        settings.instances
    ))
}

fn start_again(server: &mut Server) -> Result<Duration> {
    let started = Instant::now();
    server.start_again()?;
    Ok(started.elapsed())
}

fn buy(server: &Server, instances: usize) -> Result<()> {
    let caller = Caller::sandbox(server.api());
    let orders = (0..instances)
        .map(|_| caller.ckafka_order())
        .collect::<Result<Vec<Bytes>>>()?;
    let started = Instant::now();
    let made = load(server.api(), &orders, 16, LIMIT)?;
    ensure!(
        made.answers == instances,
        "only {} of {instances} were bought",
        made.answers
    );
    wait_until_running(server, instances)?;
    println!(
        "  {instances} instances bought and running in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn wait_until_running(server: &Server, instances: usize) -> Result<()> {
    let caller = Caller::sandbox(server.api());
    let mut connection = Connection::open(server.api())?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer: Value =
            serde_json::from_slice(connection.exchange(&caller.ckafka_running()?)?)?;
        let running = answer["Response"]["Result"]["TotalCount"].as_u64();
        let running = running.with_context(|| format!("no count in {answer}"))?;
        if usize::try_from(running)? == instances {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{running} of {instances} run");
        std::thread::sleep(PAUSE);
    }
}
