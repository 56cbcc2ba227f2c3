//! DescribeVpcs: the caller's networks in a region.

use brokerage_domain::network::Network;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::Lenient;
use serde::{Deserialize, Serialize};

use crate::ckafka::convert;
use crate::vpc::filter::{Filter, asked_page, check_filters, named_in_part, passes};

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`.
const LIMIT_MAX: i64 = 100;
/// Names of filters, beside `tag:KEY`.
const FILTERS: [&str; 8] = [
    "vpc-id",
    "vpc-name",
    "is-default",
    "cidr-block",
    "tag-key",
    "ipv6-cidr-block",
    "isp-type",
    "address-type",
];

pub struct DescribeVpcs;

/// Parameters. `Offset` and `Limit` travel as text in some SDKs and as numbers in others; both are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(default)]
    vpc_ids: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    offset: Option<Lenient<i64>>,
    limit: Option<Lenient<i64>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    total_count: usize,
    vpc_set: Vec<Vpc>,
}

/// `Vpc`; Terraform dereferences each of its first six members.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Vpc {
    vpc_id: String,
    vpc_name: String,
    cidr_block: String,
    created_time: String,
    is_default: bool,
    enable_multicast: bool,
    enable_dhcp: bool,
    dns_server_set: [(); 0],
    domain_name: &'static str,
    dhcp_options_id: &'static str,
    ipv6_cidr_block: &'static str,
    assistant_cidr_set: [(); 0],
    tag_set: [(); 0],
}

impl Operation for DescribeVpcs {
    const NAME: &'static str = "DescribeVpcs";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        check_filters("VpcIds", &request.vpc_ids, &request.filters, &FILTERS)?;
        let mut found = control.network_list(cx).await?;
        found.retain(|network| request.wants(network));
        let total_count = found.len();
        let page = asked_page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let vpc_set = page.cut(found).into_iter().map(vpc).collect();
        Ok(Response {
            total_count,
            vpc_set,
        })
    }
}

impl Request {
    fn wants(&self, network: &Network) -> bool {
        let id = network.id.as_str();
        let by_id = self.vpc_ids.is_empty() || self.vpc_ids.iter().any(|wanted| wanted == id);
        by_id
            && passes(&self.filters, |name| match name {
                "vpc-id" => vec![id.to_owned()],
                "vpc-name" => named_in_part(&self.filters, name, &network.name),
                "is-default" => vec!["false".to_owned()],
                "cidr-block" => vec![network.cidr.clone()],
                // Networks have neither tags nor IPv6 here.
                _ => Vec::new(),
            })
    }
}

fn vpc(network: Network) -> Vpc {
    Vpc {
        vpc_id: network.id.to_string(),
        vpc_name: network.name,
        cidr_block: network.cidr,
        created_time: convert::time_text(network.created_at.seconds()),
        is_default: false,
        enable_multicast: false,
        enable_dhcp: true,
        dns_server_set: [],
        domain_name: "",
        dhcp_options_id: "",
        ipv6_cidr_block: "",
        assistant_cidr_set: [],
        tag_set: [],
    }
}
