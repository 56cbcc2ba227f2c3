//! A dialect's table held against the machine-readable model of the vendor's API.
//!
//! What the table does not serve, ignores or leaves out of answers stands in committed lists
//! (`coverage/<dialect>/` of the cloud's crate). The lists have to match exactly, so that they are the honest coverage and
//! can only shrink: [`assert_listed`] fails on a missing line and on a stale one.
//!
//! | list | holds | one line |
//! | --- | --- | --- |
//! | `unimplemented.txt` | operations of the model without a row: [`Conformance::unimplemented`] | `Operation: later: reason` |
//! | `ignored-parameters.txt` | parameters without effect: [`Conformance::ignored`] | `Operation.Param: never: reason` |
//! | `absent-response-keys.txt` | keys of the model that no answer carried: [`Answers::absent`] | `Operation.Key.Key: never: reason` |

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use brokerage_domain::cluster_settings::SettingName;
use brokerage_wire::operation::{Row, Table};
use brokerage_wire::params::{Param, ParamError};
use serde_json::Value;

pub use model::{Field, Model, ModelOperation, Shape};

/// Most lines that a failing comparison prints.
const SHOWN_MAX: usize = 100;

/// The parameters, as `Operation.Param`, that choose a setting of the cluster which the engine does not put in force.
pub fn settings_without_effect(
    parameters: &[(&str, SettingName)],
    in_force: &[SettingName],
) -> BTreeSet<String> {
    let without = parameters
        .iter()
        .filter(|(_, setting)| !in_force.contains(setting));
    without.map(|(name, _)| (*name).to_owned()).collect()
}

/// A table and the model of the same API.
pub struct Conformance {
    /// What is served.
    pub table: &'static Table,
    /// What the vendor has.
    pub model: Model,
}

impl Conformance {
    /// Operations of the model that the table does not serve.
    ///
    /// # Panics
    /// Where the table serves one that the model does not have.
    pub fn unimplemented(&self) -> BTreeSet<String> {
        for row in self.table.rows {
            assert!(
                self.model.operation(row.name).is_some(),
                "the model has no operation {}",
                row.name
            );
        }
        let names = self.model.operations.keys();
        names
            .filter(|name| self.table.row(name).is_none())
            .cloned()
            .collect()
    }

    /// Parameters that are accepted without effect, as `Operation.Param`: each row is given a request with every
    /// parameter of the model, and what its request type does not read, or reads as ignored, is found.
    ///
    /// # Panics
    /// Where such a request is refused, or where a dialect that refuses unknown parameters does not know one.
    pub fn ignored(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (row, operation) in self.rows() {
            let request = operation.request_sample();
            let prepared = match (row.prepare)(&request, self.table.index_base) {
                Ok(prepared) => prepared,
                Err(fault) => panic!(
                    "{} with every parameter of the model is refused: {fault}",
                    row.name
                ),
            };
            assert_eq!(
                self.table.unknown.refused(prepared.unknown()),
                None,
                "{} refuses this parameter of the model",
                row.name
            );
            for name in prepared.unknown().iter().chain(prepared.ignored()) {
                // Items of lists are named once: `Tags.0.TagKey` is `Tags.TagKey`.
                let parts = name
                    .split('.')
                    .filter(|part| !part.bytes().all(|byte| byte.is_ascii_digit()));
                found.insert(format!(
                    "{}.{}",
                    row.name,
                    parts.collect::<Vec<_>>().join(".")
                ));
            }
        }
        found
    }

    /// Asserts that a request without one of the model's required parameters is refused while it is read, by an
    /// error that names the parameter. `elsewhere` holds those, as `Operation.Param`, that are checked later (a path
    /// without them leads nowhere, or the vendor has a code of its own): the caller tests them through the gateway.
    ///
    /// # Panics
    /// Where it is not, and where a line of `elsewhere` is stale.
    pub fn assert_required(&self, elsewhere: &[&str]) {
        let mut tolerated = BTreeSet::new();
        for (row, operation) in self.rows() {
            for path in operation.required_paths() {
                let mut request = operation.request_sample();
                remove(&mut request, &path);
                let refused = (row.prepare)(&request, self.table.index_base).map(|_| ());
                let last = path.last().expect("a path has a part");
                match refused {
                    Err(ParamError::Missing { name }) if name.rsplit('.').next() == Some(last) => {}
                    Err(other) => panic!("{} without {path:?}: {other}", row.name),
                    Ok(()) => {
                        tolerated.insert(format!("{}.{}", row.name, path.join(".")));
                    }
                }
            }
        }
        let expected: BTreeSet<String> = elsewhere.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            tolerated, expected,
            "parameters that the model requires and the request type does not"
        );
    }

    fn rows(&self) -> impl Iterator<Item = (&'static Row, &ModelOperation)> {
        let rows = self.table.rows.iter();
        rows.filter_map(|row| Some((row, self.model.operation(row.name)?)))
    }
}

