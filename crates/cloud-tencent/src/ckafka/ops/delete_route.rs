//! DeleteRoute: closes a route that CreateRoute made, and the connections that came through it.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::{Ignored, given};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::{check, ids, routes};

pub struct DeleteRoute;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    route_id: i64,
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    caller_appid: Option<Ignored<i64>>,
    delete_route_time: Option<String>,
}

impl Operation for DeleteRoute {
    const NAME: &'static str = "DeleteRoute";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        if given(request.delete_route_time.as_ref()).is_some() {
            return Err(check::unsupported(
                "Routes are deleted at once, at no later time.",
            ));
        }
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(&cx, &id).await?;
        let kind = routes::kind_of(&instance, request.route_id)?;
        if kind.route == 0 {
            // The main route, and the public one that is bought: Terraform ends at once on this code.
            let message = format!(
                "The route {} came with the instance or with public bandwidth.",
                request.route_id
            );
            return Err(Fault::new("OperationDenied", 200, message).into());
        }
        control.route_delete(cx, &id, kind.route).await?;
        let flow_id = ids::flow_id(&id);
        Ok(Answered::new(Operated::routed(flow_id, request.route_id)))
    }
}
