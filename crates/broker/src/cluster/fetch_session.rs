//! Incremental fetch sessions (KIP-227): the broker remembers which partitions a consumer fetches, so that
//! requests name only partitions whose parameters change, and answers only those with news.
//!
//! A session is numbered, and so are its requests: an epoch of 0 asks for a new one, -1 for none, anything
//! else continues. The rules are those of Apache Kafka's `FetchManager`, for consumers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::error::ErrorCode;

/// Sessions of one cluster (Kafka's `max.incremental.fetch.session.cache.slots`).
const SESSIONS_MAX: usize = 1000;
/// A session unused for so long may be evicted for any other, and one older than that for a larger one
/// (Kafka's `MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const EVICTION_MS: i64 = 120_000;
/// Memory for all sessions of one cluster. Beyond it, consumers fetch without a session.
const SESSIONS_BYTES_MAX: usize = 16 << 20;
/// Memory of one partition of a session, without the name of its topic.
const PARTITION_BYTES: usize = 256;
/// Memory of a session besides its partitions.
const SESSION_BYTES: usize = 512;
/// The epoch of a request for a new session.
const EPOCH_INITIAL: i32 = 0;
/// The epoch of a request that wants no session, and ends the one that it names.
const EPOCH_FINAL: i32 = -1;
/// No session.
pub(crate) const NO_SESSION: i32 = 0;

/// How a request names a topic: by id from version 13 on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TopicKey {
    Name(Arc<str>),
    Id(Uuid),
}

impl TopicKey {
    fn bytes(&self) -> usize {
        match self {
            Self::Name(name) => name.len(),
            Self::Id(_) => 0,
        }
    }
}

/// How a request names a partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PartitionKey {
    pub topic: TopicKey,
    pub partition: i32,
}

impl PartitionKey {
    fn bytes(&self) -> usize {
        PARTITION_BYTES + self.topic.bytes()
    }
}

/// What is asked of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub offset: i64,
    pub max_bytes: i32,
    /// -1: not known to the consumer.
    pub leader_epoch: i32,
    /// -1: not known to the consumer.
    pub last_fetched_epoch: i32,
}

/// One partition of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub key: PartitionKey,
    pub position: Position,
    /// Name of the topic with this id; `None` if there is none.
    pub name: Option<Arc<str>>,
}

/// The fields of a partition's answer that a session compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub has_records: bool,
    pub high_watermark: i64,
    pub log_start_offset: i64,
    pub is_error: bool,
    /// The consumer has to go on elsewhere: where the logs divide, or at a nearer replica.
    pub is_redirect: bool,
}

/// A fetch as it came.
#[derive(Debug)]
pub(crate) struct SessionRequest {
    pub session_id: i32,
    pub epoch: i32,
    /// Whether topics are named by id.
    pub has_ids: bool,
    pub wanted: Vec<Wanted>,
    pub forgotten: Vec<PartitionKey>,
}

/// Which session a fetch belongs to.
#[derive(Debug)]
pub(crate) enum FetchContext {
    /// To none.
    Sessionless,
    /// To one that is made with its answer.
    Full { has_ids: bool },
    /// To this one, which expects its next request to have this epoch.
    Incremental {
        session_id: i32,
        session: Arc<Mutex<Session>>,
        epoch: i32,
    },
}

/// One consumer's partitions.
#[derive(Debug)]
pub(crate) struct Session {
    /// The epoch of its next request.
    epoch: i32,
    has_ids: bool,
    partitions: HashMap<PartitionKey, Cached>,
    /// Order of fetching: a partition that returned records goes to the end, so that all are served (KIP-74).
    turns: BTreeMap<u64, PartitionKey>,
    next_turn: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Cached {
    position: Position,
    name: Option<Arc<str>>,
    /// What the consumer was sent last.
    high_watermark: i64,
    log_start_offset: i64,
    turn: u64,
}

/// The epoch that follows.
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

impl Session {
    fn new(has_ids: bool) -> Self {
        Self {
            epoch: next_epoch(EPOCH_INITIAL),
            has_ids,
            partitions: HashMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
            bytes: SESSION_BYTES,
        }
    }

