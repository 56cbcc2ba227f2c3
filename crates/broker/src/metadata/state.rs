//! The metadata of a cluster: records of its metadata log, and the state that results from applying them in
//! order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::metadata::acl::{Acl, AclSet};
use crate::metadata::credential::{ScramCredential, ScramMechanism, SecretBytes};
use crate::metadata::group::{
    ConsumerGroupRecord, ConsumerGroupState, ConsumerMemberRecord, GroupRecord,
};
use crate::metadata::leadership::{Leadership, LiveBrokers, spread};
use crate::metadata::metadata_log::LoggedState;
use crate::metadata::resource_config::ConfiguredResource;
use crate::metadata::topic::is_internal;

/// A topic as it is kept in the metadata log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TopicRecord {
    pub name: String,
    pub id: Uuid,
    pub partitions: i32,
    pub replication_factor: i16,
    /// Which broker leads partition 0; the others follow in turn.
    pub first_leader: i32,
    /// How many brokers there were when it was made: those it is spread over.
    #[serde(default)]
    pub brokers: i32,
    /// Replicas of each partition where they do not simply follow each other: placed by hand, over racks that
    /// ask for it, or made while a broker was stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<Vec<i32>>,
    pub configs: BTreeMap<String, String>,
    pub created_ms: i64,
}

impl TopicRecord {
    /// The brokers that have a replica of a partition, the preferred leader first.
    pub(crate) fn replicas(&self, partition: i32) -> Vec<i32> {
        let listed = usize::try_from(partition).map(|at| self.assignments.get(at));
        if let Ok(Some(listed)) = listed {
            return listed.clone();
        }
        let live = LiveBrokers {
            brokers: self.brokers.max(1),
            stopped: &BTreeSet::new(),
        };
        let range = partition..partition + 1;
        let factor = self.replication_factor;
        let mut spread = spread(self.first_leader, range, factor, live, |_| None);
        spread.pop().unwrap_or_default()
    }
}

/// An offset that a group committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommittedOffset {
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
    pub committed_ms: i64,
}

/// Topic and partition.
pub(crate) type TopicPartition = (String, i32);

/// Most offsets in one record of the metadata log: a record names its group once, and is decoded as a whole.
const OFFSETS_PER_RECORD_MAX: usize = 1_000;

/// State of a transaction, as in Kafka's transaction coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TransactionStatus {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

impl TransactionStatus {
    /// Every status.
    pub(crate) const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// The name that Kafka's tools show.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }
}

/// No epoch of a producer.
pub(crate) const NO_PRODUCER_EPOCH: i16 = -1;

fn no_producer_epoch() -> i16 {
    NO_PRODUCER_EPOCH
}

/// One transactional id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TransactionRecord {
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// The previous epoch if the producer bumped it itself, so that its retry is accepted (KIP-360);
    /// [`NO_PRODUCER_EPOCH`] if another producer fenced it.
    #[serde(default = "no_producer_epoch")]
    pub last_producer_epoch: i16,
    pub timeout_ms: i32,
    pub status: TransactionStatus,
    pub started_ms: i64,
    pub updated_ms: i64,
    pub partitions: BTreeSet<TopicPartition>,
    /// Groups whose offsets are part of the transaction.
    pub groups: BTreeSet<String>,
}

/// Whom a client quota is for: entity type to name, `None` being the default of that type.
pub(crate) type QuotaEntity = BTreeMap<String, Option<String>>;

/// One offset that a group committed. Records hold many of them now ([`MetadataRecord::Offsets`]); metadata logs of
/// earlier versions have one record each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SingleOffset {
    pub group: String,
    pub topic: String,
    pub partition: i32,
    pub at: CommittedOffset,
}

/// One deleted offset of a group, as [`SingleOffset`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SingleOffsetGone {
    pub group: String,
    pub topic: String,
    pub partition: i32,
}

