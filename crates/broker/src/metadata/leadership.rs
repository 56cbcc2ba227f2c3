//! Leader election: who leads a partition, and which replicas are in sync, while brokers stop and start.
//!
//! There is one physical copy of a partition, so a replica is in sync as long as its broker runs, and it
//! has caught up the moment that the broker is back. The rules are those of Kafka's controller: the first
//! live replica in sync becomes leader; the last one that was in sync stays the only one that may lead
//! again, unless `unclean.leader.election.enable` says otherwise; each change of leader, also to none,
//! makes a new leader epoch.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Leader id of a partition without a leader.
pub(crate) const NO_LEADER: i32 = -1;

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leadership {
    /// [`NO_LEADER`] while no eligible replica is live.
    pub leader_id: i32,
    /// Counts changes of the leader.
    pub leader_epoch: i32,
    /// The last leader: the only in-sync replica while there is no leader.
    pub last_leader_id: i32,
}

/// The brokers of a cluster that are not fenced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveBrokers<'a> {
    /// Ids count from 0.
    pub brokers: i32,
    pub stopped: &'a BTreeSet<i32>,
}

impl LiveBrokers<'_> {
    pub(crate) fn has(&self, broker_id: i32) -> bool {
        (0..self.brokers).contains(&broker_id) && !self.stopped.contains(&broker_id)
    }

    fn first(&self, replicas: &[i32]) -> Option<i32> {
        replicas.iter().copied().find(|id| self.has(*id))
    }
}

impl Leadership {
    /// How a new partition starts: epoch 0.
    pub(crate) fn initial(replicas: &[i32], live: LiveBrokers<'_>) -> Self {
        let preferred = replicas.first().copied().unwrap_or(NO_LEADER);
        let leader_id = live.first(replicas);
        Self {
            leader_id: leader_id.unwrap_or(NO_LEADER),
            leader_epoch: 0,
            last_leader_id: leader_id.unwrap_or(preferred),
        }
    }

    fn lead_by(self, leader_id: Option<i32>) -> Self {
        Self {
            leader_id: leader_id.unwrap_or(NO_LEADER),
            leader_epoch: self.leader_epoch + 1,
            last_leader_id: leader_id.unwrap_or(self.last_leader_id),
        }
    }

    /// The leader after brokers were stopped or started. `is_unclean`: any live replica may lead if no
    /// in-sync replica is live.
    pub(crate) fn elect(self, replicas: &[i32], live: LiveBrokers<'_>, is_unclean: bool) -> Self {
        let may_stay = |id: i32| replicas.contains(&id) && live.has(id);
        if self.leader_id != NO_LEADER {
            return match may_stay(self.leader_id) {
                true => self,
                false => self.lead_by(live.first(replicas)),
            };
        }
        if may_stay(self.last_leader_id) {
            return self.lead_by(Some(self.last_leader_id));
        }
        match live.first(replicas) {
            Some(other) if is_unclean || !replicas.contains(&self.last_leader_id) => {
                self.lead_by(Some(other))
            }
            _ => self,
        }
    }

    /// Makes the first replica leader, if it is in sync (preferred election).
    pub(crate) fn elect_preferred(self, replicas: &[i32], live: LiveBrokers<'_>) -> Self {
        let preferred = replicas.first().copied().filter(|id| live.has(*id));
        match preferred {
            Some(preferred) if self.leader_id != NO_LEADER && self.leader_id != preferred => {
                self.lead_by(Some(preferred))
            }
            _ => self,
        }
    }

    /// The in-sync replicas, in the order of the assignment.
    pub(crate) fn in_sync(self, replicas: &[i32], live: LiveBrokers<'_>) -> Vec<i32> {
        if self.leader_id == NO_LEADER {
            return vec![self.last_leader_id];
        }
        let in_sync = replicas.iter().copied().filter(|id| live.has(*id));
        in_sync.collect()
    }
}

/// Replica assignment, round-robin from `first_leader`. The replicas of a partition stand in as many racks as they
/// can (KIP-36). Stopped brokers come last, so that they are preferred leader only where no other broker is left.
pub(crate) fn spread<'a>(
    first_leader: i32,
    partitions: Range<i32>,
    replication_factor: i16,
    live: LiveBrokers<'_>,
    rack_of: impl Fn(i32) -> Option<&'a str>,
) -> Vec<Vec<i32>> {
    let (running, stopped): (Vec<i32>, Vec<i32>) = (0..live.brokers).partition(|id| live.has(*id));
    let count = usize::try_from(replication_factor).unwrap_or(1).max(1);
    let place = |partition: i32| {
        let turned = |ids: &[i32]| {
            let first = first_leader
                .wrapping_add(partition)
                .rem_euclid(ids.len().max(1) as i32);
            let (behind, front) = ids.split_at(first as usize);
            front.iter().chain(behind).copied().collect::<Vec<_>>()
        };
        let mut replicas = Vec::with_capacity(count);
        for mut turn in [turned(&running), turned(&stopped)] {
            while replicas.len() < count && !turn.is_empty() {
                let at = in_least_used_rack(&turn, &replicas, &rack_of);
                replicas.push(turn.remove(at));
            }
        }
        replicas
    };
    partitions.map(place).collect()
}

