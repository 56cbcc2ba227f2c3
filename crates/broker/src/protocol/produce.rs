//! Produce.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::{
    ProduceRequest, ProduceResponse,
    produce_request::{PartitionProduceData, TopicProduceData},
    produce_response::{
        LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
    },
};

use super::{Context, bandwidth::Traffic, throttle_ms, usage::count_topic};
use crate::{
    acl::AclOperation,
    client_quota::Direction,
    counters,
    disk_quota::segment_bytes_max,
    error::ErrorCode,
    leadership::NO_LEADER,
    log::{
        AppendInfo, LogOptions,
        batch::{self, Batch, BatchHeader, BatchRules, COMPRESSION_ZSTD},
        partition::Partition,
        record::Compression,
    },
    topic::Topic,
    transaction::{Claim, Producer},
};

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

    /// Waits for durability; `None` with acks=0.
    pub(crate) async fn finish(mut self) -> Option<ProduceResponse> {
        for flush in self.flushes {
            if let Err(code) = flush.log.flush(flush.end_offset).await {
                let answer =
                    &mut self.answer.responses[flush.topic].partition_responses[flush.partition];
                answer.error_code = code.code();
                answer.base_offset = -1;
            }
        }
        self.wants_answer.then_some(self.answer)
    }
}

/// Appends in the order of arrival. Durability is waited for in [`Produced::finish`], so that requests of
/// one connection share a flush.
pub(crate) async fn produce(context: &mut Context, request: ProduceRequest) -> Produced {
    let acks = request.acks;
    let allowed = check_transactional(context, &request);
    let transactional_id = request.transactional_id.map(|id| id.to_string());
    let mut traffic = Traffic::default();
    let mut answers = Vec::with_capacity(request.topic_data.len());
    let mut flushes = Vec::new();
    for data in request.topic_data {
        let topic = allowed.and_then(|()| find_topic(context, &data));
        if let Ok(topic) = &topic {
            count_topic(topic, |counters| &counters.produce_requests);
        }
        let mut partitions = Vec::with_capacity(data.partition_data.len());
        for partition in data.partition_data {
            let bytes = partition.records.as_ref().map_or(0, Bytes::len);
            traffic.add(
                context,
                bytes,
                topic.as_ref().map_or(1, |topic| topic.replication_factor),
            );
            let index = partition.index;
            let appended = if (-1..=1).contains(&acks) {
                join_transaction(context, &topic, &partition, transactional_id.as_deref()).await;
                append(
                    context,
                    &topic,
                    partition,
                    acks,
                    transactional_id.as_deref(),
                )
                .await
            } else {
                Err((ErrorCode::InvalidRequiredAcks, None))
            };
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
            partitions.push(answer_partition(
                context,
                &topic,
                index,
                appended.map(|(log, info)| (info, log)),
            ));
        }
        answers.push(
            TopicProduceResponse::default()
                .with_name(data.name)
                .with_topic_id(data.topic_id)
                .with_partition_responses(partitions),
        );
    }
    let throttle = context.charge(Direction::Produce, traffic);
    let endpoints = redirects(context, &answers);
    let answer = ProduceResponse::default()
        .with_responses(answers)
        .with_throttle_time_ms(throttle_ms(throttle))
        .with_node_endpoints(endpoints);
    Produced {
        answer,
        flushes,
        wants_answer: acks != 0,
    }
}

