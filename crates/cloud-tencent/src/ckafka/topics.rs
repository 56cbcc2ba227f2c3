//! Between CKafka's topic parameters and Kafka's topic configuration.

use std::net::IpAddr;

use brokerage_control::topic::TopicView;
use brokerage_domain::instance::Instance;
use brokerage_domain::topic::allow_list_check;
use brokerage_wire::fault::CallError;
use serde::Serialize;

use crate::ckafka::convert::{self, Tag};
use crate::ckafka::notes::TopicNotes;
use crate::ckafka::{check, ids};

/// Kafka's names of the topic settings that CKafka has parameters for.
pub mod setting {
    /// `RetentionMs`.
    pub const RETENTION: &str = "retention.ms";
    /// `MinInsyncReplicas`.
    pub const MIN_INSYNC: &str = "min.insync.replicas";
    /// `CleanUpPolicy`.
    pub const CLEANUP: &str = "cleanup.policy";
    /// `SegmentMs`.
    pub const SEGMENT_MS: &str = "segment.ms";
    /// `SegmentBytes`; answered only.
    pub const SEGMENT_BYTES: &str = "segment.bytes";
    /// `UncleanLeaderElectionEnable`.
    pub const UNCLEAN: &str = "unclean.leader.election.enable";
    /// `MaxMessageBytes`.
    pub const MESSAGE_BYTES: &str = "max.message.bytes";
    /// `RetentionBytes`.
    pub const RETENTION_BYTES: &str = "retention.bytes";
    /// `LogMsgTimestampType`.
    pub const TIMESTAMP_TYPE: &str = "message.timestamp.type";
}

/// Kafka's default, which no broker setting of an instance changes.
const SEGMENT_BYTES_DEFAULT: i64 = 1_073_741_824;

/// `Config` of a topic: every setting with the value that applies, but for `SegmentMs`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    /// ms.
    pub retention: i64,
    min_insync_replicas: i64,
    clean_up_policy: String,
    /// Null unless the topic sets it: Terraform takes a value that its user did not write for a change, plans to take
    /// it away for ever, and fails when it tries.
    segment_ms: Option<i64>,
    unclean_leader_election_enable: i64,
    segment_bytes: i64,
    max_message_bytes: i64,
    retention_bytes: i64,
    log_msg_timestamp_type: String,
}

impl Config {
    /// What applies to a topic on an instance.
    pub fn of(view: &TopicView, instance: &Instance) -> Self {
        let settings = &view.topic.configs;
        let text = |name: &str, default: &str| {
            settings
                .get(name)
                .map_or(default, String::as_str)
                .to_owned()
        };
        let own = |name: &str| settings.get(name).and_then(|text| text.parse().ok());
        let number = |name: &str, default: i64| own(name).unwrap_or(default);
        let unclean = settings.get(setting::UNCLEAN).map_or_else(
            || convert::unclean_leader_election(instance),
            |text| text == "true",
        );
        Self {
            retention: number(setting::RETENTION, convert::retention_ms(instance)),
            min_insync_replicas: number(setting::MIN_INSYNC, 1),
            clean_up_policy: clean_up_policy(view, text(setting::CLEANUP, "delete")),
            segment_ms: own(setting::SEGMENT_MS),
            unclean_leader_election_enable: i64::from(unclean),
            segment_bytes: number(setting::SEGMENT_BYTES, SEGMENT_BYTES_DEFAULT),
            max_message_bytes: number(setting::MESSAGE_BYTES, convert::message_bytes(instance)),
            retention_bytes: number(setting::RETENTION_BYTES, convert::retention_bytes(instance)),
            log_msg_timestamp_type: text(setting::TIMESTAMP_TYPE, "CreateTime"),
        }
    }
}

/// `CleanUpPolicy` as it was spelled, while it means what is in force.
fn clean_up_policy(view: &TopicView, now: String) -> String {
    let sent = TopicNotes::of(view).clean_up_policy;
    sent.filter(|sent| sent.replace(", ", ",") == now)
        .unwrap_or(now)
}

/// `TopicId`: the one that was answered when it was made, or one from its name.
pub fn topic_id(instance: &Instance, view: &TopicView) -> String {
    let named = || ids::topic_id_of_name(&instance.id, &view.topic.name);
    TopicNotes::of(view).topic_id.unwrap_or_else(named)
}

/// `Note`.
pub fn note(view: &TopicView) -> String {
    view.record
        .as_ref()
        .map(|record| record.remark.clone())
        .unwrap_or_default()
}

/// When a topic was made, to the microsecond; 0 for one that a Kafka client made.
pub fn created_at(view: &TopicView) -> i64 {
    view.record
        .as_ref()
        .map_or(0, |record| record.created_at.micros())
}

/// `CreateTime`, epoch seconds; 0 for a topic that a Kafka client made.
pub fn create_time(view: &TopicView) -> i64 {
    view.record
        .as_ref()
        .map_or(0, |record| record.created_at.seconds())
}

/// `EnableWhiteList`.
pub fn white_list_enabled(view: &TopicView) -> bool {
    TopicNotes::of(view).white_list_enabled == Some(1)
}

/// `IpWhiteList`, in the order in which it was given.
pub fn white_list(view: &TopicView) -> Vec<String> {
    let addresses = view.record.iter().flat_map(|record| &record.allow_list);
    addresses.cloned().collect()
}

/// Checks an `IpWhiteList`: addresses, or addresses with the length of a prefix.
///
/// # Errors
/// The refusal of a list that is too long or holds something else.
pub fn check_white_list(white_list: &[String]) -> Result<(), CallError> {
    allow_list_check(white_list.len())?;
    match white_list.iter().find(|entry| !is_address_range(entry)) {
        Some(entry) => {
            let reason = format!("holds {entry:?}, which is no address");
            Err(check::value("IpWhiteList", reason))
        }
        None => Ok(()),
    }
}

fn is_address_range(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
    prefix.parse::<u8>().is_ok_and(|length| length <= bits)
}

/// `Tags`.
pub fn tags(view: &TopicView) -> Vec<Tag> {
    let record = view.record.as_ref();
    record.map_or_else(Vec::new, |record| convert::tags(&record.tags))
}

/// `SearchWord`: a part of the name or of the id.
pub fn matches_word(instance: &Instance, view: &TopicView, word: &str) -> bool {
    view.topic.name.contains(word) || topic_id(instance, view).contains(word)
}
