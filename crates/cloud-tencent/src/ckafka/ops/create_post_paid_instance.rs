//! CreatePostPaidInstance: buys pay-as-you-go clusters.

use brokerage_control::network::PlacementRequest;
use brokerage_control::order::{NewInstance, OrderPlaced, OrderRequest};
use brokerage_domain::catalog::{Field, PlanRequest};
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::{NetworkId, SubnetId};
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, ORDER_LINES_MAX};
use brokerage_wire::fault::{CallError, PlanParameter};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::Ignored;
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Deal};
use crate::ckafka::change::payment;
use crate::ckafka::check;
use crate::ckafka::convert::{self, STANDARD, Tag};
use crate::ckafka::ids;
use crate::ckafka::notes::InstanceNotes;

/// Longest `InstanceName`, in characters.
const NAME_CHARS_MAX: usize = 128;

pub struct CreatePostPaidInstance;

/// Parameters, as on the vendor's page; those after `ElasticBandwidthSwitch` come with newer SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    pub(super) vpc_id: String,
    pub(super) subnet_id: String,
    pub(super) instance_name: Option<String>,
    pub(super) instance_type: Option<i64>,
    pub(super) msg_retention_time: Option<i64>,
    /// Accepted without effect: there is one cluster of hosts, this one.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    pub(super) cluster_id: Option<Ignored<i64>>,
    pub(super) kafka_version: Option<String>,
    pub(super) specifications_type: Option<String>,
    pub(super) disk_type: Option<String>,
    pub(super) band_width: Option<i64>,
    pub(super) disk_size: Option<i64>,
    pub(super) partition: Option<i64>,
    pub(super) topic_num: Option<i64>,
    pub(super) zone_id: Option<i64>,
    pub(super) multi_zone_flag: Option<bool>,
    pub(super) zone_ids: Option<Vec<i64>>,
    pub(super) instance_num: Option<i64>,
    pub(super) public_network_monthly: Option<i64>,
    pub(super) tags: Option<Vec<Tag>>,
    pub(super) elastic_bandwidth_switch: Option<i64>,
    #[serde(rename = "CustomSSLCertId")]
    pub(super) custom_ssl_cert_id: Option<String>,
    /// Accepted without effect: storage here grows no further than was bought.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    pub(super) store_quantity_type: Option<Ignored<i64>>,
}

impl Operation for CreatePostPaidInstance {
    const NAME: &'static str = "CreatePostPaidInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Deal>;

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let placed = place(call, request, Charge::Postpaid).await?;
        Ok(Answered::new(Deal::placed(&placed)))
    }
}

/// Places the order of a request; the older CreateInstancePost buys by the same rules, and so does CreateInstancePre.
///
/// # Errors
/// The page's, and the control plane's refusals of an order.
pub(super) async fn place(
    call: Call,
    request: Request,
    charge: Charge,
) -> Result<OrderPlaced, CallError> {
    let catalog = call.control.catalog(call.cx.profile)?;
    let count = instance_count(&request, catalog.batch_max())?;
    let mut wanted = plan_request(&request, &call.cx.region, charge.is_prepaid())?;
    if request.zone_id.is_none() && wanted.zones.len() > 1 {
        subnet_zone_first(&call, &request.subnet_id, &mut wanted.zones).await?;
    }
    let zones = request.zone_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    let plan = catalog.plan(&wanted).map_err(|fault| {
        let of_list = PlanParameter::named("ZoneIds");
        let words = |field| (field == Field::Zone && zones).then_some(of_list);
        CallError::from(fault).in_words(words)
    })?;
    let Call { control, cx } = call;
    let name = request.instance_name.as_deref().unwrap_or_default();
    let order = OrderRequest {
        order_id: ids::deal_name(control.now(), control.chance()),
        instances: (0..count)
            .map(|line| NewInstance {
                id: ids::instance_id(control.chance()),
                name: instance_name(name, line, count),
            })
            .collect(),
        placement: Some(PlacementRequest {
            network_id: NetworkId::new(request.vpc_id.clone()),
            subnet_id: SubnetId::new(request.subnet_id.clone()),
            zones: plan.zones.clone(),
        }),
        settings: ClusterSettings {
            retention_ms: i64::try_from(plan.usable.retention_ms).ok(),
            ..ClusterSettings::default()
        },
        notes: Notes::of(&notes(&request)),
        tags: check::tags("Tags", request.tags)?,
        plan,
        payment: payment(&charge),
        charge,
        start: true,
        token: None,
    };
    Ok(control.order_place(cx, order).await?)
}

