//! describeSubnet: one subnet.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::vpc::convert::SubnetView;

pub struct DescribeSubnet;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    region_id: String,
    subnet_id: String,
}

/// `result` of the answer.
#[derive(Debug, Serialize)]
pub struct Response {
    subnet: SubnetView,
}

impl Operation for DescribeSubnet {
    const NAME: &'static str = "describeSubnet";
    const ACTION: &'static str = "vpc:describeSubnet";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/subnets/{subnetId}";
    const CALLS_PER_SECOND: u32 = crate::kafka::CALLS_PER_SECOND;
    type Request = Request;
    type Response = Response;

    fn resource(request: &Request) -> Option<String> {
        Some(format!(
            "jrn:vpc:{}:*:subnets/{}",
            request.region_id, request.subnet_id
        ))
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        // An unknown one is not made here, even in sandbox mode: a purchase names its network as well and makes both.
        let subnet = control.subnet_view(cx, &request.subnet_id, None).await?;
        Ok(Response {
            subnet: SubnetView::new(&subnet),
        })
    }
}
