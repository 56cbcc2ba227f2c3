//! A service held against the machine-readable model of the vendor's API, and against its calls ([`crate::calls`]).
//!
//! [`Service::check`] plays every file of the service and finds what the service leaves out of the model: operations,
//! parameters without effect, keys that no answer carries. The files name all of it, each with a reason, and have to
//! match exactly: a line that is missing and a line that is stale both fail. So the files are the honest coverage, and
//! what they leave out can only shrink.
//!
//! A parameter of the model that a file names nowhere is **in force**: it changes the cluster, the bill or what is
//! found. One that is only kept stands under `[shown]` (an answer has it again, which is asserted) or, where no answer
//! has it, under `[ignored]`.

mod model;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use brokerage_domain::cluster_settings::SettingName;
use brokerage_wire::operation::{Row, Table};
use brokerage_wire::params::{Param, ParamError, Reading};
use brokerage_wire::{Cloud, WireRequest};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;

pub use model::{Field, Model, ModelOperation, Shape};

use crate::Plane;
use crate::calls::{Operation, OperationFile, PlayFault, Player, files};

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

/// What is found: `Param` or `Key.Key`, by operation.
type Found = BTreeMap<String, BTreeSet<String>>;

/// One of the lists of a file.
type ListOf = fn(&OperationFile) -> &BTreeMap<String, String>;

/// A service, the model of its API, and its calls.
pub struct Service {
    /// Whose it is.
    pub cloud: &'static Cloud,
    /// What is served.
    pub table: &'static Table,
    /// What the vendor has, as far as the model goes.
    pub model: Model,
    /// Parameters, as `Operation.Param`, whose types do not say that they are without effect.
    pub without_effect: BTreeSet<String>,
}

impl Service {
    /// A service with its model.
    pub fn new(cloud: &'static Cloud, table: &'static Table) -> Self {
        Self {
            cloud,
            table,
            model: Model::of(cloud, table),
            without_effect: BTreeSet::new(),
        }
    }

    /// With parameters, as `Operation.Param`, whose types do not say that they are without effect.
    #[must_use]
    pub fn without_effect(mut self, found: impl IntoIterator<Item = String>) -> Self {
        self.without_effect.extend(found);
        self
    }

    /// Asserts that the files of the service are true: every call of theirs goes as they say, from a fresh sandbox for
    /// each operation, and what they leave out is what is left out.
    ///
    /// # Panics
    /// With everything that is not so, and the lines to add and to remove.
    pub async fn check(&self) {
        let mut faults = self.unserved_faults();
        let mut answers = Answers::default();
        for operation in Operation::of_service(self.cloud, self.table) {
            match self.play(operation, &mut answers).await {
                Ok(found) => faults.extend(found),
                Err(fault) => faults.push(chain(&fault)),
            }
        }
        if faults.is_empty() {
            let lists: [(&str, Found, ListOf); 3] = [
                ("absent", self.absent(&answers), |file| &file.absent),
                ("ignored", self.ignored(), |file| &file.ignored),
                ("optional", self.optional(), |file| &file.optional),
            ];
            for (list, found, of) in lists {
                faults.extend(self.list_faults(list, &found, of));
            }
        }
        // What many need fails for each of them.
        faults.dedup();
        let shown = faults
            .iter()
            .take(SHOWN_MAX)
            .map(|fault| format!("\n{fault}"));
        assert!(faults.is_empty(), "{}", shown.collect::<String>());
    }

    /// Plays the calls of a file; what is wrong with the parameters that it says are shown.
    async fn play(
        &self,
        operation: Operation,
        answers: &mut Answers,
    ) -> Result<Vec<String>, PlayFault> {
        let plane = Plane::sandbox().await;
        let mut player = Player::new(&plane);
        player.prepare(operation).await?;
        for example in &operation.file().calls {
            let answer = player.play(operation, example).await?;
            if let Some(answer) = answer {
                answers.record(&self.model, operation.row.name, &answer);
            }
        }
        let faults = shown::faults(operation, &mut player).await;
        plane.assert_ledger().await;
        Ok(faults)
    }

    /// What is wrong with the files of operations that are not served.
    fn unserved_faults(&self) -> Vec<String> {
        let dialect = self.table.dialect;
        let files = files(dialect);
        let rows = self.table.rows.iter().map(|row| row.name);
        let of_model = self.model.operations.keys();
        let known: BTreeSet<&str> = rows.chain(of_model.map(String::as_str)).collect();
        let mut faults = Vec::new();
        for name in &known {
            match files.get(*name).map(|file| (file, self.table.row(name))) {
                None => faults.push(format!("{dialect}/{name} has no file")),
                Some((
                    OperationFile {
                        unserved: Some(_), ..
                    },
                    Some(_),
                )) => {
                    faults.push(format!("{dialect}/{name} is served now"));
                }
                Some((
                    OperationFile {
                        unserved: Some(reason),
                        ..
                    },
                    None,
                )) if is_reason(reason) => {}
                Some((_, None)) => faults.push(format!(
                    "{dialect}/{name} needs `unserved = \"never: \"` or `\"later: \"` and a reason"
                )),
                Some((_, Some(_))) => {}
            }
            if self.model.operation(name).is_none() {
                faults.push(format!("the model has no operation {dialect}/{name}"));
            }
        }
        let stray = files.keys().filter(|name| !known.contains(name.as_str()));
        faults.extend(stray.map(|name| format!("{dialect}/{name} is no operation")));
        let unserved = files.iter().filter(|(_, file)| file.unserved.is_some());
        let unserved: Vec<&str> = unserved.map(|(name, _)| name.as_str()).collect();
        if self.table.unserved != unserved {
            faults.push(format!(
                "the table of {dialect} lists other operations than its files"
            ));
        }
        faults
    }

