//! Access: keys, the policies they carry, and the one function that decides.
//!
//! The model is the common part of what the clouds call RAM, CAM and IAM: statements of allow or deny over
//! actions and resources, with optional conditions. Deny wins; what nobody allows is denied.
//!
//! A resource's name is a path of segments between colons, whose last one ends in the resource's id. A statement may
//! name it whole, or by the id alone. What a deny does not match it does not forbid, so a policy is kept only if every
//! part of it is understood ([`Policy::check`]), and where a deny could be read in two ways it forbids more.

mod document;

use std::collections::BTreeMap;

pub use document::DocumentFault;
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::{AccessKeyId, AccountId};

/// Most statements in one policy.
pub const STATEMENTS_MAX: usize = 100;

/// Most patterns in one list of a statement, and most conditions.
pub const PATTERNS_MAX: usize = 100;

/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 512;

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
#[serde(deny_unknown_fields)]
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
                not_actions: Vec::new(),
                resources: vec!["*".into()],
                conditions: BTreeMap::new(),
            }],
        }
    }

    /// Whether some statement denies something.
    pub fn denies(&self) -> bool {
        let mut effects = self.statements.iter().map(|statement| statement.effect);
        effects.any(|effect| effect == Effect::Deny)
    }

    /// Whether every part of the policy means something here.
    ///
    /// # Errors
    /// [`NotUnderstood`] names the first part that does not.
    pub fn check(&self, vocabulary: &Vocabulary) -> Result<(), NotUnderstood> {
        for (at, statement) in (1..).zip(&self.statements) {
            let failed = |part| NotUnderstood {
                statement: at,
                part,
            };
            vocabulary.check(statement).map_err(failed)?;
        }
        Ok(())
    }
}

/// A part of a policy that means nothing here, or too much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("statement {statement}: {part}")]
pub struct NotUnderstood {
    /// The statement, counted from 1.
    pub statement: usize,
    /// What of it, and why.
    pub part: String,
}

/// The words that policies are written in.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Every action that an operation has.
    pub actions: Vec<String>,
    /// Every condition key that an operation defines.
    pub condition_keys: Vec<&'static str>,
    /// How resources are named: segments between colons, with `{region}`, `{account}` and, at the end, `{id}`.
    pub resource_forms: Vec<&'static str>,
    /// Every region.
    pub regions: Vec<String>,
}

impl Vocabulary {
    fn check(&self, statement: &Statement) -> Result<(), String> {
        let Statement {
            effect,
            actions,
            not_actions,
            resources,
            conditions,
        } = statement;
        check_patterns("actions", actions)?;
        if !not_actions.is_empty() {
            check_patterns("not actions", not_actions)?;
        }
        check_patterns("resources", resources)?;
        if conditions.len() > PATTERNS_MAX {
            return Err(format!("more than {PATTERNS_MAX} conditions"));
        }
        for (key, accepted) in conditions {
            check_patterns(key, accepted)?;
        }
        if let Some(resource) = resources.iter().find(|r| !self.knows_resource(*effect, r)) {
            let forms = self.resource_forms.join(", ");
            return Err(format!(
                "the resource {resource:?} is neither an id nor of a form that is known ({forms}); a deny of all ids \
                 may name a known region, and no account"
            ));
        }
        let is_action = |pattern: &str| self.actions.iter().any(|a| pattern_matches(pattern, a));
        // An action or a condition that does not exist allows nothing; a deny of it would be believed to forbid, and so
        // would an exception from what is allowed.
        if *effect == Effect::Allow {
            return match not_actions.iter().find(|action| !is_action(action)) {
                Some(action) => Err(format!(
                    "no operation has the action {action:?} that is not to be allowed"
                )),
                None => Ok(()),
            };
        }
        if let Some(action) = actions.iter().find(|action| !is_action(action)) {
            return Err(format!(
                "no operation has the action {action:?} that is denied"
            ));
        }
        let is_key = |key: &str| {
            self.condition_keys
                .iter()
                .any(|k| k.eq_ignore_ascii_case(key))
        };
        match conditions.keys().find(|key| !is_key(key)) {
            Some(key) => Err(format!("no operation has the condition {key:?} of a deny")),
            None => Ok(()),
        }
    }

