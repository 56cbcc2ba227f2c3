//! Answers for people (aligned text, as wide as the terminal) or programs (JSON).

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{LazyLock, OnceLock};

use brokerage_domain::clock::{Clock, Moment, SystemClock};
use serde_json::{Map, Value};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Exit code of a program whose reader went away, as the shell counts signals.
const BROKEN_PIPE: i32 = 141;
/// Exit code of what failed.
const FAILED: i32 = 1;
/// Columns that tables fit into where no terminal says how many it has.
const WIDTH: usize = 100;
/// Columns that they take of a terminal, at least: narrower, lines that wrap are read more easily than what is left of
/// texts.
const WIDTH_MIN: usize = 80;
/// Columns that a text which gives way keeps.
const GIVING_WIDTH_MIN: usize = 8;
/// What stands between columns.
const GAP: &str = "  ";
/// What stands for a value that is not there.
const NOTHING: &str = "-";
/// What stands for the end of a text that gave way.
const CUT: &str = "…";

/// How a column's values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names of things, whole in any case: they are what is typed next.
    Id,
    /// As they are; cut where giving way of the others is not enough.
    Text,
    /// As they are; cut where the table would be too wide.
    Giving,
    /// Figures, at the right.
    Figure,
    /// A time, by how long ago it was.
    Age,
    /// How something is: good, on its way, or bad.
    State,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// What stands above it.
    pub head: &'static str,
    /// The member that it shows.
    pub key: &'static str,
    /// How.
    pub kind: Kind,
}

/// A column.
pub const fn column(head: &'static str, key: &'static str, kind: Kind) -> Column {
    Column { head, key, kind }
}

/// What is told beside an answer that cannot be written.
static IF_UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Says what becomes of an answer that is told only once, should it not be written.
pub fn if_unwritten(text: String) {
    drop(IF_UNWRITTEN.set(text));
}

/// Prints a line of ours. When nobody reads any more (`| head`), the command has said enough.
pub fn line(text: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        unwritten(&error);
    }
}

/// Ends a program whose answer cannot be written: quietly where its reader went away, and with a word where its answer
/// is lost, as on a full disk.
pub fn unwritten(error: &io::Error) -> ! {
    let lost = IF_UNWRITTEN.get().map(|text| escaped(text));
    if error.kind() == io::ErrorKind::BrokenPipe {
        lost.into_iter().for_each(aside);
        std::process::exit(BROKEN_PIPE);
    }
    let lost = lost.map_or_else(String::new, |text| format!("; {text}"));
    aside(format!("brokerage: standard output: {error}{lost}"));
    std::process::exit(FAILED)
}

/// Prints a line for people beside the answer; nobody has to read it.
pub fn aside(text: impl Display) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Prints an answer: JSON on one line, a list as a table of these columns, an object as a line for each member and a
/// table for each list in it. What the server warns of goes beside it.
pub fn value(value: &Value, json: bool, columns: &[Column]) {
    if json {
        return line(json_text(value));
    }
    match value {
        Value::Array(rows) => table(rows, columns),
        Value::Object(fields) => record(fields),
        other => line(text(other)),
    }
    if let Some(warning) = value.get("warning").and_then(Value::as_str) {
        aside(format!("warning: {}", escaped(warning)));
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

/// Text of ours in which callers' may be: lines behind the first are set in, so that none looks like a text of its own.
pub fn escaped_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escaped).collect();
    lines.join("\n  ")
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
        Value::String(text) if text.is_empty() => NOTHING.to_owned(),
        Value::String(text) => escaped(text),
        Value::Null => NOTHING.to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) => listed(items.iter().map(text)),
        Value::Object(fields) => listed(
            fields
                .iter()
                .map(|(key, value)| format!("{}={}", escaped(key), text(value))),
        ),
        Value::Number(number) => number.to_string(),
    }
}

fn listed(texts: impl Iterator<Item = String>) -> String {
    match texts.collect::<Vec<_>>().join(", ").as_str() {
        "" => NOTHING.to_owned(),
        texts => texts.to_owned(),
    }
}

