//! CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords.

use std::collections::{BTreeMap, HashSet};

use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::authorization::refused;
use super::{Context, config, distinct};
use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::{AclOperation, CLUSTER_NAME, ResourceType};
use crate::metadata::state::MetadataRecord;
use crate::spec::TopicSpec;
use crate::turn::Pace;

pub(crate) async fn create_topics(
    context: &mut Context,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let asked = distinct::counted(request.topics, |topic| topic.name.clone()).await;
    let mut answers = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for (topic, is_repeated) in asked {
        pace.step().await;
        let name = topic.name.clone();
        let created = if is_repeated {
            Err(twice("name"))
        } else if let Err(code) = context.check_create(&name) {
            Err(refused(code))
        } else {
            create(context, topic, request.validate_only).await
        };
        answers.push(match created {
            Ok(answer) => answer,
            Err(error) => CreatableTopicResult::default()
                .with_name(name)
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into()))
                .with_num_partitions(-1)
                .with_replication_factor(-1)
                .with_configs(Some(Vec::new())),
        });
    }
    CreateTopicsResponse::default().with_topics(answers)
}

fn unclear(message: &str) -> TopicError {
    TopicError::new(ErrorCode::InvalidRequest, message)
}

/// What is refused because the request names it more than once.
fn twice(what: &str) -> TopicError {
    let message = format!("Duplicate topic {what}.");
    TopicError::new(ErrorCode::InvalidRequest, message)
}

/// The replicas of each partition as they were chosen by hand.
fn from_assignments(
    context: &Context,
    topic: &CreatableTopic,
) -> Result<Vec<Vec<i32>>, TopicError> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let message = "A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.";
        return Err(TopicError::new(ErrorCode::InvalidRequest, message));
    }
    let mut placed: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for assignment in &topic.assignments {
        let replicas = assignment.broker_ids.iter().map(|id| id.0).collect();
        if placed
            .insert(assignment.partition_index, replicas)
            .is_some()
        {
            let message = format!(
                "Found multiple manual partition assignments for partition {}",
                assignment.partition_index
            );
            return Err(TopicError::new(
                ErrorCode::InvalidReplicaAssignment,
                message,
            ));
        }
    }
    if !placed.keys().copied().eq(0..placed.len() as i32) {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return Err(TopicError::new(
            ErrorCode::InvalidReplicaAssignment,
            message,
        ));
    }
    let assignments: Vec<_> = placed.into_values().collect();
    context.cluster.check_assignments(&assignments, None)?;
    Ok(assignments)
}

