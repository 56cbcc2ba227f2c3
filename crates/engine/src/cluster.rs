//! Clusters: what an engine is asked for and what it reports.

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use brokerage_domain::catalog::UsableLimits;
use brokerage_domain::cluster_settings::{ClusterSettings, SettingName};
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::{ListenerKind, SecurityProtocol};
use brokerage_kafka_admin::Stream;

/// Something that runs real Kafka.
///
/// Every method may be called again after a crash with the same arguments, and at the same time for
/// different instances; the control plane never makes two calls at once for one instance.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What operators call it (`embedded`, `apache`, …).
    fn name(&self) -> &'static str;

    /// The cluster settings that it puts in force. A new value reaches a running cluster without a start.
    fn settings(&self) -> &'static [SettingName];

    /// The versions of Apache Kafka that clusters can be, oldest first. Further patches of a line that is named are like
    /// the last one named before them.
    fn versions(&self) -> Vec<String>;

    /// Whether a cluster can be of this version (`2.4.1`, `2.4`).
    fn serves_version(&self, version: &str) -> bool {
        let wanted = line(version);
        let versions = self.versions();
        wanted.is_some() && versions.iter().any(|known| line(known) == wanted)
    }

    /// Makes the cluster run as described, from whatever is there, and returns when its listeners accept. Data that is
    /// damaged is [`EngineError::Damaged`], never a cluster without it.
    async fn ensure_cluster(&self, spec: &ClusterSpec) -> Result<(), EngineError>;

    /// Stops the cluster and keeps its data. Nothing happens where nothing runs.
    async fn stop_cluster(&self, id: &InstanceId) -> Result<(), EngineError>;

    /// Stops the cluster and deletes its data. Nothing happens where nothing is.
    async fn drop_cluster(&self, id: &InstanceId) -> Result<(), EngineError>;

    /// Every cluster that runs or has data, whoever asked for it.
    async fn list_clusters(&self) -> Result<Vec<InstanceId>, EngineError>;

    /// What is seen of one cluster; `None` when neither it nor its data is there.
    async fn observe_cluster(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterObservation>, EngineError>;

    /// What is seen of the topics, users and groups of a running cluster; `None` when it does not run. It may read the
    /// disk: for monitoring, not for decisions.
    async fn observe_details(&self, id: &InstanceId)
    -> Result<Option<ClusterDetails>, EngineError>;

    /// The last rebalances of a consumer group of a running cluster, the newest first, as far as the engine remembers
    /// them: none where it does not.
    async fn observe_rebalances(
        &self,
        _id: &InstanceId,
        _group: &str,
    ) -> Result<Vec<RebalanceObservation>, EngineError> {
        Ok(Vec::new())
    }

    /// Who produced to a topic of a running cluster in the last minutes, the latest first, as far as the engine knows: nobody
    /// where it does not.
    async fn observe_producers(
        &self,
        _id: &InstanceId,
        _topic: &str,
    ) -> Result<Vec<ProducerObservation>, EngineError> {
        Ok(Vec::new())
    }

    /// What the engine holds for all clusters together, such as open files.
    fn gauges(&self) -> Vec<Counter> {
        Vec::new()
    }

    /// Opens a connection to a running cluster on which its own Kafka protocol is spoken as a super user, whatever its
    /// listeners demand and its ACLs say, also while brokers are stopped. Every request is answered there, whichever
    /// broker leads or coordinates. It takes nothing of the bought bandwidth and connections and counts nowhere; what is
    /// made through it keeps to the bought topics and partitions. It ends when the cluster stops.
    async fn connect(&self, id: &InstanceId) -> Result<Box<dyn Stream>, EngineError>;

    /// Takes one broker of a running cluster away, as a drill: others lead its partitions meanwhile. It stays away
    /// until [`Engine::start_broker`], also when the cluster is started anew. May be repeated; a broker that the
    /// cluster does not have is [`EngineError::Refused`].
    async fn stop_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError>;

    /// Brings back what [`Engine::stop_broker`] took away. May be repeated.
    async fn start_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError>;
}

/// Major and minor number of a version of two or three numbers.
fn line(version: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let numbers: Option<Vec<u16>> = version.split('.').map(number).collect();
    match numbers?[..] {
        [major, minor] | [major, minor, _] => Some((major, minor)),
        _ => None,
    }
}

/// What a cluster should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSpec {
    /// The instance that it is the cluster of.
    pub id: InstanceId,
    /// The Kafka version that was bought: its age decides which protocol versions are offered.
    pub kafka_version: String,
    /// Those of each broker, by broker id from 0; every broker has one of each kind.
    pub listeners: Vec<Listener>,
    /// Zones that brokers stand in, by turns: the first broker in the first. Empty where nothing is known of them.
    pub zones: Vec<String>,
    /// What was bought, as it is enforced.
    pub limits: UsableLimits,
    /// Cluster settings. Those that are not among [`Engine::settings`] have no effect.
    pub settings: ClusterSettings,
}

