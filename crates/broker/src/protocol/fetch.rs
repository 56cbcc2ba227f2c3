//! Fetch: long polls over many partitions, in sessions or without.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::bandwidth::Traffic;
use super::fetch_answer::{FetchAnswer, PartitionAnswer, TopicAnswer, without_records};
use super::{Context, distinct, throttle_ms};
use crate::cluster::fetch_session::{
    FetchContext, PartitionKey, Position, Seen, SessionRequest, TopicKey, Wanted,
};
use crate::error::ErrorCode;
use crate::log::partition::{FetchRange, Partition, Watermarks};
use crate::memory::{Held, Stage};
use crate::metadata::acl::AclOperation;
use crate::metadata::leadership::NO_LEADER;
use crate::metadata::topic::Topic;
use crate::quota::client::Direction;
use crate::turn::Pace;

/// The first version whose clients read zstd (KIP-110).
const ZSTD_VERSION_MIN: i16 = 10;
/// Longest long poll.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// The first version that names topics by id (KIP-516).
const TOPIC_IDS: i16 = 13;
/// The first version whose clients read from any replica in sync (KIP-392).
const ANY_REPLICA: i16 = 11;
/// The epoch of a request that wants no session.
const NO_SESSION_EPOCH: i32 = -1;

/// What a partition takes while a fetch waits.
const WANTED_BYTES: usize = 160;
/// What a partition takes while its answer is put together.
const PARTITION_BYTES: usize = 1_000;

/// What is asked of the answer as a whole.
#[derive(Debug, Clone, Copy)]
struct Bounds<'a> {
    min_bytes: usize,
    /// As the client asks.
    max_bytes: i32,
    is_read_committed: bool,
    /// Where the client is (`client.rack`); empty where it does not say.
    rack: &'a str,
}

/// Answers with records, waiting for `min_bytes` of them up to the client's limit.
/// `held` is what the request holds of the cluster's share.
pub(crate) async fn fetch(
    context: &mut Context,
    request: FetchRequest,
    mut held: Option<Held>,
) -> FetchAnswer {
    context.admit(Direction::Fetch).await;
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(WAIT_MAX);
    let deadline = Instant::now() + wait;
    // Nothing of the request is kept while this waits.
    let rack = request.rack_id.to_string();
    let bounds = Bounds {
        rack: &rack,
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0),
        max_bytes: request.max_bytes,
        is_read_committed: request.isolation_level == 1,
    };
    let (session, wanted) = match begin(context, request).await {
        Ok(begun) => begun,
        Err(code) => return refuse(context, code),
    };
    if let Some(held) = &mut held {
        held.shrink(wanted.len() * WANTED_BYTES);
    }
    let waiter = Arc::new(Notify::new());
    loop {
        let is_last = Instant::now() >= deadline;
        let building_bytes = wanted.len() * PARTITION_BYTES;
        let building = context.take(Stage::Building, building_bytes).await;
        let waiter_here = (!is_last).then_some(&waiter);
        let read = read_all(context, &wanted, bounds, waiter_here).await;
        if is_last || read.is_final || read.bytes >= bounds.min_bytes {
            let answer = answer(context, session, wanted, read);
            return answer.building(building);
        }
        drop((read, building));
        let _ = tokio::time::timeout_at(deadline, waiter.notified()).await;
    }
}

fn refuse(context: &Context, code: ErrorCode) -> FetchAnswer {
    context.count_errors(None, 1);
    FetchAnswer {
        head: FetchResponse::default().with_error_code(code.code()),
        ..FetchAnswer::default()
    }
}

