//! Parameters that are kept and shown again, and have no effect: each is sent, and looked for in the answer that shows it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::is_reason;
use crate::calls::player::at;
use crate::calls::{Door, Operation, PlayFault, Player, Shown};

/// What is wrong with the parameters that a file says are shown. Its calls were played before.
pub(super) async fn faults<D: Door>(
    operation: Operation,
    player: &mut Player<'_, D>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut answers: BTreeMap<&str, Result<Value, String>> = BTreeMap::new();
    for (name, shown) in &operation.file().shown {
        let fault = |what: String| format!("{operation} [shown] \"{name}\" {what}");
        if !is_reason(&shown.why) {
            faults.push(fault(
                "needs `never: ` or `later: ` and a reason".to_owned(),
            ));
        }
        let Some(sent) = sent(operation, name) else {
            faults.push(fault("is sent by none of its calls".to_owned()));
            continue;
        };
        if !answers.contains_key(shown.by.as_str()) {
            let answer = answer(operation, player, &shown.by).await;
            answers.insert(&shown.by, answer);
        }
        match &answers[shown.by.as_str()] {
            Err(why) => faults.push(fault(format!("is not shown: {why}"))),
            Ok(answer) if !shows(answer, shown, &sent) => {
                faults.push(fault(format!(
                    "was sent as {sent}, and is not so in {answer}"
                )));
            }
            Ok(_) => {}
        }
    }
    faults
}

async fn answer<D: Door>(
    operation: Operation,
    player: &mut Player<'_, D>,
    by: &str,
) -> Result<Value, String> {
    let Some(shows) = operation.named(by) else {
        return Err(format!("{by} is not served"));
    };
    let looked = player.look(shows).await;
    looked.map_err(|fault: PlayFault| super::chain(&fault))
}

/// The value of a parameter in the last call that sends it and is not refused, as text.
fn sent(operation: Operation, name: &str) -> Option<String> {
    let calls = operation.file().calls.iter().rev();
    let accepted = calls.filter(|example| example.refused.is_none());
    let mut values = accepted.filter_map(|example| {
        let send = Value::Object(example.send.clone());
        member(&send, name).map(text)
    });
    values.next()
}

/// A member by its path; a text on the way is read as JSON, and of a list the first item is meant.
fn member(tree: &Value, path: &str) -> Option<Value> {
    match tree {
        Value::Array(items) => member(items.first()?, path),
        Value::String(text) if !path.is_empty() => member(&serde_json::from_str(text).ok()?, path),
        Value::Object(members) if !path.is_empty() => members.iter().find_map(|(name, value)| {
            let rest = path.strip_prefix(name.as_str())?;
            let rest = match rest.is_empty() {
                true => rest,
                false => rest.strip_prefix('.')?,
            };
            member(value, rest)
        }),
        value => path.is_empty().then(|| value.clone()),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn shows(answer: &Value, shown: &Shown, sent: &str) -> bool {
    let (path, inner) = shown.at.split_once('|').unwrap_or((&shown.at, ""));
    let found = at(answer, path).and_then(|found| member(found, inner));
    let expected = shown.shown_as.as_deref().unwrap_or(sent);
    found.is_some_and(|found| text(found) == expected)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_found_in_lists_and_in_texts() {
        let tree = json!({ "A": [{ "B": 1 }], "Config": "{\"a.b\":\"x\"}", "C": ["y"] });
        let check = |path: &str, expected: Option<Value>| {
            assert_eq!(member(&tree, path), expected, "{path}");
        };
        check("A.B", Some(json!(1)));
        check("Config.a.b", Some(json!("x")));
        check("C", Some(json!("y")));
        check("A.C", None);
        check("Con", None);
        check("Config.a", None);
    }

    #[test]
    fn a_value_is_shown_where_the_answer_has_it() {
        let answer = json!({ "List": [{ "Id": 7, "All": "{\"k\":\"v\"}" }] });
        let check = |at: &str, sent: &str, expected| {
            let shown = Shown {
                at: at.to_owned(),
                ..Shown::default()
            };
            assert_eq!(shows(&answer, &shown, sent), expected, "{at} {sent}");
        };
        check("List.0.Id", "7", true);
        check("List.0.Id", "8", false);
        check("List.0.All|k", "v", true);
        check("List.0.All|k", "w", false);
        check("List.1.Id", "7", false);
    }
}