async fn create(
    context: &Context,
    topic: CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, TopicError> {
    let cluster = &context.cluster;
    let (assignments, partitions, replication_factor) = match topic.assignments.is_empty() {
        true => (Vec::new(), topic.num_partitions, topic.replication_factor),
        false => {
            let assignments = from_assignments(context, &topic)?;
            let (count, factor) = (assignments.len() as i32, assignments[0].len() as i16);
            (assignments, count, factor)
        }
    };
    let mut configs = BTreeMap::new();
    for config in topic.configs {
        let value = config.value.ok_or_else(|| {
            TopicError::new(
                ErrorCode::InvalidConfig,
                format!(
                    "Null value not supported for topic config {}",
                    config.name.as_str()
                ),
            )
        })?;
        configs.insert(config.name.to_string(), value.to_string());
    }
    let spec = TopicSpec {
        name: topic.name.to_string(),
        partitions,
        replication_factor,
        configs,
    };
    let (id, partitions, replication_factor) = if validate_only {
        let record = cluster.check_new_topic(&spec)?;
        (Uuid::nil(), record.partitions, record.replication_factor)
    } else {
        let created = cluster.create_topic(spec.clone(), assignments).await?;
        (
            created.id,
            created.partitions().len() as i32,
            created.replication_factor,
        )
    };
    let answer = CreatableTopicResult::default()
        .with_name(topic.name)
        .with_topic_id(id)
        .with_error_message(None);
    let describe = AclOperation::DescribeConfigs;
    if !context.may(describe, ResourceType::Topic, &spec.name) {
        // The topic is created all the same; the answer leaves its settings out (KIP-525).
        return Ok(answer
            .with_topic_config_error_code(ErrorCode::TopicAuthorizationFailed.code())
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_configs(Some(Vec::new())));
    }
    let shown = config::topic_rows(context, &spec.configs)
        .into_iter()
        .map(|row| {
            CreatableTopicConfigs::default()
                .with_name(StrBytes::from_static_str(row.name))
                .with_value(Some(row.value.into()))
                .with_config_source(row.source)
        });
    Ok(answer
        .with_num_partitions(partitions)
        .with_replication_factor(replication_factor)
        .with_configs(Some(shown.collect())))
}

/// Topics are deleted by those who may delete anything in the cluster, or may delete that one. Clients that
/// may not even describe it do not learn whether it exists.
fn check_delete(context: &Context, name: &str) -> Result<(), ErrorCode> {
    let delete = AclOperation::Delete;
    if context.may(delete, ResourceType::Cluster, CLUSTER_NAME) {
        return Ok(());
    }
    context.check_topic(AclOperation::Describe, name)?;
    if context.cluster.topics().get(name).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    context.check_topic(delete, name)
}

pub(crate) async fn delete_topics(
    context: &mut Context,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let wanted = if context.version >= 6 {
        request.topics
    } else {
        request
            .topic_names
            .into_iter()
            .map(|name| DeleteTopicState::default().with_name(Some(name)))
            .collect()
    };
    let key = |topic: &DeleteTopicState| (topic.name.clone(), topic.topic_id);
    let asked = distinct::counted(wanted, key).await;
    let named: HashSet<TopicName> = asked
        .iter()
        .filter_map(|(topic, _)| topic.name.clone())
        .collect();
    let mut answers = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for (wanted, is_repeated) in asked {
        pace.step().await;
        let topics = context.cluster.topics();
        let name = match &wanted.name {
            _ if is_repeated => Err(twice(if wanted.name.is_some() { "name" } else { "id" })),
            Some(_) if !wanted.topic_id.is_nil() => {
                Err(unclear("You may not specify both topic name and topic id."))
            }
            None if wanted.topic_id.is_nil() => {
                Err(unclear("Neither topic name nor id were specified."))
            }
            Some(name) => Ok(name.to_string()),
            None => match topics.by_id(&wanted.topic_id) {
                None => Err(ErrorCode::UnknownTopicId.into()),
                Some(topic) => {
                    let is_named = named.contains(&TopicName(topic.name.clone().into()));
                    match is_named && context.may_see_topic(&topic.name) {
                        true => Err(twice("id")),
                        false => Ok(topic.name.clone()),
                    }
                }
            },
        };
        let mut answer = DeletableTopicResult::default()
            .with_name(wanted.name.clone())
            .with_topic_id(wanted.topic_id);
        let deleted = match name {
            Ok(name) => match check_delete(context, &name) {
                Ok(()) => context.cluster.delete_topic(&name).await,
                Err(code) => {
                    if wanted.name.is_none() && context.may_see_topic(&name) {
                        answer.name = Some(TopicName(name.into()));
                    }
                    Err(refused(code))
                }
            },
            Err(error) => Err(error),
        };
        answers.push(match deleted {
            Ok(topic) => answer
                .with_name(Some(TopicName(topic.name.clone().into())))
                .with_topic_id(topic.id),
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        });
    }
    DeleteTopicsResponse::default().with_responses(answers)
}

pub(crate) async fn create_partitions(
    context: &mut Context,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let asked = distinct::counted(request.topics, |topic| topic.name.clone()).await;
    let mut results = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for (wanted, is_repeated) in asked {
        pace.step().await;
        let answer = CreatePartitionsTopicResult::default().with_name(wanted.name.clone());
        let assignments: Option<Vec<Vec<i32>>> = wanted.assignments.map(|assignments| {
            let replicas = assignments
                .iter()
                .map(|assignment| assignment.broker_ids.iter().map(|id| id.0).collect());
            replicas.collect()
        });
        let grown = match context.check_topic(AclOperation::Alter, &wanted.name) {
            Ok(()) if is_repeated => Err(twice("name")),
            Ok(()) => {
                let (name, count) = (&wanted.name, wanted.count);
                context
                    .cluster
                    .grow_topic(name, count, assignments.as_deref(), request.validate_only)
                    .await
            }
            Err(code) => Err(refused(code)),
        };
        results.push(match grown {
            Ok(()) => answer,
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        });
    }
    CreatePartitionsResponse::default().with_results(results)
}

pub(crate) async fn delete_records(
    context: &mut Context,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in distinct::partitions(request.topics).await {
        let allowed = context.check_topic(AclOperation::Delete, &wanted.name);
        let topic = context.cluster.topics().get(&wanted.name);
        let partitions = wanted.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let answer = DeleteRecordsPartitionResult::default().with_partition_index(index);
            let deleted = allowed
                .and_then(|()| context.led_partition(topic.as_ref(), index, None))
                .and_then(|log| match &topic {
                    // Records of compacted topics are removed by compaction only.
                    Some(topic) if !topic.settings().is_deleted_by_retention => {
                        Err(ErrorCode::PolicyViolation)
                    }
                    _ => log.delete_records(partition.offset, context.cluster.now_ms()),
                });
            match deleted {
                Ok(start) => {
                    if let Some(topic) = &topic {
                        records.push(MetadataRecord::LogStart {
                            topic: topic.id,
                            partition: index,
                            offset: start,
                        });
                    }
                    answer.with_low_watermark(start)
                }
                Err(code) => answer.with_low_watermark(-1).with_error_code(code.code()),
            }
        });
        let partitions = partitions.collect();
        topics.push(
            DeleteRecordsTopicResult::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    if !records.is_empty() && super::offset::write(context, records).await.is_err() {
        let done = topics
            .iter_mut()
            .flat_map(|topic| topic.partitions.iter_mut());
        done.filter(|partition| partition.error_code == 0)
            .for_each(|partition| partition.error_code = ErrorCode::KafkaStorageError.code());
    }
    DeleteRecordsResponse::default().with_topics(topics)
}
