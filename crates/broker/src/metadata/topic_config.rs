//! Topic settings: one table with names, types and defaults (Apache Kafka 3.9 and 4.1, "Topic Configs"; which
//! release has which `release.rs` knows), and the values that the broker acts on.

use std::collections::BTreeMap;

use crate::log::LogOptions;
use crate::log::batch::COMPRESSION_ZSTD;
use crate::log::record::Compression;
use crate::release::Release;
use crate::spec::ClusterSpec;

/// Type numbers of DescribeConfigs (KIP-569).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigKind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    /// Whatever its type takes.
    Any,
    AtLeast(i64),
    Between(f64, f64),
    OneOf(&'static [&'static str]),
    /// A comma-separated list of these.
    SomeOf(&'static [&'static str]),
    /// Pairs of a partition and a broker, or `*` (Kafka's `ThrottledReplicaListValidator`).
    Replicas,
    /// What clients a subscription to metrics is for (KIP-714).
    Matches,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigDefinition {
    pub name: &'static str,
    pub kind: ConfigKind,
    pub default: &'static str,
    pub rule: Rule,
}

pub(crate) const fn row(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    rule: Rule,
) -> ConfigDefinition {
    ConfigDefinition {
        name,
        kind,
        default,
        rule,
    }
}

/// Longest value of a setting: what a text of a request may be (Kafka's `Short.MAX_VALUE`), also where it
/// is put together by appending.
const VALUE_BYTES_MAX: usize = i16::MAX as usize;
const COMPRESSIONS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
/// -1 is the default (KIP-390).
const GZIP_LEVELS: &[&str] = &["-1", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Timestamps may differ so much from the broker's clock: without limit.
const UNLIMITED_MS: &str = "9223372036854775807";

/// What brokers call the settings that hold for topics which do not say otherwise (Kafka's "Broker
/// Configs"); where there are names for several units, that of the setting itself.
const BROKER_NAMES: &[(&str, &str)] = &[
    ("cleanup.policy", "log.cleanup.policy"),
    ("compression.gzip.level", "compression.gzip.level"),
    ("compression.lz4.level", "compression.lz4.level"),
    ("compression.type", "compression.type"),
    ("compression.zstd.level", "compression.zstd.level"),
    ("delete.retention.ms", "log.cleaner.delete.retention.ms"),
    ("file.delete.delay.ms", "log.segment.delete.delay.ms"),
    ("flush.messages", "log.flush.interval.messages"),
    ("flush.ms", "log.flush.interval.ms"),
    ("index.interval.bytes", "log.index.interval.bytes"),
    ("local.retention.bytes", "log.local.retention.bytes"),
    ("local.retention.ms", "log.local.retention.ms"),
    ("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    ("max.message.bytes", "message.max.bytes"),
    (
        "message.downconversion.enable",
        "log.message.downconversion.enable",
    ),
    (
        "message.timestamp.after.max.ms",
        "log.message.timestamp.after.max.ms",
    ),
    (
        "message.timestamp.before.max.ms",
        "log.message.timestamp.before.max.ms",
    ),
    (
        "message.timestamp.difference.max.ms",
        "log.message.timestamp.difference.max.ms",
    ),
    ("message.timestamp.type", "log.message.timestamp.type"),
    (
        "min.cleanable.dirty.ratio",
        "log.cleaner.min.cleanable.ratio",
    ),
    ("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("preallocate", "log.preallocate"),
    ("retention.bytes", "log.retention.bytes"),
    ("retention.ms", "log.retention.ms"),
    ("segment.bytes", "log.segment.bytes"),
    ("segment.index.bytes", "log.index.size.max.bytes"),
    ("segment.jitter.ms", "log.roll.jitter.ms"),
    ("segment.ms", "log.roll.ms"),
    (
        "unclean.leader.election.enable",
        "unclean.leader.election.enable",
    ),
];

/// What brokers call a setting of topics; `None` if it is the topic's alone.
pub(crate) fn broker_name(topic_name: &str) -> Option<&'static str> {
    let found = BROKER_NAMES.iter().find(|(name, _)| *name == topic_name);
    found.map(|(_, broker_name)| *broker_name)
}

/// All settings that a topic of any release may have.
const TOPIC_CONFIGS: &[ConfigDefinition] = &[
    row(
        "cleanup.policy",
        ConfigKind::List,
        "delete",
        Rule::SomeOf(&["compact", "delete"]),
    ),
    row(
        "compression.gzip.level",
        ConfigKind::Int,
        "-1",
        Rule::OneOf(GZIP_LEVELS),
    ),
    row(
        "compression.lz4.level",
        ConfigKind::Int,
        "9",
        Rule::Between(1.0, 17.0),
    ),
    row(
        "compression.type",
        ConfigKind::String,
        "producer",
        Rule::OneOf(COMPRESSIONS),
    ),
    row(
        "compression.zstd.level",
        ConfigKind::Int,
        "3",
        Rule::Between(-131_072.0, 22.0),
    ),
    row(
        "delete.retention.ms",
        ConfigKind::Long,
        "86400000",
        Rule::AtLeast(0),
    ),
    row(
        "file.delete.delay.ms",
        ConfigKind::Long,
        "60000",
        Rule::AtLeast(0),
    ),
    row(
        "flush.messages",
        ConfigKind::Long,
        "9223372036854775807",
        Rule::AtLeast(1),
    ),
    row(
        "flush.ms",
        ConfigKind::Long,
        "9223372036854775807",
        Rule::AtLeast(0),
    ),
    row(
        "follower.replication.throttled.replicas",
        ConfigKind::List,
        "",
        Rule::Replicas,
    ),
    row(
        "index.interval.bytes",
        ConfigKind::Int,
        "4096",
        Rule::AtLeast(0),
    ),
    row(
        "leader.replication.throttled.replicas",
        ConfigKind::List,
        "",
        Rule::Replicas,
    ),
    row(
        "local.retention.bytes",
        ConfigKind::Long,
        "-2",
        Rule::AtLeast(-2),
    ),
    row(
        "local.retention.ms",
        ConfigKind::Long,
        "-2",
        Rule::AtLeast(-2),
    ),
    row(
        "max.compaction.lag.ms",
        ConfigKind::Long,
        "9223372036854775807",
        Rule::AtLeast(1),
    ),
    row(
        "max.message.bytes",
        ConfigKind::Int,
        "1048588",
        Rule::AtLeast(0),
    ),
    row(
        "message.downconversion.enable",
        ConfigKind::Boolean,
        "true",
        Rule::Any,
    ),
    row(
        "message.timestamp.after.max.ms",
        ConfigKind::Long,
        "3600000",
        Rule::AtLeast(0),
    ),
    row(
        "message.timestamp.before.max.ms",
        ConfigKind::Long,
        "9223372036854775807",
        Rule::AtLeast(0),
    ),
    row(
        "message.timestamp.difference.max.ms",
        ConfigKind::Long,
        "9223372036854775807",
        Rule::AtLeast(0),
    ),
    row(
        "message.timestamp.type",
        ConfigKind::String,
        "CreateTime",
        Rule::OneOf(&["CreateTime", "LogAppendTime"]),
    ),
    row(
        "min.cleanable.dirty.ratio",
        ConfigKind::Double,
        "0.5",
        Rule::Between(0.0, 1.0),
    ),
    row(
        "min.compaction.lag.ms",
        ConfigKind::Long,
        "0",
        Rule::AtLeast(0),
    ),
    row(
        "min.insync.replicas",
        ConfigKind::Int,
        "1",
        Rule::AtLeast(1),
    ),
    row("preallocate", ConfigKind::Boolean, "false", Rule::Any),
    row(
        "remote.log.copy.disable",
        ConfigKind::Boolean,
        "false",
        Rule::Any,
    ),
    row(
        "remote.log.delete.on.disable",
        ConfigKind::Boolean,
        "false",
        Rule::Any,
    ),
    row(
        "remote.storage.enable",
        ConfigKind::Boolean,
        "false",
        Rule::Any,
    ),
    row("retention.bytes", ConfigKind::Long, "-1", Rule::AtLeast(-1)),
    row(
        "retention.ms",
        ConfigKind::Long,
        "604800000",
        Rule::AtLeast(-1),
    ),
    row(
        "segment.bytes",
        ConfigKind::Int,
        "1073741824",
        Rule::AtLeast(SEGMENT_BYTES_MIN),
    ),
    row(
        "segment.index.bytes",
        ConfigKind::Int,
        "10485760",
        Rule::AtLeast(4),
    ),
    row("segment.jitter.ms", ConfigKind::Long, "0", Rule::AtLeast(0)),
    row(
        "segment.ms",
        ConfigKind::Long,
        "604800000",
        Rule::AtLeast(1),
    ),
    row(
        "unclean.leader.election.enable",
        ConfigKind::Boolean,
        "false",
        Rule::Any,
    ),
];

/// Smallest `segment.bytes` taken: Kafka 3 took 14, Kafka 4.0 asks for 1 MiB (KIP-1030); the older bound is
/// kept because releases before 4.0 are sold too.
const SEGMENT_BYTES_MIN: i64 = 14;

/// The settings that topics of a release have.
pub(crate) fn definitions(release: &Release) -> impl Iterator<Item = &'static ConfigDefinition> {
    let has = |found: &&ConfigDefinition| release.has_topic_config(found.name);
    TOPIC_CONFIGS.iter().filter(has)
}

/// One of them.
pub(crate) fn definition(release: &Release, name: &str) -> Option<&'static ConfigDefinition> {
    definitions(release).find(|definition| definition.name == name)
}

