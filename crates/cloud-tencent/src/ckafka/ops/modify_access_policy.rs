//! ModifyAccessPolicy: says anew which addresses may connect by a route. Who is connected and may not is disconnected.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::Answered;
use crate::ckafka::routes::{self, IpRange};

pub struct ModifyAccessPolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    route_id: i64,
    ip_whitelist: Option<Vec<IpRange>>,
}

impl Operation for ModifyAccessPolicy {
    const NAME: &'static str = "ModifyAccessPolicy";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<&'static str>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(&cx, &id).await?;
        let kind = routes::kind_of(&instance, request.route_id)?;
        let allowed = routes::allowed(request.ip_whitelist.as_deref())?;
        let replaced = control.listener_allow(cx, &id, kind, move |_| Ok(allowed.clone()));
        replaced.await?;
        Ok(Answered::new("ok"))
    }
}
