//! Answers for people (aligned text) or programs (JSON).

use std::fmt::Display;
use std::io::Write;

use serde_json::Value;

/// Exit code of a program whose reader went away, as the shell counts signals.
const BROKEN_PIPE: i32 = 141;

/// Prints a line of ours. When nobody reads any more (`| head`), the command has said enough.
pub fn line(text: impl Display) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(BROKEN_PIPE);
    }
}

/// Prints an answer: JSON on one line, an object as `key: value` lines, a list of objects as a table.
pub fn value(value: &Value, json: bool) {
    match value {
        _ if json => line(json_text(value)),
        Value::Array(rows) => table(rows),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| line(format!("{key}: {}", text(value)))),
        other => line(text(other)),
    }
}

/// Text that callers chose (names, ids, paths, messages), as one line on which nothing moves a terminal: what is not
/// shown as a character of its own is written as its escape.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut line, character| {
        match is_unseen(character) {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
        line
    })
}

/// Control characters, ends of lines, and those that turn the direction of what follows.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    ) || character.is_control()
}

/// JSON in which also the control characters that JSON allows are escaped.
fn json_text(value: &Value) -> String {
    let escape = |character: char| format!("\\u{:04x}", u32::from(character));
    let text = value.to_string();
    text.chars().fold(String::new(), |mut line, character| {
        match is_unseen(character) {
            true => line.push_str(&escape(character)),
            false => line.push(character),
        }
        line
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => "-".to_owned(),
        other => escaped(&other.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_chose_cannot_move_the_terminal() {
        for (text, expected) in [
            ("prod-1", "prod-1"),
            ("größe 値", "größe 値"),
            ("a\nok  200", "a\\nok  200"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("a\u{202e}b\u{2028}c", "a\\u{202e}b\\u{2028}c"),
        ] {
            assert_eq!(escaped(text), expected);
            let value = Value::from(text);
            let json = json_text(&value);
            assert!(!json.chars().any(is_unseen), "{json}");
            let read: Value = serde_json::from_str(&json).expect("it is still JSON");
            assert_eq!(read, value);
        }
    }
}
