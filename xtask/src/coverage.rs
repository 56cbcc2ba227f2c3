//! How much of each vendor's interface is served: the models against the dialects' own lists.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::workspace::Workspace;

/// The dialects: model and folder.
const DIALECTS: &[&str] = &["alikafka", "bss", "ckafka", "jdkafka"];
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
    for dialect in DIALECTS {
        let path = workspace.path(&format!("models/{dialect}.json"));
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let model: Value = serde_json::from_str(&text)?;
        let operations = model["operations"]
            .as_object()
            .map_or(0, serde_json::Map::len);
        let [unimplemented, ignored, absent] = [0, 1, 2].map(|list| {
            let folder = format!("crates/dialects/coverage/{dialect}/{}.txt", LISTS[list]);
            entries(&fs::read_to_string(workspace.path(&folder)).unwrap_or_default())
        });
        let served = operations.saturating_sub(unimplemented);
        println!("{dialect:<10} {operations:>10} {served:>7} {ignored:>19} {absent:>21}");
    }
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
