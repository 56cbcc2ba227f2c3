//! Produce.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::bandwidth::Traffic;
use super::{Context, throttle_ms};
use crate::coordinator::transaction::{ProducerIdAndEpoch, TransactionalProducer};
use crate::counters;
use crate::error::ErrorCode;
use crate::log::batch::{
    self, Batch, BatchHeader, BatchRefusal, BatchRules, COMPRESSION_ZSTD, OpenError, RecordFault,
};
use crate::log::partition::Partition;
use crate::log::record::UNPACKED_BYTES_MAX;
use crate::log::{AppendInfo, LogOptions};
use crate::metadata::acl::AclOperation;
use crate::metadata::topic::{Topic, is_internal};
use crate::quota::client::Direction;
use crate::quota::disk::segment_bytes_max;

/// The first version whose clients may compress with zstd (KIP-110).
const ZSTD_VERSION_MIN: i16 = 7;

/// A produced request: appended, but maybe not durable yet.
pub(crate) struct Produced {
    answer: ProduceResponse,
    flushes: Vec<Flush>,
    wants_answer: bool,
}

/// What has to be durable before a partition of the answer may say so.
struct Flush {
    topic: usize,
    partition: usize,
    log: Arc<Partition>,
    end_offset: i64,
}

impl Produced {
    /// Whether the answer has to wait for the disk.
    pub(crate) fn is_pending(&self) -> bool {
        !self.flushes.is_empty()
    }

    /// Waits for durability.
    pub(crate) async fn finish(mut self) -> Finished {
        for flush in self.flushes {
            if let Err(code) = flush.log.flush(flush.end_offset).await {
                let answer =
                    &mut self.answer.responses[flush.topic].partition_responses[flush.partition];
                answer.error_code = code.code();
                answer.base_offset = -1;
            }
        }
        if self.wants_answer {
            return Finished::Answer(self.answer);
        }
        let mut partitions = self
            .answer
            .responses
            .iter()
            .flat_map(|topic| topic.partition_responses.iter());
        match partitions.any(|partition| partition.error_code != 0) {
            true => Finished::Refused,
            false => Finished::Unanswered,
        }
    }
}

/// The answer to the producer.
pub(crate) enum Finished {
    Answer(ProduceResponse),
    /// Nothing: acks=0, and all went well.
    Unanswered,
    /// Nothing, but something was refused: closing the connection is the only sign for a producer with
    /// acks=0, which then refreshes its metadata (`KafkaApis.handleProduceRequest`).
    Refused,
}

/// Most faulty records that one answer reports.
const RECORD_FAULTS_MAX: usize = 10_000;
/// A batch of more records is validated on a blocking thread …
const RECORDS_AT_ONCE_MAX: i32 = 10_000;
/// … as is one that decompresses to more.
const UNPACKED_AT_ONCE_BYTES_MAX: u64 = 128 << 10;

