//! GetTopicStatus: how many messages each partition of a topic keeps, and when the last came.

use brokerage_control::topic_partition::TopicPartition;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, RegionUse, ResourceId};
use serde::{Deserialize, Serialize};

/// A time that nobody knows: the partition is empty.
const NO_TIME: i64 = -1;

pub struct GetTopicStatus;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: Option<String>,
    topic: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    topic_status: TopicStatus,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TopicStatus {
    last_time_stamp: i64,
    offset_table: OffsetTable,
    total_count: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OffsetTable {
    offset_table: Vec<Offset>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Offset {
    last_update_timestamp: i64,
    max_offset: i64,
    min_offset: i64,
    partition: i32,
    topic: String,
}

impl Operation for GetTopicStatus {
    const NAME: &'static str = "GetTopicStatus";
    const MODE: Mode = Mode::Read;
    const REGION: Option<RegionUse> = Some(RegionUse::Optional);
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let (id, topic) = (InstanceId::new(request.instance_id), request.topic);
        let partitions = control.topic_partition_list(cx, &id, &topic).await?;
        let filled = partitions
            .iter()
            .filter(|partition| partition.offsets() > 0);
        let ends = filled.map(|partition| (topic.as_str(), partition.index, partition.end));
        let times = control.read_times(cx, &id, ends.collect()).await?;
        let total_count = partitions.iter().map(|partition| partition.offsets()).sum();
        let offset = |partition: TopicPartition| {
            let time = times.get(&(topic.clone(), partition.index));
            Offset {
                last_update_timestamp: time.copied().unwrap_or(NO_TIME),
                max_offset: partition.end,
                min_offset: partition.first,
                partition: partition.index,
                topic: topic.clone(),
            }
        };
        Ok(Response {
            topic_status: TopicStatus {
                last_time_stamp: times.values().copied().max().unwrap_or(NO_TIME),
                offset_table: OffsetTable {
                    offset_table: partitions.into_iter().map(offset).collect(),
                },
                total_count,
            },
        })
    }
}
