//! The classic group protocol: members join, one of them assigns, all of them send heartbeats.
//!
//! A pure state machine: time comes in as an argument, answers go out through one-shot channels.
//! Rules are those of Apache Kafka's group coordinator, with KIP-62 (rebalance time-out), KIP-345
//! (static members), KIP-394 (member id required) and KIP-814 (static leader skips assigning).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::ErrorCode;
use crate::metadata::group::{GroupRecord, MemberRecord, Opaque};

mod protocols;
mod rebalance;
mod size;

use rebalance::InitialRebalance;

/// Members of one group (Kafka's `group.max.size` is unlimited; here a bound on memory).
pub(crate) const MEMBERS_MAX: usize = 5_000;

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl Phase {
    /// The name in answers to DescribeGroups.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// What a member says when it joins.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    pub protocol_type: String,
    pub protocols: Vec<(String, Bytes)>,
    /// Whether a new dynamic member has to join again with the id that it got (KIP-394).
    pub needs_member_id: bool,
    /// Id for a member that has none.
    pub fresh_member_id: String,
    /// Whether the client knows of `skip_assignment` (KIP-814).
    pub can_skip_assignment: bool,
}

/// Answer to a join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joined {
    pub generation: i32,
    pub protocol_type: String,
    pub protocol: String,
    pub leader: String,
    pub member_id: String,
    pub skip_assignment: bool,
    /// For the leader only: id, instance id and metadata of everyone.
    pub members: Vec<(String, Option<String>, Bytes)>,
}

/// Refusal of a join; the member id goes with it when the client has to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinRefusal {
    pub code: ErrorCode,
    pub member_id: String,
}

pub(crate) type JoinAnswer = Result<Joined, JoinRefusal>;

/// Answer to a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synced {
    pub protocol_type: String,
    pub protocol: String,
    pub assignment: Bytes,
}

pub(crate) type SyncAnswer = Result<Synced, ErrorCode>;

/// An answer, or the receiver of a later one.
#[derive(Debug)]
pub(crate) enum Step<T> {
    Ready(T),
    Wait(oneshot::Receiver<T>),
}

/// How a request names a member: its id and, for a static one, its instance id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemberIdentity<'a> {
    pub member_id: &'a str,
    pub instance_id: Option<&'a str>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    pub protocols: Vec<(String, Bytes)>,
    pub assignment: Bytes,
    join: Option<oneshot::Sender<JoinAnswer>>,
    sync: Option<oneshot::Sender<SyncAnswer>>,
    deadline: Instant,
    /// Position in the order of joining; the first becomes leader.
    rank: u64,
}

impl Member {
    fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }
}

/// One group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    pub phase: Phase,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    pub members: BTreeMap<String, Member>,
    statics: HashMap<String, String>,
    /// Ids that were given to new members that have not joined yet, with their expiration.
    pending: HashMap<String, Instant>,
    /// When a rebalance continues without missing members.
    rebalance_deadline: Option<Instant>,
    /// How long an empty group waits for more members than the first.
    pub initial_rebalance_delay: Duration,
    /// While it does.
    initial_rebalance: Option<InitialRebalance>,
    next_rank: u64,
    /// Whether something has to be written since [`ClassicGroup::take_record`] was asked.
    is_changed: bool,
    /// Whether what its members said has changed since [`ClassicGroup::take_resized`] was asked.
    is_resized: bool,
}

impl Default for ClassicGroup {
    fn default() -> Self {
        Self {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: HashMap::new(),
            pending: HashMap::new(),
            rebalance_deadline: None,
            initial_rebalance_delay: Duration::ZERO,
            initial_rebalance: None,
            next_rank: 0,
            is_changed: false,
            is_resized: false,
        }
    }
}

