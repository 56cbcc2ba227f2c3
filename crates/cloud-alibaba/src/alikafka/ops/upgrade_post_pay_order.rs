//! UpgradePostPayOrder: makes more of a pay-as-you-go instance.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::{Ignored, JsonText};
use serde::Deserialize;

use crate::alikafka::change::{Change, Direction};
use crate::alikafka::purchase::ServerlessConfig;

pub struct UpgradePostPayOrder;

/// Parameters, as in the vendor's SDKs.
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
    #[expect(dead_code, reason = "there are no serverless instances here")]
    serverless_config: Option<Ignored<JsonText<ServerlessConfig>>>,
}

impl Operation for UpgradePostPayOrder {
    const NAME: &'static str = "UpgradePostPayOrder";
    const ACTION: &'static str = "alikafka:UpgradePostPayOrder";
    const MODE: Mode = Mode::Write;
    const CALLS_PER_SECOND: u32 = 20;
    type Request = Request;
    type Response = ();

    fn resource(request: &Request) -> Option<String> {
        Some(request.instance_id.clone())
    }

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
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
        };
        change.place(call, false, Direction::Up).await.map(drop)
    }
}
