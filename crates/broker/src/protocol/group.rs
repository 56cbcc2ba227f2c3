//! Membership: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and what administrators ask of groups.

use std::time::Duration;

use kafka_protocol::{
    messages::{
        DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
        GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
        LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
        SyncGroupRequest, SyncGroupResponse,
        delete_groups_response::DeletableGroupResult,
        describe_groups_response::{DescribedGroup, DescribedGroupMember},
        join_group_response::JoinGroupResponseMember,
        leave_group_response::MemberResponse,
        list_groups_response::ListedGroup,
    },
    protocol::StrBytes,
};

use super::{Context, OPERATIONS_UNKNOWN, code_of};
use crate::{
    acl::{AclOperation, CLUSTER_NAME, ResourceType},
    error::ErrorCode,
    group::{
        Group,
        classic::{
            ClassicGroup, Join, JoinAnswer, JoinRefusal, Phase, Speaker, Step, SyncAnswer, Synced,
        },
    },
};

/// Kafka's `group.min.session.timeout.ms`.
const SESSION_TIMEOUT_MS_MIN: i32 = 6_000;
/// Kafka's `group.max.session.timeout.ms`.
const SESSION_TIMEOUT_MS_MAX: i32 = 1_800_000;
/// Longest rebalance that a member may ask for.
const REBALANCE_TIMEOUT_MS_MAX: i32 = i32::MAX / 2;

fn optional(text: &Option<StrBytes>) -> Option<String> {
    text.as_ref().map(|text| text.to_string())
}

/// Everything that is refused before the group is looked at.
fn check_group(context: &Context, operation: AclOperation, group: &str) -> Result<(), ErrorCode> {
    context.check_group(operation, group)?;
    if group.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    context.check_coordinator(group)
}

pub(crate) async fn join_group(
    context: &mut Context,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let refusal = |code, member_id: &str| {
        Err(JoinRefusal {
            code,
            member_id: member_id.to_owned(),
        })
    };
    let given_id = request.member_id.to_string();
    let group = request.group_id.to_string();
    let answer = match join_step(context, request) {
        Err(code) => refusal(code, &given_id),
        Ok(Step::Ready(answer)) => answer,
        Ok(Step::Wait(receiver)) => match receiver.await {
            Ok(answer) => answer,
            Err(_) => refusal(ErrorCode::UnknownMemberId, &given_id),
        },
    };
    let saved = context.cluster.groups.saved(&group).await;
    match answer.and_then(|joined| match saved {
        Ok(()) => Ok(joined),
        Err(code) => refusal(code, &given_id),
    }) {
        Ok(joined) => {
            let members = joined.members.into_iter().map(|(id, instance, metadata)| {
                JoinGroupResponseMember::default()
                    .with_member_id(id.into())
                    .with_group_instance_id(instance.map(Into::into))
                    .with_metadata(metadata)
            });
            JoinGroupResponse::default()
                .with_generation_id(joined.generation)
                .with_protocol_type(Some(joined.protocol_type.into()))
                .with_protocol_name(Some(joined.protocol.into()))
                .with_leader(joined.leader.into())
                .with_skip_assignment(joined.skip_assignment)
                .with_member_id(joined.member_id.into())
                .with_members(members.collect())
        }
        Err(refusal) => JoinGroupResponse::default()
            .with_error_code(refusal.code.code())
            .with_generation_id(-1)
            // Before version 7 the name could not be null.
            .with_protocol_name((context.version < 7).then(StrBytes::default))
            .with_member_id(refusal.member_id.into()),
    }
}

