//! The topics of a cluster in memory: settings and partitions of those in the metadata log.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock};
use uuid::Uuid;

use crate::counters::{Lazy, Producers, TopicCounters};
use crate::log::partition::{Partition, PartitionContext};
use crate::metadata::directory::clear_strays;
use crate::metadata::metadata_log::MetadataLog;
use crate::metadata::state::{ClusterState, TopicRecord};
use crate::metadata::topic_config::TopicSettings;
use crate::process::Process;
use crate::spec::ClusterSpec;

mod log_tasks;

/// Longest topic name (Kafka: 249, so that partition directories stay below 255).
const TOPIC_NAME_CHARS_MAX: usize = 249;
/// The topics in which Apache Kafka keeps offsets and transactions.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// Partitions of such a topic (Kafka's `offsets.topic.num.partitions`, `transaction.state.log.num.partitions`).
pub(crate) const INTERNAL_TOPIC_PARTITIONS: i32 = 50;

/// Topics with their ids and numbers of partitions, by name.
pub(crate) type TopicSizes = BTreeMap<String, (Uuid, i32)>;

/// A topic that can be produced to and consumed from.
pub(crate) struct Topic {
    pub name: String,
    pub id: Uuid,
    pub replication_factor: i16,
    partitions: RwLock<Arc<Vec<Arc<Partition>>>>,
    settings: RwLock<Arc<TopicSettings>>,
    pub counters: Lazy<TopicCounters>,
    pub producers: Lazy<Producers>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<Arc<Partition>> {
        self.partitions
            .read()
            .get(usize::try_from(index).ok()?)
            .cloned()
    }

    pub(crate) fn partitions(&self) -> Arc<Vec<Arc<Partition>>> {
        self.partitions.read().clone()
    }

    pub(crate) fn settings(&self) -> Arc<TopicSettings> {
        self.settings.read().clone()
    }

    pub(crate) fn set_settings(&self, settings: TopicSettings) {
        *self.settings.write() = Arc::new(settings);
    }
}

