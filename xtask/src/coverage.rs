//! How much of each vendor's interface is served: the models against the dialects' own lists.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::workspace::Workspace;

/// The lists that a dialect keeps of what it does not do; they may only shrink.
const LISTS: &[&str] = &[
    "unimplemented",
    "ignored-parameters",
    "absent-response-keys",
];

/// Prints one row a dialect: operations in its model, served, and the length of each list.
///
/// # Errors
/// If a model cannot be read.
pub fn coverage_print(workspace: &Workspace) -> Result<()> {
    println!(
        "{:<10} {:>10} {:>7} {:>19} {:>21}",
        "dialect", "operations", "served", "ignored parameters", "absent response keys"
    );
    for cloud in workspace.clouds()? {
        let mut dialects: Vec<_> = fs::read_dir(cloud.join("coverage"))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<_>>()?;
        dialects.sort();
        for lists in dialects {
            let dialect = lists.file_name().unwrap_or_default().to_string_lossy();
            // A companion service's model stands in that of what is sold.
            let path = workspace.path(&format!("models/{dialect}.json"));
            if path.is_file() {
                dialect_print(&dialect, &path, &lists)?;
            }
        }
    }
    Ok(())
}

fn dialect_print(dialect: &str, model: &Path, lists: &Path) -> Result<()> {
    let text = fs::read_to_string(model).with_context(|| format!("reading {}", model.display()))?;
    let model: Value = serde_json::from_str(&text)?;
    let operations = model["operations"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    let [unimplemented, ignored, absent] = [0, 1, 2].map(|list| {
        let list = lists.join(format!("{}.txt", LISTS[list]));
        entries(&fs::read_to_string(list).unwrap_or_default())
    });
    let served = operations.saturating_sub(unimplemented);
    println!("{dialect:<10} {operations:>10} {served:>7} {ignored:>19} {absent:>21}");
    Ok(())
}

/// Lines that are neither empty nor comments.
fn entries(list: &str) -> usize {
    list.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .count()
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn comments_and_empty_lines_are_no_entries() {
        assert_eq!(
            entries("# why\n\nStopInstance\nReopenInstance  no engine support\n"),
            2
        );
    }
}
