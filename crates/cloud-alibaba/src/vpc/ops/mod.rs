//! One operation a file, named after it.

pub mod describe_v_switch_attributes;
pub mod describe_v_switches;
pub mod describe_vpcs;
