//! describeVpcs: the caller's networks in a region.

use brokerage_domain::network::{Network, Subnet};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::kafka::list::{Filter, FilterField, TagFilter, page, retain};
use crate::vpc::convert::{PAGE_SIZE_DEFAULT, SUBNET_TYPE, VpcView, asks_for_absent};

pub struct DescribeVpcs;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    region_id: String,
    page_number: Option<i64>,
    page_size: Option<i64>,
    filters: Option<Vec<Filter>>,
    tags: Option<Vec<TagFilter>>,
    resource_group_ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    vpcs: Vec<VpcView>,
    total_count: usize,
}

/// A network and its subnets, whose zones it can be found by.
type Placed = (Network, Vec<Subnet>);

/// What the list can be filtered by (SDK text of `filters`).
const FIELDS: &[FilterField<Placed>] = &[
    FilterField {
        name: "vpcIds",
        many: true,
        agrees: |(network, _), value| network.id.as_str() == value,
    },
    FilterField {
        name: "vpcNames",
        many: true,
        agrees: |(network, _), value| network.name == value,
    },
    FilterField {
        name: "azType",
        many: true,
        agrees: |_, value| value == SUBNET_TYPE,
    },
    FilterField {
        name: "azs",
        many: true,
        agrees: |(_, subnets), value| subnets.iter().any(|subnet| subnet.zone == value),
    },
];

impl Operation for DescribeVpcs {
    const NAME: &'static str = "describeVpcs";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/vpcs/";
    type Request = Request;
    type Response = Response;

    // The resources of its service are subnets.
    fn resources(request: &Request) -> Vec<String> {
        vec![format!("jrn:vpc:{}:*:vpcs/*", request.region_id)]
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let page = page(request.page_number, request.page_size, PAGE_SIZE_DEFAULT)?;
        let subnets = control.subnet_list(cx).await?;
        let networks = control.network_list(cx).await?.into_iter();
        let mut found: Vec<Placed> = networks
            .map(|network| {
                let inside = subnets
                    .iter()
                    .filter(|subnet| subnet.network_id == network.id)
                    .cloned();
                let inside = inside.collect();
                (network, inside)
            })
            .collect();
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
        let vpcs = page
            .cut(found)
            .iter()
            .map(|(network, subnets)| VpcView::new(network, subnets))
            .collect();
        Ok(Response { vpcs, total_count })
    }
}
