//! The settings of a topic that CKafka has parameters for, as several operations say them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use brokerage_wire::fault::CallError;

use super::check;
use super::topics::setting;

/// `PartitionNum` ("Limits": partitions of one topic).
pub const PARTITIONS: RangeInclusive<i64> = 1..=3_000;
/// `ReplicaNum`.
pub const REPLICAS: RangeInclusive<i64> = 1..=3;
/// Longest `Note`, in characters.
const NOTE_CHARS_MAX: usize = 64;
/// `RetentionMs`: a minute to 90 days.
const RETENTION_MS: RangeInclusive<i64> = 60_000..=7_776_000_000;
/// `SegmentMs`: the page says a day, Terraform lets an hour through.
const SEGMENT_MS: RangeInclusive<i64> = 3_600_000..=i64::MAX;
/// `MaxMessageBytes`: 1 KB to 12 MB.
const MESSAGE_BYTES: RangeInclusive<i64> = 1_024..=12_582_912;
/// `RetentionBytes`: 1 GB to 1 TB; -1 is no limit.
const RETENTION_BYTES: RangeInclusive<i64> = 1 << 30..=1 << 40;
/// Spellings of `CleanUpPolicy`.
const CLEAN_UP_POLICIES: [&str; 6] = [
    "delete",
    "compact",
    "compact, delete",
    "compact,delete",
    "delete, compact",
    "delete,compact",
];

/// What a request says of a topic's settings.
#[derive(Debug, Clone, Default)]
pub struct TopicSettings {
    /// `CleanUpPolicy`.
    pub clean_up_policy: Option<String>,
    /// `LogMsgTimestampType`.
    pub log_msg_timestamp_type: Option<String>,
    /// `MaxMessageBytes`.
    pub max_message_bytes: Option<i64>,
    /// `MinInsyncReplicas`.
    pub min_insync_replicas: Option<i64>,
    /// `RetentionBytes`.
    pub retention_bytes: Option<i64>,
    /// `RetentionMs`.
    pub retention_ms: Option<i64>,
    /// `SegmentMs`.
    pub segment_ms: Option<i64>,
    /// `UncleanLeaderElectionEnable`.
    pub unclean_leader_election: Option<i64>,
}

impl TopicSettings {
    /// Kafka's settings, out of those that are numbers, switches and words; a topic that is to have so many replicas has
    /// no more in sync.
    ///
    /// # Errors
    /// A value outside of what is allowed.
    pub fn configs(&self, insync_max: i64) -> Result<BTreeMap<String, String>, CallError> {
        let mut configs = BTreeMap::new();
        for (parameter, kafka, value, range) in self.numbers(insync_max) {
            // No number here may be 0: clients with typed structs send it for what nobody set.
            if let Some(value) = value.filter(|value| *value != 0) {
                let value = check::within(parameter, value, range)?;
                configs.insert(kafka.to_owned(), value.to_string());
            }
        }
        if let Some(on) = self.unclean_leader_election {
            let on = check::switch("UncleanLeaderElectionEnable", on)?;
            configs.insert(setting::UNCLEAN.to_owned(), on.to_string());
        }
        let types = ["CreateTime", "LogAppendTime"];
        let policy = ("CleanUpPolicy", setting::CLEANUP, &self.clean_up_policy);
        let stamp = (
            "LogMsgTimestampType",
            setting::TIMESTAMP_TYPE,
            &self.log_msg_timestamp_type,
        );
        for ((parameter, kafka, text), known) in
            [(policy, &CLEAN_UP_POLICIES[..]), (stamp, &types[..])]
        {
            if let Some(text) = check::given(text.as_ref()) {
                let word = check::word(parameter, text, known)?;
                // The page writes lists with a space, Kafka without.
                configs.insert(kafka.to_owned(), word.replace(", ", ","));
            }
        }
        Ok(configs)
    }

    fn numbers(&self, insync_max: i64) -> [Number; 5] {
        let unlimited = self.retention_bytes == Some(-1);
        let retention_bytes = if unlimited { -1..=-1 } else { RETENTION_BYTES };
        let number = |parameter, kafka, value, range| (parameter, kafka, value, range);
        [
            number(
                "RetentionMs",
                setting::RETENTION,
                self.retention_ms,
                RETENTION_MS,
            ),
            number(
                "SegmentMs",
                setting::SEGMENT_MS,
                self.segment_ms,
                SEGMENT_MS,
            ),
            number(
                "MaxMessageBytes",
                setting::MESSAGE_BYTES,
                self.max_message_bytes,
                MESSAGE_BYTES,
            ),
            number(
                "MinInsyncReplicas",
                setting::MIN_INSYNC,
                self.min_insync_replicas,
                1..=insync_max,
            ),
            number(
                "RetentionBytes",
                setting::RETENTION_BYTES,
                self.retention_bytes,
                retention_bytes,
            ),
        ]
    }
}

/// A parameter, Kafka's name of what it sets, what it says, and what it may say.
type Number = (&'static str, &'static str, Option<i64>, RangeInclusive<i64>);

/// Checks a `Note`.
///
/// # Errors
/// A text that is too long.
pub fn check_note(note: &str) -> Result<(), CallError> {
    match note.chars().count() <= NOTE_CHARS_MAX {
        true => Ok(()),
        false => Err(check::value(
            "Note",
            format!("has more than {NOTE_CHARS_MAX} characters"),
        )),
    }
}
