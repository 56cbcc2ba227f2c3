//! How much of each vendor's interface is served: what the files of its calls say.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml::Table;

use crate::workspace::Workspace;

/// What the files of a dialect say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Coverage {
    operations: usize,
    served: usize,
    ignored: usize,
    absent: usize,
}

/// Prints one row a dialect: its operations, those that are served, and how much of them is not.
///
/// # Errors
/// If a file of calls cannot be read.
pub fn coverage_print(workspace: &Workspace) -> Result<()> {
    println!(
        "{:<10} {:>10} {:>7} {:>19} {:>21}",
        "dialect", "operations", "served", "ignored parameters", "absent response keys"
    );
    for cloud in workspace.clouds()? {
        for dialect in entries(&cloud.join("calls"))? {
            let mut coverage = Coverage::default();
            for file in entries(&dialect)? {
                let text = fs::read_to_string(&file)?;
                let file = text.parse().with_context(|| file.display().to_string())?;
                coverage.add(&file);
            }
            let name = dialect.file_name().unwrap_or_default().to_string_lossy();
            let Coverage {
                operations,
                served,
                ignored,
                absent,
            } = coverage;
            println!("{name:<10} {operations:>10} {served:>7} {ignored:>19} {absent:>21}");
        }
    }
    Ok(())
}

/// What lies in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let paths = listed.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

impl Coverage {
    fn add(&mut self, file: &Table) {
        let length = |list: &str| {
            let list = file.get(list).and_then(|list| list.as_table());
            list.map_or(0, |list| list.len())
        };
        self.operations += 1;
        self.served += usize::from(!file.contains_key("unserved"));
        self.ignored += length("ignored");
        self.absent += length("absent");
    }
}

#[cfg(test)]
mod tests {
    use super::Coverage;

    #[test]
    fn what_is_not_served_and_each_line_of_a_list_count() {
        let mut coverage = Coverage::default();
        for file in [
            "unserved = \"later: why\"",
            "[[call]]\n[ignored]\nA = \"never: why\"\n\"A.B\" = \"never: why\"\n[absent]\nC = \"later: why\"",
        ] {
            coverage.add(&file.parse().expect("it is TOML"));
        }
        let expected = Coverage {
            operations: 2,
            served: 1,
            ignored: 2,
            absent: 1,
        };
        assert_eq!(coverage, expected);
    }
}
