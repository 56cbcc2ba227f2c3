//! `docs/limits.md`: everything that a peer can make grow has a named bound, and this page lists each, out of the code.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// The page.
const PAGE: &str = "docs/limits.md";
/// Ends of the names of bounds.
const ENDS: [&str; 3] = ["_MAX", "_TIMEOUT", "_LIMIT"];
/// Crates that no peer reaches.
const NOT_SERVED: [&str; 3] = ["engine-apache", "operation-list", "testkit"];

const HEAD: &str = "\
# Limits

Everything that a caller, a Kafka client or an operator can make grow has a named bound. This page is made of the code:
`cargo xtask limits` writes it, and the step `limits` of the tests fails when a bound is missing here, or has no word about
what it bounds. What Kafka or a vendor bounds by its own rules (sizes of topics, of names, of what is bought) stands beside it.
";

/// One bound.
#[derive(Debug, PartialEq, Eq)]
struct Bound {
    name: String,
    value: String,
    about: String,
}

/// The bounds of one file; those in its tests are nobody's.
fn bounds_of(text: &str) -> Vec<Bound> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut bounds = Vec::new();
    let mut about = String::new();
    // What is said of a constant holds for those right behind it that say nothing.
    let mut said = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(doc) = line.strip_prefix("///") {
            about.push_str(doc);
            continue;
        }
        if line.starts_with("#[") {
            continue;
        }
        let mut declared = line.to_owned();
        if const_name(line).is_none() {
            said.clear();
        } else if !about.is_empty() {
            said.clone_from(&about);
        }
        if let Some(name) = const_name(line).filter(|name| is_bound(name)) {
            while !declared.ends_with(';') {
                let Some(more) = lines.next() else { break };
                declared.push(' ');
                declared.push_str(more.trim());
            }
            let value = declared.split_once('=').map_or("", |(_, value)| value);
            bounds.push(Bound {
                name: name.to_owned(),
                value: value.trim().trim_end_matches(';').to_owned(),
                about: said.split_whitespace().collect::<Vec<_>>().join(" "),
            });
        }
        about.clear();
    }
    bounds
}

fn const_name(line: &str) -> Option<&str> {
    let is_public = line.starts_with("pub");
    let rest = match is_public {
        true => line.split_once(' ')?.1,
        false => line,
    };
    let (name, _) = rest.strip_prefix("const ")?.split_once(':')?;
    Some(name)
}

fn is_bound(name: &str) -> bool {
    ENDS.iter().any(|end| name.ends_with(end))
}

/// Source files below a folder, in order; tests are left out.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path)?);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The page as it should be, and the bounds that have no word about them.
fn page(workspace: &Workspace) -> Result<(String, Vec<String>)> {
    let (mut page, mut silent) = (HEAD.to_owned(), Vec::new());
    let mut crates: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(workspace.path("crates"))? {
        crates.push(entry?.path());
    }
    crates.sort();
    for folder in crates {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if NOT_SERVED.contains(&&*name) || !folder.join("src").is_dir() {
            continue;
        }
        let mut rows = String::new();
        for file in sources(&folder.join("src"))? {
            let inside = file.strip_prefix(folder.join("src")).unwrap_or(&file);
            for bound in bounds_of(&fs::read_to_string(&file)?) {
                if bound.about.is_empty() {
                    silent.push(format!("{name}/src/{}: {}", inside.display(), bound.name));
                }
                let Bound { name, value, about } = bound;
                let about = about.replace('|', "\\|");
                let file = inside.display();
                writeln!(rows, "| `{name}` | `{value}` | {about} | `{file}` |")?;
            }
        }
        if !rows.is_empty() {
            let head = "| bound | value | what it bounds | file |\n| --- | --- | --- | --- |";
            write!(page, "\n## {name}\n\n{head}\n{rows}")?;
        }
    }
    Ok((page, silent))
}

/// Writes the page. Whether it was the same before.
///
/// # Errors
/// If a file cannot be read or written.
pub fn limits_write(workspace: &Workspace) -> Result<bool> {
    let (page, _) = page(workspace)?;
    let path = workspace.path(PAGE);
    let is_same = fs::read_to_string(&path).is_ok_and(|before| before == page);
    fs::write(&path, page)?;
    Ok(is_same)
}

/// What is wrong with the page: nothing, if it is what the code says and each bound says what it bounds.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn limits_check(workspace: &Workspace) -> Result<Vec<String>> {
    let (page, mut wrong) = page(workspace)?;
    wrong
        .iter_mut()
        .for_each(|bound| bound.push_str(" has no word about what it bounds"));
    let written = fs::read_to_string(workspace.path(PAGE)).unwrap_or_default();
    if written != page {
        let is_new = |line: &&str| !written.lines().any(|known| known == *line);
        let missing = page.lines().filter(is_new).map(str::to_owned);
        wrong.extend(missing);
        wrong.push(format!(
            "{PAGE} is not what the code says: cargo xtask limits"
        ));
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_found_with_what_they_bound() {
        let text = "\
/// Rows of one page,
/// at most.
pub(crate) const ROWS_MAX: usize = 8 * 1024;
/// No bound.
const PAGE: &str = \"x\";
/// Longest wait.
const WAIT_TIMEOUT: Duration =
    Duration::from_secs(1);
/// The first, and the most.
const FIRST: u8 = 1;
const SECOND_MAX: u8 = 2;

const SILENT_MAX: u8 = 1;
#[cfg(test)]
mod tests {
    /// Nobody's.
    const TRIES_MAX: usize = 1;
}
";
        let found = bounds_of(text);
        let bound = |name: &str, value: &str, about: &str| Bound {
            name: name.to_owned(),
            value: value.to_owned(),
            about: about.to_owned(),
        };
        let expected = [
            bound("ROWS_MAX", "8 * 1024", "Rows of one page, at most."),
            bound("WAIT_TIMEOUT", "Duration::from_secs(1)", "Longest wait."),
            bound("SECOND_MAX", "2", "The first, and the most."),
            bound("SILENT_MAX", "1", ""),
        ];
        assert_eq!(found, expected);
    }
}
