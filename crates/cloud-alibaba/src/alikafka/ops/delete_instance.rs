//! DeleteInstance: takes a released instance off the list.

use brokerage_domain::id::InstanceId;
use serde::Deserialize;

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};

pub struct DeleteInstance;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
}

impl Operation for DeleteInstance {
    const NAME: &'static str = "DeleteInstance";
    const ACTION: &'static str = "alikafka:DeleteInstance";
    const MODE: Mode = Mode::Write;
    const CALLS_PER_SECOND: u32 = 20;
    type Request = Request;
    type Response = ();

    fn resource(request: &Request) -> Option<String> {
        Some(request.instance_id.clone())
    }

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.instance_delete(call.cx, &id).await?)
    }
}