/// Finds the session of the request, and everything that is to be fetched.
async fn begin(
    context: &Context,
    request: FetchRequest,
) -> Result<(FetchContext, Vec<Wanted>), ErrorCode> {
    let has_ids = context.version >= TOPIC_IDS;
    let key_of = |name: &TopicName, id: Uuid| {
        if has_ids {
            TopicKey::Id(id)
        } else {
            TopicKey::Name(name.as_str().into())
        }
    };
    let name_of = |key: &TopicKey| match key {
        TopicKey::Name(name) => Some(name.clone()),
        TopicKey::Id(id) => {
            let topic = context.cluster.topics().by_id(id)?;
            Some(topic.name.as_str().into())
        }
    };
    let mut wanted = Vec::new();
    for topic in &request.topics {
        let key = key_of(&topic.topic, topic.topic_id);
        let has_session = request.session_epoch != NO_SESSION_EPOCH;
        let name = has_session.then(|| name_of(&key)).flatten();
        wanted.extend(topic.partitions.iter().map(|asked| Wanted {
            key: PartitionKey {
                topic: key.clone(),
                partition: asked.partition,
            },
            position: Position {
                offset: asked.fetch_offset,
                max_bytes: asked.partition_max_bytes,
                leader_epoch: asked.current_leader_epoch,
                last_fetched_epoch: asked.last_fetched_epoch,
            },
            name: name.clone(),
        }));
    }
    let wanted = distinct::distinct(wanted, |wanted| wanted.key.clone()).await;
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let key = key_of(&topic.topic, topic.topic_id);
        topic.partitions.iter().map(move |partition| PartitionKey {
            topic: key.clone(),
            partition: *partition,
        })
    });
    let request = SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        has_ids,
        wanted,
        forgotten: forgotten.collect(),
    };
    let now_ms = context.cluster.now_ms();
    context
        .cluster
        .fetch_sessions()
        .begin(request, now_ms, name_of)
}

/// The topic of a request's entry.
///
/// # Errors
/// UNKNOWN_TOPIC_OR_PARTITION; by id UNKNOWN_TOPIC_ID, and INCONSISTENT_TOPIC_ID if a session's topic was
/// deleted and another has its name.
fn find_topic(context: &Context, wanted: &Wanted) -> Result<Arc<Topic>, ErrorCode> {
    let topics = context.cluster.topics();
    match &wanted.key.topic {
        TopicKey::Name(name) => topics.get(name).ok_or(ErrorCode::UnknownTopicOrPartition),
        TopicKey::Id(id) => topics.by_id(id).ok_or_else(|| match &wanted.name {
            None => ErrorCode::UnknownTopicId,
            Some(name) if topics.get(name).is_some() => ErrorCode::InconsistentTopicId,
            Some(_) => ErrorCode::UnknownTopicOrPartition,
        }),
    }
}

/// The topic, if the client may read it. A name is refused whether it is there or not.
fn readable_topic(context: &Context, wanted: &Wanted) -> Result<Arc<Topic>, ErrorCode> {
    let found = find_topic(context, wanted);
    let named = match &wanted.key.topic {
        TopicKey::Name(name) => Some(&**name),
        TopicKey::Id(_) => wanted.name.as_deref(),
    };
    let name = named.or(found.as_ref().ok().map(|topic| topic.name.as_str()));
    if let Some(name) = name {
        context.check_topic(AclOperation::Read, name)?;
    }
    found
}

struct Read {
    /// In the order of what was wanted.
    partitions: Vec<PartitionAnswer>,
    bytes: usize,
    /// What is counted for each topic when this is answered.
    touched: Vec<Touched>,
    traffic: Traffic,
    /// Whether waiting would change nothing.
    is_final: bool,
}

/// Partitions of one topic that follow each other.
struct Touched {
    topic: Option<Arc<Topic>>,
    bytes: usize,
    errors: u64,
}

impl Read {
    fn push(&mut self, topic: Option<Arc<Topic>>, answer: PartitionAnswer) {
        let bytes = answer.records_bytes();
        let errors = u64::from(answer.data.error_code != 0);
        self.bytes += bytes;
        self.partitions.push(answer);
        match self.touched.last_mut() {
            Some(last)
                if last.topic.as_ref().map(Arc::as_ptr) == topic.as_ref().map(Arc::as_ptr) =>
            {
                last.bytes += bytes;
                last.errors += errors;
            }
            _ => self.touched.push(Touched {
                topic,
                bytes,
                errors,
            }),
        }
    }
}

