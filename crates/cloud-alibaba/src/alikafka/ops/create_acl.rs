//! CreateAcl: lets a user of Kafka do something, or forbids it.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::acl_words::{Words, operations};
use crate::alikafka::config::acl_is_enabled;
use crate::fault::BAD_REQUEST;

pub struct CreateAcl;

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

impl Operation for CreateAcl {
    const NAME: &'static str = "CreateAcl";
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
        let acls = operations(&request.acl_operation_type, more)?;
        let acls = acls.into_iter().map(|operation| words.acl(operation));
        let acls = acls.collect::<Result<_, _>>()?;
        let id = InstanceId::new(request.instance_id);
        let instance = call.control.instance_view(&call.cx, &id).await?;
        if !acl_is_enabled(&instance) {
            // "ACL is not enabled" in the vendor's list of codes.
            let message = "ACL is not enabled: enable.acl of the Config is not true.";
            return Err(Fault::new("BIZ_ACL_NOT_ENABLED", BAD_REQUEST, message).into());
        }
        Ok(call.control.acl_create(call.cx, &id, acls).await?)
    }
}
