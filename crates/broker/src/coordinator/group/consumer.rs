//! The consumer group protocol (KIP-848): the broker computes a target assignment, and members reconcile with
//! it one by one.
//!
//! A pure state machine. Each change of members, subscriptions or topics raises the group epoch and makes a
//! new target; each heartbeat brings its member nearer to the target: first it revokes partitions that are
//! not in it, then it gets those that no other member owns any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::assignor::{self, Assignor};
use super::pattern::Found;
use super::{GROUP_BYTES_MAX, MEMBER_BYTES_MAX};
use crate::error::ErrorCode;
use crate::metadata::group::{ConsumerGroupRecord, ConsumerGroupState, ConsumerMemberRecord};
use crate::metadata::topic::TopicSizes;

/// Heartbeat interval of members (Kafka's `group.consumer.heartbeat.interval.ms`).
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// A member that is silent this long is removed (Kafka's `group.consumer.session.timeout.ms`).
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
/// Members of one group.
const MEMBERS_MAX: usize = super::classic::MEMBERS_MAX;
/// Different patterns that the members of one group subscribe by; clients of one program have one.
const PATTERNS_MAX: usize = 100;
/// Member epoch of a join.
const EPOCH_JOIN: i32 = 0;
/// Member epoch of a member that leaves.
const EPOCH_LEAVE: i32 = -1;
/// Member epoch of a static member that will come back.
const EPOCH_LEAVE_STATIC: i32 = -2;

/// A partition by topic id.
pub(crate) type Assigned = BTreeSet<(Uuid, i32)>;

/// A heartbeat of a member; `None`: unchanged since the last.
#[derive(Debug, Clone)]
pub(crate) struct HeartbeatRequest {
    pub member_id: String,
    pub member_epoch: i32,
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub rebalance_timeout: Option<Duration>,
    pub topics: Option<BTreeSet<String>>,
    /// A subscription by pattern; empty if there is none.
    pub pattern: Option<String>,
    pub assignor: Option<Assignor>,
    pub owned: Option<Assigned>,
    /// Topics that the member may not describe: its pattern does not match them.
    pub hidden_topics: BTreeSet<String>,
}

impl HeartbeatRequest {
    /// Bytes that the group keeps of it.
    fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let topics = self.topics.iter().flatten();
        // A name takes more than its letters.
        let topics: usize = topics.map(|name| name.len() + size_of::<String>()).sum();
        self.member_id.len()
            + self.client_id.len()
            + self.client_host.len()
            + optional(&self.instance_id)
            + optional(&self.rack_id)
            + optional(&self.pattern)
            + topics
    }
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeartbeatResponse {
    pub member_id: String,
    pub member_epoch: i32,
    /// Partitions that the member may own; `None`: unchanged.
    pub assignment: Option<Assigned>,
}

/// One member.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerMember {
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub epoch: i32,
    previous_epoch: i32,
    pub topics: BTreeSet<String>,
    pub pattern: String,
    hidden_topics: BTreeSet<String>,
    assignor: Option<Assignor>,
    pub assigned: Assigned,
    /// Partitions that the member still owns but has to revoke.
    revoking: Assigned,
    pub target: Assigned,
    rebalance_timeout: Duration,
    session_deadline: Instant,
    revoke_deadline: Option<Instant>,
    /// A static member that left and may come back (epoch -2).
    is_away: bool,
    /// Bytes that the group keeps of its heartbeats.
    bytes: usize,
}

impl ConsumerMember {
    fn record(&self) -> ConsumerMemberRecord {
        ConsumerMemberRecord {
            instance_id: self.instance_id.clone(),
            rack_id: self.rack_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            epoch: self.epoch,
            previous_epoch: self.previous_epoch,
            topics: self.topics.clone(),
            pattern: self.pattern.clone(),
            hidden_topics: self.hidden_topics.clone(),
            assignor: self.assignor.map(|assignor| assignor.name().to_owned()),
            assigned: self.assigned.clone(),
            revoking: self.revoking.clone(),
            target: self.target.clone(),
            rebalance_timeout_ms: self.rebalance_timeout.as_millis() as u64,
            is_away: self.is_away,
        }
    }

