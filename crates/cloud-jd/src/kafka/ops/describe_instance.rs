//! describeInstance: one cluster, with its endpoints.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::kafka::convert::{InstanceView, instance_in_region};

pub struct DescribeInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "regionId")]
    _region_id: String,
    instance_id: String,
}

#[derive(Debug, Serialize)]
pub struct Response {
    instance: InstanceView,
}

impl Operation for DescribeInstance {
    const NAME: &'static str = "describeInstance";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/instances/{instanceId}";
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let found = instance_in_region(&call, &request.instance_id).await?;
        let instance =
            InstanceView::new(&call.control, &found)?.with_endpoints(&call.control, &found);
        Ok(Response { instance })
    }
}
