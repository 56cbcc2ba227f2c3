//! Which values of a catalog are our own choice, because no vendor page gives them.
//!
//! A table whose `source` is `"default"` is ours altogether; `defaults = ["key", …]` names single keys of a
//! table that are.

use super::load::Catalog;

/// The value of `source` that marks a table as ours.
pub(super) const OWN: &str = "default";

/// One value that is our own choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultValue {
    /// Where it stands, as `spec[professional/code].price[0].month`.
    pub key: String,
    /// The value as TOML text.
    pub value: String,
}

impl Catalog {
    /// Every value that is our own choice, in the order of the file: what an operator should look at first.
    pub fn defaults_report(&self) -> Vec<DefaultValue> {
        let mut report = Vec::new();
        walk_table(&self.tables, "", false, &mut report);
        report
    }

    /// What the sources named in the file are: key and title.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.file
            .sources
            .iter()
            .map(|(key, title)| (key.as_str(), title.as_str()))
    }
}

/// A table's place in the file: by its code, id or kind where it has one, else by its index.
pub(super) fn element_label(value: &toml::Value, index: usize) -> String {
    let text = |key: &str| value.get(key).and_then(toml::Value::as_str);
    match (
        text("edition"),
        text("code").or_else(|| text("id")),
        text("kind"),
    ) {
        (Some(edition), Some(code), _) => format!("{edition}/{code}"),
        (None, Some(code), _) => code.to_owned(),
        (_, None, Some(kind)) => format!("{kind} {index}"),
        _ => index.to_string(),
    }
}

fn walk_table(table: &toml::Table, at: &str, ours: bool, report: &mut Vec<DefaultValue>) {
    let ours = match table.get("source").and_then(toml::Value::as_str) {
        Some(source) => source == OWN,
        None => ours,
    };
    let own_keys = table.get("defaults").and_then(toml::Value::as_array);
    for (key, value) in table {
        let documents = key == "source" || key == "defaults" || (at.is_empty() && key == "sources");
        if documents || names_the_row(key, at) {
            continue;
        }
        let named = own_keys.is_some_and(|keys| keys.iter().any(|own| own.as_str() == Some(key)));
        let path = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        walk_value(value, &path, ours || named, report);
    }
}

/// Keys that say which row it is and are no choice of anybody.
fn names_the_row(key: &str, at: &str) -> bool {
    !at.is_empty() && matches!(key, "code" | "id" | "edition" | "kind" | "site" | "group")
}

fn walk_value(value: &toml::Value, path: &str, ours: bool, report: &mut Vec<DefaultValue>) {
    match value {
        toml::Value::Table(table) => walk_table(table, path, ours, report),
        toml::Value::Array(values) if values.iter().any(toml::Value::is_table) => {
            for (index, element) in values.iter().enumerate() {
                walk_value(
                    element,
                    &format!("{path}[{}]", element_label(element, index)),
                    ours,
                    report,
                );
            }
        }
        scalar if ours => report.push(DefaultValue {
            key: path.to_owned(),
            value: toml_text(scalar),
        }),
        _ => {}
    }
}

fn toml_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("{text:?}"),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Array(values) => {
            format!(
                "[{}]",
                values.iter().map(toml_text).collect::<Vec<_>>().join(", ")
            )
        }
        // A catalog has no other scalar: the schema refuses floats and dates.
        other => format!("{other:?}"),
    }
}
