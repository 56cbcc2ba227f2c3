//! CreateTopic: makes a topic on a running instance.

use std::collections::BTreeMap;

use brokerage_control::topic::NewTopic;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_domain::topic::Topic;
use serde::Deserialize;

use crate::alikafka::convert::{Tag, given, json_text, tags_from};
use crate::alikafka::fault::field;
use crate::alikafka::topic_words::{self, LocalConfig};
use crate::fault::CallError;
use crate::operation::{Call, Mode, Operation};

/// Shortest and longest name, in characters ("CreateTopic": 3 to 64).
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=64;
/// `PartitionNum` where none is given.
const PARTITIONS_DEFAULT: i64 = 12;
/// Largest `PartitionNum`.
const PARTITIONS_MAX: i64 = 360;
/// Smallest `PartitionNum` in cloud storage; local storage takes 1.
const PARTITIONS_CLOUD_MIN: i64 = 2;
/// Largest `ReplicationFactor`, and that of cloud storage.
const REPLICAS_MAX: i16 = 3;

/// The operation.
pub struct CreateTopic;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    topic: String,
    remark: String,
    partition_num: Option<i64>,
    local_topic: Option<bool>,
    compact_topic: Option<bool>,
    replication_factor: Option<i16>,
    min_insync_replicas: Option<i16>,
    config: Option<String>,
    tag: Option<Vec<Tag>>,
}

impl Operation for CreateTopic {
    const NAME: &'static str = "CreateTopic";
    const ACTION: &'static str = "alikafka:CreateTopic";
    const MODE: Mode = Mode::Write;
    const CALLS_PER_SECOND: u32 = 20;
    type Request = Request;
    type Response = ();

    fn resource(request: &Request) -> Option<String> {
        Some(request.instance_id.clone())
    }

    async fn call(call: &Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id.clone());
        let instance = control.instance_view(cx, &id).await?;
        check_words(&request)?;
        let local = request.local_topic.unwrap_or(false);
        let partitions = partitions(request.partition_num, local)?;
        let (replication_factor, configs) = if local {
            local_storage(&request, &instance)?
        } else if request.compact_topic == Some(true) {
            return Err(field(
                "CompactTopic",
                "only local storage compacts, which LocalTopic chooses",
            ));
        } else {
            (replicas_max(&instance), BTreeMap::new())
        };
        let mut attributes = topic_words::tag_attributes(&tags_from(request.tag)?);
        attributes.insert(topic_words::LOCAL.to_owned(), local.to_string());
        let topic = Topic {
            name: request.topic,
            partitions,
            replication_factor,
            configs,
        };
        let new = NewTopic {
            topic,
            remark: request.remark,
            attributes,
        };
        Ok(control.topic_create(cx, &id, new).await?)
    }
}

fn check_words(request: &Request) -> Result<(), CallError> {
    let (min, max) = (NAME_CHARS.start(), NAME_CHARS.end());
    let permitted =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if !NAME_CHARS.contains(&request.topic.chars().count()) || !request.topic.chars().all(permitted)
    {
        return Err(field(
            "Topic",
            format!("must be {min} to {max} of letters, digits, '_', '-' and '.'"),
        ));
    }
    topic_words::check_remark(&request.remark)
}

fn partitions(asked: Option<i64>, local: bool) -> Result<i32, CallError> {
    let min = if local { 1 } else { PARTITIONS_CLOUD_MIN };
    let asked = asked.unwrap_or(PARTITIONS_DEFAULT);
    match i32::try_from(asked) {
        Ok(count) if (min..=PARTITIONS_MAX).contains(&asked) => Ok(count),
        _ => Err(field(
            "PartitionNum",
            format!("must be from {min} to {PARTITIONS_MAX}"),
        )),
    }
}

fn replicas_max(instance: &Instance) -> i16 {
    i16::try_from(instance.plan.brokers)
        .unwrap_or(REPLICAS_MAX)
        .min(REPLICAS_MAX)
}

/// What only local storage has: `ReplicationFactor`, `MinInsyncReplicas`, `CompactTopic` and `Config`. With cloud
/// storage clients send them all the same, and they mean nothing.
fn local_storage(
    request: &Request,
    instance: &Instance,
) -> Result<(i16, BTreeMap<String, String>), CallError> {
    let max = replicas_max(instance);
    let replicas = request.replication_factor.unwrap_or(max);
    if !(1..=REPLICAS_MAX).contains(&replicas) {
        return Err(field(
            "ReplicationFactor",
            format!("must be from 1 to {REPLICAS_MAX}"),
        ));
    }
    let mut configs = match given(request.config.clone()) {
        Some(text) => json_text::<LocalConfig>("Config", text)?.checked(&instance.plan)?,
        None => BTreeMap::new(),
    };
    if let Some(insync) = request.min_insync_replicas {
        if !(1..=replicas).contains(&insync) {
            return Err(field(
                "MinInsyncReplicas",
                "must be from 1 to ReplicationFactor",
            ));
        }
        configs.insert("min.insync.replicas".to_owned(), insync.to_string());
    }
    if request.compact_topic == Some(true) {
        configs.insert(
            topic_words::CLEANUP_POLICY.to_owned(),
            topic_words::COMPACT.to_owned(),
        );
    }
    Ok((replicas, configs))
}
