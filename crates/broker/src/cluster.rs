//! One Kafka cluster: its topics, groups, limits and listeners.

pub(crate) mod broker;
pub(crate) mod fetch_session;
mod housekeeping;
#[cfg(test)]
mod housekeeping_tests;
pub(crate) mod observation;
pub(crate) mod topic;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cluster::{fetch_session::FetchSessions, topic::Topics},
    coordinator::{
        group::Groups,
        transaction::{self, Transactions},
    },
    counters::{Counters, UserTable},
    error::{ErrorCode, HostError},
    host::{ClusterObservation, Durability, ListenerObservation, Shared},
    metadata::{
        journal::{Beside, Journal, JournalError},
        state::{ClusterState, Record},
    },
    network::listener::{self, Endpoint, Listening},
    quota::{client::ClientQuotas, disk::StoredBytes, token_bucket::TokenBucket},
    security::{attempts::Attempts, authorizer::Authorizer},
    spec::ClusterSpec,
    turn::Turns,
};

/// Producer ids are reserved in blocks, so that a crash wastes some instead of giving one twice.
const PRODUCER_ID_BLOCK: i64 = 1000;
/// Marks a directory whose logs were all written out before the process ended (Kafka's name for it).
const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";
/// Ends the name of a directory whose partition the journal does not know: it is kept for people (the name that
/// Kafka gives them, `UnifiedLog.StrayDirSuffix`).
const STRAY_SUFFIX: &str = "-stray";
/// Ends the name of a directory whose partition was deleted.
pub(crate) const DELETED_SUFFIX: &str = "-delete";
/// Characters of its name that a directory keeps when it gets a suffix: file names have at most 255.
const KEPT_NAME_CHARS_MAX: usize = 200;
/// What a file system keeps in its uppermost directory.
const LOST_AND_FOUND: &str = "lost+found";
/// How often offsets and transactional ids are looked through.
const THOROUGH_INTERVAL_MS: i64 = 30_000;
/// The same while nobody uses the cluster.
const IDLE_THOROUGH_INTERVAL_MS: i64 = 300_000;
/// Offsets of a group without members are kept so long (Kafka's `offsets.retention.minutes`: 7 days).
const OFFSETS_RETENTION_MS: i64 = 604_800_000;
const JOURNAL_FILE: &str = "cluster.journal";