/// Where in `turn` the first broker is in whose rack the fewest of the replicas are.
fn in_least_used_rack<'a>(
    turn: &[i32],
    replicas: &[i32],
    rack_of: &impl Fn(i32) -> Option<&'a str>,
) -> usize {
    let used = |id: i32| {
        let rack = rack_of(id);
        let beside = replicas.iter().filter(|other| rack_of(**other) == rack);
        beside.count()
    };
    let places = turn.iter().enumerate();
    let least = places.min_by_key(|(_, id)| used(**id));
    least.map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(leader_id: i32, leader_epoch: i32, last_leader_id: i32) -> Leadership {
        Leadership {
            leader_id,
            leader_epoch,
            last_leader_id,
        }
    }

    #[test]
    fn leaders_move_to_the_next_replica_and_the_last_one_alone_may_come_back() {
        let check = |was: Leadership, stopped: &[i32], is_unclean, expected: Leadership| {
            let stopped = stopped.iter().copied().collect();
            let live = LiveBrokers {
                brokers: 3,
                stopped: &stopped,
            };
            assert_eq!(was.elect(&[1, 2], live, is_unclean), expected, "{was:?}");
        };
        check(at(1, 0, 1), &[], false, at(1, 0, 1));
        check(at(1, 0, 1), &[0, 2], false, at(1, 0, 1));
        check(at(1, 0, 1), &[1], false, at(2, 1, 2));
        check(at(2, 1, 2), &[], false, at(2, 1, 2));
        check(at(2, 1, 2), &[1, 2], false, at(-1, 2, 2));
        check(at(-1, 2, 2), &[2], false, at(-1, 2, 2));
        check(at(-1, 2, 2), &[2], true, at(1, 3, 1));
        check(at(-1, 2, 2), &[1], false, at(2, 3, 2));
    }

    #[test]
    fn replicas_are_spread_over_all_brokers_and_stopped_ones_come_last() {
        let check = |stopped: &[i32], factor, expected: &[&[i32]]| {
            let stopped = stopped.iter().copied().collect();
            let live = LiveBrokers {
                brokers: 3,
                stopped: &stopped,
            };
            assert_eq!(
                spread(1, 0..expected.len() as i32, factor, live, |_| None),
                expected
            );
        };
        check(&[], 2, &[&[1, 2], &[2, 0], &[0, 1], &[1, 2]]);
        check(&[], 1, &[&[1], &[2], &[0]]);
        check(&[1], 3, &[&[2, 0, 1], &[0, 2, 1], &[2, 0, 1]]);
        check(&[1], 1, &[&[2], &[0], &[2]]);
        check(&[0, 1, 2], 1, &[&[1], &[2]]);
    }

    #[test]
    fn replicas_stand_in_as_many_racks_as_they_can() {
        let check = |racks: &[&'static str], stopped: &[i32], factor, expected: &[&[i32]]| {
            let stopped = stopped.iter().copied().collect();
            let live = LiveBrokers {
                brokers: racks.len() as i32,
                stopped: &stopped,
            };
            let rack_of = |id: i32| Some(racks[id as usize]);
            let spread = spread(0, 0..expected.len() as i32, factor, live, rack_of);
            assert_eq!(spread, expected, "{racks:?} without {stopped:?}");
        };
        check(&["a", "b", "a"], &[], 2, &[&[0, 1], &[1, 2], &[2, 1]]);
        check(
            &["a", "a", "b", "b"],
            &[],
            2,
            &[&[0, 2], &[1, 2], &[2, 0], &[3, 0]],
        );
        check(
            &["a", "a", "b"],
            &[],
            3,
            &[&[0, 2, 1], &[1, 2, 0], &[2, 0, 1]],
        );
        check(&["a", "b", "a"], &[1], 2, &[&[0, 2], &[2, 0]]);
        check(&["a", "a", "a"], &[], 2, &[&[0, 1], &[1, 2], &[2, 0]]);
    }

    proptest! {
        #[test]
        fn whatever_brokers_do_the_leader_is_in_sync_and_epochs_never_go_back(
            first in 0..4i32,
            factor in 1..5i16,
            switches in prop::collection::vec((0..4i32, any::<bool>()), 0..40),
        ) {
            let mut stopped = BTreeSet::new();
            let all = LiveBrokers { brokers: 4, stopped: &BTreeSet::new() };
            let replicas = &spread(first, 0..1, factor, all, |_| None)[0];
            let mut now = Leadership::initial(replicas, all);
            for (broker, is_start) in switches {
                if is_start { stopped.remove(&broker); } else { stopped.insert(broker); }
                let live = LiveBrokers { brokers: 4, stopped: &stopped };
                let next = now.elect(replicas, live, false);
                prop_assert_eq!(next.leader_epoch, now.leader_epoch + i32::from(next.leader_id != now.leader_id));
                let in_sync = next.in_sync(replicas, live);
                prop_assert!(!in_sync.is_empty());
                prop_assert_eq!(next.leader_id == NO_LEADER, !in_sync.iter().all(|id| live.has(*id)));
                prop_assert!(next.leader_id == NO_LEADER || in_sync.contains(&next.leader_id));
                now = next;
            }
            let settled = now.elect(replicas, all, false).elect_preferred(replicas, all);
            prop_assert_eq!(settled.leader_id, replicas[0]);
        }
    }
}
