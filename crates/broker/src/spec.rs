//! What a cluster should be.

pub(crate) mod security;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::{DnsName, ServerName};

use crate::error::HostError;
use crate::release::Release;
use crate::spec::security::{SaslSpec, SecurityProtocol};

/// Longest name of a rack: what a text of an answer can be (Kafka's `Short.MAX_VALUE`).
const RACK_BYTES_MAX: usize = i16::MAX as usize;
/// Longest cluster id.
const CLUSTER_ID_CHARS_MAX: usize = 128;

/// One Kafka cluster: its brokers, what it may use, and how topics are made when nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSpec {
    /// `[a-z0-9_-]+`; the name of the directory, and the cluster id that clients see.
    pub id: String,
    /// The Kafka release that the cluster behaves as, e.g. `2.4.1`.
    pub kafka_version: String,
    /// At least one; ids counted from 0.
    pub brokers: Vec<BrokerSpec>,
    /// What was bought.
    pub limits: ClusterLimits,
    /// Whether producing to or asking for a missing topic makes it.
    pub auto_create_topics: bool,
    /// Settings of topics that do not say otherwise.
    pub defaults: TopicDefaults,
    /// Who may do what where no ACL says it.
    pub authorization: Authorization,
    /// How long a transactional id is remembered that nobody uses (Kafka's `transactional.id.expiration.ms`), ms.
    pub transactional_id_expiration_ms: i64,
}

/// Kafka's default of [`ClusterSpec::transactional_id_expiration_ms`]: seven days.
pub const TRANSACTIONAL_ID_EXPIRATION_MS: i64 = 604_800_000;

/// Settings of Kafka's `StandardAuthorizer` besides the ACLs, which clients create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Principals (`User:NAME`) that may do everything (Kafka's `super.users`), besides users that were made
    /// super users. Where users authenticate, `User:ANONYMOUS` administers nothing all the same.
    pub super_users: BTreeSet<String>,
    /// Whether a resource without ACLs is open to everybody (Kafka's `allow.everyone.if.no.acl.found`). Where
    /// users authenticate, administering the cluster is for super users in any case.
    pub allow_everyone_if_no_acl_found: bool,
    /// Whether ACLs are asked at all: without an authorizer (Kafka's `authorizer.class.name` empty) they are kept and
    /// refuse nobody anything. What is for super users stays so.
    pub has_authorizer: bool,
}

impl Default for Authorization {
    /// Open until ACLs are created.
    fn default() -> Self {
        Self {
            super_users: BTreeSet::new(),
            allow_everyone_if_no_acl_found: true,
            has_authorizer: true,
        }
    }
}

/// One broker id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSpec {
    /// Counted from 0.
    pub id: i32,
    /// Where it stands: Kafka's `broker.rack`. Replicas are spread over racks, and consumers read from their own.
    pub rack: Option<String>,
    /// Where it listens. Clients that came through a listener are shown the listeners of the same name.
    pub listeners: Vec<ListenerSpec>,
}

/// Where a listener listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// At an address of its own. Port 0: the system chooses.
    Address(SocketAddr),
    /// At the host's shared port, that of public listeners where it is public, found by its advertised host name.
    /// Needs TLS.
    SharedPort,
}

impl From<SocketAddr> for Bind {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Bind {
    fn from(address: (I, u16)) -> Self {
        Self::Address(address.into())
    }
}

/// One listener of one broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Where it listens.
    pub bind: Bind,
    /// Advertised host name. At a shared port it is also how clients find the listener.
    pub advertised_host: String,
    /// Advertised port. 0: the port listened at, or the advertised port of the shared port.
    pub advertised_port: u16,
    /// E.g. `PLAINTEXT`.
    pub name: String,
    /// What is spoken there.
    pub security: SecurityProtocol,
    /// How users authenticate, where `security` says that they do.
    pub sasl: SaslSpec,
    /// Whether clients come from the public network: they are bound by [`ClusterLimits::public`], too.
    pub is_public: bool,
    /// Where clients may come from; `None`: from everywhere. Those who are connected and are not in a new list are
    /// disconnected.
    pub allowed: Option<Vec<AddressPrefix>>,
}

/// Bits before those of an address of IPv4 where it is one of IPv6 (RFC 4291, 2.5.5.2).
const MAPPED_BITS: u32 = 96;

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPrefix {
    /// One of them.
    pub address: IpAddr,
    /// How many of its bits they have in common. With 0, all addresses are meant, of either kind.
    pub bits: u8,
}

impl AddressPrefix {
    /// Whether an address is one of them. One of IPv4 counts as what it is over IPv6, and the other way round.
    pub fn has(self, address: IpAddr) -> bool {
        let bits = match self.address {
            _ if self.bits == 0 => return true,
            IpAddr::V4(_) => MAPPED_BITS + u32::from(self.bits),
            IpAddr::V6(_) => u32::from(self.bits),
        };
        let number = |address: IpAddr| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        (number(self.address) ^ number(address)).leading_zeros() >= bits
    }
}

