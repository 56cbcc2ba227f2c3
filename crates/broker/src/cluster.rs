//! One Kafka cluster: its topics, groups, limits and listeners.

pub(crate) mod broker;
mod disk;
pub(crate) mod fetch_session;
pub(crate) mod observation;
pub(crate) mod resource_config;
pub(crate) mod shared;
#[cfg(test)]
mod tests;
mod topic;
mod user;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::coordinator::group::Groups;
use crate::coordinator::transaction::Transactions;
use crate::counters::{self, Counters, CountersByUser};
use crate::error::{HostError, Unwritten};
use crate::log::durability::Durability;
use crate::log::partition::PartitionContext;
use crate::log::stored_bytes::StoredBytes;
use crate::memory::Memory;
use crate::metadata::directory::segments_bytes;
use crate::metadata::metadata_log::{DirectoryContents, MetadataLog, MetadataLogError};
use crate::metadata::state::{ClusterState, MetadataRecord};
use crate::metadata::topic::Topics;
use crate::process::Process;
use crate::quota::bandwidth::Bandwidth;
use crate::quota::client::ClientQuotas;
use crate::quota::public_access::{self, PublicAccess};
use crate::security::Security;
use crate::spec::{ClusterSpec, ListenerSpec, LogIntervals};
use crate::turn::Turns;

use fetch_session::FetchSessions;
use observation::{ClusterObservation, ListenerObservation};
use shared::Shared;

/// Marks the directory of a cluster that was shut down cleanly (Kafka's name for it).
const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";
/// A directory that file systems create at their root.
const LOST_AND_FOUND: &str = "lost+found";
/// How often expired offsets and transactional ids are looked for.
const EXPIRATION_CHECK_INTERVAL_MS: i64 = 30_000;
/// The same while the cluster is not used.
const IDLE_EXPIRATION_CHECK_INTERVAL_MS: i64 = 300_000;
/// Offsets of a group without members are kept so long (Kafka's `offsets.retention.minutes`: 7 days).
pub(crate) const OFFSETS_RETENTION_MS: i64 = 604_800_000;
/// How often groups without members and offsets are removed (Kafka's `offsets.retention.check.interval.ms`).
pub(crate) const OFFSETS_RETENTION_CHECK_INTERVAL_MS: i64 = 600_000;
const METADATA_LOG_FILE: &str = "cluster.journal";

/// Where clients reach a broker through one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub broker_id: i32,
    pub listener: Arc<str>,
    pub host: String,
    pub port: u16,
    pub local_address: SocketAddr,
}

/// When each scheduled task runs next, by the broker's clock.
struct Schedule {
    preferred_election_ms: AtomicI64,
    /// Expiration of offsets and transactional ids.
    expiration_ms: AtomicI64,
    retention_ms: AtomicI64,
    /// Expiration of idle producers.
    producers_ms: AtomicI64,
    /// Removal of groups that have nothing left.
    empty_groups_ms: AtomicI64,
}

impl Schedule {
    fn new(cluster_id: &str, now_ms: i64, intervals: LogIntervals) -> Self {
        // Spreads the tasks of thousands of clusters that start together.
        let delay_ms =
            i64::from(crc32c::crc32c(cluster_id.as_bytes())) % EXPIRATION_CHECK_INTERVAL_MS;
        let retention_ms = delay_ms.min(intervals.retention_check_ms) + intervals.first_task_ms;
        Self {
            preferred_election_ms: AtomicI64::new(i64::MIN),
            expiration_ms: AtomicI64::new(now_ms + delay_ms),
            retention_ms: AtomicI64::new(now_ms + retention_ms),
            producers_ms: AtomicI64::new(now_ms + intervals.producer_expiration_check_ms),
            empty_groups_ms: AtomicI64::new(now_ms + OFFSETS_RETENTION_CHECK_INTERVAL_MS),
        }
    }
}

