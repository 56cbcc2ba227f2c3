//! Programs that people run beside Kafka, against the broker alone: they start, kill and restart it themselves.

use std::time::Duration;

use anyhow::Result;

use crate::conformance::broker_build;
use crate::program::Program;
use crate::steps::{Outcome, Run};
use crate::suites::{fresh_data, outcome_of};
use crate::tools::{self, Install};

/// How long one suite may take; a JVM is started some ten times in it.
const SUITE_LIMIT: Duration = Duration::from_secs(600);

fn java_suite(run: &Run, suite: &str, main_class: &str) -> Result<Outcome> {
    let class_path = match tools::java_ecosystem(&run.workspace, suite) {
        Install::Missing(reason) => return Ok(Outcome::Skipped(reason)),
        Install::Ready(class_path) => class_path,
    };
    let ended = Program::new("java", SUITE_LIMIT, run.workspace.log(suite)?)
        .args(["-cp", &class_path, main_class])
        .env("CLUSTER", broker_build(&run.workspace)?)
        .env("DATA", fresh_data(run, suite)?)
        .run()?;
    Ok(outcome_of(suite, &ended))
}

/// A stream processor with exactly-once, whose process and brokers are killed under it.
pub(crate) fn streams(run: &Run) -> Result<Outcome> {
    java_suite(run, "streams", "StreamsSuite")
}

/// Connectors in distributed and standalone workers, and a mirror between two clusters.
pub(crate) fn connect(run: &Run) -> Result<Outcome> {
    java_suite(run, "connect", "ConnectSuite")
}
