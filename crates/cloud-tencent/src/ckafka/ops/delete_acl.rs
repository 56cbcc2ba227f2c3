//! DeleteAcl: takes one ACL away.

use brokerage_control::acl::{AclFilter, PatternFilter, PatternType};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::acl_words::{
    host, operation, permission, principal, resource_name, resource_type,
};
use crate::ckafka::answer::{Answered, Operated};

pub struct DeleteAcl;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    resource_type: i64,
    resource_name: String,
    operation: i64,
    permission_type: i64,
    host: Option<String>,
    principal: Option<String>,
}

impl Operation for DeleteAcl {
    const NAME: &'static str = "DeleteAcl";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let kind = resource_type(request.resource_type)?;
        // What is not said is what CreateAcl makes of it.
        let filter = AclFilter {
            resource_type: Some(kind),
            resource_name: Some(resource_name(kind, &request.resource_name)),
            pattern_type: PatternFilter::Is(PatternType::Literal),
            principal: Some(principal(request.principal.as_ref())?),
            host: Some(host(request.host.as_ref())),
            operation: Some(operation(request.operation)?),
            permission: Some(permission(request.permission_type)?),
        };
        let id = InstanceId::new(request.instance_id);
        control.acl_delete(cx, &id, &[filter]).await?;
        Ok(Answered::new(Operated::done()))
    }
}
