//! RenewCkafkaInstance: pays for more months of a prepaid cluster; one that was isolated runs again.

use brokerage_control::instance::Renewal;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::{check, ids};

/// Months where none are said. Terraform says 0 for what its user left out.
const TIME_SPAN_DEFAULT: i64 = 1;

pub struct RenewCkafkaInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    time_span: Option<i64>,
}

/// `RenewCkafkaInstanceResp`. A big deal is all orders of one payment: here that is one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Renewed {
    big_deal_id: String,
    deal_name: String,
}

impl Operation for RenewCkafkaInstance {
    const NAME: &'static str = "RenewCkafkaInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Renewed>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let before = control.instance_view(&cx, &id).await?;
        check::prepaid(&before)?;
        let span = request.time_span.filter(|span| *span != 0);
        let terms = control.catalog_of(&before.plan)?.terms();
        let months = check::months("TimeSpan", span.unwrap_or(TIME_SPAN_DEFAULT), terms)?;
        let renewal = Renewal {
            before,
            order_id: ids::deal_name(control.now(), control.chance()),
            months,
            reopens: true,
            token: None,
        };
        let deal = control.instance_renew(cx, renewal).await?;
        Ok(Answered::new(Renewed {
            big_deal_id: deal.to_string(),
            deal_name: deal.to_string(),
        }))
    }
}
