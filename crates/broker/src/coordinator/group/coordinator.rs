//! The groups with members, their timers, and checks of offset commits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::classic::{ClassicGroup, MemberIdentity, Phase};
use super::consumer::ConsumerGroup;
use super::history::{History, RebalanceObservation, Snapshot};
use crate::counters::{self, Counters};
use crate::error::{ErrorCode, Unwritten};
use crate::metadata::metadata_log::{MetadataLog, Position};
use crate::metadata::state::{ClusterState, MetadataRecord};
use crate::process::Process;

/// Most bytes of all group ids of a cluster.
const GROUP_IDS_BYTES_MAX: usize = 4 << 20;
/// Most bytes of what the members of all classic groups of a cluster said, with their assignments.
const MEMBERS_BYTES_MAX: usize = 8 << 20;

/// One group with the alarm that is set for it.
#[derive(Default)]
pub(crate) struct Group {
    pub classic: ClassicGroup,
    pub consumer: ConsumerGroup,
    /// The protocol of its members; it can change while there are none.
    pub is_consumer: bool,
    /// What its classic members are counted as.
    members_bytes: usize,
    /// The earliest alarm that is set; later ones are not needed.
    alarm: Option<Instant>,
    /// Set when the group was deleted while a request still held it.
    is_gone: bool,
    /// Position of its last change in the metadata log; an error if it could not be written.
    written: Option<Result<Position, ErrorCode>>,
    /// Its last rebalances.
    history: History,
}

/// What a list of groups shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedGroup {
    pub id: String,
    pub protocol_type: String,
    pub state: &'static str,
    /// `classic` or `consumer`.
    pub kind: &'static str,
    /// Members that it has.
    pub members: usize,
}

impl Group {
    /// The group as the metadata log knows it.
    fn restore(
        state: &ClusterState,
        id: &str,
        initial_rebalance_delay: Duration,
        now: Instant,
    ) -> Self {
        let classic = state.groups.get(id);
        let consumer = state.consumer_groups.get(id);
        let mut classic_group = classic.map_or_else(ClassicGroup::default, |record| {
            ClassicGroup::restore(record, now)
        });
        classic_group.initial_rebalance_delay = initial_rebalance_delay;
        Self {
            is_consumer: consumer.is_some_and(|group| !group.members.is_empty())
                || (classic.is_none() && consumer.is_some()),
            classic: classic_group,
            consumer: consumer.map_or_else(ConsumerGroup::default, |state| {
                ConsumerGroup::restore(state, now)
            }),
            ..Self::default()
        }
    }

    /// Records of what has changed since the last call.
    fn take_records(&mut self, id: &str, state: &ClusterState, now_ms: i64) -> Vec<MetadataRecord> {
        let group = || id.to_owned();
        let mut records = Vec::new();
        if let Some(at) = self.classic.take_record(now_ms) {
            records.push(MetadataRecord::Group { group: group(), at });
        }
        let touched = self.consumer.take_touched();
        if touched.is_empty() {
            return records;
        }
        let known = state.consumer_groups.get(id);
        let at = self.consumer.record();
        if known.is_none_or(|known| known.at != at) {
            records.push(MetadataRecord::ConsumerGroup { group: group(), at });
        }
        for (member, at) in touched {
            if known.and_then(|known| known.members.get(&member)) != at.as_ref() {
                records.push(MetadataRecord::ConsumerMember {
                    group: group(),
                    member,
                    at: at.map(Box::new),
                });
            }
        }
        records
    }

    fn is_empty(&self) -> bool {
        self.classic.phase == Phase::Empty && self.consumer.members.is_empty()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.classic
            .next_deadline()
            .into_iter()
            .chain(self.consumer.next_deadline())
            .min()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.classic, &self.consumer, self.is_consumer)
    }

    fn listed(&self, id: String) -> ListedGroup {
        if self.is_consumer {
            let state = self.consumer.phase().name();
            return ListedGroup {
                id,
                protocol_type: "consumer".to_owned(),
                state,
                kind: "consumer",
                members: self.consumer.members.len(),
            };
        }
        let protocol_type = self.classic.protocol_type.clone().unwrap_or_default();
        ListedGroup {
            id,
            protocol_type,
            state: self.classic.phase.name(),
            kind: "classic",
            members: self.classic.members.len(),
        }
    }
}

/// All groups of a cluster.
pub(crate) struct Groups {
    me: Weak<Self>,
    metadata_log: Arc<MetadataLog<ClusterState>>,
    process: Arc<Process>,
    counters: Arc<Counters>,
    /// Groups that there may be.
    count_max: AtomicU32,
    /// How long an empty group waits for more members than the first.
    initial_rebalance_delay: Duration,
    /// Bytes of what the members of all classic groups said.
    members_bytes: AtomicUsize,
    map: Mutex<HashMap<String, Arc<Mutex<Group>>>>,
}

