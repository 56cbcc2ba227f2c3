//! Metadata and DescribeTopicPartitions: brokers, topics, leaders.

use std::sync::Arc;

use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest,
    MetadataResponse, TopicName,
};

use super::{Context, OPERATIONS_UNKNOWN, distinct};
use crate::error::ErrorCode;
use crate::log::partition::Partition;
use crate::metadata::acl::{AclOperation, ResourceType};
use crate::metadata::leadership::NO_LEADER;
use crate::metadata::topic::{Topic, check_topic_name, is_internal};
use crate::spec::TopicSpec;
use crate::turn::Pace;

/// Partitions in one DescribeTopicPartitions answer (Kafka's `max.request.partition.size.limit`).
pub(super) const PARTITIONS_PER_ANSWER_MAX: usize = 2_000;

/// Brokers that clients can connect to, topics and leaders.
pub(crate) async fn metadata(context: &mut Context, request: MetadataRequest) -> MetadataResponse {
    let cluster = context.cluster.clone();
    let spec = cluster.spec();
    let rack_of = |id| spec.rack(id).map(|rack| rack.to_owned().into());
    let brokers = cluster
        .endpoints(&context.listener)
        .into_iter()
        .map(|endpoint| {
            MetadataResponseBroker::default()
                .with_node_id(endpoint.broker_id.into())
                .with_rack(rack_of(endpoint.broker_id))
                .with_host(endpoint.host.into())
                .with_port(i32::from(endpoint.port))
        });
    let mut answer = MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(cluster.id().to_owned().into()))
        .with_controller_id(cluster.controller().into())
        .with_cluster_authorized_operations(match request.include_cluster_authorized_operations {
            true => context.cluster_operations(),
            false => OPERATIONS_UNKNOWN,
        });
    let wanted = match request.topics {
        Some(topics) if context.version > 0 || !topics.is_empty() => Some(topics),
        _ => None,
    };
    let mut pace = Pace::default();
    match wanted {
        None => {
            for topic in cluster.topics().all() {
                pace.step().await;
                if context.may_see_topic(&topic.name) {
                    answer.topics.push(describe(context, &topic));
                }
            }
        }
        Some(wanted) => {
            let may_create = cluster.spec().auto_create_topics
                && (context.version < 4 || request.allow_auto_topic_creation);
            // By id if there is one, as Kafka reads it into a set.
            let key = |topic: &MetadataRequestTopic| {
                let name = topic.name.clone().filter(|_| topic.topic_id.is_nil());
                (topic.topic_id, name)
            };
            for topic in distinct::distinct(wanted, key).await {
                pace.step().await;
                answer.topics.push(find(context, topic, may_create).await);
            }
        }
    }
    if request.include_topic_authorized_operations {
        for topic in answer.topics.iter_mut() {
            pace.step().await;
            if let Some(name) = &topic.name {
                topic.topic_authorized_operations =
                    context.authorized_operations(ResourceType::Topic, name);
            }
        }
    }
    answer
}

async fn find(
    context: &Context,
    wanted: MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let cluster = &context.cluster;
    let failed = |code: ErrorCode| {
        MetadataResponseTopic::default()
            .with_error_code(code.code())
            .with_name(wanted.name.clone())
            .with_topic_id(wanted.topic_id)
            .with_topic_authorized_operations(OPERATIONS_UNKNOWN)
    };
    let named = wanted.name.as_ref().filter(|_| wanted.topic_id.is_nil());
    let Some(name) = named else {
        return match cluster.topics().by_id(&wanted.topic_id) {
            Some(topic) => match context.check_topic(AclOperation::Describe, &topic.name) {
                Ok(()) => describe(context, &topic),
                Err(code) => failed(code),
            },
            None => failed(ErrorCode::UnknownTopicId),
        };
    };
    // Clients that may not describe the topic do not learn whether it exists.
    if let Err(code) = context.check_topic(AclOperation::Describe, name) {
        return failed(code);
    }
    if let Some(topic) = cluster.topics().get(name) {
        return describe(context, &topic);
    }
    if check_topic_name(name).is_err() {
        return failed(ErrorCode::InvalidTopicException);
    }
    if !may_create {
        return failed(ErrorCode::UnknownTopicOrPartition);
    }
    if let Err(code) = context.check_create(name) {
        return failed(code);
    }
    let spec = TopicSpec {
        name: name.to_string(),
        partitions: -1,
        replication_factor: -1,
        configs: Default::default(),
    };
    match cluster.create_topic(spec, Vec::new()).await {
        // As Kafka answers while it creates the topic: the client asks again. A client that checks whether a
        // topic is deleted gets the answer that it expects.
        Ok(_) => failed(ErrorCode::UnknownTopicOrPartition),
        // Another request may have created it first.
        Err(error) => match cluster.topics().get(name) {
            Some(topic) => describe(context, &topic),
            None => failed(
                ErrorCode::try_from_code(error.code).unwrap_or(ErrorCode::UnknownServerError),
            ),
        },
    }
}

fn describe(context: &Context, topic: &Arc<Topic>) -> MetadataResponseTopic {
    describe_all(context, topic, context.version == 0)
}

