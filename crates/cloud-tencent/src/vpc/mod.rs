//! Tencent Cloud's network service, API version 2017-03-12, as far as CKafka's buyers use it: to find the network and
//! subnet that a purchase names. Its answers stand directly in the envelope, not under `Result`.

pub mod filter;
mod ops;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;

use crate::ckafka::PROFILE;
use crate::fault;

/// The operations of the network service.
pub static TABLE: Table = Table {
    dialect: "ckafka-vpc",
    service: "vpc",
    version: "2017-03-12",
    profile: PROFILE,
    calls_per_second: 100,
    region: RegionUse::Required,
    resource_form: "qcs::vpc:{region}:uin/{account}:vpc/{id}",
    index_base: IndexBase::Zero,
    unknown: UnknownParams::Refused,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-ckafka-vpc.rs")),
    fault: fault::companion_fault,
};