/// What a subscription to metrics may ask of a client (Kafka's `ClientMetricsConfigs`).
const CLIENT_MATCHES: &[&str] = &[
    "client_id",
    "client_instance_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// A name and a pattern.
fn is_client_match(text: &str) -> bool {
    let pair = text.split_once('=');
    pair.is_some_and(|(name, pattern)| {
        CLIENT_MATCHES.contains(&trimmed(name)) && !trimmed(pattern).is_empty()
    })
}

/// A partition and a broker, or nothing.
fn is_replica(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let pair = text.trim().split_once(':');
    text.trim().is_empty() || pair.is_some_and(|(at, broker)| is_number(at) && is_number(broker))
}

/// Whether a release has a value that not all have: zstd came with 2.1 (KIP-110).
fn has_value(release: &Release, name: &str, value: &str) -> bool {
    (name, value) != ("compression.type", "zstd") || release.is_at_least(2, 1)
}

/// What Java's `String.trim` leaves.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter| letter <= ' ')
}

/// A number as Java's `Double.parseDouble` reads it, in the form that `Double.toString` gives it.
fn double(text: &str) -> Option<String> {
    let is_suffix = |letter| matches!(letter, 'd' | 'D' | 'f' | 'F');
    let number = text.strip_suffix(is_suffix).unwrap_or(text);
    // Names of numbers are the only words that Rust reads and Java does not.
    let value = number
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())?;
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return Some(format!("{value:?}"));
    }
    let scientific = format!("{value:E}");
    let (mantissa, exponent) = scientific.split_once('E')?;
    let point = if mantissa.contains('.') { "" } else { ".0" };
    Some(format!("{mantissa}{point}E{exponent}"))
}

