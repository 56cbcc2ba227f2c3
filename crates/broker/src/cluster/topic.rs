//! Creating, changing and deleting topics: first in the metadata log, then in memory.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::counters;
use crate::error::{ErrorCode, TopicError, Unwritten};
use crate::log::durability::Durability;
use crate::metadata::directory::DELETED_SUFFIX;
use crate::metadata::leadership::{Leadership, LiveBrokers, spread};
use crate::metadata::state::{ClusterState, MetadataRecord, TopicRecord};
use crate::metadata::topic::{INTERNAL_TOPIC_PARTITIONS, Topic, check_topic_name, is_internal};
use crate::metadata::topic_config::{self, TopicSettings};
use crate::spec::TopicSpec;

/// Most partitions that one request may ask for, whatever the limits of the cluster.
const PARTITIONS_PER_TOPIC_MAX: i32 = 100_000;

impl Cluster {
    /// Kafka's rules for manual replica assignments. The first live broker of each list leads.
    pub(crate) fn check_assignments(
        &self,
        assignments: &[Vec<i32>],
        replication_factor: Option<i16>,
    ) -> Result<(), TopicError> {
        let invalid = |message: String| {
            Err(TopicError::new(
                ErrorCode::InvalidReplicaAssignment,
                message,
            ))
        };
        let brokers = self.spec().brokers.len() as i32;
        let wanted = replication_factor.map(|factor| factor as usize);
        let wanted = wanted.unwrap_or_else(|| assignments.first().map_or(0, Vec::len));
        for (partition, replicas) in assignments.iter().enumerate() {
            let distinct: HashSet<i32> = replicas.iter().copied().collect();
            if replicas.is_empty() {
                return invalid(
                    "The manual partition assignment includes an empty replica list.".to_owned(),
                );
            }
            if distinct.len() != replicas.len() {
                return invalid(
                    "The manual partition assignment includes a broker twice.".to_owned(),
                );
            }
            if let Some(unknown) = replicas.iter().find(|id| !(0..brokers).contains(*id)) {
                return invalid(format!(
                    "The manual partition assignment includes broker {unknown}, but no such broker is registered."
                ));
            }
            if replicas.len() != wanted {
                return invalid(format!(
                    "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with previous partitions, which have {wanted} replica(s).",
                    replicas.len()
                ));
            }
            if !self.with_live_brokers(|live| replicas.iter().any(|id| live.has(*id))) {
                return invalid(format!(
                    "All brokers specified in the manual partition assignment for partition {partition} are fenced or in controlled shutdown."
                ));
            }
        }
        Ok(())
    }

