//! DeleteInstance: takes a released instance off the list.

use brokerage_domain::id::InstanceId;
use serde::Deserialize;

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};

pub struct DeleteInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
}

impl Operation for DeleteInstance {
    const NAME: &'static str = "DeleteInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.instance_delete(call.cx, &id).await?)
    }
}
