//! Durable orders a second, what CPU each costs, and instances listed a second.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
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
use crate::load::{Measured, load};
use crate::moto::Moto;
use crate::order_cost::order_cost;
use crate::stats::{median_of, ms};

/// A load: connections at once, and the share of the requests that it gets.
struct Load {
    connections: usize,
    share: usize,
}

/// The last is the one that the result is about.
const LOADS: [Load; 3] = [
    Load {
        connections: 1,
        share: 8,
    },
    Load {
        connections: 16,
        share: 1,
    },
    Load {
        connections: 64,
        share: 1,
    },
];
/// How long one run may take.
pub(crate) const RUN_LIMIT: Duration = Duration::from_secs(120);
/// An instance reserves a port for each of its three brokers when it is ordered, and none of these is started.
const BROKER_PORTS: RangeInclusive<u16> = 1_024..=65_535;
/// Instances that fit into these ports.
const INSTANCES_MAX: usize = 21_500;

/// The options of `bench orders`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Orders of one run; with one connection an eighth.
    #[arg(
        long,
        default_value_t = 20_000,
        default_value_if("short", IsPresent, "800")
    )]
    orders: usize,
    /// Requests before those that are timed.
    #[arg(
        long,
        default_value_t = 500,
        default_value_if("short", IsPresent, "20")
    )]
    warm_up: usize,
    /// Runs of each load, each on a fresh server; the median counts.
    #[arg(long, default_value_t = 5, default_value_if("short", IsPresent, "1"))]
    runs: usize,
    /// Instances to list.
    #[arg(
        long,
        default_value_t = 10_000,
        default_value_if("short", IsPresent, "200")
    )]
    instances: usize,
    /// Lists of all instances.
    #[arg(long, default_value_t = 10, default_value_if("short", IsPresent, "3"))]
    lists: usize,
    /// Seconds of one run of the slower side; it then ends with what was answered.
    #[arg(long, default_value_t = 5, default_value_if("short", IsPresent, "1"))]
    moto_seconds: u64,
    #[command(flatten)]
    form: Form,
    /// The binary to measure; without it the product is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(
        settings.runs > 0 && settings.lists > 0,
        "at least one run of each"
    );
    let room = INSTANCES_MAX.saturating_sub(settings.warm_up);
    ensure!(
        settings.orders <= room && settings.instances <= room,
        "there are ports for {room} instances"
    );
    println!(
        "client: requests signed beforehand with ACS3-HMAC-SHA256, one nonce each, kept HTTP/1.1 connections,"
    );
    println!("        one thread; every answer has to have status 200");
    println!(
        "load:   CreatePostPayOrder of the vendor's page, rate limits off, {} orders a run (1 connection: {}), \
         median of {} runs, each on a fresh server",
        settings.orders,
        settings.orders / LOADS[0].share,
        settings.runs
    );
    let binary = release_binary(workspace, settings.binary.as_deref())?;
    let orders = orders(workspace, &binary, settings)?;
    let cost = order_cost(workspace, &binary, settings.warm_up, settings.orders)?;
    let list_per_s = list(workspace, &binary, settings)?;
    let moto = moto(workspace, settings)?;
    let ratio = orders.per_second / moto.per_second;
    Ok(format!(
        "ratio_c64={ratio:.1} orders_per_s_c64={:.0} p99_ms_c64={:.2} list_per_s={list_per_s:.0} moto_per_s_c64={:.0} {}",
        orders.per_second,
        ms(orders.p99),
        moto.per_second,
        cost.result()
    ))
}

/// The run with the median rate, of each load; prints each and returns the last.
fn medians(
    what: &str,
    runs: usize,
    mut run: impl FnMut(&Load) -> Result<Measured>,
) -> Result<Measured> {
    let mut last = None;
    for load in &LOADS {
        let mut measured = (0..runs).map(|_| run(load)).collect::<Result<Vec<_>>>()?;
        measured.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let median = measured.swap_remove((measured.len() - 1) / 2);
        println!(
            "  {:>2} connections: {:>7.0} {what} a second, p99 {:.2} ms ({} answers)",
            load.connections,
            median.per_second,
            ms(median.p99),
            median.answers
        );
        last = Some(median);
    }
    last.context("no load")
}

pub(crate) fn fresh_server(workspace: &Workspace, binary: &Path) -> Result<Server> {
    server(
        workspace,
        binary.to_path_buf(),
        "orders",
        Some(BROKER_PORTS),
    )
}

fn signed_orders(caller: &Caller, count: usize) -> Result<Vec<Bytes>> {
    (0..count).map(|_| caller.alikafka_order()).collect()
}

fn orders(workspace: &Workspace, binary: &Path, settings: &Settings) -> Result<Measured> {
    medians("orders", settings.runs, |Load { connections, share }| {
        let mut server = fresh_server(workspace, binary)?;
        let caller = Caller::sandbox(server.api());
        load(
            server.api(),
            &signed_orders(&caller, settings.warm_up)?,
            *connections,
            RUN_LIMIT,
        )?;
        let requests = signed_orders(&caller, settings.orders / share)?;
        let measured = load(server.api(), &requests, *connections, RUN_LIMIT)?;
        server.stop()?;
        Ok(measured)
    })
}

/// Instances a second that GetInstanceList tells of, with so many instances.
fn list(workspace: &Workspace, binary: &Path, settings: &Settings) -> Result<f64> {
    let mut server = fresh_server(workspace, binary)?;
    let caller = Caller::sandbox(server.api());
    let made = load(
        server.api(),
        &signed_orders(&caller, settings.instances)?,
        16,
        RUN_LIMIT,
    )?;
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
        "beside: moto's create_cluster (nothing durable, nothing started), the same generator, {} s a run, median of {}",
        settings.moto_seconds, settings.runs
    );
    let limit = Duration::from_secs(settings.moto_seconds);
    medians("clusters", settings.runs, |Load { connections, .. }| {
        // A fresh one for each run here as well: it slows down with what it keeps.
        let moto = Moto::start(workspace)?;
        load(
            moto.address(),
            &moto.create_cluster(settings.warm_up),
            *connections,
            limit,
        )?;
        load(
            moto.address(),
            &moto.create_cluster(settings.orders),
            *connections,
            limit,
        )
    })
}