/// How long ago a time was: `12 s`, `5 min`, `3 h`, `40 d`.
fn age(value: &Value, now: Moment) -> String {
    let at = value.as_str().and_then(Moment::from_iso);
    let Some(at) = at else { return text(value) };
    let seconds = (now.seconds() - at.seconds()).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Bytes in the unit that people read them in: `1.5 GiB`.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut at = 0;
    let mut tenths = u128::from(count) * 10;
    while tenths >= 10_240 && at + 1 < UNITS.len() {
        tenths /= 1_024;
        at += 1;
    }
    match (at, tenths % 10) {
        (0, _) | (_, 0) => format!("{} {}", tenths / 10, UNITS[at]),
        (_, tenth) => format!("{}.{tenth} {}", tenths / 10, UNITS[at]),
    }
}

/// A member of an object, with its unit where its name says one.
fn member(key: &str, value: &Value) -> String {
    match value.as_u64() {
        Some(count) if key.ends_with("_bytes") => bytes(count),
        _ => text(value),
    }
}

/// Whether a value is a table of its own.
fn is_table(value: &Value) -> bool {
    let rows = value.as_array();
    rows.is_some_and(|rows| !rows.is_empty() && rows.iter().all(Value::is_object))
}

fn record(fields: &Map<String, Value>) {
    let shown = || {
        let fields = fields.iter();
        fields.filter(|(key, value)| *key != "warning" && !is_table(value))
    };
    let width = shown().map(|(key, _)| key.width()).max().unwrap_or(0);
    for (key, value) in shown() {
        line(format!("{key:<width$}{GAP}{}", member(key, value)));
    }
    for (key, value) in fields.iter().filter(|(_, value)| is_table(value)) {
        let rows = value.as_array().map_or(&[][..], Vec::as_slice);
        line(format!("\n{}", styled(BOLD, key)));
        let heads = rows.first().and_then(Value::as_object);
        let heads = heads.into_iter().flat_map(Map::keys);
        let kind = |key: &str| match rows.iter().all(|row| row[key].is_number()) {
            true => Kind::Figure,
            false if key.ends_with("_id") => Kind::Id,
            false => Kind::Giving,
        };
        let columns: Vec<(&str, &str, Kind)> = heads
            .map(|key| (key.as_str(), key.as_str(), kind(key)))
            .collect();
        print_table(rows, &columns);
    }
}

fn table(rows: &[Value], columns: &[Column]) {
    let columns: Vec<(&str, &str, Kind)> = columns
        .iter()
        .map(|column| (column.head, column.key, column.kind))
        .collect();
    print_table(rows, &columns);
}

fn print_table(rows: &[Value], columns: &[(&str, &str, Kind)]) {
    if rows.is_empty() {
        return aside("there is none");
    }
    let is_empty = |(_, key, kind): &(&str, &str, Kind)| {
        *kind == Kind::Giving && rows.iter().all(|row| text(&row[*key]) == NOTHING)
    };
    let columns: Vec<(&str, &str, Kind)> = columns
        .iter()
        .copied()
        .filter(|column| !is_empty(column))
        .collect();
    let now = SystemClock.now();
    for (at, row) in laid_out(rows, &columns, (now, width()))
        .into_iter()
        .enumerate()
    {
        line(match at {
            0 => styled(BOLD, &row),
            _ => row,
        });
    }
}

/// The lines of a table that has room for so many columns of text, its head first.
fn laid_out(
    rows: &[Value],
    columns: &[(&str, &str, Kind)],
    (now, width): (Moment, usize),
) -> Vec<String> {
    let cell = |row: &Value, (_, key, kind): &(&str, &str, Kind)| match kind {
        Kind::Age => age(&row[*key], now),
        _ => text(&row[*key]),
    };
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|column| cell(row, column)).collect())
        .collect();
    let widths = widths(&cells, columns, width);
    let row = |texts: Vec<&str>, is_head: bool| {
        let mut line = String::new();
        for ((text, width), (at, (.., kind))) in
            texts.iter().zip(&widths).zip(columns.iter().enumerate())
        {
            if at > 0 {
                line.push_str(GAP);
            }
            let text = cut(text, *width);
            let room = " ".repeat(width.saturating_sub(text.width()));
            let shown = match kind {
                Kind::State if !is_head => styled(state_style(&text), &text),
                _ => text,
            };
            match kind {
                Kind::Figure => line.extend([room, shown]),
                _ => line.extend([shown, room]),
            }
        }
        line.trim_end().to_owned()
    };
    let heads = columns.iter().map(|(head, ..)| *head).collect();
    let body = cells
        .iter()
        .map(|cells| cells.iter().map(String::as_str).collect());
    std::iter::once(row(heads, true))
        .chain(body.map(|cells| row(cells, false)))
        .collect()
}

