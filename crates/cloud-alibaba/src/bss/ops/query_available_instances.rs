//! QueryAvailableInstances: the caller's instances that are not released. Filters may name any product of the
//! vendor; what is not sold here has no instances. Terraform's provider begins with such a call.

use brokerage_control::instance::InstanceFilter;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_domain::order::Charge;
use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::bss::convert::{
    self, MONTHS_PER_YEAR, PRODUCT_CODE, Subscription, check_owner, in_span, page, renewal, span,
};

/// Most ids in `InstanceIDs`.
const IDS_MAX: usize = 100;

pub struct QueryAvailableInstances;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    product_code: Option<String>,
    product_type: Option<String>,
    subscription_type: Option<String>,
    #[serde(rename = "InstanceIDs")]
    instance_ids: Option<String>,
    region: Option<String>,
    renew_status: Option<String>,
    create_time_start: Option<String>,
    create_time_end: Option<String>,
    end_time_start: Option<String>,
    end_time_end: Option<String>,
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
    total_count: usize,
    /// A plain list, where other answers of this service have one inside an object.
    instance_list: Vec<Available>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Available {
    owner_id: i64,
    #[serde(rename = "InstanceID")]
    instance_id: String,
    product_code: &'static str,
    product_type: &'static str,
    subscription_type: &'static str,
    status: &'static str,
    region: String,
    create_time: String,
    end_time: Option<String>,
    renew_status: Option<&'static str>,
    renewal_duration: Option<u32>,
    renewal_duration_unit: Option<&'static str>,
}

impl Operation for QueryAvailableInstances {
    const NAME: &'static str = "QueryAvailableInstances";
    const ACTION: &'static str = "DescribeInstances";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        check_owner(cx, request.owner_id)?;
        let page = page(request.page_num, request.page_size)?;
        let filter = request.filter()?;
        let found = control.instance_page(cx, filter, page.offset, page.size);
        let found = found.await?;
        let owner = cx.principal.account_number;
        let shown = found.instances.iter();
        Ok(Response {
            data: Data {
                page_num: page.number,
                page_size: page.size,
                total_count: found.total,
                instance_list: shown
                    .filter_map(|instance| available(instance, owner))
                    .collect(),
            },
        })
    }
}

impl Request {
    /// `None` where everything is asked for.
    fn filter(&self) -> Result<Option<InstanceFilter<'_>>, CallError> {
        let wanted = wanted(self)?;
        let texts = [
            &self.product_type,
            &self.subscription_type,
            &self.instance_ids,
            &self.region,
            &self.renew_status,
            &self.create_time_start,
            &self.create_time_end,
            &self.end_time_start,
            &self.end_time_end,
        ];
        let is_filtered = texts.iter().any(|text| given(text.as_ref()).is_some())
            || given(self.product_code.as_ref()).is_some_and(|code| code != PRODUCT_CODE);
        let ids = given(self.instance_ids.as_ref()).map(|ids| {
            ids.split(',')
                .map(|id| InstanceId::new(id.trim()))
                .collect()
        });
        Ok(is_filtered.then(|| InstanceFilter {
            ids,
            passes: Box::new(wanted),
        }))
    }
}

/// What the filters let through: all of them have to.
fn wanted(request: &Request) -> Result<impl Fn(&Instance) -> bool + Send + Sync + '_, CallError> {
    let subscription = given(request.subscription_type.as_ref())
        .map(Subscription::parse)
        .transpose()?;
    let (code, product_type, region) = (
        given(request.product_code.as_ref()),
        given(request.product_type.as_ref()),
        given(request.region.as_ref()),
    );
    let renew_status = given(request.renew_status.as_ref());
    if let Some(word) = renew_status
        && ![renewal::AUTO, renewal::MANUAL, renewal::NONE].contains(&word)
    {
        return Err(invalid(
            "RenewStatus",
            "not AutoRenewal, ManualRenewal or NotRenewal",
        ));
    }
    let ids: Option<Vec<&str>> =
        given(request.instance_ids.as_ref()).map(|text| text.split(',').map(str::trim).collect());
    if ids.as_ref().is_some_and(|ids| ids.len() > IDS_MAX) {
        return Err(invalid("InstanceIDs", format!("more than {IDS_MAX} ids")));
    }
    let created = span(
        ("CreateTimeStart", given(request.create_time_start.as_ref())),
        ("CreateTimeEnd", given(request.create_time_end.as_ref())),
    )?;
    let ends = span(
        ("EndTimeStart", given(request.end_time_start.as_ref())),
        ("EndTimeEnd", given(request.end_time_end.as_ref())),
    )?;
    Ok(move |instance: &Instance| {
        Subscription::of(&instance.charge).is_named(code, product_type, subscription)
            && region.is_none_or(|region| region == instance.region)
            && ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&instance.id.as_str()))
            && renew_status.is_none_or(|word| convert::renew_status(&instance.charge) == Some(word))
            && in_span(instance.created_at, created)
            && (ends == (None, None)
                || convert::term_end(instance).is_some_and(|at| in_span(at, ends)))
    })
}

fn available(instance: &Instance, owner_id: i64) -> Option<Available> {
    let subscription = Subscription::of(&instance.charge);
    let renewal = match &instance.charge {
        Charge::Prepaid { renew_months, .. } => *renew_months,
        Charge::Postpaid => None,
    };
    let renewal = renewal.map(|months| match months % MONTHS_PER_YEAR {
        0 => (months / MONTHS_PER_YEAR, "Y"),
        _ => (months, "M"),
    });
    Some(Available {
        owner_id,
        instance_id: instance.id.to_string(),
        product_code: PRODUCT_CODE,
        product_type: subscription.product_type(),
        subscription_type: subscription.word(),
        status: convert::status(instance.phase)?,
        region: instance.region.clone(),
        create_time: instance.created_at.iso(),
        end_time: convert::term_end(instance).map(|at| at.iso()),
        renew_status: convert::renew_status(&instance.charge),
        renewal_duration: renewal.map(|(duration, _)| duration),
        renewal_duration_unit: renewal.map(|(_, unit)| unit),
    })
}
