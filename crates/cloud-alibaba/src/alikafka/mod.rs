//! Alibaba Cloud's ApsaraMQ for Kafka (AliKafka), API version 2019-09-16.

pub mod change;
pub mod config;
pub mod convert;
pub mod fault;
pub mod ids;
pub mod notes;
mod ops;
pub mod purchase;
pub mod tag_resource;
pub mod topic_config;
pub mod topic_words;

use brokerage_wire::operation::{RegionUse, Row, Table, UnknownParams, row};
use brokerage_wire::params::IndexBase;
use serde_json::{Map, Value};

use crate::{Service, Success, plain_envelope};

/// The catalog that AliKafka, and BSS for it, sell from.
pub const PROFILE: &str = "alikafka";

/// AliKafka's operations.
pub static TABLE: Table = Table {
    dialect: "alikafka",
    service: "alikafka",
    version: "2019-09-16",
    profile: PROFILE,
    region: RegionUse::Required,
    resource_form: "acs:alikafka:{region}:{account}:{id}",
    index_base: IndexBase::One,
    unknown: UnknownParams::ReadOver,
    rows: ROWS,
    unimplemented: include_str!("../../coverage/alikafka/unimplemented.txt"),
    fault: fault::fault,
};

/// AliKafka behind Alibaba Cloud's gateway.
pub static SERVICE: Service = Service {
    table: &TABLE,
    envelope,
};

/// Operations about tags answer without a code.
const PLAIN: [&str; 3] = ["TagResources", "UntagResources", "ListTagResources"];

static ROWS: &[Row] = &[
    row::<ops::change_resource_group::ChangeResourceGroup>(),
    row::<ops::create_post_pay_instance::CreatePostPayInstance>(),
    row::<ops::create_post_pay_order::CreatePostPayOrder>(),
    row::<ops::create_pre_pay_instance::CreatePrePayInstance>(),
    row::<ops::create_pre_pay_order::CreatePrePayOrder>(),
    row::<ops::create_topic::CreateTopic>(),
    row::<ops::delete_instance::DeleteInstance>(),
    row::<ops::delete_topic::DeleteTopic>(),
    row::<ops::downgrade_post_pay_order::DowngradePostPayOrder>(),
    row::<ops::get_all_instance_id_list::GetAllInstanceIdList>(),
    row::<ops::get_instance_list::GetInstanceList>(),
    row::<ops::get_quota_tip::GetQuotaTip>(),
    row::<ops::get_topic_list::GetTopicList>(),
    row::<ops::list_tag_resources::ListTagResources>(),
    row::<ops::modify_instance_name::ModifyInstanceName>(),
    row::<ops::modify_topic_remark::ModifyTopicRemark>(),
    row::<ops::release_instance::ReleaseInstance>(),
    row::<ops::start_instance::StartInstance>(),
    row::<ops::tag_resources::TagResources>(),
    row::<ops::untag_resources::UntagResources>(),
    row::<ops::update_instance_config::UpdateInstanceConfig>(),
    row::<ops::upgrade_post_pay_order::UpgradePostPayOrder>(),
    row::<ops::upgrade_pre_pay_order::UpgradePrePayOrder>(),
];

/// `Code` is a number here, and `Success` is what Terraform looks at.
fn envelope(success: &Success<'_>, fields: Map<String, Value>) -> Map<String, Value> {
    let mut answer = plain_envelope(success, Map::new());
    let coded = !PLAIN.contains(&success.operation);
    if coded {
        answer.insert("Message".to_owned(), "operation success.".into());
    }
    answer.extend(fields);
    if coded {
        answer.insert("Code".to_owned(), 200.into());
        // One operation says it by itself.
        answer.entry("Success").or_insert(true.into());
    }
    answer
}
