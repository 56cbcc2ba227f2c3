//! Clusters of nodes as an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io};

use async_trait::async_trait;
use brokerage_domain::cluster_settings::SettingName;
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_engine::{ClusterDetails, ClusterObservation, ClusterSpec, Engine, EngineError};
use brokerage_kafka_admin::{AdminError, Client, Stream};
use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::node::{Distribution, FEW_THREADS, JAVA, NodeSettings, node_folder_make};
use crate::port::HeldPort;
use crate::process::NodeProcess;

/// How long a node may take to serve its listeners.
const START_TIME_MAX: Duration = Duration::from_secs(90);
/// How often a node that starts is asked.
const POLL: Duration = Duration::from_millis(20);
/// Everybody may do everything: who comes in has no name. Topics are made by those who ask for them.
const OPEN_TO_ALL: &str = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
     super.users=User:ANONYMOUS\nauto.create.topics.enable=false\n";
/// What sends consumers to replicas in their own rack (KIP-392).
const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
/// The formatted folder that those of nodes are made of; no id of a cluster has a dot.
const TEMPLATE: &str = "template.d";
/// Names the brokers of a cluster that were taken away, one a line.
const STOPPED_FILE: &str = "stopped-brokers";
/// The jar whose name says the version of them all.
const VERSION_JAR: &str = "kafka-clients-";

/// A cluster that was asked to run.
#[derive(Debug)]
struct Cluster {
    spec: ClusterSpec,
    /// By broker; those that were taken away have none.
    nodes: BTreeMap<i32, NodeProcess>,
    /// Where the controller of each node listens.
    controller_ports: Vec<HeldPort>,
    /// Where brokers that were taken away will listen again.
    _broker_ports: Vec<HeldPort>,
}

/// Apache Kafka's processes as an engine, under one folder.
#[derive(Debug)]
pub struct ApacheEngine {
    distribution: Distribution,
    version: String,
    folder: PathBuf,
    clusters: Mutex<BTreeMap<InstanceId, Cluster>>,
}

impl ApacheEngine {
    /// An engine over the jars in `libs`, with the clusters that `folder` has; none runs yet.
    ///
    /// # Errors
    /// If the jars are not those of Kafka, or the folder cannot be made or formatted.
    pub async fn open(libs: &Path, folder: &Path) -> io::Result<Self> {
        let engine = Self {
            distribution: Distribution::at(libs),
            version: version_of(libs)?,
            folder: folder.to_owned(),
            clusters: Mutex::new(BTreeMap::new()),
        };
        fs::create_dir_all(&engine.folder)?;
        let (distribution, template) = (engine.distribution.clone(), engine.template());
        blocking(move || template_make(&distribution, &template)).await?;
        Ok(engine)
    }

    fn template(&self) -> PathBuf {
        self.folder.join(TEMPLATE)
    }

