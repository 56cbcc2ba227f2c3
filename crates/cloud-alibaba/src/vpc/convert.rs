//! Between VPC's words and the domain's.

use brokerage_domain::network::{Network, Subnet};
use brokerage_wire::page::Page;
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

/// Pages are counted from 1.
const PAGE_FIRST: usize = 1;
/// `PageSize` where none is given.
const PAGE_SIZE_DEFAULT: usize = 10;
/// Largest `PageSize` ("DescribeVpcs": at most 50).
const PAGE_SIZE_MAX: usize = 50;
/// Addresses of a subnet that the vendor keeps for itself.
const ADDRESSES_RESERVED: u32 = 4;

/// A VPC of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Vpc {
    vpc_id: String,
    vpc_name: String,
    region_id: String,
    cidr_block: String,
    status: &'static str,
    description: &'static str,
    is_default: bool,
    creation_time: String,
    owner_id: i64,
    resource_group_id: &'static str,
    v_switch_ids: VSwitchIds,
    /// Terraform's data sources want each of these objects, though there is nothing in them.
    secondary_cidr_blocks: SecondaryCidrBlocks,
    user_cidrs: UserCidrs,
    v_router_id: String,
    router_table_ids: RouterTableIds,
    tags: Tags,
}

/// `SecondaryCidrBlocks`: a network has one range.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SecondaryCidrBlocks {
    secondary_cidr_block: [(); 0],
}

/// `UserCidrs`: as [`SecondaryCidrBlocks`].
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserCidrs {
    user_cidr: [(); 0],
}

/// `RouterTableIds`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RouterTableIds {
    router_table_ids: [String; 1],
}

/// `Tags`: networks have none.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tags {
    tag: [(); 0],
}

/// `RouteTable` of a vSwitch: that of its VPC.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RouteTable {
    route_table_id: String,
    route_table_type: &'static str,
}

/// The kind of the route table that every VPC comes with.
pub const ROUTE_TABLE_TYPE: &str = "System";

/// The id of the route table that a network comes with.
pub fn route_table_id(network: &str) -> String {
    format!("vtb-{}", network.strip_prefix("vpc-").unwrap_or(network))
}

/// The id of the router that a network comes with.
pub fn router_id(network: &str) -> String {
    format!("vrt-{}", network.strip_prefix("vpc-").unwrap_or(network))
}

/// A tag that a list is narrowed by.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagFilter {
    #[expect(dead_code, reason = "its type is checked; networks have no tags")]
    key: Option<String>,
    #[expect(dead_code, reason = "its type is checked; networks have no tags")]
    value: Option<String>,
}

/// What lists of networks can be narrowed by that no network here has. Asked for it, none is found: a list of all
/// would be taken for the answer.
#[derive(Debug, Default)]
pub struct Absent<'a> {
    /// `IsDefault`.
    pub is_default: Option<bool>,
    /// `EnableIpv6`.
    pub enable_ipv6: Option<bool>,
    /// `Tag.N`.
    pub tag: Option<&'a [TagFilter]>,
    /// Ids of what there is not.
    pub ids: [Option<&'a String>; 2],
    /// Whose networks, and the caller's own number.
    pub owner: (Option<i64>, i64),
}

impl Absent<'_> {
    /// Whether something is asked for that no network here has.
    pub fn is_asked_for(&self) -> bool {
        let (owner, own) = self.owner;
        self.is_default == Some(true)
            || self.enable_ipv6 == Some(true)
            || self.tag.is_some_and(|tags| !tags.is_empty())
            || self.ids.iter().any(|id| given(*id).is_some())
            || owner.is_some_and(|owner| owner != own)
    }
}

/// Ids of vSwitches, as a wrapped list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VSwitchIds {
    /// The ids.
    pub v_switch_id: Vec<String>,
}

/// A vSwitch of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VSwitch {
    v_switch_id: String,
    vpc_id: String,
    v_switch_name: String,
    zone_id: String,
    cidr_block: String,
    status: &'static str,
    description: &'static str,
    is_default: bool,
    available_ip_address_count: u32,
    creation_time: String,
    owner_id: i64,
    resource_group_id: &'static str,
    route_table: RouteTable,
    tags: Tags,
}

/// A network with the subnets in it, as its owner's VPC.
pub fn vpc(network: Network, subnets: &[Subnet], owner_id: i64) -> Vpc {
    let inside = subnets
        .iter()
        .filter(|subnet| subnet.network_id == network.id);
    let id = network.id.as_str();
    Vpc {
        secondary_cidr_blocks: SecondaryCidrBlocks::default(),
        user_cidrs: UserCidrs::default(),
        v_router_id: router_id(id),
        router_table_ids: RouterTableIds {
            router_table_ids: [route_table_id(id)],
        },
        tags: Tags::default(),
        v_switch_ids: VSwitchIds {
            v_switch_id: inside.map(|subnet| subnet.id.to_string()).collect(),
        },
        vpc_id: network.id.to_string(),
        vpc_name: network.name,
        region_id: network.region,
        cidr_block: network.cidr,
        status: "Available",
        description: "",
        is_default: false,
        creation_time: network.created_at.iso(),
        owner_id,
        resource_group_id: "",
    }
}

/// A subnet as its owner's vSwitch.
pub fn v_switch(subnet: Subnet, owner_id: i64) -> VSwitch {
    VSwitch {
        route_table: RouteTable {
            route_table_id: route_table_id(subnet.network_id.as_str()),
            route_table_type: ROUTE_TABLE_TYPE,
        },
        tags: Tags::default(),
        available_ip_address_count: addresses(&subnet.cidr),
        v_switch_id: subnet.id.to_string(),
        vpc_id: subnet.network_id.to_string(),
        v_switch_name: subnet.name,
        zone_id: subnet.zone,
        cidr_block: subnet.cidr,
        status: "Available",
        description: "",
        is_default: false,
        creation_time: subnet.created_at.iso(),
        owner_id,
        resource_group_id: "",
    }
}

/// Addresses of a range `a.b.c.d/n` without those that the vendor keeps.
fn addresses(cidr: &str) -> u32 {
    let bits: Option<u32> = cidr
        .rsplit_once('/')
        .and_then(|(_, bits)| bits.parse().ok());
    let host_bits = 32_u32.saturating_sub(bits.unwrap_or(32));
    2_u32
        .checked_pow(host_bits)
        .unwrap_or(u32::MAX)
        .saturating_sub(ADDRESSES_RESERVED)
}

/// The page that was asked for, within its bounds.
pub fn page(number: Option<i64>, size: Option<i64>) -> Page {
    let count = |value: Option<i64>, default: usize| {
        value.map_or(default, |value| usize::try_from(value).unwrap_or(0))
    };
    Page::numbered(
        count(number, PAGE_FIRST).max(PAGE_FIRST),
        count(size, PAGE_SIZE_DEFAULT).clamp(1, PAGE_SIZE_MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stays_within_its_bounds() {
        let check = |number, size, expected: (usize, usize)| {
            let page = page(number, size);
            assert_eq!((page.number, page.size), expected, "{number:?} {size:?}");
        };
        check(None, None, (1, 10));
        check(Some(0), Some(0), (1, 1));
        check(Some(-3), Some(1_000), (1, 50));
    }

    #[test]
    fn a_range_has_its_addresses_without_the_reserved_ones() {
        for (cidr, expected) in [
            ("10.0.0.0/24", 252),
            ("10.0.0.0/32", 0),
            ("10.0.0.0", 0),
            ("0.0.0.0/0", u32::MAX - 4),
        ] {
            assert_eq!(addresses(cidr), expected, "{cidr}");
        }
    }
}
