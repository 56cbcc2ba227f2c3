//! The settings of brokers that clients ask for, with the names of Kafka's "Broker Configs". What is told is what
//! holds here.

use super::config::{Row, SOURCE_DEFAULT, SOURCE_STATIC_BROKER, default_of};
use super::{Context, group, log_dir, metadata, offset};
use crate::cluster::{OFFSETS_RETENTION_CHECK_INTERVAL_MS, OFFSETS_RETENTION_MS};
use crate::coordinator::group::classic;
use crate::coordinator::transaction::TIMEOUT_MS_MAX;
use crate::metadata::resource_config::ConfiguredResource;
use crate::metadata::topic::INTERNAL_TOPIC_PARTITIONS;
use crate::metadata::topic_config::{self, ConfigDefinition, ConfigKind};
use crate::spec::ClusterSpec;

/// Name, type, value and where it comes from.
type Setting = (&'static str, ConfigKind, String, i8);

const MINUTE_MS: i64 = 60_000;
/// What sends consumers to replicas in their own rack, by the name of Kafka's class.
const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// `inter.broker.protocol.version` of each minor release before 4.0, where it ended: user interfaces read the version
/// of a cluster from it.
const PROTOCOL_VERSIONS: &[(u16, u16, &str)] = &[
    (1, 0, "1.0-IV0"),
    (1, 1, "1.1-IV0"),
    (2, 0, "2.0-IV1"),
    (2, 1, "2.1-IV2"),
    (2, 2, "2.2-IV1"),
    (2, 3, "2.3-IV1"),
    (2, 4, "2.4-IV1"),
    (2, 5, "2.5-IV0"),
    (2, 6, "2.6-IV0"),
    (2, 7, "2.7-IV2"),
    (2, 8, "2.8-IV1"),
    (3, 0, "3.0-IV1"),
    (3, 1, "3.1-IV0"),
    (3, 2, "3.2-IV0"),
    (3, 3, "3.3-IV3"),
    (3, 4, "3.4-IV0"),
    (3, 5, "3.5-IV2"),
    (3, 6, "3.6-IV2"),
    (3, 7, "3.7-IV4"),
    (3, 8, "3.8-IV0"),
    (3, 9, "3.9-IV0"),
];

/// All settings of a broker.
pub(super) fn broker_rows(context: &Context, broker_id: i32) -> Vec<Row> {
    let spec = context.cluster.spec();
    let mut settings = identity_settings(context, &spec, broker_id);
    settings.extend(topic_default_settings(&spec));
    settings.extend(coordinator_settings(context, &spec));
    settings.extend(log_settings(context));
    settings.extend(version_setting(&spec));
    settings.sort_by_key(|(name, ..)| *name);
    let row = |(name, kind, value, source): Setting| Row {
        name,
        beneath: (name, value.clone(), source),
        value,
        source,
        kind,
    };
    settings.into_iter().map(row).collect()
}

fn identity_settings(context: &Context, spec: &ClusterSpec, broker_id: i32) -> Vec<Setting> {
    let own = spec.brokers.iter().filter(|broker| broker.id == broker_id);
    let advertised: Vec<String> = own
        .flat_map(|broker| broker.listeners.iter())
        .filter_map(|listener| context.cluster.endpoint(&listener.name, broker_id))
        .map(|found| format!("{}://{}:{}", found.listener, found.host, found.port))
        .collect();
    let id = broker_id.to_string();
    let mut settings = vec![
        (
            "advertised.listeners",
            ConfigKind::String,
            advertised.join(","),
        ),
        (
            "auto.create.topics.enable",
            ConfigKind::Boolean,
            spec.auto_create_topics.to_string(),
        ),
        (
            "auto.leader.rebalance.enable",
            ConfigKind::Boolean,
            "true".to_owned(),
        ),
        ("broker.id", ConfigKind::Int, id.clone()),
        (
            "delete.topic.enable",
            ConfigKind::Boolean,
            "true".to_owned(),
        ),
        (
            "max.connections",
            ConfigKind::Int,
            spec.limits.connections_max.to_string(),
        ),
        ("node.id", ConfigKind::Int, id),
    ];
    if let Some(rack) = spec.rack(broker_id) {
        settings.push(("broker.rack", ConfigKind::String, rack.to_owned()));
        // KIP-392.
        if spec.release().is_at_least(2, 4) {
            let selector = RACK_AWARE_SELECTOR.to_owned();
            settings.push(("replica.selector.class", ConfigKind::String, selector));
        }
    }
    let from_spec = |(name, kind, value)| (name, kind, value, SOURCE_STATIC_BROKER);
    settings.into_iter().map(from_spec).collect()
}

/// What holds for topics that do not say otherwise, under the names that brokers give it.
fn topic_default_settings(spec: &ClusterSpec) -> Vec<Setting> {
    let setting = |definition: &ConfigDefinition| {
        let name = topic_config::broker_name(definition.name)?;
        let (value, source) = default_of(definition, spec);
        Some((name, definition.kind, value, source))
    };
    let definitions = topic_config::definitions(spec.release());
    let mut settings: Vec<Setting> = definitions.filter_map(setting).collect();
    let defaults = &spec.defaults;
    for (name, value) in [
        (
            "default.replication.factor",
            defaults.replication_factor.to_string(),
        ),
        ("num.partitions", defaults.partitions.to_string()),
    ] {
        settings.push((name, ConfigKind::Int, value, SOURCE_STATIC_BROKER));
    }
    settings
}

/// What coordinators of groups and transactions go by.
fn coordinator_settings(context: &Context, spec: &ClusterSpec) -> Vec<Setting> {
    let factor = spec.defaults.replication_factor.to_string();
    let partitions = INTERNAL_TOPIC_PARTITIONS.to_string();
    let delay_ms = context.cluster.group_initial_rebalance_delay().as_millis();
    let number = |name, value: i64| (name, ConfigKind::Int, value.to_string(), SOURCE_DEFAULT);
    let own = |name, value: String| (name, ConfigKind::Int, value, SOURCE_STATIC_BROKER);
    let mut settings = vec![
        own("group.initial.rebalance.delay.ms", delay_ms.to_string()),
        number(
            "group.max.session.timeout.ms",
            i64::from(group::SESSION_TIMEOUT_MS_MAX),
        ),
        own("group.max.size", classic::MEMBERS_MAX.to_string()),
        number(
            "group.min.session.timeout.ms",
            i64::from(group::SESSION_TIMEOUT_MS_MIN),
        ),
        number(
            "offset.metadata.max.bytes",
            offset::OFFSET_METADATA_CHARS_MAX as i64,
        ),
        number(
            "offsets.retention.minutes",
            OFFSETS_RETENTION_MS / MINUTE_MS,
        ),
        own("offsets.topic.num.partitions", partitions.clone()),
        own("offsets.topic.replication.factor", factor.clone()),
        number("transaction.max.timeout.ms", i64::from(TIMEOUT_MS_MAX)),
        own("transaction.state.log.num.partitions", partitions),
        own("transaction.state.log.replication.factor", factor),
        own(
            "transactional.id.expiration.ms",
            spec.transactional_id_expiration_ms.to_string(),
        ),
    ];
    settings.push((
        "offsets.retention.check.interval.ms",
        ConfigKind::Long,
        OFFSETS_RETENTION_CHECK_INTERVAL_MS.to_string(),
        SOURCE_DEFAULT,
    ));
    let groups = ConfiguredResource::Group;
    if groups.is_known_to(spec.release()) {
        let row = |definition: &ConfigDefinition| {
            let name = groups.broker_name(definition.name);
            let value = definition.default.to_owned();
            (name, definition.kind, value, SOURCE_DEFAULT)
        };
        settings.extend(groups.definitions().iter().map(row));
        for (name, value) in [
            ("group.consumer.max.heartbeat.interval.ms", 15_000),
            ("group.consumer.max.session.timeout.ms", 60_000),
            ("group.consumer.min.heartbeat.interval.ms", 5_000),
            ("group.consumer.min.session.timeout.ms", 45_000),
        ] {
            settings.push(number(name, value));
        }
    }
    settings
}

/// What logs are kept by.
fn log_settings(context: &Context) -> Vec<Setting> {
    let intervals = context.cluster.log_intervals();
    let directory = log_dir::LOG_DIR.to_owned();
    let own = |name, kind, value: String| (name, kind, value, SOURCE_STATIC_BROKER);
    vec![
        own("log.dir", ConfigKind::String, directory.clone()),
        own("log.dirs", ConfigKind::String, directory),
        own(
            "log.retention.check.interval.ms",
            ConfigKind::Long,
            intervals.retention_check_ms.to_string(),
        ),
        (
            "max.request.partition.size.limit",
            ConfigKind::Int,
            metadata::PARTITIONS_PER_ANSWER_MAX.to_string(),
            SOURCE_DEFAULT,
        ),
        own(
            "producer.id.expiration.ms",
            ConfigKind::Int,
            intervals.producer_expiration_ms.to_string(),
        ),
    ]
}

/// Brokers before 4.0 say which version they speak to each other.
fn version_setting(spec: &ClusterSpec) -> Option<Setting> {
    let release = spec.release();
    if release.is_at_least(4, 0) {
        return None;
    }
    let mut known = PROTOCOL_VERSIONS.iter().rev();
    let (.., version) = known.find(|(major, minor, _)| release.is_at_least(*major, *minor))?;
    Some((
        "inter.broker.protocol.version",
        ConfigKind::String,
        (*version).to_owned(),
        SOURCE_DEFAULT,
    ))
}
