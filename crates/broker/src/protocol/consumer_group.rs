//! The consumer group protocol (KIP-848): ConsumerGroupHeartbeat and ConsumerGroupDescribe.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment as DescribedAssignment, DescribedGroup, Member,
    TopicPartitions as DescribedPartitions,
};
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, GroupId, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::authorization::refused;
use super::{Context, OPERATIONS_UNKNOWN, distinct};
use crate::coordinator::group::Group;
use crate::coordinator::group::assignor::Assignor;
use crate::coordinator::group::classic::Phase;
use crate::coordinator::group::consumer::{Assigned, HeartbeatRequest, HeartbeatResponse};
use crate::coordinator::group::pattern::{self, Found};
use crate::error::ErrorCode;
use crate::metadata::acl::{AclOperation, ResourceType};
use crate::metadata::topic::TopicSizes;
use crate::turn::Pace;

/// Answered for a group whose members subscribe to topics that the client may not describe.
const HIDDEN_TOPICS_TEXT: &str =
    "The group has described topic(s) that the client is not authorized to describe.";
/// `member_type` of a member of the consumer protocol.
const MEMBER_TYPE_CONSUMER: i8 = 1;

/// Before 4.0 the protocol was a preview that was off by default.
fn check_release(context: &Context) -> Result<(), ErrorCode> {
    match context.release.is_at_least(4, 0) {
        true => Ok(()),
        false => Err(ErrorCode::UnsupportedVersion),
    }
}

fn by_topic(assigned: &Assigned) -> BTreeMap<Uuid, Vec<i32>> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in assigned {
        topics.entry(*topic).or_default().push(*partition);
    }
    topics
}

pub(crate) async fn consumer_group_heartbeat(
    context: &mut Context,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let liveness = context.cluster.liveness(&request.group_id);
    let interval = liveness.heartbeat_interval.as_millis() as i32;
    let answer = ConsumerGroupHeartbeatResponse::default().with_heartbeat_interval_ms(interval);
    let group = request.group_id.to_string();
    let beaten = heartbeat(context, request, liveness.session_timeout).await;
    let saved = context.cluster.groups().saved(&group).await;
    match beaten.and_then(|beaten| saved.map(|()| beaten)) {
        Ok(beaten) => {
            let assignment = beaten.assignment.map(|assigned| {
                let topics = by_topic(&assigned).into_iter().map(|(topic, partitions)| {
                    TopicPartitions::default()
                        .with_topic_id(topic)
                        .with_partitions(partitions)
                });
                Assignment::default().with_topic_partitions(topics.collect())
            });
            answer
                .with_member_id(Some(beaten.member_id.into()))
                .with_member_epoch(beaten.member_epoch)
                .with_assignment(assignment)
        }
        Err(code) => answer
            .with_error_code(code.code())
            .with_error_message(Some(code.to_string().into())),
    }
}

async fn heartbeat(
    context: &Context,
    request: ConsumerGroupHeartbeatRequest,
    session_timeout: Duration,
) -> Result<HeartbeatResponse, ErrorCode> {
    check_release(context)?;
    let id = request.group_id.to_string();
    context.check_group(AclOperation::Read, &id)?;
    let mut pace = Pace::default();
    for topic in request.subscribed_topic_names.iter().flatten() {
        pace.step().await;
        context.check_topic(AclOperation::Describe, topic)?;
    }
    let mut heartbeat = read_heartbeat(context, request)?;
    context.check_coordinator(&id)?;
    let topics = context.cluster.topics().sizes();
    let is_join = heartbeat.member_epoch == 0;
    let found = find_topics(context, &id, &mut heartbeat, &topics).await?;
    let groups = context.cluster.groups();
    let work = |group: &mut Group, now| {
        if !group.is_consumer {
            if group.classic.phase != Phase::Empty || !is_join {
                return Err(ErrorCode::GroupIdNotFound);
            }
            group.is_consumer = true;
        }
        group.consumer.session_timeout = Some(session_timeout);
        group.consumer.heartbeat(heartbeat, &topics, found, now)
    };
    if is_join {
        return groups.create_and(&id, work)?;
    }
    groups
        .find_group_and(&id, work)
        .unwrap_or(Err(ErrorCode::UnknownMemberId))
}