/// One offset that a group committed in a transaction, as [`SingleOffset`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SinglePendingOffset {
    pub group: String,
    pub producer_id: i64,
    pub topic: String,
    pub partition: i32,
    pub at: CommittedOffset,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t")]
pub(crate) enum MetadataRecord {
    Topic(TopicRecord),
    TopicGone {
        name: String,
    },
    LogStart {
        topic: Uuid,
        partition: i32,
        offset: i64,
    },
    ProducerIds {
        next: i64,
    },
    Offset(SingleOffset),
    /// Offsets that a group committed together.
    Offsets {
        group: String,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    },
    OffsetGone(SingleOffsetGone),
    OffsetsGone {
        group: String,
        partitions: Vec<TopicPartition>,
    },
    /// A group with its offsets and members.
    GroupGone {
        group: String,
    },
    /// A classic group after a rebalance.
    Group {
        group: String,
        at: GroupRecord,
    },
    /// A KIP-848 group after a change of its epochs or topics.
    ConsumerGroup {
        group: String,
        at: ConsumerGroupRecord,
    },
    /// A member of a KIP-848 group; `None`: it is gone.
    ConsumerMember {
        group: String,
        member: String,
        at: Option<Box<ConsumerMemberRecord>>,
    },
    PendingOffset(SinglePendingOffset),
    /// Offsets that a group committed together in a transaction.
    PendingOffsets {
        group: String,
        producer_id: i64,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    },
    PendingEnd {
        group: String,
        producer_id: i64,
        is_committed: bool,
    },
    Transaction {
        id: String,
        at: TransactionRecord,
    },
    TransactionGone {
        id: String,
    },
    /// A broker was stopped or started.
    Broker {
        id: i32,
        is_stopped: bool,
    },
    /// A partition got another leader, or lost it.
    Leader {
        topic: Uuid,
        partition: i32,
        at: Leadership,
    },
    /// All quotas of an entity; none left: it is forgotten.
    Quota {
        entity: QuotaEntity,
        values: BTreeMap<String, f64>,
    },
    /// All settings of a group or of a subscription to metrics; none left: it is forgotten.
    ResourceConfigs {
        resource: ConfiguredResource,
        name: String,
        configs: BTreeMap<String, String>,
    },
    Scram {
        user: String,
        mechanism: ScramMechanism,
        credential: ScramCredential,
    },
    ScramGone {
        user: String,
        mechanism: ScramMechanism,
    },
    /// The secret from which salts of unknown users are derived.
    ImaginarySecret {
        secret: SecretBytes,
    },
    Acl(Acl),
    AclGone(Acl),
    /// A user was made a super user, or is one no more.
    SuperUser {
        user: String,
        is_super: bool,
    },
}

/// Splits entries over as many records as needed, so that each stays small.
fn in_records<T>(all: Vec<T>, record: impl Fn(Vec<T>) -> MetadataRecord) -> Vec<MetadataRecord> {
    let mut records = Vec::with_capacity(all.len().div_ceil(OFFSETS_PER_RECORD_MAX));
    let mut rest = all.into_iter();
    loop {
        let some: Vec<T> = rest.by_ref().take(OFFSETS_PER_RECORD_MAX).collect();
        if some.is_empty() {
            return records;
        }
        records.push(record(some));
    }
}

impl MetadataRecord {
    /// Offsets that a group commits.
    pub(crate) fn offsets(
        group: &str,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    ) -> Vec<Self> {
        in_records(offsets, |offsets| Self::Offsets {
            group: group.to_owned(),
            offsets,
        })
    }

    /// Offsets of a group that are deleted.
    pub(crate) fn offsets_gone(group: &str, partitions: Vec<TopicPartition>) -> Vec<Self> {
        in_records(partitions, |partitions| Self::OffsetsGone {
            group: group.to_owned(),
            partitions,
        })
    }

    /// Offsets that a group commits in a transaction.
    pub(crate) fn pending_offsets(
        group: &str,
        producer_id: i64,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    ) -> Vec<Self> {
        in_records(offsets, |offsets| Self::PendingOffsets {
            group: group.to_owned(),
            producer_id,
            offsets,
        })
    }
}

