//! Topics, as the control plane knows them: Kafka's own rules for names and counts.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use crate::catalog::UsableLimits;
use crate::{Error, Result};

/// Longest topic name in Kafka, in bytes (`Topic.MAX_NAME_LENGTH`).
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Most addresses on a topic's allow list; ours, no vendor's page names a number.
pub const ALLOW_LIST_MAX: usize = 100;

/// Addresses on a topic's allow list, in the order in which they were given.
pub type AllowList = IndexSet<String>;

/// Checks how many addresses the allow list of a topic has.
///
/// # Errors
/// [`Error::LimitReached`] for more than [`ALLOW_LIST_MAX`].
pub fn allow_list_check(count: usize) -> Result<()> {
    if count <= ALLOW_LIST_MAX {
        return Ok(());
    }
    Err(Error::LimitReached {
        what: "addresses of a white list",
        max: ALLOW_LIST_MAX as i64,
    })
}

/// A topic to make, or as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Kafka's name of it.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each partition.
    pub replication_factor: i16,
    /// Kafka's topic configuration, only what differs from the cluster's defaults.
    pub configs: BTreeMap<String, String>,
}

/// What the topics of a cluster take of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopicUsage {
    /// Topics.
    pub topics: u64,
    /// Partitions; each counts once for each replica where the plan counts so.
    pub partitions: u64,
    /// Replicas of the topic that has most: each needs a broker of its own.
    pub replicas_max: u32,
}

impl TopicUsage {
    /// What `topics` take of `limits`.
    pub fn of<'a>(topics: impl IntoIterator<Item = &'a Topic>, limits: &UsableLimits) -> Self {
        let add = |sum: Self, topic: &Topic| Self {
            topics: sum.topics + 1,
            partitions: sum
                .partitions
                .saturating_add(partitions_counted(topic, limits)),
            replicas_max: sum.replicas_max.max(replicas_of(topic)),
        };
        topics.into_iter().fold(Self::default(), add)
    }
}

fn replicas_of(topic: &Topic) -> u32 {
    topic.replication_factor.max(1).unsigned_abs().into()
}

/// A topic without a number of partitions or replicas takes the cluster's default; one at least.
fn partitions_counted(topic: &Topic, limits: &UsableLimits) -> u64 {
    let partitions = u64::from(topic.partitions.max(1).unsigned_abs());
    let replicas = u64::from(replicas_of(topic));
    if limits.partitions_count_replicas {
        partitions.saturating_mul(replicas)
    } else {
        partitions
    }
}

/// Checks that one more topic fits into what was bought.
///
/// # Errors
/// [`Error::LimitReached`] for topics or partitions; [`Error::Invalid`] for more replicas than brokers.
pub fn topic_fits(
    new: &Topic,
    used: TopicUsage,
    limits: &UsableLimits,
    brokers: u32,
) -> Result<()> {
    let reached = |what, max: u64| Error::LimitReached {
        what,
        max: i64::try_from(max).unwrap_or(i64::MAX),
    };
    if replicas_of(new) > brokers {
        return Err(Error::invalid(
            "replication factor",
            format!("the cluster has {brokers} brokers"),
        ));
    }
    if used.topics >= limits.topics_max {
        return Err(reached("topics", limits.topics_max));
    }
    let partitions = used
        .partitions
        .saturating_add(partitions_counted(new, limits));
    if partitions > limits.partitions_max {
        return Err(reached("partitions", limits.partitions_max));
    }
    Ok(())
}

/// Checks that a topic with more partitions fits into what was bought; `used` has it with those of before.
///
/// # Errors
/// [`Error::LimitReached`] for partitions.
pub fn topic_grows(
    before: &Topic,
    partitions: i32,
    used: TopicUsage,
    limits: &UsableLimits,
) -> Result<()> {
    let after = Topic {
        partitions,
        ..before.clone()
    };
    let more =
        partitions_counted(&after, limits).saturating_sub(partitions_counted(before, limits));
    if used.partitions.saturating_add(more) <= limits.partitions_max {
        return Ok(());
    }
    Err(Error::LimitReached {
        what: "partitions",
        max: i64::try_from(limits.partitions_max).unwrap_or(i64::MAX),
    })
}

