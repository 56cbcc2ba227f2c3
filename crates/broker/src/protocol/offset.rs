//! Committed offsets: OffsetCommit, OffsetFetch, OffsetDelete.

use std::collections::BTreeSet;

use kafka_protocol::{
    messages::{
        OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
        OffsetFetchRequest, OffsetFetchResponse, TopicName,
        offset_commit_request::OffsetCommitRequestPartition,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
        offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
        offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    },
    protocol::StrBytes,
};

use super::{Context, code_of};
use crate::{
    acl::AclOperation,
    error::ErrorCode,
    group::{Group, classic::Speaker},
    state::{ClusterState, CommittedOffset, Record},
};

/// Longest metadata of a committed offset in bytes (Kafka's `offset.metadata.max.bytes`).
pub(super) const OFFSET_METADATA_BYTES_MAX: usize = 4096;

pub(crate) async fn offset_commit(
    context: &mut Context,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let group = request.group_id.to_string();
    let instance_id = request.group_instance_id.as_ref().map(|id| id.to_string());
    let speaker = Speaker {
        member_id: &request.member_id,
        instance_id: instance_id.as_deref(),
    };
    let allowed = context.check_coordinator(&group).and_then(|()| {
        let generation = request.generation_id_or_member_epoch;
        let groups = &context.cluster.groups;
        groups.check_commit(&group, speaker, generation, false)
    });
    let may_commit = context.check_group(AclOperation::Read, &group);
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let name = wanted.name.to_string();
        let may_read = context.check_topic(AclOperation::Read, &name);
        let allowed = may_commit.and(may_read).and(allowed);
        let partitions = wanted.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let checked = allowed.and_then(|()| committed(context, &name, partition));
            let code = code_of(&checked);
            if let Ok(at) = checked {
                records.push(Record::Offset {
                    group: group.clone(),
                    topic: name.clone(),
                    partition: index,
                    at,
                });
            }
            OffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(code)
        });
        let partitions = partitions.collect();
        topics.push(
            OffsetCommitResponseTopic::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    if !records.is_empty() && write(context, records).await.is_err() {
        let failed = topics
            .iter_mut()
            .flat_map(|topic| topic.partitions.iter_mut());
        failed
            .filter(|partition| partition.error_code == 0)
            .for_each(|partition| partition.error_code = ErrorCode::KafkaStorageError.code());
    }
    OffsetCommitResponse::default().with_topics(topics)
}

pub(super) async fn write(context: &Context, records: Vec<Record>) -> std::io::Result<()> {
    let position = context.cluster.journal.append(records)?;
    context.cluster.journal.flush(position).await
}

fn committed(
    context: &Context,
    topic: &str,
    partition: OffsetCommitRequestPartition,
) -> Result<CommittedOffset, ErrorCode> {
    let metadata = partition
        .committed_metadata
        .map(|metadata| metadata.to_string())
        .unwrap_or_default();
    check_offset(context, topic, partition.partition_index, &metadata)?;
    Ok(CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata,
        committed_ms: context.cluster.shared.now_ms(),
    })
}

