//! The table, and the ratios between the servers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Phase;
use super::cell::Cell;
use crate::stats::{median_of, ms};

/// How the servers are called.
pub(super) const OWN: &str = "embedded";
/// Another build of it.
pub(super) const PEER: &str = "peer";
pub(super) const APACHE: &str = "apache";
/// From this share of the CPU time that it can get, the client is the bottleneck.
const CLIENT_SHARE_MAX: f64 = 0.85;
/// From this share of all CPU time, the machine is.
const MACHINE_SHARE_MAX: f64 = 0.85;

/// What one cell came to on one server, once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) produced: Phase,
    pub(super) ack_p50: Duration,
    pub(super) ack_p99: Duration,
    pub(super) read: Option<ReadFigures>,
    pub(super) peak_memory_bytes: u64,
}

/// What the phases came to in which something was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadFigures {
    pub(super) consumed: Phase,
    pub(super) paced_p50: Duration,
    pub(super) paced_p99: Duration,
    pub(super) end_to_end_p50: Duration,
    pub(super) end_to_end_p99: Duration,
}

/// One of the figures, and what it is called.
type Named = (&'static str, fn(&Figures) -> f64);

impl Figures {
    /// A figure of reading; no number if nothing was read.
    fn read(&self, of: impl Fn(&ReadFigures) -> f64) -> f64 {
        self.read.as_ref().map_or(f64::NAN, of)
    }

    fn consumed(&self, of: impl Fn(&Phase) -> f64) -> f64 {
        self.read(|read| of(&read.consumed))
    }

    /// CPU seconds of the server for one GiB produced and consumed once.
    fn cpu_per_gib(&self) -> f64 {
        self.produced.cpu_per_gib() + self.consumed(Phase::cpu_per_gib)
    }
}

/// All figures.
#[derive(Debug, Default)]
pub(super) struct Report(BTreeMap<Cell, BTreeMap<&'static str, Vec<Figures>>>);

fn median(values: &mut [f64]) -> f64 {
    median_of(values, f64::total_cmp).unwrap_or(f64::NAN)
}

/// The median over the rounds.
fn over_rounds(rounds: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    median(&mut values)
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
            "the disk or for itself. Paced and end-to-end times are from when a request was due."
        );
    }

    /// The figure of the embedded broker divided by that of another server, in each of these cells that both
    /// were measured in.
    fn ratios(
        &self,
        server: &str,
        cells: impl Fn(&Cell) -> bool,
        of: impl Fn(&Figures) -> f64,
    ) -> Vec<f64> {
        let measured = self.0.iter().filter(|(cell, _)| cells(cell));
        measured
            .filter_map(|(_, servers)| {
                let (own, other) = (servers.get(OWN)?, servers.get(server)?);
                Some(over_rounds(own, &of) / over_rounds(other, &of))
            })
            .collect()
    }

    /// The median of these ratios over all cells.
    fn ratio(&self, server: &str, of: impl Fn(&Figures) -> f64) -> f64 {
        median(&mut self.ratios(server, |_| true, of))
    }

    fn has(&self, server: &str) -> bool {
        self.0.values().any(|servers| servers.contains_key(server))
    }

    pub(super) fn result(&self) -> String {
        let mut values = Vec::new();
        if self.has(APACHE) {
            values.extend(self.beside_apache());
        }
        if self.has(PEER) {
            values.extend(self.beside_peer());
        }
        if values.is_empty() {
            values.extend(self.alone());
        }
        // What was not measured has no number.
        values.retain(|(_, value)| value.is_finite());
        let values = values
            .iter()
            .map(|(name, value)| format!("{name}={value:.2}"));
        values.collect::<Vec<_>>().join(" ")
    }

    fn beside_apache(&self) -> Vec<(String, f64)> {
        let ratio = |of: fn(&Figures) -> f64| self.ratio(APACHE, of);
        println!(
            "medians over {} cells of {OWN} / {APACHE}: p50 {:.2}, paced p50 {:.2}, paced p99 {:.2}, end-to-end p50 {:.2}, \
             end-to-end p99 {:.2}, cpu in {:.2}, cpu out {:.2}, peak memory {:.3}",
            self.0.len(),
            ratio(|figures| ms(figures.ack_p50)),
            ratio(|figures| figures.read(|read| ms(read.paced_p50))),
            ratio(|figures| figures.read(|read| ms(read.paced_p99))),
            ratio(|figures| figures.read(|read| ms(read.end_to_end_p50))),
            ratio(|figures| figures.read(|read| ms(read.end_to_end_p99))),
            ratio(|figures| figures.produced.cpu_per_gib()),
            ratio(|figures| figures.consumed(Phase::cpu_per_gib)),
            ratio(|figures| figures.peak_memory_bytes as f64),
        );
        let values: [Named; 4] = [
            ("produce_ratio", |figures| figures.produced.mib_per_second()),
            ("consume_ratio", |figures| {
                figures.consumed(Phase::mib_per_second)
            }),
            ("p99_ratio", |figures| ms(figures.ack_p99)),
            ("cpu_per_gib_ratio", Figures::cpu_per_gib),
        ];
        let values = values.map(|(name, of)| (name.to_owned(), ratio(of)));
        values.into()
    }

    /// Cells of uncompressed and of lz4 batches apart: of the latter a server may have more to do.
    fn beside_peer(&self) -> Vec<(String, f64)> {
        let figures: [Named; 4] = [
            ("produce", |figures| figures.produced.mib_per_second()),
            ("produce_cpu", |figures| figures.produced.cpu_per_gib()),
            ("consume", |figures| figures.consumed(Phase::mib_per_second)),
            ("consume_cpu", |figures| {
                figures.consumed(Phase::cpu_per_gib)
            }),
        ];
        let mut values = Vec::new();
        println!("{OWN} / {PEER}, medians over the cells, and the largest of one cell:");
        for (codec, is_lz4) in [("plain", false), ("lz4", true)] {
            for (name, of) in figures {
                let mut ratios = self.ratios(PEER, |cell| cell.is_lz4 == is_lz4, of);
                ratios.retain(|ratio| ratio.is_finite());
                let largest = ratios.iter().copied().fold(f64::NAN, f64::max);
                let ratio = median(&mut ratios);
                if ratio.is_finite() {
                    println!("  {codec:<5} {name:<11} {ratio:.2}, {largest:.2}");
                }
                values.push((format!("peer_{name}_ratio_{codec}"), ratio));
            }
        }
        values
    }

    /// Medians over the cells, where there is nothing to compare with.
    fn alone(&self) -> Vec<(String, f64)> {
        let figures: [Named; 4] = [
            ("produce_mib_per_s", |figures| {
                figures.produced.mib_per_second()
            }),
            ("produce_cpu_s_per_gib", |figures| {
                figures.produced.cpu_per_gib()
            }),
            ("consume_mib_per_s", |figures| {
                figures.consumed(Phase::mib_per_second)
            }),
            ("consume_cpu_s_per_gib", |figures| {
                figures.consumed(Phase::cpu_per_gib)
            }),
        ];
        let own = self.0.values().filter_map(|servers| servers.get(OWN));
        let over_cells = |of: fn(&Figures) -> f64| {
            let mut values: Vec<f64> = own.clone().map(|rounds| over_rounds(rounds, of)).collect();
            median(&mut values)
        };
        let values = figures.map(|(name, of)| (name.to_owned(), over_cells(of)));
        values.into()
    }
}

