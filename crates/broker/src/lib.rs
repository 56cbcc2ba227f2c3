//! An embeddable Apache Kafka broker: many clusters in one process.
//!
//! A [`Host`] owns what clusters share: threads, one timer, a bounded set of open files, scheduled tasks.
//! Each cluster has as many broker ids and listeners as its [`ClusterSpec`] says, its limits enforced on real
//! traffic, and its records in Apache Kafka's own on-disk format, one physical copy of each partition
//! whatever replication factor is shown.
//!
//! Listeners speak PLAINTEXT, SASL_PLAINTEXT, SSL or SASL_SSL, on ports of their own or on one TLS port that
//! all clusters share ([`SharedPortSpec`]). Topics, users, ACLs and settings are made through Kafka's own
//! requests, by clients or by whoever runs the host ([`Host::connect`]).
//!
//! The library knows nothing of clouds, accounts or money.
//!
//! ```no_run
//! # use std::{path::PathBuf, sync::Arc};
//! # use brokerage_broker::*;
//! # async fn run(clock: Arc<dyn Clock>) -> Result<(), HostError> {
//! let host = Host::open(HostOptions::new(PathBuf::from("data"), Durability::Process, clock, 1))?;
//! host.ensure_cluster(ClusterSpec {
//!     id: "orders".to_owned(),
//!     kafka_version: "4.1.0".to_owned(),
//!     brokers: vec![BrokerSpec {
//!         id: 0,
//!         rack: None,
//!         listeners: vec![ListenerSpec {
//!             bind: ([127, 0, 0, 1], 9092).into(),
//!             advertised_host: "127.0.0.1".to_owned(),
//!             advertised_port: 9092,
//!             name: "PLAINTEXT".to_owned(),
//!             security: SecurityProtocol::Plaintext,
//!             sasl: SaslSpec::default(),
//!             is_public: false,
//!             allowed: None,
//!         }],
//!     }],
//!     limits: ClusterLimits::default(),
//!     auto_create_topics: true,
//!     defaults: TopicDefaults::default(),
//!     authorization: Authorization::default(),
//!     transactional_id_expiration_ms: TRANSACTIONAL_ID_EXPIRATION_MS,
//! })
//! .await?;
//! # Ok(())
//! # }
//! ```

mod clock;
mod cluster;
mod coordinator;
mod counters;
mod error;
mod host;
mod log;
mod memory;
mod metadata;
mod network;
mod process;
mod protocol;
mod quota;
mod release;
mod security;
mod spec;
mod timers;
#[cfg(any(test, feature = "trace"))]
pub mod trace;
mod turn;
mod vital;

pub use clock::Clock;
pub use cluster::observation::{
    ClusterObservation, GroupObservation, ListenerObservation, PartitionLag, ProducerObservation,
    TopicObservation, UserObservation,
};
pub use coordinator::group::RebalanceObservation;
pub use counters::{CounterValues, TopicCounterValues, UserCounterValues};
pub use error::HostError;
pub use host::{Host, HostOptions};
pub use log::durability::Durability;
pub use network::named_file::{NAMED_FILE_BYTES_MAX, named_file_read, named_file_text};
pub use network::places::{Place, Places};
pub use network::server_tls::ServerTls;
pub use network::shared_port::{SharedPortObservation, SharedPortSpec};
pub use network::tls::TlsFiles;
pub use release::{serves_version, versions};
pub use spec::security::{SaslMechanism, SaslSpec, SecurityProtocol, UnknownName};
pub use spec::{
    AddressPrefix, Authorization, Bind, BrokerSpec, ClusterLimits, ClusterSpec, DiskMarks,
    ListenerSpec, LogIntervals, PublicLimits, TRANSACTIONAL_ID_EXPIRATION_MS, TopicDefaults,
};
