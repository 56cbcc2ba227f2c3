//! ModifyTopicAttributes: changes the settings of a topic and what is noted beside it.

use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::id::InstanceId;
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::AllowList;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use super::create_topic::acl_rule;
use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check;
use crate::ckafka::convert::Tag;
use crate::ckafka::notes::TopicNotes;
use crate::ckafka::topic_settings::{REPLICAS, TopicSettings, check_note};
use crate::ckafka::topics;

pub struct ModifyTopicAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
    note: Option<String>,
    enable_white_list: Option<i64>,
    min_insync_replicas: Option<i64>,
    unclean_leader_election_enable: Option<i64>,
    retention_ms: Option<i64>,
    max_message_bytes: Option<i64>,
    segment_ms: Option<i64>,
    clean_up_policy: Option<String>,
    ip_white_list: Option<Vec<String>>,
    enable_acl_rule: Option<i64>,
    acl_rule_name: Option<String>,
    retention_bytes: Option<i64>,
    tags: Option<Vec<Tag>>,
    quota_producer_byte_rate: Option<i64>,
    quota_consumer_byte_rate: Option<i64>,
    replica_num: Option<i64>,
    log_msg_timestamp_type: Option<String>,
}

impl Operation for ModifyTopicAttributes {
    const NAME: &'static str = "ModifyTopicAttributes";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let edit = edit(&request)?;
        let id = InstanceId::new(request.instance_id);
        control
            .topic_edit(cx, &id, &request.topic_name, edit)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}

fn edit(request: &Request) -> Result<TopicEdit, CallError> {
    check::filled("InstanceId", &request.instance_id)?;
    check::filled("TopicName", &request.topic_name)?;
    if let Some(note) = &request.note {
        check_note(note)?;
    }
    acl_rule(request.enable_acl_rule, request.acl_rule_name.as_ref())?;
    no_quota("QuotaProducerByteRate", request.quota_producer_byte_rate)?;
    no_quota("QuotaConsumerByteRate", request.quota_consumer_byte_rate)?;
    let settings = TopicSettings {
        clean_up_policy: request.clean_up_policy.clone(),
        log_msg_timestamp_type: request.log_msg_timestamp_type.clone(),
        max_message_bytes: request.max_message_bytes,
        min_insync_replicas: request.min_insync_replicas,
        retention_bytes: request.retention_bytes,
        retention_ms: request.retention_ms,
        segment_ms: request.segment_ms,
        unclean_leader_election: request.unclean_leader_election_enable,
    };
    // Terraform's tests want two in sync of one replica, as Kafka permits.
    let configs = settings.configs(*REPLICAS.end())?.into_iter();
    let enabled = request.enable_white_list;
    let enabled = enabled.map(|on| check::switch("EnableWhiteList", on));
    let enabled = enabled.transpose()?;
    let notes = TopicNotes {
        clean_up_policy: check::given(request.clean_up_policy.as_ref()).map(str::to_owned),
        white_list_enabled: enabled.map(i64::from),
        ..TopicNotes::default()
    };
    let tags = request.tags.clone();
    Ok(TopicEdit {
        replication_factor: replicas(request.replica_num)?,
        configs: configs.map(|(name, value)| (name, Some(value))).collect(),
        remark: request.note.clone(),
        allow_list: allow_list(request, enabled)?,
        tags: tags
            .map(|tags| check::tags("Tags", Some(tags)))
            .transpose()?,
        notes: Notes::of(&notes),
        ..TopicEdit::default()
    })
}

/// `ReplicaNum`; 0 says nothing.
pub(super) fn replicas(replica_num: Option<i64>) -> Result<Option<i16>, CallError> {
    let said = replica_num.filter(|number| *number != 0);
    let said = said.map(|number| check::within("ReplicaNum", number, REPLICAS));
    Ok(said
        .transpose()?
        .and_then(|number| i16::try_from(number).ok()))
}

/// Kafka has no quotas of topics: -1 and 0 say that there is none.
fn no_quota(name: &str, rate: Option<i64>) -> Result<(), CallError> {
    match rate {
        None | Some(-1 | 0) => Ok(()),
        Some(_) => {
            let told = format!("`{name}`: a topic has no quota of its own here.");
            Err(check::unsupported(told))
        }
    }
}

/// A white list that is switched off is empty; one that is on is what is sent with it, or stays.
fn allow_list(request: &Request, enabled: Option<bool>) -> Result<Option<AllowList>, CallError> {
    if enabled == Some(false) {
        return Ok(Some(AllowList::new()));
    }
    let Some(list) = &request.ip_white_list else {
        return Ok(None);
    };
    topics::check_white_list(list)?;
    Ok(Some(list.iter().cloned().collect()))
}
