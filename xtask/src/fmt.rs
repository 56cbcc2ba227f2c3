//! Formatting of all code. Operations are modules that the build lists ([`crate::Workspace::operations`]), so that
//! cargo does not lead rustfmt to their files.

use std::time::Duration;

use anyhow::Result;

use crate::program::Program;
use crate::workspace::Workspace;

/// How long formatting may take.
const FMT_LIMIT: Duration = Duration::from_secs(120);

/// Formats all code, or only looks whether it is formatted; false where it is not, or cannot be.
///
/// # Errors
/// If the formatter cannot be run.
pub fn fmt_run(workspace: &Workspace, is_check: bool) -> Result<bool> {
    let check = is_check.then_some("--check");
    let mut all = true;
    for (program, arguments, files) in [
        ("cargo", &["fmt", "--all"][..], Vec::new()),
        ("rustfmt", &[], workspace.operations()?),
    ] {
        let ended = Program::new(program, FMT_LIMIT, workspace.log("fmt")?)
            .args(arguments)
            .args(check)
            .args(&files)
            .folder(workspace.root())
            .run()?;
        if !ended.success {
            println!("{}", ended.tail(60));
        }
        all &= ended.success;
    }
    Ok(all)
}
