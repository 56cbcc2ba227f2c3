//! The golden replay, which is a program of its own because it needs the whole product.

use std::time::Duration;

use anyhow::Result;

use crate::program::Program;
use crate::workspace::Workspace;

/// The command that replays files, which are to be added as arguments.
pub(crate) fn golden_program(workspace: &Workspace, limit: Duration) -> Result<Program> {
    Ok(Program::new("cargo", limit, workspace.log("golden")?)
        .args([
            "run",
            "--quiet",
            "--package",
            "xtask",
            "--features",
            "golden",
            "--bin",
            "golden",
            "--",
        ])
        .folder(workspace.root()))
}
