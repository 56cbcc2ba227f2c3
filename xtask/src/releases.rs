//! `cargo xtask releases`: what each release of Apache Kafka tells its clients, read from its client library.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::program::Program;
use crate::tools::kafka_client_libs;
use crate::workspace::Workspace;

/// The releases that are read, oldest first: of each minor release the first and the last patch, and those
/// that vendors sell. 1.0 is the oldest that the broker behaves as.
const RELEASES: &[&str] = &[
    "1.0.0", "1.0.1", "1.0.2", "1.1.0", "1.1.1", "2.0.0", "2.0.1", "2.1.0", "2.1.1", "2.2.0",
    "2.2.2", "2.3.0", "2.3.1", "2.4.0", "2.4.1", "2.5.0", "2.5.1", "2.6.0", "2.6.2", "2.6.3",
    "2.7.0", "2.7.2", "2.8.0", "2.8.1", "2.8.2", "3.0.0", "3.0.2", "3.1.0", "3.1.2", "3.2.0",
    "3.2.3", "3.3.1", "3.3.2", "3.4.0", "3.4.1", "3.5.0", "3.5.2", "3.6.0", "3.6.2", "3.7.0",
    "3.7.2", "3.8.0", "3.8.1", "3.9.0", "3.9.1", "4.0.0", "4.0.1", "4.1.0", "4.1.1",
];
/// The broker's table.
const TABLE: &str = "crates/broker/src/releases.txt";
/// How long reading all of them may take.
const READ_LIMIT: Duration = Duration::from_secs(120);

/// Makes the broker's table of releases anew; true if it stayed the same.
///
/// # Errors
/// If a release cannot be fetched or read.
pub fn releases_write(workspace: &Workspace) -> Result<bool> {
    let source = workspace.path("acceptance/java/releases/Releases.java");
    let mut arguments: Vec<PathBuf> = vec![source, workspace.path(TABLE)];
    for release in RELEASES {
        let libs = kafka_client_libs(workspace, release)?;
        arguments.push(format!("{release}={}", libs.display()).into());
    }
    let before = fs::read(workspace.path(TABLE)).unwrap_or_default();
    Program::new("java", READ_LIMIT, workspace.log("releases")?)
        .args(arguments)
        .succeed()?;
    let after = fs::read(workspace.path(TABLE)).context("reading what was written")?;
    Ok(before == after)
}