impl ClusterSpec {
    /// The zone that a broker stands in: its rack (`broker.rack`).
    pub fn zone(&self, broker_id: i32) -> Option<&str> {
        let at = usize::try_from(broker_id).ok()?;
        let at = at.checked_rem(self.zones.len())?;
        Some(self.zones[at].as_str())
    }
}

/// One address that a broker accepts Kafka clients on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The broker, counted from 0.
    pub broker_id: i32,
    /// How it is secured.
    pub security_protocol: SecurityProtocol,
    /// Whether clients come from the public network: they are bound by the public limits of what was bought, besides
    /// all others, and counted apart.
    pub is_public: bool,
    /// Address to bind; `None`: the port that all clusters share, where TLS names `advertised_host`.
    pub bind: Option<IpAddr>,
    /// Host that brokers advertise to clients (`advertised.listeners`).
    pub advertised_host: String,
    /// TCP port, the same inside and outside.
    pub port: u16,
}

impl Listener {
    /// Which of its broker's listeners it is.
    pub fn kind(&self) -> ListenerKind {
        ListenerKind {
            is_public: self.is_public,
            security_protocol: self.security_protocol,
        }
    }
}

/// What is seen of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterObservation {
    /// Whether its listeners accept.
    pub running: bool,
    /// The spec that it runs by, as far as the engine knows; `None` when it does not run.
    pub spec: Option<ClusterSpec>,
    /// Brokers that were taken away as a drill.
    pub stopped_brokers: Vec<i32>,
    /// Topics, internal ones left out.
    pub topics: u32,
    /// Their partitions, as the bought limit counts them (with or without replicas).
    pub partitions: u32,
    /// Consumer groups.
    pub groups: u32,
    /// Bytes that producers sent since the cluster was started.
    pub bytes_in: u64,
    /// Bytes that consumers were sent since the cluster was started.
    pub bytes_out: u64,
    /// Bytes on disk.
    pub bytes_stored: u64,
    /// Bytes of requests and answers under way that are held in memory.
    pub bytes_held: u64,
    /// Clients' connections that are open.
    pub connections: u32,
    /// What was counted since the cluster was started, always in the same order.
    pub counters: Vec<Counter>,
    /// Bytes of the bought disk that are filled, as its limit counts them (with or without replicas).
    pub disk_used_bytes: u64,
}

/// One running total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Its name, units last.
    pub name: &'static str,
    /// What it counts, for people.
    pub help: &'static str,
    /// How much.
    pub value: u64,
}

/// What is seen of a cluster's topics, users and groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterDetails {
    /// Its topics, by name.
    pub topics: Vec<TopicObservation>,
    /// Those who used it, by name; an empty name is for all who are counted together.
    pub users: Vec<UserObservation>,
    /// Its consumer groups, by id.
    pub groups: Vec<GroupObservation>,
}

/// What is seen of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicObservation {
    /// Its name.
    pub name: String,
    /// Bytes of its segments on disk.
    pub bytes_stored: u64,
    /// What was counted of it.
    pub counters: Vec<Counter>,
}

/// What is seen of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserObservation {
    /// Its name.
    pub name: String,
    /// What was counted of it.
    pub counters: Vec<Counter>,
}

/// What is seen of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupObservation {
    /// Its id.
    pub id: String,
    /// Members that it has.
    pub members: u32,
    /// How many offsets it is behind, by topic that it committed offsets of.
    pub lags: Vec<(String, u64)>,
}

/// A rebalance of a consumer group that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebalanceObservation {
    /// The generation or epoch that it led to.
    pub generation: i32,
    /// When it ended, milliseconds since 1970.
    pub ended_ms: i64,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Members afterwards.
    pub members: u32,
    /// Why it was, for people.
    pub reason: &'static str,
}

/// Who produces to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerObservation {
    /// Where it is.
    pub address: IpAddr,
    /// When it last produced, milliseconds since 1970.
    pub produced_ms: i64,
}

/// Why an engine could not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An address is in use by something else; another one may work.
    #[error("{address} is taken")]
    AddressTaken {
        /// Address and port.
        address: SocketAddr,
    },
    /// Trying again with the same arguments cannot help.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// What the cluster has on disk is damaged. It was left as it is, and is not to be deleted or made anew: only
    /// people can help, and until then trying again does not.
    #[error("the data of the cluster is damaged; its operator has to look")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not now; trying again may help.
    #[error("the engine failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl EngineError {
    /// A failure that may pass.
    pub fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }
}
