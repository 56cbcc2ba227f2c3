//! DescribeRouteTableList: the route tables of the caller's VPCs, one each. Terraform's data source of VPCs asks for it.

use brokerage_domain::network::{Network, Subnet};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::vpc::convert::{
    Absent, ROUTE_TABLE_TYPE, TagFilter, Tags, VSwitchIds, page, route_table_id, router_id,
};

/// `RouterType` of every VPC's router.
const ROUTER_TYPE: &str = "VRouter";

pub struct DescribeRouteTableList;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: Option<String>,
    vpc_id: Option<String>,
    route_table_id: Option<String>,
    route_table_name: Option<String>,
    route_table_type: Option<String>,
    router_id: Option<String>,
    router_type: Option<String>,
    resource_group_id: Option<String>,
    tag: Option<Vec<TagFilter>>,
    page_number: Option<i64>,
    page_size: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    total_count: usize,
    page_number: usize,
    page_size: usize,
    router_table_list: RouterTableList,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RouterTableList {
    router_table_list_type: Vec<RouteTable>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RouteTable {
    route_table_id: String,
    route_table_name: &'static str,
    route_table_type: &'static str,
    router_id: String,
    router_type: &'static str,
    vpc_id: String,
    v_switch_ids: VSwitchIds,
    associate_type: &'static str,
    route_propagation_enable: bool,
    status: &'static str,
    description: &'static str,
    creation_time: String,
    owner_id: i64,
    resource_group_id: &'static str,
    tags: Tags,
}

impl Operation for DescribeRouteTableList {
    const NAME: &'static str = "DescribeRouteTableList";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let mut found = control.network_list(cx).await?;
        found.retain(|network| request.wants(network));
        let owner = cx.principal.account_number;
        let absent = Absent {
            tag: request.tag.as_deref(),
            ids: [
                request.resource_group_id.as_ref(),
                request.route_table_name.as_ref(),
            ],
            owner: (None, owner),
            ..Absent::default()
        };
        if absent.is_asked_for() {
            found.clear();
        }
        let subnets = control.subnet_list(cx).await?;
        let page = page(request.page_number, request.page_size);
        let total_count = found.len();
        let tables = page.cut(found).into_iter();
        Ok(Response {
            total_count,
            page_number: page.number,
            page_size: page.size,
            router_table_list: RouterTableList {
                router_table_list_type: tables
                    .map(|network| route_table(network, &subnets, owner))
                    .collect(),
            },
        })
    }
}

impl Request {
    fn wants(&self, network: &Network) -> bool {
        let id = network.id.as_str();
        let own = [
            (&self.vpc_id, id.to_owned()),
            (&self.route_table_id, route_table_id(id)),
            (&self.router_id, router_id(id)),
            (&self.route_table_type, ROUTE_TABLE_TYPE.to_owned()),
            (&self.router_type, ROUTER_TYPE.to_owned()),
        ];
        own.iter()
            .all(|(wanted, own)| given(wanted.as_ref()).is_none_or(|wanted| wanted == own))
    }
}

fn route_table(network: Network, subnets: &[Subnet], owner_id: i64) -> RouteTable {
    let id = network.id.as_str();
    let inside = subnets
        .iter()
        .filter(|subnet| subnet.network_id == network.id);
    RouteTable {
        route_table_id: route_table_id(id),
        route_table_name: "",
        route_table_type: ROUTE_TABLE_TYPE,
        router_id: router_id(id),
        router_type: ROUTER_TYPE,
        v_switch_ids: VSwitchIds {
            v_switch_id: inside.map(|subnet| subnet.id.to_string()).collect(),
        },
        vpc_id: network.id.to_string(),
        associate_type: "VSwitch",
        route_propagation_enable: true,
        status: "Available",
        description: "",
        creation_time: network.created_at.iso(),
        owner_id,
        resource_group_id: "",
        tags: Tags::default(),
    }
}
