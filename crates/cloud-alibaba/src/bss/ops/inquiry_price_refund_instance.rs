//! InquiryPriceRefundInstance: what RefundInstance would give back now.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, missing};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::{Ignored, given};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::bss::convert::{amount_number, check_product};

pub struct InquiryPriceRefundInstance;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: Option<String>,
    product_code: Option<String>,
    product_type: Option<String>,
    #[expect(dead_code, reason = "nothing is done that could be done twice")]
    client_token: Option<Ignored<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    currency: &'static str,
    instance_id: String,
    refund_amount: Number,
}

impl Operation for InquiryPriceRefundInstance {
    const NAME: &'static str = "InquiryPriceRefundInstance";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| request.instance_id.as_deref();

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let named = given(request.instance_id.as_ref()).ok_or_else(|| missing("InstanceId"))?;
        let instance = control.instance_view(cx, &InstanceId::new(named)).await?;
        let code = given(request.product_code.as_ref());
        check_product(code, given(request.product_type.as_ref()), &instance)?;
        instance.check_not_released()?;
        let (currency, amount) = control.refund_quote(&instance)?;
        Ok(Response {
            data: Data {
                currency: currency.code(),
                instance_id: instance.id.to_string(),
                refund_amount: amount_number(amount)?,
            },
        })
    }
}