fn describe_all(
    context: &Context,
    topic: &Arc<Topic>,
    hides_offline: bool,
) -> MetadataResponseTopic {
    let partitions = topic
        .partitions()
        .iter()
        .map(|partition| describe_partition(context, topic, partition, hides_offline))
        .collect();
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(topic.name.clone().into())))
        .with_topic_id(topic.id)
        .with_is_internal(is_internal(&topic.name))
        .with_partitions(partitions)
        .with_topic_authorized_operations(OPERATIONS_UNKNOWN)
}

/// `hides_offline`: only brokers that run are named, as the first version of Metadata wants it.
fn describe_partition(
    context: &Context,
    topic: &Topic,
    partition: &Partition,
    hides_offline: bool,
) -> MetadataResponsePartition {
    let cluster = &context.cluster;
    let (leader_id, leader_epoch) = partition.leader();
    let mut replicas = cluster.replicas(partition);
    let mut in_sync = cluster.in_sync_replicas(topic, partition);
    let offline: Vec<i32> = cluster.with_live_brokers(|live| {
        let offline = replicas.iter().copied().filter(|id| !live.has(*id));
        offline.collect()
    });
    let mut code = 0;
    if leader_id == NO_LEADER {
        code = ErrorCode::LeaderNotAvailable.code();
    } else if hides_offline && !offline.is_empty() {
        code = ErrorCode::ReplicaNotAvailable.code();
    }
    if hides_offline {
        replicas.retain(|id| !offline.contains(id));
        in_sync.retain(|id| !offline.contains(id));
    }
    let nodes = |ids: Vec<i32>| ids.into_iter().map(BrokerId).collect::<Vec<_>>();
    MetadataResponsePartition::default()
        .with_error_code(code)
        .with_partition_index(partition.index)
        .with_leader_id(leader_id.into())
        .with_leader_epoch(leader_epoch)
        .with_replica_nodes(nodes(replicas))
        .with_isr_nodes(nodes(in_sync))
        .with_offline_replicas(nodes(offline))
}

/// The same by pages (KIP-966).
pub(crate) async fn describe_topic_partitions(
    context: &mut Context,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let asked = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut left = asked.clamp(1, PARTITIONS_PER_ANSWER_MAX);
    let mut names: Vec<String> = if request.topics.is_empty() {
        context
            .cluster
            .topics()
            .all()
            .iter()
            .filter(|topic| context.may_see_topic(&topic.name))
            .map(|topic| topic.name.clone())
            .collect()
    } else {
        request
            .topics
            .iter()
            .map(|topic| topic.name.to_string())
            .collect()
    };
    names.sort();
    names.dedup();
    let (from_topic, from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.to_string(), cursor.partition_index.max(0)),
        None => (String::new(), 0),
    };
    let mut answer = DescribeTopicPartitionsResponse::default();
    let mut pace = Pace::default();
    for name in names.into_iter().filter(|name| *name >= from_topic) {
        pace.step().await;
        if left == 0 {
            answer.next_cursor = Some(
                Cursor::default()
                    .with_topic_name(TopicName(name.into()))
                    .with_partition_index(0),
            );
            break;
        }
        let skip = if name == from_topic {
            from_partition as usize
        } else {
            0
        };
        let (topic, next) = describe_page(context, &name, skip, left);
        left = left.saturating_sub(topic.partitions.len().max(1));
        answer.topics.push(topic);
        if let Some(next) = next {
            answer.next_cursor = Some(
                Cursor::default()
                    .with_topic_name(TopicName(name.into()))
                    .with_partition_index(next),
            );
            break;
        }
    }
    answer
}

fn describe_page(
    context: &Context,
    name: &str,
    skip: usize,
    limit: usize,
) -> (DescribeTopicPartitionsResponseTopic, Option<i32>) {
    let answer = DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(name.to_owned().into())))
        .with_topic_authorized_operations(OPERATIONS_UNKNOWN);
    if let Err(code) = context.check_topic(AclOperation::Describe, name) {
        return (answer.with_error_code(code.code()), None);
    }
    let answer = answer
        .with_topic_authorized_operations(context.authorized_operations(ResourceType::Topic, name));
    let Some(topic) = context.cluster.topics().get(name) else {
        let code = match check_topic_name(name) {
            Ok(()) => ErrorCode::UnknownTopicOrPartition,
            Err(_) => ErrorCode::InvalidTopicException,
        };
        return (answer.with_error_code(code.code()), None);
    };
    let all = describe_all(context, &topic, false).partitions;
    let next = (all.len() > skip + limit).then_some((skip + limit) as i32);
    let partitions = all.into_iter().skip(skip).take(limit).map(|partition| {
        DescribeTopicPartitionsResponsePartition::default()
            .with_error_code(partition.error_code)
            .with_partition_index(partition.partition_index)
            .with_leader_id(partition.leader_id)
            .with_leader_epoch(partition.leader_epoch)
            .with_replica_nodes(partition.replica_nodes)
            .with_isr_nodes(partition.isr_nodes)
            .with_offline_replicas(partition.offline_replicas)
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    });
    (
        answer
            .with_topic_id(topic.id)
            .with_is_internal(is_internal(name))
            .with_partitions(partitions.collect()),
        next,
    )
}
