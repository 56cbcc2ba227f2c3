//! RefundInstance: gives a subscription up and its owner the money for the rest of the term.

use brokerage_control::instance::{AfterRelease, Refund};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, invalid, missing};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::alikafka::ids;
use crate::bss::convert::{check_product, client_token};

pub struct RefundInstance;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: Option<String>,
    product_code: Option<String>,
    product_type: Option<String>,
    /// `1`: the data goes at once; `0`: it is kept for as long as the catalog says.
    immediately_release: Option<String>,
    client_token: Option<String>,
}

/// Here alone an order's id is a number.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    order_id: i64,
}

impl Operation for RefundInstance {
    const NAME: &'static str = "RefundInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| request.instance_id.as_deref();

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = call;
        let named = given(request.instance_id.as_ref()).ok_or_else(|| missing("InstanceId"))?;
        let before = control.instance_view(&cx, &InstanceId::new(named)).await?;
        let code = given(request.product_code.as_ref());
        check_product(code, given(request.product_type.as_ref()), &before)?;
        let after = match given(request.immediately_release.as_ref()) {
            Some("1") | None => AfterRelease::Listed,
            Some("0") => AfterRelease::Kept,
            Some(_) => return Err(invalid("ImmediatelyRelease", "not 1 or 0")),
        };
        let bound = (named, after == AfterRelease::Kept);
        let refund = Refund {
            order_id: ids::order_id(control.serial()),
            after,
            token: client_token(request.client_token.as_ref(), &bound)?,
            before,
        };
        let refunded = control.instance_refund(cx, refund).await?;
        Ok(Response {
            data: Data {
                order_id: refunded.order_id.as_str().parse().unwrap_or_default(),
            },
        })
    }
}
