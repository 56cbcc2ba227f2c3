//! The step `bench` of `cargo xtask test`: every benchmark in its short form, to its result line. What the figures
//! are is not looked at: the programs are those that the other steps built, without optimization.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::counts::Counts;
use crate::program::{Ended, Program};
use crate::steps::{Outcome, Run, TEST_FEATURES};
use crate::suites::binary;
use crate::tools::{Install, kafka_server_libs, python_bench};

/// How long building the benchmarks may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2_400);
/// How long one of them may take in its short form.
const SHORT_LIMIT: Duration = Duration::from_secs(180);
/// What a result line begins with.
const RESULT: &str = "result: ";

/// What a benchmark measures.
#[derive(Debug, Clone, Copy)]
enum Measured {
    /// The product.
    Product,
    /// An example of the broker.
    Example(&'static str),
    /// What the program of the benchmarks holds of it.
    Itself,
}

/// What it is measured beside.
#[derive(Debug, Clone, Copy)]
enum Peer {
    Nothing,
    Apache,
    Moto,
}

/// A benchmark of `cargo xtask bench`.
#[derive(Debug)]
pub struct Benchmark {
    /// Its name there.
    pub name: &'static str,
    measured: Measured,
    peer: Peer,
    /// What its result line has to tell.
    figures: &'static [&'static str],
}

/// Every benchmark.
pub const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "broker",
        measured: Measured::Example("cluster"),
        peer: Peer::Apache,
        figures: &[
            "produce_ratio",
            "consume_ratio",
            "p99_ratio",
            "cpu_per_gib_ratio",
        ],
    },
    Benchmark {
        name: "calls",
        measured: Measured::Product,
        peer: Peer::Nothing,
        figures: &["calls", "slowest_ratio"],
    },
    Benchmark {
        name: "density",
        measured: Measured::Example("instances"),
        peer: Peer::Nothing,
        figures: &["bytes_per_instance", "busy_p99_ratio"],
    },
    Benchmark {
        name: "first-message",
        measured: Measured::Product,
        peer: Peer::Apache,
        figures: &["speedup", "p50_ms", "p99_ms", "apache_ms"],
    },
    Benchmark {
        name: "limits",
        measured: Measured::Example("instances"),
        peer: Peer::Nothing,
        figures: &["ingress_ratio", "egress_ratio", "neighbour_p99_ratio"],
    },
    Benchmark {
        name: "lists",
        measured: Measured::Product,
        peer: Peer::Nothing,
        figures: &["page_ratio"],
    },
    Benchmark {
        name: "months",
        measured: Measured::Itself,
        peer: Peer::Nothing,
        figures: &["bytes_per_purchase", "purchases"],
    },
    Benchmark {
        name: "orders",
        measured: Measured::Product,
        peer: Peer::Moto,
        figures: &[
            "ratio_c64",
            "orders_per_s_c64",
            "list_per_s",
            "cpu_us_per_order",
            "cpu_us_http",
            "cpu_us_signature",
            "cpu_us_rating",
            "cpu_us_store",
        ],
    },
    Benchmark {
        name: "ready",
        measured: Measured::Product,
        peer: Peer::Nothing,
        figures: &["ready_ms", "ready_after_kill_ms", "instances"],
    },
];

/// The step: one check a benchmark.
pub(crate) fn bench(run: &Run) -> Result<Outcome> {
    // The workspace with an example of it: the features of its tests, so that what they built is used again.
    Program::new("cargo", BUILD_LIMIT, run.workspace.log("build-bench")?)
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--features",
            TEST_FEATURES,
        ])
        .args([
            "--bin",
            "bench",
            "--example",
            "cluster",
            "--example",
            "instances",
        ])
        .folder(run.workspace.root())
        .succeed()?;
    let program = run.workspace.target().join("debug/bench");
    let mut counts = Counts::default();
    for benchmark in BENCHMARKS {
        let started = Instant::now();
        match benchmark.is_ready(run) {
            Install::Missing(reason) => {
                println!("    {} cannot run here: {reason}", benchmark.name);
                counts += match run.ci {
                    true => Counts::one(false),
                    false => Counts {
                        skipped: 1,
                        ..Counts::default()
                    },
                };
            }
            Install::Ready(()) => {
                let log = run.workspace.log(&format!("bench-{}", benchmark.name))?;
                let mut measuring =
                    Program::new(&program, SHORT_LIMIT, log).args([benchmark.name, "--short"]);
                if let Some(binary) = benchmark.measured.binary(run)? {
                    measuring = measuring.args(["--binary"]).args([binary]);
                }
                let ended = measuring.run()?;
                counts += Counts::one(benchmark.told(&ended, started.elapsed()));
            }
        }
    }
    Ok(Outcome::Counted(counts))
}

impl Measured {
    fn binary(self, run: &Run) -> Result<Option<PathBuf>> {
        let of_example = |name| run.workspace.target().join("debug/examples").join(name);
        match self {
            Self::Product => binary(run, false).map(Some),
            Self::Example(name) => Ok(Some(of_example(name))),
            Self::Itself => Ok(None),
        }
    }
}

impl Benchmark {
    /// Whether what it is measured beside can be had.
    fn is_ready(&self, run: &Run) -> Install<()> {
        match self.peer {
            Peer::Nothing => Install::Ready(()),
            Peer::Apache => kafka_server_libs(&run.workspace).map(drop),
            Peer::Moto => python_bench(&run.workspace).map(drop),
        }
    }

    /// Prints how it went; true if it came to its result.
    fn told(&self, ended: &Ended, took: Duration) -> bool {
        let seconds = took.as_secs_f64();
        let result = match ended.success {
            true => self.result(&ended.output),
            false => Err(anyhow::anyhow!("{}", ended.how)),
        };
        match &result {
            Ok(line) => println!("    {}: {line} in {seconds:.0} s", self.name),
            Err(error) => println!(
                "    {}: {error:#} ({})\n{}",
                self.name,
                ended.log.display(),
                ended.tail(15)
            ),
        }
        result.is_ok()
    }

    /// The last line, if it is a result line with every figure, each a number.
    fn result<'o>(&self, output: &'o str) -> Result<&'o str> {
        let line = output.lines().last().unwrap_or_default();
        let values = line
            .strip_prefix(RESULT)
            .context("the last line is no result")?;
        let mut names = Vec::new();
        for word in values.split(' ') {
            let (name, value) = word
                .split_once('=')
                .with_context(|| format!("{word:?} is no figure"))?;
            let number: f64 = value
                .parse()
                .with_context(|| format!("{word:?} is no number"))?;
            anyhow::ensure!(number.is_finite(), "{word:?} is no number");
            names.push(name);
        }
        let missing = self.figures.iter().find(|name| !names.contains(name));
        anyhow::ensure!(missing.is_none(), "no {missing:?} in the result");
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::{BENCHMARKS, Benchmark};

    #[test]
    fn a_result_tells_every_figure() {
        let limits: &Benchmark = &BENCHMARKS[4];
        let whole = "result: ingress_ratio=1.000 egress_ratio=0.99 neighbour_p99_ratio=2";
        let cases = [
            (whole.to_owned(), true),
            (format!("noise\n{whole}\n"), true),
            (format!("{whole}\nnoise"), false),
            (whole.replace("2", "NaN"), false),
            (whole.replace("2", "inf"), false),
            (whole.replace(" egress_ratio=0.99", ""), false),
            (whole.replace("=0.99", "="), false),
            (String::new(), false),
        ];
        for (output, expected) in cases {
            assert_eq!(limits.result(&output).is_ok(), expected, "{output}");
        }
    }
}
