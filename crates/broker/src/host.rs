//! All clusters of one process: they share the threads, the timer, the file cache and the scheduled tasks.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::cluster::observation::{
    ClusterObservation, GroupObservation, ProducerObservation, TopicObservation, UserObservation,
};
use crate::cluster::shared::Shared;
use crate::coordinator::group::RebalanceObservation;
use crate::error::HostError;
use crate::log::disk::Disk;
use crate::log::durability::Durability;
use crate::log::file::FileCache;
use crate::metadata::topic_config::check_overrides;
use crate::network::certificate::CA_FILE;
use crate::network::internal;
use crate::network::listener::Ports;
use crate::network::listeners::Listeners;
use crate::network::server_tls::ServerTls;
use crate::network::shared_port::{SharedPort, SharedPortObservation, SharedPortSpec};
use crate::network::tls::{Tls, TlsFiles};
use crate::process::Process;
use crate::spec::{ClusterSpec, LogIntervals, check_cluster_id};

/// Clusters that are stopped at once when the host shuts down.
const STOPS_AT_ONCE: usize = 32;
/// How a folder is called that is being removed: a cluster's id, something that only this removal has, and this.
const GONE: &str = ".gone";

/// How a host is set up.
#[derive(Clone)]
pub struct HostOptions {
    /// Holds one directory per cluster.
    pub data_dir: PathBuf,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Seed of ids and member names: the library has no other source of randomness.
    pub seed: u64,
    /// Descriptors kept open for segments and metadata logs of all clusters.
    pub open_files_max: usize,
    /// Connections of clients of all clusters. A cluster has no more than are left for others.
    pub connections_max: usize,
    /// A certificate for all TLS listeners. `None`: the host makes certificates for their advertised hosts,
    /// signed by an authority of its own ([`Host::ca_path`]).
    pub tls_files: Option<TlsFiles>,
    /// One TLS port for listeners of many clusters.
    pub shared_port: Option<SharedPortSpec>,
    /// The same for public listeners. They have a port of their own, so that whoever is let through to it reaches no
    /// other listener, whatever name it asks for.
    pub public_shared_port: Option<SharedPortSpec>,
    /// For this long after the start, clients that ask the shared port for an unknown name are disconnected
    /// without an alert, so that they try again: their cluster may not be started yet.
    pub settling_time: Duration,
    /// How often the scheduled tasks run: checkpoints, compaction, closing of unused files.
    pub scheduled_tasks_interval: Duration,
    /// How often the logs of each cluster are looked through, by [`HostOptions::clock`].
    pub log_intervals: LogIntervals,
    /// How long an empty group waits for more members than the first, and again as long as some come (Kafka's
    /// `group.initial.rebalance.delay.ms`, KIP-134). Members that start together are then assigned to once.
    pub group_initial_rebalance_delay: Duration,
}

