//! ChangeResourceGroup: moves an instance to another resource group.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_domain::notes::Notes;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::alikafka::fault::field;
use crate::alikafka::notes::InstanceNotes;

/// Longest id of a resource group, in characters.
const GROUP_CHARS_MAX: usize = 64;

pub struct ChangeResourceGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    resource_id: String,
    new_resource_group_id: String,
}

/// The answer. The vendor's model makes a number of `Success`, here alone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    new_resource_group_id: String,
    success: i64,
}

impl Operation for ChangeResourceGroup {
    const NAME: &'static str = "ChangeResourceGroup";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.resource_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let group = request.new_resource_group_id;
        if group.is_empty() || group.chars().count() > GROUP_CHARS_MAX {
            return Err(field(
                "NewResourceGroupId",
                format!("must be 1 to {GROUP_CHARS_MAX} characters"),
            ));
        }
        let id = InstanceId::new(request.resource_id);
        let notes = InstanceNotes {
            resource_group: Some(group.clone()),
            ..InstanceNotes::default()
        };
        let edit = Edit {
            notes: Notes::of(&notes),
            ..Edit::default()
        };
        call.control.instance_edit(call.cx, &id, edit).await?;
        Ok(Response {
            new_resource_group_id: group,
            success: 1,
        })
    }
}