/// Offsets of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GroupOffsets {
    pub committed: BTreeMap<TopicPartition, CommittedOffset>,
    /// Offsets of transactions that have not ended, by producer id.
    pub pending: BTreeMap<i64, BTreeMap<TopicPartition, CommittedOffset>>,
}

/// All metadata of a cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ClusterState {
    pub topics: BTreeMap<String, TopicRecord>,
    pub log_starts: HashMap<(Uuid, i32), i64>,
    pub next_producer_id: i64,
    pub offsets: BTreeMap<String, GroupOffsets>,
    pub groups: BTreeMap<String, GroupRecord>,
    pub consumer_groups: BTreeMap<String, ConsumerGroupState>,
    pub transactions: BTreeMap<String, TransactionRecord>,
    /// Bytes of all transactional ids.
    pub transactional_id_bytes: usize,
    pub quotas: BTreeMap<QuotaEntity, BTreeMap<String, f64>>,
    /// Settings of groups and of subscriptions to metrics, by name.
    pub resource_configs: BTreeMap<(ConfiguredResource, String), BTreeMap<String, String>>,
    pub stopped_brokers: BTreeSet<i32>,
    /// Leaders of partitions that ever had another leader than their first replica.
    pub leaderships: BTreeMap<(Uuid, i32), Leadership>,
    /// What is kept of passwords, by user and mechanism.
    pub users: BTreeMap<String, BTreeMap<ScramMechanism, ScramCredential>>,
    pub imaginary_secret: Option<SecretBytes>,
    /// Shared with those who ask it; copied when it changes while they do.
    pub acls: Arc<AclSet>,
    /// Names of users who administer the cluster whatever its ACLs say. Shared likewise.
    pub super_users: Arc<BTreeSet<String>>,
}

impl LoggedState for ClusterState {
    type Record = MetadataRecord;

    fn apply(&mut self, record: MetadataRecord) {
        match record {
            MetadataRecord::Topic(topic) => self.set_topic(topic),
            MetadataRecord::TopicGone { name } => self.drop_topic(&name),
            MetadataRecord::LogStart {
                topic,
                partition,
                offset,
            } => self.set_log_start((topic, partition), offset),
            MetadataRecord::ProducerIds { next } => self.next_producer_id = next,
            MetadataRecord::Offset(one) => {
                self.commit_offsets(one.group, [((one.topic, one.partition), one.at)]);
            }
            MetadataRecord::Offsets { group, offsets } => self.commit_offsets(group, offsets),
            MetadataRecord::OffsetGone(one) => {
                self.forget_offsets(&one.group, &[(one.topic, one.partition)]);
            }
            MetadataRecord::OffsetsGone { group, partitions } => {
                self.forget_offsets(&group, &partitions);
            }
            MetadataRecord::GroupGone { group } => self.drop_group(&group),
            MetadataRecord::Group { group, at } => self.set_group(group, at),
            MetadataRecord::ConsumerGroup { group, at } => self.set_consumer_group(group, at),
            MetadataRecord::ConsumerMember { group, member, at } => {
                self.set_consumer_member(group, member, at);
            }
            MetadataRecord::PendingOffset(one) => {
                let offset = ((one.topic, one.partition), one.at);
                self.add_pending_offsets(one.group, one.producer_id, [offset]);
            }
            MetadataRecord::PendingOffsets {
                group,
                producer_id,
                offsets,
            } => self.add_pending_offsets(group, producer_id, offsets),
            MetadataRecord::PendingEnd {
                group,
                producer_id,
                is_committed,
            } => self.end_pending_offsets(group, producer_id, is_committed),
            MetadataRecord::Transaction { id, at } => self.set_transaction(id, at),
            MetadataRecord::TransactionGone { id } => self.drop_transaction(&id),
            MetadataRecord::Broker { id, is_stopped } => self.set_broker_stopped(id, is_stopped),
            MetadataRecord::Leader {
                topic,
                partition,
                at,
            } => self.set_leadership((topic, partition), at),
            MetadataRecord::Quota { entity, values } => self.set_quota(entity, values),
            MetadataRecord::ResourceConfigs {
                resource,
                name,
                configs,
            } => self.set_resource_configs((resource, name), configs),
            MetadataRecord::Scram {
                user,
                mechanism,
                credential,
            } => self.set_credential(user, mechanism, credential),
            MetadataRecord::ScramGone { user, mechanism } => self.drop_credential(user, mechanism),
            MetadataRecord::ImaginarySecret { secret } => self.imaginary_secret = Some(secret),
            MetadataRecord::Acl(acl) => Arc::make_mut(&mut self.acls).insert(acl),
            MetadataRecord::AclGone(acl) => Arc::make_mut(&mut self.acls).remove(&acl),
            MetadataRecord::SuperUser { user, is_super } => self.set_super(user, is_super),
        }
    }

