//! How exactly bought bandwidth is held: hungry clients of one instance, and a neighbour in the same process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use xtask::Workspace;

use crate::form::Form;
use crate::instances::{Client, Instances, fresh_data, latencies, program, raise_descriptors};
use crate::kafka::batch;
use crate::stats::{median_of, ms, percentile};

/// Records of one request of a hungry producer, and what a hungry consumer asks for.
const REQUEST_BYTES: usize = 512 << 10;

/// The options of `bench limits`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Bandwidth bought, MB (2^20 bytes) a second in each direction.
    #[arg(long, default_value_t = 20)]
    bandwidth: u64,
    /// Clients that take what they get.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// How long they do.
    #[arg(long, default_value_t = 10, default_value_if("short", IsPresent, "2"))]
    seconds: u64,
    /// Runs in each direction.
    #[arg(long, default_value_t = 3, default_value_if("short", IsPresent, "1"))]
    runs: usize,
    /// MiB that are there to be fetched.
    #[arg(long, default_value_t = 64, default_value_if("short", IsPresent, "8"))]
    filled: usize,
    #[command(flatten)]
    form: Form,
    /// The binary to measure; without it the broker's example is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    In,
    Out,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(settings.runs > 0, "at least one run");
    println!(
        "client: connections of this program, {} KiB a request, one request in flight each",
        REQUEST_BYTES >> 10
    );
    println!(
        "load:   {} hungry clients for {} s on {} MB/s, medians of {} runs; the neighbour has a record of 1 KiB acknowledged at a time, before and meanwhile",
        settings.clients, settings.seconds, settings.bandwidth, settings.runs
    );
    raise_descriptors()?;
    let program = program(workspace, settings.binary.as_deref())?;
    let data = fresh_data(workspace, "limits")?;
    let unlimited = Instances::start(&program, &data, 2, &[])?;
    fill(unlimited.addresses[0], settings.filled << 20)?;
    unlimited.stop()?;
    let rate = settings.bandwidth << 20;
    let options = [format!("ingress={rate}"), format!("egress={rate}")];
    let instances = Instances::start(&program, &data, 2, &options)?;
    let (mut ins, mut outs, mut neighbours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        for direction in [Direction::In, Direction::Out] {
            let run = hungry(&instances.addresses, direction, settings)?;
            let ratio = run.bytes as f64 / (rate * settings.seconds) as f64;
            println!(
                "  {direction:?}: {:.1} MiB, {ratio:.4} of what was bought; neighbour's p99 {:.3} ms, {:.3} ms before",
                run.bytes as f64 / f64::from(1 << 20),
                ms(run.meanwhile),
                ms(run.before)
            );
            neighbours.push(run.meanwhile.as_secs_f64() / run.before.as_secs_f64());
            match direction {
                Direction::In => ins.push(ratio),
                Direction::Out => outs.push(ratio),
            }
        }
    }
    instances.stop()?;
    let [ins, outs, neighbours] = [&mut ins, &mut outs, &mut neighbours]
        .map(|ratios| median_of(ratios, f64::total_cmp).unwrap_or_default());
    Ok(format!(
        "ingress_ratio={ins:.3} egress_ratio={outs:.3} neighbour_p99_ratio={neighbours:.2}"
    ))
}

fn fill(address: SocketAddr, bytes: usize) -> Result<()> {
    let mut client = Client::connect(address)?;
    let records = batch(REQUEST_BYTES)?;
    for _ in 0..bytes / REQUEST_BYTES {
        client.produce(0, &records)?;
    }
    Ok(())
}

struct Run {
    /// What the hungry clients sent or got.
    bytes: u64,
    /// The neighbour's 99th percentile before and meanwhile.
    before: Duration,
    meanwhile: Duration,
}

fn hungry(addresses: &[SocketAddr], direction: Direction, settings: &Settings) -> Result<Run> {
    let [limited, neighbour] = addresses else {
        return Err(anyhow!("two instances are needed"));
    };
    let time = Duration::from_secs(settings.seconds);
    let mut before = latencies(*neighbour, time / 3)?;
    // What was owed or saved up is gone: the bucket is full, as after any pause.
    let mut meanwhile = Vec::new();
    let bytes = std::thread::scope(|scope| -> Result<u64> {
        let clients: Vec<_> = (0..settings.clients)
            .map(|_| scope.spawn(|| eat(*limited, direction, time)))
            .collect();
        meanwhile = latencies(*neighbour, time)?;
        let mut bytes = 0;
        for client in clients {
            bytes += client.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        Ok(bytes)
    })?;
    Ok(Run {
        bytes,
        before: percentile(&mut before, 99),
        meanwhile: percentile(&mut meanwhile, 99),
    })
}

/// Sends or fetches as fast as it may; returns the bytes of records that were answered for in time.
fn eat(address: SocketAddr, direction: Direction, time: Duration) -> Result<u64> {
    let mut client = Client::connect(address)?;
    let records: Bytes = batch(REQUEST_BYTES)?;
    let started = Instant::now();
    let mut bytes = 0;
    loop {
        let moved = match direction {
            Direction::In => {
                client.produce(1, &records)?;
                records.len()
            }
            Direction::Out => client.fetch(0, 0, i32::try_from(REQUEST_BYTES + 1_024)?)?,
        };
        if started.elapsed() >= time {
            return Ok(bytes);
        }
        ensure!(moved > 0, "nothing was fetched");
        bytes += u64::try_from(moved).context("too much")?;
    }
}
