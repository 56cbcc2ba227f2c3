//! Subscriptions by pattern (KIP-848): which topics a pattern matches.
//!
//! Matching takes time in proportion to the length of a name and the size of the compiled pattern, so both
//! are bounded. It is done on blocking threads and without the group's lock, once for each pattern of a group
//! until the topics change.

use std::ops::Bound;
use std::sync::{Arc, Weak};

use regex_lite::{Regex, RegexBuilder};
use uuid::Uuid;

use crate::error::ErrorCode;
use crate::metadata::topic::{TopicSizes, is_internal};
use crate::turn::Turns;

/// Longest pattern in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 10;
/// Largest compiled pattern: one of the longest that has no counted repetitions. What repetitions multiply
/// is counted here.
const COMPILED_BYTES_MAX: usize = 40 << 10;
/// How deep a pattern may be nested.
const NESTING_MAX: u32 = 32;
/// Topics that are tried in one turn.
const TOPICS_PER_TURN: usize = 64;

/// A pattern that finds whole names.
#[derive(Debug)]
struct Pattern(Regex);

impl Pattern {
    /// # Errors
    /// INVALID_REGULAR_EXPRESSION if it is not one, or too large.
    fn new(text: &str) -> Result<Self, ErrorCode> {
        let compile = |text: &str| {
            let mut builder = RegexBuilder::new(text);
            builder.size_limit(COMPILED_BYTES_MAX);
            let built = builder.nest_limit(NESTING_MAX).build();
            built.map_err(|_| ErrorCode::InvalidRegularExpression)
        };
        if text.len() > PATTERN_BYTES_MAX {
            return Err(ErrorCode::InvalidRegularExpression);
        }
        // Compiled alone first: the anchors around it must not make an invalid pattern valid.
        compile(text)?;
        compile(&format!("^(?:{text})$")).map(Self)
    }

    fn finds(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// Whether a pattern would be accepted.
///
/// # Errors
/// INVALID_REGULAR_EXPRESSION if it is not one, or too large.
#[cfg(test)]
pub(crate) fn check(text: &str) -> Result<(), ErrorCode> {
    Pattern::new(text).map(drop)
}

/// The topics that a pattern matched.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The topics that it was evaluated for.
    topics: Weak<TopicSizes>,
    /// In order.
    ids: Arc<[Uuid]>,
}

impl Found {
    /// The result for a pattern that is no longer accepted.
    pub(crate) fn nothing(topics: &Arc<TopicSizes>) -> Self {
        Self {
            topics: Arc::downgrade(topics),
            ids: Arc::default(),
        }
    }

    /// Whether it was evaluated for these topics.
    pub(crate) fn is_among(&self, topics: &Arc<TopicSizes>) -> bool {
        std::ptr::eq(self.topics.as_ptr(), Arc::as_ptr(topics))
    }

    pub(crate) fn has(&self, topic: &Uuid) -> bool {
        self.ids.binary_search(topic).is_ok()
    }
}

/// Finds the topics whose whole names a pattern matches.
///
/// # Errors
/// INVALID_REGULAR_EXPRESSION if the pattern is not one, or too large; COORDINATOR_NOT_AVAILABLE if the
/// process stops.
pub(crate) async fn find(
    turns: &Turns,
    text: &str,
    topics: &Arc<TopicSizes>,
) -> Result<Found, ErrorCode> {
    let stopped = ErrorCode::CoordinatorNotAvailable;
    let pattern = text.to_owned();
    let pattern = turns.take(move || Pattern::new(&pattern)).await;
    let pattern = Arc::new(pattern.ok_or(stopped)??);
    let mut ids = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let (pattern, topics) = (pattern.clone(), topics.clone());
        let trying = turns.take(move || try_some(&pattern, &topics, last.as_deref()));
        let (found, next) = trying.await.ok_or(stopped)?;
        ids.extend(found);
        if next.is_none() {
            break;
        }
        last = next;
    }
    ids.sort_unstable();
    Ok(Found {
        topics: Arc::downgrade(topics),
        ids: ids.into(),
    })
}

