//! The engine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brokerage_broker::{
    Durability, Host, HostError, HostOptions, LogIntervals, ServerTls, SharedPortSpec, TlsFiles,
};
use brokerage_domain::clock::Clock;
use brokerage_domain::cluster_settings::SettingName;
use brokerage_domain::id::InstanceId;
use brokerage_engine::{
    ClusterDetails, ClusterObservation, ClusterSpec, Counter, Engine, EngineError,
    GroupObservation, ProducerObservation, RebalanceObservation, TopicObservation, UserObservation,
};
use brokerage_kafka_admin::Stream;
use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};

use crate::cluster::{SETTINGS, host_spec};

/// Descriptors that clients of clusters leave to everything else: the API's connections, files, listeners.
const DESCRIPTORS_KEPT: usize = 6 * 1_024;
/// Where there are few descriptors, half of them are left.
const KEPT_PART_MIN: usize = 2;
/// Which part of few descriptors files take.
const FILES_PART: usize = 8;

/// Why the engine cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the embedded engine cannot be opened")]
pub struct OpenError(#[from] HostError);

/// How the engine is set up.
pub struct EmbeddedOptions {
    /// Holds the data of all clusters.
    pub data_dir: PathBuf,
    /// When an acknowledged record is safe.
    pub durability: Durability,
    /// The time of day of records.
    pub real_clock: Arc<dyn Clock>,
    /// What brokers draw ids from.
    pub seed: u64,
    /// The operator's certificate; without it the engine makes its own.
    pub tls_files: Option<TlsFiles>,
    /// A TLS port for listeners that are distinguished by server name (SNI).
    pub shared_port: Option<SharedPortSpec>,
    /// The same for public listeners.
    pub public_shared_port: Option<SharedPortSpec>,
    /// How often logs are looked through.
    pub log_intervals: LogIntervals,
    /// How long an empty group waits for more members than the first.
    pub group_initial_rebalance_delay: Duration,
}

/// Brokers inside this process.
pub struct EmbeddedEngine {
    host: Host,
    data_dir: PathBuf,
    /// What each running cluster was last asked to be.
    specs: Mutex<HashMap<InstanceId, ClusterSpec>>,
}

/// The broker's clock is the real one: record timestamps and retention do not follow business time.
struct BrokerClock(Arc<dyn Clock>);

impl brokerage_broker::Clock for BrokerClock {
    fn now_ms(&self) -> i64 {
        self.0.now().millis()
    }
}

impl EmbeddedEngine {
    /// Opens the engine. Nothing runs before a cluster is ensured. Call it inside a runtime.
    ///
    /// # Errors
    /// [`OpenError`] when the directory, the certificate or the shared port cannot be used.
    pub fn open(options: EmbeddedOptions) -> Result<Self, OpenError> {
        let EmbeddedOptions {
            data_dir,
            durability,
            real_clock,
            seed,
            tls_files,
            shared_port,
            public_shared_port,
            log_intervals,
            group_initial_rebalance_delay,
        } = options;
        let clock = Arc::new(BrokerClock(real_clock));
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let usual = HostOptions::new(data_dir.clone(), durability, clock, seed);
        let host = Host::open(HostOptions {
            open_files_max: usual.open_files_max.min(descriptors / FILES_PART),
            connections_max: descriptors - DESCRIPTORS_KEPT.min(descriptors / KEPT_PART_MIN),
            tls_files,
            shared_port,
            public_shared_port,
            log_intervals,
            group_initial_rebalance_delay,
            ..usual
        })?;
        Ok(Self {
            host,
            data_dir,
            specs: Mutex::default(),
        })
    }

    /// The certificate that clients of TLS listeners have to trust; `None` where the operator gave one.
    pub fn ca_path(&self) -> Option<PathBuf> {
        self.host.ca_path()
    }

    /// TLS for a listener beside the brokers', which is reached by `host`: with these files, or with what brokers show.
    ///
    /// # Errors
    /// [`OpenError`] when the files cannot be used.
    pub fn server_tls(&self, host: &str, files: Option<&TlsFiles>) -> Result<ServerTls, OpenError> {
        Ok(self.host.server_tls(host, files)?)
    }

    /// The port that listeners share which are distinguished by server name, if there is one.
    pub fn shared_port(&self) -> Option<u16> {
        let seen = self.host.observe_shared_port()?;
        Some(seen.advertised_port)
    }

    /// The same for public listeners.
    pub fn public_shared_port(&self) -> Option<u16> {
        let seen = self.host.observe_public_shared_port()?;
        Some(seen.advertised_port)
    }

    /// Waits until a task has ended by itself without which clusters are not looked after, and says which. Who runs the
    /// engine should end then.
    pub async fn lost(&self) -> &'static str {
        self.host.lost().await
    }

    /// Stops every cluster cleanly.
    pub async fn shutdown(&self) {
        self.host.shutdown().await;
    }
}

fn host_error(error: HostError) -> EngineError {
    match error {
        HostError::AddressInUse { address } => EngineError::AddressTaken { address },
        damaged @ HostError::DamagedMetadataLog { .. } => EngineError::Damaged(damaged.into()),
        HostError::InvalidClusterId { .. }
        | HostError::BrokerNotFound { .. }
        | HostError::InvalidSpec { .. }
        | HostError::UnsupportedVersion { .. } => EngineError::Refused {
            reason: error.to_string(),
        },
        other => EngineError::failed(other),
    }
}

fn counters(described: Vec<(&'static str, &'static str, u64)>) -> Vec<Counter> {
    let counter = |(name, help, value)| Counter { name, help, value };
    described.into_iter().map(counter).collect()
}

