//! One operation a file, named after it.

pub mod describe_subnet;
pub mod describe_subnets;
pub mod describe_vpcs;