/// The topic that was resolved last: partitions of one topic follow each other.
#[derive(Default)]
struct Resolved<'a>(Option<(&'a Wanted, Arc<Topic>)>);

impl<'a> Resolved<'a> {
    /// As [`readable_topic`]; refusals are not cached, so that each is counted.
    fn topic(&mut self, context: &Context, wanted: &'a Wanted) -> Result<Arc<Topic>, ErrorCode> {
        if let Some((known, topic)) = &self.0
            && known.key.topic == wanted.key.topic
            && known.name == wanted.name
        {
            return Ok(topic.clone());
        }
        let topic = readable_topic(context, wanted)?;
        self.0 = Some((wanted, topic.clone()));
        Ok(topic)
    }
}

/// Reads all partitions. A waiting fetch is registered with each partition before it is read, so that no
/// append is missed.
async fn read_all(
    context: &Context,
    wanted: &[Wanted],
    bounds: Bounds<'_>,
    waiter: Option<&Arc<Notify>>,
) -> Read {
    let mut read = Read {
        partitions: Vec::with_capacity(wanted.len()),
        bytes: 0,
        touched: Vec::new(),
        traffic: Traffic::default(),
        is_final: false,
    };
    let mut has_partition = false;
    let max_bytes = context.fetch_bytes_max(bounds.max_bytes);
    let mut resolved = Resolved::default();
    let mut pace = Pace::default();
    for wanted in wanted {
        pace.step().await;
        let rest = Rest {
            max_bytes: max_bytes.saturating_sub(read.bytes),
            is_first: read.bytes == 0,
        };
        match resolved.topic(context, wanted) {
            // A topic that is not there yet is waited for, as long as there is another.
            Err(code) => read.push(None, failed(wanted, code).into()),
            Ok(topic) => {
                let answer = read_one(context, &topic, wanted, bounds, rest, waiter);
                has_partition = true;
                let bytes = answer.records_bytes();
                read.traffic.add(context, bytes, topic.replication_factor);
                let data = &answer.data;
                read.is_final |= data.error_code != 0 || is_redirect(data);
                read.push(Some(topic), answer);
            }
        }
    }
    read.is_final |= !has_partition;
    read
}

/// What the answer still has room for.
#[derive(Debug, Clone, Copy)]
struct Rest {
    max_bytes: usize,
    /// The first batch of an answer is sent whole, whatever its size.
    is_first: bool,
}

impl From<PartitionData> for PartitionAnswer {
    fn from(data: PartitionData) -> Self {
        Self {
            data,
            records: None,
        }
    }
}

fn failed(wanted: &Wanted, code: ErrorCode) -> PartitionData {
    without_records()
        .with_partition_index(wanted.key.partition)
        .with_error_code(code.code())
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
}

