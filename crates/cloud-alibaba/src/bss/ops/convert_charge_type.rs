//! ConvertChargeType: makes a subscription of what is paid by the hour, as AliKafka's ConvertPostPayOrder.

use brokerage_control::instance::Conversion;
use brokerage_domain::id::InstanceId;
use brokerage_domain::order::Charge;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use super::create_instance::sold_months;
use crate::alikafka::ids;
use crate::bss::convert::{Ordered, Subscription, check_owner, check_product};
use crate::bss::fault::order_check;

pub struct ConvertChargeType;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    product_code: String,
    product_type: Option<String>,
    subscription_type: String,
    period: Option<i64>,
    owner_id: Option<i64>,
}

impl Operation for ConvertChargeType {
    const NAME: &'static str = "ConvertChargeType";
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
        match Subscription::parse(&request.subscription_type)? {
            Subscription::Subscription => {}
            // "Pay-as-you-go to subscription only, same configuration" (AliKafka's billing page).
            Subscription::PayAsYouGo => {
                return Err(order_check(&"a subscription does not become pay-as-you-go").into());
            }
        }
        let terms = control.catalog_of(&before.plan)?.terms();
        let months = sold_months("Period", request.period, terms)?;
        let conversion = Conversion {
            before,
            order_id: ids::order_id(control.serial()),
            charge: Charge::prepaid(months, None),
        };
        let order_id = control.instance_convert(cx, conversion).await?;
        Ok(Ordered::new(&order_id))
    }
}
