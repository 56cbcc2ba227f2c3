//! Access: keys, the policies they carry, and the one function that decides.
//!
//! The model is the common part of what the clouds call RAM, CAM and IAM: statements of allow or deny over
//! actions and resources, with optional conditions. Deny wins; what nobody allows is denied.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::{AccessKeyId, AccountId};

/// Most statements in one policy.
pub const STATEMENTS_MAX: usize = 100;

/// An access key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public half.
    pub id: AccessKeyId,
    /// Whose key it is.
    pub account_id: AccountId,
    /// Switched off keys authenticate nobody.
    pub active: bool,
    /// What it may do.
    pub policy: Policy,
    /// Temporary keys end; others have no end.
    pub expires_at: Option<Moment>,
}

/// A list of statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Evaluated all; order means nothing.
    pub statements: Vec<Statement>,
}

impl Policy {
    /// Everything is allowed: the policy of an account's own first key.
    pub fn allow_all() -> Self {
        Self {
            statements: vec![Statement {
                effect: Effect::Allow,
                actions: vec!["*".into()],
                resources: vec!["*".into()],
                conditions: BTreeMap::new(),
            }],
        }
    }
}

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Allow or deny.
    pub effect: Effect,
    /// Patterns over action names; `*` stands for any run of characters, `?` for one.
    pub actions: Vec<String>,
    /// Patterns over resource names.
    pub resources: Vec<String>,
    /// Condition key to accepted values (patterns). A key that the call does not carry does not match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, Vec<String>>,
}

/// What a matching statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Permits, unless something denies.
    Allow,
    /// Refuses, whatever else permits.
    Deny,
}

/// What a call wants to do, for [`decide`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The access action of the operation (`service:Verb`).
    pub action: &'a str,
    /// The resource; `*` where the operation has none.
    pub resource: &'a str,
    /// Condition keys that the operation defines, with this call's values.
    pub conditions: &'a [(&'a str, &'a str)],
}

/// Whether `policy` permits `attempt`: some statement allows it and none denies it.
pub fn decide(policy: &Policy, attempt: &Attempt<'_>) -> bool {
    let mut allowed = false;
    for statement in &policy.statements {
        if !matches(statement, attempt) {
            continue;
        }
        match statement.effect {
            Effect::Deny => return false,
            Effect::Allow => allowed = true,
        }
    }
    allowed
}

fn matches(statement: &Statement, attempt: &Attempt<'_>) -> bool {
    let any = |patterns: &[String], text: &str| patterns.iter().any(|p| pattern_matches(p, text));
    any(&statement.actions, attempt.action)
        && any(&statement.resources, attempt.resource)
        && statement.conditions.iter().all(|(key, accepted)| {
            attempt
                .conditions
                .iter()
                .any(|(name, value)| name.eq_ignore_ascii_case(key) && any(accepted, value))
        })
}

/// Glob match without case: `*` any run, `?` one character. Linear in the text for each star.
fn pattern_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // Let the last star swallow one character more and try again from there.
                Some((star_at, swallowed)) => {
                    star = Some((star_at, swallowed + 1));
                    p = star_at + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(effect: Effect, action: &str, resource: &str, keys: &[(&str, &str)]) -> Statement {
        Statement {
            effect,
            actions: vec![action.into()],
            resources: vec![resource.into()],
            conditions: keys
                .iter()
                .map(|(k, v)| ((*k).into(), vec![(*v).into()]))
                .collect(),
        }
    }

    fn check(statements: &[Statement], attempt: (&str, &str, &[(&str, &str)]), expected: bool) {
        let policy = Policy {
            statements: statements.to_vec(),
        };
        let (action, resource, conditions) = attempt;
        assert_eq!(
            decide(
                &policy,
                &Attempt {
                    action,
                    resource,
                    conditions
                }
            ),
            expected,
            "{policy:?} {attempt:?}"
        );
    }

    #[test]
    fn deny_wins_and_silence_denies() {
        let allow = statement(Effect::Allow, "kafka:*", "*", &[]);
        let deny = statement(Effect::Deny, "kafka:Delete*", "*/prod-*", &[]);
        check(&[], ("kafka:List", "*", &[]), false);
        check(std::slice::from_ref(&allow), ("kafka:List", "*", &[]), true);
        check(
            std::slice::from_ref(&allow),
            ("billing:List", "*", &[]),
            false,
        );
        check(
            &[allow.clone(), deny.clone()],
            ("kafka:DeleteTopic", "instance/prod-1", &[]),
            false,
        );
        check(
            &[deny, allow],
            ("kafka:DeleteTopic", "instance/test-1", &[]),
            true,
        );
    }

    #[test]
    fn conditions_need_their_key_and_one_of_its_values() {
        let only = statement(Effect::Allow, "*", "*", &[("product", "kafka_p*")]);
        check(std::slice::from_ref(&only), ("a", "*", &[]), false);
        check(
            std::slice::from_ref(&only),
            ("a", "*", &[("product", "disk")]),
            false,
        );
        check(
            std::slice::from_ref(&only),
            ("a", "*", &[("Product", "kafka_pre")]),
            true,
        );
    }

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                naive(&pattern[1..], text) || (!text.is_empty() && naive(pattern, &text[1..]))
            }
            (Some('?'), Some(_)) => naive(&pattern[1..], &text[1..]),
            (Some(p), Some(t)) if p == t => naive(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn patterns_agree_with_a_naive_matcher(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            proptest::prop_assert_eq!(pattern_matches(&pattern, &text), naive(&p, &t));
        }
    }
}