/// Evaluates the group's patterns, unless that is done already, before the group is locked.
///
/// # Errors
/// INVALID_REGULAR_EXPRESSION if the pattern that the member comes with is not one, or too large.
async fn find_topics(
    context: &Context,
    group: &str,
    heartbeat: &mut HeartbeatRequest,
    topics: &Arc<TopicSizes>,
) -> Result<BTreeMap<String, Found>, ErrorCode> {
    let new = heartbeat.pattern.as_deref().filter(|text| !text.is_empty());
    let groups = context.cluster.groups();
    let known = groups.find_group_and(group, |group, _| {
        let group = &group.consumer;
        (
            group.unevaluated_patterns(new, topics),
            group.has_pattern(&heartbeat.member_id),
        )
    });
    let (unevaluated_patterns, has_pattern) =
        known.unwrap_or_else(|| (new.map(str::to_owned).into_iter().collect(), false));
    let mut found = BTreeMap::new();
    for text in unevaluated_patterns {
        let is_new = new == Some(text.as_str());
        let all = match pattern::find(context.cluster.turns(), &text, topics).await {
            // A pattern that an earlier version with other bounds has accepted.
            Err(ErrorCode::InvalidRegularExpression) if !is_new => Found::nothing(topics),
            all => all?,
        };
        found.insert(text, all);
    }
    if new.is_some() || has_pattern {
        let mut pace = Pace::default();
        for name in topics.keys() {
            pace.step().await;
            if !context.may_see_topic(name) {
                heartbeat.hidden_topics.insert(name.clone());
            }
        }
    }
    Ok(found)
}

/// Kafka's checks of a heartbeat, before the group is looked at.
fn read_heartbeat(
    context: &Context,
    request: ConsumerGroupHeartbeatRequest,
) -> Result<HeartbeatRequest, ErrorCode> {
    let is_join = request.member_epoch == 0;
    if request.group_id.is_empty() || request.member_epoch < -2 {
        return Err(ErrorCode::InvalidRequest);
    }
    if request.member_epoch == -2 && request.instance_id.is_none() {
        return Err(ErrorCode::InvalidRequest);
    }
    // From version 1 on clients make their own ids.
    if request.member_id.is_empty() && (!is_join || context.version >= 1) {
        return Err(ErrorCode::InvalidRequest);
    }
    let has_subscription =
        request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
    if is_join && (request.rebalance_timeout_ms < 0 || !has_subscription) {
        return Err(ErrorCode::InvalidRequest);
    }
    let assignor = match &request.server_assignor {
        None => None,
        Some(name) => Some(Assignor::from_name(name).ok_or(ErrorCode::UnsupportedAssignor)?),
    };
    let member_id = match request.member_id.is_empty() {
        true => context.cluster.process().uuid().hyphenated().to_string(),
        false => request.member_id.to_string(),
    };
    let owned = request.topic_partitions.map(|topics| {
        let partitions =
            |topic: kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions| {
                topic
                    .partitions
                    .into_iter()
                    .map(move |partition| (topic.topic_id, partition))
            };
        topics.into_iter().flat_map(partitions).collect()
    });
    let names = |names: Vec<TopicName>| {
        names
            .iter()
            .map(|name| name.to_string())
            .collect::<BTreeSet<_>>()
    };
    Ok(HeartbeatRequest {
        member_id,
        member_epoch: request.member_epoch,
        instance_id: request.instance_id.map(|id| id.to_string()),
        rack_id: request.rack_id.map(|id| id.to_string()),
        client_id: context.client_id.clone(),
        client_host: context.client_host(),
        rebalance_timeout: u64::try_from(request.rebalance_timeout_ms)
            .ok()
            .map(Duration::from_millis),
        topics: request.subscribed_topic_names.map(names),
        pattern: request.subscribed_topic_regex.map(|text| text.to_string()),
        assignor,
        owned,
        hidden_topics: BTreeSet::new(),
    })
}

pub(crate) async fn consumer_group_describe(
    context: &mut Context,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let asked = distinct::distinct(request.group_ids, Clone::clone).await;
    let mut groups = Vec::with_capacity(asked.len());
    for id in asked {
        // One may have thousands of members.
        tokio::task::yield_now().await;
        groups.push(describe_one(
            context,
            id,
            request.include_authorized_operations,
        ));
    }
    ConsumerGroupDescribeResponse::default().with_groups(groups)
}