/// Whether Kafka accepts `name`: 1 to 249 of letters, digits, `.`, `_`, `-`, and neither `.` nor `..`.
pub fn topic_name_is_valid(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= TOPIC_NAME_BYTES_MAX
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_follow_kafka() {
        let check =
            |name: &str, expected| assert_eq!(topic_name_is_valid(name), expected, "{name:?}");
        check("orders.v1_x-2", true);
        check("", false);
        check("..", false);
        check("a b", false);
        check(&"x".repeat(249), true);
        check(&"x".repeat(250), false);
    }

    fn limits(
        topics_max: u64,
        partitions_max: u64,
        partitions_count_replicas: bool,
    ) -> UsableLimits {
        UsableLimits {
            topics_max,
            partitions_max,
            partitions_count_replicas,
            groups_max: 0,
            connections_max: 0,
            public_connections_max: 0,
            message_bytes_default: 0,
            message_bytes_max: 0,
            ingress_bytes_per_second_max: None,
            egress_bytes_per_second_max: None,
            elastic_bytes_per_second: 0,
            bandwidth_counts_replicas: false,
            disk_bytes_max: 0,
            disk_counts_replicas: false,
            disk_marks: crate::catalog::DiskMarks {
                expire_percent: 100,
                trim_percent: 100,
                refuse_percent: 100,
            },
            retention_ms: 0,
            public_bits_per_second_max: 0,
        }
    }

    fn topic(partitions: i32, replication_factor: i16) -> Topic {
        Topic {
            name: "t".into(),
            partitions,
            replication_factor,
            configs: BTreeMap::new(),
        }
    }

    #[test]
    fn partitions_count_with_their_replicas_where_the_plan_says_so() {
        // The vendor's own example: 2 replicas x 4 partitions and twice 3 x 3 are 26.
        let topics = [topic(4, 2), topic(3, 3), topic(3, 3)];
        let used = |counts| TopicUsage::of(&topics, &limits(9, 99, counts)).partitions;
        assert_eq!((used(true), used(false)), (26, 10));
    }

    #[test]
    fn a_topic_grows_up_to_the_last_partition() {
        let check = |partitions, limits: UsableLimits, fits: bool| {
            let topics = [topic(2, 3), topic(1, 1)];
            let used = TopicUsage::of(&topics, &limits);
            let grown = topic_grows(&topics[0], partitions, used, &limits);
            assert_eq!(grown.is_ok(), fits, "{partitions} {limits:?}");
        };
        check(4, limits(1, 13, true), true);
        check(4, limits(1, 12, true), false);
        check(4, limits(1, 5, false), true);
        check(4, limits(1, 4, false), false);
    }

    #[test]
    fn a_topic_fits_up_to_the_last_partition_and_topic() {
        let check = |new: Topic, limits: UsableLimits, expected: Option<&str>| {
            let used = TopicUsage {
                topics: 1,
                partitions: 4,
                replicas_max: 1,
            };
            let refused = topic_fits(&new, used, &limits, 3).err();
            let what = refused.as_ref().map(|error| match error {
                Error::LimitReached { what, .. } | Error::Invalid { what, .. } => *what,
                other => panic!("{other}"),
            });
            assert_eq!(what, expected, "{new:?} {limits:?}");
        };
        check(topic(2, 3), limits(2, 10, true), None);
        check(topic(2, 3), limits(2, 9, true), Some("partitions"));
        check(topic(5, 3), limits(2, 9, false), None);
        check(topic(1, 1), limits(1, 99, true), Some("topics"));
        check(topic(1, 4), limits(9, 99, true), Some("replication factor"));
    }
}
