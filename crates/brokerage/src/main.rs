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

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

/// A fifth of an order's CPU was the system's allocator: docs/decisions/0002-dependencies.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let arguments = cli::Cli::parse();
    match command::run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            // A reader that went away must not change how the process ends.
            drop(writeln!(std::io::stderr(), "brokerage: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
