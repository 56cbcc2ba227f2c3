//! What CKafka says of a consumer group.

use brokerage_control::group::{Group, GroupMember};
use serde::Serialize;

/// `ErrorCode` of a group that was looked at.
const NO_ERROR: &str = "0";
/// `State` of a group that is not there ("Dead").
const DEAD: &str = "Dead";
/// `Version` of an assignment: that of Kafka's first one (`ConsumerProtocol`).
const ASSIGNMENT_VERSION: i64 = 0;

/// `GroupInfoResponse`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupInfo {
    error_code: &'static str,
    /// `State`.
    pub state: String,
    protocol_type: String,
    protocol: String,
    members: Vec<Member>,
    group: String,
}

/// `GroupInfoMember`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    member_id: String,
    client_id: String,
    client_host: String,
    assignment: Assignment,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Assignment {
    version: i64,
    topics: Vec<Topic>,
}

/// `GroupInfoTopics`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Topic {
    topic: String,
    partitions: Vec<i32>,
}

impl GroupInfo {
    /// Of a group that is there.
    pub fn of(group: Group) -> Self {
        Self {
            error_code: NO_ERROR,
            state: group.state,
            protocol_type: group.protocol_type,
            protocol: group.assignor,
            members: group.members.into_iter().map(member).collect(),
            group: group.id,
        }
    }

    /// Of one that is not ("Dead: the group does not exist").
    pub fn missing(name: String) -> Self {
        Self {
            error_code: NO_ERROR,
            state: DEAD.to_owned(),
            protocol_type: String::new(),
            protocol: String::new(),
            members: Vec::new(),
            group: name,
        }
    }
}

fn member(member: GroupMember) -> Member {
    let topic = |(topic, partitions): (String, Vec<i32>)| Topic { topic, partitions };
    Member {
        member_id: member.id,
        client_id: member.client_id,
        client_host: member.client_host,
        assignment: Assignment {
            version: ASSIGNMENT_VERSION,
            topics: member.assigned.into_iter().map(topic).collect(),
        },
    }
}
