//! One operation a file, named after it.

pub mod change_resource_group;
pub mod create_post_pay_instance;
pub mod create_post_pay_order;
pub mod create_pre_pay_instance;
pub mod create_pre_pay_order;
pub mod create_topic;
pub mod delete_instance;
pub mod delete_topic;
pub mod downgrade_post_pay_order;
pub mod get_all_instance_id_list;
pub mod get_instance_list;
pub mod get_quota_tip;
pub mod get_topic_list;
pub mod list_tag_resources;
pub mod modify_instance_name;
pub mod modify_topic_remark;
pub mod release_instance;
pub mod start_instance;
pub mod tag_resources;
pub mod untag_resources;
pub mod update_instance_config;
pub mod upgrade_post_pay_order;
pub mod upgrade_pre_pay_order;