fn details(host: &Host, id: &str) -> Option<ClusterDetails> {
    let topics = host.observe_topics(id)?.into_iter();
    let users = host.observe_users(id)?.into_iter();
    let groups = host.observe_groups(id)?.into_iter();
    Some(ClusterDetails {
        topics: topics
            .map(|topic| TopicObservation {
                name: topic.name,
                bytes_stored: topic.stored_bytes,
                counters: counters(topic.counters.described()),
            })
            .collect(),
        users: users
            .map(|user| UserObservation {
                name: user.name,
                counters: counters(user.counters.described()),
            })
            .collect(),
        groups: groups
            .map(|group| GroupObservation {
                members: group.members,
                // Partitions of a topic follow each other.
                lags: (group.partitions.chunk_by(|a, b| a.topic == b.topic))
                    .map(|of_topic| {
                        let lag = of_topic.iter().map(|partition| partition.lag()).sum();
                        (of_topic[0].topic.clone(), lag)
                    })
                    .collect(),
                id: group.group_id,
            })
            .collect(),
    })
}

#[async_trait]
impl Engine for EmbeddedEngine {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn settings(&self) -> &'static [SettingName] {
        SETTINGS
    }

    fn versions(&self) -> Vec<String> {
        brokerage_broker::versions()
    }

    async fn ensure_cluster(&self, spec: &ClusterSpec) -> Result<(), EngineError> {
        self.host
            .ensure_cluster(host_spec(spec)?)
            .await
            .map_err(host_error)?;
        self.specs.lock().insert(spec.id.clone(), spec.clone());
        Ok(())
    }

    async fn stop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        self.specs.lock().remove(id);
        self.host
            .stop_cluster(id.as_str())
            .await
            .map_err(host_error)
    }

    async fn drop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        self.specs.lock().remove(id);
        self.host
            .drop_cluster(id.as_str())
            .await
            .map_err(host_error)
    }

    async fn list_clusters(&self) -> Result<Vec<InstanceId>, EngineError> {
        let host = self.host.clone();
        let on_disk = tokio::task::spawn_blocking(move || host.cluster_ids_on_disk());
        let ids = on_disk
            .await
            .map_err(EngineError::failed)?
            .map_err(host_error)?;
        Ok(ids.into_iter().map(InstanceId::new).collect())
    }

    async fn observe_cluster(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterObservation>, EngineError> {
        let Some(seen) = self.host.observe(id.as_str()) else {
            // One look at one name: cheap enough for a worker thread.
            let stopped = std::fs::symlink_metadata(self.data_dir.join(id.as_str())).is_ok();
            return Ok(stopped.then(ClusterObservation::default));
        };
        Ok(Some(ClusterObservation {
            running: true,
            spec: self.specs.lock().get(id).cloned(),
            stopped_brokers: seen.stopped_brokers,
            topics: seen.topics,
            partitions: u32::try_from(seen.partitions).unwrap_or(u32::MAX),
            groups: seen.groups,
            bytes_in: seen.counters.bytes_in,
            bytes_out: seen.counters.bytes_out,
            bytes_stored: seen.stored_bytes,
            bytes_held: seen.held_bytes,
            connections: seen.connections,
            counters: counters(seen.counters.described()),
            disk_used_bytes: seen.disk_used_bytes,
        }))
    }

    async fn observe_details(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterDetails>, EngineError> {
        let (host, id) = (self.host.clone(), id.as_str().to_owned());
        // The lag of groups reads the disk.
        let looking = tokio::task::spawn_blocking(move || details(&host, &id));
        looking.await.map_err(EngineError::failed)
    }

    async fn observe_producers(
        &self,
        id: &InstanceId,
        topic: &str,
    ) -> Result<Vec<ProducerObservation>, EngineError> {
        let seen = self.host.observe_producers(id.as_str(), topic);
        let producer = |seen: brokerage_broker::ProducerObservation| ProducerObservation {
            address: seen.address,
            produced_ms: seen.produced_ms,
        };
        let seen = seen.unwrap_or_default().into_iter();
        Ok(seen.map(producer).collect())
    }

    async fn observe_rebalances(
        &self,
        id: &InstanceId,
        group: &str,
    ) -> Result<Vec<RebalanceObservation>, EngineError> {
        let seen = self.host.observe_rebalances(id.as_str(), group);
        let rebalance = |seen: brokerage_broker::RebalanceObservation| RebalanceObservation {
            generation: seen.generation,
            ended_ms: seen.ended_ms,
            took_ms: seen.took_ms,
            members: seen.members,
            reason: seen.reason,
        };
        let seen = seen.unwrap_or_default().into_iter();
        Ok(seen.map(rebalance).collect())
    }

    fn gauges(&self) -> Vec<Counter> {
        vec![
            Counter {
                name: "held_bytes",
                help: "Bytes of requests and answers of Kafka clients that are held in memory.",
                value: self.host.held_bytes() as u64,
            },
            Counter {
                name: "open_files",
                help: "Segments and journals kept open.",
                value: self.host.open_files() as u64,
            },
        ]
    }

    async fn connect(&self, id: &InstanceId) -> Result<Box<dyn Stream>, EngineError> {
        let stream = self.host.connect(id.as_str()).map_err(host_error)?;
        Ok(Box::new(stream))
    }

    async fn stop_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        self.host
            .stop_broker(id.as_str(), broker_id)
            .await
            .map_err(host_error)
    }

    async fn start_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        self.host
            .start_broker(id.as_str(), broker_id)
            .await
            .map_err(host_error)
    }
}