/// A running cluster.
pub(crate) struct Cluster {
    id: String,
    dir: PathBuf,
    shared: Arc<Shared>,
    spec: RwLock<Arc<ClusterSpec>>,
    metadata_log: Arc<MetadataLog<ClusterState>>,
    topics: Arc<Topics>,
    groups: Arc<Groups>,
    transactions: Arc<Transactions>,
    counters: Arc<Counters>,
    user_counters: CountersByUser,
    stored: Arc<StoredBytes>,
    ingress: Bandwidth,
    egress: Bandwidth,
    public_access: PublicAccess,
    client_quotas: ClientQuotas,
    security: Security,
    fetch_sessions: FetchSessions,
    /// What its clients make it hold in memory.
    memory: Memory,
    /// Its share of the host's turns.
    turns: Turns,
    connections: AtomicU32,
    endpoints: RwLock<Arc<Vec<Endpoint>>>,
    /// Fenced brokers.
    stopped: RwLock<Arc<BTreeSet<i32>>>,
    is_used: AtomicBool,
    schedule: Schedule,
    /// Held while scheduled tasks run or the cluster is closed.
    scheduled_tasks: Mutex<()>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Cluster {
    /// Opens the data of a cluster, making the directory if there is none.
    pub(crate) fn open(
        shared: Arc<Shared>,
        dir: PathBuf,
        spec: ClusterSpec,
    ) -> Result<Arc<Self>, HostError> {
        let storage = |source| HostError::Storage {
            path: dir.clone(),
            source,
        };
        create_directory(&shared, &dir).map_err(storage)?;
        let metadata_log = Arc::new(open_metadata_log(&dir, &shared, &spec.id)?);
        let is_clean = remove_clean_shutdown(&shared, &dir).map_err(storage)?;
        tracing::debug!(cluster = %spec.id, is_clean, "opening");
        let stored = Arc::<StoredBytes>::default();
        let process = shared.process.clone();
        let context = PartitionContext {
            files: shared.files.clone(),
            durability: shared.durability,
            stored: stored.clone(),
        };
        let topics = Topics::open(&dir, &metadata_log, context, &process, &spec);
        let topics = Arc::new(topics.map_err(storage)?);
        let client_quotas = ClientQuotas::default();
        client_quotas.note_change(&metadata_log);
        let derivations = shared.derivations.clone();
        let security = Security::new(metadata_log.clone(), process.clone(), derivations, &spec);
        let (counters, tasks) = (Arc::<Counters>::default(), TaskTracker::new());
        let schedule = Schedule::new(&spec.id, process.now_ms(), shared.log_intervals);
        let (limits, elastic) = (&spec.limits, spec.limits.elastic_bytes_per_second);
        Ok(Arc::new(Self {
            client_quotas,
            security,
            fetch_sessions: FetchSessions::default(),
            memory: shared.memory.share(),
            turns: shared.turns.share(),
            id: spec.id.clone(),
            ingress: Bandwidth::new(limits.ingress_bytes_per_second_max, elastic),
            egress: Bandwidth::new(limits.egress_bytes_per_second_max, elastic),
            public_access: PublicAccess::new(&limits.public),
            groups: Groups::new(
                metadata_log.clone(),
                process.clone(),
                counters.clone(),
                spec.limits.groups_max,
                shared.group_initial_rebalance_delay,
            ),
            transactions: Transactions::new(
                metadata_log.clone(),
                topics.clone(),
                process,
                tasks.clone(),
            ),
            spec: RwLock::new(Arc::new(spec)),
            dir,
            shared,
            metadata_log,
            topics,
            counters,
            user_counters: CountersByUser::default(),
            stored,
            connections: AtomicU32::new(0),
            endpoints: RwLock::new(Arc::default()),
            stopped: RwLock::default(),
            is_used: AtomicBool::new(true),
            schedule,
            scheduled_tasks: Mutex::new(()),
            stop: CancellationToken::new(),
            tasks,
        }))
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn process(&self) -> &Process {
        &self.shared.process
    }

    /// How long an empty group waits for more members than the first.
    pub(crate) fn group_initial_rebalance_delay(&self) -> Duration {
        self.shared.group_initial_rebalance_delay
    }

    /// How often its logs are looked through.
    pub(crate) fn log_intervals(&self) -> LogIntervals {
        self.shared.log_intervals
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.shared.process.now_ms()
    }

    pub(crate) fn metadata_log(&self) -> &MetadataLog<ClusterState> {
        &self.metadata_log
    }

    pub(crate) fn topics(&self) -> &Topics {
        &self.topics
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    pub(crate) fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    pub(crate) fn security(&self) -> &Security {
        &self.security
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What its users did.
    pub(crate) fn user_counters(&self) -> &CountersByUser {
        &self.user_counters
    }

    /// The bandwidth that was bought for what clients send.
    pub(crate) fn ingress(&self) -> &Bandwidth {
        &self.ingress
    }

    /// The bandwidth that was bought for what clients fetch.
    pub(crate) fn egress(&self) -> &Bandwidth {
        &self.egress
    }

    /// What clients of public listeners share.
    pub(crate) fn public_access(&self) -> &PublicAccess {
        &self.public_access
    }

    pub(crate) fn client_quotas(&self) -> &ClientQuotas {
        &self.client_quotas
    }

    pub(crate) fn fetch_sessions(&self) -> &FetchSessions {
        &self.fetch_sessions
    }

    /// What its clients make it hold in memory.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Cancelled when it stops.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// The tasks that it waits for when it stops.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Counts a new connection, unless its limit is reached: the cluster's, or that of its public listeners, whose clients
    /// take no place of the others.
    pub(crate) fn take_connection(&self, is_public: bool) -> bool {
        let (spec, counters) = (self.spec(), self.counters());
        let limits = &spec.limits;
        let is_taken = match is_public {
            true => self
                .public_access
                .take_connection(limits.public.connections_max),
            false => public_access::take(&self.connections, limits.connections_max),
        };
        let (all, public) = match is_taken {
            true => (
                &counters.connections_accepted,
                &counters.public_connections_accepted,
            ),
            false => (
                &counters.connections_refused,
                &counters.public_connections_refused,
            ),
        };
        counters::add(all, 1);
        if is_public {
            counters::add(public, 1);
        }
        is_taken
    }

    /// Counts a closed connection; `is_proven`: as in [`PublicAccess::give_connection_back`].
    pub(crate) fn give_connection_back(&self, is_public: bool, is_proven: bool) {
        match is_public {
            true => self.public_access.give_connection_back(is_proven),
            false => {
                self.connections.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    pub(crate) fn spec(&self) -> Arc<ClusterSpec> {
        self.spec.read().clone()
    }

    /// The listeners of the specification whose brokers run.
    pub(crate) fn wanted_listeners(&self) -> Vec<(i32, ListenerSpec)> {
        let (spec, stopped) = (self.spec(), self.stopped.read().clone());
        let live = spec
            .brokers
            .iter()
            .filter(|broker| !stopped.contains(&broker.id));
        let listeners = live.flat_map(|broker| {
            let of_broker = |listener: &ListenerSpec| (broker.id, listener.clone());
            broker.listeners.iter().map(of_broker)
        });
        listeners.collect()
    }

    /// Sets the addresses at which its brokers can be reached.
    pub(crate) fn set_endpoints(&self, endpoints: Vec<Endpoint>) {
        *self.endpoints.write() = Arc::new(endpoints);
    }

    /// Sets the specification and applies what it says of access, before new listeners accept connections.
    /// The rest is applied by [adapt](Self::adapt) once it listens as specified.
    pub(crate) fn set_spec(&self, spec: Arc<ClusterSpec>) {
        *self.spec.write() = spec.clone();
        self.security.set_spec(&spec);
    }

    /// Brings limits, settings of topics and leaders in line with the specification that took the place of `old`.
    pub(crate) fn adapt(&self, old: &ClusterSpec) -> Result<(), HostError> {
        let spec = self.spec();
        let (limits, elastic) = (&spec.limits, spec.limits.elastic_bytes_per_second);
        self.ingress
            .set_rate(limits.ingress_bytes_per_second_max, elastic);
        self.egress
            .set_rate(limits.egress_bytes_per_second_max, elastic);
        self.public_access.set_limits(&limits.public);
        self.groups.set_count_max(limits.groups_max);
        let configs_of = |name: &str| {
            self.metadata_log.read(|state| {
                state
                    .topics
                    .get(name)
                    .map(|topic| topic.configs.clone())
                    .unwrap_or_default()
            })
        };
        self.topics.set_defaults(&spec, configs_of);
        // Unclean election may have been permitted where no replica in sync is left.
        if old.brokers.len() != spec.brokers.len() || old.defaults != spec.defaults {
            self.elect()?;
        }
        Ok(())
    }

    /// Where the brokers can be reached through listeners of this name, ordered by broker id.
    pub(crate) fn endpoints(&self, listener: &str) -> Vec<Endpoint> {
        self.endpoints
            .read()
            .iter()
            .filter(|endpoint| *endpoint.listener == *listener)
            .cloned()
            .collect()
    }

    pub(crate) fn endpoint(&self, listener: &str, broker_id: i32) -> Option<Endpoint> {
        let endpoints = self.endpoints.read().clone();
        endpoints
            .iter()
            .find(|endpoint| *endpoint.listener == *listener && endpoint.broker_id == broker_id)
            .cloned()
    }

    pub(crate) fn observe(&self) -> ClusterObservation {
        let endpoints = self.endpoints.read().clone();
        let listeners = endpoints.iter().map(|endpoint| ListenerObservation {
            broker_id: endpoint.broker_id,
            name: endpoint.listener.to_string(),
            local_address: endpoint.local_address,
            advertised_host: endpoint.host.clone(),
            advertised_port: endpoint.port,
        });
        let count_replicas = self.spec.read().limits.partitions_count_replicas;
        let (topics, partitions) = self.metadata_log.read(|state| {
            (
                state.topics_total() as u32,
                state.partitions_total(count_replicas),
            )
        });
        let public_connections = self.public_access.connections();
        ClusterObservation {
            is_running: !self.stop.is_cancelled(),
            listeners: listeners.collect(),
            counters: self.counters.values(),
            stored_bytes: self.stored.physical(),
            held_bytes: self.memory.held_bytes() as u64,
            disk_used_bytes: self.disk_used_bytes(),
            connections: self.connections.load(Ordering::Relaxed) + public_connections,
            public_connections,
            topics,
            partitions,
            stopped_brokers: self.stopped.read().iter().copied().collect(),
            groups: self.groups.count() as u32,
        }
    }

    /// Waits until no request is being served and no task runs. Its listeners must be closed before.
    pub(crate) async fn halt(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Stops gracefully: everything is written out and the directory is marked as clean.
    pub(crate) async fn stop(self: &Arc<Self>) -> Result<(), HostError> {
        self.halt().await;
        let cluster = self.clone();
        let written = tokio::task::spawn_blocking(move || cluster.write_out()).await;
        written
            .unwrap_or_else(|_| Err(std::io::Error::other("writing out was cancelled")))
            .map_err(|source| self.storage_error(source))
    }

    /// The error that its directory cannot be read or written.
    pub(crate) fn storage_error(&self, source: std::io::Error) -> HostError {
        HostError::Storage {
            path: self.dir.clone(),
            source,
        }
    }

    /// Returns when no scheduled task runs any more; blocks. To be called after [`Cluster::halt`].
    pub(crate) fn wait_for_scheduled_tasks(&self) {
        drop(self.scheduled_tasks.lock());
    }

    fn write_out(&self) -> std::io::Result<()> {
        let _turn = self.scheduled_tasks.lock();
        for partition in self.topics.all_partitions() {
            partition.checkpoint(self.now_ms())?;
        }
        let marker = CleanShutdown {
            version: 0,
            journal_bytes: self.metadata_log.close()?,
        };
        let path = self.dir.join(CLEAN_SHUTDOWN_FILE);
        let disk = self.shared.files.disk();
        disk.write_file(&path, &serde_json::to_vec(&marker)?)
            .map(drop)
    }

    /// Writes a mark to the metadata log.
    fn mark_durable(&self, now_ms: i64) {
        if let Err(error) = self.metadata_log.mark_durable(now_ms) {
            tracing::error!(%error, cluster = %self.id, "the journal cannot be flushed");
        }
    }

    /// Runs the scheduled tasks that are due: expiration of offsets, transactional ids and producers,
    /// preferred election, retention, compaction, checkpoints, closing of unused logs. Blocks on the disk.
    pub(crate) fn run_scheduled_tasks(&self) {
        let now_ms = self.now_ms();
        let is_due = |next_ms: &AtomicI64| now_ms >= next_ms.load(Ordering::Relaxed);
        let is_expiration_due = is_due(&self.schedule.expiration_ms);
        let is_retention_due = is_due(&self.schedule.retention_ms);
        let was_used = self.is_used.swap(false, Ordering::Relaxed);
        let is_marked = !self.metadata_log.needs_mark(now_ms);
        if !was_used && !is_expiration_due && !is_retention_due && is_marked {
            return;
        }
        let _turn = self.scheduled_tasks.lock();
        if self.stop.is_cancelled() {
            return;
        }
        if !is_marked {
            self.mark_durable(now_ms);
        }
        if !was_used && !is_expiration_due && !is_retention_due {
            return;
        }
        if is_expiration_due {
            let interval_ms = match was_used {
                true => EXPIRATION_CHECK_INTERVAL_MS,
                false => IDLE_EXPIRATION_CHECK_INTERVAL_MS,
            };
            self.schedule
                .expiration_ms
                .store(now_ms + interval_ms, Ordering::Relaxed);
            self.forget_expired(now_ms);
            self.elect_preferred_leaders(now_ms);
        }
        // As the bought disk fills, retention is applied at once.
        if is_retention_due || self.is_disk_scarce() {
            let interval_ms = self.shared.log_intervals.retention_check_ms;
            self.schedule
                .retention_ms
                .store(now_ms + interval_ms, Ordering::Relaxed);
            self.topics.open_expired(now_ms);
            self.topics.expire(now_ms);
        }
        if is_due(&self.schedule.producers_ms) {
            let intervals = self.shared.log_intervals;
            self.schedule.producers_ms.store(
                now_ms + intervals.producer_expiration_check_ms,
                Ordering::Relaxed,
            );
            let before_ms = now_ms - intervals.producer_expiration_ms;
            self.topics.expire_producers(before_ms);
        }
        if is_due(&self.schedule.empty_groups_ms) {
            self.schedule.empty_groups_ms.store(
                now_ms + OFFSETS_RETENTION_CHECK_INTERVAL_MS,
                Ordering::Relaxed,
            );
            self.groups.remove_empty();
        }
        self.trim_disk();
        if self.topics.compact_and_checkpoint(now_ms) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    /// Removes transactional ids and offsets that have expired.
    fn forget_expired(&self, now_ms: i64) {
        let transactions_before_ms = now_ms - self.spec().transactional_id_expiration_ms;
        let offsets_before_ms = now_ms - OFFSETS_RETENTION_MS;
        let written = self.metadata_log.change(|state| {
            let mut records = state.expired_transactions(transactions_before_ms);
            for (group, partitions) in state.expired_offsets(offsets_before_ms) {
                if !self.groups.has_members(&group) {
                    records.extend(MetadataRecord::expired_offsets(state, group, partitions));
                }
            }
            Ok::<_, Infallible>((records, ()))
        });
        if let Err(error) = written {
            Unwritten::from(error).log();
        }
    }

    /// Notes that the cluster was used, so that its scheduled tasks run.
    pub(crate) fn mark_used(&self) {
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }
}

/// Content of the marker of a clean shutdown.
#[derive(Debug, Default, Serialize, Deserialize)]
struct CleanShutdown {
    version: i32,
    /// Size of the metadata log, all of it durable.
    #[serde(default)]
    journal_bytes: u64,
}

/// Creates the directory of a cluster, durably if the host promises so.
fn create_directory(shared: &Shared, dir: &Path) -> std::io::Result<()> {
    let disk = shared.files.disk();
    disk.create_dir_all(dir)?;
    match dir.parent() {
        Some(parent) if shared.durability == Durability::Power => disk.sync_dir(parent),
        _ => Ok(()),
    }
}

/// Removes the marker of a clean shutdown: from here on a crash leaves unclean logs. The marker is for people and
/// Kafka's own tools; recovery does not need it, since it always reads the batches that no index covers. Returns
/// whether there was one.
fn remove_clean_shutdown(shared: &Shared, dir: &Path) -> std::io::Result<bool> {
    let disk = shared.files.disk();
    let is_clean = disk.remove_file(&dir.join(CLEAN_SHUTDOWN_FILE)).is_ok();
    if is_clean && shared.durability == Durability::Power {
        // Otherwise it could come back and describe a metadata log that was rewritten since.
        disk.sync_dir(dir)?;
    }
    Ok(is_clean)
}

/// Opens the metadata log of a cluster. If it is damaged, nothing is changed and an operator has to repair
/// it.
fn open_metadata_log(
    dir: &Path,
    shared: &Shared,
    id: &str,
) -> Result<MetadataLog<ClusterState>, HostError> {
    // After a crash the marker may hold anything.
    let marker = std::fs::read(dir.join(CLEAN_SHUTDOWN_FILE)).unwrap_or_default();
    let marker: CleanShutdown = serde_json::from_slice(&marker).unwrap_or_default();
    let path = dir.join(METADATA_LOG_FILE);
    let (durability, closed_bytes) = (shared.durability, marker.journal_bytes);
    let opened = MetadataLog::open_in(
        path.clone(),
        &shared.files,
        durability,
        closed_bytes,
        || directory_contents(dir),
    );
    opened.map_err(|error| match error {
        MetadataLogError::Io(source) => HostError::Storage {
            path: dir.to_owned(),
            source,
        },
        damage => {
            tracing::error!(
                cluster = %id, file = %path.display(), %damage,
                "the cluster is not started and nothing was changed: restore its directory from a backup, or see \
                 \"Damage\" in docs/operating.md"
            );
            HostError::DamagedMetadataLog {
                id: id.to_owned(),
                reason: damage.to_string(),
            }
        }
    })
}

/// What else is in the directory of a cluster.
fn directory_contents(dir: &Path) -> std::io::Result<DirectoryContents> {
    let mut contents = DirectoryContents::default();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == METADATA_LOG_FILE || name == LOST_AND_FOUND {
            continue;
        }
        contents.has_entries = true;
        contents.has_records |= entry.file_type()?.is_dir() && segments_bytes(&entry.path())? > 0;
    }
    Ok(contents)
}
