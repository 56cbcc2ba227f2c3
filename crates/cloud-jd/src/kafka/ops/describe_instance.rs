//! describeInstance: one cluster, with its endpoints.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::kafka::convert::{InstanceView, instance_in_region};
use crate::kafka::ids;

pub struct DescribeInstance;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    region_id: String,
    instance_id: String,
}

/// `result` of the answer.
#[derive(Debug, Serialize)]
pub struct Response {
    instance: InstanceView,
}

impl Operation for DescribeInstance {
    const NAME: &'static str = "describeInstance";
    const ACTION: &'static str = "kafka:describeInstance";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/instances/{instanceId}";
    const CALLS_PER_SECOND: u32 = super::super::CALLS_PER_SECOND;
    type Request = Request;
    type Response = Response;

    fn resource(request: &Request) -> Option<String> {
        Some(ids::instance_resource(
            &request.region_id,
            &request.instance_id,
        ))
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let found = instance_in_region(&call, &request.instance_id).await?;
        let instance =
            InstanceView::new(&call.control, &found)?.with_endpoints(&call.control, &found);
        Ok(Response { instance })
    }
}
