//! DeleteInstancePre: gives a prepaid cluster up, at once and with its data, and its owner the money for the rest of the term.

use brokerage_control::instance::{AfterRelease, Refund};
use brokerage_domain::Error;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Deal};
use crate::ckafka::{check, ids};

pub struct DeleteInstancePre;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
}

impl Operation for DeleteInstancePre {
    const NAME: &'static str = "DeleteInstancePre";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Deal>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let before = control.instance_view(&cx, &id).await?;
        check::prepaid(&before)?;
        let purchase = before.order_id.clone();
        let refund = Refund {
            before,
            order_id: ids::deal_name(control.now(), control.chance()),
            after: AfterRelease::Gone,
            token: None,
        };
        let deal = match control.instance_refund(cx, refund).await {
            Ok(refunded) => refunded.order_id,
            // Asked for twice, it is still the one deletion.
            Err(Error::WrongPhase {
                phase: Phase::Releasing,
                ..
            }) => purchase,
            Err(error) => return Err(error.into()),
        };
        Ok(Answered::new(Deal::flowing(&deal, &id)))
    }
}