impl ConfigDefinition {
    /// Reads a value as Kafka's `ConfigDef` does, and returns the form in which it is kept and shown: without
    /// spaces around words and numbers, booleans in small letters.
    ///
    /// # Errors
    /// With the text for clients if it is not of the type, or not allowed.
    pub(crate) fn parse(&self, release: &Release, value: &str) -> Result<String, String> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(format!("The value of {} is too long", self.name));
        }
        let invalid = |reason: &str| {
            let name = self.name;
            format!("Invalid value {value} for configuration {name}: {reason}")
        };
        let text = trimmed(value);
        let parsed = match self.kind {
            ConfigKind::Boolean => {
                let lowered = text.to_ascii_lowercase();
                let is_boolean = ["true", "false"].contains(&lowered.as_str());
                is_boolean.then_some(lowered)
            }
            ConfigKind::String => Some(text.to_owned()),
            ConfigKind::Int => text.parse::<i32>().ok().map(|number| number.to_string()),
            ConfigKind::Long => text.parse::<i64>().ok().map(|number| number.to_string()),
            ConfigKind::Double => double(text),
            ConfigKind::List => Some(text.split(',').map(trimmed).collect::<Vec<_>>().join(",")),
        };
        let parsed = parsed.ok_or_else(|| {
            invalid(match self.kind {
                ConfigKind::Boolean => "Expected value to be either true or false",
                ConfigKind::Int => "Not a number of type INT",
                ConfigKind::Long => "Not a number of type LONG",
                _ => "Not a number of type DOUBLE",
            })
        })?;
        match self.check_rule(release, &parsed) {
            Ok(()) => Ok(parsed),
            Err(reason) => Err(invalid(&reason)),
        }
    }

    /// A value that may have been written before values were brought into one form.
    pub(crate) fn shown(&self, release: &Release, value: &str) -> String {
        let parsed = self.parse(release, value);
        parsed.unwrap_or_else(|_| value.to_owned())
    }

    /// Whether a value that is of the type is allowed.
    fn check_rule(&self, release: &Release, parsed: &str) -> Result<(), String> {
        let (is_allowed, rule) = match self.rule {
            Rule::Any => return Ok(()),
            Rule::AtLeast(min) => (
                parsed.parse::<i64>().is_ok_and(|value| value >= min),
                format!("Value must be at least {min}"),
            ),
            Rule::Between(min, max) => {
                let value = parsed.parse::<f64>();
                let is_allowed = value.is_ok_and(|value| (min..=max).contains(&value));
                (is_allowed, format!("Value must be from {min} to {max}"))
            }
            Rule::OneOf(allowed) => (
                allowed.contains(&parsed) && has_value(release, self.name, parsed),
                format!("Value must be one of: {}", allowed.join(", ")),
            ),
            Rule::SomeOf(allowed) => (
                parsed.is_empty() || parsed.split(',').all(|item| allowed.contains(&item)),
                format!("Values must be of: {}", allowed.join(", ")),
            ),
            Rule::Replicas => (
                parsed == "*" || parsed.split(',').all(is_replica),
                "Value must be * or a list of PARTITION:BROKER".to_owned(),
            ),
            Rule::Matches => (
                parsed.is_empty() || parsed.split(',').all(is_client_match),
                format!(
                    "Values are NAME=PATTERN, NAME one of: {}",
                    CLIENT_MATCHES.join(", ")
                ),
            ),
        };
        if is_allowed { Ok(()) } else { Err(rule) }
    }
}

