//! ElectLeaders (KIP-183, KIP-460).

use std::collections::BTreeMap;

use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};

use super::{Context, code_of, distinct};
use crate::cluster::broker::Election;
use crate::error::ErrorCode;
use crate::metadata::acl::AclOperation;
use crate::turn::Pace;

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// Elects leaders of the partitions that are named, or of all. In the second case those that have the
/// wanted leader already are left out of the answer.
pub(crate) async fn elect_leaders(
    context: &mut Context,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    let allowed = context.check_cluster(AclOperation::Alter);
    let election = match request.election_type {
        PREFERRED => Election::Preferred,
        UNCLEAN => Election::Unclean,
        _ => {
            return ElectLeadersResponse::default()
                .with_error_code(ErrorCode::InvalidRequest.code());
        }
    };
    let is_all = request.topic_partitions.is_none();
    let mut results: BTreeMap<String, Vec<PartitionResult>> = BTreeMap::new();
    if is_all && allowed.is_err() {
        return ElectLeadersResponse::default().with_error_code(code_of(&allowed));
    }
    let mut pace = Pace::default();
    for (name, partition) in wanted(context, request).await {
        pace.step().await;
        let elected = match context.cluster.topics().get(&name) {
            _ if allowed.is_err() => allowed,
            Some(topic) => {
                let cluster = &context.cluster;
                cluster.elect_leader(&topic, partition, election).await
            }
            None => Err(ErrorCode::UnknownTopicOrPartition),
        };
        if is_all && elected == Err(ErrorCode::ElectionNotNeeded) {
            continue;
        }
        let mut result = PartitionResult::default()
            .with_partition_id(partition)
            .with_error_message(None);
        if let Err(code) = elected {
            result.error_code = code.code();
            result.error_message = Some(code.to_string().into());
        }
        results.entry(name).or_default().push(result);
    }
    let results = results.into_iter().map(|(name, partitions)| {
        ReplicaElectionResult::default()
            .with_topic(TopicName(name.into()))
            .with_partition_result(partitions)
    });
    ElectLeadersResponse::default()
        .with_error_code(code_of(&allowed))
        .with_replica_election_results(results.collect())
}

async fn wanted(context: &Context, request: ElectLeadersRequest) -> Vec<(String, i32)> {
    let mut out = Vec::new();
    let Some(topics) = request.topic_partitions else {
        for topic in context.cluster.topics().all() {
            let count = topic.partitions().len() as i32;
            out.extend((0..count).map(|partition| (topic.name.clone(), partition)));
        }
        return out;
    };
    for topic in distinct::partitions(topics).await {
        let name = topic.topic.to_string();
        out.extend(topic.partitions.iter().map(|at| (name.clone(), *at)));
    }
    out
}
