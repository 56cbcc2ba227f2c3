//! DescribeCkafkaVersion: which Kafka a cluster runs as.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;

pub struct DescribeCkafkaVersion;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
}

/// `InstanceVersion`. A bought version is honoured for good: there is nothing to upgrade to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InstanceVersion {
    kafka_version: String,
    cur_broker_version: String,
    latest_broker_version: Vec<BrokerVersion>,
    allow_upgrade_high_version: bool,
    high_version_set: Vec<String>,
    allow_auto_delete_timestamp: bool,
    allow_modify_txn_id_expiration: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BrokerVersion {
    kafka_version: String,
    broker_version: String,
}

impl Operation for DescribeCkafkaVersion {
    const NAME: &'static str = "DescribeCkafkaVersion";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<InstanceVersion>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let id = InstanceId::new(request.instance_id);
        let plan = call.control.instance_view(&call.cx, &id).await?.plan;
        Ok(Answered::new(InstanceVersion {
            latest_broker_version: vec![BrokerVersion {
                kafka_version: plan.version.clone(),
                broker_version: plan.kafka_version.clone(),
            }],
            kafka_version: plan.version,
            cur_broker_version: plan.kafka_version,
            allow_upgrade_high_version: false,
            high_version_set: Vec::new(),
            allow_auto_delete_timestamp: false,
            allow_modify_txn_id_expiration: true,
        }))
    }
}
