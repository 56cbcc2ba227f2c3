//! JD Cloud's JCS for Kafka, API version `v1`, and the calls of its VPC service that lead to a subnet.

pub mod charge;
pub mod convert;
pub mod ids;
pub mod list;
pub mod notes;
mod ops;

use brokerage_wire::operation::{RegionUse, Row, Table, UnknownParams, row};
use brokerage_wire::params::IndexBase;

/// The catalog that the dialect sells from.
pub const PROFILE: &str = "jdkafka";
/// Ours: the vendor publishes no limit of calls for one account.
pub(crate) const CALLS_PER_SECOND: u32 = 20;

/// JCS for Kafka's operations: all that the vendor has.
pub static TABLE: Table = Table {
    dialect: "jdkafka",
    service: "kafka",
    version: "v1",
    profile: PROFILE,
    region: RegionUse::Required,
    resource_form: "jrn:kafka:{region}:{account}:instances/{id}",
    index_base: IndexBase::One,
    unknown: UnknownParams::RefusedInside,
    rows: ROWS,
    unimplemented: include_str!("../../coverage/jdkafka/unimplemented.txt"),
    fault: crate::fault::fault,
};

static ROWS: &[Row] = &[
    row::<ops::create_instance::CreateInstance>(),
    row::<ops::delete_instance::DeleteInstance>(),
    row::<ops::describe_instance::DescribeInstance>(),
    row::<ops::describe_instances::DescribeInstances>(),
    row::<ops::modify_instance_spec::ModifyInstanceSpec>(),
];
