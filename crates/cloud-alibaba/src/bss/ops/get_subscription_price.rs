//! GetSubscriptionPrice: what the named modules cost for a term that is paid in advance.

use brokerage_domain::catalog::{Term, Terms};
use brokerage_domain::money::Money;
use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::{Ignored, given};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::bss::convert::{MONTHS_PER_YEAR, Subscription, amount_number, check_owner};
use crate::bss::price::{
    ModuleAsked, ModuleDetails, PromotionDetails, check_product, price_modules,
};

/// `OrderType` of a purchase, the only one that is priced by modules here.
const NEW_ORDER: &str = "NewOrder";
/// The other values of `OrderType`.
const OTHER_ORDERS: [&str; 2] = ["Renewal", "Upgrade"];
/// Largest `Quantity`.
const QUANTITY_MAX: i64 = 100;

pub struct GetSubscriptionPrice;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    product_code: String,
    product_type: Option<String>,
    subscription_type: String,
    order_type: String,
    region: Option<String>,
    module_list: Vec<Asked>,
    service_period_unit: Option<String>,
    service_period_quantity: Option<i64>,
    quantity: Option<i64>,
    #[expect(dead_code, reason = "names what is renewed or upgraded")]
    instance_id: Option<Ignored<String>>,
    owner_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    module_code: String,
    config: String,
    #[expect(dead_code, reason = "says how an upgrade changes the module")]
    module_status: Option<Ignored<i64>>,
    #[expect(dead_code, reason = "names a data disk of other products")]
    tag: Option<Ignored<String>>,
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
    quantity: i64,
    original_price: Number,
    discount_price: Number,
    trade_price: Number,
    module_details: ModuleDetails,
    promotion_details: PromotionDetails,
}

impl Operation for GetSubscriptionPrice {
    const NAME: &'static str = "GetSubscriptionPrice";
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
            Subscription::Subscription,
        )?;
        match request.order_type.as_str() {
            NEW_ORDER => {}
            other if OTHER_ORDERS.contains(&other) => {
                return Err(invalid(
                    "OrderType",
                    "only new orders are priced by their modules",
                ));
            }
            _ => return Err(invalid("OrderType", "not NewOrder, Renewal or Upgrade")),
        }
        let quantity = request.quantity.unwrap_or(1);
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            return Err(invalid("Quantity", format!("not from 1 to {QUANTITY_MAX}")));
        }
        let catalog = control.catalog(cx.profile)?;
        let months = months(&request, catalog.terms())?;
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
            catalog,
            &modules,
            (region, &cx.region_named),
            Term::Months(months),
        )?;
        let total = amount_number(priced.total(quantity)?)?;
        Ok(Response {
            data: Data {
                currency: priced.currency.code(),
                quantity,
                original_price: total.clone(),
                discount_price: amount_number(Money::ZERO)?,
                trade_price: total,
                module_details: priced.details()?,
                promotion_details: PromotionDetails::default(),
            },
        })
    }
}

/// The term. The page names no default for its unit; ours is the month.
fn months(request: &Request, terms: &Terms) -> Result<u32, CallError> {
    let unit = match request.service_period_unit.as_deref().unwrap_or_default() {
        "" | "Month" => 1,
        "Year" => MONTHS_PER_YEAR,
        "Day" => {
            return Err(invalid(
                "ServicePeriodUnit",
                "this product is sold by the month and year",
            ));
        }
        _ => return Err(invalid("ServicePeriodUnit", "not Year, Month or Day")),
    };
    let asked = match request.service_period_quantity {
        None => Some(terms.months_default),
        Some(quantity) => u32::try_from(quantity).ok(),
    };
    let months = asked
        .and_then(|quantity| quantity.checked_mul(unit))
        .filter(|months| terms.months.contains(months));
    months.ok_or_else(|| invalid("ServicePeriodQuantity", "not a term that is sold"))
}
