//! `Config` of CreateTopic and `TopicConfig` of GetTopicList: a topic's settings as one JSON text.
//!
//! What is answered is the object that was sent, the types of its values kept, because Terraform compares the two
//! texts and plans every difference again; and nothing that is not in force stands in it. So a member is put in force,
//! or shown only (with its reason in the list of parameters without effect), or refused by its name.

use std::collections::BTreeMap;

use brokerage_control::topic::TopicView;
use brokerage_domain::catalog::Plan;
use brokerage_wire::fault::CallError;
use brokerage_wire::params::{Param, from_json};
use indexmap::IndexMap;

use super::convert::json_text;
use super::fault::{field, shortened};
use super::notes::TopicNotes;

/// The parameter.
pub const SENT: &str = "Config";
/// Members that are shown again and have no effect: records are written in the format of the release that was bought,
/// as Kafka does from 3.0 on whatever this says (KIP-724).
const SHOWN_ONLY: [&str; 1] = ["message.format.version"];
/// Largest number of replicas ("CreateTopic", `ReplicationFactor`: 1 to 3).
pub const REPLICAS_MAX: i16 = 3;
/// Kafka's topic setting for how many replicas have to have a record.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
/// Names of the number of replicas: the console's, and that of the vendor's page.
const REPLICATION_FACTOR: [&str; 2] = ["replication-factor", "replications"];
/// Kafka's topic setting for how long records are kept.
const RETENTION: &str = "retention.ms";
/// Kafka's topic setting for the largest batch.
const MESSAGE: &str = "max.message.bytes";
/// Kafka's topic setting for whose clock stamps records.
const TIMESTAMP_TYPE: &str = "message.timestamp.type";
/// Kafka's topic setting for how far a record's time may be from the broker's ("UpdateTopicConfig").
const TIMESTAMP_DIFFERENCE: &str = "message.timestamp.difference.max.ms";
/// Longest text of a `Config`, in bytes.
const CONFIG_BYTES_MAX: usize = 4_096;
/// Longest text of a member that is shown only, in bytes.
const SHOWN_BYTES_MAX: usize = 32;
/// `retention.ms`, ms: an hour to a year.
const RETENTION_MS: std::ops::RangeInclusive<i64> = 3_600_000..=31_536_000_000;
/// `max.message.bytes`, bytes: 1 to 10 MiB.
const MESSAGE_BYTES: std::ops::RangeInclusive<i64> = 1_048_576..=10_485_760;

/// A `Config` that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    /// For Kafka, by its names.
    pub settings: BTreeMap<String, String>,
    /// The number of replicas, if it was said.
    pub replicas: Option<i16>,
    sent: Param,
}

impl TopicConfig {
    /// Reads a `Config`; values may be JSON texts or numbers.
    ///
    /// # Errors
    /// A text that is no such object, a member that is not known, a value outside its range, a retention on an
    /// edition that has none of its own for topics, two numbers of replicas.
    pub fn read(text: Option<String>, plan: &Plan) -> Result<Self, CallError> {
        let sent = match text {
            Some(text) if text.len() > CONFIG_BYTES_MAX => {
                return Err(invalid(format!("longer than {CONFIG_BYTES_MAX} bytes")));
            }
            Some(text) => json_text(SENT, text)?,
            None => Param::Object(IndexMap::new()),
        };
        let mut config = Self {
            settings: BTreeMap::new(),
            replicas: None,
            sent: Param::Null,
        };
        let Param::Object(members) = &sent else {
            return Err(invalid("not a JSON object"));
        };
        for (name, value) in members {
            config.take(name, value, plan)?;
        }
        Ok(Self { sent, ..config })
    }

