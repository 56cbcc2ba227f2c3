//! JD Cloud's JCS for Kafka, API version `v1`, and the calls of its VPC service that lead to a subnet.

pub mod charge;
pub mod convert;
pub mod ids;
pub mod list;
pub mod notes;
mod ops;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;

/// The catalog that the dialect sells from.
pub const PROFILE: &str = "jdkafka";

/// JCS for Kafka's operations: all that the vendor has.
pub static TABLE: Table = Table {
    dialect: "jdkafka",
    service: "kafka",
    version: "v1",
    profile: PROFILE,
    // Ours: the vendor publishes none.
    calls_per_second: 20,
    region: RegionUse::Required,
    resource_form: "jrn:kafka:{region}:{account}:instances/{id}",
    index_base: IndexBase::One,
    unknown: UnknownParams::RefusedInside,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-jdkafka.rs")),
    fault: crate::fault::fault,
};
