//! InitProducerId and DescribeProducers.

use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, InitProducerIdRequest,
    InitProducerIdResponse,
};

use super::{Context, distinct};
use crate::coordinator::transaction::ProducerIdAndEpoch;
use crate::error::ErrorCode;
use crate::metadata::acl::AclOperation;
use crate::turn::Pace;

pub(crate) async fn init_producer_id(
    context: &mut Context,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let given = match &request.transactional_id {
        Some(id) => init_transactional(context, id, &request).await,
        None => match context.check_idempotent_write() {
            Ok(()) => context
                .cluster
                .transactions()
                .next_producer_id()
                .await
                .map(|id| ProducerIdAndEpoch { id, epoch: 0 }),
            Err(code) => Err(code),
        },
    };
    match given {
        Ok(ProducerIdAndEpoch { id, epoch }) => InitProducerIdResponse::default()
            .with_producer_id(id.into())
            .with_producer_epoch(epoch),
        Err(code) => InitProducerIdResponse::default()
            .with_error_code(code.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
}

async fn init_transactional(
    context: &Context,
    id: &str,
    request: &InitProducerIdRequest,
) -> Result<ProducerIdAndEpoch, ErrorCode> {
    context.check_transactional_id(AclOperation::Write, id)?;
    context.check_coordinator(id)?;
    let former = (request.producer_id.0 >= 0).then_some(ProducerIdAndEpoch {
        id: request.producer_id.0,
        epoch: request.producer_epoch,
    });
    let fenced = super::transaction::fenced(context.version, 4);
    let transactions = context.cluster.transactions();
    transactions
        .init_producer(id, request.transaction_timeout_ms, former, fenced)
        .await
}

/// What partitions know of their producers (KIP-664).
pub(crate) async fn describe_producers(
    context: &mut Context,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let asked = distinct::partitions(request.topics).await;
    let mut topics = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for wanted in asked {
        pace.step().await;
        let allowed = context.check_topic(AclOperation::Read, &wanted.name);
        let topic = context.cluster.topics().get(&wanted.name);
        let mut partitions = Vec::with_capacity(wanted.partition_indexes.len());
        for index in wanted.partition_indexes {
            pace.step().await;
            let answer = PartitionResponse::default().with_partition_index(index);
            let states = allowed
                .and_then(|()| context.led_partition(topic.as_ref(), index, None))
                .and_then(|partition| partition.ask(|log, _| Ok(producers(log))));
            partitions.push(match states {
                Ok(states) => answer.with_active_producers(states),
                Err(code) => answer
                    .with_error_code(code.code())
                    .with_error_message(Some(code.to_string().into())),
            });
        }
        topics.push(
            TopicResponse::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    DescribeProducersResponse::default().with_topics(topics)
}

fn producers(log: &crate::log::UnifiedLog) -> Vec<ProducerState> {
    let state = |(id, entry): (i64, &crate::log::producer_state::ProducerEntry)| {
        ProducerState::default()
            .with_producer_id(id.into())
            .with_producer_epoch(i32::from(entry.epoch))
            .with_last_sequence(entry.batches.back().map_or(-1, |batch| batch.last_sequence))
            .with_last_timestamp(entry.last_timestamp_ms)
            .with_coordinator_epoch(entry.coordinator_epoch)
            .with_current_txn_start_offset(entry.transaction_first_offset.unwrap_or(-1))
    };
    log.producers().iter().map(state).collect()
}