/// Appends in the order of arrival. Durability is waited for in [`Produced::finish`], so that requests of
/// one connection share a flush.
pub(crate) async fn produce(context: &mut Context, request: ProduceRequest) -> Produced {
    context.admit(Direction::Produce).await;
    let acks = request.acks;
    let headers = read_headers(&request);
    let allowed = check_transactional(context, &request, &headers);
    let mut headers = headers.into_iter();
    let transactional_id = request.transactional_id.map(|id| id.to_string());
    let mut traffic = Traffic::default();
    let mut answers = Vec::with_capacity(request.topic_data.len());
    let mut flushes = Vec::new();
    let mut faults_max = RECORD_FAULTS_MAX;
    for data in request.topic_data {
        let topic = allowed.and_then(|()| find_topic(context, &data));
        if let Ok(topic) = &topic {
            context.count_produce_request(topic);
        }
        let mut partitions = Vec::with_capacity(data.partition_data.len());
        for partition in data.partition_data {
            let bytes = partition.records.as_ref().map_or(0, Bytes::len);
            let replicas = topic.as_ref().map_or(1, |topic| topic.replication_factor);
            traffic.add(context, bytes, replicas);
            let index = partition.index;
            let header = headers.next().flatten();
            let appended = match find_target(context, &topic, index, acks) {
                Ok(target) => {
                    let producing = Producing {
                        header,
                        acks,
                        transactional_id: transactional_id.as_deref(),
                        faults_max,
                    };
                    join_transaction(context, &target, &producing).await;
                    let records = partition.records.unwrap_or_default();
                    let appended = append(context, &target, &producing, records).await;
                    appended.map(|info| (target.log, info))
                }
                Err(refusal) => Err(refusal),
            };
            if let Err(refusal) = &appended {
                faults_max -= refusal.records.len();
            }
            if let (Ok((log, info)), Ok(topic)) = (&appended, &topic) {
                context.count_produced(topic, info.size_bytes);
                if !log.is_flushed(info.end_offset) {
                    let (topic, partition) = (answers.len(), partitions.len());
                    flushes.push(Flush {
                        topic,
                        partition,
                        log: log.clone(),
                        end_offset: info.end_offset,
                    });
                }
            }
            let appended = appended.map(|(log, info)| (info, log));
            partitions.push(answer_partition(context, &topic, index, appended));
        }
        answers.push(
            TopicProduceResponse::default()
                .with_name(data.name)
                .with_topic_id(data.topic_id)
                .with_partition_responses(partitions),
        );
    }
    let answer = answer(context, answers, traffic, !flushes.is_empty());
    Produced {
        answer,
        flushes,
        wants_answer: acks != 0,
    }
}

/// The answer for all topics: charges the traffic, and names the leaders of partitions that are led elsewhere.
fn answer(
    context: &mut Context,
    mut answers: Vec<TopicProduceResponse>,
    traffic: Traffic,
    is_pending: bool,
) -> ProduceResponse {
    if is_pending {
        // It must not keep the records of its request until they are durable.
        for topic in &mut answers {
            topic.name = TopicName(topic.name.to_string().into());
        }
    }
    let throttle = context.charge(Direction::Produce, traffic);
    let moved = answers
        .iter()
        .flat_map(|topic| topic.partition_responses.iter())
        .filter(|partition| partition.error_code == ErrorCode::NotLeaderOrFollower.code());
    let leaders = moved.map(|partition| partition.current_leader.leader_id.0);
    let endpoints = context.redirects(leaders, |found| {
        NodeEndpoint::default()
            .with_node_id(found.broker_id.into())
            .with_host(found.host.into())
            .with_port(i32::from(found.port))
    });
    ProduceResponse::default()
        .with_responses(answers)
        .with_throttle_time_ms(throttle_ms(throttle))
        .with_node_endpoints(endpoints)
}

fn find_topic(context: &Context, data: &TopicProduceData) -> Result<Arc<Topic>, ErrorCode> {
    let topics = context.cluster.topics();
    if context.version >= 13 {
        let topic = topics.by_id(&data.topic_id);
        let topic = topic.ok_or(ErrorCode::UnknownTopicId)?;
        context.check_topic(AclOperation::Write, &topic.name)?;
        check_no_internal(&topic.name)?;
        return Ok(topic);
    }
    context.check_topic(AclOperation::Write, &data.name)?;
    check_no_internal(&data.name)?;
    topics
        .get(&data.name)
        .ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// What internal topics would hold is in the metadata log.
fn check_no_internal(topic: &str) -> Result<(), ErrorCode> {
    match is_internal(topic) {
        true => Err(ErrorCode::InvalidTopicException),
        false => Ok(()),
    }
}

/// The header of each batch, in the order of the request.
fn read_headers(request: &ProduceRequest) -> Vec<Option<BatchHeader>> {
    let data = request
        .topic_data
        .iter()
        .flat_map(|topic| topic.partition_data.iter());
    data.map(|data| BatchHeader::read(data.records.as_ref()?))
        .collect()
}

/// The header of a transactional batch, if it is plausible.
fn transactional(header: Option<&BatchHeader>) -> Option<&BatchHeader> {
    header.filter(|header| header.has_sound_offsets() && header.is_transactional())
}

/// Transactional batches need permission for their transactional id, before anything else is looked at.
fn check_transactional(
    context: &Context,
    request: &ProduceRequest,
    headers: &[Option<BatchHeader>],
) -> Result<(), ErrorCode> {
    let is_transactional = headers
        .iter()
        .any(|header| transactional(header.as_ref()).is_some());
    match &request.transactional_id {
        _ if !is_transactional => Ok(()),
        Some(id) => context.check_transactional_id(AclOperation::Write, id),
        None => Err(ErrorCode::TransactionalIdAuthorizationFailed),
    }
}

/// Where a batch goes.
struct Target<'a> {
    topic: &'a Arc<Topic>,
    log: Arc<Partition>,
}