/// What was bought. Refusals use Kafka's own error codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterLimits {
    /// Topics; above: POLICY_VIOLATION.
    pub topics_max: u32,
    /// Partitions of all topics; above: POLICY_VIOLATION.
    pub partitions_max: u32,
    /// Whether a partition counts once for each replica (some clouds count so).
    pub partitions_count_replicas: bool,
    /// Consumer groups; above: GROUP_MAX_SIZE_REACHED.
    pub groups_max: u32,
    /// Connections to all brokers together; above: closed at once.
    pub connections_max: u32,
    /// Largest record batch in bytes that a topic may be set to take; above: MESSAGE_TOO_LARGE.
    pub message_bytes_max: u32,
    /// Bytes per second that clients may produce; `None`: no limit.
    pub ingress_bytes_per_second_max: Option<u64>,
    /// Bytes per second that clients may fetch; `None`: no limit.
    pub egress_bytes_per_second_max: Option<u64>,
    /// Bytes per second that clients may use beyond each of these two; counted apart.
    pub elastic_bytes_per_second: u64,
    /// Whether each replica's traffic counts against these two: n bytes of a topic with r replicas then use
    /// n × r (some clouds count so).
    pub bandwidth_counts_replicas: bool,
    /// Bytes of segments on disk; above: KAFKA_STORAGE_ERROR to producers. `None`: no limit.
    pub disk_bytes_max: Option<u64>,
    /// Whether each replica fills the disk: n bytes of a topic with r replicas then fill n × r.
    pub disk_counts_replicas: bool,
    /// What happens as the disk fills.
    pub disk_marks: DiskMarks,
    /// What of this may be used through public listeners.
    pub public: PublicLimits,
}

/// What clients may use that come through public listeners of all brokers together. It counts against the limits of the
/// whole cluster, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicLimits {
    /// Connections; above: closed at once.
    pub connections_max: u32,
    /// Bytes per second that clients may produce, counted once whatever the replicas; `None`: no limit of their own.
    pub ingress_bytes_per_second_max: Option<u64>,
    /// Bytes per second that clients may fetch; `None`: no limit of their own.
    pub egress_bytes_per_second_max: Option<u64>,
}

impl Default for PublicLimits {
    /// Those of the cluster.
    fn default() -> Self {
        Self {
            connections_max: u32::MAX,
            ingress_bytes_per_second_max: None,
            egress_bytes_per_second_max: None,
        }
    }
}

/// How full the disk may become, in percent of [`ClusterLimits::disk_bytes_max`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskMarks {
    /// From here on retention is applied at every run of the scheduled tasks.
    pub expire_percent: u8,
    /// From here on the oldest records are removed, whatever retention says; topics that are only compacted
    /// are left alone. `None`: never.
    pub trim_percent: Option<u8>,
    /// From here on writes are refused.
    pub refuse_percent: u8,
}

impl Default for DiskMarks {
    /// As Kafka itself: nothing happens until the disk is full.
    fn default() -> Self {
        Self {
            expire_percent: 100,
            trim_percent: None,
            refuse_percent: 100,
        }
    }
}

impl Default for ClusterLimits {
    fn default() -> Self {
        Self {
            topics_max: 10_000,
            partitions_max: 10_000,
            partitions_count_replicas: false,
            groups_max: 10_000,
            connections_max: 10_000,
            message_bytes_max: 1_048_588,
            ingress_bytes_per_second_max: None,
            egress_bytes_per_second_max: None,
            elastic_bytes_per_second: 0,
            bandwidth_counts_replicas: false,
            disk_bytes_max: None,
            disk_counts_replicas: false,
            disk_marks: DiskMarks::default(),
            public: PublicLimits::default(),
        }
    }
}

/// Settings of topics that do not say otherwise: Kafka's broker-level defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDefaults {
    /// `num.partitions`.
    pub partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i16,
    /// `log.retention.ms`; -1: for ever.
    pub retention_ms: i64,
    /// `log.retention.bytes` per partition; -1: no limit.
    pub retention_bytes: i64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// Other topic settings by their topic-level names, e.g. `segment.bytes`.
    pub configs: BTreeMap<String, String>,
}

impl Default for TopicDefaults {
    fn default() -> Self {
        Self {
            partitions: 1,
            replication_factor: 1,
            retention_ms: 604_800_000,
            retention_bytes: -1,
            min_insync_replicas: 1,
            configs: BTreeMap::new(),
        }
    }
}

/// A topic to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicSpec {
    /// `[a-zA-Z0-9._-]+`, at most 249 characters.
    pub name: String,
    /// -1: the cluster's default.
    pub partitions: i32,
    /// -1: the cluster's default.
    pub replication_factor: i16,
    /// Settings by their Kafka names.
    pub configs: BTreeMap<String, String>,
}

