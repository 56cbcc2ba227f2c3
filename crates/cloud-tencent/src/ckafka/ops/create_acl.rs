//! CreateAcl: lets a user of Kafka do something, or forbids it.

use brokerage_control::acl::ResourceType;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::acl_words::{Rule, host, operation, permission, principal, resource_type};
use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check::{given, not_allowed_empty, value};

pub struct CreateAcl;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    resource_type: i64,
    operation: i64,
    permission_type: i64,
    resource_name: Option<String>,
    host: Option<String>,
    principal: Option<String>,
    resource_name_list: Option<String>,
}

impl Request {
    /// `ResourceName`, or `ResourceNameList`, which is a JSON array in a text. The cluster needs none.
    fn names(&self, kind: ResourceType) -> Result<Vec<String>, CallError> {
        let name = given(self.resource_name.as_ref());
        let list = given(self.resource_name_list.as_ref());
        match (name, list) {
            (Some(_), Some(_)) => Err(value(
                "ResourceNameList",
                "and `ResourceName` are not given together",
            )),
            (Some(name), None) => Ok(vec![name.to_owned()]),
            (None, Some(list)) => serde_json::from_str(list)
                .map_err(|_| value("ResourceNameList", "is not a JSON array of names")),
            (None, None) if kind == ResourceType::Cluster => Ok(vec![String::new()]),
            (None, None) => Err(not_allowed_empty("ResourceName")),
        }
    }
}

impl Operation for CreateAcl {
    const NAME: &'static str = "CreateAcl";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let kind = resource_type(request.resource_type)?;
        let rule = Rule {
            operation: operation(request.operation)?,
            permission: permission(request.permission_type)?,
            host: host(request.host.as_ref()),
            principal: principal(request.principal.as_ref())?,
        };
        let names = request.names(kind)?;
        let acls = names.iter().map(|name| rule.acl(kind, name)).collect();
        let id = InstanceId::new(request.instance_id);
        control.acl_create(cx, &id, acls).await?;
        Ok(Answered::new(Operated::done()))
    }
}