/// Takes a member out of a request; of lists, out of the first item.
fn remove(request: &mut Param, path: &[String]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut place = request;
    for part in parents {
        let Param::Object(members) = place else {
            return;
        };
        let Some(member) = members.get_mut(part) else {
            return;
        };
        place = match member {
            Param::List(items) => items.first_mut().expect("a sample list has an item"),
            other => other,
        };
    }
    place.remove(last);
}

/// What the answers of a test run carried, by operation.
#[derive(Default)]
pub struct Answers {
    /// Per operation, the paths of keys with a value.
    seen: BTreeMap<String, BTreeSet<String>>,
}

impl Answers {
    /// Takes down an answer without its envelope, and holds its keys and types against the model.
    ///
    /// # Panics
    /// Where the answer has a key that the model does not have, or a value of another type.
    pub fn record(&mut self, model: &Model, operation: &str, answer: &Value) {
        let Some(of_model) = model.operation(operation) else {
            panic!("the model has no operation {operation}")
        };
        let seen = self.seen.entry(operation.to_owned()).or_default();
        walk(operation, &of_model.response, answer, seen);
    }

    /// Keys of the model that no recorded answer carried with a value other than null, for each row of the table. Of
    /// an absent object only the object is named.
    ///
    /// # Panics
    /// Where a row was never answered: the test has to make each call once.
    pub fn absent(&self, conformance: &Conformance) -> BTreeSet<String> {
        let mut absent = BTreeSet::new();
        for (row, operation) in conformance.rows() {
            let Some(seen) = self.seen.get(row.name) else {
                panic!("no answer of {} was recorded", row.name)
            };
            missing(row.name, &operation.response, seen, &mut absent);
        }
        absent
    }
}

fn walk(path: &str, shape: &Shape, value: &Value, seen: &mut BTreeSet<String>) {
    if value.is_null() {
        return;
    }
    seen.insert(path.to_owned());
    match (shape, value) {
        (Shape::Object(fields), Value::Object(members)) => {
            for (name, member) in members {
                let path = format!("{path}.{name}");
                let Some(field) = fields.iter().find(|field| field.name == *name) else {
                    panic!("{path} is answered, and the model does not have it");
                };
                walk(&path, &field.shape, member, seen);
            }
        }
        (Shape::List(item), Value::Array(values)) => values
            .iter()
            .for_each(|value| walk(path, item, value, seen)),
        (shape, value) => assert!(
            shape.fits(value),
            "{path} is {value}, and the model has {shape:?}"
        ),
    }
}

fn missing(path: &str, shape: &Shape, seen: &BTreeSet<String>, absent: &mut BTreeSet<String>) {
    if !seen.contains(path) {
        absent.insert(path.to_owned());
        return;
    }
    let mut inner = shape;
    while let Shape::List(item) = inner {
        inner = item;
    }
    if let Shape::Object(fields) = inner {
        for field in fields {
            missing(
                &format!("{path}.{}", field.name),
                &field.shape,
                seen,
                absent,
            );
        }
    }
}

