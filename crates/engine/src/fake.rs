//! An engine without Kafka, with scripted faults: for tests of everything above it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use brokerage_domain::cluster_settings::SettingName;
use brokerage_domain::id::InstanceId;
use brokerage_domain::topic::Topic;
use brokerage_kafka_admin::Stream;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};

use crate::cluster::{ClusterObservation, ClusterSpec, Engine, EngineError, User};

/// Kafka's TOPIC_ALREADY_EXISTS.
const TOPIC_ALREADY_EXISTS: i16 = 36;
/// Kafka's UNKNOWN_TOPIC_OR_PARTITION.
const UNKNOWN_TOPIC: i16 = 3;

/// What the next call of a method does instead of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Fails, nothing done.
    Fail,
    /// Does the work and fails all the same: the answer is lost.
    FailAfter,
    /// Refuses for good.
    Refuse,
    /// Finds damaged data.
    Damaged,
    /// Finds this address in use.
    AddressTaken(SocketAddr),
}

impl Fault {
    /// Finds this port of 127.0.0.1 in use.
    pub fn port_taken(port: u16) -> Self {
        Self::AddressTaken((Ipv4Addr::LOCALHOST, port).into())
    }
}

#[derive(Debug, Default)]
struct Cluster {
    running: Option<ClusterSpec>,
    topics: BTreeMap<String, Topic>,
    /// Whether each is a super user.
    users: BTreeMap<String, bool>,
    stopped_brokers: BTreeSet<i32>,
    groups: u32,
    disk_used_bytes: u64,
}

#[derive(Debug, Default)]
struct State {
    clusters: BTreeMap<InstanceId, Cluster>,
    ensure_faults: VecDeque<Fault>,
    calls: Vec<String>,
}

/// Clusters that exist in a map only.
#[derive(Debug, Default)]
pub struct FakeEngine(Mutex<State>);

impl FakeEngine {
    /// An engine without clusters and without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next calls of `ensure_cluster` meet these faults, one each.
    pub fn script_ensure(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.lock().ensure_faults.extend(faults);
    }

    /// Every call so far, as `method id`.
    pub fn calls(&self) -> Vec<String> {
        self.0.lock().calls.clone()
    }

    /// Lets a cluster be seen with so many consumer groups and so much of its disk filled.
    pub fn use_up(&self, id: &InstanceId, groups: u32, disk_used_bytes: u64) {
        let mut state = self.0.lock();
        let cluster = state.clusters.entry(id.clone()).or_default();
        (cluster.groups, cluster.disk_used_bytes) = (groups, disk_used_bytes);
    }

    fn with_broker(
        &self,
        id: &InstanceId,
        broker_id: i32,
        change: impl FnOnce(&mut BTreeSet<i32>) -> bool,
    ) -> Result<(), EngineError> {
        let mut state = self.0.lock();
        let cluster = state
            .clusters
            .get_mut(id)
            .ok_or_else(|| EngineError::failed("no such cluster"))?;
        let running = cluster
            .running
            .as_ref()
            .ok_or_else(|| EngineError::failed("the cluster does not run"))?;
        let mut listeners = running.listeners.iter();
        if !listeners.any(|listener| listener.broker_id == broker_id) {
            let reason = format!("there is no broker {broker_id}");
            return Err(EngineError::Refused { reason });
        }
        change(&mut cluster.stopped_brokers);
        Ok(())
    }
}

