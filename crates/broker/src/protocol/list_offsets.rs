//! ListOffsets and OffsetForLeaderEpoch.

use std::sync::Arc;

use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};

use super::{Context, distinct};
use crate::error::ErrorCode;
use crate::log::partition::Partition;
use crate::metadata::acl::{AclOperation, CLUSTER_NAME, ResourceType};
use crate::turn::Pace;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
/// KIP-734.
const MAX_TIMESTAMP: i64 = -3;
/// KIP-405: without tiers it is the earliest.
const EARLIEST_LOCAL: i64 = -4;
/// KIP-1005: without tiers there is none.
const LATEST_TIERED: i64 = -5;
/// KIP-1023: without tiers it is the earliest that is not in one.
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The first version that may name a special timestamp; none for what is not special.
fn first_version(timestamp: i64) -> Option<i16> {
    match timestamp {
        0.. => Some(0),
        LATEST | EARLIEST => Some(1),
        MAX_TIMESTAMP => Some(7),
        EARLIEST_LOCAL => Some(8),
        LATEST_TIERED => Some(9),
        EARLIEST_PENDING_UPLOAD => Some(11),
        _ => None,
    }
}

/// A partition that is named twice is refused, as in Kafka's `ListOffsetsRequest.duplicatePartitions`.
pub(crate) async fn list_offsets(
    context: &mut Context,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let is_read_committed = request.isolation_level == 1;
    let (asked, repeated) = distinct::counted_partitions(request.topics).await;
    let mut topics = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for wanted in asked {
        pace.step().await;
        let allowed = context.check_topic(AclOperation::Describe, &wanted.name);
        let topic = context.cluster.topics().get(&wanted.name);
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in wanted.partitions {
            pace.step().await;
            let index = partition.partition_index;
            let led = allowed.and_then(|()| {
                if repeated.contains(&(wanted.name.clone(), index)) {
                    return Err(ErrorCode::InvalidRequest);
                }
                let is_known = first_version(partition.timestamp)
                    .is_some_and(|first_version| context.version >= first_version);
                match is_known {
                    true => context.led_partition(
                        topic.as_ref(),
                        index,
                        Some(partition.current_leader_epoch),
                    ),
                    false => Err(ErrorCode::UnsupportedVersion),
                }
            });
            let found = match led {
                Ok(log) => find_in_turn(context, log, partition, is_read_committed).await,
                Err(code) => Err(code),
            };
            let answer = ListOffsetsPartitionResponse::default().with_partition_index(index);
            partitions.push(match found {
                Ok((offset, timestamp_ms, epoch)) => answer
                    .with_offset(offset)
                    .with_timestamp(timestamp_ms)
                    .with_leader_epoch(if context.version >= 4 { epoch } else { -1 }),
                Err(code) => answer
                    .with_error_code(code.code())
                    .with_offset(-1)
                    .with_timestamp(-1),
            });
        }
        topics.push(
            ListOffsetsTopicResponse::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    ListOffsetsResponse::default().with_topics(topics)
}

/// Finding a timestamp may decompress batches: that is done on a blocking thread, one partition a turn.
async fn find_in_turn(
    context: &Context,
    log: Arc<Partition>,
    wanted: ListOffsetsPartition,
    is_read_committed: bool,
) -> Result<(i64, i64, i32), ErrorCode> {
    let is_by_time = wanted.timestamp >= 0 || wanted.timestamp == MAX_TIMESTAMP;
    if !is_by_time {
        return find(&log, &wanted, is_read_committed);
    }
    let finding = context
        .cluster
        .turns()
        .take(move || find(&log, &wanted, is_read_committed));
    finding.await.unwrap_or(Err(ErrorCode::UnknownServerError))
}

/// Offset, timestamp and leader epoch; all -1 if there is no such record.
fn find(
    partition: &Partition,
    wanted: &ListOffsetsPartition,
    is_read_committed: bool,
) -> Result<(i64, i64, i32), ErrorCode> {
    const NONE: (i64, i64, i32) = (-1, -1, -1);
    let epoch = partition.leader_epoch();
    let marks = partition.watermarks()?;
    let end = match is_read_committed {
        true => marks.last_stable_offset,
        false => marks.high_watermark,
    };
    let (timestamp_ms, limit) = match wanted.timestamp {
        LATEST => return Ok((end, -1, epoch)),
        EARLIEST | EARLIEST_LOCAL | EARLIEST_PENDING_UPLOAD => {
            let start = marks.log_start_offset;
            // The epoch of a log without records is that of its leader.
            let written = partition.ask(|log, _| Ok(log.epoch_at(start)))?;
            let written = written.filter(|_| start < marks.high_watermark);
            return Ok((start, -1, written.unwrap_or(epoch)));
        }
        LATEST_TIERED => return Ok(NONE),
        MAX_TIMESTAMP => match partition.ask(|log, _| Ok(log.max_timestamp_ms()))? {
            Some(timestamp_ms) => (timestamp_ms, i64::MAX),
            None => return Ok(NONE),
        },
        timestamp_ms => (timestamp_ms, end),
    };
    let Some(found) = partition.find_timestamp(timestamp_ms, limit)? else {
        return Ok(NONE);
    };
    let epoch = partition.ask(|log, _| Ok(log.epoch_at(found.offset)))?;
    Ok((found.offset, found.timestamp_ms, epoch.unwrap_or(-1)))
}

/// Where an epoch ended (KIP-320).
pub(crate) async fn offset_for_leader_epoch(
    context: &mut Context,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    // Also sent by brokers and by programs that act as one.
    let may_all = context.may(
        AclOperation::ClusterAction,
        ResourceType::Cluster,
        CLUSTER_NAME,
    );
    let asked = distinct::partitions(request.topics).await;
    let mut topics = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for wanted in asked {
        pace.step().await;
        let allowed = match may_all {
            true => Ok(()),
            false => context.check_topic(AclOperation::Describe, &wanted.topic),
        };
        let topic = context.cluster.topics().get(&wanted.topic);
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in wanted.partitions {
            pace.step().await;
            let answer = EpochEndOffset::default().with_partition(partition.partition);
            let found = allowed
                .and_then(|()| {
                    context.led_partition(
                        topic.as_ref(),
                        partition.partition,
                        Some(partition.current_leader_epoch),
                    )
                })
                .and_then(|log| {
                    let (wanted, current) = (partition.leader_epoch, log.leader_epoch());
                    log.ask(|log, marks| {
                        Ok(log.end_of_epoch(wanted, current, marks.high_watermark))
                    })
                });
            partitions.push(match found {
                Ok(Some((epoch, end_offset))) if partition.leader_epoch >= 0 => {
                    answer.with_leader_epoch(epoch).with_end_offset(end_offset)
                }
                Ok(_) => answer.with_leader_epoch(-1).with_end_offset(-1),
                Err(code) => answer
                    .with_error_code(code.code())
                    .with_leader_epoch(-1)
                    .with_end_offset(-1),
            });
        }
        topics.push(
            OffsetForLeaderTopicResult::default()
                .with_topic(wanted.topic)
                .with_partitions(partitions),
        );
    }
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}
