//! `cargo xtask kill`: nothing that the broker acknowledged is lost.
//!
//! The broker is killed again and again under the load of real clients (`acceptance/go/kill`), in both
//! durabilities; and its own tests look at every point at which power may go away.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::{
    conformance::broker_build,
    counts::Counts,
    program::Program,
    tools::{self, Install},
    workspace::Workspace,
};

/// What the clients need besides the time between kills.
const SETTLE_LIMIT: Duration = Duration::from_secs(600);
/// Longest time from one kill to the next, with the start of the broker.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// How long looking at every crash point may take.
const POINTS_LIMIT: Duration = Duration::from_secs(3_600);
/// What an acknowledgement promises; the broker takes the words.
const DURABILITIES: [&str; 2] = ["process", "power"];

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Kills {
    /// How often the broker is killed, in each durability.
    pub kills: u32,
    /// Decides when.
    pub seed: u64,
    /// Random losses of power at every crash point; 0: the crash points are left to the broker's tests.
    pub crash_seeds: u32,
}

/// Kills the broker under load. Prints what the clients found.
///
/// # Errors
/// If the programs cannot be built.
pub fn kill_run(workspace: &Workspace, kills: Kills) -> Result<Install<Counts>> {
    let programs = match tools::go_suites(workspace) {
        Install::Missing(reason) => return Ok(Install::Missing(reason)),
        Install::Ready(programs) => programs,
    };
    let broker = broker_build(workspace)?;
    let mut counts = Counts::default();
    for durability in DURABILITIES {
        let limit = SETTLE_LIMIT + KILL_LIMIT * kills.kills;
        let ended = Program::new(
            programs.join("kill"),
            limit,
            workspace.log(&format!("kill-{durability}"))?,
        )
        .env("BROKER", &broker)
        .env(
            "DATA",
            workspace
                .scratch("data")?
                .join(format!("kill-{durability}")),
        )
        .env("DURABILITY", durability)
        .env("KILLS", kills.kills.to_string())
        .env("SEED", kills.seed.to_string())
        .run()?;
        let is_told = |line: &&str| line.starts_with("kills=") || line.starts_with("FAIL ");
        let told = ended.output.lines().filter(is_told);
        told.for_each(|line| println!("    {line}"));
        match Counts::of_closing_line(&ended.output) {
            Some(more) if ended.success == (more.failed == 0) => counts += more,
            _ => bail!("kill: {}\n{}", ended.how, ended.tail(30)),
        }
    }
    if kills.crash_seeds > 0 {
        counts += crash_points(workspace, kills.crash_seeds)?;
    }
    Ok(Install::Ready(counts))
}

/// The broker's tests of every point at which the process may be killed, power go away or the disk refuse.
fn crash_points(workspace: &Workspace, crash_seeds: u32) -> Result<Counts> {
    let ended = Program::new("cargo", POINTS_LIMIT, workspace.log("crash-points")?)
        .args(["test", "--package", "brokerage-broker"])
        .args(["--features", "trace", "--test", "it"])
        .args(["crash::", "--", "--nocapture"])
        .env("CRASH_SEEDS", crash_seeds.to_string())
        .folder(workspace.root())
        .run()?;
    let mut counts = Counts::of_cargo_test(&ended.output);
    let is_told = |line: &&str| line.contains("crash points") || line.contains("panicked at");
    let told = ended.output.lines().filter(is_told);
    told.for_each(|line| println!("    {line}"));
    if !ended.success {
        counts.failed = counts.failed.max(1);
    }
    Ok(counts)
}