fn join_step(context: &Context, request: JoinGroupRequest) -> Result<Step<JoinAnswer>, ErrorCode> {
    check_group(context, AclOperation::Read, &request.group_id)?;
    if !(SESSION_TIMEOUT_MS_MIN..=SESSION_TIMEOUT_MS_MAX).contains(&request.session_timeout_ms) {
        return Err(ErrorCode::InvalidSessionTimeout);
    }
    // Before version 1 the session time-out served for both.
    let rebalance_ms = if context.version == 0 {
        request.session_timeout_ms
    } else {
        request.rebalance_timeout_ms
    };
    let millis = |value: i32| Duration::from_millis(u64::try_from(value).unwrap_or(0));
    let instance_id = optional(&request.group_instance_id);
    let prefix = instance_id.as_deref().unwrap_or(&context.client_id);
    let join = Join {
        fresh_member_id: format!("{prefix}-{}", context.cluster.shared.uuid().hyphenated()),
        member_id: request.member_id.to_string(),
        instance_id,
        client_id: context.client_id.clone(),
        client_host: context.client_host(),
        session_timeout: millis(request.session_timeout_ms),
        rebalance_timeout: millis(rebalance_ms.clamp(0, REBALANCE_TIMEOUT_MS_MAX)),
        protocol_type: request.protocol_type.to_string(),
        protocols: request
            .protocols
            .into_iter()
            .map(|protocol| (protocol.name.to_string(), protocol.metadata))
            .collect(),
        needs_member_id: context.version >= 4,
        can_skip_assignment: context.version >= 9,
    };
    let groups = &context.cluster.groups;
    let step = |group: &mut Group, now| {
        if group.is_consumer && !group.consumer.members.is_empty() {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        group.is_consumer = false;
        Ok(group.classic.join(join, now))
    };
    if request.member_id.is_empty() {
        return groups.create_and(&request.group_id, step)?;
    }
    groups
        .find_group_and(&request.group_id, step)
        .unwrap_or(Err(ErrorCode::UnknownMemberId))
}

pub(crate) async fn sync_group(
    context: &mut Context,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    let group = request.group_id.to_string();
    let answer = match sync_step(context, request) {
        Err(code) => Err(code),
        Ok(Step::Ready(answer)) => answer,
        Ok(Step::Wait(receiver)) => receiver.await.unwrap_or(Err(ErrorCode::UnknownMemberId)),
    };
    // Nobody acts on an assignment that a restart would forget.
    let saved = context.cluster.groups.saved(&group).await;
    match answer.and_then(|synced| saved.map(|()| synced)) {
        Ok(Synced {
            protocol_type,
            protocol,
            assignment,
        }) => SyncGroupResponse::default()
            .with_protocol_type(Some(protocol_type.into()))
            .with_protocol_name(Some(protocol.into()))
            .with_assignment(assignment),
        Err(code) => SyncGroupResponse::default().with_error_code(code.code()),
    }
}

fn sync_step(context: &Context, request: SyncGroupRequest) -> Result<Step<SyncAnswer>, ErrorCode> {
    check_group(context, AclOperation::Read, &request.group_id)?;
    let assignments = request
        .assignments
        .into_iter()
        .map(|given| (given.member_id.to_string(), given.assignment))
        .collect();
    let instance_id = optional(&request.group_instance_id);
    let speaker = Speaker {
        member_id: &request.member_id,
        instance_id: instance_id.as_deref(),
    };
    let protocol = (
        request.protocol_type.as_deref(),
        request.protocol_name.as_deref(),
    );
    context
        .cluster
        .groups
        .find_and(&request.group_id, |group, now| {
            group.sync(speaker, request.generation_id, protocol, assignments, now)
        })
        .ok_or(ErrorCode::UnknownMemberId)
}

pub(crate) async fn heartbeat(
    context: &mut Context,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let instance_id = optional(&request.group_instance_id);
    let speaker = Speaker {
        member_id: &request.member_id,
        instance_id: instance_id.as_deref(),
    };
    let beat = check_group(context, AclOperation::Read, &request.group_id).and_then(|()| {
        context
            .cluster
            .groups
            .find_and(&request.group_id, |group, now| {
                group.heartbeat(speaker, request.generation_id, now)
            })
            .unwrap_or(Err(ErrorCode::UnknownMemberId))
    });
    HeartbeatResponse::default().with_error_code(code_of(&beat))
}

pub(crate) async fn leave_group(
    context: &mut Context,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    if let Err(code) = check_group(context, AclOperation::Read, &request.group_id) {
        return LeaveGroupResponse::default().with_error_code(code.code());
    }
    let leave = |member_id: &str, instance_id: Option<&str>| {
        context
            .cluster
            .groups
            .find_and(&request.group_id, |group, now| {
                group.leave(
                    Speaker {
                        member_id,
                        instance_id,
                    },
                    now,
                )
            })
            .unwrap_or(Err(ErrorCode::UnknownMemberId))
    };
    if context.version < 3 {
        return LeaveGroupResponse::default()
            .with_error_code(code_of(&leave(&request.member_id, None)));
    }
    let members = request.members.iter().map(|member| {
        let left = leave(&member.member_id, member.group_instance_id.as_deref());
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(code_of(&left))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

pub(crate) async fn describe_groups(
    context: &mut Context,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let groups = request.groups.into_iter().map(|id| {
        let answer = DescribedGroup::default()
            .with_group_id(id.clone())
            .with_authorized_operations(OPERATIONS_UNKNOWN);
        let allowed = context
            .check_group(AclOperation::Describe, &id)
            .and_then(|()| context.check_coordinator(&id));
        if let Err(code) = allowed {
            return answer.with_error_code(code.code());
        }
        let answer = match request.include_authorized_operations {
            true => answer.with_authorized_operations(
                context.authorized_operations(ResourceType::Group, &id),
            ),
            false => answer,
        };
        let described = context.cluster.groups.find_group_and(&id, |group, _| {
            (!group.is_consumer).then(|| describe(answer.clone(), &group.classic))
        });
        described
            .flatten()
            .unwrap_or_else(|| describe_offline(context, &id, answer))
    });
    let groups = groups.collect();
    DescribeGroupsResponse::default().with_groups(groups)
}

fn describe(answer: DescribedGroup, group: &ClassicGroup) -> DescribedGroup {
    let protocol = group.protocol.clone().unwrap_or_default();
    let members = group.members.iter().map(|(id, member)| {
        let metadata = member.protocols.iter().find(|(name, _)| *name == protocol);
        DescribedGroupMember::default()
            .with_member_id(id.clone().into())
            .with_group_instance_id(member.instance_id.clone().map(Into::into))
            .with_client_id(member.client_id.clone().into())
            .with_client_host(member.client_host.clone().into())
            .with_member_metadata(
                metadata
                    .map(|(_, metadata)| metadata.clone())
                    .unwrap_or_default(),
            )
            .with_member_assignment(member.assignment.clone())
    });
    let members = members.collect();
    answer
        .with_group_state(StrBytes::from_static_str(group.phase.name()))
        .with_protocol_type(group.protocol_type.clone().unwrap_or_default().into())
        .with_members(members)
        .with_protocol_data(protocol.into())
}

/// A group that has offsets but no members, or does not exist: that is "Dead" (and, from version 6 on,
/// an error: KIP-1043).
fn describe_offline(context: &Context, id: &str, answer: DescribedGroup) -> DescribedGroup {
    let is_known = context
        .cluster
        .journal
        .read(|state| state.offsets.contains_key(id));
    if is_known {
        return answer.with_group_state(StrBytes::from_static_str(Phase::Empty.name()));
    }
    let answer = answer.with_group_state(StrBytes::from_static_str("Dead"));
    if context.version < 6 {
        return answer;
    }
    answer
        .with_error_code(ErrorCode::GroupIdNotFound.code())
        .with_error_message(Some(format!("Group {id} not found.").into()))
}

pub(crate) async fn list_groups(
    context: &mut Context,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let is_in = |filter: &[StrBytes], value: &str| {
        filter.is_empty()
            || filter
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let may_see_all = context.may(AclOperation::Describe, ResourceType::Cluster, CLUSTER_NAME);
    let groups = context
        .cluster
        .groups
        .list(&context.cluster.journal)
        .into_iter();
    let groups = groups
        .filter(|group| {
            is_in(&request.states_filter, group.state) && is_in(&request.types_filter, group.kind)
        })
        .filter(|group| context.check_coordinator(&group.id).is_ok())
        .filter(|group| {
            may_see_all || context.may(AclOperation::Describe, ResourceType::Group, &group.id)
        })
        .map(|group| {
            ListedGroup::default()
                .with_group_id(GroupId(group.id.into()))
                .with_protocol_type(group.protocol_type.into())
                .with_group_state(if context.version >= 4 {
                    StrBytes::from_static_str(group.state)
                } else {
                    StrBytes::default()
                })
                .with_group_type(if context.version >= 5 {
                    StrBytes::from_static_str(group.kind)
                } else {
                    StrBytes::default()
                })
        });
    let groups = groups.collect();
    ListGroupsResponse::default().with_groups(groups)
}

pub(crate) async fn delete_groups(
    context: &mut Context,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for id in request.groups_names {
        let deleted = match check_group(context, AclOperation::Delete, &id) {
            Ok(()) => {
                context
                    .cluster
                    .groups
                    .delete(&id, &context.cluster.journal)
                    .await
            }
            Err(code) => Err(code),
        };
        results.push(
            DeletableGroupResult::default()
                .with_group_id(id)
                .with_error_code(code_of(&deleted)),
        );
    }
    DeleteGroupsResponse::default().with_results(results)
}
