//! CreateInstance: orders and pays one instance, to be started by AliKafka's StartInstance.

use brokerage_control::order::{ClientToken, NewInstance, OrderRequest};
use brokerage_domain::catalog::{PlanRequest, Terms};
use brokerage_domain::instance::Tags;
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, Payment};
use brokerage_wire::fault::{CallError, invalid, missing};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::{Ignored, given};
use serde::{Deserialize, Serialize};

use crate::alikafka::convert::settings_default;
use crate::alikafka::ids;
use crate::bss::convert::{self, PRODUCT_CODE, Subscription, check_owner, renewal};
use crate::bss::fault::{not_sold, order_check};
use crate::bss::property::{Properties, PropertyFault};

/// `PricingCycle` that counts in months: the default, and the only one of this product.
const CYCLE_MONTHS: i64 = 2;
/// All values of `PricingCycle`: years, months, days.
const CYCLES: std::ops::RangeInclusive<i64> = 1..=3;

/// Condition key of the product that is bought.
const CODE_KEY: &str = "bssapi:ProductCode";
/// Condition key of how it is paid.
const TYPE_KEY: &str = "bssapi:ProductType";

pub struct CreateInstance;

/// Parameters, as on the vendor's page; `OwnerId` is hidden there, and SDKs have it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    product_code: String,
    product_type: Option<String>,
    subscription_type: String,
    period: Option<i64>,
    renewal_status: Option<String>,
    renew_period: Option<i64>,
    client_token: Option<String>,
    #[expect(dead_code, reason = "a cluster is not sent by post")]
    logistics: Option<Ignored<String>>,
    parameter: Option<Vec<Parameter>>,
    pricing_cycle: Option<i64>,
    owner_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    code: String,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    order_id: String,
    instance_id: String,
}

impl Operation for CreateInstance {
    const NAME: &'static str = "CreateInstance";
    const ACTION: &'static str = "ModifyInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;

    const CONDITION_KEYS: &'static [&'static str] = &[CODE_KEY, TYPE_KEY];

    fn conditions(request: &Request) -> Vec<(&'static str, String)> {
        let implied = || {
            Some(
                Subscription::parse(&request.subscription_type)
                    .ok()?
                    .product_type(),
            )
        };
        let product_type = given(request.product_type.as_ref()).or_else(implied);
        let keys = [
            (CODE_KEY, Some(request.product_code.as_str())),
            (TYPE_KEY, product_type),
        ];
        keys.into_iter()
            .filter_map(|(key, value)| Some((key, value?.to_owned())))
            .collect()
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = call;
        check_owner(&cx, request.owner_id)?;
        let catalog = control.catalog(cx.profile)?;
        let charge = charge(&request, catalog.terms())?;
        let plan_request = plan_request(&request, &charge, &cx.region_named)?;
        let token = client_token(&request, &plan_request, &charge)?;
        let plan = catalog
            .plan(&plan_request)
            .map_err(PropertyFault::from)
            .map_err(|fault| order_check(&fault))?;
        let order = OrderRequest {
            order_id: ids::order_id(control.serial()),
            instances: vec![NewInstance {
                id: ids::instance_id(control.serial(), charge.is_prepaid()),
                name: String::new(),
            }],
            settings: settings_default(&plan),
            notes: Notes::default(),
            tags: Tags::new(),
            payment: if charge.is_prepaid() {
                Payment::AtOrder
            } else {
                Payment::OnDelivery
            },
            plan,
            charge,
            placement: None,
            start: false,
            token,
        };
        let placed = control.order_place(cx, order).await?;
        let instance_id = placed.instance_ids.first().map(ToString::to_string);
        Ok(Response {
            data: Data {
                order_id: placed.order_id.to_string(),
                instance_id: instance_id.unwrap_or_default(),
            },
        })
    }
}