impl HostOptions {
    /// The usual bounds: 1,024 open files, any number of connections, scheduled tasks every second, a minute to settle, three seconds for the
    /// members of an empty group.
    pub fn new(
        data_dir: PathBuf,
        durability: Durability,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Self {
        Self {
            data_dir,
            durability,
            clock,
            seed,
            open_files_max: 1024,
            connections_max: usize::MAX,
            tls_files: None,
            shared_port: None,
            public_shared_port: None,
            settling_time: Duration::from_secs(60),
            scheduled_tasks_interval: Duration::from_secs(1),
            log_intervals: LogIntervals::default(),
            group_initial_rebalance_delay: Duration::from_secs(3),
        }
    }
}

struct Inner {
    options: HostOptions,
    shared: Arc<Shared>,
    ports: Arc<Ports>,
    clusters: RwLock<HashMap<String, Arc<Listeners>>>,
    /// Held while a cluster of this id is created, stopped or dropped.
    changing: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// All clusters of one process. Clones name the same host.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

impl Host {
    /// Prepares the data directory (with the certificate authority, if it is the host's own) and starts the
    /// shared tasks on the ambient tokio runtime. Clusters are started by [`Host::ensure_cluster`].
    ///
    /// # Errors
    /// If the data directory cannot be made, certificates cannot be used, or the shared port is taken.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(options: HostOptions) -> Result<Self, HostError> {
        let files = FileCache::new(options.open_files_max);
        let data_dir = &options.data_dir;
        files
            .disk()
            .create_dir_all(data_dir)
            .map_err(|source| HostError::Storage {
                path: data_dir.clone(),
                source,
            })?;
        remove_gone(files.disk(), data_dir).map_err(|source| HostError::Storage {
            path: data_dir.clone(),
            source,
        })?;
        let interval = options.scheduled_tasks_interval;
        let process = Process::new(options.clock.clone(), options.seed);
        let now_ms = process.now_ms();
        let tls = Tls::open(options.tls_files.as_ref(), data_dir, files.disk(), now_ms)?;
        let bind = |spec: &Option<SharedPortSpec>| {
            let bound = spec.as_ref();
            let bound = bound.map(|spec| SharedPort::bind(spec, options.settling_time));
            bound.transpose()
        };
        let shared_port = bind(&options.shared_port)?;
        let public_shared_port = bind(&options.public_shared_port)?;
        let ports = Ports {
            tls: Some(tls),
            shared_port: shared_port.as_ref().map(|(port, _)| port.clone()),
            public_shared_port: public_shared_port.as_ref().map(|(port, _)| port.clone()),
        };
        let timers = process.timers.clone();
        let (durability, intervals) = (options.durability, options.log_intervals);
        let rebalance_delay = options.group_initial_rebalance_delay;
        let inner = Arc::new(Inner {
            shared: Shared::new(
                process,
                files,
                durability,
                intervals,
                rebalance_delay,
                options.connections_max,
            ),
            ports: Arc::new(ports),
            options,
            clusters: RwLock::new(HashMap::new()),
            changing: Mutex::new(HashMap::new()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        inner.spawn("timers", async move { timers.run().await });
        if let Some((port, socket)) = shared_port {
            inner.spawn("the shared port", port.run(socket));
        }
        if let Some((port, socket)) = public_shared_port {
            inner.spawn("the shared port of public listeners", port.run(socket));
        }
        let weak = Arc::downgrade(&inner);
        inner.spawn(
            "scheduled tasks of clusters",
            run_scheduled_tasks(weak, interval),
        );
        Ok(Self(inner))
    }

    /// Waits until a vital task has panicked or ended by itself, and returns its name. The program should
    /// exit then.
    pub async fn lost(&self) -> &'static str {
        self.0.shared.process.vital.lost().await
    }

    fn turn(&self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut changing = self.0.changing.lock();
        changing.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = changing.get(id).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        changing.insert(id.to_owned(), Arc::downgrade(&turn));
        turn
    }

    fn listeners(&self, id: &str) -> Option<Arc<Listeners>> {
        self.0.clusters.read().get(id).cloned()
    }

    pub(crate) fn cluster(&self, id: &str) -> Option<Arc<Cluster>> {
        let clusters = self.0.clusters.read();
        clusters.get(id).map(|running| running.cluster().clone())
    }

    fn cluster_dir(&self, id: &str) -> PathBuf {
        self.0.options.data_dir.join(id)
    }

    /// Makes the cluster be as specified: creates it, starts it on the data that it has, or adapts a
    /// running one (limits, listeners, version, defaults; topics are not touched). Returns when all
    /// listeners accept. May be repeated.
    ///
    /// # Errors
    /// [`HostError::AddressInUse`] if a port is taken; nothing has changed then.
    pub async fn ensure_cluster(&self, spec: ClusterSpec) -> Result<(), HostError> {
        spec.check(check_overrides)?;
        let turn = self.turn(&spec.id);
        let _turn = turn.lock().await;
        if let Some(running) = self.listeners(&spec.id) {
            return running.adapt(spec);
        }
        let id = spec.id.clone();
        let dir = self.cluster_dir(&id);
        let is_new = !dir.exists();
        let cluster = Cluster::open(self.0.shared.clone(), dir.clone(), spec)?;
        cluster.elect()?;
        let listening = Listeners::open(cluster.clone(), self.0.ports.clone());
        let listeners = listening.inspect_err(|_| {
            if is_new {
                // Best effort: what is left is an empty cluster that is not served.
                let _ = self.0.shared.files.disk().remove_dir_all(&dir);
            }
        })?;
        cluster.transactions().resume();
        self.0.clusters.write().insert(id, Arc::new(listeners));
        Ok(())
    }

    /// Fences one broker of a running cluster, as a drill: its listeners and connections close, the next
    /// in-sync replicas become leaders, its groups are coordinated by another. It stays fenced, also when the
    /// cluster is restarted, until [`Host::start_broker`]. May be repeated.
    ///
    /// # Errors
    /// [`HostError::ClusterNotFound`] if the cluster does not run, [`HostError::BrokerNotFound`] if it has
    /// no such broker.
    pub async fn stop_broker(&self, id: &str, broker_id: i32) -> Result<(), HostError> {
        let turn = self.turn(id);
        let _turn = turn.lock().await;
        self.running_listeners(id)?.stop_broker(broker_id).await
    }

    /// Unfences a broker that [`Host::stop_broker`] fenced. Its replicas are in sync at once; it leads its
    /// partitions again some minutes later, or after an ElectLeaders request. May be repeated.
    ///
    /// # Errors
    /// As [`Host::stop_broker`]; [`HostError::AddressInUse`] if its port is in use meanwhile.
    pub async fn start_broker(&self, id: &str, broker_id: i32) -> Result<(), HostError> {
        let turn = self.turn(id);
        let _turn = turn.lock().await;
        self.running_listeners(id)?.start_broker(broker_id).await
    }

    fn running_listeners(&self, id: &str) -> Result<Arc<Listeners>, HostError> {
        self.listeners(id)
            .ok_or_else(|| HostError::ClusterNotFound { id: id.to_owned() })
    }

    pub(crate) fn running_cluster(&self, id: &str) -> Result<Arc<Cluster>, HostError> {
        self.cluster(id)
            .ok_or_else(|| HostError::ClusterNotFound { id: id.to_owned() })
    }

    /// Opens a connection to a running cluster without a socket. The Kafka protocol is spoken on it as a
    /// super user, whatever the listeners demand and whatever ACLs say, in the newest versions that are
    /// served. It is answered by every broker, also by fenced ones.
    ///
    /// It takes nothing of the bought bandwidth, connections or client quotas, and counts nowhere. What is made through
    /// it keeps to the bought topics, partitions, groups, message sizes and disk. It ends when the cluster stops.
    ///
    /// # Errors
    /// [`HostError::ClusterNotFound`] if the cluster does not run.
    pub fn connect(&self, id: &str) -> Result<DuplexStream, HostError> {
        Ok(internal::connect(&self.running_cluster(id)?))
    }

    /// Closes the listeners and connections; data stays. May be repeated.
    ///
    /// # Errors
    /// If data cannot be written out.
    pub async fn stop_cluster(&self, id: &str) -> Result<(), HostError> {
        check_cluster_id(id)?;
        let turn = self.turn(id);
        let _turn = turn.lock().await;
        self.stop_now(id).await
    }

    async fn stop_now(&self, id: &str) -> Result<(), HostError> {
        let running = self.0.clusters.write().remove(id);
        match running {
            Some(running) => running.stop().await,
            None => Ok(()),
        }
    }

    /// Stops the cluster and deletes its data. May be repeated.
    ///
    /// # Errors
    /// If data cannot be removed.
    pub async fn drop_cluster(&self, id: &str) -> Result<(), HostError> {
        check_cluster_id(id)?;
        let turn = self.turn(id);
        let _turn = turn.lock().await;
        let running = self.0.clusters.write().remove(id);
        if let Some(running) = &running {
            running.halt().await;
        }
        let dir = self.cluster_dir(id);
        let gone = self.0.options.data_dir.join(format!(
            "{id}.{}{GONE}",
            self.0.shared.process.uuid().simple()
        ));
        let disk = self.0.shared.files.disk().clone();
        let result = tokio::task::spawn_blocking(move || {
            if let Some(running) = running {
                running.cluster().wait_for_scheduled_tasks();
            }
            remove_dir(&disk, &dir, &gone)
        })
        .await;
        result
            .unwrap_or_else(|_| Err(io::Error::other("the removal was cancelled")))
            .map_err(|source| HostError::Storage {
                path: self.cluster_dir(id),
                source,
            })
    }

    /// Ids of the clusters that have data here, running or not. A file under such a name counts, too: no
    /// cluster can be created there until it is dropped.
    ///
    /// # Errors
    /// If the data directory cannot be read.
    pub fn cluster_ids_on_disk(&self) -> Result<Vec<String>, HostError> {
        let dir = &self.0.options.data_dir;
        let list = || -> io::Result<Vec<String>> {
            let mut ids = Vec::new();
            for entry in std::fs::read_dir(dir)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if check_cluster_id(&name).is_ok() {
                    ids.push(name);
                }
            }
            ids.sort();
            Ok(ids)
        };
        list().map_err(|source| HostError::Storage {
            path: dir.clone(),
            source,
        })
    }