fn instance_count(request: &Request, batch_max: u32) -> Result<u32, CallError> {
    let max = batch_max.min(ORDER_LINES_MAX);
    let count = request.instance_num.unwrap_or(1);
    match u32::try_from(count) {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => Err(check::value(
            "InstanceNum",
            format!("must be from 1 to {max}"),
        )),
    }
}

/// The names of a batch are the given one "plus different suffixes"; the page shows none, `-1`, `-2`, … are ours.
fn instance_name(name: &str, line: u32, count: u32) -> String {
    match (count, name) {
        (1, _) | (_, "") => name.to_owned(),
        _ => format!("{name}-{}", line + 1),
    }
}

fn plan_request(request: &Request, region: &str, prepaid: bool) -> Result<PlanRequest, CallError> {
    check::filled("VpcId", &request.vpc_id)?;
    check::filled("SubnetId", &request.subnet_id)?;
    if request
        .instance_name
        .as_ref()
        .is_some_and(|name| name.chars().count() > NAME_CHARS_MAX)
    {
        return Err(check::value(
            "InstanceName",
            format!("has more than {NAME_CHARS_MAX} characters"),
        ));
    }
    let elastic = request.elastic_bandwidth_switch;
    let elastic = elastic.map(|number| check::switch("ElasticBandwidthSwitch", number));
    let edition = check::given(request.specifications_type.as_ref());
    let standard = edition == Some(STANDARD);
    let instance_type = request.instance_type.unwrap_or(1);
    if !(1..=8).contains(&instance_type) || (!standard && instance_type != 1) {
        return Err(check::value(
            "InstanceType",
            "must be 1, or 1 to 8 for the standard edition",
        ));
    }
    Ok(PlanRequest {
        // By the month the standard edition is sold on the China site, by its bandwidth and not by its type.
        site: convert::site(edition.filter(|_| !prepaid)),
        region: region.to_owned(),
        zones: zones(request)?,
        edition: edition.map(str::to_owned),
        // The row of a standard edition says everything but the disk, which can be bought larger.
        spec: (standard && !prepaid).then(|| instance_type.to_string()),
        bandwidth_mbps: request.band_width,
        topics: request.topic_num,
        partitions: request.partition,
        disk_gb: request.disk_size,
        disk_type: check::given(request.disk_type.as_ref()).map(str::to_owned),
        public_mbit: request.public_network_monthly,
        elastic_bandwidth: elastic.transpose()?.unwrap_or(false),
        version: check::given(request.kafka_version.as_ref()).map(str::to_owned),
        retention_minutes: request.msg_retention_time,
        nodes: Vec::new(),
        deploy_public: false,
        prepaid,
    })
}

/// The zones, that of the access point first. "ZoneId and ZoneIds cannot be empty at the same time", and a list
/// must contain the one.
fn zones(request: &Request) -> Result<Vec<String>, CallError> {
    let list = request.zone_ids.as_deref().unwrap_or_default();
    let many = request.multi_zone_flag.unwrap_or(false);
    let first = match (request.zone_id, list.first()) {
        (Some(zone), _) => zone,
        (None, Some(zone)) => *zone,
        (None, None) => return Err(check::not_allowed_empty("ZoneId")),
    };
    if !list.is_empty() && !list.contains(&first) {
        return Err(check::value("ZoneIds", "must contain ZoneId"));
    }
    if many && list.is_empty() {
        return Err(check::not_allowed_empty("ZoneIds"));
    }
    if list
        .iter()
        .enumerate()
        .any(|(at, zone)| list[..at].contains(zone))
    {
        return Err(check::repetition("`ZoneIds` names a zone twice."));
    }
    if !many && list.len() > 1 {
        return Err(check::value(
            "ZoneIds",
            "names several zones, which needs MultiZoneFlag",
        ));
    }
    let others = list.iter().copied().filter(|zone| *zone != first);
    Ok(std::iter::once(first)
        .chain(others)
        .map(|zone| zone.to_string())
        .collect())
}

/// Of a list of zones alone, the access point's is that of the subnet.
async fn subnet_zone_first(
    call: &Call,
    subnet_id: &str,
    zones: &mut [String],
) -> Result<(), CallError> {
    let subnets = call.control.subnet_list(&call.cx).await?;
    let subnet = subnets
        .iter()
        .find(|subnet| subnet.id.as_str() == subnet_id);
    let at = subnet.and_then(|subnet| zones.iter().position(|zone| *zone == subnet.zone));
    if let Some(at) = at {
        zones[..=at].rotate_right(1);
    }
    Ok(())
}

fn notes(request: &Request) -> InstanceNotes {
    InstanceNotes {
        disk_type: check::given(request.disk_type.as_ref()).map(str::to_owned),
        certificate: check::given(request.custom_ssl_cert_id.as_ref()).map(str::to_owned),
        ..InstanceNotes::default()
    }
}
