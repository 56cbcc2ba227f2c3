use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::player::{at, difference, filled};
use super::{Operation, files};

#[test]
fn saved_values_stand_in_their_places_with_their_type() {
    let saved = BTreeMap::from([
        ("flow".to_owned(), json!(7)),
        ("instance".to_owned(), json!("i-1")),
    ]);
    let check = |value: Value, expected: Option<Value>| {
        assert_eq!(filled(&value, &saved).ok(), expected, "{value}");
    };
    check(json!("{flow}"), Some(json!(7)));
    check(
        json!({ "a": ["x/{instance}/{flow}", 1] }),
        Some(json!({ "a": ["x/i-1/7", 1] })),
    );
    check(json!("{\"a\": {}}"), Some(json!("{\"a\": {}}")));
    check(
        json!("{\"of\": \"{instance}\"}"),
        Some(json!("{\"of\": \"i-1\"}")),
    );
    check(json!("{other}"), None);
}

#[test]
fn an_answer_may_have_more_members_and_nothing_else() {
    let answer = json!({ "a": 1, "list": [{ "b": "x", "c": null }] });
    let check = |expected: Value, path: Option<&str>| {
        let found = difference(&expected, &answer, "");
        let found = found.as_deref().and_then(|text| text.split(' ').next());
        assert_eq!(found, path, "{expected}");
    };
    check(json!({}), None);
    check(json!({ "list": [{ "b": "x" }] }), None);
    check(json!({ "a": "1" }), Some(".a"));
    check(json!({ "list": [] }), Some(".list"));
    check(json!({ "list": [{ "b": "y" }] }), Some(".list.0.b"));
    check(json!({ "d": 1 }), Some(".d"));
    assert_eq!(at(&answer, "list.0.b"), Some(&json!("x")));
    assert_eq!(at(&answer, "list.1.b"), None);
}

#[test]
fn every_need_is_served() {
    for operation in Operation::all() {
        for need in &operation.file().needs {
            assert!(operation.named(need).is_some(), "{operation} needs {need}");
        }
    }
    assert!(files("nobody's").is_empty());
}
