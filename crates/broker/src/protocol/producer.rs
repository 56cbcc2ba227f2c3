//! InitProducerId and DescribeProducers.

use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, InitProducerIdRequest,
    InitProducerIdResponse,
    describe_producers_response::{PartitionResponse, ProducerState, TopicResponse},
};

use super::Context;

pub(crate) async fn init_producer_id(
    context: &mut Context,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let given = match &request.transactional_id {
        Some(id) => {
            context
                .cluster
                .transactions
                .init_producer(context, id, &request)
                .await
        }
        None => context.cluster.next_producer_id().await.map(|id| (id, 0)),
    };
    match given {
        Ok((id, epoch)) => InitProducerIdResponse::default()
            .with_producer_id(id.into())
            .with_producer_epoch(epoch),
        Err(code) => InitProducerIdResponse::default()
            .with_error_code(code.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
}

/// What partitions know of their producers (KIP-664).
pub(crate) async fn describe_producers(
    context: &mut Context,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = context.cluster.topics.get(&wanted.name);
        let partitions = wanted.partition_indexes.iter().map(|index| {
            let answer = PartitionResponse::default().with_partition_index(*index);
            let states = context
                .led_partition(topic.as_ref(), *index)
                .and_then(|partition| partition.ask(|log, _| Ok(producers(log))));
            match states {
                Ok(states) => answer.with_active_producers(states),
                Err(code) => answer
                    .with_error_code(code.code())
                    .with_error_message(Some(code.to_string().into())),
            }
        });
        let partitions = partitions.collect();
        TopicResponse::default()
            .with_name(wanted.name)
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    DescribeProducersResponse::default().with_topics(topics)
}

fn producers(log: &crate::log::Log) -> Vec<ProducerState> {
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
