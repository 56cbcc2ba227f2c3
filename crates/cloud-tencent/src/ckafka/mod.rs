//! Tencent Cloud CKafka, API version 2019-08-19.

pub mod acl_words;
pub mod answer;
pub mod change;
pub mod check;
pub mod convert;
pub mod group_words;
pub mod ids;
pub mod messages;
pub mod notes;
mod ops;
pub mod price;
pub mod topic_settings;
pub mod topics;
pub mod user_words;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;

/// The catalog that CKafka sells from.
pub const PROFILE: &str = "ckafka";

/// CKafka's operations.
pub static TABLE: Table = Table {
    dialect: "ckafka",
    service: "ckafka",
    version: "2019-08-19",
    profile: PROFILE,
    calls_per_second: 20,
    region: RegionUse::Required,
    resource_form: "qcs::ckafka:{region}:uin/{account}:ckafkaId/{id}",
    index_base: IndexBase::Zero,
    unknown: UnknownParams::Refused,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-ckafka.rs")),
    fault: crate::fault::fault,
};