/// What is asked of an offset to be committed.
pub(super) fn check_offset(
    context: &Context,
    topic: &str,
    partition: i32,
    metadata: &str,
) -> Result<(), ErrorCode> {
    if metadata.len() > OFFSET_METADATA_BYTES_MAX {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    let topic = context
        .cluster
        .topics
        .get(topic)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    topic
        .partition(partition)
        .map(|_| ())
        .ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// One answer, in the words of both forms of the response.
struct Found {
    topic: TopicName,
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: StrBytes,
    code: i16,
}

fn look_up(
    state: &ClusterState,
    group: &str,
    wanted: Option<Vec<(TopicName, Vec<i32>)>>,
    require_stable: bool,
) -> Vec<Found> {
    let offsets = state.offsets.get(group);
    let wanted: Vec<(TopicName, i32)> = match wanted {
        Some(topics) => topics
            .into_iter()
            .flat_map(|(topic, partitions)| {
                partitions
                    .into_iter()
                    .map(move |partition| (topic.clone(), partition))
            })
            .collect(),
        None => offsets.map_or_else(Vec::new, |offsets| {
            let name = |topic: &String| TopicName(topic.clone().into());
            offsets
                .committed
                .keys()
                .map(|(topic, partition)| (name(topic), *partition))
                .collect()
        }),
    };
    let find = |(topic, partition): (TopicName, i32)| {
        let key = (topic.to_string(), partition);
        let at = offsets.and_then(|offsets| offsets.committed.get(&key));
        let is_pending = require_stable
            && offsets.is_some_and(|offsets| {
                offsets
                    .pending
                    .values()
                    .any(|pending| pending.contains_key(&key))
            });
        let (offset, leader_epoch, metadata) = match at {
            Some(at) if !is_pending => (at.offset, at.leader_epoch, at.metadata.clone().into()),
            _ => (-1, -1, StrBytes::default()),
        };
        let code = if is_pending {
            ErrorCode::UnstableOffsetCommit.code()
        } else {
            0
        };
        Found {
            topic,
            partition,
            offset,
            leader_epoch,
            metadata,
            code,
        }
    };
    wanted.into_iter().map(find).collect()
}

pub(crate) async fn offset_fetch(
    context: &mut Context,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    if context.version >= 8 {
        let groups = request.groups.into_iter().map(|group| {
            let answer = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
            let member = group
                .member_id
                .as_deref()
                .filter(|_| group.member_epoch >= 0)
                .map(|member| (member, group.member_epoch));
            let wanted = group.topics.map(|topics| {
                topics
                    .into_iter()
                    .map(|topic| (topic.name, topic.partition_indexes))
                    .collect()
            });
            let wanted = Wanted {
                group: &group.group_id,
                member,
                topics: wanted,
                require_stable: request.require_stable,
            };
            match fetch_group(context, wanted) {
                Ok(found) => answer.with_topics(by_topic(found)),
                Err(code) => answer.with_error_code(code.code()),
            }
        });
        let groups = groups.collect();
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let wanted = request.topics.map(|topics| {
        topics
            .into_iter()
            .map(|topic| (topic.name, topic.partition_indexes))
            .collect()
    });
    let wanted = Wanted {
        group: &request.group_id,
        member: None,
        topics: wanted,
        require_stable: request.require_stable,
    };
    let answer = OffsetFetchResponse::default();
    match fetch_group(context, wanted) {
        Ok(found) => answer.with_topics(by_topic(found).into_iter().map(older).collect()),
        Err(code) => answer.with_error_code(code.code()),
    }
}

/// What is asked about one group.
struct Wanted<'a> {
    group: &'a str,
    /// A member with its epoch.
    member: Option<(&'a str, i32)>,
    /// `None`: all that have offsets.
    topics: Option<Vec<(TopicName, Vec<i32>)>>,
    require_stable: bool,
}

fn fetch_group(context: &Context, wanted: Wanted<'_>) -> Result<Vec<Found>, ErrorCode> {
    context.check_group(AclOperation::Describe, wanted.group)?;
    context.check_coordinator(wanted.group)?;
    if let Some((member, epoch)) = wanted.member {
        check_member(context, wanted.group, member, epoch)?;
    }
    let is_all = wanted.topics.is_none();
    let mut found = context
        .cluster
        .journal
        .read(|state| look_up(state, wanted.group, wanted.topics, wanted.require_stable));
    if is_all {
        found.retain(|found| context.may_see_topic(&found.topic));
        return Ok(found);
    }
    for found in &mut found {
        if let Err(code) = context.check_topic(AclOperation::Describe, &found.topic) {
            found.offset = -1;
            found.leader_epoch = -1;
            found.metadata = StrBytes::default();
            found.code = code.code();
        }
    }
    Ok(found)
}

/// A member of a KIP-848 group says which epoch it is in (version 9).
fn check_member(
    context: &Context,
    group: &str,
    member_id: &str,
    epoch: i32,
) -> Result<(), ErrorCode> {
    let check = |group: &mut Group, _| match group.is_consumer {
        true => group.consumer.check(member_id, epoch),
        false => Ok(()),
    };
    context
        .cluster
        .groups
        .find_group_and(group, check)
        .unwrap_or(Err(ErrorCode::UnknownMemberId))
}

fn by_topic(found: Vec<Found>) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for found in found {
        let partition = OffsetFetchResponsePartitions::default()
            .with_partition_index(found.partition)
            .with_committed_offset(found.offset)
            .with_committed_leader_epoch(found.leader_epoch)
            .with_metadata(Some(found.metadata))
            .with_error_code(found.code);
        match topics.last_mut() {
            Some(topic) if topic.name == found.topic => topic.partitions.push(partition),
            _ => topics.push(
                OffsetFetchResponseTopics::default()
                    .with_name(found.topic)
                    .with_partitions(vec![partition]),
            ),
        }
    }
    topics
}

/// The form before version 8.
fn older(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|partition| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(partition.error_code)
    });
    OffsetFetchResponseTopic::default()
        .with_name(topic.name)
        .with_partitions(partitions.collect())
}

pub(crate) async fn offset_delete(
    context: &mut Context,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let group = request.group_id.to_string();
    let is_known = context
        .cluster
        .journal
        .read(|state| state.offsets.contains_key(&group));
    let subscribed = context.cluster.groups.subscribed_topics(&group);
    let allowed = context
        .check_group(AclOperation::Delete, &group)
        .and_then(|()| context.check_coordinator(&group));
    let refused = match allowed {
        Err(code) => Some(code),
        Ok(()) if !is_known && subscribed.is_none() => Some(ErrorCode::GroupIdNotFound),
        Ok(()) => None,
    };
    if let Some(code) = refused {
        return OffsetDeleteResponse::default().with_error_code(code.code());
    }
    let subscribed: BTreeSet<String> = subscribed.unwrap_or_default();
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let name = wanted.name.to_string();
        let may_read = context.check_topic(AclOperation::Read, &name);
        let partitions = wanted.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let code = if let Err(code) = may_read {
                code.code()
            } else if subscribed.contains(&name) {
                ErrorCode::GroupSubscribedToTopic.code()
            } else {
                records.push(Record::OffsetGone {
                    group: group.clone(),
                    topic: name.clone(),
                    partition: index,
                });
                0
            };
            OffsetDeleteResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(code)
        });
        let partitions = partitions.collect();
        topics.push(
            OffsetDeleteResponseTopic::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    if write(context, records).await.is_err() {
        return OffsetDeleteResponse::default()
            .with_error_code(ErrorCode::KafkaStorageError.code());
    }
    OffsetDeleteResponse::default().with_topics(topics)
}
