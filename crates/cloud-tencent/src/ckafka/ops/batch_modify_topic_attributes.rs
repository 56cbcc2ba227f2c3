//! BatchModifyTopicAttributes: changes the settings of some topics, each for itself.

use std::collections::{BTreeMap, BTreeSet};

use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::Error;
use brokerage_domain::id::InstanceId;
use brokerage_domain::notes::Notes;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use super::modify_topic_attributes::replicas;
use crate::ckafka::answer::Answered;
use crate::ckafka::check;
use crate::ckafka::notes::TopicNotes;
use crate::ckafka::topic_settings::{PARTITIONS, REPLICAS, TopicSettings, check_note};
use crate::fault::fault;

/// `ReturnCode` of a topic that was changed.
const DONE: &str = "0";

pub struct BatchModifyTopicAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic: Vec<BatchModifyTopicInfo>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchModifyTopicInfo {
    topic_name: String,
    partition_num: Option<i64>,
    note: Option<String>,
    replica_num: Option<i64>,
    clean_up_policy: Option<String>,
    min_insync_replicas: Option<i64>,
    unclean_leader_election_enable: Option<bool>,
    retention_ms: Option<i64>,
    retention_bytes: Option<i64>,
    segment_ms: Option<i64>,
    max_message_bytes: Option<i64>,
    log_msg_timestamp_type: Option<String>,
}

/// `BatchModifyTopicResultDTO`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Modified {
    instance_id: String,
    topic_name: String,
    return_code: String,
    message: String,
}

impl Operation for BatchModifyTopicAttributes {
    const NAME: &'static str = "BatchModifyTopicAttributes";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Vec<Modified>>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(&request.instance_id);
        control.instance_view(&cx, &id).await?;
        if request.topic.is_empty() {
            return Err(check::not_allowed_empty("Topic"));
        }
        let mut names = BTreeSet::new();
        for topic in &request.topic {
            if !names.insert(topic.topic_name.as_str()) {
                let told = format!("The topic {} is given twice.", topic.topic_name);
                return Err(check::repetition(told));
            }
        }
        let known = control.topic_list(&cx, &id).await?;
        let partitions: BTreeMap<&str, i32> = known
            .iter()
            .map(|view| (view.topic.name.as_str(), view.topic.partitions))
            .collect();
        // All of it is read before anything is changed.
        let mut edits = Vec::with_capacity(request.topic.len());
        for topic in &request.topic {
            let before = partitions.get(topic.topic_name.as_str()).copied();
            edits.push((topic.topic_name.clone(), topic.edit(before)?));
        }
        let results = control.topics_edit(cx, &id, edits).await?.into_iter();
        let modified = request.topic.into_iter().zip(results);
        let modified = modified
            .map(|(topic, result)| modified_of(&request.instance_id, topic.topic_name, result));
        Ok(Answered::new(modified.collect()))
    }
}

impl BatchModifyTopicInfo {
    /// `before`: its partitions. As many change nothing.
    fn edit(&self, before: Option<i32>) -> Result<TopicEdit, CallError> {
        check::filled("Topic.TopicName", &self.topic_name)?;
        if let Some(note) = &self.note {
            check_note(note)?;
        }
        let said = self.partition_num.filter(|number| *number != 0);
        let said = said.map(|number| check::within("PartitionNum", number, PARTITIONS));
        let said = said
            .transpose()?
            .and_then(|number| i32::try_from(number).ok());
        let settings = TopicSettings {
            clean_up_policy: self.clean_up_policy.clone(),
            log_msg_timestamp_type: self.log_msg_timestamp_type.clone(),
            max_message_bytes: self.max_message_bytes,
            min_insync_replicas: self.min_insync_replicas,
            retention_bytes: self.retention_bytes,
            retention_ms: self.retention_ms,
            segment_ms: self.segment_ms,
            unclean_leader_election: self.unclean_leader_election_enable.map(i64::from),
        };
        let configs = settings.configs(*REPLICAS.end())?.into_iter();
        let notes = TopicNotes {
            clean_up_policy: check::given(self.clean_up_policy.as_ref()).map(str::to_owned),
            ..TopicNotes::default()
        };
        Ok(TopicEdit {
            partitions: said.filter(|said| before != Some(*said)),
            replication_factor: replicas(self.replica_num)?,
            configs: configs.map(|(name, value)| (name, Some(value))).collect(),
            remark: self.note.clone(),
            notes: Notes::of(&notes),
            ..TopicEdit::default()
        })
    }
}

fn modified_of(instance_id: &str, topic_name: String, result: Result<(), Error>) -> Modified {
    let refusal = result.err().map(|error| fault(&error.into()));
    let (return_code, message) = match refusal {
        None => (DONE.to_owned(), "ok".to_owned()),
        Some(refusal) => (refusal.code.into_owned(), refusal.message),
    };
    Modified {
        instance_id: instance_id.to_owned(),
        topic_name,
        return_code,
        message,
    }
}
