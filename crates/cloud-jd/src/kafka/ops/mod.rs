//! One operation a file, named after it.

pub mod create_instance;
pub mod delete_instance;
pub mod describe_instance;
pub mod describe_instances;
pub mod modify_instance_spec;
