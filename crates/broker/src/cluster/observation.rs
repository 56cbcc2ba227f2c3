//! Observations of a cluster, its topics, users and groups.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::cluster::Cluster;
use crate::coordinator::group::RebalanceObservation;
use crate::counters::{CounterValues, TopicCounterValues, UserCounterValues};
use crate::metadata::state::TopicPartition;
use crate::metadata::topic::is_internal;

/// One listener that accepts connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerObservation {
    /// The broker behind it.
    pub broker_id: i32,
    /// Its name, e.g. `PLAINTEXT`.
    pub name: String,
    /// Where it really listens.
    pub local_address: std::net::SocketAddr,
    /// Advertised host.
    pub advertised_host: String,
    /// Advertised port.
    pub advertised_port: u16,
}

/// What is seen of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterObservation {
    /// Whether it accepts connections.
    pub is_running: bool,
    /// The listeners of brokers that run.
    pub listeners: Vec<ListenerObservation>,
    /// Totals since the process started.
    pub counters: CounterValues,
    /// Bytes of segments on disk.
    pub stored_bytes: u64,
    /// Bytes of requests and answers under way that are held in memory.
    pub held_bytes: u64,
    /// How much of [`ClusterLimits::disk_bytes_max`](crate::ClusterLimits) is used up.
    pub disk_used_bytes: u64,
    /// Connections open now.
    pub connections: u32,
    /// Of these, those that came through public listeners.
    pub public_connections: u32,
    /// Brokers that were fenced by [`Host::stop_broker`](crate::Host::stop_broker).
    pub stopped_brokers: Vec<i32>,
    /// Topics.
    pub topics: u32,
    /// Partitions, as the limits count them.
    pub partitions: u64,
    /// Consumer groups.
    pub groups: u32,
}

/// What is seen of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicObservation {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: u32,
    /// Bytes of its segments on disk.
    pub stored_bytes: u64,
    /// What was done with it.
    pub counters: TopicCounterValues,
}

/// What is seen of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserObservation {
    /// Its name; `ANONYMOUS` at listeners without authentication; empty for all users who are counted
    /// together.
    pub name: String,
    /// What it did.
    pub counters: UserCounterValues,
}

/// How far a group is behind in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where the group goes on reading.
    pub committed_offset: i64,
    /// The high watermark.
    pub end_offset: i64,
}

impl PartitionLag {
    /// Offsets that the group has not come to.
    pub fn lag(&self) -> u64 {
        u64::try_from(self.end_offset - self.committed_offset).unwrap_or(0)
    }
}

/// What is seen of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupObservation {
    /// Its id.
    pub group_id: String,
    /// `classic` or `consumer`.
    pub kind: &'static str,
    /// Kafka's name of its state, e.g. `Stable`.
    pub state: &'static str,
    /// Members that it has.
    pub members: u32,
    /// The partitions that it committed offsets of.
    pub partitions: Vec<PartitionLag>,
}

impl GroupObservation {
    /// Lag of the group over all partitions.
    pub fn lag(&self) -> u64 {
        self.partitions.iter().map(PartitionLag::lag).sum()
    }
}

/// How long ago a producer may have produced last that is shown, ms.
const PRODUCER_SILENCE_MS_MAX: i64 = 600_000;

/// Who produces to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerObservation {
    /// Where it is.
    pub address: IpAddr,
    /// When it last produced, milliseconds since 1970.
    pub produced_ms: i64,
}

impl Cluster {
    /// The last rebalances of a group since the cluster was started, the newest first.
    pub(crate) fn observe_rebalances(&self, group: &str) -> Vec<RebalanceObservation> {
        self.groups.rebalances(group)
    }

    /// Who produced to a topic in the last minutes, the latest first; `None`: there is no such topic.
    pub(crate) fn observe_producers(&self, topic: &str) -> Option<Vec<ProducerObservation>> {
        let topic = self
            .topics
            .get(topic)
            .filter(|topic| !is_internal(&topic.name))?;
        let from_ms = self.now_ms() - PRODUCER_SILENCE_MS_MAX;
        let known = topic.producers.get();
        let found = known.map(|known| known.since(from_ms)).unwrap_or_default();
        let producer = |(address, produced_ms)| ProducerObservation {
            address,
            produced_ms,
        };
        Some(found.into_iter().map(producer).collect())
    }

    pub(crate) fn observe_topics(&self) -> Vec<TopicObservation> {
        let all = self.topics.all().into_iter();
        let own = all.filter(|topic| !is_internal(&topic.name));
        let topics = own.map(|topic| {
            let partitions = topic.partitions();
            let counters = topic.counters.get();
            TopicObservation {
                name: topic.name.clone(),
                partitions: partitions.len() as u32,
                stored_bytes: partitions.iter().map(|one| one.stored_bytes()).sum(),
                counters: counters
                    .map(|counters| counters.values())
                    .unwrap_or_default(),
            }
        });
        topics.collect()
    }

    pub(crate) fn observe_users(&self) -> Vec<UserObservation> {
        let users = self.user_counters.values().into_iter();
        users
            .map(|(name, counters)| UserObservation { name, counters })
            .collect()
    }

    pub(crate) fn observe_groups(&self) -> Vec<GroupObservation> {
        // Several groups may read one partition: it is asked once.
        let mut ends: HashMap<TopicPartition, Option<i64>> = HashMap::new();
        let mut end_of = |key: &TopicPartition| -> Option<i64> {
            *ends.entry(key.clone()).or_insert_with(|| {
                let partition = self.topics.get(&key.0)?.partition(key.1)?;
                Some(partition.watermarks().ok()?.high_watermark)
            })
        };
        let groups = self.groups.list().into_iter().map(|group| {
            let committed: Vec<(TopicPartition, i64)> = self.metadata_log.read(|state| {
                let offsets = state.offsets.get(&group.id).into_iter();
                let committed = offsets.flat_map(|offsets| offsets.committed.iter());
                committed
                    .map(|(key, at)| (key.clone(), at.offset))
                    .collect()
            });
            let lags = committed.into_iter().filter_map(|(key, committed_offset)| {
                Some(PartitionLag {
                    end_offset: end_of(&key)?,
                    topic: key.0,
                    partition: key.1,
                    committed_offset,
                })
            });
            GroupObservation {
                partitions: lags.collect(),
                group_id: group.id,
                kind: group.kind,
                state: group.state,
                members: group.members as u32,
            }
        });
        groups.collect()
    }
}