fn read_one(
    context: &Context,
    topic: &Arc<Topic>,
    wanted: &Wanted,
    bounds: Bounds<'_>,
    rest: Rest,
    waiter: Option<&Arc<Notify>>,
) -> PartitionAnswer {
    let position = wanted.position;
    let partition = match fetchable_partition(context, topic, wanted) {
        Ok(partition) => partition,
        Err(code @ ErrorCode::NotLeaderOrFollower) => {
            return elsewhere(topic, wanted, failed(wanted, code)).into();
        }
        Err(code) => return failed(wanted, code).into(),
    };
    if let Some(waiter) = waiter {
        partition.register(waiter);
    }
    if context.version < ZSTD_VERSION_MIN && topic.settings().is_zstd() {
        return failed(wanted, ErrorCode::UnsupportedCompressionType).into();
    }
    let found = without_records().with_partition_index(wanted.key.partition);
    if position.last_fetched_epoch >= 0 {
        match diverging(&partition, position) {
            Ok(None) => {}
            Ok(Some(end)) => return found.with_diverging_epoch(end).into(),
            Err(code) => return failed(wanted, code).into(),
        }
    }
    match preferred_replica(context, topic, &partition, position.offset, bounds.rack) {
        Ok(None) => {}
        Ok(Some((replica, marks))) => {
            let answer = found
                .with_preferred_read_replica(replica.into())
                .with_aborted_transactions(None);
            return with_watermarks(answer, marks).into();
        }
        Err(code) => return failed(wanted, code).into(),
    }
    let range = FetchRange {
        offset: position.offset,
        max_bytes: rest
            .max_bytes
            .min(usize::try_from(position.max_bytes).unwrap_or(0)),
        at_least_one: rest.is_first,
        is_read_committed: bounds.is_read_committed,
    };
    let fetched = match partition.fetch(range) {
        Ok(fetched) => fetched,
        Err(code) => return failed(wanted, code).into(),
    };
    let aborted = fetched.aborted.iter().map(|aborted| {
        AbortedTransaction::default()
            .with_producer_id(aborted.producer_id.into())
            .with_first_offset(aborted.first_offset)
    });
    PartitionAnswer {
        data: with_watermarks(found, fetched.watermarks)
            .with_aborted_transactions(bounds.is_read_committed.then(|| aborted.collect())),
        records: fetched.records,
    }
}

/// The partition, if this broker leads it, or has a replica in sync and the client reads from those, too.
fn fetchable_partition(
    context: &Context,
    topic: &Arc<Topic>,
    wanted: &Wanted,
) -> Result<Arc<Partition>, ErrorCode> {
    let (index, known_epoch) = (wanted.key.partition, wanted.position.leader_epoch);
    let led = context.led_partition(Some(topic), index, Some(known_epoch));
    let is_elsewhere = matches!(led, Err(ErrorCode::NotLeaderOrFollower));
    if !is_elsewhere || context.version < ANY_REPLICA {
        return led;
    }
    let partition = topic.partition(index);
    let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let in_sync = context.cluster.in_sync_replicas(topic, &partition);
    match in_sync.contains(&context.broker_id) && partition.leader().0 != NO_LEADER {
        true => Ok(partition),
        false => Err(ErrorCode::NotLeaderOrFollower),
    }
}

/// The replica that a client in this rack had better read from than from the leader, which is asked (Kafka's
/// `RackAwareReplicaSelector`), and what is known of the partition.
fn preferred_replica(
    context: &Context,
    topic: &Topic,
    partition: &Partition,
    offset: i64,
    rack: &str,
) -> Result<Option<(i32, Watermarks)>, ErrorCode> {
    let (cluster, leader_id) = (&context.cluster, partition.leader().0);
    if rack.is_empty() || context.is_internal || leader_id != context.broker_id {
        return Ok(None);
    }
    let spec = cluster.spec();
    if spec.rack(leader_id) == Some(rack) {
        return Ok(None);
    }
    let in_sync = cluster.in_sync_replicas(topic, partition).into_iter();
    // All have the same records: Kafka takes the highest id then.
    let Some(nearest) = in_sync.filter(|id| spec.rack(*id) == Some(rack)).max() else {
        return Ok(None);
    };
    let marks = partition.watermarks()?;
    let is_there = (marks.log_start_offset..=marks.high_watermark).contains(&offset);
    Ok(is_there.then_some((nearest, marks)))
}

fn with_watermarks(answer: PartitionData, marks: Watermarks) -> PartitionData {
    answer
        .with_high_watermark(marks.high_watermark)
        .with_last_stable_offset(marks.last_stable_offset)
        .with_log_start_offset(marks.log_start_offset)
}

/// Whether the client has to go on elsewhere.
fn is_redirect(data: &PartitionData) -> bool {
    data.diverging_epoch.end_offset >= 0 || data.preferred_read_replica.0 >= 0
}

