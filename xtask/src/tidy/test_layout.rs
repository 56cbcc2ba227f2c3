//! Where tests stand: those of a module in `foo/tests.rs` beside `foo.rs`, or short at its end; those of a crate in one
//! binary, `tests/it`.

use super::Source;

/// Lines of a `mod tests` that is written out at the end of its module.
const INLINE_LINES_MAX: usize = 150;
/// What unit tests and examples may share with a crate's binary of tests.
const SHARED: &str = "tests/it/support";
/// What programs that send requests share with the broker: its table of them.
const SHARED_TABLE: &str = "protocol/shape/table.rs";

/// Finds tests that stand elsewhere.
pub(super) fn test_layout(source: &Source, found: &mut Vec<(usize, String)>) {
    if let Some(binary) = other_binary(source) {
        found.push((0, format!("{binary}: tests of a crate are one, tests/it")));
    }
    if !source.is_rust() {
        return;
    }
    if source.path.ends_with("_tests.rs") {
        found.push((0, "tests of foo.rs stand in foo/tests.rs".to_owned()));
    }
    let mut inline = None;
    for (index, line) in source.text.lines().enumerate() {
        let code = line.trim_start();
        let is_shared = code.contains(SHARED) || code.contains(SHARED_TABLE);
        if code.starts_with("#[path =") && !is_shared {
            found.push((index + 1, code.to_owned()));
        }
        match inline {
            None if line == "mod tests {" => inline = Some(index),
            Some(first) if line == "}" => {
                let lines = index + 1 - first;
                if lines > INLINE_LINES_MAX {
                    let text = format!("{lines} lines of tests, at most {INLINE_LINES_MAX} here");
                    found.push((first + 1, text));
                }
                inline = None;
            }
            _ => {}
        }
    }
}

/// The test binary besides `tests/it` that this file makes, as Cargo finds them.
fn other_binary(source: &Source) -> Option<&str> {
    if source.path.ends_with("Cargo.toml") {
        return source.text.lines().find(|line| *line == "[[test]]");
    }
    let (_, file) = source.path.split_once("/tests/")?;
    let is_root = match file.split_once('/') {
        None => file.ends_with(".rs"),
        Some((folder, file)) => file == "main.rs" && folder != "it",
    };
    let in_crate = source.path.starts_with("crates/") || source.path.starts_with("xtask/");
    (in_crate && is_root && !source.path.contains("/src/")).then_some(file)
}
