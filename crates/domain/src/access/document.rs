//! Policies as people write them: the documents of the clouds' own access services, which differ in little more than
//! the case of their words.
//!
//! ```
//! use brokerage_domain::access::Policy;
//!
//! let document = r#"{
//!     "Version": "1",
//!     "Statement": [
//!         { "Effect": "Allow", "Action": "kafka:*", "Resource": "*" },
//!         { "Effect": "Deny", "NotAction": ["kafka:Get*", "kafka:List*"], "Resource": "prod-*" }
//!     ]
//! }"#;
//! assert_eq!(Policy::from_document(document).unwrap().statements.len(), 2);
//! ```

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Effect, Policy, Statement};

/// Versions that documents say.
const VERSIONS: [&str; 3] = ["1", "2.0", "3"];

/// Why a document is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// It is no object with statements.
    #[error("the document is no object with a list Statement")]
    Form,
    /// It says a version that is not known.
    #[error("the Version {0} is none of 1, 2.0 and 3")]
    Version(String),
    /// It is no JSON, or says something twice.
    #[error("the document cannot be read: {0}")]
    Text(String),
    /// A member that means nothing here.
    #[error("the document's {0} is not served")]
    Member(String),
    /// A statement that cannot be read.
    #[error("statement {at}: {reason}")]
    Statement {
        /// The statement, counted from 1.
        at: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Policy {
    /// The policy that a document says: `Version`, and in `Statement` for each rule `Effect`, `Action` or `NotAction`,
    /// and `Resource`. Whether a word has upper or lower case makes no difference.
    ///
    /// # Errors
    /// [`DocumentFault`] names the first part that is missing, wrong, or not served: `Condition` among them, which
    /// would permit or deny more than its author means if it were left out.
    pub fn from_document(document: &str) -> Result<Self, DocumentFault> {
        let Unambiguous(document) = serde_json::from_str(document)
            .map_err(|error| DocumentFault::Text(error.to_string()))?;
        let members = document.as_object().ok_or(DocumentFault::Form)?;
        let mut statements = None;
        for (name, value) in members {
            match name.to_ascii_lowercase().as_str() {
                "version" if value.as_str().is_some_and(|of| VERSIONS.contains(&of)) => {}
                "version" => return Err(DocumentFault::Version(value.to_string())),
                "statement" => statements = Some(value),
                // A name for people.
                "id" => {}
                _ => return Err(DocumentFault::Member(name.clone())),
            }
        }
        let read = match statements.ok_or(DocumentFault::Form)? {
            Value::Array(list) => list.iter().collect(),
            one @ Value::Object(_) => vec![one],
            _ => return Err(DocumentFault::Form),
        };
        let statements = (1..).zip(read).map(|(at, value)| {
            statement(value).map_err(|reason| DocumentFault::Statement { at, reason })
        });
        Ok(Self {
            statements: statements.collect::<Result<_, _>>()?,
        })
    }
}

/// A value none of whose objects has two members of one name, in whatever case: one of them would be left out, and who
/// wrote the document may have meant the other.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        let mut names = BTreeSet::new();
        while let Some((name, Unambiguous(value))) = entries.next_entry::<String, _>()? {
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(A::Error::custom(format!("{name} is said twice")));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

fn statement(value: &Value) -> Result<Statement, String> {
    let members = value.as_object().ok_or("it is no object")?;
    for name in members.keys() {
        match name.to_ascii_lowercase().as_str() {
            "effect" | "action" | "notaction" | "resource" | "sid" => {}
            "condition" => return Err(condition(&members[name])),
            _ => return Err(format!("{name} is not served")),
        }
    }
    let effect = match member(members, "Effect").and_then(Value::as_str) {
        Some(word) if word.eq_ignore_ascii_case("allow") => Effect::Allow,
        Some(word) if word.eq_ignore_ascii_case("deny") => Effect::Deny,
        _ => return Err("its Effect is neither Allow nor Deny".to_owned()),
    };
    let (actions, not_actions) = (list(members, "Action")?, list(members, "NotAction")?);
    let (actions, not_actions) = match (actions, not_actions) {
        (Some(actions), None) => (actions, Vec::new()),
        (None, Some(not)) if not.is_empty() => return Err("its NotAction is empty".to_owned()),
        (None, Some(not)) => (vec!["*".to_owned()], not),
        (Some(_), Some(_)) => return Err("it has both Action and NotAction".to_owned()),
        (None, None) => return Err("it has neither Action nor NotAction".to_owned()),
    };
    let plain = |action: String| match action.strip_prefix("name/") {
        // One of the clouds may write its actions so.
        Some(name) => name.to_owned(),
        None => action,
    };
    Ok(Statement {
        effect,
        actions: actions.into_iter().map(plain).collect(),
        not_actions: not_actions.into_iter().map(plain).collect(),
        resources: list(members, "Resource")?.ok_or("it has no Resource")?,
        conditions: Default::default(),
    })
}

/// A refusal that names what a statement's condition asks for.
fn condition(value: &Value) -> String {
    let operators = value.as_object().into_iter().flatten();
    let keys = operators.flat_map(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(move |(key, _)| format!("{operator} of {key}"))
    });
    match keys.collect::<Vec<_>>().join(", ").as_str() {
        "" => "Condition is not served yet".to_owned(),
        keys => format!("Condition is not served yet ({keys})"),
    }
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut named = members.iter();
    let found = named.find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// A text or a list of texts.
fn list(members: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, String> {
    let texts = match member(members, name) {
        None => return Ok(None),
        Some(Value::String(text)) => Some(vec![text.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        Some(_) => None,
    };
    texts
        .map(Some)
        .ok_or_else(|| format!("its {name} is neither a text nor a list of texts"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access::{Attempt, decide};

    #[test]
    fn documents_of_either_spelling_decide_alike() {
        let upper = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": "kafka:*", "Resource": "*"},
            {"Effect": "Deny", "NotAction": ["kafka:Get*"], "Resource": ["prod-1"]},
        ]});
        let lower = json!({"version": "2.0", "statement": [
            {"effect": "allow", "action": ["name/kafka:*"], "resource": ["*"]},
            {"effect": "deny", "notAction": "name/kafka:Get*", "resource": "prod-1"},
        ]});
        for document in [upper, lower] {
            let policy = Policy::from_document(&document.to_string()).unwrap();
            for (action, resource, expected) in [
                ("kafka:GetTopic", "prod-1", true),
                ("kafka:DeleteTopic", "prod-1", false),
                ("kafka:DeleteTopic", "test-1", true),
                ("billing:Get", "test-1", false),
            ] {
                let attempt = Attempt {
                    action,
                    resource,
                    conditions: &[],
                };
                let decided = decide(&policy, &attempt);
                assert_eq!(decided, expected, "{document}: {action} of {resource}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let one = |members: Value| json!({"Version": "1", "Statement": [members]});
        for (document, named) in [
            (json!([]), "no object with a list Statement"),
            (json!({"Version": "1"}), "no object with a list Statement"),
            (json!({"Version": "9", "Statement": []}), "\"9\""),
            (json!({"Statements": []}), "Statements"),
            (one(json!({"Effect": "Maybe"})), "Effect"),
            (
                one(json!({"Effect": "Allow"})),
                "neither Action nor NotAction",
            ),
            (
                one(json!({"Effect": "Allow", "Action": "*", "NotAction": "*"})),
                "both Action and NotAction",
            ),
            (
                one(json!({"Effect": "Allow", "Action": "*"})),
                "no Resource",
            ),
            (
                one(json!({"Effect": "Allow", "Action": 1, "Resource": "*"})),
                "its Action is neither",
            ),
            (
                one(json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"})),
                "Principal is not served",
            ),
            (
                one(json!({"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}})),
                "Condition is not served yet (IpAddress of acs:SourceIp)",
            ),
        ] {
            let fault = Policy::from_document(&document.to_string());
            let fault = fault.unwrap_err().to_string();
            assert!(fault.contains(named), "{document}: {fault}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (members, named) in [
            (
                r#""Effect": "Deny", "Effect": "Allow""#,
                "Effect is said twice",
            ),
            (
                r#""Effect": "Allow", "effect": "Deny""#,
                "effect is said twice",
            ),
            (r#""Action": "*", "ACTION": "x""#, "ACTION is said twice"),
            (
                r#""Resource": "a", "Resource": "*""#,
                "Resource is said twice",
            ),
            (
                r#""Effect": "Allow", "NotAction": [], "Resource": "*""#,
                "its NotAction is empty",
            ),
        ] {
            let document = format!(r#"{{"Statement": [{{{members}}}]}}"#);
            let fault = Policy::from_document(&document).unwrap_err().to_string();
            assert!(fault.contains(named), "{document}: {fault}");
        }
        for (document, named) in [
            (
                r#"{"Statement": [], "statement": []}"#,
                "statement is said twice",
            ),
            ("null", "no object with a list Statement"),
            ("", "cannot be read"),
            (r#"{"Statement": []} {}"#, "cannot be read"),
        ] {
            let fault = Policy::from_document(document).unwrap_err().to_string();
            assert!(fault.contains(named), "{document}: {fault}");
        }
    }
}
