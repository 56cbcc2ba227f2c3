//! What idle instances cost: memory, CPU, time to start again, and the latency of a busy one among them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use xtask::Workspace;

use crate::form::Form;
use crate::instances::{Instances, fresh_data, latencies, program, raise_descriptors};
use crate::stats::{median_of, ms, percentile};

/// The options of `bench density`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Numbers of idle instances; the last one is the one of the result.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 5_000, 10_000], default_value_if("short", IsPresent, "10,20"))]
    instances: Vec<usize>,
    /// Instances of three brokers with four listeners each.
    #[arg(
        long,
        default_value_t = 1_000,
        default_value_if("short", IsPresent, "5")
    )]
    large_instances: usize,
    /// Starts again, and turns of the busy client.
    #[arg(long, default_value_t = 5, default_value_if("short", IsPresent, "1"))]
    runs: usize,
    /// Seconds for which idle CPU is counted.
    #[arg(long, default_value_t = 30, default_value_if("short", IsPresent, "1"))]
    idle_seconds: u64,
    /// Seconds before CPU is counted: the first housekeeping is over.
    #[arg(long, default_value_t = 3, default_value_if("short", IsPresent, "1"))]
    settle_seconds: u64,
    /// Seconds of the busy client in each turn.
    #[arg(long, default_value_t = 2, default_value_if("short", IsPresent, "1"))]
    busy_seconds: u64,
    #[command(flatten)]
    form: Form,
    /// The binary to measure; without it the broker's example is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

impl Settings {
    fn settle_time(&self) -> Duration {
        Duration::from_secs(self.settle_seconds)
    }
}

/// What so many idle instances cost.
struct Cost {
    resident_bytes: u64,
    ready: Duration,
}

impl Cost {
    /// Bytes an instance beyond the first.
    fn bytes_per_instance(&self, count: usize, one: &Self) -> u64 {
        let more = self.resident_bytes.saturating_sub(one.resident_bytes);
        more / (count.max(2) as u64 - 1)
    }
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(settings.runs > 0, "at least one run");
    let largest = *settings
        .instances
        .last()
        .context("no number of instances")?;
    println!("client: one connection of this program, a record of 1 KiB at a time, acks=all");
    println!(
        "load:   idle instances of one broker, one plaintext listener, two topics of three partitions; medians of {} runs",
        settings.runs
    );
    raise_descriptors()?;
    let program = program(workspace, settings.binary.as_deref())?;
    let data = |name: &str| fresh_data(workspace, &format!("density-{name}"));
    let alone_data = data("alone")?;
    let one = measure(&program, &alone_data, 1, &[], settings)?;
    let mut cost = None;
    let mut last_data = PathBuf::new();
    for count in &settings.instances {
        last_data = data(&count.to_string())?;
        let measured = measure(&program, &last_data, *count, &[], settings)?;
        println!(
            "  {} bytes an instance",
            measured.bytes_per_instance(*count, &one)
        );
        cost = Some(measured);
    }
    let cost = cost.context("nothing was measured")?;
    let ratio = busy_ratio(&program, [&alone_data, &last_data], largest, settings)?;
    let options = ["brokers=3".to_owned(), "doors=4".to_owned()];
    let large_count = settings.large_instances;
    let large = measure(&program, &data("large")?, large_count, &options, settings)?;
    println!(
        "  {} bytes an instance of three brokers with four listeners each",
        large.bytes_per_instance(large_count, &one)
    );
    Ok(format!(
        "bytes_per_instance={} ready_s_{largest}={:.2} busy_p99_ratio={ratio:.2}",
        cost.bytes_per_instance(largest, &one),
        cost.ready.as_secs_f64()
    ))
}

fn measure(
    program: &Path,
    data: &Path,
    count: usize,
    options: &[String],
    settings: &Settings,
) -> Result<Cost> {
    // The first start makes directories and topics; it is not what is measured.
    Instances::start(program, data, count, options)?.stop()?;
    let mut starts = Vec::new();
    for _ in 1..settings.runs {
        let instances = Instances::start(program, data, count, options)?;
        starts.push((instances.ready, instances.cpu()?));
        instances.stop()?;
    }
    let instances = Instances::start(program, data, count, options)?;
    starts.push((instances.ready, instances.cpu()?));
    std::thread::sleep(settings.settle_time());
    let before = instances.cpu()?;
    std::thread::sleep(Duration::from_secs(settings.idle_seconds));
    let idle = instances.cpu()? - before;
    let resident_bytes = instances.resident_bytes()?;
    instances.stop()?;
    let (ready, cpu) = median_of(&mut starts, Ord::cmp).context("no start")?;
    println!(
        "{count:>6} instances{}: ready after {:.0} ms ({:.0} ms of CPU), {:.2} MiB resident, idle {:.2} % of a core",
        options
            .iter()
            .map(|option| format!(" {option}"))
            .collect::<String>(),
        ms(ready),
        ms(cpu),
        resident_bytes as f64 / f64::from(1 << 20),
        100.0 * idle.as_secs_f64() / settings.idle_seconds as f64
    );
    Ok(Cost {
        resident_bytes,
        ready,
    })
}

/// 99th percentile of a busy instance among many, divided by that of one that is alone. They take turns, and
/// the process whose turn it is not stands still.
fn busy_ratio(
    program: &Path,
    data: [&PathBuf; 2],
    many: usize,
    settings: &Settings,
) -> Result<f64> {
    let alone = Instances::start(program, data[0], 1, &[])?;
    let among = Instances::start(program, data[1], many, &[])?;
    std::thread::sleep(settings.settle_time());
    among.freeze();
    let mut ratios = Vec::new();
    for turn in 0..settings.runs {
        let mut turns = [(&alone, &among), (&among, &alone)];
        // Who begins changes, too.
        turns.rotate_left(turn % 2);
        let mut p99 = [Duration::ZERO; 2];
        for (busy, other) in turns {
            other.freeze();
            busy.thaw();
            let address = *busy.addresses.first().context("no address")?;
            let mut measured = latencies(address, Duration::from_secs(settings.busy_seconds))?;
            let at = usize::from(std::ptr::eq(busy, &among));
            p99[at] = percentile(&mut measured, 99);
        }
        println!(
            "  busy p99: alone {:.3} ms, among {many} {:.3} ms",
            ms(p99[0]),
            ms(p99[1])
        );
        ratios.push(p99[1].as_secs_f64() / p99[0].as_secs_f64());
    }
    alone.thaw();
    among.thaw();
    alone.stop()?;
    among.stop()?;
    median_of(&mut ratios, f64::total_cmp).context("no run")
}
