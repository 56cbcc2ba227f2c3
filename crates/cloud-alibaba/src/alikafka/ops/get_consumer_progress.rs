//! GetConsumerProgress: how far a group has read each topic, and which consumer reads what.

use std::collections::BTreeMap;

use brokerage_control::group::{GroupMember, GroupPosition, GroupView};
use brokerage_control::message::ReadTimes;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::alikafka::group_words::{RebalanceInfo, state};

/// A time that nobody knows ("LastTimestamp": -1).
const NO_TIME: i64 = -1;

pub struct GetConsumerProgress;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    consumer_id: String,
    hide_last_timestamp: Option<bool>,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    consumer_progress: ConsumerProgress,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumerProgress {
    last_timestamp: i64,
    rebalance_info_list: RebalanceInfoList,
    topic_list: TopicList,
    total_diff: i64,
    #[serde(rename = "state")]
    state: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RebalanceInfoList {
    rebalance_info_list: Vec<RebalanceInfo>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TopicList {
    topic_list: Vec<Topic>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Topic {
    last_timestamp: i64,
    offset_list: OffsetList,
    topic: String,
    total_diff: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OffsetList {
    offset_list: Vec<Offset>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Offset {
    accumulate: i64,
    broker_offset: i64,
    client_id: String,
    client_ip: String,
    consumer_offset: i64,
    last_timestamp: i64,
    member_id: String,
    partition: i32,
}

impl Operation for GetConsumerProgress {
    const NAME: &'static str = "GetConsumerProgress";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let view = control.group_view(cx, &id, &request.consumer_id).await?;
        let times = match request.hide_last_timestamp {
            Some(true) => ReadTimes::new(),
            _ => {
                let read = view.positions.iter();
                let read = read.map(|at| (at.topic.as_str(), at.partition, at.offset));
                control.read_times(cx, &id, read.collect()).await?
            }
        };
        let seen = control
            .group_rebalance_list(cx, &id, &request.consumer_id)
            .await?;
        let rebalances = seen.into_iter();
        let rebalances = rebalances.map(|seen| RebalanceInfo::of(&request.consumer_id, seen));
        Ok(Response {
            consumer_progress: progress(&view, &times, rebalances.collect()),
        })
    }
}

fn progress(
    view: &GroupView,
    times: &ReadTimes,
    rebalance_info_list: Vec<RebalanceInfo>,
) -> ConsumerProgress {
    let members = view.group.members.iter();
    let readers: BTreeMap<(&str, i32), &GroupMember> = members
        .flat_map(|member| {
            let assigned = member.assigned.iter();
            assigned.flat_map(move |(topic, partitions)| {
                let place = move |partition: &i32| ((topic.as_str(), *partition), member);
                partitions.iter().map(place)
            })
        })
        .collect();
    // Positions of a topic follow each other.
    let topics = view.positions.chunk_by(|a, b| a.topic == b.topic);
    let topic_list: Vec<Topic> = topics
        .map(|of_topic| topic(of_topic, &readers, times))
        .collect();
    ConsumerProgress {
        last_timestamp: latest(topic_list.iter().map(|topic| topic.last_timestamp)),
        rebalance_info_list: RebalanceInfoList {
            rebalance_info_list,
        },
        total_diff: topic_list.iter().map(|topic| topic.total_diff).sum(),
        topic_list: TopicList { topic_list },
        state: state(&view.group.state),
    }
}

fn latest(times: impl Iterator<Item = i64>) -> i64 {
    times.max().unwrap_or(NO_TIME)
}

fn topic(
    positions: &[GroupPosition],
    readers: &BTreeMap<(&str, i32), &GroupMember>,
    times: &ReadTimes,
) -> Topic {
    let offset = |at: &GroupPosition| {
        let reader = readers.get(&(at.topic.as_str(), at.partition));
        let told = |text: fn(&GroupMember) -> &str| {
            reader.map_or_else(String::new, |member| text(member).to_owned())
        };
        let time = times.get(&(at.topic.clone(), at.partition));
        Offset {
            accumulate: at.lag().unwrap_or(0),
            broker_offset: at.end.unwrap_or(NO_TIME),
            client_id: told(|member| &member.client_id),
            // Kafka writes an address with a slash before it.
            client_ip: told(|member| member.client_host.trim_start_matches('/')),
            consumer_offset: at.offset,
            last_timestamp: time.copied().unwrap_or(NO_TIME),
            member_id: told(|member| &member.id),
            partition: at.partition,
        }
    };
    let offset_list: Vec<Offset> = positions.iter().map(offset).collect();
    Topic {
        last_timestamp: latest(offset_list.iter().map(|offset| offset.last_timestamp)),
        total_diff: offset_list.iter().map(|offset| offset.accumulate).sum(),
        offset_list: OffsetList { offset_list },
        topic: positions[0].topic.clone(),
    }
}
