//! ReopenInstance: lets an instance run again that StopInstance stopped.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

pub struct ReopenInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
}

impl Operation for ReopenInstance {
    const NAME: &'static str = "ReopenInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.instance_reopen(call.cx, &id).await?)
    }
}
