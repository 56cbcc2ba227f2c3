//! Fetch: long polls over many partitions.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka_protocol::messages::{
    FetchRequest, FetchResponse,
    fetch_request::{FetchPartition, FetchTopic},
    fetch_response::{
        AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
        PartitionData,
    },
};
use tokio::{sync::Notify, time::Instant};

use super::{Context, bandwidth::Traffic, throttle_ms, usage::count_topic};
use crate::{
    acl::AclOperation,
    client_quota::Direction,
    error::ErrorCode,
    leadership::NO_LEADER,
    log::partition::{FetchRange, Partition},
    topic::Topic,
};

/// The first version whose clients read zstd (KIP-110).
const ZSTD_VERSION_MIN: i16 = 10;
/// Longest long poll.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// Answers with records, waiting for `min_bytes` of them up to the client's limit.
pub(crate) async fn fetch(context: &mut Context, request: FetchRequest) -> FetchResponse {
    if let Some(code) = refuse_session(&request) {
        return FetchResponse::default().with_error_code(code.code());
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(WAIT_MAX);
    let deadline = Instant::now() + wait;
    let min_bytes = usize::try_from(request.min_bytes).unwrap_or(0);
    let waiter = Arc::new(Notify::new());
    loop {
        let is_last = Instant::now() >= deadline;
        if !is_last {
            register(context, &request, &waiter);
        }
        let read = read_all(context, &request);
        if is_last || read.is_final || read.bytes >= min_bytes {
            return answer(context, read);
        }
        let _ = tokio::time::timeout_at(deadline, waiter.notified()).await;
    }
}

/// Sessions are not kept: a full request is answered with session id 0, which tells the client to send
/// full requests (KIP-227); anything else names a session that does not exist.
fn refuse_session(request: &FetchRequest) -> Option<ErrorCode> {
    match (request.session_id, request.session_epoch) {
        (0, 0 | -1) => None,
        (_, -1) => None,
        (0, _) => Some(ErrorCode::InvalidFetchSessionEpoch),
        _ => Some(ErrorCode::FetchSessionIdNotFound),
    }
}

fn find_topic(context: &Context, wanted: &FetchTopic) -> Option<Arc<Topic>> {
    if context.version >= 13 {
        context.cluster.topics.by_id(&wanted.topic_id)
    } else {
        context.cluster.topics.get(&wanted.topic)
    }
}

/// The topic, if the client may read it. A name is refused whether it is there or not.
fn readable_topic(context: &Context, wanted: &FetchTopic) -> Result<Arc<Topic>, ErrorCode> {
    if context.version < 13 {
        context.check_topic(AclOperation::Read, &wanted.topic)?;
        return find_topic(context, wanted).ok_or(ErrorCode::UnknownTopicOrPartition);
    }
    let topic = find_topic(context, wanted).ok_or(ErrorCode::UnknownTopicId)?;
    context.check_topic(AclOperation::Read, &topic.name)?;
    Ok(topic)
}

fn register(context: &Context, request: &FetchRequest, waiter: &Arc<Notify>) {
    for wanted in &request.topics {
        let Some(topic) = find_topic(context, wanted) else {
            continue;
        };
        for partition in &wanted.partitions {
            if let Some(partition) = topic.partition(partition.partition) {
                partition.register(waiter);
            }
        }
    }
}

struct Read {
    topics: Vec<FetchableTopicResponse>,
    bytes: usize,
    /// What is counted for each topic when this is answered.
    touched: Vec<Touched>,
    traffic: Traffic,
    /// Whether an error has to be told at once.
    is_final: bool,
}

struct Touched {
    topic: Option<Arc<Topic>>,
    bytes: usize,
    errors: u64,
}

fn read_all(context: &Context, request: &FetchRequest) -> Read {
    let mut left = context.fetch_bytes_max(request.max_bytes);
    let mut read = Read {
        topics: Vec::with_capacity(request.topics.len()),
        bytes: 0,
        touched: Vec::with_capacity(request.topics.len()),
        traffic: Traffic::default(),
        is_final: request.topics.is_empty(),
    };
    for wanted in &request.topics {
        let topic = readable_topic(context, wanted);
        let mut touched = Touched {
            topic: topic.as_ref().ok().cloned(),
            bytes: 0,
            errors: 0,
        };
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in &wanted.partitions {
            let at_least_one = read.bytes == 0;
            let data = read_one(
                context,
                &topic,
                partition,
                request.isolation_level == 1,
                left,
                at_least_one,
            );
            let size = data.records.as_ref().map_or(0, Bytes::len);
            read.bytes += size;
            touched.bytes += size;
            touched.errors += u64::from(data.error_code != 0);
            let replicas = topic.as_ref().map_or(1, |topic| topic.replication_factor);
            read.traffic.add(context, size, replicas);
            left = left.saturating_sub(size);
            read.is_final |= data.error_code != 0 || data.diverging_epoch.end_offset >= 0;
            partitions.push(data);
        }
        read.touched.push(touched);
        read.topics.push(
            FetchableTopicResponse::default()
                .with_topic(wanted.topic.clone())
                .with_topic_id(wanted.topic_id)
                .with_partitions(partitions),
        );
    }
    read
}

fn read_one(
    context: &Context,
    topic: &Result<Arc<Topic>, ErrorCode>,
    wanted: &FetchPartition,
    is_read_committed: bool,
    left: usize,
    at_least_one: bool,
) -> PartitionData {
    let empty = PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_records(Some(Bytes::new()));
    let failed = |code: ErrorCode| {
        empty
            .clone()
            .with_error_code(code.code())
            .with_high_watermark(-1)
            .with_last_stable_offset(-1)
            .with_log_start_offset(-1)
    };
    let topic = match topic {
        Ok(topic) => topic,
        Err(code) => return failed(*code),
    };
    let known_epoch = Some(wanted.current_leader_epoch);
    let partition = match context.led_partition(Some(topic), wanted.partition, known_epoch) {
        Ok(partition) => partition,
        Err(ErrorCode::NotLeaderOrFollower) => {
            return elsewhere(topic, wanted, failed(ErrorCode::NotLeaderOrFollower));
        }
        Err(code) => return failed(code),
    };
    if context.version < ZSTD_VERSION_MIN && topic.settings().is_zstd {
        return failed(ErrorCode::UnsupportedCompressionType);
    }
    if wanted.last_fetched_epoch >= 0 {
        match diverging(&partition, wanted) {
            Ok(None) => {}
            Ok(Some(end)) => return empty.with_diverging_epoch(end),
            Err(code) => return failed(code),
        }
    }
    let range = FetchRange {
        offset: wanted.fetch_offset,
        max_bytes: left.min(usize::try_from(wanted.partition_max_bytes).unwrap_or(0)),
        at_least_one,
        is_read_committed,
    };
    let fetched = match partition.fetch(range) {
        Ok(fetched) => fetched,
        Err(code) => return failed(code),
    };
    let aborted = fetched.aborted.iter().map(|aborted| {
        AbortedTransaction::default()
            .with_producer_id(aborted.producer_id.into())
            .with_first_offset(aborted.first_offset)
    });
    empty
        .with_high_watermark(fetched.high_watermark)
        .with_last_stable_offset(fetched.last_stable_offset)
        .with_log_start_offset(fetched.log_start_offset)
        .with_aborted_transactions(is_read_committed.then(|| aborted.collect()))
        .with_records(Some(fetched.records))
}

/// Where the log parts from what the client fetched before, if it does (KIP-595).
fn diverging(
    partition: &Partition,
    wanted: &FetchPartition,
) -> Result<Option<EpochEndOffset>, ErrorCode> {
    let current = partition.leader_epoch();
    let end = partition.ask(|log, marks| {
        if wanted.fetch_offset < marks.log_start_offset {
            return Ok(None);
        }
        Ok(log.end_of_epoch(wanted.last_fetched_epoch, current, marks.high_watermark))
    })?;
    let (epoch, end_offset) = end.ok_or(ErrorCode::OffsetOutOfRange)?;
    let is_parted = epoch < wanted.last_fetched_epoch || end_offset < wanted.fetch_offset;
    let end = EpochEndOffset::default()
        .with_epoch(epoch)
        .with_end_offset(end_offset);
    Ok(is_parted.then_some(end))
}

fn elsewhere(topic: &Topic, wanted: &FetchPartition, answer: PartitionData) -> PartitionData {
    let partition = topic.partition(wanted.partition);
    let (leader, epoch) = partition.map_or((NO_LEADER, -1), |partition| partition.leader());
    answer.with_current_leader(
        LeaderIdAndEpoch::default()
            .with_leader_id(leader.into())
            .with_leader_epoch(epoch),
    )
}

fn answer(context: &mut Context, read: Read) -> FetchResponse {
    let cluster = context.cluster.clone();
    for touched in &read.touched {
        if let Some(topic) = &touched.topic {
            count_topic(topic, |counters| &counters.fetch_requests);
            context.count_fetched(topic, touched.bytes as u64);
        }
        context.count_errors(touched.topic.as_deref(), touched.errors);
    }
    let mut leaders = Vec::new();
    for partition in read.topics.iter().flat_map(|topic| topic.partitions.iter()) {
        if partition.error_code == ErrorCode::NotLeaderOrFollower.code() {
            leaders.push(partition.current_leader.leader_id.0);
        }
    }
    leaders.sort_unstable();
    leaders.dedup();
    let throttle = context.charge(Direction::Fetch, read.traffic);
    let endpoints = leaders
        .into_iter()
        .filter_map(|leader| cluster.endpoint(&context.listener, leader))
        .map(|found| {
            NodeEndpoint::default()
                .with_node_id(found.broker_id.into())
                .with_host(found.host.into())
                .with_port(i32::from(found.port))
        });
    FetchResponse::default()
        .with_throttle_time_ms(throttle_ms(throttle))
        .with_node_endpoints(endpoints.collect())
        .with_responses(read.topics)
}