/// Asserts that what was found is what the committed list holds. Empty lines and lines that begin with `#` do not
/// count; what follows `: ` is a reason. With `BROKERAGE_WRITE_COVERAGE=1` in the environment the list is written
/// anew instead, known reasons kept.
///
/// # Panics
/// On a missing line, a stale line, a line given twice, or a line without its reason.
pub fn assert_listed(list: &Path, found: &BTreeSet<String>) {
    let text = std::fs::read_to_string(list).unwrap_or_default();
    let mut listed = BTreeMap::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (name, reason) = line.split_once(": ").unwrap_or((line, ""));
        assert!(
            listed.insert(name.to_owned(), reason.to_owned()).is_none(),
            "{}: {name} is there twice",
            list.display()
        );
    }
    if std::env::var_os("BROKERAGE_WRITE_COVERAGE").is_some() {
        write(list, &text, &listed, found);
        return;
    }
    let show = |names: Vec<&String>| {
        names
            .iter()
            .take(SHOWN_MAX)
            .map(|name| format!("\n  {name}"))
            .collect::<String>()
    };
    let unlisted = show(
        found
            .iter()
            .filter(|name| !listed.contains_key(*name))
            .collect(),
    );
    let stale = show(
        listed
            .keys()
            .filter(|name| !found.contains(*name))
            .collect(),
    );
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "{}: add these lines, or better serve them:{unlisted}\nremove these lines, they are served now:{stale}",
        list.display()
    );
    let bare = show(
        listed
            .iter()
            .filter(|(_, reason)| !is_reason(reason))
            .map(|(name, _)| name)
            .collect(),
    );
    assert!(
        bare.is_empty(),
        "{}: these lines need `never: ` or `later: ` and a reason:{bare}",
        list.display()
    );
}

/// Whether a line says if what it names is meant to be served, and why it is not.
fn is_reason(text: &str) -> bool {
    let why = text
        .strip_prefix("never: ")
        .or_else(|| text.strip_prefix("later: "));
    why.is_some_and(|why| !why.trim().is_empty())
}

/// The comments at the head of the list stay; the lines are those that were found.
fn write(list: &Path, text: &str, listed: &BTreeMap<String, String>, found: &BTreeSet<String>) {
    let head = text.lines().take_while(|line| line.starts_with('#'));
    let line = |name: &String| match listed.get(name).map(String::as_str) {
        None | Some("") => name.clone(),
        Some(reason) => format!("{name}: {reason}"),
    };
    let lines: Vec<String> = head
        .map(str::to_owned)
        .chain(found.iter().map(line))
        .collect();
    std::fs::write(list, lines.join("\n") + "\n").expect("the list is written");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model() -> Model {
        Model::read(
            &json!({ "types": "string|integer|…", "operations": { "Op": {
                "request": {},
                "response": { "Result": { "type": "R", "fields": {
                    "A": { "type": "string" },
                    "List": { "type": "array<I>", "fields": { "X": { "type": "integer" }, "Y": { "type": "float" } } },
                } } },
            } } })
            .to_string(),
        )
    }

    fn check(answer: Value, expected: &[&str]) {
        let model = model();
        let mut answers = Answers::default();
        answers.record(&model, "Op", &answer);
        let mut absent = BTreeSet::new();
        missing(
            "Op",
            &model.operations["Op"].response,
            &answers.seen["Op"],
            &mut absent,
        );
        assert_eq!(absent.into_iter().collect::<Vec<_>>(), expected, "{answer}");
    }

    #[test]
    fn keys_without_a_value_are_absent() {
        check(
            json!({ "Result": { "A": "", "List": [{ "X": 1 }, { "Y": 0.5 }] } }),
            &[],
        );
        check(
            json!({ "Result": { "A": null, "List": [{ "X": 1 }] } }),
            &["Op.Result.A", "Op.Result.List.Y"],
        );
        check(json!({}), &["Op.Result"]);
    }

    #[test]
    #[should_panic(expected = "Op.Result.B is answered")]
    fn keys_beyond_the_model_are_refused() {
        check(json!({ "Result": { "B": 1 } }), &[]);
    }

    #[test]
    #[should_panic(expected = "Op.Result.A is 1")]
    fn values_of_another_type_are_refused() {
        check(json!({ "Result": { "A": 1 } }), &[]);
    }

    #[test]
    fn a_line_says_whether_it_stays_and_why() {
        for (text, is_one) in [
            ("never: there is one series", true),
            ("later: groups are not served", true),
            ("there is one series", false),
            ("never: ", false),
            ("never:", false),
            ("", false),
        ] {
            assert_eq!(is_reason(text), is_one, "{text}");
        }
    }
}
