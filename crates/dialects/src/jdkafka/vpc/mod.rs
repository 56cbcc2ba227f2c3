//! JD Cloud's VPC, API version `v1`: as much as a buyer of Kafka needs to find a subnet.

pub mod convert;
pub mod ops;

use super::PROFILE;
use crate::operation::{RegionUse, Row, Table, UnknownParams, row};
use crate::params::IndexBase;

/// The operations.
pub static TABLE: Table = Table {
    dialect: "jdvpc",
    version: "v1",
    profile: PROFILE,
    region: RegionUse::Required,
    index_base: IndexBase::One,
    unknown: UnknownParams::RefusedInside,
    rows: ROWS,
    unimplemented: include_str!("../../../coverage/jdvpc/unimplemented.txt"),
    fault: super::fault::fault,
};

static ROWS: &[Row] = &[
    row::<ops::describe_subnet::DescribeSubnet>(),
    row::<ops::describe_subnets::DescribeSubnets>(),
    row::<ops::describe_vpcs::DescribeVpcs>(),
];
