//! Clusters: what an engine is asked for and what it reports.

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use brokerage_domain::catalog::UsableLimits;
use brokerage_domain::cluster_settings::{ClusterSettings, SettingName};
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_domain::topic::Topic;
use brokerage_kafka_admin::Stream;
use secrecy::SecretString;

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

    /// Makes a topic. One of that name is Kafka's own error TOPIC_ALREADY_EXISTS.
    async fn create_topic(&self, id: &InstanceId, topic: &Topic) -> Result<(), EngineError>;

    /// Deletes a topic and its data.
    async fn delete_topic(&self, id: &InstanceId, name: &str) -> Result<(), EngineError>;

    /// The cluster's topics, sorted by name, internal ones left out.
    async fn list_topics(&self, id: &InstanceId) -> Result<Vec<Topic>, EngineError>;

    /// Makes a user of a running cluster have this password for every SASL mechanism. The password is not kept, only
    /// what can check it.
    async fn ensure_user(
        &self,
        id: &InstanceId,
        name: &str,
        password: &SecretString,
    ) -> Result<(), EngineError>;

    /// Makes a user of a running cluster a super user, or takes that away, at once. Returns whether there is such a
    /// user. Where users authenticate, administering the cluster (users, ACLs, quotas, broker settings) is for super
    /// users only; what the engine itself does needs none. Where nobody authenticates, `ANONYMOUS` is a user, too.
    async fn set_super_user(
        &self,
        id: &InstanceId,
        name: &str,
        is_super: bool,
    ) -> Result<bool, EngineError>;

    /// Forgets a user, and that it is a super user. Nothing happens where there is none.
    async fn drop_user(&self, id: &InstanceId, name: &str) -> Result<(), EngineError>;

    /// The cluster's users, sorted by name.
    async fn list_users(&self, id: &InstanceId) -> Result<Vec<User>, EngineError>;

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

/// What a cluster should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSpec {
    /// The instance that it is the cluster of.
    pub id: InstanceId,
    /// The Kafka version that was bought: its age decides which protocol versions are offered.
    pub kafka_version: String,
    /// Those of each broker, by broker id from 0; every broker has the same security protocols.
    pub listeners: Vec<Listener>,
    /// What was bought, as it is enforced.
    pub limits: UsableLimits,
    /// Cluster settings. Those that are not among [`Engine::settings`] have no effect.
    pub settings: ClusterSettings,
}

/// One address that a broker accepts Kafka clients on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The broker, counted from 0.
    pub broker_id: i32,
    /// How it is secured; names the listener.
    pub security_protocol: SecurityProtocol,
    /// Address to bind; `None`: the port that all clusters share, where TLS tells `advertised_host`.
    pub bind: Option<IpAddr>,
    /// Host that clients are told.
    pub advertised_host: String,
    /// TCP port, the same inside and outside.
    pub port: u16,
}

/// A Kafka user of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Whether it may do everything, whatever ACLs say.
    pub is_super: bool,
}

/// What is seen of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterObservation {
    /// Whether its listeners accept.
    pub running: bool,
    /// The spec that it runs by, as far as the engine can tell; `None` when it does not run.
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
    /// Bytes of the bought disk that are filled, as its limit counts them (with or without replicas).
    pub disk_used_bytes: u64,
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
    /// Kafka's own refusal of a topic operation.
    #[error("{message}")]
    Kafka {
        /// Kafka's error code.
        code: i16,
        /// Kafka's message.
        message: String,
    },
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
