//! RenewInstance: pays for more months of a subscription.

use brokerage_control::instance::Renewal;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use super::create_instance::sold_months;
use crate::alikafka::ids;
use crate::bss::convert::{Ordered, check_owner, check_product, client_token};

pub struct RenewInstance;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    product_code: String,
    product_type: Option<String>,
    renew_period: i64,
    client_token: Option<String>,
    owner_id: Option<i64>,
}

impl Operation for RenewInstance {
    const NAME: &'static str = "RenewInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Ordered;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Ordered, CallError> {
        let Call { control, cx } = call;
        check_owner(&cx, request.owner_id)?;
        let id = InstanceId::new(&request.instance_id);
        let before = control.instance_view(&cx, &id).await?;
        let product_type = given(request.product_type.as_ref());
        check_product(Some(&request.product_code), product_type, &before)?;
        let terms = control.catalog_of(&before.plan)?.terms();
        let months = sold_months("RenewPeriod", Some(request.renew_period), terms)?;
        let bound = (&request.instance_id, months);
        let renewal = Renewal {
            order_id: ids::order_id(control.serial()),
            months,
            reopens: false,
            token: client_token(request.client_token.as_ref(), &bound)?,
            before,
        };
        let order_id = control.instance_renew(cx, renewal).await?;
        Ok(Ordered::new(&order_id))
    }
}