    /// What one list of the files has too much, too little, or without a reason.
    fn list_faults(&self, list: &str, found: &Found, of: ListOf) -> Vec<String> {
        let mut faults = Vec::new();
        for operation in Operation::of_service(self.cloud, self.table) {
            let listed = of(operation.file());
            let none = BTreeSet::new();
            let found = found.get(operation.row.name).unwrap_or(&none);
            let missing = found.iter().filter(|name| !listed.contains_key(*name));
            faults
                .extend(missing.map(|name| format!("{operation} [{list}] add \"{name}\" = \"\"")));
            for (name, reason) in listed {
                if !found.contains(name) {
                    faults.push(format!("{operation} [{list}] remove \"{name}\""));
                } else if list != "optional" && !is_reason(reason) {
                    faults.push(format!(
                        "{operation} [{list}] \"{name}\" needs `never: ` or `later: ` and a reason"
                    ));
                }
            }
        }
        faults
    }

    /// Parameters that are accepted without effect: each row is given a request with every parameter of the model,
    /// and what its request type does not read, or reads as ignored, is found.
    ///
    /// # Panics
    /// Where such a request is refused, or where a dialect that refuses unknown parameters does not know one.
    fn ignored(&self) -> Found {
        let mut found = Found::new();
        for name in &self.without_effect {
            let (operation, name) = name.split_once('.').expect("it is Operation.Param");
            found
                .entry(operation.to_owned())
                .or_default()
                .insert(name.to_owned());
        }
        for (row, operation) in self.rows() {
            let request = operation.request_sample();
            let prepared = match (row.prepare)(&request, self.reading()) {
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
                let name = parts.collect::<Vec<_>>().join(".");
                found.entry(row.name.to_owned()).or_default().insert(name);
            }
        }
        found
    }

    /// Parameters that the model requires, and without which a request is not refused, while it is read, by an error
    /// that names the parameter: they are checked later (a path without them leads nowhere, or the vendor has a code
    /// of its own).
    ///
    /// # Panics
    /// Where it is refused for something else.
    fn optional(&self) -> Found {
        let mut found = Found::new();
        for (row, operation) in self.rows() {
            for path in operation.required_paths() {
                let mut request = operation.request_sample();
                remove(&mut request, &path);
                let refused = (row.prepare)(&request, self.reading()).map(|_| ());
                let last = path.last().expect("a path has a part");
                match refused {
                    Err(ParamError::Missing { name }) if name.rsplit('.').next() == Some(last) => {}
                    Err(other) => panic!("{} without {path:?}: {other}", row.name),
                    Ok(()) => {
                        let names = found.entry(row.name.to_owned()).or_default();
                        names.insert(path.join("."));
                    }
                }
            }
        }
        found
    }

    /// Keys of the model that no recorded answer carried.
    fn absent(&self, answers: &Answers) -> Found {
        let rows = self.rows();
        rows.map(|(row, operation)| (row.name.to_owned(), answers.absent(row.name, operation)))
            .collect()
    }

    /// Samples have the types of the model: where a body of the cloud has types, requests take them as they are.
    fn reading(&self) -> Reading {
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        let body = WireRequest::new(Method::POST, "/", headers, Bytes::from_static(b"{}"));
        let types = self.cloud.wire.types(&body.expect("it has a path"));
        Reading::of(self.table.index_base, types)
    }

    fn rows(&self) -> impl Iterator<Item = (&'static Row, &ModelOperation)> {
        let rows = self.table.rows.iter();
        rows.filter_map(|row| Some((row, self.model.operation(row.name)?)))
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Whether a line says if what it names is meant to be served, and why it is not.
fn is_reason(text: &str) -> bool {
    let why = text
        .strip_prefix("never: ")
        .or_else(|| text.strip_prefix("later: "));
    why.is_some_and(|why| !why.trim().is_empty())
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

    /// Keys of the model that no recorded answer of an operation carried with a value other than null. Of an absent
    /// object only the object is named.
    fn absent(&self, name: &str, operation: &ModelOperation) -> BTreeSet<String> {
        let mut absent = BTreeSet::new();
        if let Some(seen) = self.seen.get(name) {
            missing(name, &operation.response, seen, &mut absent);
        }
        let key = |path: &String| path.split_once('.').map(|(_, key)| key.to_owned());
        absent.iter().filter_map(key).collect()
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
        let absent = answers.absent("Op", &model.operations["Op"]);
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
            &["Result.A", "Result.List.Y"],
        );
        check(json!({}), &["Result"]);
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