    fn snapshot(&self) -> impl Iterator<Item = MetadataRecord> {
        let next = self.next_producer_id;
        let topics = self.topics.values().cloned().map(MetadataRecord::Topic);
        let log_starts =
            self.log_starts
                .iter()
                .map(|((topic, partition), offset)| MetadataRecord::LogStart {
                    topic: *topic,
                    partition: *partition,
                    offset: *offset,
                });
        let offsets = self.offsets.iter();
        let offsets = offsets.flat_map(|(group, offsets)| snapshot_group(group, offsets));
        let transactions = self.transactions.iter();
        let transactions = transactions.map(|(id, at)| MetadataRecord::Transaction {
            id: id.clone(),
            at: at.clone(),
        });
        let stopped = self.stopped_brokers.iter();
        let stopped = stopped.map(|id| MetadataRecord::Broker {
            id: *id,
            is_stopped: true,
        });
        let leaders =
            self.leaderships
                .iter()
                .map(|((topic, partition), at)| MetadataRecord::Leader {
                    topic: *topic,
                    partition: *partition,
                    at: *at,
                });
        let quotas = self
            .quotas
            .iter()
            .map(|(entity, values)| MetadataRecord::Quota {
                entity: entity.clone(),
                values: values.clone(),
            });
        let configs = self
            .resource_configs
            .iter()
            .map(
                |((resource, name), configs)| MetadataRecord::ResourceConfigs {
                    resource: *resource,
                    name: name.clone(),
                    configs: configs.clone(),
                },
            );
        std::iter::once(MetadataRecord::ProducerIds { next })
            .chain(topics)
            .chain(log_starts)
            .chain(self.snapshot_members())
            .chain(offsets)
            .chain(transactions)
            .chain(stopped)
            .chain(leaders)
            .chain(quotas)
            .chain(configs)
            .chain(self.snapshot_access())
    }

    fn grows(record: &MetadataRecord) -> bool {
        match record {
            MetadataRecord::Topic(_)
            | MetadataRecord::Offset(_)
            | MetadataRecord::Offsets { .. }
            | MetadataRecord::PendingOffset(_)
            | MetadataRecord::PendingOffsets { .. }
            | MetadataRecord::Scram { .. }
            | MetadataRecord::Acl(_) => true,
            MetadataRecord::Group { at, .. } => !at.members.is_empty(),
            MetadataRecord::ConsumerMember { at, .. } => at.is_some(),
            MetadataRecord::Quota { values, .. } => !values.is_empty(),
            MetadataRecord::ResourceConfigs { configs, .. } => !configs.is_empty(),
            // What goes, what is bounded by itself, and what has to go on: transactions end, leaders change.
            _ => false,
        }
    }
}

/// What each record changes.
impl ClusterState {
    fn set_topic(&mut self, topic: TopicRecord) {
        self.topics.insert(topic.name.clone(), topic);
    }

