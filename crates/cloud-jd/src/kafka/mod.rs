//! JD Cloud's JCS for Kafka, API version `v1`, and the calls of its VPC service that lead to a subnet.

pub mod charge;
pub mod client;
pub mod convert;
pub mod fault;
pub mod ids;
pub mod list;
pub mod notes;
pub mod ops;
pub mod route;
pub mod signing;
pub mod vpc;
pub mod wire;

use brokerage_wire::Cloud;

use crate::operation::{RegionUse, Row, Table, UnknownParams, row};
use crate::params::IndexBase;

/// JD Cloud.
pub static CLOUD: Cloud = Cloud {
    name: "JD Cloud",
    wire: &wire::JdCloud,
    schemes: &[&signing::JDCLOUD2, &signing::JDCLOUD3],
    services: SERVICES,
    other_resource_forms: vpc::OTHER_FORMS,
    client: client::CLIENT,
    purchases: &[&client::JDKAFKA],
};

/// Its services.
static SERVICES: &[&Table] = &[&TABLE, &vpc::TABLE];

/// The catalog that the dialect sells from.
pub const PROFILE: &str = "jdkafka";
/// Ours: the vendor publishes no limit of calls for one account.
const CALLS_PER_SECOND: u32 = 20;

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
    fault: fault::fault,
};

static ROWS: &[Row] = &[
    row::<ops::create_instance::CreateInstance>(),
    row::<ops::delete_instance::DeleteInstance>(),
    row::<ops::describe_instance::DescribeInstance>(),
    row::<ops::describe_instances::DescribeInstances>(),
    row::<ops::modify_instance_spec::ModifyInstanceSpec>(),
];
