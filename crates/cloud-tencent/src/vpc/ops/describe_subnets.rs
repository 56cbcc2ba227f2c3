//! DescribeSubnets: the caller's subnets in a region.

use brokerage_domain::catalog::Catalog;
use brokerage_domain::network::Subnet as DomainSubnet;
use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::page::Page;
use brokerage_wire::params::Lenient;
use serde::{Deserialize, Serialize};

use crate::ckafka::check;
use crate::ckafka::convert;
use crate::vpc::filter::{Filter, asked_page, check_filters, passes};

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`.
const LIMIT_MAX: i64 = 100;
/// Names of filters, beside `tag:KEY`.
const FILTERS: [&str; 11] = [
    "subnet-id",
    "subnet-name",
    "vpc-id",
    "zone",
    "is-default",
    "cidr-block",
    "tag-key",
    "is-remote-vpc-snat",
    "cdc-id",
    "is-cdc-subnet",
    "ipv6-cidr-block",
];
/// Addresses of a subnet that cannot be given away: network, gateway and broadcast.
const ADDRESSES_RESERVED: u64 = 3;
/// Zone ids end in the zone's number in its region.
const ZONES_OF_REGION: i64 = 10_000;

pub struct DescribeSubnets;

/// Parameters. `Offset` and `Limit` travel as text in some SDKs and as numbers in others; both are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(default)]
    subnet_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    offset: Option<Lenient<i64>>,
    limit: Option<Lenient<i64>>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    total_count: usize,
    subnet_set: Vec<Subnet>,
    /// Where the next page begins, for who pages by `MaxResults`; empty on the last.
    next_token: String,
}

/// `Subnet`; Terraform dereferences most of its members, `CdcId` among them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Subnet {
    vpc_id: String,
    subnet_id: String,
    subnet_name: String,
    cidr_block: String,
    is_default: bool,
    enable_broadcast: bool,
    zone: String,
    route_table_id: String,
    created_time: String,
    available_ip_address_count: u64,
    total_ip_address_count: u64,
    ipv6_cidr_block: &'static str,
    network_acl_id: &'static str,
    is_remote_vpc_snat: bool,
    cdc_id: &'static str,
    is_cdc_subnet: i64,
    tag_set: [(); 0],
}

impl Operation for DescribeSubnets {
    const NAME: &'static str = "DescribeSubnets";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        check_filters("SubnetIds", &request.subnet_ids, &request.filters, &FILTERS)?;
        let catalog = control.catalog_of_region(cx.profile, &cx.region)?;
        let mut found = control.subnet_list(cx).await?;
        found.retain(|subnet| request.wants(catalog, subnet));
        let total_count = found.len();
        let by_token = request.max_results.is_some() || request.next_token.is_some();
        let page = match by_token {
            true => request.page_by_token()?,
            false => asked_page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX),
        };
        let end = page.offset.saturating_add(page.size);
        let subnet_set = page
            .cut(found)
            .into_iter()
            .map(|of| subnet(catalog, of))
            .collect();
        Ok(Response {
            total_count,
            subnet_set,
            next_token: match by_token && end < total_count {
                true => end.to_string(),
                false => String::new(),
            },
        })
    }
}

impl Request {
    /// A token is the place at which its page begins.
    fn page_by_token(&self) -> Result<Page, CallError> {
        if self.offset.is_some() || self.limit.is_some() {
            let message = "`MaxResults` and `NextToken` cannot be given with `Offset` and `Limit`.";
            return Err(Fault::new("InvalidParameter.Coexist", 200, message).into());
        }
        let size = self.max_results.unwrap_or(LIMIT_DEFAULT);
        let size = check::within("MaxResults", size, 1..=LIMIT_MAX)?;
        let token = check::given(self.next_token.as_ref()).unwrap_or("0");
        let start: Option<usize> = token.parse().ok();
        let start =
            start.ok_or_else(|| check::value("NextToken", "is not one that was answered"))?;
        Ok(Page::behind(
            start,
            usize::try_from(size).unwrap_or_default(),
        ))
    }

    fn wants(&self, catalog: &Catalog, subnet: &DomainSubnet) -> bool {
        let id = subnet.id.as_str();
        let by_id = self.subnet_ids.is_empty() || self.subnet_ids.iter().any(|wanted| wanted == id);
        by_id
            && passes(&self.filters, |name| match name {
                "subnet-id" => vec![id.to_owned()],
                "subnet-name" => vec![subnet.name.clone()],
                "vpc-id" => vec![subnet.network_id.to_string()],
                "zone" => vec![zone_name(catalog, subnet), subnet.zone.clone()],
                "is-default" | "is-remote-vpc-snat" => vec!["false".to_owned()],
                "is-cdc-subnet" => vec!["0".to_owned()],
                "cidr-block" => vec![subnet.cidr.clone()],
                // Subnets have neither tags nor IPv6 here, and stand in no dedicated cluster.
                _ => Vec::new(),
            })
    }
}

/// Zones have names here (`ap-guangzhou-3`) and numbers in CKafka (100003). A zone that the region shares with others
/// keeps its number.
fn zone_name(catalog: &Catalog, subnet: &DomainSubnet) -> String {
    let region = catalog.region(&subnet.region);
    let own = region.is_some_and(|region| region.zones.iter().any(|zone| zone.id == subnet.zone));
    match subnet.zone.parse::<i64>() {
        Ok(number) if own => format!("{}-{}", subnet.region, number % ZONES_OF_REGION),
        _ => subnet.zone.clone(),
    }
}

/// Addresses of a range `a.b.c.d/n`.
fn addresses(cidr: &str) -> u64 {
    const ADDRESS_BITS: u32 = 32;
    let prefix = cidr
        .split_once('/')
        .and_then(|(_, prefix)| prefix.parse::<u32>().ok());
    1 << ADDRESS_BITS.saturating_sub(prefix.unwrap_or(ADDRESS_BITS))
}

fn subnet(catalog: &Catalog, subnet: DomainSubnet) -> Subnet {
    let total = addresses(&subnet.cidr);
    let network = subnet.network_id.as_str();
    Subnet {
        vpc_id: network.to_owned(),
        subnet_id: subnet.id.to_string(),
        zone: zone_name(catalog, &subnet),
        subnet_name: subnet.name,
        is_default: false,
        enable_broadcast: false,
        route_table_id: format!("rtb-{}", network.strip_prefix("vpc-").unwrap_or(network)),
        created_time: convert::time_text(subnet.created_at.seconds()),
        available_ip_address_count: total.saturating_sub(ADDRESSES_RESERVED),
        total_ip_address_count: total,
        cidr_block: subnet.cidr,
        ipv6_cidr_block: "",
        network_acl_id: "",
        is_remote_vpc_snat: false,
        cdc_id: "",
        is_cdc_subnet: 0,
        tag_set: [],
    }
}
