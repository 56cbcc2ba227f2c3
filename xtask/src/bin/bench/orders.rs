//! Durable orders a second, and instances listed a second.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use clap::Args;
use serde_json::Value;
use xtask::Workspace;

use crate::calls::Caller;
use crate::first_message::{release_binary, server};
use crate::http::Connection;
use crate::load::{Measured, load};
use crate::moto::Moto;
use crate::stats::{median_of, ms};

/// Connections at once; the last is the one that the result is about.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Orders that find out how many can be prepared for a timed run.
const WARM_UP: usize = 500;
/// Requests prepared for one run at most, some 200 MB.
const REQUESTS_MAX: usize = 200_000;

/// The options of `bench orders`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Seconds of each run.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Runs of each load, of which the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Instances to list.
    #[arg(long, default_value_t = 10_000)]
    instances: usize,
    /// Lists of all instances.
    #[arg(long, default_value_t = 10)]
    lists: usize,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    ensure!(
        settings.runs > 0 && settings.lists > 0 && settings.seconds > 0,
        "at least one run of each"
    );
    println!(
        "client: requests signed beforehand with ACS3-HMAC-SHA256, one nonce each, kept HTTP/1.1 connections,"
    );
    println!("        one thread; every answer has to have status 200");
    println!(
        "load:   CreatePostPayOrder of the vendor's page, rate limits off, {} runs of {} s each, median",
        settings.runs, settings.seconds
    );
    let binary = release_binary(workspace)?;
    let orders = orders(workspace, &binary, settings)?;
    let list_per_s = list(workspace, &binary, settings)?;
    let moto = moto(workspace, settings)?;
    let ratio = orders.per_second / moto.per_second;
    Ok(format!(
        "ratio_c64={ratio:.1} orders_per_s_c64={:.0} p99_ms_c64={:.2} list_per_s={list_per_s:.0} moto_per_s_c64={:.0}",
        orders.per_second,
        ms(orders.p99),
        moto.per_second
    ))
}

/// Runs one load so often and takes the run with the median rate.
fn median_load(
    settings: &Settings,
    address: &str,
    connections: usize,
    mut prepare: impl FnMut(usize) -> Result<Vec<Bytes>>,
) -> Result<Measured> {
    let limit = Duration::from_secs(settings.seconds);
    let warm = load(address, &prepare(WARM_UP)?, connections, limit)?;
    let mut rate = warm.per_second;
    let mut runs = Vec::new();
    for _ in 0..settings.runs {
        // Half as many again as the last run would have used, so that a faster one does not run dry.
        let wanted = (rate * settings.seconds as f64 * 1.5) as usize + WARM_UP;
        let measured = load(
            address,
            &prepare(wanted.min(REQUESTS_MAX))?,
            connections,
            limit,
        )?;
        rate = rate.max(measured.per_second);
        runs.push((measured.per_second, measured.p99, measured.answers));
    }
    let (per_second, p99, answers) =
        median_of(&mut runs, |a, b| a.0.total_cmp(&b.0)).context("no run")?;
    Ok(Measured {
        per_second,
        p99,
        answers,
    })
}

fn orders(workspace: &Workspace, binary: &Path, settings: &Settings) -> Result<Measured> {
    let mut server = server(workspace, binary.to_path_buf(), "orders")?;
    let caller = Caller::sandbox(server.api());
    let mut last = None;
    for connections in CONNECTIONS {
        let prepare = |count: usize| (0..count).map(|_| caller.alikafka_order()).collect();
        let measured = median_load(settings, server.api(), connections, prepare)?;
        println!(
            "  {connections:>2} connections: {:>7.0} orders a second, p99 {:.2} ms ({} orders)",
            measured.per_second,
            ms(measured.p99),
            measured.answers
        );
        last = Some(measured);
    }
    server.stop()?;
    last.context("no load")
}

/// Instances a second that GetInstanceList tells of, with so many instances.
fn list(workspace: &Workspace, binary: &Path, settings: &Settings) -> Result<f64> {
    let mut server = server(workspace, binary.to_path_buf(), "list")?;
    let caller = Caller::sandbox(server.api());
    let orders: Vec<Bytes> = (0..settings.instances)
        .map(|_| caller.alikafka_order())
        .collect::<Result<_>>()?;
    let made = load(server.api(), &orders, 16, Duration::from_secs(600))?;
    ensure!(
        made.answers == settings.instances,
        "only {} instances were made",
        made.answers
    );
    let mut connection = Connection::open(server.api())?;
    let mut rates = Vec::new();
    for _ in 0..settings.lists {
        let request = caller.alikafka_list()?;
        let started = Instant::now();
        let answer = connection.exchange(&request)?;
        let seconds = started.elapsed().as_secs_f64();
        let answer: Value = serde_json::from_slice(answer)?;
        let listed = answer["InstanceList"]["InstanceVO"]
            .as_array()
            .map_or(0, Vec::len);
        ensure!(
            listed == settings.instances,
            "{listed} of {} instances were listed",
            settings.instances
        );
        rates.push(listed as f64 / seconds);
    }
    server.stop()?;
    let rate = median_of(&mut rates, f64::total_cmp).context("no list")?;
    println!(
        "  GetInstanceList of {} instances: {rate:.0} instances a second, median of {} lists",
        settings.instances, settings.lists
    );
    Ok(rate)
}

fn moto(workspace: &Workspace, settings: &Settings) -> Result<Measured> {
    println!(
        "beside: moto's create_cluster (nothing durable, nothing started), the same generator"
    );
    let mut last = None;
    for connections in CONNECTIONS {
        // A server of its own for each load: it slows down with what it keeps.
        let moto = Moto::start(workspace)?;
        let prepare = |count| Ok(moto.create_cluster(count));
        let measured = median_load(settings, moto.address(), connections, prepare)?;
        println!(
            "  {connections:>2} connections: {:>7.0} clusters a second, p99 {:.2} ms",
            measured.per_second,
            ms(measured.p99)
        );
        last = Some(measured);
    }
    last.context("no load")
}