/// A figure in its column; nothing where nothing was measured.
struct Column(f64, usize);

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, decimals) = *self;
        match value.is_finite() {
            true => f.pad(&format!("{value:.decimals$}")),
            false => f.pad("-"),
        }
    }
}

fn print_row(cell: &Cell, server: &str, rounds: &[Figures]) {
    let column = |decimals, of: fn(&Figures) -> f64| Column(over_rounds(rounds, of), decimals);
    let limits = |of: fn(&Figures) -> Option<Phase>| {
        let phase = rounds.first().and_then(of);
        phase.map_or(" ", |phase| limit(&phase, cell.clients))
    };
    println!(
        "{:<26} {server:<8} | {:>6} {:>9} {:>6} {:>6} {:>5} {}| {:>6} {:>5} {}| {:>6} {:>6} {:>6} {:>6} | {:>5}",
        cell.to_string(),
        column(0, |figures| figures.produced.mib_per_second()),
        column(0, |figures| figures.produced.records_per_second()),
        column(2, |figures| ms(figures.ack_p50)),
        column(2, |figures| ms(figures.ack_p99)),
        column(2, |figures| figures.produced.cpu_per_gib()),
        limits(|figures| Some(figures.produced)),
        column(0, |figures| figures.consumed(Phase::mib_per_second)),
        column(2, |figures| figures.consumed(Phase::cpu_per_gib)),
        limits(|figures| figures.read.map(|read| read.consumed)),
        column(2, |figures| figures.read(|read| ms(read.paced_p50))),
        column(2, |figures| figures.read(|read| ms(read.paced_p99))),
        column(2, |figures| figures.read(|read| ms(read.end_to_end_p50))),
        column(2, |figures| figures.read(|read| ms(read.end_to_end_p99))),
        column(0, |figures| figures.peak_memory_bytes as f64
            / f64::from(1 << 20)),
    );
}