    fn cluster_folder(&self, id: &InstanceId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// Starts a cluster, but for the brokers that were taken away, and waits until its listeners accept.
    async fn start(&self, spec: &ClusterSpec) -> Result<(), EngineError> {
        let folder = self.cluster_folder(&spec.id);
        fs::create_dir_all(&folder).map_err(EngineError::failed)?;
        let brokers = brokers_of(spec);
        let mut cluster = Cluster {
            controller_ports: free_ports(brokers.len()).map_err(EngineError::failed)?,
            _broker_ports: broker_ports(spec, &brokers)?,
            spec: spec.clone(),
            nodes: BTreeMap::new(),
        };
        let stopped = stopped_brokers(&folder).map_err(EngineError::failed)?;
        for broker in brokers.difference(&stopped) {
            let node = self.node_start(&cluster, *broker)?;
            cluster.nodes.insert(*broker, node);
        }
        let serving = serve_wait(&mut cluster).await;
        if serving.is_ok() {
            self.clusters.lock().insert(spec.id.clone(), cluster);
        }
        serving
    }

    fn node_start(&self, cluster: &Cluster, broker: i32) -> Result<NodeProcess, EngineError> {
        let folder = self.cluster_folder(&cluster.spec.id);
        let listener = listener_of(&cluster.spec, broker)?;
        let start = || {
            let node = u16::try_from(broker).map_err(io::Error::other)?;
            let data = folder.join(format!("data-{node}"));
            if !data.exists() {
                node_folder_make(&self.template(), &data, node)?;
            }
            let path = folder.join(format!("node-{node}.properties"));
            let rack = cluster.spec.zone(broker).map(|zone| {
                format!("broker.rack={zone}\nreplica.selector.class={RACK_AWARE_SELECTOR}\n")
            });
            let rack = rack.unwrap_or_default();
            let controllers = cluster.controller_ports.iter();
            let settings = NodeSettings {
                node,
                controller_ports: &controllers.map(HeldPort::port).collect::<Vec<_>>(),
                listeners: &[(SecurityProtocol::Plaintext.name(), listener.port())],
                data: &data,
                more: &format!("{FEW_THREADS}{OPEN_TO_ALL}{rack}"),
            };
            settings.write(&path)?;
            let log = folder.join(format!("node-{node}.log"));
            NodeProcess::start(&self.distribution, &path, &log)
        };
        start().map_err(EngineError::failed)
    }

    /// Takes the processes of a cluster away and waits until they have ended.
    async fn stop(&self, id: &InstanceId) -> Result<(), EngineError> {
        let running = self.clusters.lock().remove(id);
        let nodes = running.map(|cluster| cluster.nodes).unwrap_or_default();
        nodes_stop(nodes.into_values().collect()).await
    }

    /// What a broker of a running cluster is asked for.
    fn broker_of(&self, id: &InstanceId, broker_id: i32) -> Result<PathBuf, EngineError> {
        let clusters = self.clusters.lock();
        let cluster = clusters.get(id);
        let cluster = cluster.ok_or_else(|| EngineError::failed("the cluster does not run"))?;
        match brokers_of(&cluster.spec).contains(&broker_id) {
            true => Ok(self.cluster_folder(id)),
            false => Err(EngineError::Refused {
                reason: format!("cluster {id} has no broker {broker_id}"),
            }),
        }
    }

    /// A connection to the first broker that runs.
    async fn stream(&self, id: &InstanceId) -> Result<TcpStream, EngineError> {
        let addresses: Vec<SocketAddr> = {
            let clusters = self.clusters.lock();
            let cluster = clusters.get(id);
            let cluster = cluster.ok_or_else(|| EngineError::failed("the cluster does not run"))?;
            let brokers = cluster.nodes.keys();
            let addresses = brokers.map(|broker| listener_of(&cluster.spec, *broker));
            addresses.collect::<Result<_, _>>()?
        };
        let stream = TcpStream::connect(&addresses[..]).await;
        stream.map_err(EngineError::failed)
    }
}

#[async_trait]
impl Engine for ApacheEngine {
    fn name(&self) -> &'static str {
        "apache"
    }

