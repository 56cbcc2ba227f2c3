//! Between VPC's words and the domain's.

use brokerage_domain::network::{Network, Subnet};
use brokerage_wire::page::Page;
use serde::Serialize;

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
}

/// Ids of vSwitches, as a wrapped list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VSwitchIds {
    v_switch_id: Vec<String>,
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
}

/// A network with the subnets in it, as its owner's VPC.
pub fn vpc(network: Network, subnets: &[Subnet], owner_id: i64) -> Vpc {
    let inside = subnets
        .iter()
        .filter(|subnet| subnet.network_id == network.id);
    Vpc {
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
