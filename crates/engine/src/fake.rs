//! An engine whose clusters are in a map, with scripted faults: for tests of everything above it. Where a test needs
//! Kafka, another engine stands behind it, and runs it from the first connection on.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use brokerage_domain::cluster_settings::SettingName;
use brokerage_domain::id::InstanceId;
use brokerage_kafka_admin::Stream;
use parking_lot::Mutex;

use crate::cluster::{
    ClusterDetails, ClusterObservation, ClusterSpec, Engine, EngineError, ProducerObservation,
    RebalanceObservation,
};

/// A method of [`Engine`], to script what becomes of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// [`Engine::ensure_cluster`].
    Ensure,
    /// [`Engine::stop_cluster`].
    Stop,
    /// [`Engine::drop_cluster`].
    Drop,
    /// [`Engine::list_clusters`].
    List,
    /// [`Engine::observe_cluster`].
    Observe,
    /// [`Engine::connect`].
    Connect,
    /// [`Engine::stop_broker`].
    StopBroker,
    /// [`Engine::start_broker`].
    StartBroker,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ensure,
        Self::Stop,
        Self::Drop,
        Self::List,
        Self::Observe,
        Self::Connect,
        Self::StopBroker,
        Self::StartBroker,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ensure => "ensure_cluster",
            Self::Stop => "stop_cluster",
            Self::Drop => "drop_cluster",
            Self::List => "list_clusters",
            Self::Observe => "observe_cluster",
            Self::Connect => "connect",
            Self::StopBroker => "stop_broker",
            Self::StartBroker => "start_broker",
        }
    }
}

/// What the next call of a method does instead of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Does the work: a later call meets the next fault.
    Pass,
    /// Fails, nothing done.
    Fail,
    /// Does the work and fails all the same: the answer is lost.
    FailAfter,
    /// Does the work after this time.
    Delay(Duration),
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
    stopped_brokers: BTreeSet<i32>,
    groups: u32,
    disk_used_bytes: u64,
}

#[derive(Debug, Default)]
struct State {
    clusters: BTreeMap<InstanceId, Cluster>,
    faults: HashMap<Method, VecDeque<Fault>>,
    calls: Vec<String>,
}

/// Makes the engine that runs Kafka behind a fake one.
type Open = Box<dyn Fn() -> Arc<dyn Engine> + Send + Sync>;

/// Clusters that exist in a map only, as long as nobody connects to them.
#[derive(Default)]
pub struct FakeEngine {
    state: Mutex<State>,
    kafka: OnceLock<Arc<dyn Engine>>,
    open: Option<Open>,
}

impl FakeEngine {
    /// An engine without clusters, without faults and without Kafka: nobody can connect.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with an engine behind it, made when it is first needed, that runs the Kafka of clusters that are
    /// connected to: on ports of the system's choice, so that tests do not meet.
    pub fn over(open: impl Fn() -> Arc<dyn Engine> + Send + Sync + 'static) -> Self {
        Self {
            open: Some(Box::new(open)),
            ..Self::default()
        }
    }

    /// The next calls of a method meet these faults, one each.
    pub fn script(&self, method: Method, faults: impl IntoIterator<Item = Fault>) {
        let mut state = self.state.lock();
        state.faults.entry(method).or_default().extend(faults);
    }

    /// The next calls of `ensure_cluster` meet these faults, one each.
    pub fn script_ensure(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script(Method::Ensure, faults);
    }