impl ClassicGroup {
    /// The group as it was before a restart: its members have a whole session time-out for their next
    /// heartbeat.
    pub(crate) fn restore(record: &GroupRecord, now: Instant) -> Self {
        let mut group = Self {
            generation: record.generation,
            protocol_type: record.protocol_type.clone(),
            protocol: record.protocol.clone(),
            leader: record.leader.clone(),
            next_rank: record.members.len() as u64,
            ..Self::default()
        };
        let protocol = record.protocol.clone().unwrap_or_default();
        for (member, rank) in record.members.iter().zip(0..) {
            let session_timeout = Duration::from_millis(member.session_timeout_ms);
            if let Some(instance) = &member.instance_id {
                group.statics.insert(instance.clone(), member.id.clone());
            }
            let restored = Member {
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                session_timeout,
                rebalance_timeout: Duration::from_millis(member.rebalance_timeout_ms),
                protocols: vec![(protocol.clone(), member.metadata.0.clone())],
                assignment: member.assignment.0.clone(),
                join: None,
                sync: None,
                deadline: now + session_timeout,
                rank,
            };
            group.members.insert(member.id.clone(), restored);
        }
        if !group.members.is_empty() {
            group.phase = Phase::Stable;
            group.is_resized = true;
        }
        group
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The record to be written, if anything has changed: a rebalance is complete, a static member came back
    /// under another id, or the last member went.
    pub(crate) fn take_record(&mut self, now_ms: i64) -> Option<GroupRecord> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let protocol = self.protocol.clone().unwrap_or_default();
        let mut members: Vec<(&String, &Member)> = self.members.iter().collect();
        members.sort_by_key(|(_, member)| member.rank);
        let record = |(id, member): (&String, &Member)| MemberRecord {
            id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_timeout_ms: member.session_timeout.as_millis() as u64,
            rebalance_timeout_ms: member.rebalance_timeout.as_millis() as u64,
            metadata: Opaque(member.metadata(&protocol)),
            assignment: Opaque(member.assignment.clone()),
        };
        Some(GroupRecord {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: members.into_iter().map(record).collect(),
            emptied_ms: self.members.is_empty().then_some(now_ms),
        })
    }

    fn refuse(code: ErrorCode, member_id: &str) -> Step<JoinAnswer> {
        Step::Ready(Err(JoinRefusal {
            code,
            member_id: member_id.to_owned(),
        }))
    }

    /// JoinGroup.
    pub(crate) fn join(&mut self, join: Join, now: Instant) -> Step<JoinAnswer> {
        if !self.has_room(&join) {
            return Self::refuse(ErrorCode::GroupMaxSizeReached, &join.member_id);
        }
        if !self.supports(&join) {
            return Self::refuse(ErrorCode::InconsistentGroupProtocol, &join.member_id);
        }
        if join.member_id.is_empty() {
            return self.join_unknown(join, now);
        }
        if let Some(instance) = &join.instance_id {
            match self.statics.get(instance) {
                Some(owner) if *owner != join.member_id => {
                    return Self::refuse(ErrorCode::FencedInstanceId, &join.member_id);
                }
                None => return Self::refuse(ErrorCode::UnknownMemberId, &join.member_id),
                Some(_) => {}
            }
        }
        if self.pending.remove(&join.member_id).is_some() {
            let id = join.member_id.clone();
            return self.add_and_rebalance(id, join, now);
        }
        if !self.members.contains_key(&join.member_id) {
            return Self::refuse(ErrorCode::UnknownMemberId, &join.member_id);
        }
        self.rejoin(join, now)
    }

    fn join_unknown(&mut self, join: Join, now: Instant) -> Step<JoinAnswer> {
        let known = join
            .instance_id
            .as_ref()
            .and_then(|instance| self.statics.get(instance))
            .cloned();
        if let Some(old) = known {
            return self.replace_static(&old, join, now);
        }
        if self.members.len() + self.pending.len() >= MEMBERS_MAX {
            return Self::refuse(ErrorCode::GroupMaxSizeReached, "");
        }
        let id = join.fresh_member_id.clone();
        if join.needs_member_id && join.instance_id.is_none() {
            self.pending.insert(id.clone(), now + join.session_timeout);
            return Self::refuse(ErrorCode::MemberIdRequired, &id);
        }
        self.add_and_rebalance(id, join, now)
    }

