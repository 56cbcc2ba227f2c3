//! Tencent Cloud's tag service, API version 2018-08-13, as far as CKafka's clients use it: Terraform asks it for tags
//! whenever it reads an instance. Its answers stand directly in the envelope, not under `Result`.

mod ops;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;

use crate::ckafka::PROFILE;
use crate::fault;

/// What tag calls a CKafka instance.
const SERVICE: &str = "ckafka";
/// What precedes its id.
const RESOURCE_PREFIX: &str = "ckafkaId";

/// The operations of the tag service.
pub static TABLE: Table = Table {
    dialect: "ckafka-tag",
    service: "tag",
    version: "2018-08-13",
    profile: PROFILE,
    calls_per_second: 20,
    region: RegionUse::Absent,
    resource_form: "qcs::ckafka:{region}:uin/{account}:ckafkaId/{id}",
    index_base: IndexBase::Zero,
    unknown: UnknownParams::Refused,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-ckafka-tag.rs")),
    fault: fault::companion_fault,
};