fn parse_each(
    release: &Release,
    overrides: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let parse = |(name, value): (&String, &String)| {
        let definition = definition(release, name)
            .ok_or_else(|| format!("Unknown topic config name: {name}"))?;
        Ok((name.clone(), definition.parse(release, value)?))
    };
    overrides.iter().map(parse).collect()
}

/// Checks settings of topics, each by itself.
///
/// # Errors
/// With the text for clients.
pub(crate) fn check_overrides(
    release: &Release,
    overrides: &BTreeMap<String, String>,
) -> Result<(), String> {
    parse_each(release, overrides).map(drop)
}

/// Reads the settings of a topic, each by itself and all together with what holds where it says nothing, and brings
/// them into the form in which they are kept and shown.
///
/// # Errors
/// With the text for clients.
pub(crate) fn parse_overrides(
    overrides: &BTreeMap<String, String>,
    spec: &ClusterSpec,
) -> Result<BTreeMap<String, String>, String> {
    let parsed = parse_each(spec.release(), overrides)?;
    let long = |name: &str| effective(&parsed, spec, name).parse::<i64>().ok();
    let (min, max) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    if let (Some(min_ms), Some(max_ms)) = (long(min), long(max))
        && min_ms > max_ms
    {
        return Err(format!(
            "conflict topic config setting {min} ({min_ms}) > {max} ({max_ms})"
        ));
    }
    if effective(&parsed, spec, "remote.storage.enable") == "true" {
        let message = "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.";
        return Err(message.to_owned());
    }
    Ok(parsed)
}

