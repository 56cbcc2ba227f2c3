//! Everything that has to hold before a change lands, in order: one table.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::audit::{Denied, deny_run, sbom_write};
use crate::counts::Counts;
use crate::fmt::fmt_run;
use crate::kill::{Kills, kill_run};
use crate::limits::limits_check;
use crate::program::{Ended, Program};
use crate::tools::{Install, kafka_server_libs};
use crate::workspace::Workspace;
use crate::{benchmarks, conformance, ecosystem, suites, tidy};

/// How long the workspace may take to check or to build and test from nothing.
const CARGO_LIMIT: Duration = Duration::from_secs(2_700);
/// How long replaying the golden requests may take.
const GOLDEN_LIMIT: Duration = Duration::from_secs(1_200);

/// What the workspace is tested with: the programs beside this one have tests, too, and the broker's crash tests need
/// a disk that can be watched.
pub(crate) const TEST_FEATURES: &str = "xtask/bench,xtask/golden,brokerage-broker/trace";

/// The test that needs Apache Kafka, which has a step of its own.
const APACHE_TEST: &str = "apache_kafka_keeps";
/// The line of a panic, and what it says in the next ones.
const PANIC_LINES: usize = 3;
/// Lines that say why a test run failed, at most.
const REASON_LINES_MAX: usize = 120;

/// What a step works with.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) workspace: Workspace,
    /// In CI nothing may be skipped.
    pub(crate) ci: bool,
    /// The product's binary, and the one with failpoints, once built.
    pub(crate) binaries: [OnceLock<PathBuf>; 2],
}

/// What a step came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran.
    Counted(Counts),
    /// It could not run here; a failure in CI.
    Skipped(String),
    /// It is optional and was left out, in CI too.
    LeftOut(String),
}

/// One step of `cargo xtask test`.
#[derive(Debug)]
pub struct Step {
    /// What `--only` takes.
    pub name: &'static str,
    /// What it proves.
    pub about: &'static str,
    run: fn(&Run) -> Result<Outcome>,
}

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "the code is formatted",
        run: fmt,
    },
    Step {
        name: "tidy",
        about: "the project's own rules hold",
        run: tidy_step,
    },
    Step {
        name: "clippy",
        about: "no lint is broken",
        run: clippy,
    },
    Step {
        name: "rust",
        about: "the workspace's own tests pass",
        run: rust,
    },
    Step {
        name: "engine-apache",
        about: "Apache Kafka's own processes as an engine",
        run: engine_apache,
    },
    Step {
        name: "golden",
        about: "recorded requests verify, and no flipped byte does",
        run: golden,
    },
    Step {
        name: "deny",
        about: "licences, sources and duplicates of dependencies, as deny.toml permits them",
        run: deny,
    },
    Step {
        name: "advisories",
        about: "no dependency has a known fault; left out where the database is not to be reached",
        run: advisories,
    },
    Step {
        name: "sbom",
        about: "what the binary is made of can be said, with licences and checksums",
        run: sbom,
    },
    Step {
        name: "limits",
        about: "every bound stands in docs/limits.md",
        run: limits,
    },
    Step {
        name: "python-alikafka",
        about: "AliKafka's Python SDKs",
        run: suites::python_alikafka,
    },
    Step {
        name: "python-bss",
        about: "BSS OpenAPI's Python SDKs",
        run: suites::python_bss,
    },
    Step {
        name: "python-ckafka",
        about: "CKafka's Python SDK",
        run: suites::python_ckafka,
    },
    Step {
        name: "python-public-access",
        about: "public access, bought through three SDKs and measured",
        run: suites::python_public_access,
    },
    Step {
        name: "python-jdkafka",
        about: "JD Cloud's Python SDK",
        run: suites::python_jdkafka,
    },
    Step {
        name: "python-https",
        about: "the vendors' Python SDKs over TLS",
        run: suites::python_https,
    },
    Step {
        name: "python-first-hour",
        about: "what `buy` says to type next, as a Kafka client does it",
        run: suites::python_first_hour,
    },
    Step {
        name: "node-vendors",
        about: "the vendors' Node SDKs",
        run: suites::node_vendors,
    },
    Step {
        name: "go-vendors",
        about: "the vendors' Go SDKs",
        run: suites::go_vendors,
    },
    Step {
        name: "kafka-clients",
        about: "five Kafka clients over two restarts",
        run: suites::kafka_clients,
    },
    Step {
        name: "kafka-conformance",
        about: "what five Kafka clients ask of three brokers, at two doors",
        run: conformance::kafka_conformance,
    },
    Step {
        name: "kafka-tools",
        about: "Apache Kafka's command-line tools against three brokers",
        run: conformance::kafka_tools,
    },
    Step {
        name: "kill",
        about: "the broker is killed under load; nothing acknowledged is lost",
        run: kill,
    },
    Step {
        name: "bench",
        about: "every benchmark comes to its result line, in its short form",
        run: benchmarks::bench,
    },
    Step {
        name: "streams",
        about: "Kafka Streams with exactly-once, killed with its brokers",
        run: ecosystem::streams,
    },
    Step {
        name: "connect",
        about: "Kafka Connect and MirrorMaker, killed with their brokers",
        run: ecosystem::connect,
    },
    Step {
        name: "crash",
        about: "aborts between order and running",
        run: suites::crash,
    },
];