    fn set_log_start(&mut self, partition: (Uuid, i32), offset: i64) {
        self.log_starts.insert(partition, offset);
    }

    fn commit_offsets(
        &mut self,
        group: String,
        offsets: impl IntoIterator<Item = (TopicPartition, CommittedOffset)>,
    ) {
        let known = self.offsets.entry(group).or_default();
        known.committed.extend(offsets);
    }

    fn forget_offsets(&mut self, group: &str, partitions: &[TopicPartition]) {
        if let Some(offsets) = self.offsets.get_mut(group) {
            for partition in partitions {
                offsets.committed.remove(partition);
            }
        }
    }

    fn add_pending_offsets(
        &mut self,
        group: String,
        producer_id: i64,
        offsets: impl IntoIterator<Item = (TopicPartition, CommittedOffset)>,
    ) {
        let pending = &mut self.offsets.entry(group).or_default().pending;
        pending.entry(producer_id).or_default().extend(offsets);
    }

    fn end_pending_offsets(&mut self, group: String, producer_id: i64, is_committed: bool) {
        let offsets = self.offsets.entry(group).or_default();
        let pending = offsets.pending.remove(&producer_id).unwrap_or_default();
        if is_committed {
            offsets.committed.extend(pending);
        }
    }

    fn set_group(&mut self, group: String, at: GroupRecord) {
        self.groups.insert(group, at);
    }

    fn set_consumer_group(&mut self, group: String, at: ConsumerGroupRecord) {
        self.consumer_groups.entry(group).or_default().at = at;
    }

    fn set_consumer_member(
        &mut self,
        group: String,
        member: String,
        at: Option<Box<ConsumerMemberRecord>>,
    ) {
        let members = &mut self.consumer_groups.entry(group).or_default().members;
        match at {
            Some(at) => members.insert(member, *at),
            None => members.remove(&member),
        };
    }

    fn drop_group(&mut self, group: &str) {
        self.offsets.remove(group);
        self.groups.remove(group);
        self.consumer_groups.remove(group);
    }

    fn set_transaction(&mut self, id: String, at: TransactionRecord) {
        let bytes = id.len();
        if self.transactions.insert(id, at).is_none() {
            self.transactional_id_bytes += bytes;
        }
    }

    fn drop_transaction(&mut self, id: &str) {
        if self.transactions.remove(id).is_some() {
            self.transactional_id_bytes -= id.len();
        }
    }

    fn set_broker_stopped(&mut self, id: i32, is_stopped: bool) {
        match is_stopped {
            true => self.stopped_brokers.insert(id),
            false => self.stopped_brokers.remove(&id),
        };
    }

    fn set_leadership(&mut self, partition: (Uuid, i32), at: Leadership) {
        self.leaderships.insert(partition, at);
    }

    fn set_quota(&mut self, entity: QuotaEntity, values: BTreeMap<String, f64>) {
        match values.is_empty() {
            true => self.quotas.remove(&entity),
            false => self.quotas.insert(entity, values),
        };
    }

    fn set_resource_configs(
        &mut self,
        resource: (ConfiguredResource, String),
        configs: BTreeMap<String, String>,
    ) {
        match configs.is_empty() {
            true => self.resource_configs.remove(&resource),
            false => self.resource_configs.insert(resource, configs),
        };
    }

    fn set_credential(
        &mut self,
        user: String,
        mechanism: ScramMechanism,
        credential: ScramCredential,
    ) {
        let credentials = self.users.entry(user).or_default();
        credentials.insert(mechanism, credential);
    }

    fn drop_credential(&mut self, user: String, mechanism: ScramMechanism) {
        let Some(credentials) = self.users.get_mut(&user) else {
            return;
        };
        credentials.remove(&mechanism);
        if credentials.is_empty() {
            self.users.remove(&user);
            // A user who is created with this name later is a different one.
            self.set_super(user, false);
        }
    }

