//! StopInstance: stops an instance and keeps its data and addresses; what is paid for it goes on.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

pub struct StopInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
}

impl Operation for StopInstance {
    const NAME: &'static str = "StopInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.instance_stop(call.cx, &id).await?)
    }
}
