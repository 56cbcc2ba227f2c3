//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! `test` runs everything that has to hold before a change lands, in order, and closes with one line
//! `N passed, N failed, N skipped`. `bench`, `golden` and `scaffold` are programs of their own (features `bench`
//! and `golden`), so that this one is built in seconds and can report on a workspace that does not build.
//!
//! This crate knows the product from outside only: its binary, its command line, its wire.

mod audit;
mod benchmarks;
mod broker_ports;
mod conformance;
mod counts;
mod coverage;
mod ecosystem;
mod fmt;
mod golden;
mod kill;
mod limits;
mod program;
mod releases;
mod server;
mod shapes;
mod steps;
mod suites;
mod tidy;
mod tools;
mod workspace;

pub use audit::audit_print;
pub use benchmarks::{BENCHMARKS, Benchmark};
pub use broker_ports::{BROKER_PORTS, broker_ports_find};
pub use conformance::{ConformanceSettings, EngineName, conformance_run, restart_ask};
pub use counts::Counts;
pub use coverage::coverage_print;
pub use fmt::fmt_run;
pub(crate) use golden::golden_program;
pub use kill::{Kills, kill_run};
pub use limits::limits_write;
pub use program::{Ended, Group, Program, end_children_on_signal};
pub use releases::releases_write;
pub use server::{Server, ServerSettings};
pub use shapes::shapes_write;
pub use steps::{Choice, STEPS, Step, steps_run};
pub use tidy::{Finding, Report, tidy_check};
pub use tools::{Install, kafka_server_libs, python_bench};
pub use workspace::Workspace;
