//! UpgradePrePayOrder: makes more of a subscription, paid for what is left of its term.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::{Ignored, JsonText, Param};
use serde::{Deserialize, Serialize};

use crate::alikafka::change::{Change, Direction};

pub struct UpgradePrePayOrder;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    disk_size: Option<i64>,
    io_max: Option<i64>,
    io_max_spec: Option<String>,
    spec_type: Option<String>,
    topic_quota: Option<i64>,
    partition_num: Option<i64>,
    eip_max: Option<i64>,
    eip_model: Option<bool>,
    #[expect(dead_code, reason = "how an instance is paid for does not change here")]
    paid_type: Option<Ignored<i64>>,
    #[expect(dead_code, reason = "there are no Confluent instances here")]
    confluent_config: Option<Ignored<JsonText<Param>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    order_id: String,
}

impl Operation for UpgradePrePayOrder {
    const NAME: &'static str = "UpgradePrePayOrder";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let change = Change {
            instance_id: request.instance_id,
            disk_size: request.disk_size,
            io_max: request.io_max,
            io_max_spec: request.io_max_spec,
            spec_type: request.spec_type,
            topic_quota: request.topic_quota,
            partition_num: request.partition_num,
            eip_max: request.eip_max,
            eip_model: request.eip_model,
            token: None,
        };
        let order_id = change.place(call, true, Direction::Up).await?;
        Ok(Response {
            order_id: order_id.to_string(),
        })
    }
}
