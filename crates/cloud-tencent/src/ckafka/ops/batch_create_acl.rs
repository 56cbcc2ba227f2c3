//! BatchCreateAcl: the same ACLs on several resources.

use brokerage_control::acl::ACLS_AT_ONCE_MAX;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::acl_words::{Rule, host, principal, resource_type, words};
use crate::ckafka::answer::Answered;
use crate::ckafka::check::value;

/// What `Result` is when it was done.
const DONE: i64 = 0;

pub struct BatchCreateAcl;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    resource_type: i64,
    resource_names: Vec<String>,
    rule_list: Vec<AclRuleInfo>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AclRuleInfo {
    operation: String,
    permission_type: String,
    host: String,
    principal: String,
}

impl AclRuleInfo {
    fn rule(&self) -> Result<Rule, CallError> {
        let (operation, permission) = words(&self.operation, &self.permission_type)?;
        Ok(Rule {
            operation,
            permission,
            host: host(Some(&self.host)),
            principal: principal(Some(&self.principal))?,
        })
    }
}

impl Operation for BatchCreateAcl {
    const NAME: &'static str = "BatchCreateAcl";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<i64>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let kind = resource_type(request.resource_type)?;
        let (names, rules) = (request.resource_names.len(), request.rule_list.len());
        if names == 0 || rules == 0 || names.saturating_mul(rules) > ACLS_AT_ONCE_MAX {
            let reason = format!("times `RuleList` must be 1 to {ACLS_AT_ONCE_MAX} ACLs");
            return Err(value("ResourceNames", reason));
        }
        let mut acls = Vec::new();
        for rule in &request.rule_list {
            let rule = rule.rule()?;
            acls.extend(
                request
                    .resource_names
                    .iter()
                    .map(|name| rule.acl(kind, name)),
            );
        }
        let id = InstanceId::new(request.instance_id);
        control.acl_create(cx, &id, acls).await?;
        Ok(Answered::new(DONE))
    }
}