#[async_trait]
impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn settings(&self) -> &'static [SettingName] {
        SettingName::ALL
    }

    async fn ensure_cluster(&self, spec: &ClusterSpec) -> Result<(), EngineError> {
        let mut state = self.0.lock();
        state.calls.push(format!("ensure_cluster {}", spec.id));
        let fault = state.ensure_faults.pop_front();
        match fault {
            Some(Fault::Fail) => return Err(EngineError::failed("scripted")),
            Some(Fault::Refuse) => {
                return Err(EngineError::Refused {
                    reason: "scripted".into(),
                });
            }
            Some(Fault::Damaged) => return Err(EngineError::Damaged("scripted".into())),
            Some(Fault::AddressTaken(address)) => {
                return Err(EngineError::AddressTaken { address });
            }
            Some(Fault::FailAfter) | None => {}
        }
        state.clusters.entry(spec.id.clone()).or_default().running = Some(spec.clone());
        match fault {
            Some(_) => Err(EngineError::failed("scripted, after the work")),
            None => Ok(()),
        }
    }

    async fn stop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        let mut state = self.0.lock();
        state.calls.push(format!("stop_cluster {id}"));
        if let Some(cluster) = state.clusters.get_mut(id) {
            cluster.running = None;
        }
        Ok(())
    }

    async fn drop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        let mut state = self.0.lock();
        state.calls.push(format!("drop_cluster {id}"));
        state.clusters.remove(id);
        Ok(())
    }

    async fn list_clusters(&self) -> Result<Vec<InstanceId>, EngineError> {
        Ok(self.0.lock().clusters.keys().cloned().collect())
    }

    async fn observe_cluster(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterObservation>, EngineError> {
        let state = self.0.lock();
        Ok(state.clusters.get(id).map(|cluster| ClusterObservation {
            running: cluster.running.is_some(),
            spec: cluster.running.clone(),
            stopped_brokers: cluster.stopped_brokers.iter().copied().collect(),
            topics: u32::try_from(cluster.topics.len()).unwrap_or(u32::MAX),
            partitions: cluster
                .topics
                .values()
                .map(|t| u32::try_from(t.partitions).unwrap_or(0))
                .sum(),
            groups: cluster.groups,
            disk_used_bytes: cluster.disk_used_bytes,
            ..ClusterObservation::default()
        }))
    }

    async fn create_topic(&self, id: &InstanceId, topic: &Topic) -> Result<(), EngineError> {
        let mut state = self.0.lock();
        let cluster = state
            .clusters
            .get_mut(id)
            .ok_or_else(|| EngineError::failed("no such cluster"))?;
        if cluster.topics.contains_key(&topic.name) {
            let message = format!("Topic '{}' already exists.", topic.name);
            return Err(EngineError::Kafka {
                code: TOPIC_ALREADY_EXISTS,
                message,
            });
        }
        cluster.topics.insert(topic.name.clone(), topic.clone());
        Ok(())
    }

    async fn delete_topic(&self, id: &InstanceId, name: &str) -> Result<(), EngineError> {
        let mut state = self.0.lock();
        let cluster = state
            .clusters
            .get_mut(id)
            .ok_or_else(|| EngineError::failed("no such cluster"))?;
        match cluster.topics.remove(name) {
            Some(_) => Ok(()),
            None => Err(EngineError::Kafka {
                code: UNKNOWN_TOPIC,
                message: "This server does not host this topic-partition.".into(),
            }),
        }
    }

    async fn list_topics(&self, id: &InstanceId) -> Result<Vec<Topic>, EngineError> {
        let state = self.0.lock();
        let cluster = state
            .clusters
            .get(id)
            .ok_or_else(|| EngineError::failed("no such cluster"))?;
        Ok(cluster.topics.values().cloned().collect())
    }

    async fn ensure_user(
        &self,
        id: &InstanceId,
        name: &str,
        password: &SecretString,
    ) -> Result<(), EngineError> {
        let mut state = self.0.lock();
        let cluster = state
            .clusters
            .get_mut(id)
            .ok_or_else(|| EngineError::failed("no such cluster"))?;
        if name.is_empty() || password.expose_secret().is_empty() {
            let reason = "a name and a password are needed".to_owned();
            return Err(EngineError::Refused { reason });
        }
        cluster.users.entry(name.to_owned()).or_default();
        Ok(())
    }

    async fn set_super_user(
        &self,
        id: &InstanceId,
        name: &str,
        is_super: bool,
    ) -> Result<bool, EngineError> {
        let mut state = self.0.lock();
        let cluster = state
            .clusters
            .get_mut(id)
            .ok_or_else(|| EngineError::failed("no such cluster"))?;
        let known = cluster.users.get_mut(name);
        Ok(known.map(|known| *known = is_super).is_some())
    }

    async fn drop_user(&self, id: &InstanceId, name: &str) -> Result<(), EngineError> {
        if let Some(cluster) = self.0.lock().clusters.get_mut(id) {
            cluster.users.remove(name);
        }
        Ok(())
    }

    async fn list_users(&self, id: &InstanceId) -> Result<Vec<User>, EngineError> {
        let state = self.0.lock();
        let cluster = state
            .clusters
            .get(id)
            .ok_or_else(|| EngineError::failed("no such cluster"))?;
        let user = |(name, is_super): (&String, &bool)| User {
            name: name.clone(),
            is_super: *is_super,
        };
        Ok(cluster.users.iter().map(user).collect())
    }

    async fn connect(&self, _id: &InstanceId) -> Result<Box<dyn Stream>, EngineError> {
        Err(EngineError::failed("no Kafka is behind this engine"))
    }

    async fn stop_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        self.with_broker(id, broker_id, |stopped| stopped.insert(broker_id))
    }

    async fn start_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        self.with_broker(id, broker_id, |stopped| stopped.remove(&broker_id))
    }
}
