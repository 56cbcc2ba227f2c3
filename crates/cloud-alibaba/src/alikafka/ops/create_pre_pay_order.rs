//! CreatePrePayOrder: buys one instance as a subscription, to be started by StartInstance.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::{Ignored, JsonText, Param};
use serde::{Deserialize, Serialize};

use crate::alikafka::convert::Tag;
use crate::alikafka::purchase::{Purchase, subscription};

pub struct CreatePrePayOrder;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    region_id: String,
    deploy_type: Option<i64>,
    disk_size: Option<i64>,
    disk_type: Option<String>,
    topic_quota: Option<i64>,
    io_max: Option<i64>,
    eip_max: Option<i64>,
    spec_type: Option<String>,
    io_max_spec: Option<String>,
    partition_num: Option<i64>,
    paid_type: Option<i64>,
    duration: Option<i64>,
    resource_group_id: Option<String>,
    tag: Option<Vec<Tag>>,
    #[expect(
        dead_code,
        reason = "Confluent instances are refused by their PaidType"
    )]
    confluent_config: Option<Ignored<JsonText<Param>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    order_id: String,
}

impl Operation for CreatePrePayOrder {
    const NAME: &'static str = "CreatePrePayOrder";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let charge = subscription(
            request.paid_type,
            request.duration,
            call.control.catalog(call.cx.profile)?.terms(),
        )?;
        let purchase = Purchase {
            region_id: request.region_id,
            deploy_type: request.deploy_type,
            disk_size: request.disk_size,
            disk_type: request.disk_type,
            topic_quota: request.topic_quota,
            io_max: request.io_max,
            eip_max: request.eip_max,
            spec_type: request.spec_type,
            io_max_spec: request.io_max_spec,
            partition_num: request.partition_num,
            paid_type: request.paid_type,
            resource_group_id: request.resource_group_id,
            tag: request.tag,
        };
        let placed = purchase.place(call, charge).await?;
        Ok(Response {
            order_id: placed.order_id.to_string(),
        })
    }
}
