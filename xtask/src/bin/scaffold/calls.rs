//! The file of an operation's calls.

use std::collections::BTreeMap;

use brokerage_testkit::calls::files;
use brokerage_testkit::conformance::{Field, ModelOperation, Shape};
use serde_json::Value;

/// What the parameter of an instance is called, in any case of its letters.
const INSTANCE: &str = "InstanceId";
/// What the parameter of the region is called, likewise.
const REGION: &str = "RegionId";

/// The first version of an operation's calls: one with the parameters that are required.
pub fn file(dialect: &str, of_model: &ModelOperation) -> String {
    let required: Vec<&Field> = of_model
        .request
        .iter()
        // The client names the region of a call itself.
        .filter(|field| field.required && !field.name.eq_ignore_ascii_case(REGION))
        .collect();
    let names_instance = required
        .iter()
        .any(|field| field.name.eq_ignore_ascii_case(INSTANCE));
    let mut text = String::new();
    if let Some(needs) = needs(dialect).filter(|_| names_instance) {
        let needs: Vec<String> = needs.iter().map(|need| format!("{need:?}")).collect();
        text += &format!("needs = [{}]\n\n", needs.join(", "));
    }
    text += "[[call]]\n[call.send]\n";
    for field in required {
        text += &format!("{} = {}\n", field.name, value(&field.name, &field.shape));
    }
    text
}

/// What operations of a service that are about an instance need, most often.
fn needs(dialect: &str) -> Option<Vec<String>> {
    let mut counted: BTreeMap<&Vec<String>, usize> = BTreeMap::new();
    for file in files(dialect).values() {
        let names_it = |value: &Value| value.as_str() == Some("{instance}");
        let mut calls = file.calls.iter();
        if calls.any(|call| call.send.values().any(names_it)) {
            *counted.entry(&file.needs).or_default() += 1;
        }
    }
    let most = counted.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(needs, _)| needs.clone())
}

/// A value of a parameter, to be replaced; of an object, what it requires.
fn value(name: &str, shape: &Shape) -> String {
    match shape {
        Shape::Text if name.eq_ignore_ascii_case(INSTANCE) => "\"{instance}\"".to_owned(),
        Shape::Text | Shape::Any => "\"\"".to_owned(),
        Shape::JsonText => "\"{}\"".to_owned(),
        Shape::JsonList => "\"[]\"".to_owned(),
        Shape::Integer => "1".to_owned(),
        Shape::Float => "1.0".to_owned(),
        Shape::Boolean => "true".to_owned(),
        Shape::List(item) => format!("[{}]", value(name, item)),
        Shape::Object(fields) => {
            let required = fields.iter().filter(|field| field.required);
            let member =
                |field: &Field| format!("{} = {}", field.name, value(&field.name, &field.shape));
            format!(
                "{{ {} }}",
                required.map(member).collect::<Vec<_>>().join(", ")
            )
        }
    }
}
