//! One operation a file, named after it.

pub mod create_post_paid_instance;
pub mod describe_instances_detail;