    /// What is seen of a running cluster.
    pub fn observe(&self, id: &str) -> Option<ClusterObservation> {
        self.cluster(id).map(|cluster| cluster.observe())
    }

    /// Ids of the clusters that run, in order.
    pub fn running_cluster_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.0.clusters.read().keys().cloned().collect();
        ids.sort();
        ids
    }

    /// Observations of the topics of a running cluster, by name.
    pub fn observe_topics(&self, id: &str) -> Option<Vec<TopicObservation>> {
        self.cluster(id).map(|cluster| cluster.observe_topics())
    }

    /// Observations of the users of a running cluster, by name: those with a connection since it was started.
    /// Users beyond the first 1,000 are counted together under the empty name.
    pub fn observe_users(&self, id: &str) -> Option<Vec<UserObservation>> {
        self.cluster(id).map(|cluster| cluster.observe_users())
    }

    /// The groups of a running cluster, by id, and how far behind each is. Computed on request; reads the
    /// disk for partitions that are not open.
    pub fn observe_groups(&self, id: &str) -> Option<Vec<GroupObservation>> {
        self.cluster(id).map(|cluster| cluster.observe_groups())
    }

    /// Who produced to a topic of a running cluster in the last ten minutes, at most 100 addresses, the latest first.
    pub fn observe_producers(&self, id: &str, topic: &str) -> Option<Vec<ProducerObservation>> {
        self.cluster(id)?.observe_producers(topic)
    }