    fn settings(&self) -> &'static [SettingName] {
        &[]
    }

    fn versions(&self) -> Vec<String> {
        vec![self.version.clone()]
    }

    async fn ensure_cluster(&self, spec: &ClusterSpec) -> Result<(), EngineError> {
        if !self.serves_version(&spec.kafka_version) {
            let reason = format!("Apache Kafka {} is not here", spec.kafka_version);
            return Err(EngineError::Refused { reason });
        }
        for broker in brokers_of(spec) {
            listener_of(spec, broker)?;
        }
        let is_alike = {
            let mut clusters = self.clusters.lock();
            clusters.get_mut(&spec.id).is_some_and(|cluster| {
                let is_alike = cluster.spec.listeners == spec.listeners
                    && cluster.nodes.values_mut().all(NodeProcess::is_alive);
                if is_alike {
                    cluster.spec = spec.clone();
                }
                is_alike
            })
        };
        if is_alike {
            return Ok(());
        }
        self.stop(&spec.id).await?;
        self.start(spec).await
    }

    async fn stop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        self.stop(id).await
    }

    async fn drop_cluster(&self, id: &InstanceId) -> Result<(), EngineError> {
        self.stop(id).await?;
        match tokio::fs::remove_dir_all(self.cluster_folder(id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(EngineError::failed(error))
            }
            _ => Ok(()),
        }
    }

    async fn list_clusters(&self) -> Result<Vec<InstanceId>, EngineError> {
        let list = || -> io::Result<Vec<InstanceId>> {
            let mut ids = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name != TEMPLATE {
                    ids.push(InstanceId::new(name));
                }
            }
            ids.sort();
            Ok(ids)
        };
        list().map_err(EngineError::failed)
    }

    async fn observe_cluster(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterObservation>, EngineError> {
        let folder = self.cluster_folder(id);
        if !folder.exists() {
            return Ok(None);
        }
        let mut seen = ClusterObservation {
            stopped_brokers: stopped_brokers(&folder)
                .map_err(EngineError::failed)?
                .into_iter()
                .collect(),
            ..ClusterObservation::default()
        };
        let has_nodes = {
            let mut clusters = self.clusters.lock();
            let Some(cluster) = clusters.get_mut(id) else {
                return Ok(Some(ClusterObservation::default()));
            };
            seen.running = cluster.nodes.values_mut().all(NodeProcess::is_alive);
            seen.spec = seen.running.then(|| cluster.spec.clone());
            !cluster.nodes.is_empty()
        };
        if seen.running && has_nodes {
            let mut client = Client::connect(self.stream(id).await?)
                .await
                .map_err(EngineError::failed)?;
            count(&mut client, &mut seen)
                .await
                .map_err(EngineError::failed)?;
        }
        Ok(Some(seen))
    }

    async fn observe_details(
        &self,
        id: &InstanceId,
    ) -> Result<Option<ClusterDetails>, EngineError> {
        let is_running = self.clusters.lock().contains_key(id);
        Ok(is_running.then(ClusterDetails::default))
    }

    async fn connect(&self, id: &InstanceId) -> Result<Box<dyn Stream>, EngineError> {
        Ok(Box::new(self.stream(id).await?))
    }

    async fn stop_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        let folder = self.broker_of(id, broker_id)?;
        let note = || {
            let mut stopped = stopped_brokers(&folder)?;
            stopped.insert(broker_id);
            stopped_brokers_write(&folder, &stopped)
        };
        note().map_err(EngineError::failed)?;
        let node = {
            let mut clusters = self.clusters.lock();
            let cluster = clusters.get_mut(id);
            cluster.and_then(|cluster| cluster.nodes.remove(&broker_id))
        };
        nodes_stop(node.into_iter().collect()).await
    }

    async fn start_broker(&self, id: &InstanceId, broker_id: i32) -> Result<(), EngineError> {
        let folder = self.broker_of(id, broker_id)?;
        let note = || {
            let mut stopped = stopped_brokers(&folder)?;
            stopped.remove(&broker_id);
            stopped_brokers_write(&folder, &stopped)
        };
        note().map_err(EngineError::failed)?;
        // Out of the map while it is waited for: one call at a time is made for an instance.
        let taken = self.clusters.lock().remove(id);
        let Some(mut cluster) = taken else {
            return Ok(());
        };
        let mut started = Ok(());
        if !cluster.nodes.contains_key(&broker_id) {
            started = match self.node_start(&cluster, broker_id) {
                Ok(node) => {
                    cluster.nodes.insert(broker_id, node);
                    serve_wait(&mut cluster).await
                }
                Err(error) => Err(error),
            };
        }
        self.clusters.lock().insert(id.clone(), cluster);
        started
    }
}

/// What Kafka says of itself.
async fn count(client: &mut Client, seen: &mut ClusterObservation) -> Result<(), AdminError> {
    let topics = client.topic_list().await?;
    for topic in topics.iter().filter(|topic| !topic.is_internal) {
        seen.topics += 1;
        seen.partitions += u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
    }
    let groups = client.group_list().await?;
    seen.groups = u32::try_from(groups.len()).unwrap_or(u32::MAX);
    Ok(())
}

fn brokers_of(spec: &ClusterSpec) -> BTreeSet<i32> {
    let listeners = spec.listeners.iter();
    listeners.map(|listener| listener.broker_id).collect()
}