    fn take(&mut self, name: &str, value: &Param, plan: &Plan) -> Result<(), CallError> {
        let scalar = match value {
            Param::Text(_) | Param::Number(_) => value.as_text(),
            _ => None,
        };
        let shown = shortened(name);
        let text = scalar.ok_or_else(|| invalid(format!("{shown} must be a text or a number")))?;
        match name {
            RETENTION if !plan.features.topic_retention => {
                let edition = &plan.edition;
                return Err(invalid(format!(
                    "{name} is not part of the edition {edition}"
                )));
            }
            RETENTION => self.set(name, number::<i64>(name, &text, &RETENTION_MS)?),
            MESSAGE => self.set(name, number::<i64>(name, &text, &MESSAGE_BYTES)?),
            TIMESTAMP_DIFFERENCE => self.set(name, number::<i64>(name, &text, &(0..=i64::MAX))?),
            MIN_INSYNC_REPLICAS => self.set(
                name,
                number::<i64>(name, &text, &(1..=REPLICAS_MAX.into()))?,
            ),
            TIMESTAMP_TYPE if ["CreateTime", "LogAppendTime"].contains(&text.as_str()) => {
                self.set(name, text);
            }
            TIMESTAMP_TYPE => {
                return Err(invalid(format!(
                    "{name} must be CreateTime or LogAppendTime"
                )));
            }
            _ if REPLICATION_FACTOR.contains(&name) => {
                let said: i16 = number(name, &text, &(1..=REPLICAS_MAX.into()))?;
                if self.replicas.is_some_and(|before| before != said) {
                    return Err(invalid("it says two numbers of replicas"));
                }
                self.replicas = Some(said);
            }
            _ if SHOWN_ONLY.contains(&name) => {
                let word = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
                if text.is_empty() || text.len() > SHOWN_BYTES_MAX || !text.chars().all(word) {
                    return Err(invalid(format!("{name} must be a version")));
                }
            }
            _ => return Err(invalid(format!("{shown} is not a setting of a topic"))),
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: impl ToString) {
        self.settings.insert(name.to_owned(), value.to_string());
    }

    /// The same with what is shown of a topic where this does not say otherwise: what `Config` and `Value` change is one
    /// member.
    ///
    /// # Errors
    /// As [`TopicConfig::read`].
    pub fn over(self, shown: &str, plan: &Plan) -> Result<Self, CallError> {
        let (Ok(Param::Object(mut members)), Param::Object(own)) =
            (from_json(shown.as_bytes()), self.sent)
        else {
            return Err(invalid("not a JSON object"));
        };
        members.extend(own);
        let text = serde_json::to_string(&Param::Object(members));
        Self::read(Some(text.map_err(brokerage_domain::Error::internal)?), plan)
    }

    /// What becomes of the settings of a topic that is shown so, when this is its whole `Config`: those that are left out
    /// are the cluster's default again.
    pub fn changes(&self, shown: &str) -> BTreeMap<String, Option<String>> {
        let before = match from_json(shown.as_bytes()) {
            Ok(Param::Object(members)) => members,
            _ => IndexMap::new(),
        };
        let is_setting =
            |name: &str| !SHOWN_ONLY.contains(&name) && !REPLICATION_FACTOR.contains(&name);
        let left_out = before.into_keys().filter(|name| is_setting(name));
        let mut changes: BTreeMap<String, Option<String>> =
            left_out.map(|name| (name, None)).collect();
        let set = self.settings.iter();
        changes.extend(set.map(|(name, value)| (name.clone(), Some(value.clone()))));
        changes
    }

    /// The object as it was sent.
    ///
    /// # Errors
    /// Never in practice: every tree can be written as JSON.
    pub fn text(&self) -> Result<String, CallError> {
        Ok(serde_json::to_string(&self.sent).map_err(brokerage_domain::Error::internal)?)
    }
}

/// `TopicConfig` of a topic: the members that were sent, each with the value that is in force now. Of a topic that was
/// not made here, those settings of it that could have been sent.
pub fn shown(view: &TopicView) -> String {
    let kept = TopicNotes::of(view).config;
    let sent = kept.and_then(|text| from_json(text.as_bytes()).ok());
    let members: IndexMap<String, Param> = match sent {
        Some(Param::Object(members)) => members
            .into_iter()
            .filter_map(|(name, value)| {
                let value = value_now(view, &name, value)?;
                Some((name, value))
            })
            .collect(),
        _ => [
            RETENTION,
            MESSAGE,
            TIMESTAMP_TYPE,
            TIMESTAMP_DIFFERENCE,
            MIN_INSYNC_REPLICAS,
        ]
        .into_iter()
        .filter_map(|name| {
            let value = view.topic.configs.get(name)?;
            Some((name.to_owned(), Param::Text(value.clone())))
        })
        .collect(),
    };
    serde_json::to_string(&Param::Object(members)).unwrap_or_default()
}

/// The value of a member, spelled as it was sent unless a Kafka client changed it since; `None` where one took it away.
fn value_now(view: &TopicView, name: &str, sent: Param) -> Option<Param> {
    if SHOWN_ONLY.contains(&name) {
        return Some(sent);
    }
    let now = if REPLICATION_FACTOR.contains(&name) {
        view.topic.replication_factor.to_string()
    } else {
        view.topic.configs.get(name)?.clone()
    };
    let then = sent.as_text().unwrap_or_default();
    let as_number = |text: &str| text.parse::<i64>().ok();
    let equal = then == now || (as_number(&then).is_some() && as_number(&then) == as_number(&now));
    Some(if equal { sent } else { Param::Text(now) })
}

fn invalid(reason: impl std::fmt::Display) -> CallError {
    field(SENT, reason)
}

fn number<T: TryFrom<i64>>(
    name: &str,
    text: &str,
    range: &std::ops::RangeInclusive<i64>,
) -> Result<T, CallError> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| {
            invalid(format!(
                "{name} must be from {} to {}",
                range.start(),
                range.end()
            ))
        })
}