/// A running cluster.
pub(crate) struct Cluster {
    pub id: String,
    pub dir: PathBuf,
    pub shared: Arc<Shared>,
    spec: RwLock<Arc<ClusterSpec>>,
    pub journal: Journal<ClusterState>,
    pub topics: Topics,
    pub groups: Groups,
    pub transactions: Transactions,
    pub counters: Counters,
    pub users: UserTable,
    pub stored: Arc<StoredBytes>,
    pub ingress: TokenBucket,
    pub egress: TokenBucket,
    pub client_quotas: ClientQuotas,
    pub attempts: Attempts,
    pub authorizer: Authorizer,
    pub fetch_sessions: FetchSessions,
    /// Its share of the host's turns.
    pub turns: Turns,
    pub connections: AtomicU32,
    producer_ids: Mutex<std::ops::Range<i64>>,
    listening: Mutex<Vec<Listening>>,
    endpoints: RwLock<Arc<Vec<Endpoint>>>,
    /// Brokers that were taken away.
    pub stopped: RwLock<Arc<BTreeSet<i32>>>,
    /// When leaders go back to the first replicas.
    pub balance_ms: AtomicI64,
    is_dirty: AtomicBool,
    /// When the next thorough look is due …
    thorough_ms: AtomicI64,
    /// … when retention is applied …
    retention_ms: AtomicI64,
    /// … and when silent producers are forgotten.
    producer_expiration_ms: AtomicI64,
    /// Checkpoints are written by one at a time.
    housekeeping: Mutex<()>,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
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
        let durability = shared.options.durability;
        let disk = shared.files.disk();
        disk.create_dir_all(&dir).map_err(storage)?;
        if durability == Durability::Power
            && let Some(parent) = dir.parent()
        {
            disk.sync_dir(parent).map_err(storage)?;
        }
        let journal = open_journal(&dir, &shared, &spec.id)?;
        // From here on a crash leaves unclean logs. The marker tells people and Kafka's own tools; recovery
        // does not need it, since it reads what no index vouches for in any case.
        let is_clean = disk.remove_file(&dir.join(CLEAN_SHUTDOWN_FILE)).is_ok();
        if is_clean && durability == Durability::Power {
            // Or it would tell of a journal that was rewritten since.
            disk.sync_dir(&dir).map_err(storage)?;
        }
        tracing::debug!(cluster = %spec.id, is_clean, "opening");
        let stored = Arc::<StoredBytes>::default();
        let topics = Topics::open(&dir, &journal, &shared, &stored, &spec).map_err(storage)?;
        let client_quotas = ClientQuotas::default();
        client_quotas.note_change(&journal);
        let authorizer = Authorizer::new(&journal, &spec);
        // Thousands of clusters that start together do not look through everything together.
        let turn = i64::from(crc32c::crc32c(spec.id.as_bytes())) % THOROUGH_INTERVAL_MS;
        let now_ms = shared.now_ms();
        let intervals = shared.options.log_intervals;
        let first_retention_ms = turn.min(intervals.retention_check_ms) + intervals.first_task_ms;
        let cluster = Arc::new_cyclic(|cluster| Self {
            client_quotas,
            attempts: Attempts::default(),
            authorizer,
            fetch_sessions: FetchSessions::default(),
            turns: shared.turns.share(),
            id: spec.id.clone(),
            ingress: TokenBucket::new(spec.limits.ingress_bytes_per_second_max),
            egress: TokenBucket::new(spec.limits.egress_bytes_per_second_max),
            spec: RwLock::new(Arc::new(spec)),
            groups: Groups::new(cluster.clone(), shared.clone()),
            transactions: Transactions::new(cluster.clone()),
            dir,
            shared,
            journal,
            topics,
            counters: Counters::default(),
            users: UserTable::default(),
            stored,
            connections: AtomicU32::new(0),
            producer_ids: Mutex::new(0..0),
            listening: Mutex::new(Vec::new()),
            endpoints: RwLock::new(Arc::default()),
            stopped: RwLock::default(),
            balance_ms: AtomicI64::new(i64::MIN),
            is_dirty: AtomicBool::new(true),
            thorough_ms: AtomicI64::new(now_ms + turn),
            retention_ms: AtomicI64::new(now_ms + first_retention_ms),
            producer_expiration_ms: AtomicI64::new(now_ms + intervals.producer_expiration_check_ms),
            housekeeping: Mutex::new(()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        cluster.groups.restore(&cluster.journal);
        Ok(cluster)
    }

    pub(crate) fn spec(&self) -> Arc<ClusterSpec> {
        self.spec.read().clone()
    }

    /// Starts listening at the addresses of the specification that it does not listen at yet, and stops
    /// at those that are no longer in it or whose broker is stopped. All or nothing.
    pub(crate) fn listen(self: &Arc<Self>) -> Result<(), HostError> {
        let spec = self.spec();
        let mut listening = self.listening.lock();
        let mut next = Vec::new();
        let mut endpoints = Vec::new();
        let stopped = self.stopped.read().clone();
        let live = spec
            .brokers
            .iter()
            .filter(|broker| !stopped.contains(&broker.id));
        for broker in live {
            for wanted in &broker.listeners {
                let known = listening
                    .iter()
                    .find_map(|known| known.adapt(broker.id, wanted));
                let open = match known {
                    Some(known) => known,
                    None => Listening::bind(broker.id, wanted, self.shared.shared_port.as_ref())?,
                };
                endpoints.push(open.endpoint(wanted));
                next.push(open);
            }
        }
        *self.endpoints.write() = Arc::new(endpoints);
        for old in listening.iter() {
            if !next.iter().any(|open| open.is_same(old)) {
                old.close();
            }
        }
        for open in &next {
            if !listening.iter().any(|old| open.is_same(old)) {
                listener::accept(self, open);
            }
        }
        *listening = next;
        Ok(())
    }

    /// Brings a running cluster to a new specification.
    pub(crate) async fn adapt(self: &Arc<Self>, spec: ClusterSpec) -> Result<(), HostError> {
        let old = self.spec();
        if *old == spec {
            return Ok(());
        }
        *self.spec.write() = Arc::new(spec.clone());
        // Before anybody comes in at a new listener.
        self.authorizer.set_spec(&self.journal, &spec);
        if let Err(error) = self.listen() {
            self.authorizer.set_spec(&self.journal, &old);
            *self.spec.write() = old;
            return Err(error);
        }
        self.ingress
            .set_rate(spec.limits.ingress_bytes_per_second_max);
        self.egress
            .set_rate(spec.limits.egress_bytes_per_second_max);
        let configs_of = |name: &str| {
            self.journal.read(|state| {
                state
                    .topics
                    .get(name)
                    .map(|topic| topic.configs.clone())
                    .unwrap_or_default()
            })
        };
        self.topics.set_defaults(&spec, configs_of);
        if old.brokers.len() != spec.brokers.len() {
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

    /// A producer id that was never given before.
    pub(crate) async fn next_producer_id(&self) -> Result<i64, ErrorCode> {
        if let Some(id) = self.producer_ids.lock().next() {
            return Ok(id);
        }
        let (block, position) = self
            .journal
            .change(|state| {
                let next = state.next_producer_id + PRODUCER_ID_BLOCK;
                Ok::<_, std::io::Error>((
                    vec![Record::ProducerIds { next }],
                    state.next_producer_id..next,
                ))
            })
            .map_err(|_| ErrorCode::KafkaStorageError)?;
        self.journal
            .flush(position)
            .await
            .map_err(|_| ErrorCode::KafkaStorageError)?;
        let mut ids = self.producer_ids.lock();
        if ids.is_empty() {
            *ids = block;
        }
        ids.next().ok_or(ErrorCode::CoordinatorLoadInProgress)
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
        let (topics, partitions) = self.journal.read(|state| {
            (
                state.topics.len() as u32,
                state.partitions_total(count_replicas),
            )
        });
        ClusterObservation {
            is_running: !self.stop.is_cancelled(),
            listeners: listeners.collect(),
            counters: self.counters.values(),
            stored_bytes: self.stored.physical(),
            disk_used_bytes: self.disk_used_bytes(),
            connections: self.connections.load(Ordering::Relaxed),
            topics,
            partitions,
            stopped_brokers: self.stopped.read().iter().copied().collect(),
            groups: self.groups.count(&self.journal) as u32,
        }
    }

    /// Closes listeners and connections and waits until no request is being served.
    pub(crate) async fn halt(&self) {
        self.listening
            .lock()
            .drain(..)
            .for_each(|open| open.close());
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
            .map_err(|source| HostError::Storage {
                path: self.dir.clone(),
                source,
            })
    }

    /// Returns when housekeeping has left the cluster alone for good; blocks. To be called after
    /// [`Cluster::halt`].
    pub(crate) fn wait_for_housekeeping(&self) {
        drop(self.housekeeping.lock());
    }

    fn write_out(&self) -> std::io::Result<()> {
        let _turn = self.housekeeping.lock();
        for partition in self.topics.all_partitions() {
            partition.checkpoint(self.shared.now_ms())?;
        }
        let marker = CleanShutdown {
            version: 0,
            journal_bytes: self.journal.close()?,
        };
        let path = self.dir.join(CLEAN_SHUTDOWN_FILE);
        let disk = self.shared.files.disk();
        disk.write_file(&path, &serde_json::to_vec(&marker)?)
            .map(drop)
    }

    /// Vouches for what the journal holds.
    fn vouch(&self, now_ms: i64) {
        if let Err(error) = self.journal.vouch(now_ms) {
            tracing::error!(%error, cluster = %self.id, "the journal cannot be flushed");
        }
    }

    /// Retention, checkpoints and rest for what is idle. Blocks on the disk.
    pub(crate) fn keep_house(&self) {
        let now_ms = self.shared.now_ms();
        let is_due = |next_ms: &AtomicI64| now_ms >= next_ms.load(Ordering::Relaxed);
        let is_thorough = is_due(&self.thorough_ms);
        let is_expiring = is_due(&self.retention_ms);
        let was_used = self.is_dirty.swap(false, Ordering::Relaxed);
        let is_vouched = !self.journal.wants_vouching(now_ms);
        if !was_used && !is_thorough && !is_expiring && is_vouched {
            return;
        }
        let _turn = self.housekeeping.lock();
        if self.stop.is_cancelled() {
            return;
        }
        if !is_vouched {
            self.vouch(now_ms);
        }
        if !was_used && !is_thorough && !is_expiring {
            return;
        }
        if is_thorough {
            let interval_ms = match was_used {
                true => THOROUGH_INTERVAL_MS,
                false => IDLE_THOROUGH_INTERVAL_MS,
            };
            self.thorough_ms
                .store(now_ms + interval_ms, Ordering::Relaxed);
            self.forget_expired(now_ms);
            self.balance_leaders(now_ms);
        }
        // As the bought disk fills, what need not be kept goes at once.
        if is_expiring || self.is_disk_scarce() {
            let interval_ms = self.shared.options.log_intervals.retention_check_ms;
            self.retention_ms
                .store(now_ms + interval_ms, Ordering::Relaxed);
            self.topics.rouse_expired(now_ms);
            self.topics.expire(now_ms);
        }
        if is_due(&self.producer_expiration_ms) {
            let intervals = self.shared.options.log_intervals;
            self.producer_expiration_ms.store(
                now_ms + intervals.producer_expiration_check_ms,
                Ordering::Relaxed,
            );
            let before_ms = now_ms - intervals.producer_expiration_ms;
            self.topics.expire_producers(before_ms);
        }
        self.groups.keep_house(&self.journal);
        self.trim_disk();
        if self.topics.keep_house(now_ms) {
            self.is_dirty.store(true, Ordering::Relaxed);
        }
    }

    /// Forgets transactional ids and offsets that nobody has used for long.
    fn forget_expired(&self, now_ms: i64) {
        let transactions_before_ms = now_ms - transaction::EXPIRATION_MS;
        let offsets_before_ms = now_ms - OFFSETS_RETENTION_MS;
        let written = self.journal.change(|state| {
            let mut records = state.expired_transactions(transactions_before_ms);
            let idle = state.expired_groups(offsets_before_ms);
            let idle = idle
                .into_iter()
                .filter(|group| !self.groups.has_members(group));
            records.extend(idle.map(|group| Record::GroupGone { group }));
            Ok::<_, std::io::Error>((records, ()))
        });
        if let Err(error) = written {
            tracing::error!(%error, cluster = %self.id, "the journal cannot be written");
        }
    }

    /// Tells housekeeping that something was used.
    pub(crate) fn note_use(&self) {
        if !self.is_dirty.load(Ordering::Relaxed) {
            self.is_dirty.store(true, Ordering::Relaxed);
        }
    }
}

/// What is written down when a cluster is closed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct CleanShutdown {
    version: i32,
    /// Size of the journal, all of it durable.
    #[serde(default)]
    journal_bytes: u64,
}

/// Opens the journal of a cluster, unless it is damaged: then nothing is changed, and people have to look.
fn open_journal(dir: &Path, shared: &Shared, id: &str) -> Result<Journal<ClusterState>, HostError> {
    // What a crash left of the marker itself may be anything.
    let marker = std::fs::read(dir.join(CLEAN_SHUTDOWN_FILE)).unwrap_or_default();
    let marker: CleanShutdown = serde_json::from_slice(&marker).unwrap_or_default();
    let path = dir.join(JOURNAL_FILE);
    let (durability, closed_bytes) = (shared.options.durability, marker.journal_bytes);
    let opened = Journal::open_beside(
        path.clone(),
        &shared.files,
        durability,
        closed_bytes,
        || look_beside(dir),
    );
    opened.map_err(|error| match error {
        JournalError::Io(source) => HostError::Storage {
            path: dir.to_owned(),
            source,
        },
        damage => {
            tracing::error!(
                cluster = %id, file = %path.display(), %damage,
                "the cluster is not started and nothing was changed: restore its directory from a backup, or see \
                 \"Damage\" in docs/operating.md"
            );
            HostError::DamagedJournal {
                id: id.to_owned(),
                reason: damage.to_string(),
            }
        }
    })
}

/// What there is in the directory of a cluster besides its journal.
fn look_beside(dir: &Path) -> std::io::Result<Beside> {
    let mut beside = Beside::default();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == JOURNAL_FILE || name == LOST_AND_FOUND {
            continue;
        }
        beside.has_entries = true;
        beside.has_records |= entry.file_type()?.is_dir() && segments_bytes(&entry.path())? > 0;
    }
    Ok(beside)
}

/// Bytes of the segments in the directory of a partition.
fn segments_bytes(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(dir)? {
        let file = file?;
        let path = file.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            bytes += file.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// Whether a directory is named as that of a partition.
fn is_partition_name(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(topic, index)| {
        !topic.is_empty() && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Clears away directories of partitions that the journal does not know, and returns the sizes of those that it
/// does. Partitions that were deleted, and those without records, are removed. Records are set aside under
/// another name: what is not known may be known to the backup of a journal. All of that is for good when this
/// returns, so that a topic of the same name does not find them. What is no partition is left alone.
pub(crate) fn clear_strays(
    dir: &Path,
    shared: &Shared,
    is_known: impl Fn(&str) -> bool,
) -> std::io::Result<BTreeMap<String, u64>> {
    let disk = shared.files.disk();
    let mut sizes = BTreeMap::new();
    let mut has_strays = false;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let path = entry.path();
        if is_known(&name) {
            sizes.insert(name, segments_bytes(&path)?);
            continue;
        }
        let is_deleted = name.ends_with(DELETED_SUFFIX);
        if !is_deleted && !is_partition_name(&name) {
            continue;
        }
        if is_deleted || segments_bytes(&path)? == 0 {
            disk.remove_dir_all(&path)?;
        } else {
            let kept: String = name.chars().take(KEPT_NAME_CHARS_MAX).collect();
            let aside = dir.join(format!("{kept}.{}{STRAY_SUFFIX}", shared.uuid().simple()));
            tracing::warn!(dir = %path.display(), aside = %aside.display(), "records of a partition that the journal does not know are set aside");
            disk.rename(&path, &aside)?;
        }
        has_strays = true;
    }
    if has_strays {
        disk.sync_dir(dir)?;
    }
    Ok(sizes)
}
