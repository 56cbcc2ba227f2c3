//! Tencent Cloud's network service, API version 2017-03-12, as far as CKafka's buyers use it: to find the network and
//! subnet that a purchase names. Its answers stand directly in the envelope, not under `Result`.

pub mod filter;
mod ops;

use brokerage_wire::operation::{RegionUse, Row, Table, UnknownParams, row};
use brokerage_wire::params::IndexBase;

use crate::ckafka::PROFILE;
use crate::fault;

/// The operations of the network service.
pub static TABLE: Table = Table {
    dialect: "ckafka-vpc",
    service: "vpc",
    version: "2017-03-12",
    profile: PROFILE,
    region: RegionUse::Required,
    resource_form: "qcs::vpc:{region}:uin/{account}:vpc/{id}",
    index_base: IndexBase::Zero,
    unknown: UnknownParams::RefusedInside,
    rows: ROWS,
    unimplemented: "",
    fault: fault::companion_fault,
};

static ROWS: &[Row] = &[
    row::<ops::describe_subnets::DescribeSubnets>(),
    row::<ops::describe_vpcs::DescribeVpcs>(),
];