    /// The last rebalances of a group of a running cluster since it was started, the newest first.
    pub fn observe_rebalances(&self, id: &str, group: &str) -> Option<Vec<RebalanceObservation>> {
        self.cluster(id)
            .map(|cluster| cluster.observe_rebalances(group))
    }

    /// The certificate that clients of TLS listeners have to trust: the host's own authority. `None` if
    /// [`HostOptions::tls_files`] were given.
    pub fn ca_path(&self) -> Option<PathBuf> {
        let options = &self.0.options;
        let is_own = options.tls_files.is_none();
        is_own.then(|| options.data_dir.join(CA_FILE))
    }

    /// TLS for a listener of the process that is no broker's and is reached by `host`: with these files, or with what
    /// the brokers show.
    ///
    /// # Errors
    /// [`HostError::Certificate`] when the files cannot be used.
    pub fn server_tls(&self, host: &str, files: Option<&TlsFiles>) -> Result<ServerTls, HostError> {
        let process = &self.0.shared.process;
        let tls = match (files, self.0.ports.tls.clone()) {
            (None, Some(tls)) => tls,
            _ => {
                let (disk, dir) = (self.0.shared.files.disk(), &self.0.options.data_dir);
                Tls::open(files, dir, disk, process.now_ms())?
            }
        };
        Ok(ServerTls::new(tls, host, process.clone()))
    }