#[derive(Default)]
struct Maps {
    by_name: BTreeMap<String, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

/// The topics of one cluster.
pub(crate) struct Topics {
    maps: RwLock<Maps>,
    /// Made anew when asked for after a change.
    sizes: Mutex<Option<Arc<TopicSizes>>>,
    /// Names of topics whose directories are being removed: not yet free.
    deleting: Mutex<HashSet<String>>,
    /// Held while a change of the metadata log is applied to the topics here, so that changes are applied in
    /// order.
    changes: Mutex<()>,
    dir: PathBuf,
    context: PartitionContext,
}

/// What is known of partitions before their logs are opened.
#[derive(Default)]
struct Found {
    /// Offsets below which records were deleted on request.
    starts: HashMap<(Uuid, i32), i64>,
    /// Bytes of segments by directory name.
    sizes: BTreeMap<String, u64>,
}

fn partition_dir_name(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

impl Topics {
    /// Opens the topics of the metadata log; directories of other topics are set aside.
    pub(crate) fn open(
        dir: &Path,
        metadata_log: &MetadataLog<ClusterState>,
        context: PartitionContext,
        process: &Process,
        spec: &ClusterSpec,
    ) -> std::io::Result<Self> {
        let topics = Self {
            maps: RwLock::default(),
            sizes: Mutex::default(),
            deleting: Mutex::default(),
            changes: Mutex::default(),
            dir: dir.to_owned(),
            context,
        };
        let (records, starts) = metadata_log.read(|state| {
            (
                state.topics.values().cloned().collect::<Vec<_>>(),
                state.log_starts.clone(),
            )
        });
        let known: HashSet<String> = records
            .iter()
            .flat_map(|topic| {
                (0..topic.partitions).map(|index| partition_dir_name(&topic.name, index))
            })
            .collect();
        let sizes = clear_strays(dir, topics.context.files.disk(), process, |name| {
            known.contains(name)
        })?;
        let found = Found { starts, sizes };
        for record in &records {
            topics.insert(record, &found, spec);
        }
        Ok(topics)
    }

    fn new_partitions(
        &self,
        record: &TopicRecord,
        from: i32,
        found: &Found,
    ) -> Vec<Arc<Partition>> {
        (from..record.partitions)
            .map(|index| {
                let name = partition_dir_name(&record.name, index);
                let start = found.starts.get(&(record.id, index)).copied().unwrap_or(0);
                let partition =
                    Partition::new(index, self.dir.join(&name), self.context.clone(), start)
                        .with_replicas(record.replicas(index));
                let bytes = found.sizes.get(&name).copied().unwrap_or(0);
                self.context
                    .stored
                    .note(bytes as i64, partition.replicas.len());
                Arc::new(match bytes {
                    0 => partition,
                    bytes => partition.with_data(bytes),
                })
            })
            .collect()
    }

    /// Adds a topic of the metadata log that has nothing on disk yet.
    pub(crate) fn add(&self, record: &TopicRecord, spec: &ClusterSpec) -> Arc<Topic> {
        self.insert(record, &Found::default(), spec)
    }

    /// Makes a topic have as many partitions as its record says.
    pub(crate) fn grow(&self, topic: &Topic, record: &TopicRecord) {
        let mut partitions = topic.partitions.write();
        let from = partitions.len() as i32;
        let mut grown: Vec<_> = partitions.iter().cloned().collect();
        grown.extend(self.new_partitions(record, from, &Found::default()));
        *partitions = Arc::new(grown);
    }

    /// Removes a topic.
    pub(crate) fn remove(&self, topic: &Topic) {
        {
            let mut maps = self.maps.write();
            maps.by_name.remove(&topic.name);
            maps.by_id.remove(&topic.id);
        }
        self.note_change();
    }

    /// Held while a change of the metadata log is applied to the topics here, so that changes are applied in
    /// order.
    pub(crate) fn lock_changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock()
    }

    /// Whether the directories of a topic of this name are being removed.
    pub(crate) fn is_deleting(&self, name: &str) -> bool {
        self.deleting.lock().contains(name)
    }

    /// Reserves a name until its directories are removed. Returns whether it was free.
    pub(crate) fn note_deleting(&self, name: &str) -> bool {
        self.deleting.lock().insert(name.to_owned())
    }

    /// Frees a name.
    pub(crate) fn note_deleted(&self, name: &str) {
        self.deleting.lock().remove(name);
    }

    fn insert(&self, record: &TopicRecord, found: &Found, spec: &ClusterSpec) -> Arc<Topic> {
        let topic = Arc::new(Topic {
            name: record.name.clone(),
            id: record.id,
            replication_factor: record.replication_factor,
            partitions: RwLock::new(Arc::new(self.new_partitions(record, 0, found))),
            settings: RwLock::new(Arc::new(TopicSettings::new(&record.configs, spec))),
            counters: Lazy::default(),
            producers: Lazy::default(),
        });
        let mut maps = self.maps.write();
        maps.by_name.insert(record.name.clone(), topic.clone());
        maps.by_id.insert(record.id, topic.clone());
        drop(maps);
        self.note_change();
        topic
    }

    /// To be called when a topic has grown.
    pub(crate) fn note_change(&self) {
        *self.sizes.lock() = None;
    }

    /// All topics with their ids and numbers of partitions.
    pub(crate) fn sizes(&self) -> Arc<TopicSizes> {
        let mut sizes = self.sizes.lock();
        if let Some(known) = &*sizes {
            return known.clone();
        }
        let size = |topic: Arc<Topic>| {
            (
                topic.name.clone(),
                (topic.id, topic.partitions().len() as i32),
            )
        };
        let made: Arc<TopicSizes> = Arc::new(self.all().into_iter().map(size).collect());
        *sizes = Some(made.clone());
        made
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.maps.read().by_name.get(name).cloned()
    }

    pub(crate) fn by_id(&self, id: &Uuid) -> Option<Arc<Topic>> {
        self.maps.read().by_id.get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.maps.read().by_name.values().cloned().collect()
    }

    pub(crate) fn all_partitions(&self) -> Vec<Arc<Partition>> {
        self.all()
            .iter()
            .flat_map(|topic| topic.partitions().iter().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Recomputes settings after the specification of the cluster changed.
    pub(crate) fn set_defaults(
        &self,
        spec: &ClusterSpec,
        configs_of: impl Fn(&str) -> BTreeMap<String, String>,
    ) {
        for topic in self.all() {
            topic.set_settings(TopicSettings::new(&configs_of(&topic.name), spec));
        }
    }
}

/// Kafka's rules for topic names.
pub(crate) fn check_topic_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Err("'.' or '..' is not allowed".to_owned());
    }
    if name.len() > TOPIC_NAME_CHARS_MAX {
        return Err(format!(
            "the length of {name:?} is longer than the max allowed length {TOPIC_NAME_CHARS_MAX}"
        ));
    }
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !name.bytes().all(is_legal) {
        return Err(format!(
            "{name:?} contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ));
    }
    Ok(())
}

/// Whether only the broker makes a topic of this name, and nobody writes to it.
pub(crate) fn is_internal(name: &str) -> bool {
    [OFFSETS_TOPIC, TRANSACTIONS_TOPIC].contains(&name)
}
