//! DescribeTopicFlowRanking: the topics with the most traffic, and those with the most messages.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use brokerage_control::topic_traffic::TopicTraffic;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::Ignored;
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::{check, topics};

/// Topics of a ranking ("the top 10 topics").
const RANKED_MAX: usize = 10;
const BYTES_PER_MB: f64 = 1_048_576.0;

pub struct DescribeTopicFlowRanking;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    ranking_type: String,
    #[expect(dead_code, reason = "traffic is counted from the cluster's start on")]
    begin_date: Option<Ignored<String>>,
    #[expect(dead_code, reason = "traffic is counted from the cluster's start on")]
    end_date: Option<Ignored<String>>,
    #[expect(dead_code, reason = "traffic is counted of a cluster")]
    broker_ip: Option<Ignored<String>>,
}

/// `TopicFlowRankingResult`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ranking {
    topic_flow: Vec<Ranked>,
    consume_speed: [(); 0],
    topic_message_heap: Vec<Ranked>,
}

/// `TopicFlowRanking` and `TopicMessageHeapRanking`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ranked {
    topic_id: String,
    topic_name: String,
    partition_num: i32,
    replica_num: i16,
    /// MB, as a text.
    topic_traffic: String,
    message_heap: i64,
}

impl Operation for DescribeTopicFlowRanking {
    const NAME: &'static str = "DescribeTopicFlowRanking";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Ranking>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let flow: fn(&TopicTraffic) -> u64 = match request.ranking_type.as_str() {
            "PRO" => |topic| topic.bytes_in,
            "CON" => |topic| topic.bytes_out,
            _ => return Err(check::value("RankingType", "must be PRO or CON")),
        };
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let views = control.topic_list(cx, &id).await?;
        let ids: BTreeMap<&str, String> = views
            .iter()
            .map(|view| {
                let topic_id = topics::topic_id(&instance, view);
                (view.topic.name.as_str(), topic_id)
            })
            .collect();
        let ranked = |topic: &TopicTraffic| Ranked {
            topic_id: ids.get(topic.name.as_str()).cloned().unwrap_or_default(),
            topic_name: topic.name.clone(),
            partition_num: topic.partitions,
            replica_num: topic.replication_factor,
            topic_traffic: megabytes(flow(topic)),
            message_heap: topic.messages,
        };
        let mut traffic = control.topic_traffic_list(cx, &id).await?;
        traffic.sort_by_key(|topic| Reverse(flow(topic)));
        let topic_flow = traffic.iter().take(RANKED_MAX).map(ranked).collect();
        traffic.sort_by_key(|topic| Reverse(topic.messages));
        Ok(Answered::new(Ranking {
            topic_flow,
            consume_speed: [],
            topic_message_heap: traffic.iter().take(RANKED_MAX).map(ranked).collect(),
        }))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: u64) -> String {
    format!("{:.3}", bytes as f64 / BYTES_PER_MB)
}
