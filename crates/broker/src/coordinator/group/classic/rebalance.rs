//! When a rebalance begins, and when it goes on: once everybody has joined, or time is up.

use std::time::Duration;

use tokio::time::Instant;

use super::{ClassicGroup, Member, Phase};
use crate::error::ErrorCode;

/// The first rebalance of an empty group: it waits for more members, and anew as long as some come, but no longer
/// than a member may take to rebalance (Kafka's `group.initial.rebalance.delay.ms`, KIP-134).
#[derive(Debug)]
pub(super) struct InitialRebalance {
    /// What is waited for now.
    delay: Duration,
    /// What may be waited for after it.
    remaining: Duration,
    /// Whether a member has come since the wait began.
    has_new_member: bool,
}

impl ClassicGroup {
    /// To be called before a member that is new is waited for.
    pub(super) fn note_new_member(&mut self) {
        if let Some(initial) = &mut self.initial_rebalance {
            initial.has_new_member = true;
        }
    }

    /// Calls everyone to join again.
    pub(super) fn prepare_rebalance(&mut self, now: Instant) {
        for member in self.members.values_mut() {
            if let Some(waiting) = member.sync.take() {
                let _ = waiting.send(Err(ErrorCode::RebalanceInProgress));
                member.deadline = now + member.session_timeout;
            }
        }
        let timeouts = self.members.values().map(|member| member.rebalance_timeout);
        let longest = timeouts.max().unwrap_or_default();
        let delay = self.initial_rebalance_delay;
        let waits_for_more = self.phase == Phase::Empty && !delay.is_zero();
        self.phase = Phase::PreparingRebalance;
        self.rebalance_deadline = Some(now + longest);
        if waits_for_more {
            self.rebalance_deadline = Some(now + delay);
            self.initial_rebalance = Some(InitialRebalance {
                delay,
                remaining: longest.saturating_sub(delay),
                has_new_member: false,
            });
        }
    }

    pub(super) fn complete_if_all_joined(&mut self, now: Instant) {
        let all_joined = self.members.values().all(|member| member.join.is_some());
        let is_waited_for = self.phase == Phase::PreparingRebalance;
        let may_complete = is_waited_for && self.initial_rebalance.is_none();
        if may_complete && all_joined && self.pending.is_empty() {
            self.complete_rebalance(now);
        }
    }

    /// Begins another wait if a member came during the last one and there is time left.
    fn waits_once_more(&mut self, now: Instant) -> bool {
        let Some(initial) = &mut self.initial_rebalance else {
            return false;
        };
        if !initial.has_new_member || initial.remaining.is_zero() {
            return false;
        }
        let delay = self.initial_rebalance_delay.min(initial.remaining);
        initial.remaining = initial.remaining.saturating_sub(initial.delay);
        initial.delay = delay;
        initial.has_new_member = false;
        self.rebalance_deadline = Some(now + delay);
        true
    }

    pub(super) fn rebalance_is_late(&mut self, now: Instant) {
        if self.waits_once_more(now) {
            return;
        }
        self.rebalance_deadline = None;
        match self.phase {
            Phase::PreparingRebalance => {
                let missing =
                    |member: &Member| member.join.is_none() && member.instance_id.is_none();
                self.members.retain(|_, member| !missing(member));
                let anyone_joined = self.members.values().any(|member| member.join.is_some());
                if anyone_joined || self.members.is_empty() {
                    self.complete_rebalance(now);
                } else {
                    // Static members stay until their session times out.
                    self.prepare_rebalance(now);
                }
            }
            Phase::CompletingRebalance | Phase::Stable => {
                let silent: Vec<String> = self
                    .members
                    .iter()
                    .filter(|(_, member)| member.sync.is_none() && member.assignment.is_empty())
                    .filter(|_| self.phase == Phase::CompletingRebalance)
                    .map(|(id, _)| id.clone())
                    .collect();
                for id in silent {
                    self.remove(&id, now);
                }
            }
            Phase::Empty => {}
        }
    }
}
