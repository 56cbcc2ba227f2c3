//! Tencent Cloud CKafka, API version 2019-08-19.

pub mod convert;
pub mod fault;
pub mod ids;
pub mod ops;
pub mod wire;

use crate::operation::{Row, Table, row};
use crate::params::IndexBase;

/// The catalog that CKafka sells from.
pub const PROFILE: &str = "ckafka";

/// CKafka's operations.
pub static TABLE: Table = Table {
    dialect: "ckafka",
    version: "2019-08-19",
    profile: PROFILE,
    index_base: IndexBase::Zero,
    deny_unknown: true,
    rows: ROWS,
    fault: fault::fault,
};

static ROWS: &[Row] = &[
    row::<ops::create_post_paid_instance::CreatePostPaidInstance>(),
    row::<ops::describe_instances_detail::DescribeInstancesDetail>(),
];