/// How the order is paid for. What only a subscription has is checked for its form with pay-as-you-go too, and has
/// no effect there.
fn charge(request: &Request, terms: &Terms) -> Result<Charge, CallError> {
    // "You cannot create ECS instances or ApsaraDB RDS instances by calling the operation"; nor what else is not
    // sold here.
    if request.product_code != PRODUCT_CODE {
        return Err(not_sold().into());
    }
    let subscription = Subscription::parse(&request.subscription_type)?;
    if given(request.product_type.as_ref())
        .is_some_and(|named| named != subscription.product_type())
    {
        let word = subscription.word();
        return Err(order_check(&format!(
            "ProductType must be {} for {word}",
            subscription.product_type()
        ))
        .into());
    }
    match request.pricing_cycle {
        None | Some(CYCLE_MONTHS) => {}
        Some(cycle) if CYCLES.contains(&cycle) => {
            return Err(invalid(
                "PricingCycle",
                "applicable to other product types only; this one counts months",
            ));
        }
        Some(_) => return Err(invalid("PricingCycle", "not 1, 2 or 3")),
    }
    let renews = match request.renewal_status.as_deref().unwrap_or_default() {
        "" | renewal::MANUAL => false,
        renewal::AUTO => true,
        _ => return Err(invalid("RenewalStatus", "not AutoRenewal or ManualRenewal")),
    };
    if subscription == Subscription::PayAsYouGo {
        return Ok(Charge::Postpaid);
    }
    let step = terms.general_order_months_step;
    let months = sold_months("Period", request.period, terms)?;
    if months % step != 0 {
        return Err(invalid(
            "Period",
            format!("not a multiple of {step} months"),
        ));
    }
    let renew_months = renews
        .then(|| sold_months("RenewPeriod", request.renew_period, terms))
        .transpose()?;
    Ok(Charge::prepaid(months, renew_months))
}

pub(super) fn sold_months(name: &str, asked: Option<i64>, terms: &Terms) -> Result<u32, CallError> {
    let asked = asked.ok_or_else(|| missing(name))?;
    let months = u32::try_from(asked)
        .ok()
        .filter(|months| terms.months.contains(months));
    months.ok_or_else(|| invalid(name, "not a number of months that is sold"))
}

fn plan_request(
    request: &Request,
    charge: &Charge,
    region_named: &str,
) -> Result<PlanRequest, CallError> {
    let list = request.parameter.as_deref().unwrap_or_default();
    let pairs: Vec<(&str, &str)> = list
        .iter()
        .map(|Parameter { code, value }| (code.as_str(), value.as_str()))
        .collect();
    let properties = Properties::from_pairs(&pairs).map_err(|fault| order_check(&fault))?;
    let request = properties.plan_request(charge.is_prepaid(), region_named);
    Ok(request.map_err(|fault| order_check(&fault))?)
}

/// What of a request has to be equal when its token comes again: what is bought and how it is paid for, not how
/// the client wrote it down.
#[derive(Serialize)]
struct Bound<'a> {
    region: &'a str,
    edition: Option<&'a str>,
    spec: Option<&'a str>,
    bandwidth_mbps: Option<i64>,
    topics: Option<i64>,
    partitions: Option<i64>,
    disk_gb: Option<i64>,
    disk_type: Option<&'a str>,
    deploy_public: bool,
    public_mbit: Option<i64>,
    retention_minutes: Option<i64>,
    charge: &'a Charge,
}

fn client_token(
    request: &Request,
    plan: &PlanRequest,
    charge: &Charge,
) -> Result<Option<ClientToken>, CallError> {
    let bound = Bound {
        region: &plan.region,
        edition: plan.edition.as_deref(),
        spec: plan.spec.as_deref(),
        bandwidth_mbps: plan.bandwidth_mbps,
        topics: plan.topics,
        partitions: plan.partitions,
        disk_gb: plan.disk_gb,
        disk_type: plan.disk_type.as_deref(),
        deploy_public: plan.deploy_public,
        public_mbit: plan.public_mbit,
        retention_minutes: plan.retention_minutes,
        charge,
    };
    convert::client_token(request.client_token.as_ref(), &bound)
}