/// The value that holds for a topic; empty if its release does not have the setting.
fn effective(overrides: &BTreeMap<String, String>, spec: &ClusterSpec, name: &str) -> String {
    match overrides.get(name) {
        Some(value) => trimmed(value).to_owned(),
        None => definition(spec.release(), name)
            .map_or_else(String::new, |found| default_value(found, spec).0),
    }
}

/// The value of a setting that a topic does not override, and whether the cluster's own defaults gave it.
pub(crate) fn default_value(definition: &ConfigDefinition, spec: &ClusterSpec) -> (String, bool) {
    let defaults = &spec.defaults;
    // KIP-937 made the limit, KIP-1030 gave it a default.
    let default = match definition.name {
        "message.timestamp.after.max.ms" if !spec.release().is_at_least(4, 0) => UNLIMITED_MS,
        _ => definition.default,
    };
    let from_spec = match definition.name {
        "retention.ms" => Some(defaults.retention_ms.to_string()),
        "retention.bytes" => Some(defaults.retention_bytes.to_string()),
        "min.insync.replicas" => Some(defaults.min_insync_replicas.to_string()),
        name => {
            let value = defaults.configs.get(name);
            value.map(|value| definition.shown(spec.release(), value))
        }
    };
    match from_spec {
        Some(value) if value != default => (value, true),
        _ => (default.to_owned(), false),
    }
}

/// The values that the broker acts on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicSettings {
    pub is_compacted: bool,
    pub is_deleted_by_retention: bool,
    pub retention_ms: Option<i64>,
    pub retention_bytes: Option<u64>,
    pub message_bytes_max: usize,
    pub min_insync_replicas: usize,
    pub is_unclean_election_enabled: bool,
    pub is_log_append_time: bool,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub delete_retention_ms: i64,
    /// What batches are packed by; `None` keeps them as they came.
    pub compression: Option<Compression>,
    pub log: LogOptions,
}

impl TopicSettings {
    /// Whether `compression.type` is zstd.
    pub(crate) fn is_zstd(&self) -> bool {
        self.compression
            .is_some_and(|compression| compression.codec == COMPRESSION_ZSTD)
    }
}

/// The codec that a topic asks for, and its level.
fn compression(text: impl Fn(&str) -> String) -> Option<Compression> {
    let level = |name: &str| text(name).parse().ok();
    let (codec, level) = match text("compression.type").as_str() {
        "uncompressed" => (0, None),
        "gzip" => (1, level("compression.gzip.level")),
        "snappy" => (2, None),
        "lz4" => (3, None),
        "zstd" => (COMPRESSION_ZSTD, level("compression.zstd.level")),
        _ => return None,
    };
    Some(Compression { codec, level })
}

