//! The last rebalances of a group, for those who ask why its consumers stood still. They are not kept over a restart.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::classic::{ClassicGroup, Phase};
use super::consumer::{ConsumerGroup, ConsumerPhase};

/// Rebalances of a group that are remembered; older ones make room.
const REBALANCES_MAX: usize = 16;

/// A rebalance of a group that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebalanceObservation {
    /// The generation or epoch that it led to.
    pub generation: i32,
    /// When it ended, milliseconds since 1970.
    pub ended_ms: i64,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Members afterwards.
    pub members: u32,
    /// Why it was, for people.
    pub reason: &'static str,
}

/// What a rebalance changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Generation or epoch.
    generation: i32,
    members: usize,
    is_rebalancing: bool,
}

impl Snapshot {
    pub(super) fn of(classic: &ClassicGroup, consumer: &ConsumerGroup, is_consumer: bool) -> Self {
        match is_consumer {
            true => Self {
                generation: consumer.epoch,
                members: consumer.members.len(),
                is_rebalancing: !matches!(
                    consumer.phase(),
                    ConsumerPhase::Stable | ConsumerPhase::Empty
                ),
            },
            false => Self {
                generation: classic.generation,
                members: classic.members.len(),
                is_rebalancing: matches!(
                    classic.phase,
                    Phase::PreparingRebalance | Phase::CompletingRebalance
                ),
            },
        }
    }
}

/// A rebalance that is under way.
#[derive(Debug, Clone, Copy)]
struct Begun {
    at: Instant,
    /// Members when it began.
    members: usize,
}

/// The history of one group.
#[derive(Debug, Default)]
pub(super) struct History {
    begun: Option<Begun>,
    ended: VecDeque<RebalanceObservation>,
}

impl History {
    /// Compares a group with what it was before some work on it.
    pub(super) fn note(&mut self, before: Snapshot, after: Snapshot, now: Instant, now_ms: i64) {
        if before == after {
            return;
        }
        if after.is_rebalancing {
            self.begun.get_or_insert(Begun {
                at: now,
                members: before.members,
            });
            return;
        }
        // It ended, or it was over with the same request that began it.
        let begun = self.begun.take();
        if begun.is_none() && before.generation == after.generation {
            return;
        }
        let members_before = begun.map_or(before.members, |begun| begun.members);
        let took = begun.map_or(Duration::ZERO, |begun| {
            now.saturating_duration_since(begun.at)
        });
        let reason = match members_before.cmp(&after.members) {
            std::cmp::Ordering::Less => "a member joined",
            std::cmp::Ordering::Greater => "a member left",
            std::cmp::Ordering::Equal => "subscriptions or partitions changed",
        };
        if self.ended.len() == REBALANCES_MAX {
            self.ended.pop_back();
        }
        self.ended.push_front(RebalanceObservation {
            generation: after.generation,
            ended_ms: now_ms,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            members: u32::try_from(after.members).unwrap_or(u32::MAX),
            reason,
        });
    }

    /// The newest first.
    pub(super) fn rebalances(&self) -> Vec<RebalanceObservation> {
        self.ended.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rebalance_is_told_once_and_old_ones_make_room() {
        let now = Instant::now();
        let mut history = History::default();
        let at = |generation, members, is_rebalancing| Snapshot {
            generation,
            members,
            is_rebalancing,
        };
        let told = |history: &History| -> Vec<(i32, u64, &'static str)> {
            let rebalances = history.rebalances().into_iter();
            rebalances
                .map(|one| (one.generation, one.took_ms, one.reason))
                .collect()
        };
        let (empty, one) = (at(0, 0, false), at(1, 1, false));
        history.note(empty, at(0, 1, true), now, 10);
        history.note(at(0, 1, true), at(1, 1, true), now, 20);
        assert_eq!(told(&history), []);
        history.note(at(1, 1, true), one, now + Duration::from_millis(30), 40);
        assert_eq!(told(&history), [(1, 30, "a member joined")]);
        // A heartbeat changes nothing.
        history.note(one, one, now, 50);
        history.note(one, at(2, 0, false), now, 60);
        assert_eq!(told(&history)[0], (2, 0, "a member left"));
        for generation in 3..40 {
            history.note(
                at(generation - 1, 1, false),
                at(generation, 1, false),
                now,
                70,
            );
        }
        assert_eq!(told(&history).len(), REBALANCES_MAX);
        assert_eq!(told(&history)[0].0, 39);
    }
}
