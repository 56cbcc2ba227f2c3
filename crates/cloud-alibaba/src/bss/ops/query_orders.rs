//! QueryOrders: the caller's orders, newest first; without times those of the last hour.

use brokerage_domain::clock::Moment;
use brokerage_domain::listing::OrderClass;
use brokerage_domain::order::Order;
use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::bss::convert::{self, PRODUCT_CODE, Subscription, check_owner, page, span};

/// How far back orders are looked for when no time is given, seconds.
const DEFAULT_SPAN_SECONDS: i64 = 3_600;
/// What `OrderType` may say.
const ORDER_TYPES: [&str; 12] = [
    "New",
    "Renew",
    "Upgrade",
    "TempUpgrade",
    "Downgrade",
    "Refund",
    "Convert",
    "ResizeDisk",
    "CompensatoryRenew",
    "IncreaseUpgrade",
    "Exchange",
    "ChangeOperatingSystem",
];
/// What `PaymentStatus` may say.
const PAYMENT_STATUSES: [&str; 3] = ["Unpaid", "Paid", "Cancelled"];

pub struct QueryOrders;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    create_time_start: Option<String>,
    create_time_end: Option<String>,
    product_code: Option<String>,
    product_type: Option<String>,
    subscription_type: Option<String>,
    order_type: Option<String>,
    payment_status: Option<String>,
    page_num: Option<i64>,
    page_size: Option<i64>,
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
    page_num: usize,
    page_size: usize,
    total_count: i64,
    order_list: Orders,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Orders {
    order: Vec<Listed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    order_id: String,
    order_type: &'static str,
    subscription_type: &'static str,
    product_code: &'static str,
    product_type: &'static str,
    commodity_code: &'static str,
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
}

impl Operation for QueryOrders {
    const NAME: &'static str = "QueryOrders";
    const ACTION: &'static str = "DescribeOrderList";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        check_owner(cx, request.owner_id)?;
        let page = page(request.page_num, request.page_size)?;
        let filter = Filter::of(&request)?;
        let span = created_in(&request, control.now())?;
        let offset = i64::try_from(page.offset).unwrap_or(i64::MAX);
        let limit = u32::try_from(page.size).unwrap_or(u32::MAX);
        let (orders, total_count) = control
            .order_list(cx, span, |class| filter.takes(class), (offset, limit))
            .await?;
        Ok(Response {
            data: Data {
                page_num: page.number,
                page_size: page.size,
                total_count,
                order_list: Orders {
                    order: orders.iter().map(listed).collect::<Result<_, _>>()?,
                },
            },
        })
    }
}

/// The span that is looked through: the last hour, or from or until the one time that is given.
fn created_in(request: &Request, now: Moment) -> Result<(Moment, Moment), CallError> {
    let named = span(
        ("CreateTimeStart", given(request.create_time_start.as_ref())),
        ("CreateTimeEnd", given(request.create_time_end.as_ref())),
    )?;
    let after_now = now.plus_seconds(1);
    Ok(match named {
        (None, None) => (now.plus_seconds(-DEFAULT_SPAN_SECONDS), after_now),
        (from, until) => (from.unwrap_or_default(), until.unwrap_or(after_now)),
    })
}

struct Filter<'a> {
    product_code: Option<&'a str>,
    product_type: Option<&'a str>,
    subscription: Option<Subscription>,
    order_type: Option<&'a str>,
    payment_status: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn of(request: &'a Request) -> Result<Self, CallError> {
        let filter = Self {
            product_code: given(request.product_code.as_ref()),
            product_type: given(request.product_type.as_ref()),
            subscription: given(request.subscription_type.as_ref())
                .map(Subscription::parse)
                .transpose()?,
            order_type: given(request.order_type.as_ref()),
            payment_status: given(request.payment_status.as_ref()),
        };
        if filter
            .order_type
            .is_some_and(|word| !ORDER_TYPES.contains(&word))
        {
            return Err(invalid("OrderType", "not a known type of order"));
        }
        if filter
            .payment_status
            .is_some_and(|word| !PAYMENT_STATUSES.contains(&word))
        {
            return Err(invalid("PaymentStatus", "not Unpaid, Paid or Cancelled"));
        }
        Ok(filter)
    }

    fn takes(&self, class: OrderClass) -> bool {
        Subscription::of_prepaid(class.is_prepaid).is_named(
            self.product_code,
            self.product_type,
            self.subscription,
        ) && self
            .order_type
            .is_none_or(|word| word == convert::order_type(class.kind))
            && self
                .payment_status
                .is_none_or(|word| word == convert::payment_status(class.is_given_back))
    }
}

fn listed(order: &Order) -> Result<Listed, CallError> {
    let subscription = Subscription::of(&order.charge);
    let amount = convert::amount_exact(convert::order_amount(order)?);
    Ok(Listed {
        order_id: order.id.to_string(),
        order_type: convert::order_type(order.kind),
        subscription_type: subscription.word(),
        product_code: PRODUCT_CODE,
        product_type: subscription.product_type(),
        commodity_code: subscription.product_type(),
        create_time: order.created_at.iso(),
        payment_time: order.created_at.iso(),
        payment_status: convert::payment_status(order.state().is_given_back()),
        payment_currency: order.currency.code(),
        currency: order.currency.code(),
        pretax_gross_amount: amount.clone(),
        pretax_amount: amount.clone(),
        pretax_amount_local: amount.clone(),
        tax: convert::amount_exact(brokerage_domain::money::Money::ZERO),
        after_tax_amount: amount,
    })
}
