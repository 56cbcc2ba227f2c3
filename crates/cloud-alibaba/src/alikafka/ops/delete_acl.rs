//! DeleteAcl: takes ACLs of a user away. What is not named may be anything: Terraform names neither host nor permission.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::acl_words::{Words, operations};

pub struct DeleteAcl;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    acl_operation_type: String,
    acl_operation_types: Option<String>,
    acl_permission_type: Option<String>,
    acl_resource_name: String,
    acl_resource_pattern_type: String,
    acl_resource_type: String,
    host: Option<String>,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    username: String,
}

impl Operation for DeleteAcl {
    const NAME: &'static str = "DeleteAcl";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let words = Words {
            username: &request.username,
            resource_type: &request.acl_resource_type,
            resource_name: &request.acl_resource_name,
            pattern_type: Some(&request.acl_resource_pattern_type),
            host: request.host.as_ref(),
            permission: request.acl_permission_type.as_ref(),
        };
        let more = request.acl_operation_types.as_ref();
        let filters = operations(&request.acl_operation_type, more)?;
        let filters = filters
            .into_iter()
            .map(|operation| words.filter(Some(operation)));
        let filters: Vec<_> = filters.collect::<Result<_, _>>()?;
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.acl_delete(call.cx, &id, &filters).await?)
    }
}