fn describe_one(context: &Context, id: GroupId, with_operations: bool) -> DescribedGroup {
    let answer = DescribedGroup::default()
        .with_group_id(id.clone())
        .with_authorized_operations(OPERATIONS_UNKNOWN);
    let shown = match with_operations {
        true => answer
            .clone()
            .with_authorized_operations(context.authorized_operations(ResourceType::Group, &id)),
        false => answer.clone(),
    };
    let failed = |code: ErrorCode, message: String| {
        answer
            .clone()
            .with_error_code(code.code())
            .with_error_message(Some(message.into()))
    };
    if let Err(code) = check_release(context) {
        return failed(code, code.to_string());
    }
    if let Err(code) = context.check_group(AclOperation::Describe, &id) {
        return failed(code, refused(code).message);
    }
    if let Err(code) = context.check_coordinator(&id) {
        return failed(code, code.to_string());
    }
    let described = context.cluster.groups().find_group_and(&id, |group, _| {
        group
            .is_consumer
            .then(|| describe(context, shown.clone(), group))
    });
    let may_see = |topic: &DescribedPartitions| context.may_see_topic(&topic.topic_name);
    if let Some(Some(described)) = &described
        && !described_topics(described).all(may_see)
    {
        return failed(
            ErrorCode::TopicAuthorizationFailed,
            HIDDEN_TOPICS_TEXT.to_owned(),
        );
    }
    match described {
        Some(Some(described)) => described,
        Some(None) => failed(
            ErrorCode::GroupIdNotFound,
            format!("Group {} is not a consumer group.", id.as_str()),
        ),
        None => failed(
            ErrorCode::GroupIdNotFound,
            format!("Group {} not found.", id.as_str()),
        ),
    }
}

/// The topics of the current and target assignments of a described group.
fn described_topics(group: &DescribedGroup) -> impl Iterator<Item = &DescribedPartitions> {
    group.members.iter().flat_map(|member| {
        let assigned = member.assignment.topic_partitions.iter();
        assigned.chain(member.target_assignment.topic_partitions.iter())
    })
}

fn describe(context: &Context, answer: DescribedGroup, group: &Group) -> DescribedGroup {
    let assignment = |assigned: &Assigned| {
        let topics = by_topic(assigned).into_iter().map(|(id, partitions)| {
            let name = context
                .cluster
                .topics()
                .by_id(&id)
                .map(|topic| topic.name.clone())
                .unwrap_or_default();
            DescribedPartitions::default()
                .with_topic_id(id)
                .with_topic_name(TopicName(name.into()))
                .with_partitions(partitions)
        });
        DescribedAssignment::default().with_topic_partitions(topics.collect())
    };
    let members = group.consumer.members.iter().map(|(id, member)| {
        let answer = Member::default()
            .with_member_id(id.clone().into())
            .with_instance_id(member.instance_id.clone().map(Into::into))
            .with_rack_id(member.rack_id.clone().map(Into::into))
            .with_member_epoch(member.epoch)
            .with_client_id(member.client_id.clone().into())
            .with_client_host(member.client_host.clone().into())
            .with_subscribed_topic_names(
                member
                    .topics
                    .iter()
                    .map(|name| TopicName(name.clone().into()))
                    .collect(),
            )
            .with_subscribed_topic_regex(
                (!member.pattern.is_empty()).then(|| member.pattern.clone().into()),
            )
            .with_assignment(assignment(&member.assigned))
            .with_target_assignment(assignment(&member.target));
        if context.version >= 1 {
            answer.with_member_type(MEMBER_TYPE_CONSUMER)
        } else {
            answer
        }
    });
    let members = members.collect();
    answer
        .with_group_state(StrBytes::from_static_str(group.consumer.phase().name()))
        .with_group_epoch(group.consumer.epoch)
        .with_assignment_epoch(group.consumer.assignment_epoch)
        .with_assignor_name(StrBytes::from_static_str(group.consumer.assignor().name()))
        .with_members(members)
}
