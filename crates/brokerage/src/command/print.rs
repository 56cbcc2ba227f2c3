//! Answers for people (aligned text) or programs (JSON).

use serde_json::Value;

/// Prints an answer: JSON on one line, an object as `key: value` lines, a list of objects as a table.
pub fn value(value: &Value, json: bool) {
    match value {
        _ if json => println!("{value}"),
        Value::Array(rows) => table(rows),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| println!("{key}: {}", text(value))),
        other => println!("{}", text(other)),
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
    let line = |texts: Vec<&str>| {
        let padded: Vec<String> = texts
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}"))
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(heads.iter().map(|head| head.as_str()).collect());
    cells
        .iter()
        .for_each(|row| line(row.iter().map(String::as_str).collect()));
}