/// Matches topics after `after`, as many as a turn allows. Also returns the last one tried, if there may be
/// more.
fn try_some(
    pattern: &Pattern,
    topics: &TopicSizes,
    last: Option<&str>,
) -> (Vec<Uuid>, Option<String>) {
    let from = last.map_or(Bound::Unbounded, Bound::Excluded);
    let some = topics.range::<str, _>((from, Bound::Unbounded));
    let mut found = Vec::new();
    let mut tried = 0;
    let mut next = None;
    for (name, (id, _)) in some.take(TOPICS_PER_TURN) {
        // As Java's consumer leaves them out of patterns (`exclude.internal.topics`), which here the broker matches.
        if !is_internal(name) && pattern.finds(name) {
            found.push(*id);
        }
        tried += 1;
        if tried == TOPICS_PER_TURN {
            next = Some(name.clone());
        }
    }
    (found, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::HostTurns;

    fn topics(names: &[&str]) -> Arc<TopicSizes> {
        let topic = |(name, at): (&&str, u128)| ((*name).to_owned(), (Uuid::from_u128(at), 1));
        Arc::new(names.iter().zip(0..).map(topic).collect())
    }

    #[test]
    fn a_pattern_is_bounded_by_what_it_compiles_to() {
        let check = |text: &str, is_taken: bool| {
            let checked = check(text);
            assert_eq!(checked.is_ok(), is_taken, "{text:.60}: {checked:?}");
        };
        check("orders-(dev|prod)-[a-z0-9]{1,16}", true);
        check(".*", true);
        check("(?i)orders.*", true);
        let names: Vec<String> = (0..70).map(|at| format!("orders-topic-{at:02}")).collect();
        check(
            &format!("({})", names.join("|"))[..1_000].replace('(', ""),
            true,
        );
        check("(((a?){20}){20}){20}b", false);
        check("((a?){20}){20}b", false);
        check("(?:(?:(?:){1000}){1000}){1000}", false);
        check("(a{1000}){1000}", false);
        check(&"a".repeat(PATTERN_BYTES_MAX + 1), false);
        check(&format!("{}a{}", "(".repeat(40), ")".repeat(40)), false);
        check("(", false);
        // Would be one only within what surrounds it.
        check("a)|(?:b", false);
    }

    #[tokio::test]
    async fn whole_names_are_found() {
        let names = ["__consumer_offsets", "a", "ab", "abc", "b"];
        let turns = std::sync::Arc::new(HostTurns::default()).share();
        let all = topics(&names);
        for (text, expected) in [
            ("a", &["a"][..]),
            // Each of the alternatives counts, not the first that fits a part.
            ("a|ab", &["a", "ab"]),
            ("a.*", &["a", "ab", "abc"]),
            ("c", &[]),
            ("", &[]),
            (".*", &["a", "ab", "abc", "b"]),
            ("__.*", &[]),
        ] {
            let found = find(&turns, text, &all).await.unwrap();
            let found: Vec<&str> = names
                .into_iter()
                .filter(|name| found.has(&all[*name].0))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[tokio::test]
    async fn topics_are_tried_in_many_turns() {
        let names: Vec<String> = (0..3 * TOPICS_PER_TURN)
            .map(|at| format!("t{at:03}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = topics(&names);
        let turns = std::sync::Arc::new(HostTurns::default()).share();
        let found = find(&turns, "t..[05]", &all).await.unwrap();
        let count = all.values().filter(|(id, _)| found.has(id)).count();
        assert_eq!(count, names.len().div_ceil(5));
        assert!(found.is_among(&all));
        assert!(!found.is_among(&topics(&names)));
        assert_eq!(
            try_some(&Pattern::new("x").unwrap(), &all, None).1.unwrap(),
            "t063"
        );
        assert_eq!(
            try_some(&Pattern::new("x").unwrap(), &all, Some("t191")).1,
            None
        );
    }
}