/// A batch, and how it is to be appended.
struct Producing<'a> {
    header: Option<BatchHeader>,
    acks: i16,
    transactional_id: Option<&'a str>,
    faults_max: usize,
}

/// The partition, if this broker leads it and there are such acknowledgements.
fn find_target<'a>(
    context: &Context,
    topic: &'a Result<Arc<Topic>, ErrorCode>,
    index: i32,
    acks: i16,
) -> Result<Target<'a>, Refusal> {
    if !(-1..=1).contains(&acks) {
        return Err(ErrorCode::InvalidRequiredAcks.into());
    }
    let topic = topic.as_ref().map_err(|code| *code)?;
    let found = topic.partition(index);
    let log = found.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    match context.check_leads(&log, None) {
        Ok(()) => Ok(Target { topic, log }),
        Err(code) => Err(Refusal {
            leader: Some(log.leader()),
            ..code.into()
        }),
    }
}

/// From version 12 on producing makes the partition part of the transaction (KIP-890). A refusal shows
/// when the batch is verified.
async fn join_transaction(context: &Context, target: &Target<'_>, producing: &Producing<'_>) {
    let (Some(transactional_id), Some(header)) = (
        producing.transactional_id,
        transactional(producing.header.as_ref()),
    ) else {
        return;
    };
    let (id, epoch) = (header.producer_id, header.producer_epoch);
    // A transaction that is ongoing here includes the partition: its first batch was verified when it was
    // appended.
    if context.version < 12 || target.log.is_in_transaction(id, epoch) {
        return;
    }
    let requester = TransactionalProducer {
        transactional_id,
        producer: ProducerIdAndEpoch { id, epoch },
        fenced: ErrorCode::InvalidProducerEpoch,
    };
    let key = (target.topic.name.clone(), target.log.index);
    let transactions = context.cluster.transactions();
    if let Err(code) = transactions.add_partitions(requester, [key]).await {
        tracing::debug!(%code, transactional_id, "partition does not become part of the transaction");
    }
}

/// Why a partition took nothing.
struct Refusal {
    code: ErrorCode,
    message: Option<Cow<'static, str>>,
    records: Vec<RecordFault>,
    /// Id and epoch of the leader, if it is another broker.
    leader: Option<(i32, i32)>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
            records: Vec::new(),
            leader: None,
        }
    }
}

impl From<BatchRefusal> for Refusal {
    fn from(refusal: BatchRefusal) -> Self {
        Self {
            code: refusal.code,
            message: Some(refusal.message),
            records: refusal.records,
            leader: None,
        }
    }
}

async fn append(
    context: &Context,
    target: &Target<'_>,
    producing: &Producing<'_>,
    records: Bytes,
) -> Result<AppendInfo, Refusal> {
    let cluster = &context.cluster;
    let Target { topic, log } = target;
    let settings = topic.settings();
    if producing.acks == -1 && !cluster.has_enough_replicas(log, settings.min_insync_replicas) {
        return Err(ErrorCode::NotEnoughReplicas.into());
    }
    if cluster.is_disk_full() {
        if let Some(all) = context.counters() {
            counters::add(&all.disk_refused, 1);
        }
        let message = "the disk of this cluster is full";
        return Err(BatchRefusal::new(ErrorCode::KafkaStorageError, message).into());
    }
    let now_ms = cluster.now_ms();
    let rules = BatchRules {
        message_bytes_max: settings
            .message_bytes_max
            .min(cluster.spec().limits.message_bytes_max as usize),
        log_append_time_ms: settings.is_log_append_time.then_some(now_ms),
        keys_required: settings.is_compacted,
        timestamp_min_ms: now_ms.saturating_sub(settings.message_timestamp_before_max_ms),
        timestamp_max_ms: now_ms.saturating_add(settings.message_timestamp_after_max_ms),
        compression: settings.compression,
        record_faults_max: producing.faults_max,
    };
    let opened = open_batch(context, &records, producing, rules).await;
    let batch = opened.inspect_err(|refusal| {
        let counters = context.counters();
        if let Some(all) = counters.filter(|_| refusal.code == ErrorCode::MessageTooLarge) {
            counters::add(&all.messages_too_large, 1);
        }
    })?;
    let verify = || {
        let key = (topic.name.clone(), log.index);
        cluster
            .transactions()
            .verify(producing.transactional_id, &batch.header, &key)
    };
    let options = LogOptions {
        segment_bytes: settings
            .log
            .segment_bytes
            .min(segment_bytes_max(&cluster.spec().limits)),
        ..settings.log
    };
    Ok(log.append(&batch, &options, now_ms, verify)?)
}