    fn put(&mut self, wanted: Wanted) -> &mut Cached {
        let Wanted {
            key,
            position,
            name,
        } = wanted;
        let (turns, next_turn, bytes) = (&mut self.turns, &mut self.next_turn, &mut self.bytes);
        let cached = self.partitions.entry(key).or_insert_with_key(|key| {
            let turn = *next_turn;
            *next_turn += 1;
            turns.insert(turn, key.clone());
            *bytes += key.bytes();
            Cached {
                position,
                name: None,
                high_watermark: -1,
                log_start_offset: -1,
                turn,
            }
        });
        cached.position = position;
        if name.is_some() {
            cached.name = name;
        }
        cached
    }

    fn forget(&mut self, key: &PartitionKey) {
        if let Some(cached) = self.partitions.remove(key) {
            self.turns.remove(&cached.turn);
            self.bytes -= key.bytes();
        }
    }

    fn wanted(&mut self, name_of: impl Fn(&TopicKey) -> Option<Arc<str>>) -> Vec<Wanted> {
        let mut wanted = Vec::with_capacity(self.turns.len());
        for key in self.turns.values() {
            let Some(cached) = self.partitions.get_mut(key) else {
                continue;
            };
            if cached.name.is_none() {
                cached.name = name_of(&key.topic);
            }
            wanted.push(Wanted {
                key: key.clone(),
                position: cached.position,
                name: cached.name.clone(),
            });
        }
        wanted
    }

    /// Whether the answer has to include the partition; remembers its state.
    fn update(&mut self, key: &PartitionKey, seen: Seen) -> bool {
        let Some(cached) = self.partitions.get_mut(key) else {
            return false;
        };
        let is_told = seen.has_records
            || seen.is_error
            || seen.is_redirect
            || seen.high_watermark != cached.high_watermark
            || seen.log_start_offset != cached.log_start_offset;
        // After an error the partition is included again in any case.
        cached.high_watermark = if seen.is_error {
            -1
        } else {
            seen.high_watermark
        };
        cached.log_start_offset = seen.log_start_offset;
        if seen.has_records {
            self.turns.remove(&cached.turn);
            cached.turn = self.next_turn;
            self.turns.insert(self.next_turn, key.clone());
            self.next_turn += 1;
        }
        is_told
    }
}

#[derive(Debug)]
struct Slot {
    session: Arc<Mutex<Session>>,
    created_ms: i64,
    used_ms: i64,
    /// Partitions and bytes at its last use.
    partitions: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Slots {
    by_id: HashMap<i32, Slot>,
    bytes: usize,
}

impl Slots {
    fn remove(&mut self, id: i32) {
        if let Some(slot) = self.by_id.remove(&id) {
            self.bytes -= slot.bytes;
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.by_id.len() < SESSIONS_MAX && self.bytes + bytes <= SESSIONS_BYTES_MAX
    }

    /// Evicts one session for a new one with this many partitions. Returns whether there was one to evict.
    fn evict(&mut self, partitions: usize, now_ms: i64) -> bool {
        let oldest = self
            .by_id
            .iter()
            .min_by_key(|(id, slot)| (slot.used_ms, **id));
        let stale = oldest.filter(|(_, slot)| now_ms - slot.used_ms > EVICTION_MS);
        let victim = stale.map(|(id, _)| *id).or_else(|| {
            let grown = self
                .by_id
                .iter()
                .filter(|(_, slot)| slot.used_ms - slot.created_ms > EVICTION_MS);
            let (id, least) = grown.min_by_key(|(id, slot)| (slot.partitions, **id))?;
            (least.partitions < partitions).then_some(*id)
        });
        if let Some(victim) = victim {
            self.remove(victim);
        }
        victim.is_some()
    }
}

/// The sessions of one cluster.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions(Mutex<Slots>);

impl FetchSessions {
    /// Finds the session of a request and the partitions to fetch: for an incremental request, all partitions
    /// of the session.
    ///
    /// # Errors
    /// FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
    pub(crate) fn begin(
        &self,
        request: SessionRequest,
        now_ms: i64,
        name_of: impl Fn(&TopicKey) -> Option<Arc<str>>,
    ) -> Result<(FetchContext, Vec<Wanted>), ErrorCode> {
        if matches!(request.epoch, EPOCH_INITIAL | EPOCH_FINAL) {
            if request.session_id != NO_SESSION {
                self.0.lock().remove(request.session_id);
            }
            let context = if request.epoch == EPOCH_FINAL {
                FetchContext::Sessionless
            } else {
                FetchContext::Full {
                    has_ids: request.has_ids,
                }
            };
            return Ok((context, request.wanted));
        }
        let session = {
            let slots = self.0.lock();
            let slot = slots.by_id.get(&request.session_id);
            slot.ok_or(ErrorCode::FetchSessionIdNotFound)?
                .session
                .clone()
        };
        let mut open = session.lock();
        if open.epoch != request.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if open.has_ids != request.has_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let named = request.wanted.clone();
        for wanted in request.wanted {
            open.put(wanted);
        }
        for key in &request.forgotten {
            open.forget(key);
        }
        if open.partitions.is_empty() {
            self.0.lock().remove(request.session_id);
            return Ok((FetchContext::Sessionless, named));
        }
        open.epoch = next_epoch(open.epoch);
        self.touch(request.session_id, &open, now_ms)?;
        let (epoch, wanted) = (open.epoch, open.wanted(name_of));
        drop(open);
        let context = FetchContext::Incremental {
            session_id: request.session_id,
            session,
            epoch,
        };
        Ok((context, wanted))
    }

