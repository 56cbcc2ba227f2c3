//! Tencent Cloud CKafka, API version 2019-08-19.

pub mod answer;
pub mod change;
pub mod check;
pub mod convert;
pub mod ids;
pub mod notes;
mod ops;
pub mod price;
pub mod topics;

use brokerage_wire::operation::{RegionUse, Row, Table, UnknownParams, row};
use brokerage_wire::params::IndexBase;

/// The catalog that CKafka sells from.
pub const PROFILE: &str = "ckafka";

/// CKafka's operations.
pub static TABLE: Table = Table {
    dialect: "ckafka",
    service: "ckafka",
    version: "2019-08-19",
    profile: PROFILE,
    region: RegionUse::Required,
    resource_form: "qcs::ckafka:{region}:uin/{account}:ckafkaId/{id}",
    index_base: IndexBase::Zero,
    unknown: UnknownParams::Refused,
    rows: ROWS,
    unimplemented: include_str!("../../coverage/ckafka/unimplemented.txt"),
    fault: crate::fault::fault,
};

static ROWS: &[Row] = &[
    row::<ops::create_instance_post::CreateInstancePost>(),
    row::<ops::create_post_paid_instance::CreatePostPaidInstance>(),
    row::<ops::create_topic::CreateTopic>(),
    row::<ops::create_topic_ip_white_list::CreateTopicIpWhiteList>(),
    row::<ops::delete_instance_post::DeleteInstancePost>(),
    row::<ops::delete_topic::DeleteTopic>(),
    row::<ops::delete_topic_ip_white_list::DeleteTopicIpWhiteList>(),
    row::<ops::describe_ckafka_version::DescribeCkafkaVersion>(),
    row::<ops::describe_ckafka_zone::DescribeCkafkaZone>(),
    row::<ops::describe_instance_attributes::DescribeInstanceAttributes>(),
    row::<ops::describe_instances::DescribeInstances>(),
    row::<ops::describe_instances_detail::DescribeInstancesDetail>(),
    row::<ops::describe_region::DescribeRegion>(),
    row::<ops::describe_task_status::DescribeTaskStatus>(),
    row::<ops::describe_topic::DescribeTopic>(),
    row::<ops::describe_topic_attributes::DescribeTopicAttributes>(),
    row::<ops::describe_topic_detail::DescribeTopicDetail>(),
    row::<ops::describe_type_instances::DescribeTypeInstances>(),
    row::<ops::inquire_ckafka_price::InquireCkafkaPrice>(),
    row::<ops::instance_scaling_down::InstanceScalingDown>(),
    row::<ops::modify_instance_attributes::ModifyInstanceAttributes>(),
];
