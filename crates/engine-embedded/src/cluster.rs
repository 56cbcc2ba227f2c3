//! From the control plane's description of a cluster to the broker library's.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use brokerage_broker::{
    AddressPrefix, Authorization, Bind, BrokerSpec, ClusterLimits, ClusterSpec as HostSpec,
    DiskMarks, ListenerSpec, PublicLimits, SaslSpec, SecurityProtocol,
    TRANSACTIONAL_ID_EXPIRATION_MS, TopicDefaults,
};
use brokerage_domain::address::AddressRange;
use brokerage_domain::catalog::UsableLimits;
use brokerage_domain::cluster_settings::{ClusterSettings, SettingName};
use brokerage_domain::listener;
use brokerage_engine::{ClusterSpec, EngineError, Listener};

/// Bits in one byte of public bandwidth.
const BITS_PER_BYTE: u64 = 8;
/// Copies of a topic that does not say how many, when there are brokers for them: what managed clusters give.
const REPLICATION_FACTOR_DEFAULT: usize = 3;
/// The settings that are put in force: what this file reads of [`ClusterSpec::settings`]. A test proves each by what a
/// Kafka client sees.
pub const SETTINGS: &[SettingName] = &[
    SettingName::AllowEveryoneIfNoAclFound,
    SettingName::AuthorizerClass,
    SettingName::AutoCreateTopics,
    SettingName::ReplicationFactor,
    SettingName::RetentionBytes,
    SettingName::RetentionMs,
    SettingName::MessageBytesMax,
    SettingName::MinInsyncReplicas,
    SettingName::Partitions,
    SettingName::SuperUsers,
    SettingName::TransactionalIdExpirationMs,
    SettingName::UncleanLeaderElection,
];

/// The broker library's description of a cluster.
///
/// # Errors
/// [`EngineError::Refused`] for an address or a setting that cannot be read.
pub(crate) fn host_spec(spec: &ClusterSpec) -> Result<HostSpec, EngineError> {
    if let Some((name, text)) = spec.settings.unreadable.first_key_value() {
        let reason = format!("the setting {name} cannot be {text:?}");
        return Err(EngineError::Refused { reason });
    }
    let mut brokers: Vec<BrokerSpec> = Vec::new();
    for listener in &spec.listeners {
        let id = listener.broker_id;
        if brokers.last().is_none_or(|broker| broker.id != id) {
            brokers.push(BrokerSpec {
                id,
                rack: spec.zone(id).map(str::to_owned),
                listeners: Vec::new(),
            });
        }
        if let Some(broker) = brokers.last_mut() {
            broker.listeners.push(listener_spec(listener)?);
        }
    }
    Ok(HostSpec {
        id: spec.id.as_str().to_owned(),
        kafka_version: spec.kafka_version.clone(),
        limits: limits(&spec.limits),
        auto_create_topics: spec.settings.auto_create_topics.unwrap_or(false),
        defaults: defaults(spec, brokers.len()),
        transactional_id_expiration_ms: spec
            .settings
            .transactional_id_expiration_ms
            .unwrap_or(TRANSACTIONAL_ID_EXPIRATION_MS),
        authorization: authorization(&spec.settings),
        brokers,
    })
}

fn listener_spec(listener: &Listener) -> Result<ListenerSpec, EngineError> {
    let bind = match listener.bind {
        Some(address) => SocketAddr::new(address, listener.port).into(),
        None => Bind::SharedPort,
    };
    Ok(ListenerSpec {
        bind,
        advertised_host: listener.advertised_host.clone(),
        advertised_port: listener.port,
        name: listener.kind().to_string(),
        security: security(listener.security_protocol),
        sasl: SaslSpec::default(),
        is_public: listener.is_public,
        allowed: listener.allowed.as_deref().map(prefixes),
    })
}

