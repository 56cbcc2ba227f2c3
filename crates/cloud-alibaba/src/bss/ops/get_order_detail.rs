//! GetOrderDetail: one order of the caller's, one entry for each instance that it bought.

use brokerage_control::Context;
use brokerage_domain::catalog::Plan;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::Instance;
use brokerage_domain::money::Money;
use brokerage_domain::order::{Order, OrderLine, OrderPlan};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::bss::convert::{self, PRODUCT_CODE, Subscription, check_owner};

pub struct GetOrderDetail;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    order_id: String,
    owner_id: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    page_num: i64,
    page_size: usize,
    total_count: usize,
    order_list: Orders,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Orders {
    order: Vec<Detail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    order_id: String,
    sub_order_id: String,
    order_type: &'static str,
    order_sub_type: &'static str,
    subscription_type: &'static str,
    product_code: &'static str,
    product_type: &'static str,
    commodity_code: &'static str,
    region: String,
    quantity: String,
    operator: String,
    #[serde(rename = "InstanceIDs")]
    instance_ids: String,
    original_config: Option<String>,
    config: Option<String>,
    bill_module_config: Option<BillModules>,
    original_module_config: Option<OriginalModules>,
    create_time: String,
    payment_time: String,
    payment_status: &'static str,
    payment_currency: &'static str,
    currency: &'static str,
    pretax_gross_amount: String,
    pretax_amount: String,
    pretax_amount_local: String,
    tax: String,
    after_tax_amount: String,
    usage_start_time: String,
    usage_end_time: String,
}

/// The only objects of this service whose members begin with a small letter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BillModules {
    bill_module_config: Vec<BillModule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BillModule {
    api_code: &'static str,
    code: &'static str,
    name: &'static str,
    bill_module_properties: BillProperties,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BillProperties {
    bill_module_properties: Vec<BillProperty>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BillProperty {
    attr_api_code: &'static str,
    module_api_code: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OriginalModules {
    original_module_config: Vec<OriginalModule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OriginalModule {
    code: &'static str,
    name: &'static str,
    module_properties: ModuleProperties,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModuleProperties {
    module_properties: Vec<ModuleProperty>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ModuleProperty {
    code: &'static str,
    name: &'static str,
    value: String,
}

impl Operation for GetOrderDetail {
    const NAME: &'static str = "GetOrderDetail";
    const ACTION: &'static str = "DescribeOrderDetail";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        check_owner(cx, request.owner_id)?;
        let id = OrderId::new(request.order_id);
        let order = control.order_view(cx, &id).await?;
        if order.profile != cx.profile {
            // An order with another cloud: it does not exist in this one.
            return Err(brokerage_domain::Error::not_found(Kind::Order, id.as_str()).into());
        }
        let instances = control.order_instances(cx, &id).await?;
        let of_line = |id: &InstanceId| instances.iter().find(|instance| instance.id == *id);
        let bought = control.order_plan(&order).await?;
        let details: Vec<Detail> = order
            .lines
            .iter()
            .map(|line| {
                let instance = of_line(&line.instance_id);
                let bought = Bought::of(bought.as_ref(), instance);
                detail(cx, &order, line, (bought, instance))
            })
            .collect::<Result<_, _>>()?;
        Ok(Response {
            data: Data {
                page_num: 1,
                page_size: details.len(),
                total_count: details.len(),
                order_list: Orders { order: details },
            },
        })
    }
}

/// What an order bought, and what was there before.
#[derive(Clone, Copy)]
struct Bought<'a> {
    plan: &'a Plan,
    before: &'a Plan,
}

impl<'a> Bought<'a> {
    /// Of an order of before this was kept, what its instance is. The original configuration of a purchase is what it
    /// bought (our choice: the vendor's page shows none of a purchase).
    fn of(kept: Option<&'a OrderPlan>, instance: Option<&'a Instance>) -> Option<Self> {
        let plan = kept.map(|kept| &kept.plan);
        let plan = plan.or_else(|| instance.map(|instance| &instance.plan))?;
        let before = kept.and_then(|kept| kept.before.as_ref());
        Some(Self {
            plan,
            before: before.unwrap_or(plan),
        })
    }
}

fn detail(
    cx: &Context,
    order: &Order,
    line: &OrderLine,
    (bought, instance): (Option<Bought<'_>>, Option<&Instance>),
) -> Result<Detail, CallError> {
    let subscription = Subscription::of(&order.charge);
    let amount = convert::amount_exact(convert::line_amount(order, line)?);
    Ok(Detail {
        order_id: order.id.to_string(),
        sub_order_id: format!("{}{}", order.id, line.line + 1),
        order_type: convert::order_type(order.kind),
        order_sub_type: "ProductSubOrder",
        subscription_type: subscription.word(),
        product_code: PRODUCT_CODE,
        product_type: subscription.product_type(),
        commodity_code: subscription.product_type(),
        region: order.region.clone(),
        quantity: "1".to_owned(),
        operator: cx.principal.account_number.to_string(),
        instance_ids: serde_json::Value::from(vec![line.instance_id.as_str()]).to_string(),
        original_config: bought.map(|of| convert::original_config(of.before)),
        config: bought.map(|of| convert::original_config(of.plan)),
        bill_module_config: bought.map(|of| bill_modules(of.plan)),
        original_module_config: bought.map(|of| original_modules(of.before)),
        create_time: order.created_at.iso(),
        payment_time: order.created_at.iso(),
        payment_status: convert::payment_status(order.state().is_given_back()),
        payment_currency: order.currency.code(),
        currency: order.currency.code(),
        pretax_gross_amount: amount.clone(),
        pretax_amount: amount.clone(),
        pretax_amount_local: amount.clone(),
        tax: convert::amount_exact(Money::ZERO),
        after_tax_amount: amount,
        usage_start_time: convert::usage_start(order, instance).iso(),
        usage_end_time: convert::usage_end(order, instance).iso(),
    })
}

fn bill_modules(plan: &Plan) -> BillModules {
    let module = |(code, value): (&'static str, String)| BillModule {
        api_code: code,
        code,
        name: code,
        bill_module_properties: BillProperties {
            bill_module_properties: vec![BillProperty {
                attr_api_code: code,
                module_api_code: code,
                value,
            }],
        },
    };
    BillModules {
        bill_module_config: convert::config_pairs(plan)
            .into_iter()
            .map(module)
            .collect(),
    }
}

fn original_modules(plan: &Plan) -> OriginalModules {
    let module = |(code, value): (&'static str, String)| OriginalModule {
        code,
        name: code,
        module_properties: ModuleProperties {
            module_properties: vec![ModuleProperty {
                code,
                name: code,
                value,
            }],
        },
    };
    OriginalModules {
        original_module_config: convert::config_pairs(plan)
            .into_iter()
            .map(module)
            .collect(),
    }
}