/// Where the log diverges from what the client fetched before, if it does (KIP-595).
fn diverging(
    partition: &Partition,
    position: Position,
) -> Result<Option<EpochEndOffset>, ErrorCode> {
    let current = partition.leader_epoch();
    let end = partition.ask(|log, marks| {
        if position.offset < marks.log_start_offset {
            return Ok(None);
        }
        Ok(log.end_of_epoch(position.last_fetched_epoch, current, marks.high_watermark))
    })?;
    let (epoch, end_offset) = end.ok_or(ErrorCode::OffsetOutOfRange)?;
    let is_parted = epoch < position.last_fetched_epoch || end_offset < position.offset;
    let end = EpochEndOffset::default()
        .with_epoch(epoch)
        .with_end_offset(end_offset);
    Ok(is_parted.then_some(end))
}

fn elsewhere(topic: &Topic, wanted: &Wanted, answer: PartitionData) -> PartitionData {
    let partition = topic.partition(wanted.key.partition);
    let (leader, epoch) = partition.map_or((NO_LEADER, -1), |partition| partition.leader());
    answer.with_current_leader(
        LeaderIdAndEpoch::default()
            .with_leader_id(leader.into())
            .with_leader_epoch(epoch),
    )
}

fn seen(answer: &PartitionAnswer) -> Seen {
    let data = &answer.data;
    Seen {
        has_records: answer.records.is_some(),
        high_watermark: data.high_watermark,
        log_start_offset: data.log_start_offset,
        is_error: data.error_code != 0,
        is_redirect: is_redirect(data),
    }
}

fn answer(
    context: &mut Context,
    session: FetchContext,
    wanted: Vec<Wanted>,
    read: Read,
) -> FetchAnswer {
    let cluster = context.cluster.clone();
    let answers = wanted.into_iter().zip(read.partitions).collect();
    let told = cluster
        .fetch_sessions()
        .finish(session, answers, cluster.now_ms(), seen, || {
            cluster.process().uuid().as_u128() as i32
        });
    let (session_id, told) = match told {
        Ok(told) => told,
        Err(code) => return refuse(context, code),
    };
    for touched in &read.touched {
        if let Some(topic) = &touched.topic {
            context.count_topic(topic, |counters| &counters.fetch_requests);
            context.count_fetched(topic, touched.bytes as u64);
        }
        context.count_errors(touched.topic.as_deref(), touched.errors);
    }
    let moved = told
        .iter()
        .map(|(_, answer)| &answer.data)
        .filter(|data| data.error_code == ErrorCode::NotLeaderOrFollower.code());
    let leaders = moved.map(|data| data.current_leader.leader_id.0);
    let endpoints = context.redirects(leaders, |found| {
        NodeEndpoint::default()
            .with_node_id(found.broker_id.into())
            .with_host(found.host.into())
            .with_port(i32::from(found.port))
    });
    let throttle = context.charge(Direction::Fetch, read.traffic);
    FetchAnswer {
        head: FetchResponse::default()
            .with_throttle_time_ms(throttle_ms(throttle))
            .with_session_id(session_id)
            .with_node_endpoints(endpoints),
        topics: by_topic(told),
        _building: None,
    }
}

/// Puts partitions of one topic that follow each other together.
fn by_topic(answers: Vec<(Wanted, PartitionAnswer)>) -> Vec<TopicAnswer> {
    let mut topics: Vec<TopicAnswer> = Vec::new();
    let mut last: Option<TopicKey> = None;
    for (wanted, answer) in answers {
        let key = wanted.key.topic;
        match topics.last_mut() {
            Some(topic) if last.as_ref() == Some(&key) => topic.partitions.push(answer),
            _ => topics.push(TopicAnswer {
                name: match &key {
                    TopicKey::Name(name) => TopicName(name.to_string().into()),
                    TopicKey::Id(_) => TopicName::default(),
                },
                id: match &key {
                    TopicKey::Name(_) => Uuid::nil(),
                    TopicKey::Id(id) => *id,
                },
                partitions: vec![answer],
            }),
        }
        last = Some(key);
    }
    topics
}