/// Each column as wide as its widest cell; those that give way narrower, the widest first, until the table fits. When
/// that is not enough, texts do, too; figures and ids are always whole.
fn widths(cells: &[Vec<String>], columns: &[(&str, &str, Kind)], room: usize) -> Vec<usize> {
    let widest = |at: usize| {
        let widths = cells.iter().map(|row| row[at].width());
        widths.chain([columns[at].0.width()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    for kind in [Kind::Giving, Kind::Text] {
        while widths.iter().sum::<usize>() + gaps > room {
            let giving = widths.iter_mut().zip(columns);
            let giving = giving
                .filter(|(width, (.., own))| *own == kind && **width > GIVING_WIDTH_MIN)
                .max_by_key(|(width, _)| **width);
            let Some((width, _)) = giving else { break };
            *width -= 1;
        }
    }
    widths
}

/// Columns that a table has: the terminal's, where there is one.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    match size.map(|size| usize::from(size.ws_col)) {
        Ok(columns @ 1..) => columns.max(WIDTH_MIN),
        _ => WIDTH,
    }
}

/// The beginning of a text that is no wider.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(CUT.width());
    let mut used = 0;
    let kept = text.chars().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= room
    });
    kept.chain(CUT.chars()).collect()
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

fn state_style(state: &str) -> &'static str {
    match state {
        "running" | "ok" | "fulfilled" | "Stable" | "yes" => GREEN,
        "failed" | "unreadable" | "suspended" | "needs_operator" | "Dead" | "no" => RED,
        _ => YELLOW,
    }
}

/// Whether colours are wanted: on a terminal that has some, unless its user says otherwise (no-color.org).
static COLOURED: LazyLock<bool> = LazyLock::new(|| {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
});

/// A text in a style, where colours are wanted.
pub fn styled(style: &str, text: &str) -> String {
    match *COLOURED {
        true => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            let faked = format!("failed: {text}\r\nbrokerage: done");
            let told = escaped_lines(&faked);
            assert!(told.ends_with("\n  brokerage: done"), "{told}");
            assert!(!told.replace('\n', "").chars().any(is_unseen), "{told}");
            let value = Value::from(text);
            let json = json_text(&value);
            assert!(!json.chars().any(is_unseen), "{json}");
            let read: Value = serde_json::from_str(&json).expect("it is still JSON");
            assert_eq!(read, value);
        }
    }

    #[test]
    fn wide_characters_take_two_columns_and_long_texts_give_way() {
        let rows = [
            json!({"id": "a", "name": "订单", "age": "1970-01-01T00:00:00Z", "n": 7}),
            json!({"id": "bb", "name": "x".repeat(200), "age": "1969-12-31T23:00:00Z", "n": 1234}),
        ];
        let columns = [
            ("id", "id", Kind::Text),
            ("name", "name", Kind::Giving),
            ("age", "age", Kind::Age),
            ("n", "n", Kind::Figure),
        ];
        let at = |width| laid_out(&rows, &columns, (Moment::from_seconds(59), width));
        for width in [80, WIDTH, 150] {
            let widths: Vec<usize> = at(width).iter().map(|line| line.width()).collect();
            assert_eq!(widths, [width; 3], "{:#?}", at(width));
        }
        let wide = at(300);
        assert!(wide[2].contains(&"x".repeat(200)), "{wide:#?}");
        let lines = at(WIDTH);
        assert!(lines[1].starts_with("a   订单  "), "{}", lines[1]);
        assert!(lines[1].ends_with("59 s     7"), "{}", lines[1]);
        assert!(lines[2].contains("x…  1 h   1234"), "{}", lines[2]);
    }

    #[test]
    fn ids_are_whole_whatever_room_there_is() {
        let id = "subnet-".repeat(10);
        let rows = [json!({"id": id, "name": "x".repeat(60), "zone": "y".repeat(60)})];
        let columns = [
            ("id", "id", Kind::Id),
            ("name", "name", Kind::Giving),
            ("zone", "zone", Kind::Text),
        ];
        let lines = laid_out(&rows, &columns, (Moment::from_seconds(0), 80));
        assert_eq!(lines[1], format!("{id}  xxxxxxx…  yyyyyyy…"));
    }

    #[test]
    fn bytes_have_units() {
        for (count, expected) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            (3 << 30, "3 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }
}