    fn touch(&self, id: i32, session: &Session, now_ms: i64) -> Result<(), ErrorCode> {
        let mut slots = self.0.lock();
        let slot = slots.by_id.get_mut(&id);
        let slot = slot.ok_or(ErrorCode::FetchSessionIdNotFound)?;
        slot.used_ms = now_ms;
        slot.partitions = session.partitions.len();
        let before = std::mem::replace(&mut slot.bytes, session.bytes);
        slots.bytes = slots.bytes - before + session.bytes;
        if slots.bytes > SESSIONS_BYTES_MAX {
            // The consumer starts again with a full request.
            slots.remove(id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        Ok(())
    }

    /// Reduces an answer to the partitions that have news, and returns the session's id.
    ///
    /// # Errors
    /// INVALID_FETCH_SESSION_EPOCH if another request of the session came meanwhile.
    pub(crate) fn finish<T>(
        &self,
        context: FetchContext,
        mut answers: Vec<(Wanted, T)>,
        now_ms: i64,
        seen: impl Fn(&T) -> Seen,
        chance: impl FnMut() -> i32,
    ) -> Result<(i32, Vec<(Wanted, T)>), ErrorCode> {
        match context {
            FetchContext::Sessionless => Ok((NO_SESSION, answers)),
            FetchContext::Full { has_ids } => {
                let mut session = Session::new(has_ids);
                for (wanted, answer) in &answers {
                    let seen = seen(answer);
                    let cached = session.put(wanted.clone());
                    cached.high_watermark = seen.high_watermark;
                    cached.log_start_offset = seen.log_start_offset;
                }
                Ok((self.keep(session, now_ms, chance), answers))
            }
            FetchContext::Incremental {
                session_id,
                session,
                epoch,
            } => {
                let mut session = session.lock();
                if session.epoch != epoch {
                    return Err(ErrorCode::InvalidFetchSessionEpoch);
                }
                answers.retain(|(wanted, answer)| session.update(&wanted.key, seen(answer)));
                Ok((session_id, answers))
            }
        }
    }

    /// Keeps a new session, if there is room or one can be evicted.
    fn keep(&self, session: Session, now_ms: i64, mut chance: impl FnMut() -> i32) -> i32 {
        let (partitions, bytes) = (session.partitions.len(), session.bytes);
        if bytes > SESSIONS_BYTES_MAX {
            return NO_SESSION;
        }
        let mut slots = self.0.lock();
        while !slots.has_room(bytes) {
            if !slots.evict(partitions, now_ms) {
                return NO_SESSION;
            }
        }
        let id = loop {
            let id = chance() & i32::MAX;
            if id != NO_SESSION && !slots.by_id.contains_key(&id) {
                break id;
            }
        };
        slots.bytes += bytes;
        let slot = Slot {
            session: Arc::new(Mutex::new(session)),
            created_ms: now_ms,
            used_ms: now_ms,
            partitions,
            bytes,
        };
        slots.by_id.insert(id, slot);
        id
    }
}

#[cfg(test)]
mod tests;
