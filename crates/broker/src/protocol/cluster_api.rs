//! DescribeCluster and FindCoordinator.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest,
    FindCoordinatorResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Context, OPERATIONS_UNKNOWN, distinct};
use crate::error::ErrorCode;
use crate::metadata::acl::AclOperation;
use crate::metadata::topic::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use crate::spec::ClusterSpec;
use crate::turn::Pace;

/// The brokers of the cluster (KIP-700); endpoint type 2 asks for controllers, which clients cannot reach.
pub(crate) async fn describe_cluster(
    context: &mut Context,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    if context.version >= 1 && request.endpoint_type != 1 {
        let code = match request.endpoint_type {
            2 => ErrorCode::MismatchedEndpointType,
            _ => ErrorCode::UnsupportedEndpointType,
        };
        return DescribeClusterResponse::default()
            .with_error_code(code.code())
            .with_error_message(Some(code.to_string().into()))
            .with_endpoint_type(request.endpoint_type);
    }
    let running = context.cluster.endpoints(&context.listener);
    let spec = context.cluster.spec();
    let mut brokers: Vec<_> = running
        .into_iter()
        .map(|endpoint| {
            DescribeClusterBroker::default()
                .with_broker_id(endpoint.broker_id.into())
                .with_rack(rack(&spec, endpoint.broker_id))
                .with_host(endpoint.host.into())
                .with_port(i32::from(endpoint.port))
        })
        .collect();
    if request.include_fenced_brokers {
        brokers.extend(stopped_brokers(context));
    }
    DescribeClusterResponse::default()
        .with_endpoint_type(1)
        .with_cluster_id(context.cluster.id().to_owned().into())
        .with_controller_id(context.cluster.controller().into())
        .with_brokers(brokers)
        .with_cluster_authorized_operations(match request.include_cluster_authorized_operations {
            true => context.cluster_operations(),
            false => OPERATIONS_UNKNOWN,
        })
}

fn rack(spec: &ClusterSpec, broker_id: i32) -> Option<StrBytes> {
    spec.rack(broker_id).map(|rack| rack.to_owned().into())
}

/// Fenced brokers (KIP-1073).
fn stopped_brokers(context: &Context) -> Vec<DescribeClusterBroker> {
    let stopped = context.cluster.stopped_brokers();
    let spec = context.cluster.spec();
    let mut out = Vec::new();
    for broker in spec
        .brokers
        .iter()
        .filter(|broker| stopped.contains(&broker.id))
    {
        let mut listeners = broker.listeners.iter();
        let Some(found) = listeners.find(|found| *found.name == *context.listener) else {
            continue;
        };
        out.push(
            DescribeClusterBroker::default()
                .with_broker_id(broker.id.into())
                .with_rack(rack(&spec, broker.id))
                .with_host(found.advertised_host.clone().into())
                .with_port(i32::from(found.advertised_port))
                .with_is_fenced(true),
        );
    }
    out
}

/// Key types. Share groups are not served.
const KEY_GROUP: i8 = 0;
const KEY_TRANSACTION: i8 = 1;

pub(crate) async fn find_coordinator(
    context: &mut Context,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    if context.version >= 4 {
        let keys = distinct::distinct(request.coordinator_keys, Clone::clone).await;
        let mut found = Vec::with_capacity(keys.len());
        let mut pace = Pace::default();
        for key in keys {
            pace.step().await;
            found.push(coordinator(context, &key, request.key_type).await);
        }
        return FindCoordinatorResponse::default().with_coordinators(found);
    }
    let found = coordinator(context, &request.key, request.key_type).await;
    FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_error_message(found.error_message)
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port)
}

async fn coordinator(context: &Context, key: &str, key_type: i8) -> Coordinator {
    let answer = Coordinator::default().with_key(key.to_owned().into());
    let failed = |code: ErrorCode| {
        answer
            .clone()
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(code.code())
            .with_error_message(Some(code.to_string().into()))
    };
    let allowed = match key_type {
        KEY_GROUP => context
            .check_group(AclOperation::Describe, key)
            .map(|()| OFFSETS_TOPIC),
        KEY_TRANSACTION => context
            .check_transactional_id(AclOperation::Describe, key)
            .map(|()| TRANSACTIONS_TOPIC),
        _ => Err(ErrorCode::InvalidRequest),
    };
    let topic = match allowed {
        Ok(topic) => topic,
        Err(code) => return failed(code),
    };
    if context.cluster.ensure_internal_topic(topic).await.is_err() {
        return failed(ErrorCode::CoordinatorNotAvailable);
    }
    let node = context.cluster.coordinator(key);
    match context.cluster.endpoint(&context.listener, node) {
        Some(endpoint) => answer
            .with_node_id(node.into())
            .with_host(endpoint.host.into())
            .with_port(i32::from(endpoint.port)),
        None => failed(ErrorCode::CoordinatorNotAvailable),
    }
}
