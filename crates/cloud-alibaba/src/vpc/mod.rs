//! Alibaba Cloud's VPC, API version 2016-04-28: as much as clients of AliKafka ask before they start an instance.
//! Networks are AliKafka's: nothing else is placed in them.

pub mod convert;
pub mod fault;
mod ops;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;

use super::{Service, plain_envelope};

/// VPC's operations.
pub static TABLE: Table = Table {
    dialect: "aliyun-vpc",
    service: "vpc",
    version: "2016-04-28",
    profile: crate::alikafka::PROFILE,
    calls_per_second: 100,
    region: RegionUse::Required,
    resource_form: "acs:vpc:{region}:{account}:vswitch/{id}",
    index_base: IndexBase::One,
    unknown: UnknownParams::RefusedInside,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-aliyun-vpc.rs")),
    fault: fault::fault,
};

/// VPC behind Alibaba Cloud's gateway.
pub static SERVICE: Service = Service {
    table: &TABLE,
    envelope: plain_envelope,
};