    /// A static member came back under the same instance id: it replaces its previous member id.
    fn replace_static(&mut self, old: &str, join: Join, now: Instant) -> Step<JoinAnswer> {
        let id = join.fresh_member_id.clone();
        let Some(mut member) = self.members.remove(old) else {
            return Self::refuse(ErrorCode::UnknownMemberId, &join.member_id);
        };
        if let Some(waiting) = member.join.take() {
            let refusal = JoinRefusal {
                code: ErrorCode::FencedInstanceId,
                member_id: old.to_owned(),
            };
            let _ = waiting.send(Err(refusal));
        }
        if let Some(waiting) = member.sync.take() {
            let _ = waiting.send(Err(ErrorCode::FencedInstanceId));
        }
        let chosen = self.protocol.clone().unwrap_or_default();
        let is_unchanged = member.metadata(&chosen) == metadata_of(&join.protocols, &chosen);
        member.protocols = join.protocols.clone();
        member.session_timeout = join.session_timeout;
        member.rebalance_timeout = join.rebalance_timeout;
        member.client_id = join.client_id.clone();
        member.client_host = join.client_host.clone();
        member.deadline = now + join.session_timeout;
        self.is_resized = true;
        self.members.insert(id.clone(), member);
        if let Some(instance) = &join.instance_id {
            self.statics.insert(instance.clone(), id.clone());
        }
        let was_leader = self.leader.as_deref() == Some(old);
        if was_leader {
            self.leader = Some(id.clone());
        }
        if self.phase == Phase::Stable && is_unchanged && self.choose_protocol() == chosen {
            self.is_changed = true;
            return Step::Ready(Ok(self.rejoined(
                &id,
                was_leader,
                old,
                join.can_skip_assignment,
            )));
        }
        self.wait_for_join(&id, now)
    }

    /// The answer to a static member that came back without a rebalance.
    fn rejoined(&self, id: &str, was_leader: bool, old: &str, can_skip: bool) -> Joined {
        let mut joined = self.joined(id, was_leader && can_skip);
        if was_leader && !can_skip {
            // An older client must not assign again: the answer names another leader than itself.
            joined.leader = old.to_owned();
            joined.members = Vec::new();
        }
        joined.skip_assignment = was_leader && can_skip;
        joined
    }

    fn add_and_rebalance(&mut self, id: String, join: Join, now: Instant) -> Step<JoinAnswer> {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        let rank = self.next_rank;
        self.next_rank += 1;
        if let Some(instance) = &join.instance_id {
            self.statics.insert(instance.clone(), id.clone());
        }
        let member = Member {
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: join.protocols,
            assignment: Bytes::new(),
            join: None,
            sync: None,
            deadline: now + join.session_timeout,
            rank,
        };
        self.is_resized = true;
        self.members.insert(id.clone(), member);
        self.leader.get_or_insert_with(|| id.clone());
        self.note_new_member();
        self.wait_for_join(&id, now)
    }

    /// A known member joins again.
    fn rejoin(&mut self, join: Join, now: Instant) -> Step<JoinAnswer> {
        let is_leader = self.leader.as_ref() == Some(&join.member_id);
        self.is_resized = true;
        let Some(member) = self.members.get_mut(&join.member_id) else {
            return Self::refuse(ErrorCode::UnknownMemberId, &join.member_id);
        };
        let is_unchanged = member.protocols == join.protocols;
        member.protocols = join.protocols;
        member.session_timeout = join.session_timeout;
        member.rebalance_timeout = join.rebalance_timeout;
        member.deadline = now + join.session_timeout;
        let is_repeated = match self.phase {
            // The answer may have been lost.
            Phase::CompletingRebalance => is_unchanged,
            // The leader asks for a rebalance by joining; others do when their metadata changed.
            Phase::Stable => is_unchanged && !is_leader,
            Phase::Empty | Phase::PreparingRebalance => false,
        };
        if is_repeated {
            return Step::Ready(Ok(self.joined(&join.member_id, is_leader)));
        }
        self.wait_for_join(&join.member_id, now)
    }

    fn wait_for_join(&mut self, id: &str, now: Instant) -> Step<JoinAnswer> {
        let (sender, receiver) = oneshot::channel();
        if let Some(member) = self.members.get_mut(id) {
            member.join = Some(sender);
        }
        if self.phase != Phase::PreparingRebalance {
            self.prepare_rebalance(now);
        }
        self.complete_if_all_joined(now);
        Step::Wait(receiver)
    }

