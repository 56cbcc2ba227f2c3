//! DescribeAccessPolicy: which addresses may connect by a route.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::routes::{self, IpRange};

pub struct DescribeAccessPolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    route_id: i64,
}

/// `ExternalAccessInfoWrapper`. Empty where everybody may.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    total_count: usize,
    ip_whitelist: Vec<IpRange>,
}

impl Operation for DescribeAccessPolicy {
    const NAME: &'static str = "DescribeAccessPolicy";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Policy>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let kind = routes::kind_of(&instance, request.route_id)?;
        let allowed = instance.plan.listeners.allowed_to(kind).unwrap_or_default();
        let ip_whitelist: Vec<IpRange> = allowed.iter().map(IpRange::of).collect();
        Ok(Answered::new(Policy {
            total_count: ip_whitelist.len(),
            ip_whitelist,
        }))
    }
}
