//! Committed offsets: OffsetCommit, OffsetFetch, OffsetDelete.

use std::collections::BTreeSet;
use std::convert::Infallible;

use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Context, code_of, distinct};
use crate::coordinator::group::Group;
use crate::coordinator::group::classic::MemberIdentity;
use crate::error::{ErrorCode, Unwritten};
use crate::metadata::acl::AclOperation;
use crate::metadata::state::{ClusterState, CommittedOffset, MetadataRecord, TopicPartition};
use crate::turn::Pace;

/// Longest metadata of a committed offset in characters of Java, which are UTF-16 units. Kafka's
/// `offset.metadata.max.bytes` is compared with `String.length`.
pub(super) const OFFSET_METADATA_CHARS_MAX: usize = 4096;
/// Partitions that are looked up before others may ask or change what the cluster knows.
const LOOK_UPS_AT_ONCE: usize = 500;

pub(crate) async fn offset_commit(
    context: &mut Context,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let group = request.group_id.to_string();
    let instance_id = request.group_instance_id.as_ref().map(|id| id.to_string());
    let identity = MemberIdentity {
        member_id: &request.member_id,
        instance_id: instance_id.as_deref(),
    };
    let allowed = context.check_coordinator(&group).and_then(|()| {
        let generation = request.generation_id_or_member_epoch;
        let groups = context.cluster.groups();
        groups.check_commit(&group, identity, generation, false)
    });
    let may_commit = context.check_group(AclOperation::Read, &group);
    let asked = distinct::partitions(request.topics).await;
    let mut offsets = Vec::new();
    let mut topics = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for wanted in asked {
        pace.step().await;
        let name = wanted.name.to_string();
        let may_read = context.check_topic(AclOperation::Read, &name);
        let allowed = may_commit.and(may_read).and(allowed);
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in wanted.partitions {
            pace.step().await;
            let index = partition.partition_index;
            let checked = allowed.and_then(|()| committed(context, &name, partition));
            partitions.push(
                OffsetCommitResponsePartition::default()
                    .with_partition_index(index)
                    .with_error_code(code_of(&checked)),
            );
            offsets.extend(checked.map(|at| ((name.clone(), index), at)));
        }
        topics.push(
            OffsetCommitResponseTopic::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    let records = MetadataRecord::offsets(&group, offsets);
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

pub(super) async fn write(
    context: &Context,
    records: Vec<MetadataRecord>,
) -> Result<(), Unwritten> {
    let position = context.cluster.metadata_log().append(records)?;
    context.cluster.metadata_log().flush(position).await
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
        committed_ms: context.cluster.now_ms(),
    })
}

/// What is asked of an offset to be committed.
pub(super) fn check_offset(
    context: &Context,
    topic: &str,
    partition: i32,
    metadata: &str,
) -> Result<(), ErrorCode> {
    // No text has more characters than bytes.
    if metadata.len() > OFFSET_METADATA_CHARS_MAX
        && metadata.encode_utf16().count() > OFFSET_METADATA_CHARS_MAX
    {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    let topic = context
        .cluster
        .topics()
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

/// The partitions that are asked about; all that have offsets if none are named.
fn wanted_partitions(
    state: &ClusterState,
    group: &str,
    wanted: Option<Vec<(TopicName, Vec<i32>)>>,
) -> Vec<(TopicName, i32)> {
    let Some(topics) = wanted else {
        let name = |topic: &String| TopicName(topic.clone().into());
        let offsets = state.offsets.get(group).into_iter();
        return offsets
            .flat_map(|offsets| offsets.committed.keys())
            .map(|(topic, partition)| (name(topic), *partition))
            .collect();
    };
    let partitions = |(topic, partitions): (TopicName, Vec<i32>)| {
        let partitions = partitions.into_iter();
        partitions.map(move |partition| (topic.clone(), partition))
    };
    topics.into_iter().flat_map(partitions).collect()
}

fn look_up(
    state: &ClusterState,
    group: &str,
    wanted: &[(TopicName, i32)],
    require_stable: bool,
) -> Vec<Found> {
    let offsets = state.offsets.get(group);
    let find = |(topic, partition): &(TopicName, i32)| {
        let key: TopicPartition = (topic.to_string(), *partition);
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
            topic: topic.clone(),
            partition: *partition,
            offset,
            leader_epoch,
            metadata,
            code,
        }
    };
    wanted.iter().map(find).collect()
}

pub(crate) async fn offset_fetch(
    context: &mut Context,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    if context.version >= 8 {
        let asked = distinct::distinct(request.groups, |group| group.group_id.clone()).await;
        let mut groups = Vec::with_capacity(asked.len());
        for group in asked {
            groups.push(offsets_of_group(context, group, request.require_stable).await);
        }
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let topics = match request.topics {
        Some(topics) => Some(
            distinct::partitions(topics)
                .await
                .into_iter()
                .map(|topic| (topic.name, topic.partition_indexes))
                .collect(),
        ),
        None => None,
    };
    let wanted = Wanted {
        group: &request.group_id,
        member: None,
        topics,
        require_stable: request.require_stable,
    };
    let answer = OffsetFetchResponse::default();
    match fetch_group(context, wanted).await {
        Ok(found) => answer.with_topics(by_topic(found).into_iter().map(older).collect()),
        Err(code) => answer.with_error_code(code.code()),
    }
}

async fn offsets_of_group(
    context: &Context,
    group: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
    let member = group
        .member_id
        .as_deref()
        .filter(|_| group.member_epoch >= 0)
        .map(|member| (member, group.member_epoch));
    let topics = match group.topics {
        Some(topics) => Some(
            distinct::partitions(topics)
                .await
                .into_iter()
                .map(|topic| (topic.name, topic.partition_indexes))
                .collect(),
        ),
        None => None,
    };
    let wanted = Wanted {
        group: &group.group_id,
        member,
        topics,
        require_stable,
    };
    match fetch_group(context, wanted).await {
        Ok(found) => answer.with_topics(by_topic(found)),
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

async fn fetch_group(context: &Context, wanted: Wanted<'_>) -> Result<Vec<Found>, ErrorCode> {
    context.check_group(AclOperation::Describe, wanted.group)?;
    context.check_coordinator(wanted.group)?;
    if let Some((member, epoch)) = wanted.member {
        check_member(context, wanted.group, member, epoch)?;
    }
    let is_all = wanted.topics.is_none();
    let metadata_log = context.cluster.metadata_log();
    let (group, require_stable) = (wanted.group, wanted.require_stable);
    let asked = metadata_log.read(|state| wanted_partitions(state, group, wanted.topics));
    let mut found = Vec::with_capacity(asked.len());
    for some in asked.chunks(LOOK_UPS_AT_ONCE) {
        if !found.is_empty() {
            tokio::task::yield_now().await;
        }
        found.extend(metadata_log.read(|state| look_up(state, group, some, require_stable)));
    }
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
        .groups()
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
        .metadata_log()
        .read(|state| state.offsets.contains_key(&group));
    let subscribed = context.cluster.groups().subscribed_topics(&group);
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
    let asked = distinct::partitions(request.topics).await;
    let mut gone = Vec::new();
    let mut topics = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for wanted in asked {
        let name = wanted.name.to_string();
        let code = match context.check_topic(AclOperation::Read, &name) {
            Err(code) => code.code(),
            Ok(()) if subscribed.contains(&name) => ErrorCode::GroupSubscribedToTopic.code(),
            Ok(()) => 0,
        };
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in wanted.partitions {
            pace.step().await;
            let index = partition.partition_index;
            if code == 0 {
                gone.push((name.clone(), index));
            }
            partitions.push(
                OffsetDeleteResponsePartition::default()
                    .with_partition_index(index)
                    .with_error_code(code),
            );
        }
        topics.push(
            OffsetDeleteResponseTopic::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    if delete_offsets(context, &group, gone).await.is_err() {
        return OffsetDeleteResponse::default()
            .with_error_code(ErrorCode::KafkaStorageError.code());
    }
    OffsetDeleteResponse::default().with_topics(topics)
}

/// Writes down that offsets are gone, of those that are there.
async fn delete_offsets(
    context: &Context,
    group: &str,
    mut gone: Vec<TopicPartition>,
) -> Result<(), Unwritten> {
    let committed = context.cluster.metadata_log().commit(|state| {
        let known = state.offsets.get(group).map(|offsets| &offsets.committed);
        gone.retain(|partition| known.is_some_and(|known| known.contains_key(partition)));
        Ok::<_, Infallible>((MetadataRecord::offsets_gone(group, gone), ()))
    });
    Ok(committed.await?)
}