    fn complete_rebalance(&mut self, now: Instant) {
        self.rebalance_deadline = None;
        self.initial_rebalance = None;
        self.generation += 1;
        if self.members.is_empty() {
            self.become_empty();
            return;
        }
        self.protocol = Some(self.choose_protocol());
        self.phase = Phase::CompletingRebalance;
        let is_leader_here = self
            .leader
            .as_ref()
            .and_then(|leader| self.members.get(leader))
            .is_some_and(|leader| leader.join.is_some());
        if !is_leader_here {
            let next = self
                .members
                .iter()
                .filter(|(_, member)| member.join.is_some());
            self.leader = next
                .min_by_key(|(_, member)| member.rank)
                .map(|(id, _)| id.clone());
        }
        let leader = self.leader.clone().unwrap_or_default();
        let ids: Vec<String> = self.members.keys().cloned().collect();
        let mut longest = Duration::ZERO;
        for id in ids {
            let joined = self.joined(&id, id == leader);
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            member.deadline = now + member.session_timeout;
            member.assignment = Bytes::new();
            longest = longest.max(member.rebalance_timeout);
            if let Some(waiting) = member.join.take() {
                let _ = waiting.send(Ok(joined));
            }
        }
        // Those who do not sync in time are removed.
        self.rebalance_deadline = Some(now + longest);
    }

    fn become_empty(&mut self) {
        self.is_changed = true;
        self.phase = Phase::Empty;
        // The type stays, so that the group is still told from those that only keep offsets.
        self.protocol = None;
        self.leader = None;
        self.rebalance_deadline = None;
    }

