//! `brokerage`: serves the dialects, and talks to a server that runs.

// These macros panic when nobody reads what they print.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod cli;
mod command;
mod config;
mod data_dir;
mod listener;
mod metrics;
mod ready;
mod serve;
mod settings;
mod telemetry;

use std::process::ExitCode;

use clap::FromArgMatches;

/// A fifth of an order's CPU was the system's allocator: docs/decisions/0002-dependencies.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let matches = cli::command().get_matches();
    let arguments = cli::Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let ended = cli::check_secrets(&matches).and_then(|()| command::run(arguments.command));
    match ended {
        Ok(code) => code,
        Err(error) => {
            command::fail(&error);
            ExitCode::FAILURE
        }
    }
}
