//! What strangers and tenants do to a server to take it from others: each attack twice, against a cluster of its own
//! that was bought beside a neighbour's. Memory stays within what a tenant may take, all of it is given back, the
//! second attack needs no more than the first, and the neighbour and the API go on answering.
//!
//! Prints one line a case and closes with `N passed, N failed`.

mod batch;
mod cases;
mod random;
mod shape;
mod target;
mod watch;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use xtask::{Counts, Program, Workspace, end_children_on_signal};

use cases::{CASES, Case};
use target::Target;
use watch::Watch;

/// How long building the product may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2_400);
/// What one tenant may add to the memory of the process.
const TENANT_BYTES_MAX: u64 = 64 << 20;
/// And for each connection that it bought and has open.
const CONNECTION_BYTES_MAX: u64 = 16 << 10;
/// What the whole process may take while it is asked anything.
const PROCESS_BYTES_MAX: u64 = 512 << 20;
/// Attacks after the first that may show that it takes no more than before.
const ATTACKS_AGAIN: usize = 3;
/// Random requests that a server has answered before it is called quiet.
const WARM_UP_REQUESTS: u64 = 500;
/// How long it may take until nothing is held any more.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

/// The options of `malice`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask malice")]
struct Settings {
    /// Runs only this case; may repeat.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Names the cases.
    #[arg(long)]
    list: bool,
    /// Short attacks, which CI runs.
    #[arg(long)]
    short: bool,
    /// Sends so many random requests of every served API instead.
    #[arg(long, value_name = "N")]
    requests: Option<u64>,
    /// Decides what is random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary to attack; without it the product is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

impl Settings {
    /// How long an attack may go on.
    fn attack(&self) -> Duration {
        Duration::from_secs(if self.short { 2 } else { 10 })
    }
}

fn main() -> Result<ExitCode> {
    end_children_on_signal()?;
    let settings = Settings::parse();
    if settings.list {
        let told = |case: &Case| println!("{:<24} {}", case.name, case.about);
        CASES.iter().for_each(told);
        return Ok(ExitCode::SUCCESS);
    }
    let unknown = |name: &&String| !CASES.iter().any(|case| case.name == **name);
    let unknown = settings.only.iter().find(unknown);
    ensure!(unknown.is_none(), "there is no case {unknown:?}");
    let workspace = Workspace::here();
    let binary = match &settings.binary {
        Some(binary) => binary.clone(),
        None => build(&workspace)?,
    };
    let counts = match settings.requests {
        Some(requests) => everything(&workspace, binary, requests, settings.seed)?,
        None => attack_all(&workspace, &binary, &settings)?,
    };
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(match counts.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    Program::new("cargo", BUILD_LIMIT, workspace.log("build-malice")?)
        .args(["build", "--quiet", "--package", "brokerage"])
        .folder(workspace.root())
        .succeed()?;
    Ok(workspace.target().join("debug/brokerage"))
}

/// Every chosen case, each against a server of its own: what one left would hide what the next takes.
fn attack_all(workspace: &Workspace, binary: &Path, settings: &Settings) -> Result<Counts> {
    let mut counts = Counts::default();
    let is_chosen = |case: &&Case| {
        settings.only.is_empty() || settings.only.iter().any(|name| name == case.name)
    };
    for case in CASES.iter().filter(is_chosen) {
        let started = Instant::now();
        let mut target = Target::start(workspace, binary.to_owned())?;
        let result = attack_twice(&target, case, settings);
        let result = result.and_then(|told| target.stop().map(|()| told));
        let seconds = started.elapsed().as_secs_f64();
        match &result {
            Ok(told) => println!("PASS {}: {told}, {seconds:.1} s", case.name),
            Err(error) => println!("FAIL {}: {error:#}, {seconds:.1} s", case.name),
        }
        counts += Counts::one(result.is_ok());
    }
    Ok(counts)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// One case, and what it is held to.
fn attack_twice(target: &Target, case: &Case, settings: &Settings) -> Result<String> {
    let victim = target.buy(case.name, case.version)?;
    let other = target.buy("warm-up", Some(target::NEWEST))?;
    random::drizzle(&other, WARM_UP_REQUESTS)?;
    let quiet = target.resident_bytes()?;
    let mut peaks = Vec::new();
    let mut watch = Watch::start(target)?;
    for round in 0..=ATTACKS_AGAIN as u64 {
        target.peak_forget()?;
        let attack = cases::Attack {
            target,
            victim: &victim,
            time: settings.attack(),
            seed: settings.seed + round,
        };
        (case.run)(&attack)?;
        let peak = target.peak_bytes()?;
        recovered(target)?;
        // Once there is one that takes hardly more than those before, nothing piles up.
        let is_settled = peaks
            .iter()
            .max()
            .is_some_and(|before| peak * 10 < before * 11);
        peaks.push(peak);
        if is_settled {
            break;
        }
    }
    let seen = watch.stop()?;
    target.is_running()?;
    let grown = |peak: &u64| peak.saturating_sub(quiet);
    let each: Vec<String> = peaks
        .iter()
        .map(|peak| format!("+{:.1}", mib(grown(peak))))
        .collect();
    let told = format!("{} MiB over {:.1} MiB, {seen}", each.join(" "), mib(quiet));
    let grown = peaks.iter().map(grown).max().unwrap_or(0);
    let allowed = TENANT_BYTES_MAX + CONNECTION_BYTES_MAX * case.connections;
    ensure!(grown <= allowed, "a tenant takes too much: {told}");
    ensure!(
        peaks.len() <= ATTACKS_AGAIN,
        "each attack takes more: {told}"
    );
    Ok(told)
}

/// Waits until nothing of what clients sent is held.
fn recovered(target: &Target) -> Result<()> {
    let started = Instant::now();
    loop {
        let held = target.held_bytes()?;
        if held == 0 {
            return Ok(());
        }
        ensure!(
            started.elapsed() < RECOVERY_LIMIT,
            "{held} bytes are still held after {} s",
            RECOVERY_LIMIT.as_secs()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The long form: requests of every API, whatever they say.
fn everything(workspace: &Workspace, binary: PathBuf, requests: u64, seed: u64) -> Result<Counts> {
    let mut target = Target::start(workspace, binary)?;
    let victim = target.buy("everything", Some(target::NEWEST))?;
    let mut watch = Watch::start(&target)?;
    let started = Instant::now();
    random::flood(&victim, requests, seed, None)?;
    let seen = watch.stop()?;
    target.is_running()?;
    recovered(&target)?;
    let peak = target.peak_bytes()?;
    println!(
        "{requests} requests in {:.0} s: peak {:.1} MiB, {seen}",
        started.elapsed().as_secs_f64(),
        mib(peak)
    );
    let mut counts = Counts::one(peak <= PROCESS_BYTES_MAX);
    counts += Counts::one(target.stop().is_ok());
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::CASES;

    #[test]
    fn each_case_has_a_name_of_its_own() {
        let mut names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
    }
}