    /// Observation of the shared port, if there is one.
    pub fn observe_shared_port(&self) -> Option<SharedPortObservation> {
        let port = self.0.ports.shared_port.as_ref();
        port.map(|port| port.observe())
    }

    /// The same of the shared port of public listeners.
    pub fn observe_public_shared_port(&self) -> Option<SharedPortObservation> {
        let port = self.0.ports.public_shared_port.as_ref();
        port.map(|port| port.observe())
    }

    /// Bytes of requests and answers under way that all clusters hold in memory.
    pub fn held_bytes(&self) -> usize {
        self.0.shared.memory.held_bytes()
    }

    /// How many files are open for segments and metadata logs.
    pub fn open_files(&self) -> usize {
        self.0.shared.files.open_count()
    }

    /// Stops all clusters gracefully: listeners closed, data written out, marked as closed cleanly.
    pub async fn shutdown(&self) {
        let ids: Vec<String> = self.0.clusters.read().keys().cloned().collect();
        let mut stopping = tokio::task::JoinSet::new();
        for id in ids {
            // Stopping waits for the disk, so several clusters are stopped at once.
            if stopping.len() >= STOPS_AT_ONCE {
                stopping.join_next().await;
            }
            let host = self.clone();
            stopping.spawn(async move {
                if let Err(error) = host.stop_cluster(&id).await {
                    tracing::error!(%error, cluster = %id, "cannot stop cleanly");
                }
            });
        }
        while stopping.join_next().await.is_some() {}
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Inner {
    /// Starts a task that runs until the host shuts down.
    fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (stop, vital) = (self.stop.clone(), self.shared.process.vital.clone());
        self.tasks
            .spawn(async move { stop.run_until_cancelled(vital.endless(name, work)).await });
    }
}

/// Renames first, durably, so that a half-removed directory is never taken for a cluster.
fn remove_dir(disk: &Disk, dir: &Path, gone: &Path) -> io::Result<()> {
    match disk.rename(dir, gone) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    dir.parent()
        .map_or(Ok(()), |parent| disk.sync_dir(parent))?;
    remove_whole(disk, gone)
}

fn remove_whole(disk: &Disk, path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path)?.is_dir() {
        true => disk.remove_dir_all(path),
        false => disk.remove_file(path),
    }
}

/// Removes what is left of clusters in whose removal the process ended.
fn remove_gone(disk: &Disk, data_dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(data_dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name
            .strip_suffix(GONE)
            .and_then(|name| name.rsplit_once('.'));
        if id.is_some_and(|(id, _)| check_cluster_id(id).is_ok()) {
            remove_whole(disk, &entry.path())?;
        }
    }
    Ok(())
}

/// Runs the scheduled tasks of all clusters, one cluster after the other, on a blocking thread.
async fn run_scheduled_tasks(host: Weak<Inner>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(host) = host.upgrade() else { return };
        let clusters: Vec<Arc<Cluster>> = {
            let running = host.clusters.read();
            running
                .values()
                .map(|running| running.cluster().clone())
                .collect()
        };
        let files = host.shared.files.clone();
        drop(host);
        let work = tokio::task::spawn_blocking(move || {
            clusters
                .iter()
                .for_each(|cluster| cluster.run_scheduled_tasks());
            files.close_idle();
        });
        if let Err(error) = work.await {
            tracing::error!(%error, "a scheduled task failed");
        }
    }
}
