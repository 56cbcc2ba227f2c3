//! DescribeQuorum (KIP-595, KIP-836): the metadata log is kept by one voter.

use kafka_protocol::messages::describe_quorum_request::TopicData as Wanted;
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use kafka_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};

use super::Context;
use crate::error::ErrorCode;
use crate::metadata::acl::AclOperation;

/// The topic as which Apache Kafka shows its metadata log, which has one partition.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// The epoch of a leader that never changes.
const LEADER_EPOCH: i32 = 1;

pub(crate) async fn describe_quorum(
    context: &mut Context,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    if let Err(error) = context.check_cluster_or_say(AclOperation::Describe) {
        return DescribeQuorumResponse::default()
            .with_error_code(error.code)
            .with_error_message(Some(error.message.into()));
    }
    let topics = request.topics.into_iter().map(|wanted| {
        let name = wanted.topic_name.clone();
        TopicData::default()
            .with_topic_name(name)
            .with_partitions(partitions(context, &wanted))
    });
    // Nodes came with the version that also has directories (KIP-853).
    let nodes = (context.version >= 2).then(|| voter(context));
    DescribeQuorumResponse::default()
        .with_error_message(None)
        .with_topics(topics.collect())
        .with_nodes(nodes.into_iter().collect())
}

fn partitions(context: &Context, wanted: &Wanted) -> Vec<PartitionData> {
    let is_known = wanted.topic_name.as_str() == METADATA_TOPIC;
    let partition = |index: i32| {
        let answer = PartitionData::default()
            .with_partition_index(index)
            .with_error_message(None);
        if is_known && index == 0 {
            return leader(context, answer);
        }
        let code = ErrorCode::UnknownTopicOrPartition;
        answer
            .with_error_code(code.code())
            .with_error_message(Some(code.to_string().into()))
            .with_leader_id((-1).into())
            .with_leader_epoch(-1)
            .with_high_watermark(-1)
    };
    let asked = wanted.partitions.iter();
    asked
        .map(|asked| partition(asked.partition_index))
        .collect()
}

/// The voter leads and is caught up at any time.
fn leader(context: &Context, answer: PartitionData) -> PartitionData {
    let controller = context.cluster.controller();
    let end = context.cluster.metadata_log().end();
    let now_ms = context.cluster.now_ms();
    let state = ReplicaState::default()
        .with_replica_id(controller.into())
        .with_log_end_offset(end)
        .with_last_fetch_timestamp(now_ms)
        .with_last_caught_up_timestamp(now_ms);
    answer
        .with_leader_id(controller.into())
        .with_leader_epoch(LEADER_EPOCH)
        .with_high_watermark(end)
        .with_current_voters(vec![state])
}

/// Where the voter listens: at the broker's own address.
fn voter(context: &Context) -> Node {
    let controller = context.cluster.controller();
    let endpoint = context.cluster.endpoint(&context.listener, controller);
    let listener = endpoint.map(|endpoint| {
        Listener::default()
            .with_name(endpoint.listener.to_string().into())
            .with_host(endpoint.host.into())
            .with_port(endpoint.port)
    });
    Node::default()
        .with_node_id(controller.into())
        .with_listeners(listener.into_iter().collect())
}
