//! JD Cloud's VPC, API version `v1`: as much as a buyer of Kafka needs to find a subnet.

pub mod convert;
mod ops;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;

use crate::kafka::PROFILE;

/// How policies name what its operations name beside subnets.
pub const OTHER_FORMS: &[&str] = &["jrn:vpc:{region}:{account}:vpcs/{id}"];

/// The operations.
pub static TABLE: Table = Table {
    dialect: "jdvpc",
    service: "vpc",
    version: "v1",
    profile: PROFILE,
    // Ours: the vendor publishes none.
    calls_per_second: 20,
    region: RegionUse::Required,
    resource_form: "jrn:vpc:{region}:{account}:subnets/{id}",
    index_base: IndexBase::One,
    unknown: UnknownParams::RefusedInside,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-jdvpc.rs")),
    fault: super::fault::fault,
};
