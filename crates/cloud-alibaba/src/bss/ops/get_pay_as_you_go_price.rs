//! GetPayAsYouGoPrice: what an hour of the named modules costs.

use brokerage_domain::catalog::Term;
use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::bss::convert::{Subscription, check_owner};
use crate::bss::price::{
    ModuleAsked, ModuleDetails, PromotionDetails, check_product, price_modules,
};

/// `PriceType` of Kafka's modules, and where none is given.
const PRICE_TYPE: &str = "Hour";

pub struct GetPayAsYouGoPrice;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    product_code: String,
    product_type: Option<String>,
    subscription_type: String,
    region: Option<String>,
    module_list: Vec<Asked>,
    owner_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    module_code: String,
    config: String,
    price_type: Option<String>,
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
    module_details: ModuleDetails,
    promotion_details: PromotionDetails,
}

impl Operation for GetPayAsYouGoPrice {
    const NAME: &'static str = "GetPayAsYouGoPrice";
    const ACTION: &'static str = "DescribePrice";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        check_owner(cx, request.owner_id)?;
        check_product(
            (
                &request.product_code,
                given(request.product_type.as_ref()),
                &request.subscription_type,
            ),
            Subscription::PayAsYouGo,
        )?;
        for (number, module) in (1..).zip(&request.module_list) {
            if module
                .price_type
                .as_deref()
                .is_some_and(|word| !word.is_empty() && word != PRICE_TYPE)
            {
                return Err(invalid(
                    format!("ModuleList.{number}.PriceType"),
                    "modules of this product are priced by the Hour",
                ));
            }
        }
        let modules: Vec<ModuleAsked<'_>> = request
            .module_list
            .iter()
            .map(|module| ModuleAsked {
                code: &module.module_code,
                config: &module.config,
            })
            .collect();
        let region = given(request.region.as_ref());
        let priced = price_modules(
            control.catalog(cx.profile)?,
            &modules,
            (region, &cx.region_named),
            Term::Hour,
        )?;
        Ok(Response {
            data: Data {
                currency: priced.currency.code(),
                module_details: priced.details()?,
                promotion_details: PromotionDetails::default(),
            },
        })
    }
}
