//! ListOffsets and OffsetForLeaderEpoch.

use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
    offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
};

use super::{Context, check_leader_epoch};
use crate::{error::ErrorCode, log::partition::Partition};

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

pub(crate) async fn list_offsets(
    context: &mut Context,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let is_read_committed = request.isolation_level == 1;
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let topic = context.cluster.topics.get(&wanted.name);
        let partitions = wanted.partitions.iter().map(|partition| {
            let found = context
                .led_partition(topic.as_ref(), partition.partition_index)
                .and_then(|log| find(&log, partition, is_read_committed));
            let answer = ListOffsetsPartitionResponse::default()
                .with_partition_index(partition.partition_index);
            match found {
                Ok((offset, timestamp_ms, epoch)) => answer
                    .with_offset(offset)
                    .with_timestamp(timestamp_ms)
                    .with_leader_epoch(if context.version >= 4 { epoch } else { -1 }),
                Err(code) => answer
                    .with_error_code(code.code())
                    .with_offset(-1)
                    .with_timestamp(-1),
            }
        });
        let partitions = partitions.collect();
        topics.push(
            ListOffsetsTopicResponse::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    ListOffsetsResponse::default().with_topics(topics)
}

/// Offset, timestamp and leader epoch; all -1 if there is no such record.
fn find(
    partition: &Partition,
    wanted: &ListOffsetsPartition,
    is_read_committed: bool,
) -> Result<(i64, i64, i32), ErrorCode> {
    check_leader_epoch(wanted.current_leader_epoch, partition)?;
    let epoch = partition.leader_epoch();
    partition.ask(|log, marks| {
        let end = if is_read_committed {
            marks.last_stable_offset
        } else {
            marks.high_watermark
        };
        Ok(match wanted.timestamp {
            LATEST => (end, -1, epoch),
            EARLIEST | EARLIEST_LOCAL | EARLIEST_PENDING_UPLOAD => {
                (marks.log_start_offset, -1, epoch)
            }
            LATEST_TIERED => (-1, -1, -1),
            MAX_TIMESTAMP => log.find_max_timestamp()?.map_or((-1, -1, epoch), |found| {
                (found.offset, found.timestamp_ms, epoch)
            }),
            timestamp_ms => log
                .find_timestamp(timestamp_ms, end)?
                .map_or((-1, -1, -1), |found| {
                    (found.offset, found.timestamp_ms, epoch)
                }),
        })
    })
}

/// Where an epoch ended (KIP-320). Epochs start at 0 and the log of each is whole.
pub(crate) async fn offset_for_leader_epoch(
    context: &mut Context,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let topic = context.cluster.topics.get(&wanted.topic);
        let partitions = wanted.partitions.iter().map(|partition| {
            let answer = EpochEndOffset::default().with_partition(partition.partition);
            let found = context
                .led_partition(topic.as_ref(), partition.partition)
                .and_then(|log| {
                    check_leader_epoch(partition.current_leader_epoch, &log)?;
                    Ok((log.leader_epoch(), log.watermarks()?))
                });
            match found {
                Ok((epoch, marks))
                    if partition.leader_epoch >= 0 && partition.leader_epoch <= epoch =>
                {
                    answer
                        .with_leader_epoch(partition.leader_epoch)
                        .with_end_offset(marks.high_watermark)
                }
                Ok(_) => answer.with_leader_epoch(-1).with_end_offset(-1),
                Err(code) => answer
                    .with_error_code(code.code())
                    .with_leader_epoch(-1)
                    .with_end_offset(-1),
            }
        });
        let partitions = partitions.collect();
        topics.push(
            OffsetForLeaderTopicResult::default()
                .with_topic(wanted.topic)
                .with_partitions(partitions),
        );
    }
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}
