//! DescribeLogDirs: how much lies on disk. AlterReplicaLogDirs: there is one directory.

use std::collections::{BTreeMap, HashMap, HashSet};

use kafka_protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, DescribeLogDirsRequest,
    DescribeLogDirsResponse, TopicName,
};

use super::{Context, code_of, distinct};
use crate::error::ErrorCode;
use crate::metadata::acl::AclOperation;
use crate::turn::Pace;

/// The directory in answers; the real one is not disclosed.
pub(super) const LOG_DIR: &str = "/kafka-logs";

/// The partitions that have a replica on this broker. There is one physical copy, shown at each of them.
pub(crate) async fn describe_log_dirs(
    context: &mut Context,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    if let Err(code) = context.check_cluster(AclOperation::Describe) {
        // The field came with version 3; older clients are shown that there is nothing.
        let code = if context.version >= 3 { code.code() } else { 0 };
        return DescribeLogDirsResponse::default().with_error_code(code);
    }
    let asked: Option<HashMap<String, HashSet<i32>>> = match request.topics {
        None => None,
        Some(topics) => {
            let topics = distinct::partitions(topics).await.into_iter();
            let set = |topic: DescribableLogDirTopic| (topic.topic.to_string(), topic.partitions);
            let sets = topics.map(set);
            Some(
                sets.map(|(name, all)| (name, all.into_iter().collect()))
                    .collect(),
            )
        }
    };
    let cluster = &context.cluster;
    let mut topics = Vec::new();
    let mut pace = Pace::default();
    for topic in cluster.topics().all() {
        pace.step().await;
        let wanted = match &asked {
            None => None,
            Some(asked) => match asked.get(topic.name.as_str()) {
                Some(wanted) => Some(wanted),
                None => continue,
            },
        };
        let partitions: Vec<DescribeLogDirsPartition> = topic
            .partitions()
            .iter()
            .filter(|partition| wanted.is_none_or(|wanted| wanted.contains(&partition.index)))
            .filter(|partition| {
                let replicas = cluster.replicas(partition);
                context.is_internal || replicas.contains(&context.broker_id)
            })
            .filter_map(|partition| {
                let size = partition.ask(|log, _| Ok(log.size_bytes())).ok()?;
                Some(
                    DescribeLogDirsPartition::default()
                        .with_partition_index(partition.index)
                        .with_partition_size(size as i64),
                )
            })
            .collect();
        if !partitions.is_empty() {
            topics.push(
                DescribeLogDirsTopic::default()
                    .with_name(TopicName(topic.name.clone().into()))
                    .with_partitions(partitions),
            );
        }
    }
    let total = cluster.spec().limits.disk_bytes_max;
    let used = cluster.disk_used_bytes();
    let as_i64 = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let result = DescribeLogDirsResult::default()
        .with_log_dir(LOG_DIR.into())
        .with_topics(topics)
        .with_total_bytes(total.map_or(-1, as_i64))
        .with_usable_bytes(total.map_or(-1, |total| as_i64(total.saturating_sub(used))));
    DescribeLogDirsResponse::default().with_results(vec![result])
}

/// Moves replicas between directories (KIP-113): to the one that there is, which they are in.
pub(crate) async fn alter_replica_log_dirs(
    context: &mut Context,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let allowed = context.check_cluster(AclOperation::Alter);
    let mut pace = Pace::default();
    // Of a partition that is named twice the last directory counts.
    let mut topics: BTreeMap<TopicName, BTreeMap<i32, bool>> = BTreeMap::new();
    for dir in request.dirs {
        let is_known = dir.path.as_str() == LOG_DIR;
        for topic in dir.topics {
            pace.step().await;
            let partitions = topics.entry(topic.name).or_default();
            partitions.extend(topic.partitions.into_iter().map(|index| (index, is_known)));
        }
    }
    let mut results = Vec::with_capacity(topics.len());
    for (name, partitions) in topics {
        pace.step().await;
        let topic = context.cluster.topics().get(&name);
        let partition = |index: i32, is_known: bool| {
            allowed?;
            if !is_known {
                return Err(ErrorCode::LogDirNotFound);
            }
            let partition = topic.as_ref().and_then(|topic| topic.partition(index));
            let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition)?;
            let replicas = context.cluster.replicas(&partition);
            match context.is_internal || replicas.contains(&context.broker_id) {
                true => Ok(()),
                false => Err(ErrorCode::NotLeaderOrFollower),
            }
        };
        let partitions = partitions.into_iter().map(|(index, is_known)| {
            AlterReplicaLogDirPartitionResult::default()
                .with_partition_index(index)
                .with_error_code(code_of(&partition(index, is_known)))
        });
        let partitions = partitions.collect();
        results.push(
            AlterReplicaLogDirTopicResult::default()
                .with_topic_name(name)
                .with_partitions(partitions),
        );
    }
    AlterReplicaLogDirsResponse::default().with_results(results)
}
