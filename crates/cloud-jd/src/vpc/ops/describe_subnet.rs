//! describeSubnet: one subnet.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::vpc::convert::SubnetView;

pub struct DescribeSubnet;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "regionId")]
    _region_id: String,
    subnet_id: String,
}

#[derive(Debug, Serialize)]
pub struct Response {
    subnet: SubnetView,
}

impl Operation for DescribeSubnet {
    const NAME: &'static str = "describeSubnet";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/subnets/{subnetId}";
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.subnet_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        // An unknown one is not made here, even in sandbox mode: a purchase names its network as well and makes both.
        let subnet = control.subnet_view(cx, &request.subnet_id, None).await?;
        Ok(Response {
            subnet: SubnetView::new(&subnet),
        })
    }
}
