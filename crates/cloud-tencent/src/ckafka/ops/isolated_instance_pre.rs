//! IsolatedInstancePre: takes a prepaid cluster out of use and keeps its data, until it is renewed or deleted.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Deal};
use crate::ckafka::check;

pub struct IsolatedInstancePre;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
}

impl Operation for IsolatedInstancePre {
    const NAME: &'static str = "IsolatedInstancePre";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Deal>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let before = control.instance_view(&cx, &id).await?;
        check::prepaid(&before)?;
        control.instance_stop(cx, &id).await?;
        // Isolating is no order: the answer names that of the purchase.
        Ok(Answered::new(Deal::flowing(&before.order_id, &id)))
    }
}