    /// Every call so far, as `method id`.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().calls.clone()
    }

    /// What a cluster that runs was last asked to be: a look that is no call.
    pub fn spec(&self, id: &InstanceId) -> Option<ClusterSpec> {
        let state = self.state.lock();
        state.clusters.get(id)?.running.clone()
    }

    /// Lets a cluster be seen with so many consumer groups and so much of its disk filled.
    pub fn use_up(&self, id: &InstanceId, groups: u32, disk_used_bytes: u64) {
        let mut state = self.state.lock();
        let cluster = state.clusters.entry(id.clone()).or_default();
        (cluster.groups, cluster.disk_used_bytes) = (groups, disk_used_bytes);
    }

    /// Makes a call, as its script has it.
    async fn act<T>(
        &self,
        method: Method,
        id: &str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let fault = {
            let mut state = self.state.lock();
            state.calls.push(format!("{} {id}", method.name()));
            let scripted = state.faults.get_mut(&method);
            scripted.and_then(VecDeque::pop_front)
        };
        match &fault {
            Some(Fault::Fail) => return Err(EngineError::failed("scripted")),
            Some(Fault::Refuse) => {
                let reason = "scripted".to_owned();
                return Err(EngineError::Refused { reason });
            }
            Some(Fault::Damaged) => return Err(EngineError::Damaged("scripted".into())),
            Some(Fault::AddressTaken(address)) => {
                let address = *address;
                return Err(EngineError::AddressTaken { address });
            }
            Some(Fault::Delay(time)) => tokio::time::sleep(*time).await,
            Some(Fault::Pass | Fault::FailAfter) | None => {}
        }
        let done = work.await?;
        match fault {
            Some(Fault::FailAfter) => Err(EngineError::failed("scripted, after the work")),
            _ => Ok(done),
        }
    }

    async fn with_broker(
        &self,
        id: &InstanceId,
        broker_id: i32,
        change: impl FnOnce(&mut BTreeSet<i32>) -> bool,
    ) -> Result<(), EngineError> {
        let is_connected = {
            let mut state = self.state.lock();
            let cluster = state.clusters.get_mut(id);
            let cluster = cluster.ok_or_else(|| EngineError::failed("no such cluster"))?;
            let running = cluster.running.as_ref();
            let running = running.ok_or_else(|| EngineError::failed("the cluster does not run"))?;
            let mut listeners = running.listeners.iter();
            if !listeners.any(|listener| listener.broker_id == broker_id) {
                let reason = format!("there is no broker {broker_id}");
                return Err(EngineError::Refused { reason });
            }
            change(&mut cluster.stopped_brokers);
            self.kafka.get().is_some()
        };
        match is_connected {
            true => self.run_kafka(id).await.map(|_| ()),
            false => Ok(()),
        }
    }

    /// Brings the Kafka of a cluster to what the map says of it.
    async fn run_kafka(&self, id: &InstanceId) -> Result<Arc<dyn Engine>, EngineError> {
        let running = {
            let state = self.state.lock();
            let cluster = state.clusters.get(id);
            cluster.and_then(|cluster| {
                Some((cluster.running.clone()?, cluster.stopped_brokers.clone()))
            })
        };
        let (mut spec, stopped) =
            running.ok_or_else(|| EngineError::failed("the cluster does not run"))?;
        let Some(open) = &self.open else {
            return Err(EngineError::failed("no Kafka is behind this engine"));
        };
        let kafka = self.kafka.get_or_init(open).clone();
        for listener in &mut spec.listeners {
            listener.bind = Some(Ipv4Addr::LOCALHOST.into());
            listener.port = 0;
        }
        kafka.ensure_cluster(&spec).await?;
        let brokers: BTreeSet<i32> = spec.listeners.iter().map(|one| one.broker_id).collect();
        for broker in brokers {
            match stopped.contains(&broker) {
                true => kafka.stop_broker(id, broker).await?,
                false => kafka.start_broker(id, broker).await?,
            }
        }
        Ok(kafka)
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

    fn versions(&self) -> Vec<String> {
        // Of every line that a catalog may sell.
        let lines =
            (0..10).flat_map(|major| (0..10).map(move |minor| format!("{major}.{minor}.0")));
        lines.skip_while(|version| version != "1.0.0").collect()
    }

    async fn ensure_cluster(&self, spec: &ClusterSpec) -> Result<(), EngineError> {
        let work = async {
            let mut state = self.state.lock();
            let cluster = state.clusters.entry(spec.id.clone()).or_default();
            cluster.running = Some(spec.clone());
            Ok(())
        };
        self.act(Method::Ensure, spec.id.as_str(), work).await
    }

    async fn stop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        let work = async {
            if let Some(cluster) = self.state.lock().clusters.get_mut(id) {
                cluster.running = None;
            }
            match self.kafka.get() {
                Some(kafka) => kafka.stop_cluster(id).await,
                None => Ok(()),
            }
        };
        self.act(Method::Stop, id.as_str(), work).await
    }

    async fn drop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        let work = async {
            self.state.lock().clusters.remove(id);
            match self.kafka.get() {
                Some(kafka) => kafka.drop_cluster(id).await,
                None => Ok(()),
            }
        };
        self.act(Method::Drop, id.as_str(), work).await
    }

    async fn list_clusters(&self) -> Result<Vec<InstanceId>, EngineError> {
        let work = async { Ok(self.state.lock().clusters.keys().cloned().collect()) };
        self.act(Method::List, "", work).await
    }

    async fn observe_cluster(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterObservation>, EngineError> {
        let work = async {
            let of_kafka = match self.kafka.get() {
                Some(kafka) => kafka.observe_cluster(id).await?.unwrap_or_default(),
                None => ClusterObservation::default(),
            };
            let state = self.state.lock();
            Ok(state.clusters.get(id).map(|cluster| ClusterObservation {
                running: cluster.running.is_some(),
                spec: cluster.running.clone(),
                stopped_brokers: cluster.stopped_brokers.iter().copied().collect(),
                groups: cluster.groups.max(of_kafka.groups),
                disk_used_bytes: cluster.disk_used_bytes.max(of_kafka.disk_used_bytes),
                ..of_kafka
            }))
        };
        self.act(Method::Observe, id.as_str(), work).await
    }

    async fn observe_details(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterDetails>, EngineError> {
        match self.kafka.get() {
            Some(kafka) => kafka.observe_details(id).await,
            None => Ok(None),
        }
    }

    async fn observe_producers(
        &self,
        id: &InstanceId,
        topic: &str,
    ) -> Result<Vec<ProducerObservation>, EngineError> {
        match self.kafka.get() {
            Some(kafka) => kafka.observe_producers(id, topic).await,
            None => Ok(Vec::new()),
        }
    }

    async fn observe_rebalances(
        &self,
        id: &InstanceId,
        group: &str,
    ) -> Result<Vec<RebalanceObservation>, EngineError> {
        match self.kafka.get() {
            Some(kafka) => kafka.observe_rebalances(id, group).await,
            None => Ok(Vec::new()),
        }
    }

    async fn connect(&self, id: &InstanceId) -> Result<Box<dyn Stream>, EngineError> {
        let work = async { self.run_kafka(id).await?.connect(id).await };
        self.act(Method::Connect, id.as_str(), work).await
    }

    async fn stop_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        let work = self.with_broker(id, broker_id, |stopped| stopped.insert(broker_id));
        self.act(Method::StopBroker, id.as_str(), work).await
    }

    async fn start_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        let work = self.with_broker(id, broker_id, |stopped| stopped.remove(&broker_id));
        self.act(Method::StartBroker, id.as_str(), work).await
    }
}