fn find_topic(context: &Context, data: &TopicProduceData) -> Result<Arc<Topic>, ErrorCode> {
    let topics = &context.cluster.topics;
    if context.version >= 13 {
        let topic = topics.by_id(&data.topic_id);
        let topic = topic.ok_or(ErrorCode::UnknownTopicId)?;
        context.check_topic(AclOperation::Write, &topic.name)?;
        return Ok(topic);
    }
    context.check_topic(AclOperation::Write, &data.name)?;
    topics
        .get(&data.name)
        .ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// Transactional batches need permission for their transactional id, before anything else is looked at.
fn check_transactional(context: &Context, request: &ProduceRequest) -> Result<(), ErrorCode> {
    let mut data = request
        .topic_data
        .iter()
        .flat_map(|topic| topic.partition_data.iter());
    let is_transactional = data.any(|data| {
        let header = data.records.as_ref().and_then(|at| BatchHeader::parse(at));
        header.is_some_and(|header| header.is_transactional())
    });
    match &request.transactional_id {
        _ if !is_transactional => Ok(()),
        Some(id) => context.check_transactional_id(AclOperation::Write, id),
        None => Err(ErrorCode::TransactionalIdAuthorizationFailed),
    }
}

/// From version 12 on producing makes the partition part of the transaction (KIP-890). A refusal shows
/// when the batch is verified.
async fn join_transaction(
    context: &Context,
    topic: &Result<Arc<Topic>, ErrorCode>,
    data: &PartitionProduceData,
    transactional_id: Option<&str>,
) {
    let (Ok(topic), Some(transactional_id), Some(records)) =
        (topic, transactional_id, &data.records)
    else {
        return;
    };
    let Some(header) = BatchHeader::parse(records).filter(BatchHeader::is_transactional) else {
        return;
    };
    let key = (topic.name.clone(), data.index);
    let transactions = &context.cluster.transactions;
    let is_led = context.led_partition(Some(topic), data.index, None).is_ok();
    if context.version < 12
        || !is_led
        || transactions
            .verify(Some(transactional_id), &header, &key)
            .is_ok()
    {
        return;
    }
    let producer = Producer {
        id: header.producer_id,
        epoch: header.producer_epoch,
    };
    let claim = Claim {
        transactional_id,
        producer,
        fenced: ErrorCode::InvalidProducerEpoch,
    };
    if let Err(code) = transactions.add_partitions(claim, [key]).await {
        tracing::debug!(%code, transactional_id, "partition does not become part of the transaction");
    }
}

type Refusal = (ErrorCode, Option<String>);

async fn append(
    context: &Context,
    topic: &Result<Arc<Topic>, ErrorCode>,
    data: PartitionProduceData,
    acks: i16,
    transactional_id: Option<&str>,
) -> Result<(Arc<Partition>, AppendInfo), Refusal> {
    let cluster = &context.cluster;
    let plain = |code| (code, None);
    let topic = topic.as_ref().map_err(|code| plain(*code))?;
    let partition = context
        .led_partition(Some(topic), data.index, None)
        .map_err(plain)?;
    let settings = topic.settings();
    if acks == -1 && !cluster.has_enough_replicas(&partition, settings.min_insync_replicas) {
        return Err(plain(ErrorCode::NotEnoughReplicas));
    }
    if cluster.is_disk_full() {
        counters::add(&cluster.counters.disk_refused, 1);
        return Err((
            ErrorCode::KafkaStorageError,
            Some("the disk of this cluster is full".to_owned()),
        ));
    }
    let now_ms = cluster.shared.now_ms();
    let rules = BatchRules {
        message_bytes_max: settings
            .message_bytes_max
            .min(cluster.spec().limits.message_bytes_max as usize),
        log_append_time_ms: settings.is_log_append_time.then_some(now_ms),
        keys_required: settings.is_compacted,
        timestamp_min_ms: now_ms.saturating_sub(settings.message_timestamp_before_max_ms),
        timestamp_max_ms: now_ms.saturating_add(settings.message_timestamp_after_max_ms),
    };
    let refused = |code| {
        if code == ErrorCode::MessageTooLarge {
            counters::add(&cluster.counters.messages_too_large, 1);
        }
        let is_timestamp = code == ErrorCode::InvalidTimestamp;
        (
            code,
            is_timestamp.then(|| "a timestamp is out of the range that the topic takes".to_owned()),
        )
    };
    let mut batch = batch::validate(data.records.unwrap_or_default(), rules).map_err(refused)?;
    if context.version < ZSTD_VERSION_MIN && batch.header.compression() == COMPRESSION_ZSTD {
        return Err(plain(ErrorCode::UnsupportedCompressionType));
    }
    if let Some(compression) = settings.compression
        && compression.codec != batch.header.compression()
    {
        batch = recompress(batch, compression, rules.message_bytes_max)
            .await
            .map_err(refused)?;
    }
    let verify = || {
        let key = (topic.name.clone(), data.index);
        cluster
            .transactions
            .verify(transactional_id, &batch.header, &key)
    };
    let options = LogOptions {
        segment_bytes: settings
            .log
            .segment_bytes
            .min(segment_bytes_max(&cluster.spec().limits)),
        ..settings.log
    };
    let info = partition
        .append(&batch, &options, now_ms, verify)
        .map_err(plain)?;
    Ok((partition, info))
}

/// Packs records in another way, beside the threads that serve.
async fn recompress(
    batch: Batch,
    compression: Compression,
    message_bytes_max: usize,
) -> Result<Batch, ErrorCode> {
    let packing = tokio::task::spawn_blocking(move || {
        batch::recompress(&batch, compression, message_bytes_max)
    });
    packing.await.unwrap_or(Err(ErrorCode::UnknownServerError))
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
            let is_stamped = topic
                .as_ref()
                .is_ok_and(|topic| topic.settings().is_log_append_time);
            let append_time = if is_stamped {
                context.cluster.shared.now_ms()
            } else {
                -1
            };
            let start = partition
                .watermarks()
                .map_or(-1, |marks| marks.log_start_offset);
            answer
                .with_base_offset(info.base_offset)
                .with_log_append_time_ms(append_time)
                .with_log_start_offset(start)
        }
        Err((code, message)) => {
            context.count_errors(topic.as_deref().ok(), 1);
            let mut answer = answer
                .with_error_code(code.code())
                .with_base_offset(-1)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(-1)
                .with_error_message(message.map(Into::into));
            if code == ErrorCode::NotLeaderOrFollower
                && let Ok(topic) = topic
            {
                let partition = topic.partition(index);
                let (leader, epoch) =
                    partition.map_or((NO_LEADER, -1), |partition| partition.leader());
                answer.current_leader = LeaderIdAndEpoch::default()
                    .with_leader_id(leader.into())
                    .with_leader_epoch(epoch);
            }
            answer
        }
    }
}

/// Where the leaders are that the answer names (KIP-951).
fn redirects(context: &Context, answers: &[TopicProduceResponse]) -> Vec<NodeEndpoint> {
    let leads = answers
        .iter()
        .flat_map(|topic| topic.partition_responses.iter());
    let mut leaders: Vec<i32> = leads
        .filter(|partition| partition.error_code == ErrorCode::NotLeaderOrFollower.code())
        .map(|partition| partition.current_leader.leader_id.0)
        .collect();
    leaders.sort_unstable();
    leaders.dedup();
    let endpoint = |leader: i32| context.cluster.endpoint(&context.listener, leader);
    leaders
        .into_iter()
        .filter_map(endpoint)
        .map(|found| {
            NodeEndpoint::default()
                .with_node_id(found.broker_id.into())
                .with_host(found.host.into())
                .with_port(i32::from(found.port))
        })
        .collect()
}
