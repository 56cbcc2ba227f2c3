//! describeSubnets: the caller's subnets in a region.

use brokerage_domain::network::Subnet;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::kafka::list::{Filter, FilterField, TagFilter, page, retain};
use crate::vpc::convert::{PAGE_SIZE_DEFAULT, SUBNET_TYPE, SubnetView, asks_for_absent};

pub struct DescribeSubnets;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "regionId")]
    _region_id: String,
    page_number: Option<i64>,
    page_size: Option<i64>,
    filters: Option<Vec<Filter>>,
    tags: Option<Vec<TagFilter>>,
    resource_group_ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    subnets: Vec<SubnetView>,
    total_count: usize,
}

/// What the list can be filtered by (SDK text of `filters`). Subnets here have neither route table nor access list.
const FIELDS: &[FilterField<Subnet>] = &[
    FilterField {
        name: "subnetIds",
        many: true,
        agrees: |subnet, value| subnet.id.as_str() == value,
    },
    FilterField {
        name: "subnetNames",
        many: true,
        agrees: |subnet, value| subnet.name == value,
    },
    FilterField {
        name: "vpcId",
        many: false,
        agrees: |subnet, value| subnet.network_id.as_str() == value,
    },
    FilterField {
        name: "routeTableId",
        many: false,
        agrees: |_, _| false,
    },
    FilterField {
        name: "aclId",
        many: false,
        agrees: |_, _| false,
    },
    FilterField {
        name: "subnetType",
        many: true,
        agrees: |_, value| value == SUBNET_TYPE,
    },
    FilterField {
        name: "azs",
        many: true,
        agrees: |subnet, value| subnet.zone == value,
    },
];

impl Operation for DescribeSubnets {
    const NAME: &'static str = "describeSubnets";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/subnets/";
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let page = page(request.page_number, request.page_size, PAGE_SIZE_DEFAULT)?;
        let mut found = control.subnet_list(cx).await?;
        retain(
            &mut found,
            request.filters.as_deref().unwrap_or_default(),
            FIELDS,
        )?;
        if asks_for_absent(
            request.tags.as_deref(),
            request.resource_group_ids.as_deref(),
        ) {
            found.clear();
        }
        let total_count = found.len();
        let subnets = page.cut(found).iter().map(SubnetView::new).collect();
        Ok(Response {
            subnets,
            total_count,
        })
    }
}
