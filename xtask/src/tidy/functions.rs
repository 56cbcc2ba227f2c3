//! How long a function may be.

use super::{ForTests, Source};

/// Lines of a function, from `fn` to its closing brace: what a screen shows at once.
const LINES_MAX: usize = 70;
/// Lines of a function for tests, which may be a table that is read row by row.
const TEST_LINES_MAX: usize = 160;

/// Finds functions that are longer.
pub(super) fn long_functions(source: &Source, found: &mut Vec<(usize, String)>) {
    if !source.is_rust() {
        return;
    }
    let in_test_file = source.is_for_tests();
    let mut for_tests = ForTests::default();
    let mut open: Vec<Function> = Vec::new();
    for (number, line) in source.all_code() {
        let code = line.trim();
        let indent = line.len() - line.trim_start().len();
        let in_tests = for_tests.has(line) || in_test_file;
        if let Some(function) = open.pop_if(|function| function.indent == indent && ends(code)) {
            let lines = number + 1 - function.line;
            let most = if in_tests { TEST_LINES_MAX } else { LINES_MAX };
            if !code.ends_with(';') && lines > most {
                let text = format!("{} has {lines} lines, at most {most}", function.name);
                found.push((function.line, text));
            }
        }
        if let Some(name) = declared(code).filter(|_| !code.ends_with([';', '}'])) {
            let name = name.to_owned();
            open.push(Function {
                name,
                line: number,
                indent,
            });
        }
    }
}

/// A function that has begun.
struct Function {
    name: String,
    line: usize,
    indent: usize,
}

/// Whether a line at a function's own indentation ends it: its body, or the signature of one that has none.
fn ends(code: &str) -> bool {
    let is_signature = code.starts_with([')', '-']);
    code.starts_with('}') || (is_signature && code.ends_with(';'))
}

/// The name of the function that a line begins.
fn declared(code: &str) -> Option<&str> {
    let (before, rest) = code.split_once("fn ")?;
    let modifiers = before
        .split_whitespace()
        .all(|word| word.starts_with("pub") || MODIFIERS.contains(&word));
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    (modifiers && end > 0).then(|| &rest[..end])
}

/// What may stand before `fn`.
const MODIFIERS: &[&str] = &[
    "const", "async", "unsafe", "extern", "\"C\"", "crate)", "super)", "self)", "in",
];
