//! Fencing of brokers, leader election, and which broker coordinates and is controller.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cluster::Cluster;
use crate::error::{ErrorCode, HostError, Unwritten};
use crate::log::partition::Partition;
use crate::metadata::leadership::{Leadership, LiveBrokers, NO_LEADER};
use crate::metadata::state::{ClusterState, MetadataRecord, TopicRecord};
use crate::metadata::topic::Topic;
use crate::metadata::topic_config::TopicSettings;

/// How long after a broker was started preferred leaders are elected (Kafka's
/// `leader.imbalance.check.interval.seconds`, with `auto.leader.rebalance.enable`).
const PREFERRED_ELECTION_INTERVAL_MS: i64 = 300_000;

/// Which leader an election is for (KIP-460).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Election {
    /// The first replica, if it is in sync.
    Preferred,
    /// Any live replica, for partitions without leader.
    Unclean,
}

/// The replicas of a partition on existing brokers: replicas of brokers that a smaller plan removed are
/// placed on the remaining ones.
fn present(replicas: &[i32], brokers: i32) -> Vec<i32> {
    let mut present = Vec::with_capacity(replicas.len());
    for id in replicas.iter().map(|id| id % brokers.max(1)) {
        if !present.contains(&id) {
            present.push(id);
        }
    }
    present
}

fn leadership_of(state: &ClusterState, topic: &TopicRecord, partition: i32) -> Leadership {
    let known = state.leaderships.get(&(topic.id, partition)).copied();
    known.unwrap_or_else(|| {
        let first = topic.replicas(partition).first().copied().unwrap_or(0);
        Leadership {
            leader_id: first,
            leader_epoch: 0,
            last_leader_id: first,
        }
    })
}

impl Cluster {
    fn brokers_count(&self) -> i32 {
        self.spec().brokers.len() as i32
    }

