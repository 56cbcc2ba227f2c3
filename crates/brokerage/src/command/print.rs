//! Answers for people (aligned text) or programs (JSON).

use std::fmt::Display;
use std::io::Write;

use serde_json::Value;

/// Exit code of a program whose reader went away, as the shell counts signals.
const BROKEN_PIPE: i32 = 141;

/// Prints a line. When nobody reads any more (`| head`), the command has said enough.
pub fn line(text: impl Display) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(BROKEN_PIPE);
    }
}

/// Prints an answer: JSON on one line, an object as `key: value` lines, a list of objects as a table.
pub fn value(value: &Value, json: bool) {
    match value {
        _ if json => line(value),
        Value::Array(rows) => table(rows),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| line(format!("{key}: {}", text(value)))),
        other => line(text(other)),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Columns are the first row's keys, each as wide as its widest cell.
fn table(rows: &[Value]) {
    let Some(Value::Object(first)) = rows.first() else {
        return;
    };
    let heads: Vec<&String> = first.keys().collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| heads.iter().map(|head| text(&row[head.as_str()])).collect())
        .collect();
    let width = |at: usize| {
        cells
            .iter()
            .map(|row| row[at].chars().count())
            .chain([heads[at].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let row = |texts: Vec<&str>| {
        let padded: Vec<String> = texts
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}"))
            .collect();
        line(padded.join("  ").trim_end());
    };
    row(heads.iter().map(|head| head.as_str()).collect());
    cells
        .iter()
        .for_each(|cells| row(cells.iter().map(String::as_str).collect()));
}
