//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and the admin requests about groups.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, SyncGroupRequest,
    SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Context, OPERATIONS_UNKNOWN, code_of, distinct};
use crate::coordinator::group::classic::{
    ClassicGroup, Join, JoinAnswer, JoinRefusal, MemberIdentity, Phase, Step, SyncAnswer, Synced,
};
use crate::coordinator::group::{self, GROUP_BYTES_MAX, Group, MEMBER_BYTES_MAX};
use crate::error::ErrorCode;
use crate::metadata::acl::{AclOperation, CLUSTER_NAME, ResourceType};
use crate::turn::Pace;

/// Protocols that a member may offer; clients know a handful.
const PROTOCOLS_MAX: usize = 32;
/// Kafka's `group.min.session.timeout.ms`.
pub(super) const SESSION_TIMEOUT_MS_MIN: i32 = 6_000;
/// Kafka's `group.max.session.timeout.ms`.
pub(super) const SESSION_TIMEOUT_MS_MAX: i32 = 1_800_000;
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
    let saved = context.cluster.groups().saved(&group).await;
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

/// The protocols of a member, each once, taken out of the request: what the group keeps must not hold the
/// whole request in memory.
fn kept(protocols: &[JoinGroupRequestProtocol]) -> Vec<(String, Bytes)> {
    let mut names = HashSet::new();
    let each = protocols
        .iter()
        .filter(|protocol| names.insert(&protocol.name));
    let kept = each.map(|protocol| {
        let metadata = Bytes::copy_from_slice(&protocol.metadata);
        (protocol.name.to_string(), metadata)
    });
    kept.collect()
}

fn join_step(context: &Context, request: JoinGroupRequest) -> Result<Step<JoinAnswer>, ErrorCode> {
    check_group(context, AclOperation::Read, &request.group_id)?;
    let protocols = request.protocols.iter();
    let bytes: usize = protocols
        .map(|protocol| protocol.name.len() + protocol.metadata.len())
        .sum();
    if bytes > MEMBER_BYTES_MAX || request.protocols.len() > PROTOCOLS_MAX {
        return Err(ErrorCode::InvalidRequest);
    }
    context.cluster.groups().check_members(bytes)?;
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
        fresh_member_id: format!("{prefix}-{}", context.cluster.process().uuid().hyphenated()),
        member_id: request.member_id.to_string(),
        instance_id,
        client_id: context.client_id.clone(),
        client_host: context.client_host(),
        session_timeout: millis(request.session_timeout_ms),
        rebalance_timeout: millis(rebalance_ms.clamp(0, REBALANCE_TIMEOUT_MS_MAX)),
        protocol_type: request.protocol_type.to_string(),
        protocols: kept(&request.protocols),
        needs_member_id: context.version >= 4,
        can_skip_assignment: context.version >= 9,
    };
    let groups = context.cluster.groups();
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
    // No member gets an assignment that a restart would lose.
    let saved = context.cluster.groups().saved(&group).await;
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
    let assigned = request.assignments.iter();
    let bytes: usize = assigned.map(|given| given.assignment.len()).sum();
    let room = context.cluster.groups().check_members(bytes);
    if bytes > GROUP_BYTES_MAX || room.is_err() {
        return Err(ErrorCode::UnknownServerError);
    }
    // Taken out of the request, as in `kept`.
    let assignments = request
        .assignments
        .iter()
        .map(|given| {
            let assignment = Bytes::copy_from_slice(&given.assignment);
            (given.member_id.to_string(), assignment)
        })
        .collect();
    let instance_id = optional(&request.group_instance_id);
    let identity = MemberIdentity {
        member_id: &request.member_id,
        instance_id: instance_id.as_deref(),
    };
    let protocol = (
        request.protocol_type.as_deref(),
        request.protocol_name.as_deref(),
    );
    context
        .cluster
        .groups()
        .find_and(&request.group_id, |group, now| {
            group.sync(identity, request.generation_id, protocol, assignments, now)
        })
        .ok_or(ErrorCode::UnknownMemberId)
}