    /// Fills in defaults and checks what does not depend on other topics.
    fn resolve(&self, topic: &TopicSpec) -> Result<TopicRecord, TopicError> {
        let spec = self.spec();
        check_topic_name(&topic.name).map_err(|reason| {
            TopicError::new(
                ErrorCode::InvalidTopicException,
                format!("Topic name is invalid: {reason}"),
            )
        })?;
        if is_internal(&topic.name) {
            return Err(TopicError::new(
                ErrorCode::InvalidTopicException,
                "The topic name is reserved.",
            ));
        }
        let partitions = if topic.partitions == -1 {
            spec.defaults.partitions
        } else {
            topic.partitions
        };
        if !(1..=PARTITIONS_PER_TOPIC_MAX).contains(&partitions) {
            return Err(TopicError::new(
                ErrorCode::InvalidPartitions,
                "Number of partitions was set to an invalid non-positive value.",
            ));
        }
        let factor = if topic.replication_factor == -1 {
            spec.defaults.replication_factor
        } else {
            topic.replication_factor
        };
        if factor < 1 {
            return Err(TopicError::new(
                ErrorCode::InvalidReplicationFactor,
                "Replication factor must be larger than 0, or -1 to use the default value.",
            ));
        }
        if usize::try_from(factor).is_ok_and(|factor| factor > spec.brokers.len()) {
            let message = format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached because only {} broker(s) are registered.",
                spec.brokers.len()
            );
            return Err(TopicError::new(
                ErrorCode::InvalidReplicationFactor,
                message,
            ));
        }
        let configs = self.parse_configs(&topic.configs)?;
        Ok(TopicRecord {
            name: topic.name.clone(),
            id: self.shared.process.uuid(),
            partitions,
            replication_factor: factor,
            first_leader: 0,
            brokers: spec.brokers.len() as i32,
            assignments: Vec::new(),
            configs,
            created_ms: self.shared.process.now_ms(),
        })
    }

    /// Reads settings of a topic and checks them, the bought message size among them. Returns them in the form in
    /// which they are kept.
    fn parse_configs(
        &self,
        configs: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, TopicError> {
        let configs = topic_config::parse_overrides(configs, &self.spec())
            .map_err(|reason| TopicError::new(ErrorCode::InvalidConfig, reason))?;
        let limit = i64::from(self.spec().limits.message_bytes_max);
        let asked = configs
            .get("max.message.bytes")
            .and_then(|value| value.parse::<i64>().ok());
        if asked.is_some_and(|asked| asked > limit) {
            let message =
                format!("max.message.bytes exceeds the {limit} bytes that this cluster takes");
            return Err(TopicError::new(ErrorCode::PolicyViolation, message));
        }
        Ok(configs)
    }

    /// The bought numbers of topics and partitions.
    fn check_room(
        &self,
        state: &ClusterState,
        topics: u32,
        partitions: i32,
        factor: i16,
    ) -> Result<(), TopicError> {
        let limits = &self.spec().limits;
        let refuse = |message: String| {
            counters::add(&self.counters.topics_refused, 1);
            Err(TopicError::new(ErrorCode::PolicyViolation, message))
        };
        if state.topics_total() + u64::from(topics) > u64::from(limits.topics_max) {
            return refuse(format!(
                "The cluster has room for {} topics.",
                limits.topics_max
            ));
        }
        let weight = if limits.partitions_count_replicas {
            i64::from(factor)
        } else {
            1
        };
        let wanted = state.partitions_total(limits.partitions_count_replicas)
            + (i64::from(partitions) * weight) as u64;
        if wanted > u64::from(limits.partitions_max) {
            return refuse(format!(
                "The cluster has room for {} partitions; this would make {wanted}.",
                limits.partitions_max
            ));
        }
        Ok(())
    }

    /// Everything that CreateTopics checks, without creating.
    pub(crate) fn check_new_topic(&self, topic: &TopicSpec) -> Result<TopicRecord, TopicError> {
        let record = self.resolve(topic)?;
        self.metadata_log
            .read(|state| self.check_against(state, &record))?;
        Ok(record)
    }

    fn check_against(&self, state: &ClusterState, record: &TopicRecord) -> Result<(), TopicError> {
        if self.topics.is_deleting(&record.name) {
            let message = format!("Topic '{}' is marked for deletion.", record.name);
            return Err(TopicError::new(ErrorCode::TopicAlreadyExists, message));
        }
        if state.topics.contains_key(&record.name) {
            let message = format!("Topic '{}' already exists.", record.name);
            return Err(TopicError::new(ErrorCode::TopicAlreadyExists, message));
        }
        let collides = |name: &String| name.replace('.', "_") == record.name.replace('.', "_");
        if record.name.contains(['.', '_'])
            && let Some(other) = state.topics.keys().find(|name| collides(name))
        {
            let message = format!(
                "Topic '{}' collides with existing topic: {other}",
                record.name
            );
            return Err(TopicError::new(ErrorCode::InvalidTopicException, message));
        }
        self.check_room(state, 1, record.partitions, record.replication_factor)
    }

    /// Creates a topic; it is durable when this returns. `assignments`: the replicas of each partition, if
    /// they were chosen by hand.
    pub(crate) async fn create_topic(
        self: &Arc<Self>,
        topic: TopicSpec,
        assignments: Vec<Vec<i32>>,
    ) -> Result<Arc<Topic>, TopicError> {
        let record = self.resolve(&topic)?;
        let check = |state: &ClusterState, record: &TopicRecord| self.check_against(state, record);
        self.make_topic(record, assignments, check).await
    }

    /// Makes one of the topics in which Apache Kafka keeps offsets and transactions, unless it is there: clients look
    /// for it once they have asked for a coordinator. It has no records, since the metadata log has what would be
    /// in them, and takes none of what was bought.
    pub(crate) async fn ensure_internal_topic(
        self: &Arc<Self>,
        name: &'static str,
    ) -> Result<(), TopicError> {
        if self.topics.get(name).is_some() {
            return Ok(());
        }
        let spec = self.spec();
        let configs = [
            ("cleanup.policy", "compact"),
            ("segment.bytes", "104857600"),
        ];
        let record = TopicRecord {
            name: name.to_owned(),
            id: self.shared.process.uuid(),
            partitions: INTERNAL_TOPIC_PARTITIONS,
            replication_factor: spec.defaults.replication_factor,
            first_leader: 0,
            brokers: spec.brokers.len() as i32,
            assignments: Vec::new(),
            configs: configs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            created_ms: self.shared.process.now_ms(),
        };
        let exists = ErrorCode::TopicAlreadyExists;
        let is_free = |state: &ClusterState, record: &TopicRecord| {
            let is_taken = state.topics.contains_key(&record.name);
            match is_taken || self.topics.is_deleting(&record.name) {
                true => Err(TopicError::from(exists)),
                false => Ok(()),
            }
        };
        match self.make_topic(record, Vec::new(), is_free).await {
            // Another request makes it.
            Err(error) if error.code == exists.code() => Ok(()),
            made => made.map(drop),
        }
    }

    async fn make_topic(
        self: &Arc<Self>,
        mut record: TopicRecord,
        assignments: Vec<Vec<i32>>,
        check: impl FnOnce(&ClusterState, &TopicRecord) -> Result<(), TopicError>,
    ) -> Result<Arc<Topic>, TopicError> {
        let ((), position) = self.metadata_log.change(|state| {
            check(state, &record)?;
            record.first_leader = (state.topics.len() % self.spec().brokers.len()) as i32;
            record.assignments.clone_from(&assignments);
            Ok::<_, TopicError>((self.place(state, &mut record, 0), ()))
        })?;
        let cluster = self.clone();
        // A task of its own: it continues if the client disconnects.
        let taken_up = self.tasks.spawn(async move {
            // The topic can be produced to only afterwards, so that no records exist that the metadata log
            // does not know.
            cluster.metadata_log.flush(position).await?;
            Ok(cluster.apply_topic(record))
        });
        let cancelled =
            |_| Err(Unwritten::from(std::io::Error::other("the creation was cancelled")).into());
        taken_up.await.unwrap_or_else(cancelled)
    }

    /// Applies the current record of a topic, so that it can be produced to.
    fn apply_topic(&self, record: TopicRecord) -> Arc<Topic> {
        let _turn = self.topics.lock_changes();
        let known = self
            .metadata_log
            .read(|state| state.topics.get(&record.name).cloned());
        let record = known.unwrap_or(record);
        let topic = self.topics.add(&record, &self.spec());
        self.apply_leaders(std::slice::from_ref(&topic));
        topic
    }

    /// Assigns replicas to the partitions from `from` on, unless they are assigned manually, and returns the
    /// records of leaders. While all brokers are live, and their racks do not ask for more, assignments are
    /// round-robin and not stored.
    fn place(
        &self,
        state: &ClusterState,
        record: &mut TopicRecord,
        from: i32,
    ) -> Vec<MetadataRecord> {
        let spec = self.spec();
        let live = LiveBrokers {
            brokers: spec.brokers.len() as i32,
            stopped: &state.stopped_brokers,
        };
        let before = (0..from).map(|partition| record.replicas(partition));
        let mut listed: Vec<_> = before.collect();
        listed.extend(record.assignments.iter().skip(listed.len()).cloned());
        let open = listed.len() as i32..record.partitions;
        let (first, factor) = (record.first_leader, record.replication_factor);
        let placed = spread(first, open.clone(), factor, live, |id| spec.rack(id));
        let is_listed = !record.assignments.is_empty();
        if is_listed
            || !open
                .zip(&placed)
                .all(|(at, placed)| record.replicas(at) == *placed)
        {
            listed.extend(placed);
            record.assignments = listed;
        }
        let mut records = vec![MetadataRecord::Topic(record.clone())];
        for partition in from..record.partitions {
            let replicas = record.replicas(partition);
            let at = Leadership::initial(&replicas, live);
            if replicas.first() != Some(&at.leader_id) {
                let topic = record.id;
                records.push(MetadataRecord::Leader {
                    topic,
                    partition,
                    at,
                });
            }
        }
        records
    }

    /// Deletes a topic; its name is free when this returns.
    pub(crate) async fn delete_topic(
        self: &Arc<Self>,
        name: &str,
    ) -> Result<Arc<Topic>, TopicError> {
        let unknown = || TopicError::from(ErrorCode::UnknownTopicOrPartition);
        let topic = self.topics.get(name).ok_or_else(unknown)?;
        let mut is_marked = false;
        let written = self.metadata_log.change(|state| {
            if !state.topics.contains_key(name) {
                return Err(unknown());
            }
            is_marked = self.topics.note_deleting(name);
            let name = name.to_owned();
            Ok((vec![MetadataRecord::TopicGone { name }], ()))
        });
        let ((), position) = written.inspect_err(|_| {
            if is_marked {
                self.topics.note_deleted(name);
            }
        })?;
        self.topics.remove(&topic);
        let partitions = topic.partitions();
        let dirs = partitions.iter().map(|partition| partition.delete());
        let (cluster, name, dirs) = (self.clone(), name.to_owned(), dirs.collect());
        // A task of its own: it continues if the client disconnects.
        let cleared = self.tasks.spawn(async move {
            // Records are removed when the deletion is durable.
            cluster.metadata_log.flush(position).await?;
            cluster.clear_topic(name, dirs).await
        });
        cleared.await.unwrap_or_else(|_| {
            Err(Unwritten::from(std::io::Error::other(
                "the deletion was cancelled",
            )))
        })?;
        Ok(topic)
    }

    /// Renames the directories of a deleted topic, durably, and frees its name; they are removed afterwards.
    async fn clear_topic(
        self: &Arc<Self>,
        name: String,
        dirs: Vec<PathBuf>,
    ) -> Result<(), Unwritten> {
        let cluster = self.clone();
        let renamed = tokio::task::spawn_blocking(move || {
            let disk = cluster.shared.files.disk();
            let mut gone = Vec::new();
            for (index, dir) in dirs.iter().enumerate().filter(|(_, dir)| dir.exists()) {
                let id = cluster.shared.process.uuid().simple();
                let name = format!("{index}.{id}{DELETED_SUFFIX}");
                gone.push(cluster.dir.join(name));
                disk.rename(dir, &gone[gone.len() - 1])?;
            }
            if !gone.is_empty() && cluster.shared.durability == Durability::Power {
                disk.sync_dir(&cluster.dir)?;
            }
            cluster.topics.note_deleted(&name);
            Ok(gone)
        });
        let gone: Vec<PathBuf> = renamed
            .await
            .unwrap_or_else(|_| Err(std::io::Error::other("the deletion was cancelled")))?;
        let disk = self.shared.files.disk().clone();
        // What a crash leaves is removed when the cluster is opened.
        self.tasks.spawn_blocking(move || {
            for dir in gone {
                if let Err(error) = disk.remove_dir_all(&dir) {
                    tracing::warn!(%error, dir = %dir.display(), "cannot remove a deleted partition");
                }
            }
        });
        Ok(())
    }

    /// Adds partitions so that there are `count`, with their replicas if they are placed by hand.
    pub(crate) async fn grow_topic(
        &self,
        name: &str,
        count: i32,
        assignments: Option<&[Vec<i32>]>,
        validate_only: bool,
    ) -> Result<(), TopicError> {
        let decide = |state: &ClusterState| {
            let mut record = state
                .topics
                .get(name)
                .cloned()
                .ok_or_else(|| TopicError::from(ErrorCode::UnknownTopicOrPartition))?;
            if count <= record.partitions || count > PARTITIONS_PER_TOPIC_MAX {
                let message = format!(
                    "The topic {name} currently has {} partition(s); {count} would not be an increase.",
                    record.partitions
                );
                return Err(TopicError::new(ErrorCode::InvalidPartitions, message));
            }
            self.check_room(
                state,
                0,
                count - record.partitions,
                record.replication_factor,
            )?;
            let from = record.partitions;
            record.partitions = count;
            if let Some(assignments) = assignments {
                let added = (count - from) as usize;
                if assignments.len() != added {
                    let message = format!(
                        "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                        assignments.len()
                    );
                    return Err(TopicError::new(
                        ErrorCode::InvalidReplicaAssignment,
                        message,
                    ));
                }
                self.check_assignments(assignments, Some(record.replication_factor))?;
                let before = (0..from).map(|partition| record.replicas(partition));
                record.assignments = before.chain(assignments.iter().cloned()).collect();
            }
            let records = self.place(state, &mut record, from);
            Ok((records, record))
        };
        if validate_only {
            return self.metadata_log.read(decide).map(|_| ());
        }
        let position = {
            let _turn = self.topics.lock_changes();
            let (record, position) = self.metadata_log.change(decide)?;
            if let Some(topic) = self.topics.get(name) {
                self.topics.grow(&topic, &record);
                self.apply_leaders(&[topic]);
            }
            position
        };
        self.topics.note_change();
        self.metadata_log.flush(position).await?;
        Ok(())
    }

    /// Changes the settings of a topic.
    pub(crate) async fn change_configs(
        &self,
        name: &str,
        validate_only: bool,
        change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), TopicError>,
    ) -> Result<(), TopicError> {
        let decide = |state: &ClusterState| {
            let mut record = state
                .topics
                .get(name)
                .cloned()
                .ok_or_else(|| TopicError::from(ErrorCode::UnknownTopicOrPartition))?;
            change(&mut record.configs)?;
            record.configs = self.parse_configs(&record.configs)?;
            Ok(record)
        };
        if validate_only {
            return self.metadata_log.read(decide).map(|_| ());
        }
        let position = {
            let _turn = self.topics.lock_changes();
            let (record, position) = self.metadata_log.change(|state| {
                decide(state).map(|record| (vec![MetadataRecord::Topic(record.clone())], record))
            })?;
            if let Some(topic) = self.topics.get(name) {
                topic.set_settings(TopicSettings::new(&record.configs, &self.spec()));
            }
            position
        };
        self.metadata_log.flush(position).await?;
        Ok(())
    }
}
