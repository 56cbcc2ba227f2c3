//! ModifyInstanceName: gives an instance another name.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use serde::Deserialize;

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};

pub struct ModifyInstanceName;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    instance_name: String,
}

impl Operation for ModifyInstanceName {
    const NAME: &'static str = "ModifyInstanceName";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let id = InstanceId::new(request.instance_id);
        let edit = Edit {
            name: Some(request.instance_name),
            ..Edit::default()
        };
        Ok(call.control.instance_edit(call.cx, &id, edit).await?)
    }
}
