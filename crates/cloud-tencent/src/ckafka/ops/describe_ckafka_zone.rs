//! DescribeCkafkaZone: what can be bought where, from the catalog.

use brokerage_domain::catalog::{Catalog, PlanRequest};
use brokerage_domain::money::Money;
use brokerage_domain::order::Charge;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::Ignored;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ckafka::answer::Answered;
use crate::ckafka::convert::{self, STANDARD};
use crate::ckafka::price::Amount;

/// `ZoneStatus`: open for purchases.
const OPEN: i64 = 3;
/// The edition that the largest bandwidth is shown of.
const PROFESSION: &str = "profession";

/// Bits in one Mbit of public bandwidth.
const BITS_PER_MBIT: u64 = 1_000_000;

pub struct DescribeCkafkaZone;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// Accepted without effect: there are no dedicated clusters.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    cdc_id: Option<Ignored<String>>,
}

/// `ZoneResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Zones {
    zone_list: Vec<ZoneInfo>,
    max_buy_instance_num: u32,
    max_bandwidth: i64,
    unit_price: Price,
    message_price: Price,
    /// No cluster can be chosen.
    cluster_info: [(); 0],
    standard: String,
    standard_s2: String,
    profession: String,
    physical: String,
    public_network: String,
    public_network_limit: String,
    offset: i64,
    limit: usize,
    force_check_tag: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ZoneInfo {
    zone_id: String,
    is_internal_app: i64,
    app_id: i64,
    flag: bool,
    zone_name: String,
    zone_status: i64,
    exflag: String,
    sold_out: String,
    sales_info: Vec<SaleInfo>,
    extra_flag: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SaleInfo {
    flag: bool,
    version: String,
    platform: String,
    sold_out: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Price {
    real_total_cost: Amount,
    total_cost: Amount,
}

impl Operation for DescribeCkafkaZone {
    const NAME: &'static str = "DescribeCkafkaZone";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Zones>;

    async fn call(call: Call, _request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let catalog = control.catalog(cx.profile)?;
        // The plan of a buyer who says nothing, by the hour.
        let first = catalog.zones(&cx.region).next().map(|zone| zone.id.clone());
        let asked = PlanRequest {
            region: cx.region.clone(),
            zones: first.into_iter().collect(),
            ..PlanRequest::default()
        };
        let plan = catalog.plan(&asked)?;
        let quote = control.price_quote(&plan, &Charge::Postpaid, 1)?;
        let sales = sales(catalog);
        let free_mbit = plan.usable.public_bits_per_second_max / BITS_PER_MBIT;
        let zone_list: Vec<ZoneInfo> = catalog
            .zones(&cx.region)
            .map(|zone| ZoneInfo {
                zone_id: zone.id.clone(),
                is_internal_app: 0,
                app_id: cx.principal.account_number,
                flag: true,
                zone_name: zone.name.clone(),
                zone_status: OPEN,
                exflag: "0".to_owned(),
                sold_out: by_edition(catalog, |_| json!(false)).to_string(),
                sales_info: sales.clone(),
                extra_flag: "0".to_owned(),
            })
            .collect();
        Ok(Answered::new(Zones {
            max_buy_instance_num: catalog.batch_max(),
            max_bandwidth: catalog
                .bands(PROFESSION)
                .map(|band| band.mbps.max)
                .max()
                .unwrap_or_default(),
            unit_price: price(quote.instance_total),
            // Messages are not paid for one by one.
            message_price: price(Money::ZERO),
            cluster_info: [],
            standard: packages(catalog).to_string(),
            standard_s2: String::new(),
            profession: bands(catalog).to_string(),
            physical: String::new(),
            public_network: json!({ "Free": free_mbit }).to_string(),
            public_network_limit: String::new(),
            offset: 0,
            limit: zone_list.len(),
            force_check_tag: false,
            zone_list,
        }))
    }
}

fn price(amount: Money) -> Price {
    Price {
        real_total_cost: Amount(amount),
        total_cost: Amount(amount),
    }
}

fn by_edition(catalog: &Catalog, value: impl Fn(&str) -> Value) -> Value {
    catalog
        .editions()
        .iter()
        .map(|edition| (edition.code.clone(), value(&edition.code)))
        .collect()
}

fn sales(catalog: &Catalog) -> Vec<SaleInfo> {
    let of_edition = |edition: &str| {
        let sale = |version: &brokerage_domain::catalog::Version| SaleInfo {
            flag: true,
            version: version.id.clone(),
            platform: edition.to_owned(),
            sold_out: false,
        };
        catalog.versions().iter().map(sale).collect::<Vec<_>>()
    };
    catalog
        .editions()
        .iter()
        .flat_map(|edition| of_edition(&edition.code))
        .collect()
}

/// Packages that the site sells, by `InstanceType`.
fn packages(catalog: &Catalog) -> Value {
    let site = convert::site(Some(STANDARD));
    let rows = catalog
        .specs(STANDARD)
        .filter(|spec| spec.site.is_none_or(|only| only == site));
    rows.map(|spec| json!({ "InstanceType": spec.code, "BandWidth": spec.bandwidth_mbps }))
        .collect()
}

/// Bandwidths that are sold, with the partitions that come with the smallest of each band.
fn bands(catalog: &Catalog) -> Value {
    let row = |band: &brokerage_domain::catalog::Band| {
        json!({
            "MinBandWidth": band.mbps.min,
            "MaxBandWidth": band.mbps.max,
            "Step": band.mbps.step,
            "Partition": catalog.partitions_included(band.mbps.min),
        })
    };
    catalog.bands(PROFESSION).map(row).collect()
}
