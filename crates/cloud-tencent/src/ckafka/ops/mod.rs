//! One operation a file, named after it.

pub mod create_instance_post;
pub mod create_post_paid_instance;
pub mod create_topic;
pub mod create_topic_ip_white_list;
pub mod delete_instance_post;
pub mod delete_topic;
pub mod delete_topic_ip_white_list;
pub mod describe_ckafka_version;
pub mod describe_ckafka_zone;
pub mod describe_instance_attributes;
pub mod describe_instances;
pub mod describe_instances_detail;
pub mod describe_region;
pub mod describe_task_status;
pub mod describe_topic;
pub mod describe_topic_attributes;
pub mod describe_topic_detail;
pub mod describe_type_instances;
pub mod inquire_ckafka_price;
pub mod instance_scaling_down;
pub mod modify_instance_attributes;