    fn restore(record: &ConsumerMemberRecord, now: Instant) -> Self {
        let rebalance_timeout = Duration::from_millis(record.rebalance_timeout_ms);
        Self {
            instance_id: record.instance_id.clone(),
            rack_id: record.rack_id.clone(),
            client_id: record.client_id.clone(),
            client_host: record.client_host.clone(),
            epoch: record.epoch,
            previous_epoch: record.previous_epoch,
            topics: record.topics.clone(),
            // Counted at the next heartbeat.
            bytes: 0,
            pattern: record.pattern.clone(),
            hidden_topics: record.hidden_topics.clone(),
            assignor: record.assignor.as_deref().and_then(Assignor::from_name),
            assigned: record.assigned.clone(),
            revoke_deadline: (!record.revoking.is_empty()).then(|| now + rebalance_timeout),
            revoking: record.revoking.clone(),
            target: record.target.clone(),
            rebalance_timeout,
            session_deadline: now + SESSION_TIMEOUT,
            is_away: record.is_away,
        }
    }

    fn subscribes(&self, topic: &str, id: &Uuid, found: &BTreeMap<String, Found>) -> bool {
        self.topics.contains(topic)
            || (found.get(&self.pattern).is_some_and(|found| found.has(id))
                && !self.hidden_topics.contains(topic))
    }
}

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsumerPhase {
    Empty,
    Reconciling,
    Stable,
}

impl ConsumerPhase {
    /// The name in answers to ConsumerGroupDescribe.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// One group.
#[derive(Debug, Default)]
pub(crate) struct ConsumerGroup {
    /// Raised by every change.
    pub epoch: i32,
    /// The epoch that the target was made for.
    pub assignment_epoch: i32,
    pub members: BTreeMap<String, ConsumerMember>,
    statics: HashMap<String, String>,
    /// The topics that the target was made for.
    sizes: TopicSizes,
    /// All topics when the target was made.
    seen: Weak<TopicSizes>,
    /// Topics that match the patterns of members. A pattern that is not in here is evaluated at the next
    /// heartbeat.
    found: BTreeMap<String, Found>,
    /// Members that may have changed, or gone, since [`ConsumerGroup::take_touched`] was asked.
    touched: BTreeSet<String>,
    /// How long members may be silent, if the group has a setting for it.
    pub session_timeout: Option<Duration>,
}

impl ConsumerGroup {
    fn session_deadline(&self, now: Instant) -> Instant {
        now + self.session_timeout.unwrap_or(SESSION_TIMEOUT)
    }

