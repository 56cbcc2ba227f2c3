//! DescribeVpcs: the caller's VPCs.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::vpc::convert::{Absent, TagFilter, Vpc, page, vpc};

pub struct DescribeVpcs;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: Option<String>,
    /// One id, or several joined by commas.
    vpc_id: Option<String>,
    vpc_name: Option<String>,
    is_default: Option<bool>,
    #[serde(rename = "EnableIpv6")]
    enable_ipv6: Option<bool>,
    dhcp_options_set_id: Option<String>,
    resource_group_id: Option<String>,
    tag: Option<Vec<TagFilter>>,
    vpc_owner_id: Option<i64>,
    page_number: Option<i64>,
    page_size: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    total_count: usize,
    page_number: usize,
    page_size: usize,
    vpcs: Vpcs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Vpcs {
    vpc: Vec<Vpc>,
}

impl Operation for DescribeVpcs {
    const NAME: &'static str = "DescribeVpcs";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let ids: Vec<&str> = request
            .vpc_id
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .filter(|id| !id.is_empty())
            .collect();
        let name = request.vpc_name.as_deref().filter(|name| !name.is_empty());
        let mut found = control.network_list(cx).await?;
        found.retain(|network| {
            (ids.is_empty() || ids.contains(&network.id.as_str()))
                && name.is_none_or(|name| network.name == name)
        });
        let absent = Absent {
            is_default: request.is_default,
            enable_ipv6: request.enable_ipv6,
            tag: request.tag.as_deref(),
            ids: [
                request.dhcp_options_set_id.as_ref(),
                request.resource_group_id.as_ref(),
            ],
            owner: (request.vpc_owner_id, cx.principal.account_number),
        };
        if absent.is_asked_for() {
            found.clear();
        }
        let subnets = control.subnet_list(cx).await?;
        let page = page(request.page_number, request.page_size);
        let total_count = found.len();
        let owner = cx.principal.account_number;
        let vpc = page
            .cut(found)
            .into_iter()
            .map(|network| vpc(network, &subnets, owner))
            .collect();
        Ok(Response {
            total_count,
            page_number: page.number,
            page_size: page.size,
            vpcs: Vpcs { vpc },
        })
    }
}
