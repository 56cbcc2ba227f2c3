//! Consumer groups, classic ones and those of the consumer protocol (KIP-848).

use bytes::{Buf, Bytes};
use kafka_protocol::{
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment,
        DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
        GroupId, ListGroupsRequest, ListGroupsResponse,
        consumer_group_describe_response::DescribedGroup as ConsumerGroup,
        describe_groups_response::DescribedGroup as ClassicGroup,
    },
    protocol::{Decodable, Message, Request, StrBytes},
};

use crate::{
    AdminError, Client, ErrorCode,
    client::{only, refused},
};

/// The protocol type of groups of consumers (`ConsumerProtocol.PROTOCOL_TYPE`).
const CONSUMER: &str = "consumer";

/// A group as lists show it; what an older broker does not send is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub id: String,
    /// `consumer` for groups of consumers.
    pub protocol_type: String,
    /// Kafka's name of its state, e.g. `Stable`.
    pub state: String,
    /// `Classic` or `Consumer`.
    pub kind: String,
}

/// A group with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Kafka's name of its state; `Dead` where there is none.
    pub state: String,
    /// What its members speak: `consumer` for groups of consumers; empty where it never had any.
    pub protocol_type: String,
    /// What places partitions: the assignor's name.
    pub assignor: String,
    /// Its members, as Kafka lists them.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// Its own name, where it has one (KIP-345).
    pub instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where its client is.
    pub client_host: String,
    /// Topics and partitions that it has; empty where an application places them in its own way.
    pub assigned: Vec<(String, Vec<i32>)>,
}

pub(crate) fn group_id(id: &str) -> GroupId {
    GroupId(StrBytes::from_string(id.to_owned()))
}

/// What a consumer's assignment names (`ConsumerProtocol.deserializeAssignment`).
fn assigned(mut bytes: Bytes) -> Vec<(String, Vec<i32>)> {
    if bytes.len() < 2 {
        return Vec::new();
    }
    let version = bytes
        .get_i16()
        .min(ConsumerProtocolAssignment::VERSIONS.max);
    let Ok(read) = ConsumerProtocolAssignment::decode(&mut bytes, version.max(0)) else {
        return Vec::new();
    };
    let parts = read.assigned_partitions.into_iter();
    parts
        .map(|part| (part.topic.to_string(), part.partitions))
        .collect()
}

fn classic(group: ClassicGroup) -> Group {
    let is_consumer = group.protocol_type.as_str() == CONSUMER;
    let members = group.members.into_iter().map(|member| GroupMember {
        id: member.member_id.to_string(),
        instance_id: member.group_instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        assigned: match is_consumer {
            true => assigned(member.member_assignment),
            false => Vec::new(),
        },
    });
    Group {
        id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        protocol_type: group.protocol_type.to_string(),
        assignor: group.protocol_data.to_string(),
        members: members.collect(),
    }
}

fn consumer(group: ConsumerGroup) -> Group {
    let members = group.members.into_iter().map(|member| GroupMember {
        id: member.member_id.to_string(),
        instance_id: member.instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        assigned: (member.assignment.topic_partitions.into_iter())
            .map(|part| (part.topic_name.to_string(), part.partitions))
            .collect(),
    });
    Group {
        id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        protocol_type: CONSUMER.to_owned(),
        assignor: group.assignor_name.to_string(),
        members: members.collect(),
    }
}

impl Client {
    /// All groups, by id.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn group_list(&mut self) -> Result<Vec<ListedGroup>, AdminError> {
        let read = |answer: ListGroupsResponse| {
            refused(answer.error_code, None)?;
            Ok(answer.groups)
        };
        let listed = self.ask(&ListGroupsRequest::default(), read).await?;
        let group =
            |group: kafka_protocol::messages::list_groups_response::ListedGroup| ListedGroup {
                id: group.group_id.to_string(),
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
                kind: group.group_type.to_string(),
            };
        let mut groups: Vec<ListedGroup> = listed.into_iter().map(group).collect();
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(groups)
    }

    /// One group with its members, whichever protocol they speak. A group that is not there is GROUP_ID_NOT_FOUND from
    /// Kafka 4.0 on, and `Dead` before.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn group_describe(&mut self, id: &str) -> Result<Group, AdminError> {
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(id)]);
        let read = |answer: ConsumerGroupDescribeResponse| {
            let group = only(ConsumerGroupDescribeRequest::KEY, answer.groups)?;
            refused(group.error_code, group.error_message.as_deref())?;
            Ok(consumer(group))
        };
        match self.ask(&request, read).await {
            Err(AdminError::Unsupported { .. }) => {}
            // It speaks the classic protocol, or is not there.
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {}
            described => return described,
        }
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(id)]);
        let read = |answer: DescribeGroupsResponse| {
            let group = only(DescribeGroupsRequest::KEY, answer.groups)?;
            refused(group.error_code, group.error_message.as_deref())?;
            Ok(classic(group))
        };
        self.ask(&request, read).await
    }

    /// Forgets a group and its offsets.
    ///
    /// # Errors
    /// [`AdminError`]; GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP while it has members.
    pub async fn group_delete(&mut self, id: &str) -> Result<(), AdminError> {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(id)]);
        let read = |answer: DeleteGroupsResponse| {
            let gone = only(DeleteGroupsRequest::KEY, answer.results)?;
            refused(gone.error_code, None)
        };
        self.ask(&request, read).await
    }
}
