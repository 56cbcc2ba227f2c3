//! `cargo xtask COMMAND`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{
    Choice, ConformanceSettings, Install, Kills, STEPS, Workspace, audit_print, conformance_run,
    coverage_print, end_children_on_signal, fmt_run, kill_run, limits_write, releases_write,
    restart_ask, shapes_write, steps_run, tidy_check,
};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything that has to hold before a change lands.
    Test {
        /// Runs only this step; may repeat.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Names the steps.
        #[arg(long)]
        list: bool,
    },
    /// Formats all code.
    Fmt {
        /// Only looks whether it is formatted.
        #[arg(long)]
        check: bool,
    },
    /// What the binary is made of (`target/sbom.cdx.json`), and what waits: advisories, newer versions.
    Audit,
    /// The project's own rules alone.
    Tidy,
    /// Replays recorded requests, whole and with single bytes flipped.
    Golden {
        /// Files of one JSON object a line.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Kills the broker under load and looks for what it acknowledged; the same for every point at which power
    /// may go away.
    Kill {
        /// How often, in each durability.
        #[arg(long, default_value_t = 200)]
        kills: u32,
        /// Decides when.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Random losses of power at every crash point.
        #[arg(long, default_value_t = 2)]
        crash_seeds: u32,
    },
    /// Measures; closes with one line `result: key=value …`.
    Bench {
        /// `broker`, `density`, `first-message`, `limits`, `orders` or `ready`, and options of that benchmark,
        /// such as --short.
        #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
    /// Attacks a server as strangers and tenants may; closes with one line `N passed, N failed`.
    Malice {
        /// Options of that program: --list, --only, --short, --requests N.
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
    /// What clients ask of a cluster; closes with one line `N passed, N failed, N skipped`.
    Conformance {
        #[command(subcommand)]
        of: Conformance,
    },
    /// How much of each vendor's interface is served.
    Coverage,
    /// Writes the first version of an operation and of its calls from the vendor's model.
    Scaffold {
        /// A service, as `brokerage operations` names it.
        service: String,
        /// One of its operations that is not served, in the vendor's name.
        operation: String,
    },
    /// Writes `docs/limits.md` out of the bounds in the code.
    Limits,
    /// Makes the broker's table of releases anew from each release's client library.
    Releases,
    /// Makes the broker's table of requests anew from the definitions in Kafka's client library.
    Shapes,
    /// What RESTART_CMD runs: asks the conformance run behind a socket to restart its server.
    #[command(hide = true)]
    Restart { socket: PathBuf },
}

#[derive(Debug, Subcommand)]
enum Conformance {
    /// Five Kafka clients, at every door and replication factor.
    Kafka(ConformanceSettings),
}

fn main() -> Result<ExitCode> {
    let workspace = Workspace::here();
    match Arguments::parse().task {
        Task::Test { list: true, .. } => {
            STEPS
                .iter()
                .for_each(|step| println!("{:<18} {}", step.name, step.about));
            Ok(ExitCode::SUCCESS)
        }
        Task::Test { only, .. } => {
            end_children_on_signal()?;
            Ok(exit_code(steps_run(&workspace, &Choice { only })?))
        }
        Task::Audit => Ok(exit_code(audit_print(&workspace)?)),
        Task::Limits => {
            page_print(limits_write(&workspace)?);
            Ok(ExitCode::SUCCESS)
        }
        Task::Tidy => tidy_print(&workspace),
        Task::Fmt { check } => Ok(exit_code(fmt_run(&workspace, check)?)),
        Task::Kill {
            kills,
            seed,
            crash_seeds,
        } => {
            let kills = Kills {
                kills,
                seed,
                crash_seeds,
            };
            kill_print(&workspace, kills)
        }
        Task::Scaffold { service, operation } => {
            own_program(&workspace, "scaffold", "dev", &[service, operation])
        }
        Task::Golden { files } => own_program(&workspace, "golden", "dev", &files),
        Task::Malice { words } => own_program(&workspace, "malice", "dev", &words),
        Task::Bench { words } => own_program(&workspace, "bench", "release", &words),
        Task::Conformance {
            of: Conformance::Kafka(settings),
        } => {
            end_children_on_signal()?;
            let counts = conformance_run(&workspace, &settings)?;
            println!("{counts}");
            Ok(exit_code(counts.failed == 0))
        }
        Task::Restart { socket } => {
            restart_ask(&socket)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Coverage => {
            coverage_print(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Releases => {
            table_print(releases_write(&workspace)?);
            Ok(ExitCode::SUCCESS)
        }
        Task::Shapes => {
            table_print(shapes_write(&workspace)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn kill_print(workspace: &Workspace, kills: Kills) -> Result<ExitCode> {
    end_children_on_signal()?;
    match kill_run(workspace, kills)? {
        Install::Missing(reason) => anyhow::bail!("{reason}"),
        Install::Ready(counts) => {
            println!("{counts}");
            Ok(exit_code(counts.failed == 0))
        }
    }
}

fn tidy_print(workspace: &Workspace) -> Result<ExitCode> {
    let report = tidy_check(workspace)?;
    report
        .findings
        .iter()
        .for_each(|finding| println!("{finding}"));
    println!("{}", report.counts);
    Ok(exit_code(report.counts.failed == 0))
}

fn exit_code(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one of this package's other programs in its place.
fn own_program<A: AsRef<std::ffi::OsStr>>(
    workspace: &Workspace,
    name: &str,
    profile: &str,
    words: &[A],
) -> Result<ExitCode> {
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--profile", profile, "--manifest-path"])
        .arg(workspace.path("xtask/Cargo.toml"))
        .args(["--features", name, "--bin", name, "--"])
        .args(words);
    Ok(exit_code(command.status()?.success()))
}

fn page_print(is_same: bool) {
    let what = if is_same { "is the same" } else { "changed" };
    println!("the page {what}");
}

fn table_print(is_same: bool) {
    let what = if is_same { "is the same" } else { "changed" };
    println!("the table {what}");
}