    fn joined(&self, id: &str, with_members: bool) -> Joined {
        let protocol = self.protocol.clone().unwrap_or_default();
        let member = |(id, member): (&String, &Member)| {
            (
                id.clone(),
                member.instance_id.clone(),
                member.metadata(&protocol),
            )
        };
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: id.to_owned(),
            skip_assignment: false,
            members: if with_members {
                self.members.iter().map(member).collect()
            } else {
                Vec::new()
            },
            protocol,
        }
    }

    /// Checks that a request comes from a member of this generation.
    pub(crate) fn check(
        &self,
        identity: MemberIdentity<'_>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if let Some(instance) = identity.instance_id {
            match self.statics.get(instance) {
                Some(owner) if owner != identity.member_id => {
                    return Err(ErrorCode::FencedInstanceId);
                }
                None => return Err(ErrorCode::UnknownMemberId),
                Some(_) => {}
            }
        }
        if !self.members.contains_key(identity.member_id) {
            return Err(ErrorCode::UnknownMemberId);
        }
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        Ok(())
    }

    /// SyncGroup.
    pub(crate) fn sync(
        &mut self,
        identity: MemberIdentity<'_>,
        generation: i32,
        protocol: (Option<&str>, Option<&str>),
        assignments: Vec<(String, Bytes)>,
        now: Instant,
    ) -> Step<SyncAnswer> {
        if let Err(code) = self.check(identity, generation) {
            return Step::Ready(Err(code));
        }
        let differs = |said: Option<&str>, known: &Option<String>| {
            said.is_some_and(|said| known.as_deref() != Some(said))
        };
        if differs(protocol.0, &self.protocol_type) || differs(protocol.1, &self.protocol) {
            return Step::Ready(Err(ErrorCode::InconsistentGroupProtocol));
        }
        let is_leader = self.leader.as_deref() == Some(identity.member_id);
        if is_leader && self.is_too_large(&assignments) {
            // As Kafka answers if it cannot write the record of the group.
            return Step::Ready(Err(ErrorCode::UnknownServerError));
        }
        match self.phase {
            Phase::Empty => Step::Ready(Err(ErrorCode::UnknownMemberId)),
            Phase::PreparingRebalance => Step::Ready(Err(ErrorCode::RebalanceInProgress)),
            Phase::Stable => {
                self.touch(identity.member_id, now);
                Step::Ready(Ok(self.synced(identity.member_id)))
            }
            Phase::CompletingRebalance => {
                let (sender, receiver) = oneshot::channel();
                if let Some(member) = self.members.get_mut(identity.member_id) {
                    member.sync = Some(sender);
                }
                if is_leader {
                    self.assign(assignments, now);
                }
                Step::Wait(receiver)
            }
        }
    }

    fn synced(&self, id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            assignment: self
                .members
                .get(id)
                .map(|member| member.assignment.clone())
                .unwrap_or_default(),
        }
    }

    fn assign(&mut self, assignments: Vec<(String, Bytes)>, now: Instant) {
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.phase = Phase::Stable;
        self.is_changed = true;
        self.is_resized = true;
        let ids: Vec<String> = self.members.keys().cloned().collect();
        let mut is_anyone_missing = false;
        for id in ids {
            let synced = self.synced(&id);
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            match member.sync.take() {
                Some(waiting) => {
                    let _ = waiting.send(Ok(synced));
                    member.deadline = now + member.session_timeout;
                }
                None => is_anyone_missing = true,
            }
        }
        if !is_anyone_missing {
            self.rebalance_deadline = None;
        }
    }

    fn touch(&mut self, id: &str, now: Instant) {
        if let Some(member) = self.members.get_mut(id) {
            member.deadline = now + member.session_timeout;
        }
    }

    /// Heartbeat.
    pub(crate) fn heartbeat(
        &mut self,
        identity: MemberIdentity<'_>,
        generation: i32,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        self.check(identity, generation)?;
        self.touch(identity.member_id, now);
        match self.phase {
            Phase::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            Phase::Empty | Phase::CompletingRebalance | Phase::Stable => Ok(()),
        }
    }

    /// OffsetCommit counts as a sign of life.
    pub(crate) fn note_commit(&mut self, member_id: &str, now: Instant) {
        self.touch(member_id, now);
    }

    /// LeaveGroup for one member.
    pub(crate) fn leave(
        &mut self,
        identity: MemberIdentity<'_>,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        let id = match identity.instance_id {
            Some(instance) => match self.statics.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(owner) if !identity.member_id.is_empty() && owner != identity.member_id => {
                    return Err(ErrorCode::FencedInstanceId);
                }
                Some(owner) => owner.clone(),
            },
            None => identity.member_id.to_owned(),
        };
        if self.pending.remove(&id).is_some() {
            self.complete_if_all_joined(now);
            return Ok(());
        }
        if !self.members.contains_key(&id) {
            return Err(ErrorCode::UnknownMemberId);
        }
        self.remove(&id, now);
        Ok(())
    }

    fn remove(&mut self, id: &str, now: Instant) {
        let Some(mut member) = self.members.remove(id) else {
            return;
        };
        self.is_resized = true;
        if let Some(instance) = &member.instance_id {
            self.statics.remove(instance);
        }
        if let Some(waiting) = member.join.take() {
            let refusal = JoinRefusal {
                code: ErrorCode::UnknownMemberId,
                member_id: id.to_owned(),
            };
            let _ = waiting.send(Err(refusal));
        }
        if let Some(waiting) = member.sync.take() {
            let _ = waiting.send(Err(ErrorCode::UnknownMemberId));
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = None;
        }
        match self.phase {
            Phase::Stable | Phase::CompletingRebalance => {
                self.prepare_rebalance(now);
                self.complete_if_all_joined(now);
            }
            Phase::PreparingRebalance => self.complete_if_all_joined(now),
            Phase::Empty => {}
        }
    }

    /// The next deadline of the group.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let sessions = self
            .members
            .values()
            .filter(|member| member.join.is_none() && member.sync.is_none())
            .map(|member| member.deadline);
        sessions
            .chain(self.pending.values().copied())
            .chain(self.rebalance_deadline)
            .min()
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.pending.retain(|_, deadline| *deadline > now);
        let expired: Vec<String> = self
            .members
            .iter()
            .filter(|(_, member)| {
                member.join.is_none() && member.sync.is_none() && member.deadline <= now
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            self.remove(&id, now);
        }
        self.complete_if_all_joined(now);
        if self
            .rebalance_deadline
            .is_some_and(|deadline| deadline <= now)
        {
            self.rebalance_is_late(now);
        }
    }
}

fn metadata_of(protocols: &[(String, Bytes)], protocol: &str) -> Bytes {
    let found = protocols.iter().find(|(name, _)| name == protocol);
    found
        .map(|(_, metadata)| metadata.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
