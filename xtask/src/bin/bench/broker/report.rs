//! The table, and the ratios between the two servers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Phase;
use super::cell::Cell;
use crate::stats::{median_of, ms};

/// How the servers are called.
pub(super) const OWN: &str = "embedded";
pub(super) const APACHE: &str = "apache";
/// From this share of the CPU time that it can get, the client is the bottleneck.
const CLIENT_SHARE_MAX: f64 = 0.85;
/// From this share of all CPU time, the machine is.
const MACHINE_SHARE_MAX: f64 = 0.85;

/// What one cell came to on one server, once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) produced: Phase,
    pub(super) consumed: Phase,
    pub(super) ack_p50: Duration,
    pub(super) ack_p99: Duration,
    pub(super) paced_p50: Duration,
    pub(super) paced_p99: Duration,
    pub(super) end_to_end_p50: Duration,
    pub(super) end_to_end_p99: Duration,
    pub(super) peak_memory_bytes: u64,
}

/// All figures.
#[derive(Debug, Default)]
pub(super) struct Report(BTreeMap<Cell, BTreeMap<&'static str, Vec<Figures>>>);

/// The median over the rounds.
fn over_rounds(rounds: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    median_of(&mut values, f64::total_cmp).unwrap_or(f64::NAN)
}

/// CPU seconds of the server for one GiB produced and consumed once.
fn cpu_per_gib(figures: &Figures) -> f64 {
    figures.produced.cpu_per_gib() + figures.consumed.cpu_per_gib()
}

/// What held a phase up, besides the server: `c` the client, `m` the machine.
fn limit(phase: &Phase, clients: usize) -> &'static str {
    if phase.client_share(clients) >= CLIENT_SHARE_MAX {
        "c"
    } else if phase.machine_share() >= MACHINE_SHARE_MAX {
        "m"
    } else {
        " "
    }
}

impl Report {
    pub(super) fn add(&mut self, cell: Cell, server: &'static str, figures: Figures) {
        self.0
            .entry(cell)
            .or_default()
            .entry(server)
            .or_default()
            .push(figures);
    }

    pub(super) fn print(&self) {
        println!(
            "{:<26} {:<8} | {:>6} {:>9} {:>6} {:>6} {:>5}  | {:>6} {:>5}  | {:>6} {:>6} {:>6} {:>6} | {:>5}",
            "cell",
            "server",
            "in",
            "records",
            "p50",
            "p99",
            "cpu",
            "out",
            "cpu",
            "p50",
            "p99",
            "p50",
            "p99",
            "mem"
        );
        println!(
            "{:<26} {:<8} | {:>6} {:>9} {:>6} {:>6} {:>5}  | {:>6} {:>5}  | {:>13} {:>13} | {:>5}",
            "",
            "",
            "MiB/s",
            "/s",
            "ms",
            "ms",
            "s/GiB",
            "MiB/s",
            "s/GiB",
            "paced ack ms",
            "end-to-end ms",
            "MiB"
        );
        for (cell, servers) in &self.0 {
            for (server, rounds) in servers {
                print_row(cell, server, rounds);
            }
        }
        println!();
        println!(
            "c: the client was the bottleneck, m: client and server together used the whole machine; otherwise it waited for"
        );
        println!(
            "the disk or for itself. Paced and end-to-end times are from when a request was due. {OWN} before {APACHE}: {OWN} is measured."
        );
    }

    /// The median over the cells of the embedded broker's figure divided by Apache Kafka's.
    fn ratio(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        let mut ratios: Vec<f64> = self
            .0
            .values()
            .filter_map(|servers| {
                let (own, apache) = (servers.get(OWN)?, servers.get(APACHE)?);
                Some(over_rounds(own, &of) / over_rounds(apache, &of))
            })
            .collect();
        median_of(&mut ratios, f64::total_cmp).unwrap_or(f64::NAN)
    }

    pub(super) fn result(&self) -> String {
        let latency = |of: fn(&Figures) -> Duration| self.ratio(move |figures| ms(of(figures)));
        println!(
            "medians over {} cells of {OWN} / {APACHE}: p50 {:.2}, paced p50 {:.2}, paced p99 {:.2}, end-to-end p50 {:.2}, \
             end-to-end p99 {:.2}, cpu in {:.2}, cpu out {:.2}, peak memory {:.3}",
            self.0.len(),
            latency(|figures| figures.ack_p50),
            latency(|figures| figures.paced_p50),
            latency(|figures| figures.paced_p99),
            latency(|figures| figures.end_to_end_p50),
            latency(|figures| figures.end_to_end_p99),
            self.ratio(|figures| figures.produced.cpu_per_gib()),
            self.ratio(|figures| figures.consumed.cpu_per_gib()),
            self.ratio(|figures| figures.peak_memory_bytes as f64),
        );
        format!(
            "produce_ratio={:.2} consume_ratio={:.2} p99_ratio={:.2} cpu_per_gib_ratio={:.2}",
            self.ratio(|figures| figures.produced.mib_per_second()),
            self.ratio(|figures| figures.consumed.mib_per_second()),
            latency(|figures| figures.ack_p99),
            self.ratio(cpu_per_gib),
        )
    }
}

fn print_row(cell: &Cell, server: &str, rounds: &[Figures]) {
    let median = |of: fn(&Figures) -> f64| over_rounds(rounds, of);
    let limits = |of: fn(&Figures) -> Phase| {
        rounds
            .first()
            .map_or(" ", |figures| limit(&of(figures), cell.clients))
    };
    println!(
        "{:<26} {server:<8} | {:>6.0} {:>9.0} {:>6.2} {:>6.2} {:>5.2} {}| {:>6.0} {:>5.2} {}| {:>6.2} {:>6.2} {:>6.2} {:>6.2} | {:>5.0}",
        cell.to_string(),
        median(|figures| figures.produced.mib_per_second()),
        median(|figures| figures.produced.records_per_second()),
        median(|figures| ms(figures.ack_p50)),
        median(|figures| ms(figures.ack_p99)),
        median(|figures| figures.produced.cpu_per_gib()),
        limits(|figures| figures.produced),
        median(|figures| figures.consumed.mib_per_second()),
        median(|figures| figures.consumed.cpu_per_gib()),
        limits(|figures| figures.consumed),
        median(|figures| ms(figures.paced_p50)),
        median(|figures| ms(figures.paced_p99)),
        median(|figures| ms(figures.end_to_end_p50)),
        median(|figures| ms(figures.end_to_end_p99)),
        median(|figures| figures.peak_memory_bytes as f64 / f64::from(1 << 20)),
    );
}
