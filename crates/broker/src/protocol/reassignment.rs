//! Partition reassignments (KIP-455). Replicas are placed when partitions are made and stay there: none is ever under
//! way, and to ask for other replicas is refused.

use std::collections::HashSet;

use kafka_protocol::messages::alter_partition_reassignments_request::ReassignableTopic;
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerId,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::{Context, distinct};
use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::AclOperation;
use crate::turn::Pace;

pub(crate) async fn alter_partition_reassignments(
    context: &mut Context,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let answer = AlterPartitionReassignmentsResponse::default()
        .with_allow_replication_factor_change(request.allow_replication_factor_change);
    if let Err(error) = context.check_cluster_or_say(AclOperation::Alter) {
        return answer
            .with_error_code(error.code)
            .with_error_message(Some(error.message.into()));
    }
    let mut topics = Vec::with_capacity(request.topics.len());
    let mut pace = Pace::default();
    for topic in distinct::partitions(request.topics).await {
        pace.step().await;
        topics.push(answer_topic(context, &topic));
    }
    answer.with_error_message(None).with_responses(topics)
}

fn answer_topic(context: &Context, wanted: &ReassignableTopic) -> ReassignableTopicResponse {
    let partitions = wanted.partitions.iter().map(|partition| {
        let index = partition.partition_index;
        let answer = ReassignablePartitionResponse::default()
            .with_partition_index(index)
            .with_error_message(None);
        match reassign(context, &wanted.name, index, partition.replicas.as_deref()) {
            Ok(()) => answer,
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        }
    });
    ReassignableTopicResponse::default()
        .with_name(wanted.name.clone())
        .with_partitions(partitions.collect())
}

/// `replicas` of `None` end the reassignment that is under way.
fn reassign(
    context: &Context,
    topic: &str,
    partition: i32,
    replicas: Option<&[BrokerId]>,
) -> Result<(), TopicError> {
    let cluster = &context.cluster;
    let topic = cluster.topics().get(topic);
    let partition = topic.and_then(|topic| topic.partition(partition));
    let partition =
        partition.ok_or_else(|| TopicError::from(ErrorCode::UnknownTopicOrPartition))?;
    let Some(replicas) = replicas else {
        return Err(ErrorCode::NoReassignmentInProgress.into());
    };
    let wanted: Vec<i32> = replicas.iter().map(|id| id.0).collect();
    let distinct: HashSet<i32> = wanted.iter().copied().collect();
    let brokers = cluster.spec().brokers.len() as i32;
    let are_known = wanted.iter().all(|id| (0..brokers).contains(id));
    if wanted.is_empty() || distinct.len() != wanted.len() || !are_known {
        let message = "The replicas are no list of different brokers of the cluster.";
        return Err(TopicError::new(
            ErrorCode::InvalidReplicaAssignment,
            message,
        ));
    }
    if wanted == cluster.replicas(&partition) {
        return Ok(());
    }
    let message = "Replicas stay where they were placed when their partition was made.";
    Err(TopicError::new(ErrorCode::PolicyViolation, message))
}

pub(crate) async fn list_partition_reassignments(
    context: &mut Context,
    _request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    match context.check_cluster_or_say(AclOperation::Describe) {
        Ok(()) => ListPartitionReassignmentsResponse::default().with_error_message(None),
        Err(error) => ListPartitionReassignmentsResponse::default()
            .with_error_code(error.code)
            .with_error_message(Some(error.message.into())),
    }
}
