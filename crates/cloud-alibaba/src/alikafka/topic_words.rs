//! What AliKafka says of a topic beside Kafka's own words.

use brokerage_control::topic::TopicView;
use brokerage_domain::instance::Tags;
use brokerage_wire::fault::CallError;

use super::fault::field;
use super::notes::TopicNotes;

/// Kafka's topic setting for what becomes of old records.
pub const CLEANUP_POLICY: &str = "cleanup.policy";
/// Its value for topics that keep the newest record of each key.
pub const COMPACT: &str = "compact";
/// Most partitions of a topic ("CreateTopic", `PartitionNum`).
pub const PARTITIONS_MAX: i64 = 360;
/// Longest remark, in characters ("CreateTopic": 64).
const REMARK_CHARS_MAX: usize = 64;

/// The tags of a topic; one that a Kafka client made has none.
pub fn tags(view: &TopicView) -> Tags {
    let record = view.record.as_ref();
    record.map(|record| record.tags.clone()).unwrap_or_default()
}

/// Whether a topic is in local storage; one that a Kafka client made is in cloud storage.
pub fn is_local(view: &TopicView) -> bool {
    TopicNotes::of(view).local == Some(true)
}

/// Checks what is noted beside a topic.
///
/// # Errors
/// A text that is too long.
pub fn check_remark(remark: &str) -> Result<(), CallError> {
    if remark.chars().count() > REMARK_CHARS_MAX {
        return Err(field(
            "Remark",
            format!("more than {REMARK_CHARS_MAX} characters"),
        ));
    }
    Ok(())
}
