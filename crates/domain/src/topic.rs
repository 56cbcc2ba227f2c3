//! Topics, as the control plane knows them: Kafka's own rules for names and counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Longest topic name in Kafka, in bytes (`Topic.MAX_NAME_LENGTH`).
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

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
}
