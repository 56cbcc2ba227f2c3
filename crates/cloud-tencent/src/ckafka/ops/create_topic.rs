//! CreateTopic.

use brokerage_control::topic::NewTopic;
use brokerage_domain::id::InstanceId;
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::{AllowList, Topic};
use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::convert::Tag;
use crate::ckafka::notes::TopicNotes;
use crate::ckafka::topic_settings::{PARTITIONS, REPLICAS, TopicSettings, check_note};
use crate::ckafka::topics;
use crate::ckafka::{check, ids};

pub struct CreateTopic;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
    partition_num: i64,
    replica_num: i64,
    enable_white_list: Option<i64>,
    ip_white_list: Option<Vec<String>>,
    clean_up_policy: Option<String>,
    note: Option<String>,
    min_insync_replicas: Option<i64>,
    unclean_leader_election_enable: Option<i64>,
    retention_ms: Option<i64>,
    segment_ms: Option<i64>,
    max_message_bytes: Option<i64>,
    enable_acl_rule: Option<i64>,
    acl_rule_name: Option<String>,
    retention_bytes: Option<i64>,
    tags: Option<Vec<Tag>>,
    log_msg_timestamp_type: Option<String>,
}

/// `CreateTopicResp`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    topic_id: String,
}

impl Operation for CreateTopic {
    const NAME: &'static str = "CreateTopic";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Created>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let topic_id = ids::topic_id(control.chance());
        let new = new_topic(&request, topic_id.clone())?;
        control
            .topic_create(cx, &InstanceId::new(request.instance_id), new)
            .await?;
        Ok(Answered::new(Created { topic_id }))
    }
}

fn new_topic(request: &Request, topic_id: String) -> Result<NewTopic, CallError> {
    check::filled("InstanceId", &request.instance_id)?;
    check::filled("TopicName", &request.topic_name)?;
    let remark = request.note.clone().unwrap_or_default();
    check_note(&remark)?;
    acl_rule(request.enable_acl_rule, request.acl_rule_name.as_ref())?;
    let partitions = check::within("PartitionNum", request.partition_num, PARTITIONS)?;
    let replicas = check::within("ReplicaNum", request.replica_num, REPLICAS)?;
    Ok(NewTopic {
        topic: Topic {
            name: request.topic_name.clone(),
            // Both are in their ranges.
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(replicas).unwrap_or(i16::MAX),
            configs: request.settings().configs(request.replica_num)?,
        },
        remark,
        notes: Notes::of(&notes(request, topic_id)?),
        allow_list: allow_list(request)?,
        tags: check::tags("Tags", request.tags.clone())?,
    })
}

impl Request {
    fn settings(&self) -> TopicSettings {
        TopicSettings {
            clean_up_policy: self.clean_up_policy.clone(),
            log_msg_timestamp_type: self.log_msg_timestamp_type.clone(),
            max_message_bytes: self.max_message_bytes,
            min_insync_replicas: self.min_insync_replicas,
            retention_bytes: self.retention_bytes,
            retention_ms: self.retention_ms,
            segment_ms: self.segment_ms,
            unclean_leader_election: self.unclean_leader_election_enable,
        }
    }
}

/// Preset ACL rules are not made here, so that none can be named.
pub(super) fn acl_rule(enabled: Option<i64>, name: Option<&String>) -> Result<(), CallError> {
    if !check::switch("EnableAclRule", enabled.unwrap_or(0))? {
        return Ok(());
    }
    match check::given(name) {
        None => Err(check::not_allowed_empty("AclRuleName")),
        Some(name) => Err(Fault::new(
            "ResourceNotFound",
            200,
            format!("There is no ACL rule {name}."),
        )
        .into()),
    }
}

fn notes(request: &Request, topic_id: String) -> Result<TopicNotes, CallError> {
    let enabled = check::switch("EnableWhiteList", request.enable_white_list.unwrap_or(0))?;
    let policy = check::given(request.clean_up_policy.as_ref());
    Ok(TopicNotes {
        topic_id: Some(topic_id),
        clean_up_policy: policy.map(str::to_owned),
        white_list_enabled: Some(i64::from(enabled)),
    })
}

/// The white list is kept and shown; brokers accept clients by their listeners, not by topic.
fn allow_list(request: &Request) -> Result<AllowList, CallError> {
    let white_list = request.ip_white_list.as_deref().unwrap_or_default();
    topics::check_white_list(white_list)?;
    Ok(white_list.iter().cloned().collect())
}