    fn set_super(&mut self, user: String, is_super: bool) {
        if self.super_users.contains(&user) == is_super {
            return;
        }
        let super_users = Arc::make_mut(&mut self.super_users);
        match is_super {
            true => super_users.insert(user),
            false => super_users.remove(&user),
        };
    }

    fn drop_topic(&mut self, name: &str) {
        let Some(topic) = self.topics.remove(name) else {
            return;
        };
        self.log_starts.retain(|(id, _), _| *id != topic.id);
        self.leaderships.retain(|(id, _), _| *id != topic.id);
        for offsets in self.offsets.values_mut() {
            offsets.committed.retain(|(topic, _), _| topic != name);
            for pending in offsets.pending.values_mut() {
                pending.retain(|(topic, _), _| topic != name);
            }
        }
        for transaction in self.transactions.values_mut() {
            transaction.partitions.retain(|(topic, _)| topic != name);
        }
    }
}

impl ClusterState {
    /// Whether anything is known of the members that a group has or had.
    pub(crate) fn knows_group(&self, group: &str) -> bool {
        self.groups.contains_key(group) || self.consumer_groups.contains_key(group)
    }

    /// Users, and what they may do.
    fn snapshot_access(&self) -> Vec<MetadataRecord> {
        let mut out = Vec::new();
        for (user, credentials) in &self.users {
            let records = credentials
                .iter()
                .map(|(mechanism, credential)| MetadataRecord::Scram {
                    user: user.clone(),
                    mechanism: *mechanism,
                    credential: credential.clone(),
                });
            out.extend(records);
        }
        let secret = self.imaginary_secret.clone();
        out.extend(secret.map(|secret| MetadataRecord::ImaginarySecret { secret }));
        out.extend(self.acls.iter().map(MetadataRecord::Acl));
        out.extend(
            self.super_users
                .iter()
                .map(|user| MetadataRecord::SuperUser {
                    user: user.clone(),
                    is_super: true,
                }),
        );
        out
    }

    fn snapshot_members(&self) -> Vec<MetadataRecord> {
        let classic = self.groups.iter().map(|(group, at)| MetadataRecord::Group {
            group: group.clone(),
            at: at.clone(),
        });
        let mut out: Vec<MetadataRecord> = classic.collect();
        for (group, state) in &self.consumer_groups {
            out.push(MetadataRecord::ConsumerGroup {
                group: group.clone(),
                at: state.at.clone(),
            });
            let member =
                |(member, at): (&String, &ConsumerMemberRecord)| MetadataRecord::ConsumerMember {
                    group: group.clone(),
                    member: member.clone(),
                    at: Some(Box::new(at.clone())),
                };
            out.extend(state.members.iter().map(member));
        }
        out
    }

    /// The topics that clients made.
    fn own_topics(&self) -> impl Iterator<Item = &TopicRecord> {
        let topics = self.topics.values();
        topics.filter(|topic| !is_internal(&topic.name))
    }

    /// Number of topics, without internal ones.
    pub(crate) fn topics_total(&self) -> u64 {
        self.own_topics().count() as u64
    }

    /// Partitions of all topics but internal ones, each counted once, or once for each replica.
    pub(crate) fn partitions_total(&self, count_replicas: bool) -> u64 {
        self.own_topics()
            .map(|topic| {
                let replicas = if count_replicas {
                    i64::from(topic.replication_factor)
                } else {
                    1
                };
                (i64::from(topic.partitions) * replicas) as u64
            })
            .sum()
    }
}

fn snapshot_group(group: &str, offsets: &GroupOffsets) -> Vec<MetadataRecord> {
    let all = |offsets: &BTreeMap<TopicPartition, CommittedOffset>| {
        let each = offsets.iter();
        each.map(|(partition, at)| (partition.clone(), at.clone()))
            .collect()
    };
    let mut out = MetadataRecord::offsets(group, all(&offsets.committed));
    for (producer_id, pending) in &offsets.pending {
        out.extend(MetadataRecord::pending_offsets(
            group,
            *producer_id,
            all(pending),
        ));
    }
    out
}