    /// Calls `work` with the live brokers.
    pub(crate) fn with_live_brokers<T>(&self, work: impl FnOnce(LiveBrokers<'_>) -> T) -> T {
        let stopped = self.stopped.read().clone();
        work(LiveBrokers {
            brokers: self.brokers_count(),
            stopped: &stopped,
        })
    }

    /// The broker that coordinates a group or a transactional id: the next one while it is fenced.
    pub(crate) fn coordinator(&self, key: &str) -> i32 {
        self.with_live_brokers(|live| {
            let first = (crc32c::crc32c(key.as_bytes()) % live.brokers as u32) as i32;
            let mut turn = (0..live.brokers).map(|at| (first + at) % live.brokers);
            turn.find(|id| live.has(*id)).unwrap_or(first)
        })
    }

    /// The broker that answers show as the controller.
    pub(crate) fn controller(&self) -> i32 {
        self.with_live_brokers(|live| (0..live.brokers).find(|id| live.has(*id)))
            .unwrap_or(NO_LEADER)
    }

    /// The replicas of a partition, the preferred leader first.
    pub(crate) fn replicas(&self, partition: &Partition) -> Vec<i32> {
        present(&partition.replicas, self.brokers_count())
    }

    /// The in-sync replicas of a partition, in the order of the assignment.
    pub(crate) fn in_sync_replicas(&self, topic: &Topic, partition: &Partition) -> Vec<i32> {
        let (leader_id, leader_epoch) = partition.leader();
        let last_leader_id = match leader_id {
            NO_LEADER => self.metadata_log.read(|state| {
                let known = state.leaderships.get(&(topic.id, partition.index));
                known.map_or(partition.replicas[0], |known| known.last_leader_id)
            }),
            leader_id => leader_id,
        };
        let leadership = Leadership {
            leader_id,
            leader_epoch,
            last_leader_id,
        };
        self.with_live_brokers(|live| leadership.in_sync(&self.replicas(partition), live))
    }

    /// Checked before appending with acks=all. From Kafka 3.7 on `min.insync.replicas` is at most the number
    /// of replicas that the partition has (KAFKA-15583).
    pub(crate) fn has_enough_replicas(&self, partition: &Partition, min_insync: usize) -> bool {
        if min_insync <= 1 {
            return true;
        }
        let is_capped = self.spec().release().is_at_least(3, 7);
        let needed = match is_capped {
            true => min_insync.min(partition.replicas.len()),
            false => min_insync,
        };
        self.in_sync_count(partition) >= needed
    }

    fn in_sync_count(&self, partition: &Partition) -> usize {
        let stopped = self.stopped.read().clone();
        if stopped.is_empty() {
            // Fewer than the replicas only if a plan has fewer brokers.
            return partition.replicas.len().min(self.brokers_count() as usize);
        }
        self.with_live_brokers(|live| {
            let replicas = self.replicas(partition);
            replicas.iter().filter(|id| live.has(**id)).count()
        })
    }

    /// Records of the leaders that change when these brokers are fenced.
    fn elections(&self, state: &ClusterState, stopped: &BTreeSet<i32>) -> Vec<MetadataRecord> {
        let spec = self.spec();
        let live = LiveBrokers {
            brokers: spec.brokers.len() as i32,
            stopped,
        };
        let mut records = Vec::new();
        for topic in state.topics.values() {
            let mut is_unclean = None;
            for partition in 0..topic.partitions {
                let was = leadership_of(state, topic, partition);
                let replicas = present(&topic.replicas(partition), live.brokers);
                let is_unclean = *is_unclean.get_or_insert_with(|| {
                    TopicSettings::new(&topic.configs, &spec).is_unclean_election_enabled
                });
                let at = was.elect(&replicas, live, is_unclean);
                if at != was {
                    records.push(MetadataRecord::Leader {
                        topic: topic.id,
                        partition,
                        at,
                    });
                }
            }
        }
        records
    }

    /// Elects leaders for the brokers that the specification and the metadata log know. To be called when a
    /// cluster was opened or its number of brokers changed.
    pub(crate) fn elect(&self) -> Result<(), HostError> {
        let elected = self.metadata_log.change(|state| {
            let records = self.elections(state, &state.stopped_brokers);
            Ok::<_, Infallible>((records, ()))
        });
        elected.map_err(|refusal| self.unwritten(refusal.into()))?;
        self.apply_leaders(&self.topics.all());
        Ok(())
    }

    /// Sets the leaders of partitions as the metadata log says. It is read under its lock, so that the newest
    /// state wins.
    pub(crate) fn apply_leaders(&self, topics: &[Arc<Topic>]) {
        self.metadata_log.read(|state| {
            *self.stopped.write() = Arc::new(state.stopped_brokers.clone());
            for topic in topics {
                let Some(record) = state.topics.get(&topic.name) else {
                    continue;
                };
                for partition in topic.partitions().iter() {
                    let at = leadership_of(state, record, partition.index);
                    partition.set_leader(at.leader_id, at.leader_epoch);
                }
            }
        });
    }

    /// Fences a broker: others lead its partitions and coordinate its groups. Its listeners and connections
    /// are to be closed then. May be repeated.
    pub(crate) async fn stop_broker(&self, broker_id: i32) -> Result<(), HostError> {
        self.check_broker(broker_id)?;
        self.switch(broker_id, true).await
    }

    /// Lets the listeners of a fenced broker open before it is unfenced. Returns the brokers that were fenced
    /// before, for [`Cluster::set_stopped`] if they cannot be opened.
    pub(crate) fn admit_broker(&self, broker_id: i32) -> Result<Arc<BTreeSet<i32>>, HostError> {
        self.check_broker(broker_id)?;
        let was = self.stopped.read().clone();
        let mut stopped = BTreeSet::clone(&was);
        stopped.remove(&broker_id);
        self.set_stopped(Arc::new(stopped));
        Ok(was)
    }

    /// Fenced brokers.
    pub(crate) fn stopped_brokers(&self) -> Arc<BTreeSet<i32>> {
        self.stopped.read().clone()
    }

    pub(crate) fn set_stopped(&self, stopped: Arc<BTreeSet<i32>>) {
        *self.stopped.write() = stopped;
    }

    /// Unfences a broker that listens: its replicas are in sync at once. Other leaders stay until the next
    /// preferred election, as with Kafka. May be repeated.
    pub(crate) async fn start_broker(&self, broker_id: i32) -> Result<(), HostError> {
        self.schedule.preferred_election_ms.store(
            self.now_ms() + PREFERRED_ELECTION_INTERVAL_MS,
            Ordering::Relaxed,
        );
        self.switch(broker_id, false).await
    }

    async fn switch(&self, broker_id: i32, is_stopped: bool) -> Result<(), HostError> {
        let changed = self.metadata_log.change(|state| {
            let mut stopped = state.stopped_brokers.clone();
            let is_new = match is_stopped {
                true => stopped.insert(broker_id),
                false => stopped.remove(&broker_id),
            };
            if !is_new {
                return Ok((Vec::new(), ()));
            }
            let mut records = vec![MetadataRecord::Broker {
                id: broker_id,
                is_stopped,
            }];
            records.extend(self.elections(state, &stopped));
            Ok::<_, Infallible>((records, ()))
        });
        let ((), position) = changed.map_err(|refusal| self.unwritten(refusal.into()))?;
        self.apply_leaders(&self.topics.all());
        let flushed = self.metadata_log.flush(position).await;
        flushed.map_err(|error| self.unwritten(error))
    }

    fn check_broker(&self, broker_id: i32) -> Result<(), HostError> {
        if (0..self.brokers_count()).contains(&broker_id) {
            return Ok(());
        }
        Err(HostError::BrokerNotFound {
            id: self.id.clone(),
            broker_id,
        })
    }

    fn unwritten(&self, error: Unwritten) -> HostError {
        self.storage_error(error.into())
    }

    /// Elects a leader for one partition, as the ElectLeaders request asks.
    pub(crate) async fn elect_leader(
        &self,
        topic: &Topic,
        partition: i32,
        election: Election,
    ) -> Result<(), ErrorCode> {
        let changed = self.metadata_log.change(|state| {
            let record = state.topics.get(&topic.name);
            let record = record.filter(|record| (0..record.partitions).contains(&partition));
            let record = record.ok_or(ErrorCode::UnknownTopicOrPartition)?;
            let was = leadership_of(state, record, partition);
            let at = self.elect_one(was, record, partition, election)?;
            let record = MetadataRecord::Leader {
                topic: record.id,
                partition,
                at,
            };
            Ok::<_, ErrorCode>((vec![record], ()))
        });
        let ((), position) = changed?;
        if let Some(topic) = self.topics.get(&topic.name) {
            self.apply_leaders(&[topic]);
        }
        Ok(self.metadata_log.flush(position).await?)
    }

    fn elect_one(
        &self,
        was: Leadership,
        record: &TopicRecord,
        partition: i32,
        election: Election,
    ) -> Result<Leadership, ErrorCode> {
        self.with_live_brokers(|live| {
            let replicas = present(&record.replicas(partition), live.brokers);
            let (is_needed, at, failed) = match election {
                Election::Preferred => (
                    was.leader_id != replicas[0],
                    was.elect_preferred(&replicas, live),
                    ErrorCode::PreferredLeaderNotAvailable,
                ),
                Election::Unclean => (
                    was.leader_id == NO_LEADER,
                    was.elect(&replicas, live, true),
                    ErrorCode::EligibleLeadersNotAvailable,
                ),
            };
            match () {
                () if !is_needed => Err(ErrorCode::ElectionNotNeeded),
                () if at == was => Err(failed),
                () => Ok(at),
            }
        })
    }

    /// Preferred election for all partitions, some time after a broker was started.
    pub(crate) fn elect_preferred_leaders(&self, now_ms: i64) {
        if now_ms < self.schedule.preferred_election_ms.load(Ordering::Relaxed) {
            return;
        }
        self.schedule
            .preferred_election_ms
            .store(now_ms + PREFERRED_ELECTION_INTERVAL_MS, Ordering::Relaxed);
        let balanced = self.metadata_log.change(|state| {
            let mut records = Vec::new();
            for topic in state.topics.values() {
                let moved = state
                    .leaderships
                    .range((topic.id, 0)..=(topic.id, i32::MAX));
                for (&(_, partition), was) in moved {
                    let replicas = topic.replicas(partition);
                    let at = self.with_live_brokers(|live| {
                        was.elect_preferred(&present(&replicas, live.brokers), live)
                    });
                    if at != *was {
                        records.push(MetadataRecord::Leader {
                            topic: topic.id,
                            partition,
                            at,
                        });
                    }
                }
            }
            let is_changed = !records.is_empty();
            Ok::<_, Infallible>((records, is_changed))
        });
        match balanced {
            Ok((true, _)) => self.apply_leaders(&self.topics.all()),
            Ok((false, _)) => {}
            Err(error) => Unwritten::from(error).log(),
        }
    }
}