fn prefixes(ranges: &[AddressRange]) -> Vec<AddressPrefix> {
    let prefixes = ranges.iter().map(AddressRange::prefix);
    prefixes
        .map(|(address, bits)| AddressPrefix { address, bits })
        .collect()
}

fn security(protocol: listener::SecurityProtocol) -> SecurityProtocol {
    match protocol {
        listener::SecurityProtocol::Plaintext => SecurityProtocol::Plaintext,
        listener::SecurityProtocol::SaslPlaintext => SecurityProtocol::SaslPlaintext,
        listener::SecurityProtocol::Ssl => SecurityProtocol::Ssl,
        listener::SecurityProtocol::SaslSsl => SecurityProtocol::SaslSsl,
    }
}

fn limits(limits: &UsableLimits) -> ClusterLimits {
    let narrow = |wide: u64| u32::try_from(wide).unwrap_or(u32::MAX);
    let public_bytes_per_second_max = Some(limits.public_bits_per_second_max / BITS_PER_BYTE);
    ClusterLimits {
        topics_max: narrow(limits.topics_max),
        partitions_max: narrow(limits.partitions_max),
        partitions_count_replicas: limits.partitions_count_replicas,
        groups_max: narrow(limits.groups_max),
        connections_max: narrow(limits.connections_max),
        message_bytes_max: narrow(limits.message_bytes_max),
        ingress_bytes_per_second_max: limits.ingress_bytes_per_second_max,
        egress_bytes_per_second_max: limits.egress_bytes_per_second_max,
        elastic_bytes_per_second: limits.elastic_bytes_per_second,
        bandwidth_counts_replicas: limits.bandwidth_counts_replicas,
        disk_bytes_max: Some(limits.disk_bytes_max),
        disk_counts_replicas: limits.disk_counts_replicas,
        disk_marks: DiskMarks {
            expire_percent: limits.disk_marks.expire_percent,
            trim_percent: Some(limits.disk_marks.trim_percent),
            refuse_percent: limits.disk_marks.refuse_percent,
        },
        // Each direction alone, as vendors sell it.
        public: PublicLimits {
            connections_max: narrow(limits.public_connections_max),
            ingress_bytes_per_second_max: public_bytes_per_second_max,
            egress_bytes_per_second_max: public_bytes_per_second_max,
        },
    }
}

fn defaults(spec: &ClusterSpec, brokers: usize) -> TopicDefaults {
    let settings = &spec.settings;
    let bought = i64::try_from(spec.limits.retention_ms).unwrap_or(i64::MAX);
    let replication = i16::try_from(brokers.min(REPLICATION_FACTOR_DEFAULT)).unwrap_or(1);
    let message_bytes = settings
        .message_bytes_max
        .unwrap_or(spec.limits.message_bytes_default);
    let unclean = settings.unclean_leader_election.unwrap_or(false);
    TopicDefaults {
        partitions: settings.partitions.unwrap_or(1),
        replication_factor: settings.replication_factor.unwrap_or(replication),
        retention_ms: settings.retention_ms.unwrap_or(bought),
        retention_bytes: settings.retention_bytes.unwrap_or(-1),
        min_insync_replicas: settings.min_insync_replicas.unwrap_or(1),
        configs: BTreeMap::from([
            ("max.message.bytes".to_owned(), message_bytes.to_string()),
            (
                "unclean.leader.election.enable".to_owned(),
                unclean.to_string(),
            ),
        ]),
    }
}

/// Access under Kafka's own names; open until ACLs are made.
fn authorization(settings: &ClusterSettings) -> Authorization {
    let principals = settings.super_users.iter();
    let principals = principals.flat_map(|users| users.split(';'));
    Authorization {
        super_users: principals
            .map(|principal| principal.trim().to_owned())
            .filter(|principal| !principal.is_empty())
            .collect(),
        allow_everyone_if_no_acl_found: settings.allow_everyone_if_no_acl_found.unwrap_or(true),
        has_authorizer: settings.authorizer_class.as_deref() != Some(""),
    }
}
