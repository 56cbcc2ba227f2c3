//! DescribeTopicSyncReplica: who holds the partitions of a topic, and which replicas are in sync.

use brokerage_control::topic_partition::TopicPartition;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`; ours: the page names none.
const LIMIT_MAX: i64 = 200;
/// `Leader` of a partition that nobody leads, as Kafka has it.
const NO_LEADER: i32 = -1;

pub struct DescribeTopicSyncReplica;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
    offset: Option<i64>,
    limit: Option<i64>,
    out_of_sync_replica_only: Option<bool>,
}

/// `TopicInSyncReplicaResult`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    topic_in_sync_replica_list: Vec<Replicas>,
    total_count: usize,
}

/// `TopicInSyncReplicaInfo`: the leader is a number, lists of brokers are texts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Replicas {
    partition: String,
    leader: i32,
    replica: String,
    in_sync_replica: String,
    begin_offset: i64,
    end_offset: i64,
    message_count: i64,
    out_of_sync_replica: String,
}

impl Operation for DescribeTopicSyncReplica {
    const NAME: &'static str = "DescribeTopicSyncReplica";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let mut found = control
            .topic_partition_list(cx, &id, &request.topic_name)
            .await?;
        if request.out_of_sync_replica_only == Some(true) {
            found.retain(|partition| !out_of_sync(partition).is_empty());
        }
        let total_count = found.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let list = page.cut(found);
        Ok(Answered::new(Found {
            topic_in_sync_replica_list: list.iter().map(replicas).collect(),
            total_count,
        }))
    }
}

fn out_of_sync(partition: &TopicPartition) -> Vec<i32> {
    let held = partition.replicas.iter().copied();
    held.filter(|id| !partition.in_sync_replicas.contains(id))
        .collect()
}

fn replicas(partition: &TopicPartition) -> Replicas {
    let text = |ids: &[i32]| {
        let ids = ids.iter().map(ToString::to_string);
        ids.collect::<Vec<_>>().join(",")
    };
    Replicas {
        partition: partition.index.to_string(),
        leader: partition.leader_id.unwrap_or(NO_LEADER),
        replica: text(&partition.replicas),
        in_sync_replica: text(&partition.in_sync_replicas),
        begin_offset: partition.first,
        end_offset: partition.end,
        message_count: partition.offsets(),
        out_of_sync_replica: text(&out_of_sync(partition)),
    }
}
