//! Networks and subnets in the words of JD Cloud's VPC.

use std::net::Ipv4Addr;

use brokerage_domain::network::{Network, Subnet};
use serde::Serialize;

use crate::kafka::list::TagFilter;

/// `pageSize` where none is given.
pub const PAGE_SIZE_DEFAULT: i64 = 20;
/// `subnetType` of every subnet: there are no edge zones.
pub const SUBNET_TYPE: &str = "standard";
/// Addresses of a subnet that nothing can be given: network, router, broadcast.
const ADDRESSES_RESERVED: u32 = 3;

/// A network.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcView {
    vpc_id: String,
    vpc_name: String,
    address_prefix: String,
    description: &'static str,
    acl_ids: [String; 0],
    route_table_ids: [String; 0],
    subnets: Vec<SubnetView>,
    created_time: String,
    tags: [String; 0],
}

/// A subnet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubnetView {
    subnet_id: String,
    subnet_name: String,
    vpc_id: String,
    address_prefix: String,
    available_ip_count: u32,
    available_cidr_ip_count: u32,
    ip_mask_len: u32,
    description: &'static str,
    start_ip: String,
    end_ip: String,
    created_time: String,
    subnet_type: &'static str,
    az: String,
    public_subnet: bool,
    tags: [String; 0],
}

impl VpcView {
    /// A network with those of `subnets` that are in it.
    pub fn new(network: &Network, subnets: &[Subnet]) -> Self {
        let inside = subnets
            .iter()
            .filter(|subnet| subnet.network_id == network.id);
        Self {
            vpc_id: network.id.to_string(),
            vpc_name: network.name.clone(),
            address_prefix: network.cidr.clone(),
            description: "",
            acl_ids: [],
            route_table_ids: [],
            subnets: inside.map(SubnetView::new).collect(),
            created_time: network.created_at.iso(),
            tags: [],
        }
    }
}

impl SubnetView {
    /// A subnet.
    pub fn new(subnet: &Subnet) -> Self {
        let range = AddressRange::of(&subnet.cidr);
        Self {
            subnet_id: subnet.id.to_string(),
            subnet_name: subnet.name.clone(),
            vpc_id: subnet.network_id.to_string(),
            address_prefix: subnet.cidr.clone(),
            available_ip_count: range.available,
            available_cidr_ip_count: range.available,
            ip_mask_len: range.mask_len,
            description: "",
            start_ip: range.first.to_string(),
            end_ip: range.last.to_string(),
            created_time: subnet.created_at.iso(),
            subnet_type: SUBNET_TYPE,
            az: subnet.zone.clone(),
            public_subnet: false,
            tags: [],
        }
    }
}

/// What a range of addresses holds.
#[derive(Debug, PartialEq, Eq)]
struct AddressRange {
    mask_len: u32,
    first: Ipv4Addr,
    last: Ipv4Addr,
    available: u32,
}

impl AddressRange {
    /// The range of `a.b.c.d/n`; an empty one where the text is none.
    fn of(cidr: &str) -> Self {
        let parsed = cidr.split_once('/').and_then(|(address, mask_len)| {
            let mask_len = mask_len
                .parse::<u32>()
                .ok()
                .filter(|mask_len| *mask_len <= 32)?;
            Some((address.parse::<Ipv4Addr>().ok()?, mask_len))
        });
        let (address, mask_len) = parsed.unwrap_or((Ipv4Addr::UNSPECIFIED, 32));
        let host_bits = u32::MAX.checked_shr(mask_len).unwrap_or(0);
        let network = address.to_bits() & !host_bits;
        Self {
            mask_len,
            first: Ipv4Addr::from_bits(network),
            last: Ipv4Addr::from_bits(network | host_bits),
            available: host_bits
                .saturating_add(1)
                .saturating_sub(ADDRESSES_RESERVED),
        }
    }
}

/// Filters by what nothing here has (tags, resource groups): with one of them nothing is found.
pub fn asks_for_absent(tags: Option<&[TagFilter]>, resource_groups: Option<&[String]>) -> bool {
    tags.is_some_and(|tags| !tags.is_empty())
        || resource_groups.is_some_and(|groups| !groups.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_counted_from_its_mask() {
        let check = |cidr: &str, mask_len, first: &str, last: &str, available| {
            let expected = AddressRange {
                mask_len,
                first: first.parse().unwrap(),
                last: last.parse().unwrap(),
                available,
            };
            assert_eq!(AddressRange::of(cidr), expected, "{cidr}");
        };
        check("10.0.1.0/24", 24, "10.0.1.0", "10.0.1.255", 253);
        check("10.0.1.77/28", 28, "10.0.1.64", "10.0.1.79", 13);
        check("10.0.0.9/32", 32, "10.0.0.9", "10.0.0.9", 0);
        check("0.0.0.0/0", 0, "0.0.0.0", "255.255.255.255", u32::MAX - 3);
        for cidr in ["", "10.0.0.0", "10.0.0.0/33", "x/24"] {
            check(cidr, 32, "0.0.0.0", "0.0.0.0", 0);
        }
    }
}