impl TopicSettings {
    /// Works out the effective values; the overrides were checked before.
    pub(crate) fn new(overrides: &BTreeMap<String, String>, spec: &ClusterSpec) -> Self {
        let text = |name: &str| effective(overrides, spec, name);
        let long = |name: &str| text(name).parse::<i64>().unwrap_or(i64::MAX);
        let timestamp_max_ms = |name: &str| match long(name) {
            // Until KIP-937 one setting was for both sides; until 4.0 it holds where the newer are not set.
            i64::MAX => long("message.timestamp.difference.max.ms"),
            set => set,
        };
        let policy = text("cleanup.policy");
        let has = |wanted: &str| policy.split(',').any(|item| item.trim() == wanted);
        Self {
            is_compacted: has("compact"),
            is_deleted_by_retention: has("delete"),
            retention_ms: Some(long("retention.ms")).filter(|value| *value >= 0),
            retention_bytes: u64::try_from(long("retention.bytes")).ok(),
            message_bytes_max: usize::try_from(long("max.message.bytes")).unwrap_or(0),
            min_insync_replicas: usize::try_from(long("min.insync.replicas")).unwrap_or(1),
            is_unclean_election_enabled: text("unclean.leader.election.enable") == "true",
            is_log_append_time: text("message.timestamp.type") == "LogAppendTime",
            message_timestamp_after_max_ms: timestamp_max_ms("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: timestamp_max_ms("message.timestamp.before.max.ms"),
            min_cleanable_dirty_ratio: text("min.cleanable.dirty.ratio").parse().unwrap_or(0.5),
            min_compaction_lag_ms: long("min.compaction.lag.ms"),
            max_compaction_lag_ms: long("max.compaction.lag.ms"),
            delete_retention_ms: long("delete.retention.ms"),
            compression: compression(text),
            log: LogOptions {
                segment_bytes: u64::try_from(long("segment.bytes")).unwrap_or(1 << 30),
                // Records are compacted in sealed segments only.
                segment_ms: match has("compact") {
                    true => long("segment.ms").min(long("max.compaction.lag.ms")),
                    false => long("segment.ms"),
                },
                index_interval_bytes: u64::try_from(long("index.interval.bytes")).unwrap_or(4096),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_shown_as_by_kafka() {
        let check = |name: &str, value: &str, expected: Option<&str>| {
            let definition = TOPIC_CONFIGS.iter().find(|row| row.name == name).unwrap();
            let release = Release::find("4.1.0").unwrap();
            let parsed = definition.parse(release, value);
            assert_eq!(
                parsed.as_deref().ok(),
                expected,
                "{name}={value:.40}: {parsed:?}"
            );
        };
        let long = "1:2,".repeat(10_000);
        for name in [
            "follower.replication.throttled.replicas",
            "leader.replication.throttled.replicas",
        ] {
            check(name, "", Some(""));
            check(name, "*", Some("*"));
            check(name, "0:1,1:2, 2:0", Some("0:1,1:2,2:0"));
            check(name, "junk", None);
            check(name, "0:1,*", None);
            check(name, "0:", None);
            check(name, &long[..32_000], Some(&long[..32_000]));
            check(name, &long, None);
        }
        check("retention.ms", &format!("{}1", "0".repeat(40_000)), None);
        check("retention.ms", " 86400000", Some("86400000"));
        check("retention.ms", "\t+007\n", Some("7"));
        check("retention.ms", "-1", Some("-1"));
        check("retention.ms", "-2", None);
        check("retention.ms", "1.0", None);
        check("retention.ms", "", None);
        check("segment.bytes", "2147483648", None);
        check("preallocate", "True", Some("true"));
        check("preallocate", " FALSE ", Some("false"));
        check("preallocate", "yes", None);
        check("preallocate", "", None);
        check("unclean.leader.election.enable", "False", Some("false"));
        check("cleanup.policy", "compact, delete", Some("compact,delete"));
        check("cleanup.policy", " delete ", Some("delete"));
        check("cleanup.policy", "compact,,delete", None);
        check("cleanup.policy", "Compact", None);
        check("cleanup.policy", "", Some(""));
        check("compression.type", " gzip", Some("gzip"));
        check("compression.type", "GZIP", None);
        check("compression.gzip.level", "+9", Some("9"));
        check("message.timestamp.type", "CreateTime ", Some("CreateTime"));
        check("message.timestamp.type", "createtime", None);
        for (value, expected) in [
            (".5", Some("0.5")),
            ("0.5d", Some("0.5")),
            ("1", Some("1.0")),
            ("0", Some("0.0")),
            ("1e-4", Some("1.0E-4")),
            ("0.00015", Some("1.5E-4")),
            ("5e-1", Some("0.5")),
            ("1.01", None),
            ("NaN", None),
            ("half", None),
        ] {
            check("min.cleanable.dirty.ratio", value, expected);
        }
    }

    #[test]
    fn what_brokers_call_a_setting_is_a_setting_of_topics() {
        for (topic_name, broker_name) in BROKER_NAMES {
            let is_known = TOPIC_CONFIGS.iter().any(|row| row.name == *topic_name);
            assert!(is_known, "{topic_name}");
            let same = BROKER_NAMES.iter().filter(|(_, name)| name == broker_name);
            assert_eq!(same.count(), 1, "{broker_name}");
        }
    }
}
