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
use command::print;

/// A fifth of an order's CPU was the system's allocator: docs/decisions/0002-dependencies.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let matches = match cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return told(&error),
    };
    let arguments = match cli::Cli::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return told(&error),
    };
    let ended = cli::check_secrets(&matches).and_then(|()| command::run(arguments.command));
    match ended {
        Ok(code) => code,
        Err(error) => {
            command::fail(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints a help, which is an answer, or why the command line cannot be read.
fn told(error: &clap::Error) -> ExitCode {
    match error.print() {
        Err(unwritten) if !error.use_stderr() => print::unwritten(&unwritten),
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX)),
    }
}
