//! DescribeConsumerGroup: consumer groups with the topics that they read.

use std::collections::{BTreeMap, BTreeSet};

use brokerage_control::group::{GroupEntry, GroupView};
use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::given;
use crate::ckafka::{ids, topics};

/// `Limit` where none is given, and the largest ("at most 50").
const LIMIT_MAX: i64 = 50;

pub struct DescribeConsumerGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    group_name: Option<String>,
    topic_name: Option<String>,
    limit: Option<i64>,
    offset: Option<i64>,
}

/// `ConsumerGroupResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    total_count: usize,
    topic_list: Vec<Topic>,
    group_list: Vec<ConsumerGroup>,
    total_partition: usize,
    partition_list_for_monitor: Vec<Partition>,
    total_topic: usize,
    topic_list_for_monitor: Vec<Topic>,
    group_list_for_monitor: Vec<Group>,
}

/// `ConsumerGroupTopic`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Topic {
    topic_id: String,
    topic_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumerGroup {
    consumer_group_name: String,
    subscribed_info: Vec<Subscribed>,
}

/// `SubscribedInfo`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Subscribed {
    topic_name: String,
    partition: Vec<i32>,
    partition_offset: Vec<PartitionOffset>,
    topic_id: String,
}

/// The partition is a text here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionOffset {
    partition: String,
    offset: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Partition {
    partition_id: i32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    group_name: String,
}

impl Operation for DescribeConsumerGroup {
    const NAME: &'static str = "DescribeConsumerGroup";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    /// Null for a group that is not there: what Terraform takes for gone.
    type Response = Answered<Option<Found>>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let mut entries: Vec<GroupEntry> = control.group_list(cx, &id).await?;
        let wanted = given(request.group_name.as_ref());
        if let Some(wanted) = wanted {
            entries.retain(|entry| entry.listed.id == wanted);
            if entries.is_empty() {
                return Ok(Answered::new(None));
            }
        }
        // "Ignored where no group is named."
        let topic = wanted.and_then(|_| given(request.topic_name.as_ref()));
        let total_count = entries.len();
        let page = page(request.offset, request.limit, LIMIT_MAX, LIMIT_MAX);
        let mut views = Vec::new();
        for entry in page.cut(entries) {
            match control.group_view(cx, &id, &entry.listed.id).await {
                Ok(view) => views.push(view),
                // Its last member left meanwhile.
                Err(Error::NotFound {
                    kind: Kind::Group, ..
                }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let known = control.topic_list(cx, &id).await?;
        let known: BTreeMap<&str, String> = known
            .iter()
            .map(|view| (view.topic.name.as_str(), topics::topic_id(&instance, view)))
            .collect();
        let topic_id = |name: &str| {
            let noted = known.get(name).cloned();
            noted.unwrap_or_else(|| ids::topic_id_of_name(&id, name))
        };
        Ok(Answered::new(Some(found(
            &views,
            total_count,
            topic,
            &topic_id,
        ))))
    }
}

/// The topics of a group: those that its owner said, as Terraform compares them; of one that a Kafka client made, those
/// that it reads.
fn topics_of(view: &GroupView) -> BTreeSet<&str> {
    match view.record.as_ref().filter(|record| record.is_made_here) {
        Some(record) => record.topics.iter().map(String::as_str).collect(),
        None => view.topics_read(),
    }
}

fn found(
    views: &[GroupView],
    total_count: usize,
    topic: Option<&str>,
    topic_id: &dyn Fn(&str) -> String,
) -> Found {
    let is_wanted = |name: &&str| topic.is_none_or(|topic| topic == *name);
    let names: BTreeSet<&str> = views.iter().flat_map(topics_of).filter(is_wanted).collect();
    let topic_list: Vec<Topic> = names
        .into_iter()
        .map(|name| Topic {
            topic_id: topic_id(name),
            topic_name: name.to_owned(),
        })
        .collect();
    let group = |view: &GroupView| ConsumerGroup {
        consumer_group_name: view.group.id.clone(),
        subscribed_info: (view.topics_read().into_iter())
            .filter(is_wanted)
            .map(|name| subscribed(view, name, topic_id))
            .collect(),
    };
    let group_list: Vec<ConsumerGroup> = views.iter().map(group).collect();
    let subscribed = group_list.iter().flat_map(|group| &group.subscribed_info);
    let partitions: BTreeSet<i32> = subscribed
        .flat_map(|subscribed| subscribed.partition.iter().copied())
        .collect();
    let monitored = partitions.into_iter();
    let monitored = monitored.map(|partition_id| Partition { partition_id });
    let partition_list_for_monitor: Vec<Partition> = monitored.collect();
    Found {
        total_count,
        total_topic: topic_list.len(),
        topic_list_for_monitor: topic_list.clone(),
        topic_list,
        total_partition: partition_list_for_monitor.len(),
        partition_list_for_monitor,
        group_list_for_monitor: (views.iter())
            .map(|view| Group {
                group_name: view.group.id.clone(),
            })
            .collect(),
        group_list,
    }
}

fn subscribed(view: &GroupView, topic: &str, topic_id: &dyn Fn(&str) -> String) -> Subscribed {
    let positions = view.positions.iter().filter(|at| at.topic == topic);
    let partition_offset: Vec<PartitionOffset> = positions
        .clone()
        .map(|at| PartitionOffset {
            partition: at.partition.to_string(),
            offset: at.offset,
        })
        .collect();
    let assigned = view
        .group
        .members
        .iter()
        .flat_map(|member| &member.assigned);
    let assigned = assigned.filter(|(name, _)| name == topic);
    let partition: BTreeSet<i32> = positions
        .map(|at| at.partition)
        .chain(assigned.flat_map(|(_, partitions)| partitions.iter().copied()))
        .collect();
    Subscribed {
        topic_name: topic.to_owned(),
        partition: partition.into_iter().collect(),
        partition_offset,
        topic_id: topic_id(topic),
    }
}
