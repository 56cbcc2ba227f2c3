//! CreateTopic: makes a topic on a running instance.

use std::collections::BTreeMap;

use brokerage_control::topic::NewTopic;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::{AllowList, Topic};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use crate::alikafka::convert::{PARTITIONS_DEFAULT, Tag, tags_from};
use crate::alikafka::fault::field;
use crate::alikafka::notes::TopicNotes;
use crate::alikafka::topic_config::{MIN_INSYNC_REPLICAS, REPLICAS_MAX, TopicConfig};
use crate::alikafka::topic_words::{self, PARTITIONS_MAX};

/// Shortest and longest name, in characters ("CreateTopic": 3 to 64).
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=64;
/// Smallest `PartitionNum` in cloud storage; local storage takes 1.
const PARTITIONS_CLOUD_MIN: i64 = 2;

pub struct CreateTopic;

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
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id.clone());
        let instance = control.instance_view(&cx, &id).await?;
        check_words(&request)?;
        let local = request.local_topic.unwrap_or(false);
        let partitions = partitions(request.partition_num, local)?;
        if request.compact_topic == Some(true) && !local {
            return Err(field(
                "CompactTopic",
                "only local storage compacts, which LocalTopic chooses",
            ));
        }
        let config = TopicConfig::read(
            given(request.config.as_ref()).map(str::to_owned),
            &instance.plan,
        )?;
        let replication_factor = replicas(&request, &config, &instance)?;
        let configs = configs(&request, &config, replication_factor)?;
        let tags = tags_from(request.tag)?;
        let notes = TopicNotes {
            local: Some(local),
            config: Some(config.text()?),
        };
        let topic = Topic {
            name: request.topic,
            partitions,
            replication_factor,
            configs,
        };
        let new = NewTopic {
            topic,
            remark: request.remark,
            tags,
            allow_list: AllowList::new(),
            notes: Notes::of(&notes),
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

/// A number for which 0 is no value: clients that say every attribute say it for what nobody set.
fn said<T: Default + PartialEq>(number: Option<T>) -> Option<T> {
    number.filter(|number| *number != T::default())
}

fn partitions(asked: Option<i64>, local: bool) -> Result<i32, CallError> {
    let min = if local { 1 } else { PARTITIONS_CLOUD_MIN };
    let asked = said(asked).unwrap_or(PARTITIONS_DEFAULT);
    match i32::try_from(asked) {
        Ok(count) if (min..=PARTITIONS_MAX).contains(&asked) => Ok(count),
        _ => Err(field(
            "PartitionNum",
            format!("must be from {min} to {PARTITIONS_MAX}"),
        )),
    }
}

impl Request {
    /// A parameter that only local storage has. With cloud storage clients send it all the same, and it means nothing.
    fn local<T: Default + PartialEq>(&self, value: Option<T>) -> Option<T> {
        said(value).filter(|_| self.local_topic == Some(true))
    }
}

/// What two places of a request say, where they do not contradict each other.
fn agreed(
    name: &str,
    (said, in_config): (Option<i16>, Option<i16>),
) -> Result<Option<i16>, CallError> {
    match (said, in_config) {
        (Some(said), Some(in_config)) if said != in_config => {
            Err(field(name, format!("Config says {in_config}")))
        }
        _ => Ok(said.or(in_config)),
    }
}

fn replicas(
    request: &Request,
    config: &TopicConfig,
    instance: &Instance,
) -> Result<i16, CallError> {
    let said = request.local(request.replication_factor);
    if said.is_some_and(|replicas| !(1..=REPLICAS_MAX).contains(&replicas)) {
        return Err(field(
            "ReplicationFactor",
            format!("must be from 1 to {REPLICAS_MAX}"),
        ));
    }
    let most = i16::try_from(instance.plan.brokers)
        .unwrap_or(REPLICAS_MAX)
        .min(REPLICAS_MAX);
    Ok(agreed("ReplicationFactor", (said, config.replicas))?.unwrap_or(most))
}

/// The settings of a topic by Kafka's names: those of `Config`, and those that have parameters of their own.
fn configs(
    request: &Request,
    config: &TopicConfig,
    replicas: i16,
) -> Result<BTreeMap<String, String>, CallError> {
    let mut configs = config.settings.clone();
    let in_config = configs
        .get(MIN_INSYNC_REPLICAS)
        .and_then(|text| text.parse().ok());
    let said = request.local(request.min_insync_replicas);
    if let Some(insync) = agreed("MinInsyncReplicas", (said, in_config))? {
        if !(1..=replicas).contains(&insync) {
            return Err(match said {
                Some(_) => field("MinInsyncReplicas", "must be from 1 to ReplicationFactor"),
                None => field(
                    "Config",
                    format!("{MIN_INSYNC_REPLICAS} must be from 1 to the {replicas} replicas"),
                ),
            });
        }
        configs.insert(MIN_INSYNC_REPLICAS.to_owned(), insync.to_string());
    }
    if request.compact_topic == Some(true) {
        configs.insert(
            topic_words::CLEANUP_POLICY.to_owned(),
            topic_words::COMPACT.to_owned(),
        );
    }
    Ok(configs)
}