/// Intervals of the scheduled tasks on logs, by the broker's clock. Kafka's "Broker Configs", with their
/// defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogIntervals {
    /// How often retention is applied: `log.retention.check.interval.ms`, 300,000.
    pub retention_check_ms: i64,
    /// When it is applied first after a start: `log.initial.task.delay.ms`, 30,000.
    pub first_task_ms: i64,
    /// How long a producer that appends nothing is remembered: `producer.id.expiration.ms`, 86,400,000.
    pub producer_expiration_ms: i64,
    /// How often such producers are looked for, with retention: `producer.id.expiration.check.interval.ms`,
    /// 600,000.
    pub producer_expiration_check_ms: i64,
}

impl Default for LogIntervals {
    fn default() -> Self {
        Self {
            retention_check_ms: 300_000,
            first_task_ms: 30_000,
            producer_expiration_ms: 86_400_000,
            producer_expiration_check_ms: 600_000,
        }
    }
}

/// Whether an id can name a directory safely.
pub(crate) fn check_cluster_id(id: &str) -> Result<(), HostError> {
    let is_safe = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if id.is_empty() || id.len() > CLUSTER_ID_CHARS_MAX || !id.bytes().all(is_safe) {
        return Err(HostError::InvalidClusterId { id: id.to_owned() });
    }
    Ok(())
}

impl ListenerSpec {
    fn check(&self) -> Result<(), HostError> {
        let invalid = |reason: &str| {
            Err(HostError::InvalidSpec {
                reason: format!("listener {:?}: {reason}", self.name),
            })
        };
        if self.security.has_sasl() && self.sasl.mechanisms.is_empty() {
            return invalid("where users authenticate, there is a mechanism");
        }
        let host = self.advertised_host.as_str();
        if self.security.has_tls() && ServerName::try_from(host).is_err() {
            return invalid("a certificate cannot be made for its advertised host");
        }
        if self.bind == Bind::SharedPort && !self.security.has_tls() {
            return invalid("only TLS tells listeners of a shared port apart");
        }
        if self.bind == Bind::SharedPort && DnsName::try_from(host).is_err() {
            return invalid("at a shared port its advertised host is a name, not an address");
        }
        Ok(())
    }
}

impl ClusterSpec {
    /// Whether users authenticate at some listener.
    pub(crate) fn has_sasl(&self) -> bool {
        let mut listeners = self.brokers.iter().flat_map(|broker| &broker.listeners);
        listeners.any(|listener| listener.security.has_sasl())
    }

    /// The rack of a broker.
    pub(crate) fn rack(&self, broker_id: i32) -> Option<&str> {
        let broker = self.brokers.get(usize::try_from(broker_id).ok()?)?;
        broker.rack.as_deref()
    }

    /// The release that the cluster behaves as.
    pub(crate) fn release(&self) -> &'static Release {
        Release::find(&self.kafka_version).expect("the version was checked")
    }

    /// Whether the specification makes sense. `check_overrides` says it of settings of topics.
    ///
    /// # Errors
    /// With what contradicts itself, or is not served.
    pub(crate) fn check(
        &self,
        check_overrides: impl FnOnce(&Release, &BTreeMap<String, String>) -> Result<(), String>,
    ) -> Result<(), HostError> {
        check_cluster_id(&self.id)?;
        let invalid = |reason: &str| {
            Err(HostError::InvalidSpec {
                reason: reason.to_owned(),
            })
        };
        if Release::find(&self.kafka_version).is_none() {
            return Err(HostError::UnsupportedVersion {
                version: self.kafka_version.clone(),
            });
        }
        if self.brokers.is_empty() {
            return invalid("a cluster needs a broker");
        }
        if self
            .brokers
            .iter()
            .enumerate()
            .any(|(at, broker)| usize::try_from(broker.id) != Ok(at))
        {
            return invalid("broker ids count from 0 in order");
        }
        let is_rack = |rack: &String| (1..=RACK_BYTES_MAX).contains(&rack.len());
        if !(self
            .brokers
            .iter()
            .filter_map(|broker| broker.rack.as_ref()))
        .all(is_rack)
        {
            return invalid("a rack has a name of at most 32,767 bytes");
        }
        for listener in self.brokers.iter().flat_map(|broker| &broker.listeners) {
            listener.check()?;
        }
        if self.transactional_id_expiration_ms < 1 {
            return invalid("transactional ids are remembered for at least a millisecond");
        }
        if self.defaults.partitions < 1 || self.defaults.replication_factor < 1 {
            return invalid("default partitions and replication factor are at least 1");
        }
        if let Err(reason) = check_overrides(self.release(), &self.defaults.configs) {
            return invalid(&reason);
        }
        if usize::try_from(self.defaults.replication_factor)
            .is_ok_and(|factor| factor > self.brokers.len())
        {
            return invalid("the default replication factor exceeds the number of brokers");
        }
        if !self
            .authorization
            .super_users
            .iter()
            .all(|principal| principal.contains(':'))
        {
            return invalid("a super user is a principal, e.g. User:admin");
        }
        Ok(())
    }
}