    /// The group as it was before a restart: its members have a whole session time-out for their next
    /// heartbeat.
    pub(crate) fn restore(state: &ConsumerGroupState, now: Instant) -> Self {
        let static_id = |(id, member): (&String, &ConsumerMemberRecord)| {
            Some((member.instance_id.clone()?, id.clone()))
        };
        let member = |(id, record): (&String, &ConsumerMemberRecord)| {
            (id.clone(), ConsumerMember::restore(record, now))
        };
        Self {
            epoch: state.at.epoch,
            assignment_epoch: state.at.assignment_epoch,
            members: state.members.iter().map(member).collect(),
            statics: state.members.iter().filter_map(static_id).collect(),
            sizes: state.at.topics.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Members that may have changed since the last call, as they are now; `None`: gone.
    pub(crate) fn take_touched(&mut self) -> Vec<(String, Option<ConsumerMemberRecord>)> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        touched
            .map(|id| {
                let record = self.members.get(&id).map(ConsumerMember::record);
                (id, record)
            })
            .collect()
    }

    /// The record of the group without its members.
    pub(crate) fn record(&self) -> ConsumerGroupRecord {
        ConsumerGroupRecord {
            epoch: self.epoch,
            assignment_epoch: self.assignment_epoch,
            topics: self.sizes.clone(),
        }
    }

    pub(crate) fn phase(&self) -> ConsumerPhase {
        if self.members.is_empty() {
            ConsumerPhase::Empty
        } else if self.assignment_epoch == self.epoch
            && self
                .members
                .values()
                .all(|member| member.epoch == self.epoch && member.assigned == member.target)
        {
            ConsumerPhase::Stable
        } else {
            ConsumerPhase::Reconciling
        }
    }

    /// The assignor that most members want; `uniform` if none says.
    pub(crate) fn assignor(&self) -> Assignor {
        let wants_range = self
            .members
            .values()
            .filter(|member| member.assignor == Some(Assignor::Range))
            .count();
        if wants_range * 2 > self.members.len() {
            Assignor::Range
        } else {
            Assignor::Uniform
        }
    }

    /// Whether the member subscribes by a pattern from an earlier heartbeat.
    pub(crate) fn has_pattern(&self, member_id: &str) -> bool {
        let known = self.members.get(member_id);
        known.is_some_and(|member| !member.pattern.is_empty())
    }

    /// Patterns, with a new one of a heartbeat, that were not yet evaluated for these topics.
    pub(crate) fn unevaluated_patterns(
        &self,
        new: Option<&str>,
        topics: &Arc<TopicSizes>,
    ) -> Vec<String> {
        let is_sought = |text: &str| {
            let found = self.found.get(text);
            found.is_some_and(|found| found.is_among(topics))
        };
        let known = self.members.values().map(|member| member.pattern.as_str());
        let known: BTreeSet<&str> = known.filter(|text| new != Some(*text)).collect();
        let all = new.into_iter().chain(known);
        let unevaluated_patterns = all.filter(|text| !text.is_empty() && !is_sought(text));
        unevaluated_patterns
            .take(PATTERNS_MAX)
            .map(str::to_owned)
            .collect()
    }

    /// Stores the topics that match patterns of members; drops patterns that no member has.
    fn store_matches(&mut self, found: BTreeMap<String, Found>) {
        self.found.extend(found);
        let used: BTreeSet<&str> = self
            .members
            .values()
            .map(|member| member.pattern.as_str())
            .collect();
        self.found.retain(|text, _| used.contains(text.as_str()));
    }

    /// Refuses a heartbeat that would make the group too large.
    fn check_room(&self, heartbeat: &HeartbeatRequest) -> Result<(), ErrorCode> {
        if heartbeat.topics.is_none()
            && heartbeat.pattern.is_none()
            && heartbeat.member_epoch != EPOCH_JOIN
        {
            return Ok(());
        }
        let bytes = heartbeat.bytes();
        if bytes > MEMBER_BYTES_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        let others = self
            .members
            .iter()
            .filter(|(id, _)| **id != heartbeat.member_id);
        let others_bytes: usize = others.map(|(_, member)| member.bytes).sum();
        let is_new_pattern = heartbeat
            .pattern
            .as_ref()
            .is_some_and(|text| !text.is_empty() && !self.found.contains_key(text));
        let has_room = others_bytes + bytes <= GROUP_BYTES_MAX
            && (!is_new_pattern || self.found.len() < PATTERNS_MAX);
        match has_room {
            true => Ok(()),
            false => Err(ErrorCode::GroupMaxSizeReached),
        }
    }

    /// ConsumerGroupHeartbeat. `found` is what [`ConsumerGroup::unevaluated_patterns`] asked for.
    pub(crate) fn heartbeat(
        &mut self,
        heartbeat: HeartbeatRequest,
        topics: &Arc<TopicSizes>,
        found: BTreeMap<String, Found>,
        now: Instant,
    ) -> Result<HeartbeatResponse, ErrorCode> {
        match heartbeat.member_epoch {
            EPOCH_LEAVE | EPOCH_LEAVE_STATIC => return self.leave(&heartbeat),
            EPOCH_JOIN => {}
            _ => self.check_heartbeat(&heartbeat)?,
        }
        self.check_room(&heartbeat)?;
        let is_new = heartbeat.member_epoch == EPOCH_JOIN && self.join(&heartbeat, now)?;
        let id = heartbeat.member_id.clone();
        let is_join = heartbeat.member_epoch == EPOCH_JOIN;
        let is_full = is_join
            || (heartbeat.rebalance_timeout.is_some()
                && heartbeat.topics.is_some()
                && heartbeat.owned.is_some());
        self.update(&id, &heartbeat, is_new, now);
        self.store_matches(found);
        self.touched.insert(id.clone());
        self.retarget(topics);
        let owned = if is_join {
            Some(Assigned::new())
        } else {
            heartbeat.owned
        };
        let is_changed = self.reconcile(&id, owned.as_ref(), now);
        let member = self.members.get(&id).ok_or(ErrorCode::UnknownMemberId)?;
        Ok(HeartbeatResponse {
            member_epoch: member.epoch,
            assignment: (is_full || is_changed).then(|| member.assigned.clone()),
            member_id: id,
        })
    }

    /// Adds a member, or a static member that is back. Returns whether it is new.
    fn join(&mut self, heartbeat: &HeartbeatRequest, now: Instant) -> Result<bool, ErrorCode> {
        let former = heartbeat
            .instance_id
            .as_ref()
            .and_then(|instance| self.statics.get(instance))
            .cloned();
        if let Some(former) = former.filter(|former| *former != heartbeat.member_id) {
            let is_away = self
                .members
                .get(&former)
                .is_some_and(|member| member.is_away);
            if !is_away {
                return Err(ErrorCode::UnreleasedInstanceId);
            }
            // The static member is back under a new id and keeps its assignment.
            self.touched.insert(former.clone());
            if let Some(mut member) = self.members.remove(&former) {
                member.is_away = false;
                member.epoch = 0;
                member.previous_epoch = 0;
                member.revoking = Assigned::new();
                self.members.insert(heartbeat.member_id.clone(), member);
            }
        }
        if let Some(instance) = &heartbeat.instance_id {
            self.statics
                .insert(instance.clone(), heartbeat.member_id.clone());
        }
        if let Some(member) = self.members.get_mut(&heartbeat.member_id) {
            // A member that lost its state owns nothing.
            member.epoch = 0;
            member.previous_epoch = 0;
            member.revoking = Assigned::new();
            member.is_away = false;
            return Ok(false);
        }
        if self.members.len() >= MEMBERS_MAX {
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        let member = ConsumerMember {
            instance_id: heartbeat.instance_id.clone(),
            rack_id: heartbeat.rack_id.clone(),
            client_id: heartbeat.client_id.clone(),
            client_host: heartbeat.client_host.clone(),
            epoch: 0,
            previous_epoch: 0,
            topics: BTreeSet::new(),
            pattern: String::new(),
            hidden_topics: BTreeSet::new(),
            assignor: None,
            assigned: Assigned::new(),
            revoking: Assigned::new(),
            target: Assigned::new(),
            rebalance_timeout: Duration::from_secs(300),
            session_deadline: self.session_deadline(now),
            revoke_deadline: None,
            is_away: false,
            bytes: 0,
        };
        self.members.insert(heartbeat.member_id.clone(), member);
        Ok(true)
    }

    fn check_heartbeat(&self, heartbeat: &HeartbeatRequest) -> Result<(), ErrorCode> {
        if let Some(instance) = &heartbeat.instance_id {
            match self.statics.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(owner) if *owner != heartbeat.member_id => {
                    return Err(ErrorCode::FencedInstanceId);
                }
                Some(_) => {}
            }
        }
        let member = self
            .members
            .get(&heartbeat.member_id)
            .ok_or(ErrorCode::UnknownMemberId)?;
        // The answer that raised the epoch may have been lost: then the member still owns a part of what it
        // was assigned.
        let is_behind = heartbeat.member_epoch == member.previous_epoch
            && heartbeat
                .owned
                .as_ref()
                .is_none_or(|owned| owned.is_subset(&member.assigned));
        if heartbeat.member_epoch == member.epoch || is_behind {
            Ok(())
        } else {
            Err(ErrorCode::FencedMemberEpoch)
        }
    }

    fn leave(&mut self, heartbeat: &HeartbeatRequest) -> Result<HeartbeatResponse, ErrorCode> {
        let id = match &heartbeat.instance_id {
            Some(instance) => self
                .statics
                .get(instance)
                .cloned()
                .ok_or(ErrorCode::UnknownMemberId)?,
            None => heartbeat.member_id.clone(),
        };
        if id != heartbeat.member_id {
            return Err(ErrorCode::FencedInstanceId);
        }
        let member = self
            .members
            .get_mut(&id)
            .ok_or(ErrorCode::UnknownMemberId)?;
        if heartbeat.member_epoch == EPOCH_LEAVE_STATIC && heartbeat.instance_id.is_some() {
            member.is_away = true;
            self.touched.insert(id.clone());
        } else {
            self.remove(&id);
        }
        Ok(HeartbeatResponse {
            member_id: id,
            member_epoch: heartbeat.member_epoch,
            assignment: None,
        })
    }

    fn remove(&mut self, id: &str) {
        if let Some(member) = self.members.remove(id) {
            self.touched.insert(id.to_owned());
            if let Some(instance) = &member.instance_id {
                self.statics.remove(instance);
            }
            self.epoch += 1;
        }
    }

    fn update(&mut self, id: &str, heartbeat: &HeartbeatRequest, is_new: bool, now: Instant) {
        let session_deadline = self.session_deadline(now);
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.session_deadline = session_deadline;
        member.client_id.clone_from(&heartbeat.client_id);
        member.client_host.clone_from(&heartbeat.client_host);
        if let Some(timeout) = heartbeat.rebalance_timeout {
            member.rebalance_timeout = timeout;
        }
        if heartbeat.rack_id.is_some() {
            member.rack_id.clone_from(&heartbeat.rack_id);
        }
        let mut is_changed = is_new;
        if let Some(topics) = &heartbeat.topics {
            is_changed |= member.topics != *topics;
            member.topics.clone_from(topics);
        }
        if let Some(text) = &heartbeat.pattern {
            is_changed |= member.pattern != *text;
            member.pattern.clone_from(text);
        }
        member.bytes = member.bytes.max(heartbeat.bytes());
        is_changed |= member.hidden_topics != heartbeat.hidden_topics;
        member.hidden_topics.clone_from(&heartbeat.hidden_topics);
        if heartbeat.assignor.is_some() {
            is_changed |= member.assignor != heartbeat.assignor;
            member.assignor = heartbeat.assignor;
        }
        if is_changed {
            self.epoch += 1;
        }
    }

    /// Makes a new target if anything changed.
    fn retarget(&mut self, topics: &Arc<TopicSizes>) {
        let is_seen = std::ptr::eq(self.seen.as_ptr(), Arc::as_ptr(topics));
        if is_seen && self.epoch == self.assignment_epoch {
            return;
        }
        self.seen = Arc::downgrade(topics);
        let (members, found) = (&self.members, &self.found);
        let is_wanted = |name: &String, id: &Uuid| {
            let mut each = members.values();
            each.any(|member| member.subscribes(name, id, found))
        };
        let sizes: TopicSizes = topics
            .iter()
            .filter(|(name, (id, _))| is_wanted(name, id))
            .map(|(name, size)| (name.clone(), *size))
            .collect();
        if sizes != self.sizes {
            self.sizes = sizes;
            // A change by a member has raised the epoch already.
            if self.epoch == self.assignment_epoch {
                self.epoch += 1;
            }
        }
        if self.epoch == self.assignment_epoch {
            return;
        }
        let subscriptions: BTreeMap<String, assignor::Subscription> = self
            .members
            .iter()
            .map(|(id, member)| {
                let topics = self
                    .sizes
                    .iter()
                    .filter(|(name, (id, _))| member.subscribes(name, id, &self.found));
                let topics = topics.map(|(_, size)| *size).collect();
                (
                    id.clone(),
                    assignor::Subscription {
                        topics,
                        current: member.target.clone(),
                    },
                )
            })
            .collect();
        let mut targets = assignor::assign(self.assignor(), &subscriptions);
        for (id, member) in &mut self.members {
            let target = targets.remove(id).unwrap_or_default();
            if member.target != target {
                member.target = target;
                self.touched.insert(id.clone());
            }
        }
        self.assignment_epoch = self.epoch;
    }

    /// Brings one member nearer to its target. Returns whether its assignment has changed.
    fn reconcile(&mut self, id: &str, owned: Option<&Assigned>, now: Instant) -> bool {
        let held_by_others: Assigned = self
            .members
            .iter()
            .filter(|(other, _)| *other != id)
            .flat_map(|(_, member)| {
                member
                    .assigned
                    .iter()
                    .chain(member.revoking.iter())
                    .copied()
            })
            .collect();
        let target_epoch = self.assignment_epoch;
        let Some(member) = self.members.get_mut(id) else {
            return false;
        };
        let before = member.assigned.clone();
        if let Some(owned) = owned {
            member
                .revoking
                .retain(|partition| owned.contains(partition));
        }
        if member.epoch == 0 {
            // A new member owns nothing that it would have to revoke.
            member
                .assigned
                .retain(|partition| member.target.contains(partition));
        } else {
            let surplus: Assigned = member
                .assigned
                .difference(&member.target)
                .copied()
                .collect();
            member
                .assigned
                .retain(|partition| !surplus.contains(partition));
            member.revoking.extend(surplus);
        }
        if !member.revoking.is_empty() {
            let timeout = member.rebalance_timeout;
            member.revoke_deadline.get_or_insert(now + timeout);
            return member.assigned != before;
        }
        member.revoke_deadline = None;
        let free = member.target.difference(&held_by_others).copied();
        member.assigned.extend(free.collect::<Vec<_>>());
        if member.epoch != target_epoch {
            member.previous_epoch = member.epoch;
            member.epoch = target_epoch;
        }
        member.assigned != before
    }

    /// Topics that members read.
    pub(crate) fn subscribed_topics(&self) -> BTreeSet<String> {
        self.sizes.keys().cloned().collect()
    }

    /// Checks who commits or fetches offsets.
    pub(crate) fn check(&self, member_id: &str, member_epoch: i32) -> Result<(), ErrorCode> {
        let member = self
            .members
            .get(member_id)
            .ok_or(ErrorCode::UnknownMemberId)?;
        if member.epoch == member_epoch {
            Ok(())
        } else {
            Err(ErrorCode::StaleMemberEpoch)
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self
            .members
            .values()
            .flat_map(|member| [Some(member.session_deadline), member.revoke_deadline]);
        deadlines.flatten().min()
    }

    /// Removes those who are late.
    pub(crate) fn tick(&mut self, now: Instant) {
        let is_late = |member: &ConsumerMember| {
            member.session_deadline <= now
                || member
                    .revoke_deadline
                    .is_some_and(|deadline| deadline <= now)
        };
        let late: Vec<String> = self
            .members
            .iter()
            .filter(|(_, member)| is_late(member))
            .map(|(id, _)| id.clone())
            .collect();
        late.iter().for_each(|id| self.remove(id));
    }
}

#[cfg(test)]
mod tests;