    fn knows_resource(&self, effect: Effect, pattern: &str) -> bool {
        let id = id_of(pattern);
        // What no id has matches nothing: a deny of it would be believed to forbid.
        let is_of_id =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '?');
        if effect == Effect::Deny && !id.chars().all(is_of_id) {
            return false;
        }
        if !pattern.contains(SEPARATORS) {
            return true;
        }
        if pattern.starts_with('*') {
            // The end of a name; without an id it could be that of any.
            return effect == Effect::Allow || !is_any(id);
        }
        // Ids are unique: where one is named, region and account decide nothing.
        let is_free = effect == Effect::Allow || !is_any(id);
        self.resource_forms
            .iter()
            .any(|form| self.fits(form, pattern, is_free))
    }

    /// Whether a pattern is of a form; `is_free`: region and account may be anything.
    fn fits(&self, form: &str, pattern: &str, is_free: bool) -> bool {
        let (form, pattern): (Vec<&str>, Vec<&str>) =
            (form.split(':').collect(), pattern.split(':').collect());
        let mut segments = form.iter().zip(&pattern);
        form.len() == pattern.len()
            && form[0].eq_ignore_ascii_case(pattern[0])
            && segments.all(|(form, segment)| match form.split_once('{') {
                None => segment.is_empty() || pattern_matches(segment, form),
                Some((kind, "id}")) => {
                    is_any(segment)
                        || segment
                            .strip_prefix(kind)
                            .is_some_and(|id| !id.contains('/'))
                }
                Some((_, "region}")) => {
                    let is_known = |region: &String| pattern_matches(segment, region);
                    is_free || segment.is_empty() || self.regions.iter().any(is_known)
                }
                Some((kind, _)) => {
                    is_free
                        || segment.is_empty()
                        || is_any(segment.strip_prefix(kind).unwrap_or(segment))
                        || *segment == kind
                }
            })
    }
}

fn check_patterns(what: &str, patterns: &[String]) -> Result<(), String> {
    if patterns.is_empty() || patterns.len() > PATTERNS_MAX {
        return Err(format!("{what}: 1 to {PATTERNS_MAX} patterns"));
    }
    match patterns
        .iter()
        .all(|p| (1..=PATTERN_BYTES_MAX).contains(&p.len()))
    {
        true => Ok(()),
        false => Err(format!(
            "{what}: patterns of 1 to {PATTERN_BYTES_MAX} bytes"
        )),
    }
}

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Allow or deny.
    pub effect: Effect,
    /// Patterns over action names; `*` stands for any run of characters, `?` for one.
    pub actions: Vec<String>,
    /// Patterns over names of actions that it is not about, whatever `actions` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_actions: Vec<String>,
    /// Patterns over resource names, or over ids.
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
        && !any(&statement.not_actions, attempt.action)
        && statement
            .resources
            .iter()
            .any(|pattern| resource_matches(statement.effect, pattern, attempt.resource))
        && statement.conditions.iter().all(|(key, accepted)| {
            attempt
                .conditions
                .iter()
                .any(|(name, value)| name.eq_ignore_ascii_case(key) && any(accepted, value))
        })
}

/// What stands before the id of a resource.
const SEPARATORS: [char; 2] = [':', '/'];

/// The id at the end of a resource's name.
fn id_of(name: &str) -> &str {
    name.rsplit(SEPARATORS).next().unwrap_or_default()
}

/// Whether a pattern matches whatever there is.
fn is_any(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

fn resource_matches(effect: Effect, pattern: &str, name: &str) -> bool {
    if pattern_matches(pattern, name) {
        return true;
    }
    let id = id_of(pattern);
    let is_id = !pattern.contains(SEPARATORS);
    if is_id || (effect == Effect::Deny && !is_any(id)) {
        // Ids are unique: whatever a deny says before one, it means this one.
        return pattern_matches(id, id_of(name));
    }
    let mut segments = pattern.split(':').zip(name.split(':'));
    pattern.split(':').count() == name.split(':').count()
        && segments.all(|(pattern, segment)| segment_matches(effect, pattern, segment))
}

/// An empty pattern matches all; of what the call does not say a deny takes the worst, an allow what it covers wholly.
fn segment_matches(effect: Effect, pattern: &str, segment: &str) -> bool {
    if pattern.is_empty() || is_any(pattern) {
        return true;
    }
    match segment {
        "" | "*" => effect == Effect::Deny,
        _ if pattern.ends_with('/') => segment.starts_with(pattern),
        _ => pattern_matches(pattern, segment),
    }
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
mod tests;