/// Validates a batch: inline if it is small, otherwise on a blocking thread.
async fn open_batch(
    context: &Context,
    records: &Bytes,
    producing: &Producing<'_>,
    rules: BatchRules,
) -> Result<Batch, BatchRefusal> {
    let unopened = batch::check(records, producing.header.as_ref(), rules.message_bytes_max)?;
    let codec = unopened.header.compression();
    if context.version < ZSTD_VERSION_MIN && codec == COMPRESSION_ZSTD {
        let message = "requests of this version have no zstd";
        let code = ErrorCode::UnsupportedCompressionType;
        return Err(BatchRefusal::new(code, message));
    }
    let is_packed_anew = rules
        .compression
        .is_some_and(|wanted| wanted.codec != codec);
    if !is_packed_anew && unopened.header.records_count <= RECORDS_AT_ONCE_MAX {
        match unopened.open(&rules, UNPACKED_AT_ONCE_BYTES_MAX) {
            Err(OpenError::TooMuch) => {}
            Err(OpenError::Refused(refusal)) => return Err(refusal),
            Ok(batch) => return Ok(batch),
        }
    }
    let turns = context.cluster.turns();
    let opened = turns.take(move || unopened.open(&rules, UNPACKED_BYTES_MAX));
    match opened.await {
        Some(Ok(batch)) => Ok(batch),
        Some(Err(OpenError::Refused(refusal))) => Err(refusal),
        Some(Err(OpenError::TooMuch)) => Err(BatchRefusal::too_much()),
        None => {
            let message = "the records were not looked at";
            Err(BatchRefusal::new(ErrorCode::UnknownServerError, message))
        }
    }
}

fn answer_partition(
    context: &Context,
    topic: &Result<Arc<Topic>, ErrorCode>,
    index: i32,
    appended: Result<(AppendInfo, Arc<Partition>), Refusal>,
) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index);
    match appended {
        Ok((info, partition)) => {
            let start = partition
                .watermarks()
                .map_or(-1, |marks| marks.log_start_offset);
            answer
                .with_base_offset(info.base_offset)
                .with_log_append_time_ms(info.log_append_time_ms)
                .with_log_start_offset(start)
        }
        Err(refusal) => {
            context.count_errors(topic.as_deref().ok(), 1);
            let mut answer = answer
                .with_error_code(refusal.code.code())
                .with_base_offset(-1)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(-1)
                .with_record_errors(refusal.records.into_iter().map(record_error).collect())
                .with_error_message(refusal.message.map(text));
            if let Some((leader, epoch)) = refusal.leader {
                answer.current_leader = LeaderIdAndEpoch::default()
                    .with_leader_id(leader.into())
                    .with_leader_epoch(epoch);
            }
            answer
        }
    }
}

fn text(message: Cow<'static, str>) -> StrBytes {
    match message {
        Cow::Borrowed(text) => StrBytes::from_static_str(text),
        Cow::Owned(text) => text.into(),
    }
}

fn record_error(fault: RecordFault) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage::default()
        .with_batch_index(fault.index)
        .with_batch_index_error_message(Some(text(fault.message)))
}
