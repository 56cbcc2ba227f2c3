//! CreateTopic.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

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
use crate::ckafka::topics::{self, setting};
use crate::ckafka::{check, ids};

/// `PartitionNum` ("Limits": partitions of one topic).
const PARTITIONS: RangeInclusive<i64> = 1..=3_000;
/// `ReplicaNum`.
const REPLICAS: RangeInclusive<i64> = 1..=3;
/// Longest `Note`, in characters.
const NOTE_CHARS_MAX: usize = 64;
/// `RetentionMs`: a minute to 90 days.
const RETENTION_MS: RangeInclusive<i64> = 60_000..=7_776_000_000;
/// `SegmentMs`: the page says a day, Terraform lets an hour through.
const SEGMENT_MS: RangeInclusive<i64> = 3_600_000..=i64::MAX;
/// `MaxMessageBytes`: 1 KB to 12 MB.
const MESSAGE_BYTES: RangeInclusive<i64> = 1_024..=12_582_912;
/// `RetentionBytes`: 1 GB to 1 TB; -1 is no limit.
const RETENTION_BYTES: RangeInclusive<i64> = 1 << 30..=1 << 40;

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
    if remark.chars().count() > NOTE_CHARS_MAX {
        return Err(check::value(
            "Note",
            format!("has more than {NOTE_CHARS_MAX} characters"),
        ));
    }
    acl_rule(request)?;
    let partitions = check::within("PartitionNum", request.partition_num, PARTITIONS)?;
    let replicas = check::within("ReplicaNum", request.replica_num, REPLICAS)?;
    Ok(NewTopic {
        topic: Topic {
            name: request.topic_name.clone(),
            // Both are in their ranges.
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(replicas).unwrap_or(i16::MAX),
            configs: configs(request)?,
        },
        remark,
        notes: Notes::of(&notes(request, topic_id)?),
        allow_list: allow_list(request)?,
        tags: check::tags("Tags", request.tags.clone())?,
    })
}

/// Preset ACL rules are not made here, so that none can be named.
fn acl_rule(request: &Request) -> Result<(), CallError> {
    if !check::switch("EnableAclRule", request.enable_acl_rule.unwrap_or(0))? {
        return Ok(());
    }
    match check::given(request.acl_rule_name.as_ref()) {
        None => Err(check::not_allowed_empty("AclRuleName")),
        Some(name) => Err(Fault::new(
            "ResourceNotFound",
            200,
            format!("There is no ACL rule {name}."),
        )
        .into()),
    }
}

/// Kafka's settings of the topic, out of those that are numbers, switches and words.
fn configs(request: &Request) -> Result<BTreeMap<String, String>, CallError> {
    let mut configs = BTreeMap::new();
    for (parameter, kafka, value, range) in numbers(request) {
        // No number here may be 0: clients with typed structs send it for what nobody set.
        if let Some(value) = value.filter(|value| *value != 0) {
            let value = check::within(parameter, value, range)?;
            configs.insert(kafka.to_owned(), value.to_string());
        }
    }
    if let Some(on) = request.unclean_leader_election_enable {
        let on = check::switch("UncleanLeaderElectionEnable", on)?;
        configs.insert(setting::UNCLEAN.to_owned(), on.to_string());
    }
    for (parameter, kafka, text, known) in words(request) {
        if let Some(text) = check::given(text.as_ref()) {
            let word = check::word(parameter, text, known)?;
            // The page writes lists with a space, Kafka without.
            configs.insert(kafka.to_owned(), word.replace(", ", ","));
        }
    }
    Ok(configs)
}

/// A parameter, Kafka's name of what it sets, and what it says.
type Number = (&'static str, &'static str, Option<i64>, RangeInclusive<i64>);

fn numbers(request: &Request) -> [Number; 5] {
    let unlimited = request.retention_bytes == Some(-1);
    let retention_bytes = if unlimited { -1..=-1 } else { RETENTION_BYTES };
    [
        (
            "RetentionMs",
            setting::RETENTION,
            request.retention_ms,
            RETENTION_MS,
        ),
        (
            "SegmentMs",
            setting::SEGMENT_MS,
            request.segment_ms,
            SEGMENT_MS,
        ),
        (
            "MaxMessageBytes",
            setting::MESSAGE_BYTES,
            request.max_message_bytes,
            MESSAGE_BYTES,
        ),
        (
            "MinInsyncReplicas",
            setting::MIN_INSYNC,
            request.min_insync_replicas,
            1..=request.replica_num,
        ),
        (
            "RetentionBytes",
            setting::RETENTION_BYTES,
            request.retention_bytes,
            retention_bytes,
        ),
    ]
}

/// A parameter, Kafka's name of what it sets, what it says, and what it may say.
type Word<'a> = (
    &'static str,
    &'static str,
    &'a Option<String>,
    &'static [&'static str],
);

fn words(request: &Request) -> [Word<'_>; 2] {
    [
        (
            "CleanUpPolicy",
            setting::CLEANUP,
            &request.clean_up_policy,
            &[
                "delete",
                "compact",
                "compact, delete",
                "compact,delete",
                "delete, compact",
                "delete,compact",
            ],
        ),
        (
            "LogMsgTimestampType",
            setting::TIMESTAMP_TYPE,
            &request.log_msg_timestamp_type,
            &["CreateTime", "LogAppendTime"],
        ),
    ]
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
