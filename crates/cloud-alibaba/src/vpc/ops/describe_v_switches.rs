//! DescribeVSwitches: the caller's vSwitches.

use brokerage_wire::fault::{CallError, missing};
use brokerage_wire::operation::{Call, Mode, Operation, RegionUse};
use serde::{Deserialize, Serialize};

use crate::vpc::convert::{Absent, TagFilter, VSwitch, page, route_table_id, v_switch};

pub struct DescribeVSwitches;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: Option<String>,
    vpc_id: Option<String>,
    v_switch_id: Option<String>,
    v_switch_name: Option<String>,
    zone_id: Option<String>,
    is_default: Option<bool>,
    #[serde(rename = "EnableIpv6")]
    enable_ipv6: Option<bool>,
    resource_group_id: Option<String>,
    route_table_id: Option<String>,
    tag: Option<Vec<TagFilter>>,
    v_switch_owner_id: Option<i64>,
    page_number: Option<i64>,
    page_size: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    total_count: usize,
    page_number: usize,
    page_size: usize,
    v_switches: VSwitches,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VSwitches {
    v_switch: Vec<VSwitch>,
}

impl Operation for DescribeVSwitches {
    const NAME: &'static str = "DescribeVSwitches";
    const MODE: Mode = Mode::Read;
    const REGION: Option<RegionUse> = Some(RegionUse::Optional);
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        // "At least one of RegionId and VpcId".
        if cx.region.is_empty() && request.vpc_id.as_deref().is_none_or(str::is_empty) {
            return Err(missing("RegionId"));
        }
        let wanted = |filter: &Option<String>, text: &str| {
            filter
                .as_deref()
                .filter(|filter| !filter.is_empty())
                .is_none_or(|filter| filter == text)
        };
        let mut found = control.subnet_list(cx).await?;
        found.retain(|subnet| {
            wanted(&request.vpc_id, subnet.network_id.as_str())
                && wanted(&request.v_switch_id, subnet.id.as_str())
                && wanted(&request.v_switch_name, &subnet.name)
                && wanted(&request.zone_id, &subnet.zone)
                && wanted(
                    &request.route_table_id,
                    &route_table_id(subnet.network_id.as_str()),
                )
        });
        let absent = Absent {
            is_default: request.is_default,
            enable_ipv6: request.enable_ipv6,
            tag: request.tag.as_deref(),
            ids: [request.resource_group_id.as_ref(), None],
            owner: (request.v_switch_owner_id, cx.principal.account_number),
        };
        if absent.is_asked_for() {
            found.clear();
        }
        let page = page(request.page_number, request.page_size);
        let total_count = found.len();
        let owner = cx.principal.account_number;
        let v_switch = page
            .cut(found)
            .into_iter()
            .map(|subnet| v_switch(subnet, owner))
            .collect();
        Ok(Response {
            total_count,
            page_number: page.number,
            page_size: page.size,
            v_switches: VSwitches { v_switch },
        })
    }
}