/// Which steps to run.
#[derive(Debug, Default)]
pub struct Choice {
    /// Names of steps; empty means all.
    pub only: Vec<String>,
}

/// One row of the closing table.
struct Row {
    name: &'static str,
    counts: Counts,
    seconds: f64,
    note: String,
}

/// Runs the chosen steps, prints a table and the one closing line; true if nothing failed.
///
/// # Errors
/// If a step is named that there is not.
pub fn steps_run(workspace: &Workspace, choice: &Choice) -> Result<bool> {
    if let Some(unknown) = choice
        .only
        .iter()
        .find(|name| !STEPS.iter().any(|step| step.name == **name))
    {
        bail!("there is no step {unknown}; `cargo xtask test --list` names them");
    }
    let run = Run {
        workspace: workspace.clone(),
        ci: in_ci(),
        binaries: Default::default(),
    };
    let chosen =
        |step: &&Step| choice.only.is_empty() || choice.only.iter().any(|name| name == step.name);
    let mut rows = Vec::new();
    for step in STEPS.iter().filter(chosen) {
        println!("== {}: {}", step.name, step.about);
        let row = step_run(&run, step);
        println!("   {} in {:.1} s{}", row.counts, row.seconds, row.note);
        rows.push(row);
    }
    let mut sum = Counts::default();
    println!();
    println!(
        "{:<18} {:>7} {:>7} {:>7} {:>8}",
        "step", "passed", "failed", "skipped", "seconds"
    );
    for row in rows {
        let Counts {
            passed,
            failed,
            skipped,
        } = row.counts;
        println!(
            "{:<18} {passed:>7} {failed:>7} {skipped:>7} {:>8.1}{}",
            row.name, row.seconds, row.note
        );
        sum += row.counts;
    }
    println!("{sum}");
    Ok(sum.failed == 0)
}

/// Whether this is CI, where nothing may be skipped.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

fn step_run(run: &Run, step: &Step) -> Row {
    let started = Instant::now();
    let (counts, note) = match (step.run)(run) {
        Ok(Outcome::Counted(counts)) => (counts, String::new()),
        Ok(Outcome::Skipped(reason)) if run.ci => (
            Counts::one(false),
            format!("  cannot run here: {}", brief(&reason)),
        ),
        Ok(Outcome::Skipped(reason)) => (
            Counts {
                skipped: 1,
                ..Counts::default()
            },
            format!("  {}", brief(&reason)),
        ),
        Ok(Outcome::LeftOut(reason)) => (Counts::default(), format!("  {reason}")),
        Err(error) => {
            println!("    {error:#}");
            (
                Counts::one(false),
                format!("  {}", brief(&format!("{error:#}"))),
            )
        }
    };
    Row {
        name: step.name,
        counts,
        seconds: started.elapsed().as_secs_f64(),
        note,
    }
}

/// The first line of a reason, cut to fit a table.
fn brief(reason: &str) -> String {
    reason
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(100)
        .collect()
}

/// Runs `cargo` and counts it as one check.
fn cargo(run: &Run, name: &str, limit: Duration, arguments: &[&str]) -> Result<Outcome> {
    let ended = Program::new("cargo", limit, run.workspace.log(name)?)
        .args(arguments)
        .folder(run.workspace.root())
        .run()?;
    if !ended.success {
        println!("{}", ended.tail(60));
    }
    Ok(Outcome::Counted(Counts::one(ended.success)))
}

fn fmt(run: &Run) -> Result<Outcome> {
    let is_formatted = fmt_run(&run.workspace, true)?;
    Ok(Outcome::Counted(Counts::one(is_formatted)))
}

