//! What AliKafka says of a topic beside Kafka's own words.

use std::collections::BTreeMap;

use brokerage_control::topic::TopicView;
use brokerage_domain::catalog::Plan;
use serde::Deserialize;

use super::fault::field;
use crate::fault::CallError;

/// Attribute: whether the topic is in local storage.
pub const LOCAL: &str = "LocalTopic";
/// Kafka's topic setting for what becomes of old records.
pub const CLEANUP_POLICY: &str = "cleanup.policy";
/// Its value for topics that keep the newest record of each key.
pub const COMPACT: &str = "compact";
/// Longest remark, in characters ("CreateTopic": 64).
const REMARK_CHARS_MAX: usize = 64;
/// Beginning of attributes that hold tags.
const TAG_PREFIX: &str = "Tag:";
/// `retention.ms`, ms: an hour to a year.
const RETENTION_MS: std::ops::RangeInclusive<i64> = 3_600_000..=31_536_000_000;
/// `max.message.bytes`, bytes: 1 to 10 MiB.
const MESSAGE_BYTES: std::ops::RangeInclusive<i64> = 1_048_576..=10_485_760;

/// `Config` of a topic in local storage.
#[derive(Debug, Deserialize)]
pub struct LocalConfig {
    #[serde(rename = "retention.ms")]
    retention_ms: Option<i64>,
    #[serde(rename = "max.message.bytes")]
    max_message_bytes: Option<i64>,
    #[serde(rename = "message.timestamp.type")]
    message_timestamp_type: Option<String>,
}

impl LocalConfig {
    /// The settings by Kafka's names.
    ///
    /// # Errors
    /// A value outside its range, a retention on an edition that has none of its own for topics.
    pub fn checked(&self, plan: &Plan) -> Result<BTreeMap<String, String>, CallError> {
        let mut configs = BTreeMap::new();
        if self.retention_ms.is_some() && !plan.features.topic_retention {
            return Err(field(
                "Config",
                format!("retention.ms is not part of the edition {}", plan.edition),
            ));
        }
        for (name, value, range) in [
            ("retention.ms", self.retention_ms, RETENTION_MS),
            ("max.message.bytes", self.max_message_bytes, MESSAGE_BYTES),
        ] {
            let Some(value) = value else { continue };
            if !range.contains(&value) {
                return Err(field(
                    "Config",
                    format!("{name} must be from {} to {}", range.start(), range.end()),
                ));
            }
            configs.insert(name.to_owned(), value.to_string());
        }
        match self.message_timestamp_type.as_deref() {
            None => {}
            Some(kind @ ("CreateTime" | "LogAppendTime")) => {
                configs.insert("message.timestamp.type".to_owned(), kind.to_owned());
            }
            Some(_) => {
                return Err(field(
                    "Config",
                    "message.timestamp.type must be CreateTime or LogAppendTime",
                ));
            }
        }
        Ok(configs)
    }
}

/// Tags as attributes of a topic.
pub fn tag_attributes(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.iter()
        .map(|(key, value)| (tag_attribute(key), value.clone()))
        .collect()
}

/// The attribute that holds a tag.
pub fn tag_attribute(key: &str) -> String {
    format!("{TAG_PREFIX}{key}")
}

/// The tags of a topic.
pub fn tags(view: &TopicView) -> BTreeMap<String, String> {
    let attributes = view.record.iter().flat_map(|record| &record.attributes);
    attributes
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(TAG_PREFIX)?.to_owned(), value.clone()))
        })
        .collect()
}

/// Whether a topic is in local storage; one that a Kafka client made is in cloud storage.
pub fn is_local(view: &TopicView) -> bool {
    let kept = view
        .record
        .as_ref()
        .and_then(|record| record.attributes.get(LOCAL));
    kept.is_some_and(|local| local == "true")
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
