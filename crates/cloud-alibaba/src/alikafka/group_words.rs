//! What AliKafka says of a consumer group beside Kafka's own words.

use brokerage_control::group::{GroupEntry, RebalanceObservation};
use brokerage_domain::instance::Tags;
use brokerage_wire::fault::CallError;
use serde::Serialize;

use super::fault::field;

/// Shortest and longest name, in characters ("CreateConsumerGroup": 3 to 64).
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=64;

/// The tags of a group; one that a Kafka client made has none until it is given some.
pub fn tags(entry: &GroupEntry) -> Tags {
    let record = entry.record.as_ref();
    record.map(|record| record.tags.clone()).unwrap_or_default()
}

/// Checks what a group is called that is made here.
///
/// # Errors
/// Another length, or other letters than the vendor's page names; Terraform's tests have '.' in names, too.
pub fn check_name(name: &str) -> Result<(), CallError> {
    let permitted =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if NAME_CHARS.contains(&name.chars().count()) && name.chars().all(permitted) {
        return Ok(());
    }
    let (min, max) = (NAME_CHARS.start(), NAME_CHARS.end());
    Err(field(
        "ConsumerId",
        format!("must be {min} to {max} of letters, digits, '_', '-' and '.'"),
    ))
}

/// `state` of a group: Kafka's name of it as its Java enumeration spells it (`ConsumerGroupState`). What the consumer
/// protocol adds (KIP-848) is said in the older words.
pub fn state(kafka: &str) -> &'static str {
    match kafka {
        "PreparingRebalance" | "Assigning" => "PREPARING_REBALANCE",
        "CompletingRebalance" | "Reconciling" => "COMPLETING_REBALANCE",
        "Stable" => "STABLE",
        "Dead" => "DEAD",
        "Empty" => "EMPTY",
        _ => "UNKNOWN",
    }
}

/// `RebalanceInfo`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RebalanceInfo {
    generation: i32,
    group_id: String,
    last_rebalance_timestamp: i64,
    reason: &'static str,
    rebalance_success: bool,
    rebalance_time_consuming: u64,
}

impl RebalanceInfo {
    /// A rebalance of a group. One that failed is made again by its members: those that ended succeeded.
    pub fn of(group: &str, seen: RebalanceObservation) -> Self {
        Self {
            generation: seen.generation,
            group_id: group.to_owned(),
            last_rebalance_timestamp: seen.ended_ms,
            reason: seen.reason,
            rebalance_success: true,
            rebalance_time_consuming: seen.took_ms,
        }
    }
}
