//! DescribeGroupOffsets: how far a group has read its topics.

use brokerage_control::group::GroupPosition;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::given;

/// `Limit` where none is given, and the largest ("default 50, maximum 50").
const LIMIT_MAX: i64 = 50;
/// `LogEndOffset` and `Lag` of a partition that is gone or has no leader.
const UNKNOWN: i64 = -1;
/// `ErrorCode` of a partition whose end is known, and of one that is gone or has no leader: Kafka's
/// UNKNOWN_TOPIC_OR_PARTITION.
const NO_ERROR: i64 = 0;
const NO_PARTITION: i64 = 3;

pub struct DescribeGroupOffsets;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    group: String,
    topics: Option<Vec<String>>,
    search_word: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
}

/// `GroupOffsetResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    total_count: usize,
    topic_list: Vec<Topic>,
}

/// `GroupOffsetTopic`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Topic {
    topic: String,
    partitions: Vec<Partition>,
}

/// `GroupOffsetPartition`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Partition {
    partition: i32,
    offset: i64,
    metadata: String,
    error_code: i64,
    log_end_offset: i64,
    lag: i64,
}

impl Operation for DescribeGroupOffsets {
    const NAME: &'static str = "DescribeGroupOffsets";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(&request.instance_id);
        let view = control.group_view(cx, &id, &request.group).await?;
        // Positions of a topic follow each other.
        let topics = view.positions.chunk_by(|a, b| a.topic == b.topic);
        let found: Vec<&[GroupPosition]> = topics
            .filter(|of_topic| request.wants(&of_topic[0].topic))
            .collect();
        let total_count = found.len();
        let page = page(request.offset, request.limit, LIMIT_MAX, LIMIT_MAX);
        let topic_list = page.cut(found).into_iter().map(|of_topic| Topic {
            topic: of_topic[0].topic.clone(),
            partitions: of_topic.iter().map(partition).collect(),
        });
        Ok(Answered::new(Found {
            total_count,
            topic_list: topic_list.collect(),
        }))
    }
}

impl Request {
    fn wants(&self, topic: &str) -> bool {
        let named = self.topics.as_deref().unwrap_or_default();
        let is_named = named.is_empty() || named.iter().any(|name| name == topic);
        let word = given(self.search_word.as_ref());
        is_named && word.is_none_or(|word| topic.contains(word))
    }
}

fn partition(at: &GroupPosition) -> Partition {
    Partition {
        partition: at.partition,
        offset: at.offset,
        metadata: at.metadata.clone(),
        error_code: match at.end {
            Some(_) => NO_ERROR,
            None => NO_PARTITION,
        },
        log_end_offset: at.end.unwrap_or(UNKNOWN),
        lag: at.lag().unwrap_or(UNKNOWN),
    }
}
