//! ConvertPostPayOrder: makes a subscription of what is paid by the hour, paid from now on.

use brokerage_control::instance::Conversion;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::alikafka::fault::field;
use crate::alikafka::ids;
use crate::alikafka::purchase::subscription;

pub struct ConvertPostPayOrder;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    duration: Option<i64>,
    paid_type: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    order_id: String,
}

impl Operation for ConvertPostPayOrder {
    const NAME: &'static str = "ConvertPostPayOrder";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let before = control.instance_view(&cx, &id).await?;
        if before.charge.is_prepaid() {
            return Err(field("InstanceId", "it is a subscription already"));
        }
        let terms = control.catalog_of(&before.plan)?.terms();
        let charge = subscription(request.paid_type, request.duration, terms)?;
        let conversion = Conversion {
            before,
            order_id: ids::order_id(control.serial()),
            charge,
        };
        let order_id = control.instance_convert(cx, conversion).await?;
        Ok(Response {
            order_id: order_id.to_string(),
        })
    }
}