fn clippy(run: &Run) -> Result<Outcome> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    cargo(run, "clippy", CARGO_LIMIT, &arguments)
}

fn tidy_step(run: &Run) -> Result<Outcome> {
    let report = tidy::tidy_check(&run.workspace)?;
    for finding in &report.findings {
        println!("    {finding}");
    }
    Ok(Outcome::Counted(report.counts))
}

fn rust(run: &Run) -> Result<Outcome> {
    let ended = Program::new("cargo", CARGO_LIMIT, run.workspace.log("rust")?)
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(["--features", TEST_FEATURES])
        .args(["--", "--skip", APACHE_TEST])
        .folder(run.workspace.root())
        .run()?;
    Ok(Outcome::Counted(cargo_test_counts(&ended)))
}

/// What `cargo test` counted; of one that failed, the lines that say why are printed.
fn cargo_test_counts(ended: &Ended) -> Counts {
    let mut counts = Counts::of_cargo_test(&ended.output);
    if ended.success {
        return counts;
    }
    let mut of_panic = 0;
    let is_reason = |line: &&str| {
        of_panic = match line.contains("panicked at") {
            true => PANIC_LINES,
            false => of_panic.saturating_sub(1),
        };
        of_panic > 0 || line.ends_with("FAILED") || line.starts_with("error")
    };
    let reasons = ended.output.lines().filter(is_reason);
    reasons
        .take(REASON_LINES_MAX)
        .for_each(|line| println!("    {line}"));
    // It did not build, or died before it counted.
    counts.failed = counts.failed.max(1);
    counts
}

/// The part of the engines' suite that Apache Kafka can keep; it needs Java and the jars.
fn engine_apache(run: &Run) -> Result<Outcome> {
    let libs = match kafka_server_libs(&run.workspace) {
        Install::Ready(libs) => libs,
        Install::Missing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    // As the workspace is tested: nothing is built anew.
    let ended = Program::new("cargo", CARGO_LIMIT, run.workspace.log("engine-apache")?)
        .args(["test", "--workspace", "--features", TEST_FEATURES])
        .args(["--test", "it", "--", "--ignored", APACHE_TEST])
        .env("KAFKA_LIBS", libs)
        .folder(run.workspace.root())
        .run()?;
    Ok(Outcome::Counted(cargo_test_counts(&ended)))
}

fn golden(run: &Run) -> Result<Outcome> {
    let mut files = Vec::new();
    for cloud in run.workspace.clouds()? {
        for entry in std::fs::read_dir(cloud.join("golden"))? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "jsonl")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    let ended = crate::golden_program(&run.workspace, GOLDEN_LIMIT)?
        .args(&files)
        .run()?;
    match Counts::of_closing_line(&ended.output) {
        Some(counts) if ended.success == (counts.failed == 0) => Ok(Outcome::Counted(counts)),
        _ => bail!("golden: {}\n{}", ended.how, ended.tail(30)),
    }
}

fn kill(run: &Run) -> Result<Outcome> {
    let short = Kills {
        kills: 10,
        seed: 1,
        crash_seeds: 0,
    };
    Ok(match kill_run(&run.workspace, short)? {
        Install::Missing(reason) => Outcome::Skipped(reason),
        Install::Ready(counts) => Outcome::Counted(counts),
    })
}

fn deny(run: &Run) -> Result<Outcome> {
    Ok(
        match deny_run(&run.workspace, &["bans", "licenses", "sources"])? {
            Denied::Missing(reason) => Outcome::Skipped(reason),
            Denied::Looked(ended) => looked(&ended),
        },
    )
}

fn advisories(run: &Run) -> Result<Outcome> {
    Ok(match deny_run(&run.workspace, &["advisories"])? {
        Denied::Missing(reason) => Outcome::LeftOut(reason),
        Denied::Looked(ended) => looked(&ended),
    })
}

fn looked(ended: &Ended) -> Outcome {
    if !ended.success {
        println!("{}", ended.tail(60));
    }
    Outcome::Counted(Counts::one(ended.success))
}

fn sbom(run: &Run) -> Result<Outcome> {
    let (path, count) = sbom_write(&run.workspace)?;
    println!("{}: {count} crates", path.display());
    Ok(Outcome::Counted(Counts::one(count > 0)))
}

fn limits(run: &Run) -> Result<Outcome> {
    let wrong = limits_check(&run.workspace)?;
    wrong.iter().for_each(|line| println!("{line}"));
    Ok(Outcome::Counted(Counts::one(wrong.is_empty())))
}