/// Where a broker listens.
fn listener_of(spec: &ClusterSpec, broker: i32) -> Result<SocketAddr, EngineError> {
    let mut own = spec
        .listeners
        .iter()
        .filter(|listener| listener.broker_id == broker);
    match (own.next(), own.next()) {
        (Some(listener), None)
            if listener.security_protocol == SecurityProtocol::Plaintext
                && !listener.is_public
                && listener.bind == Some(Ipv4Addr::LOCALHOST.into()) =>
        {
            Ok((Ipv4Addr::LOCALHOST, listener.port).into())
        }
        _ => Err(EngineError::Refused {
            reason: "a broker of this engine has one listener, without security, on 127.0.0.1"
                .to_owned(),
        }),
    }
}

/// Waits until every node serves: its broker knows of itself.
async fn serve_wait(cluster: &mut Cluster) -> Result<(), EngineError> {
    let deadline = Instant::now() + START_TIME_MAX;
    let ended = || EngineError::failed("a node ended by itself");
    for (broker, node) in &mut cluster.nodes {
        let address = listener_of(&cluster.spec, *broker)?;
        while let Err(error) = is_serving(address).await {
            if !node.is_alive() {
                return Err(ended());
            }
            if Instant::now() > deadline {
                return Err(EngineError::failed(error));
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

async fn is_serving(address: SocketAddr) -> Result<(), AdminError> {
    let stream = TcpStream::connect(address).await;
    let mut client = Client::connect(stream.map_err(AdminError::Connection)?).await?;
    client.topic_list().await.map(|_| ())
}

/// Stops nodes beside each other.
async fn nodes_stop(nodes: Vec<NodeProcess>) -> Result<(), EngineError> {
    let stop = move || {
        nodes.iter().for_each(NodeProcess::stop_begin);
        nodes.into_iter().for_each(NodeProcess::stop_end);
        Ok(())
    };
    blocking(stop).await.map_err(EngineError::failed)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn stopped_brokers(folder: &Path) -> io::Result<BTreeSet<i32>> {
    match fs::read_to_string(folder.join(STOPPED_FILE)) {
        Ok(text) => Ok(text.lines().filter_map(|line| line.parse().ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

fn stopped_brokers_write(folder: &Path, stopped: &BTreeSet<i32>) -> io::Result<()> {
    let lines: String = stopped.iter().map(|broker| format!("{broker}\n")).collect();
    fs::write(folder.join(STOPPED_FILE), lines)
}

fn free_ports(count: usize) -> io::Result<Vec<HeldPort>> {
    (0..count).map(|_| HeldPort::any()).collect()
}

/// The ports of brokers, unless somebody listens there.
fn broker_ports(spec: &ClusterSpec, brokers: &BTreeSet<i32>) -> Result<Vec<HeldPort>, EngineError> {
    let hold = |broker: &i32| {
        let address = listener_of(spec, *broker)?;
        HeldPort::at(address.port()).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => EngineError::AddressTaken { address },
            _ => EngineError::failed(error),
        })
    };
    brokers.iter().map(hold).collect()
}

fn version_of(libs: &Path) -> io::Result<String> {
    for entry in fs::read_dir(libs)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let version = name.strip_prefix(VERSION_JAR);
        if let Some(version) = version.and_then(|rest| rest.strip_suffix(".jar")) {
            return Ok(version.to_owned());
        }
    }
    let reason = format!("no {VERSION_JAR}*.jar in {}", libs.display());
    Err(io::Error::new(io::ErrorKind::NotFound, reason))
}

/// Formats the template, if it is not.
fn template_make(distribution: &Distribution, template: &Path) -> io::Result<()> {
    if template.join("meta.properties").exists() {
        return Ok(());
    }
    fs::create_dir_all(template)?;
    let path = template.with_extension("properties");
    let settings = NodeSettings {
        node: 0,
        controller_ports: &[1],
        listeners: &[(SecurityProtocol::Plaintext.name(), 2)],
        data: template,
        more: "",
    };
    settings.write(&path)?;
    let mut format = Command::new(JAVA);
    let formatted = format
        .args(distribution.format_arguments(&path, &[]))
        .output();
    let formatted = formatted?;
    fs::remove_file(&path)?;
    match formatted.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&formatted.stderr).into_owned(),
        )),
    }
}