impl Groups {
    /// Restores the groups that had members before a restart, or have had some.
    pub(crate) fn new(
        metadata_log: Arc<MetadataLog<ClusterState>>,
        process: Arc<Process>,
        counters: Arc<Counters>,
        count_max: u32,
        initial_rebalance_delay: Duration,
    ) -> Arc<Self> {
        let groups = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            metadata_log,
            process,
            counters,
            count_max: AtomicU32::new(count_max),
            initial_rebalance_delay,
            members_bytes: AtomicUsize::new(0),
            map: Mutex::new(HashMap::new()),
        });
        groups.restore();
        groups
    }

    /// Changes how many groups there may be.
    pub(crate) fn set_count_max(&self, count_max: u32) {
        self.count_max.store(count_max, Ordering::Relaxed);
    }

    fn restore(&self) {
        let now = Instant::now();
        let groups: Vec<(String, Group)> = self.metadata_log.read(|state| {
            let ids = state.groups.keys().chain(state.consumer_groups.keys());
            let ids: BTreeSet<&String> = ids.collect();
            let delay = self.initial_rebalance_delay;
            let restore = |id: &String| (id.clone(), Group::restore(state, id, delay, now));
            ids.into_iter().map(restore).collect()
        });
        let mut map = self.map.lock();
        for (id, mut group) in groups {
            self.count_members(&mut group);
            self.set_alarm(&id, &mut group);
            map.insert(id, Arc::new(Mutex::new(group)));
        }
    }

    /// Writes down what has changed.
    fn save(&self, id: &str, group: &mut Group) {
        if !group.classic.is_changed() && !group.consumer.is_touched() {
            return;
        }
        let written = self.metadata_log.change(|state| {
            let records = group.take_records(id, state, self.process.now_ms());
            let count = records.len();
            Ok::<_, Infallible>((records, count))
        });
        match written {
            Ok((0, _)) => {}
            Ok((_, position)) => group.written = Some(Ok(position)),
            Err(error) => {
                Unwritten::from(error).log();
                group.written = Some(Err(ErrorCode::CoordinatorNotAvailable));
            }
        }
    }

    /// Returns when the state that members of the group were answered with is as durable as the host
    /// promises.
    ///
    /// # Errors
    /// COORDINATOR_NOT_AVAILABLE if it cannot be made so.
    pub(crate) async fn saved(&self, id: &str) -> Result<(), ErrorCode> {
        // The request that changed the group appends its record before it unlocks the group, so that locking
        // the group here waits for it.
        let written = self.get(id).and_then(|group| group.lock().written);
        let Some(position) = written.transpose()? else {
            return Ok(());
        };
        let flushed = self.metadata_log.flush(position).await;
        flushed.map_err(|_| ErrorCode::CoordinatorNotAvailable)
    }

    fn get(&self, id: &str) -> Option<Arc<Mutex<Group>>> {
        self.map.lock().get(id).cloned()
    }

    /// The group, made if there is room for one more.
    fn get_or_create(&self, id: &str) -> Result<Arc<Mutex<Group>>, ErrorCode> {
        let mut map = self.map.lock();
        if let Some(group) = map.get(id) {
            return Ok(group.clone());
        }
        self.check_room(&map, id)?;
        let now = Instant::now();
        let delay = self.initial_rebalance_delay;
        let group = self
            .metadata_log
            .read(|state| Group::restore(state, id, delay, now));
        let group = Arc::new(Mutex::new(group));
        map.insert(id.to_owned(), group.clone());
        Ok(group)
    }

    fn check_room(
        &self,
        map: &HashMap<String, Arc<Mutex<Group>>>,
        id: &str,
    ) -> Result<(), ErrorCode> {
        let limit = self.count_max.load(Ordering::Relaxed) as usize;
        let is_full = self.metadata_log.read(|state| {
            if state.offsets.contains_key(id) {
                return false;
            }
            let running = map.keys().filter(|id| !state.offsets.contains_key(*id));
            let all = state.offsets.keys().chain(running);
            let count = |(count, bytes): (usize, usize), id: &String| (count + 1, bytes + id.len());
            let (count, bytes) = all.fold((0, 0), count);
            count >= limit || bytes + id.len() > GROUP_IDS_BYTES_MAX
        });
        if is_full {
            counters::add(&self.counters.groups_refused, 1);
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// Number of groups with members or offsets.
    pub(crate) fn count(&self) -> usize {
        let map = self.map.lock();
        self.metadata_log.read(|state| {
            state.offsets.len()
                + map
                    .keys()
                    .filter(|known| !state.offsets.contains_key(*known))
                    .count()
        })
    }

    /// Calls `work` with a group and updates its alarm.
    fn with<T>(
        &self,
        id: &str,
        group: &Arc<Mutex<Group>>,
        work: impl FnOnce(&mut Group, Instant) -> T,
    ) -> T {
        let mut group = group.lock();
        let (before, now) = (group.snapshot(), Instant::now());
        let answer = work(&mut group, now);
        let after = group.snapshot();
        group
            .history
            .note(before, after, now, self.process.now_ms());
        self.count_members(&mut group);
        self.save(id, &mut group);
        self.set_alarm(id, &mut group);
        answer
    }

    /// Counts what the members of a group said, if that has changed.
    fn count_members(&self, group: &mut Group) {
        if group.classic.take_resized() {
            let bytes = group.classic.bytes();
            let before = std::mem::replace(&mut group.members_bytes, bytes);
            self.members_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.members_bytes.fetch_sub(before, Ordering::Relaxed);
        }
    }

    /// Whether the members of classic groups may say so much more.
    ///
    /// # Errors
    /// GROUP_MAX_SIZE_REACHED.
    pub(crate) fn check_members(&self, bytes: usize) -> Result<(), ErrorCode> {
        match self.members_bytes.load(Ordering::Relaxed) + bytes > MEMBERS_BYTES_MAX {
            true => Err(ErrorCode::GroupMaxSizeReached),
            false => Ok(()),
        }
    }

    fn set_alarm(&self, id: &str, group: &mut Group) {
        let Some(at) = group.next_deadline() else {
            return;
        };
        if group.alarm.is_some_and(|alarm| alarm <= at) {
            return;
        }
        group.alarm = Some(at);
        let (me, id) = (self.me.clone(), id.to_owned());
        self.process.timers.at(at, move || {
            if let Some(me) = me.upgrade() {
                me.ring(&id);
            }
        });
    }

    fn ring(&self, id: &str) {
        let Some(group) = self.get(id) else { return };
        let mut group = group.lock();
        group.alarm = None;
        let (before, now) = (group.snapshot(), Instant::now());
        group.classic.tick(now);
        group.consumer.tick(now);
        let after = group.snapshot();
        group
            .history
            .note(before, after, now, self.process.now_ms());
        self.count_members(&mut group);
        self.save(id, &mut group);
        self.set_alarm(id, &mut group);
    }

    /// Runs `work` on the group, making it if needed.
    pub(crate) fn create_and<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Group, Instant) -> T,
    ) -> Result<T, ErrorCode> {
        let group = loop {
            let group = self.get_or_create(id)?;
            if !group.lock().is_gone {
                break group;
            }
        };
        Ok(self.with(id, &group, work))
    }

    /// Runs `work` on the group if it is there.
    pub(crate) fn find_group_and<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Group, Instant) -> T,
    ) -> Option<T> {
        let group = self.get(id)?;
        Some(self.with(id, &group, work))
    }

    /// Runs `work` on the classic group if it is there.
    pub(crate) fn find_and<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut ClassicGroup, Instant) -> T,
    ) -> Option<T> {
        self.find_group_and(id, |group, now| work(&mut group.classic, now))
    }

    /// Whether the group has members. Called with the metadata log locked: a locked group counts as one with
    /// members, since waiting for it could deadlock.
    pub(crate) fn has_members(&self, id: &str) -> bool {
        match self.map.try_lock() {
            None => true,
            Some(map) => map
                .get(id)
                .is_some_and(|group| group.try_lock().is_none_or(|group| !group.is_empty())),
        }
    }

    /// Removes groups that have neither members nor offsets. Kafka does so where it looks for expired offsets.
    pub(crate) fn remove_empty(&self) {
        let mut gone = Vec::new();
        self.map.lock().retain(|id, group| {
            let Some(mut group) = group.try_lock() else {
                return true;
            };
            let is_kept = !group.is_empty()
                || group.next_deadline().is_some()
                || self
                    .metadata_log
                    .read(|state| state.offsets.contains_key(id));
            group.is_gone = !is_kept;
            if !is_kept && self.metadata_log.read(|state| state.knows_group(id)) {
                gone.push(MetadataRecord::GroupGone { group: id.clone() });
            }
            is_kept
        });
        if !gone.is_empty()
            && let Err(error) = self.metadata_log.append(gone)
        {
            error.log();
        }
    }

    /// Whether this member may commit offsets for the group now. Commits within a transaction may come from
    /// producers that do not know their group's members (KIP-447), and while a rebalance completes.
    pub(crate) fn check_commit(
        &self,
        id: &str,
        identity: MemberIdentity<'_>,
        generation: i32,
        is_transactional: bool,
    ) -> Result<(), ErrorCode> {
        let is_anonymous =
            generation < 0 && identity.member_id.is_empty() && identity.instance_id.is_none();
        let checked = self.find_group_and(id, |group, now| {
            // A consumer with manual assignment, or an admin client.
            let is_outsider = generation < 0 && group.is_empty();
            if is_outsider || (is_transactional && is_anonymous) {
                return Ok(());
            }
            if group.is_consumer && !group.consumer.members.is_empty() {
                let checked = group.consumer.check(identity.member_id, generation);
                return match checked {
                    Err(ErrorCode::StaleMemberEpoch) if is_transactional => {
                        Err(ErrorCode::IllegalGeneration)
                    }
                    checked => checked,
                };
            }
            if is_anonymous {
                return Err(ErrorCode::UnknownMemberId);
            }
            let group = &mut group.classic;
            group.check(identity, generation)?;
            group.note_commit(identity.member_id, now);
            match group.phase {
                Phase::CompletingRebalance if !is_transactional => {
                    Err(ErrorCode::RebalanceInProgress)
                }
                Phase::CompletingRebalance
                | Phase::Empty
                | Phase::PreparingRebalance
                | Phase::Stable => Ok(()),
            }
        });
        match checked {
            Some(checked) => checked,
            None if generation < 0 => self.check_room(&self.map.lock(), id),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }

    /// All groups: those with members and those with offsets only.
    pub(crate) fn list(&self) -> Vec<ListedGroup> {
        let running: BTreeMap<String, Arc<Mutex<Group>>> = self
            .map
            .lock()
            .iter()
            .map(|(id, group)| (id.clone(), group.clone()))
            .collect();
        let mut out: BTreeMap<String, ListedGroup> = self.metadata_log.read(|state| {
            let offline = |id: &String| Group::default().listed(id.clone());
            state
                .offsets
                .keys()
                .map(|id| (id.clone(), offline(id)))
                .collect()
        });
        for (id, group) in running {
            let listed = group.lock().listed(id.clone());
            out.insert(id, listed);
        }
        out.into_values().collect()
    }

    /// The last rebalances of a group, the newest first.
    pub(crate) fn rebalances(&self, id: &str) -> Vec<RebalanceObservation> {
        let group = self.get(id);
        group.map_or_else(Vec::new, |group| group.lock().history.rebalances())
    }

    /// Deletes a group that has no members, with its offsets.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), ErrorCode> {
        let running = self.get(id);
        let is_known = self
            .metadata_log
            .read(|state| state.offsets.contains_key(id));
        if running.is_none() && !is_known {
            return Err(ErrorCode::GroupIdNotFound);
        }
        if let Some(group) = running {
            let mut group = group.lock();
            if !group.is_empty() {
                return Err(ErrorCode::NonEmptyGroup);
            }
            group.is_gone = true;
            self.map.lock().remove(id);
        }
        let gone = MetadataRecord::GroupGone {
            group: id.to_owned(),
        };
        let position = self.metadata_log.append(vec![gone])?;
        Ok(self.metadata_log.flush(position).await?)
    }

    /// Topics that members of a stable group subscribe to: their offsets must not be deleted.
    pub(crate) fn subscribed_topics(&self, id: &str) -> Option<BTreeSet<String>> {
        self.find_group_and(id, |group, _| {
            if group.is_consumer {
                return group.consumer.subscribed_topics();
            }
            let group = &group.classic;
            let subscriptions = group
                .members
                .values()
                .flat_map(|member| member.protocols.iter());
            subscriptions
                .flat_map(|(_, metadata)| subscription_topics(metadata))
                .collect()
        })
    }
}

/// Topics of a consumer's subscription; none if it cannot be read.
fn subscription_topics(metadata: &[u8]) -> Vec<String> {
    fn read(metadata: &[u8]) -> Option<Vec<String>> {
        let (_version, rest) = metadata.split_first_chunk::<2>()?;
        let (count, mut rest) = rest.split_first_chunk::<4>()?;
        let mut topics = Vec::new();
        for _ in 0..u32::from_be_bytes(*count) {
            let (length, tail) = rest.split_first_chunk::<2>()?;
            let (topic, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            topics.push(String::from_utf8_lossy(topic).into_owned());
            rest = tail;
        }
        Some(topics)
    }
    read(metadata).unwrap_or_default()
}
