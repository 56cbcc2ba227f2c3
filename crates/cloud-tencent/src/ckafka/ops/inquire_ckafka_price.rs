//! InquireCkafkaPrice: what a purchase or a renewal would cost, from the rater that prices orders.

use brokerage_domain::catalog::{Field, Plan, PlanRequest};
use brokerage_domain::id::InstanceId;
use brokerage_domain::order::Charge;
use brokerage_wire::fault::{CallError, PlanParameter};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::Ignored;
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::check::{self, given};
use crate::ckafka::convert::{self, POSTPAID, PREPAID, STANDARD};
use crate::ckafka::price::{InquiryPrice, Shown, instance_price, public_price};

const MINUTES_PER_HOUR: i64 = 60;
/// Months of a prepaid term where none are given.
const MONTHS_DEFAULT: i64 = 1;
/// Most months that are looked at; the catalog says which are sold.
const MONTHS_MAX: i64 = 36;

pub struct InquireCkafkaPrice;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_type: String,
    instance_charge_param: Option<ChargeParam>,
    instance_num: Option<i64>,
    bandwidth: Option<i64>,
    inquiry_disk_param: Option<DiskParam>,
    message_retention: Option<i64>,
    topic: Option<i64>,
    partition: Option<i64>,
    zone_ids: Option<Vec<i64>>,
    category_action: Option<String>,
    /// Accepted without effect: the vendor's page calls it unneeded.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    bill_type: Option<Ignored<String>>,
    public_network_param: Option<PublicParam>,
    instance_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChargeParam {
    instance_charge_type: Option<String>,
    instance_charge_period: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DiskParam {
    disk_type: Option<String>,
    disk_size: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublicParam {
    public_network_charge_type: Option<String>,
    public_network_monthly: Option<i64>,
}

/// `InquireCkafkaPriceResp`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Prices {
    instance_price: InquiryPrice,
    public_network_bandwidth_price: Option<InquiryPrice>,
}

impl Operation for InquireCkafkaPrice {
    const NAME: &'static str = "InquireCkafkaPrice";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Prices>;
    const PLAN_PARAMETERS: fn(Field) -> Option<PlanParameter> = |field| {
        let named = PlanParameter::named;
        Some(match field {
            Field::Zone => named("ZoneIds"),
            Field::Edition | Field::Spec => named("InstanceType"),
            Field::Bandwidth => named("Bandwidth"),
            Field::Topics => named("Topic"),
            Field::Partitions => named("Partition"),
            Field::Disk => named("InquiryDiskParam.DiskSize"),
            Field::DiskType => named("InquiryDiskParam.DiskType"),
            Field::PublicBandwidth => named("PublicNetworkParam.PublicNetworkMonthly"),
            Field::Payment => named("InstanceChargeParam.InstanceChargeType"),
            Field::Retention => PlanParameter {
                size: MINUTES_PER_HOUR,
                ..named("MessageRetention")
            },
            _ => return None,
        })
    };

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let charge = request.charge()?;
        let (plan, asks_public) = match given(request.category_action.as_ref()) {
            None | Some("purchase") => {
                let catalog = control.catalog(cx.profile)?;
                let zone = catalog.zones(&cx.region).next().map(|zone| zone.id.clone());
                let plan = catalog.plan(&request.plan_request(
                    &cx.region,
                    zone,
                    charge.is_prepaid(),
                )?)?;
                (plan, request.public_network_param.is_some())
            }
            Some("renew") => {
                let id = given(request.instance_id.as_ref())
                    .ok_or_else(|| check::not_allowed_empty("InstanceId"))?;
                let plan = control.instance_view(cx, &InstanceId::new(id)).await?.plan;
                let public = plan.bought.public_mbit > 0;
                (plan, public)
            }
            Some(_) => {
                return Err(check::unsupported(
                    "`CategoryAction` must be purchase or renew.",
                ));
            }
        };
        let count = request.instance_num.unwrap_or(1);
        let count =
            u32::try_from(count).map_err(|_| check::value("InstanceNum", "must be at least 1"))?;
        let quote = control.price_quote(&plan, &charge, count)?;
        let shown = shown(&plan);
        Ok(Answered::new(Prices {
            instance_price: instance_price(&quote, &shown)?,
            public_network_bandwidth_price: if asks_public {
                Some(public_price(&quote, &shown)?)
            } else {
                None
            },
        }))
    }
}

impl Request {
    /// One month in advance where nothing is said.
    fn charge(&self) -> Result<Charge, CallError> {
        let charge = self.instance_charge_param.as_ref();
        let name = charge
            .and_then(|charge| given(charge.instance_charge_type.as_ref()))
            .unwrap_or(PREPAID);
        if name == POSTPAID {
            return Ok(Charge::Postpaid);
        }
        check::word(
            "InstanceChargeParam.InstanceChargeType",
            name,
            &[PREPAID, POSTPAID],
        )?;
        let months = charge
            .and_then(|charge| charge.instance_charge_period)
            .unwrap_or(MONTHS_DEFAULT);
        let months = check::within(
            "InstanceChargeParam.InstanceChargePeriod",
            months,
            1..=MONTHS_MAX,
        )?;
        Ok(Charge::prepaid(u32::try_from(months).unwrap_or(1), None))
    }

    fn plan_request(
        &self,
        region: &str,
        zone: Option<String>,
        prepaid: bool,
    ) -> Result<PlanRequest, CallError> {
        check::filled("InstanceType", &self.instance_type)?;
        let disk = self.inquiry_disk_param.as_ref();
        let public = self.public_network_param.as_ref();
        if let Some(name) =
            public.and_then(|public| given(public.public_network_charge_type.as_ref()))
        {
            let names = ["BANDWIDTH_PREPAID", "BANDWIDTH_POSTPAID_BY_HOUR"];
            check::word("PublicNetworkParam.PublicNetworkChargeType", name, &names)?;
        }
        let named = self
            .zone_ids
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        // Every zone of a region has the same prices.
        let zones = if named.is_empty() {
            zone.into_iter().collect()
        } else {
            named
        };
        Ok(PlanRequest {
            // By the month the standard edition is asked for on the China site, as it is sold there.
            site: if prepaid {
                convert::site(None)
            } else {
                convert::site(Some(&self.instance_type))
            },
            region: region.to_owned(),
            zones,
            edition: Some(self.instance_type.clone()),
            spec: None,
            bandwidth_mbps: self.bandwidth,
            topics: self.topic,
            partitions: self.partition,
            disk_gb: disk.and_then(|disk| disk.disk_size),
            disk_type: disk
                .and_then(|disk| given(disk.disk_type.as_ref()))
                .map(str::to_owned),
            public_mbit: public.and_then(|public| public.public_network_monthly),
            retention_minutes: self
                .message_retention
                .map(|hours| hours.saturating_mul(MINUTES_PER_HOUR)),
            prepaid,
            ..PlanRequest::default()
        })
    }
}

fn shown(plan: &Plan) -> Shown {
    let bought = &plan.bought;
    Shown {
        disk_type: bought.disk_type.clone(),
        disk_gb: bought.disk_gb,
        bandwidth_mbps: bought.bandwidth_mbps.unwrap_or_default(),
        partitions: bought.partitions.unwrap_or_default(),
        package: plan.edition == STANDARD,
        public_mbit: bought.public_mbit,
    }
}
