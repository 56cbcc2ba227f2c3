//! One operation a file, named after it.

pub mod describe_resource_tags_by_resource_ids;
pub mod modify_resource_tags;