pub(crate) async fn heartbeat(
    context: &mut Context,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let instance_id = optional(&request.group_instance_id);
    let identity = MemberIdentity {
        member_id: &request.member_id,
        instance_id: instance_id.as_deref(),
    };
    let beat = check_group(context, AclOperation::Read, &request.group_id).and_then(|()| {
        context
            .cluster
            .groups()
            .find_and(&request.group_id, |group, now| {
                group.heartbeat(identity, request.generation_id, now)
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
            .groups()
            .find_and(&request.group_id, |group, now| {
                group.leave(
                    MemberIdentity {
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
    let mut members = Vec::with_capacity(request.members.len());
    let mut pace = Pace::default();
    for member in &request.members {
        pace.step().await;
        let left = leave(&member.member_id, member.group_instance_id.as_deref());
        members.push(
            MemberResponse::default()
                .with_member_id(member.member_id.clone())
                .with_group_instance_id(member.group_instance_id.clone())
                .with_error_code(code_of(&left)),
        );
    }
    LeaveGroupResponse::default().with_members(members)
}

pub(crate) async fn describe_groups(
    context: &mut Context,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let asked = distinct::distinct(request.groups, Clone::clone).await;
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
    DescribeGroupsResponse::default().with_groups(groups)
}

fn describe_one(context: &Context, id: GroupId, with_operations: bool) -> DescribedGroup {
    let answer = DescribedGroup::default()
        .with_group_id(id.clone())
        .with_authorized_operations(OPERATIONS_UNKNOWN);
    let allowed = context
        .check_group(AclOperation::Describe, &id)
        .and_then(|()| context.check_coordinator(&id));
    if let Err(code) = allowed {
        return answer.with_error_code(code.code());
    }
    let answer = match with_operations {
        true => answer
            .with_authorized_operations(context.authorized_operations(ResourceType::Group, &id)),
        false => answer,
    };
    let described = context.cluster.groups().find_group_and(&id, |group, _| {
        (!group.is_consumer).then(|| describe(answer.clone(), &group.classic))
    });
    described
        .flatten()
        .unwrap_or_else(|| describe_offline(context, &id, answer))
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
        .metadata_log()
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
    // Names of states and types are compared whatever their case.
    let wanted = |filter: &[StrBytes]| -> HashSet<String> {
        filter
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect()
    };
    let (states, types) = (
        wanted(&request.states_filter),
        wanted(&request.types_filter),
    );
    let is_in = |wanted: &HashSet<String>, value: &str| {
        wanted.is_empty() || wanted.contains(&value.to_ascii_lowercase())
    };
    let may_see_all = context.may(AclOperation::Describe, ResourceType::Cluster, CLUSTER_NAME);
    let cluster = context.cluster.clone();
    let listing = context
        .cluster
        .turns()
        .take(move || cluster.groups().list());
    let Some(all) = listing.await else {
        let code = ErrorCode::CoordinatorNotAvailable.code();
        return ListGroupsResponse::default().with_error_code(code);
    };
    let mut groups = Vec::new();
    let mut pace = Pace::default();
    for group in all {
        pace.step().await;
        let is_shown = is_in(&states, group.state)
            && is_in(&types, group.kind)
            && context.check_coordinator(&group.id).is_ok()
            && (may_see_all || context.may(AclOperation::Describe, ResourceType::Group, &group.id));
        if is_shown {
            groups.push(listed(context, group));
        }
    }
    ListGroupsResponse::default().with_groups(groups)
}

fn listed(context: &Context, group: group::ListedGroup) -> ListedGroup {
    let since = |version: i16, text: &'static str| match context.version >= version {
        true => StrBytes::from_static_str(text),
        false => StrBytes::default(),
    };
    ListedGroup::default()
        .with_group_id(GroupId(group.id.into()))
        .with_protocol_type(group.protocol_type.into())
        .with_group_state(since(4, group.state))
        .with_group_type(since(5, group.kind))
}

pub(crate) async fn delete_groups(
    context: &mut Context,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let asked = distinct::distinct(request.groups_names, Clone::clone).await;
    let mut results = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for id in asked {
        pace.step().await;
        let deleted = match check_group(context, AclOperation::Delete, &id) {
            Ok(()) => context.cluster.groups().delete(&id).await,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_member_does_not_keep_its_request() {
        let frame = Bytes::from(vec![7; 100_000]);
        let protocol = |name: &'static str, range: std::ops::Range<usize>| {
            JoinGroupRequestProtocol::default()
                .with_name(name.into())
                .with_metadata(frame.slice(range))
        };
        let protocols = [
            protocol("range", 10..20),
            protocol("sticky", 20..40),
            protocol("range", 50..60),
        ];
        let kept = kept(&protocols);
        drop(protocols);
        assert!(frame.is_unique());
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["range", "sticky"]);
        assert_eq!(kept[1].1.len(), 20);
    }
}
