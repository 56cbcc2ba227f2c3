//! Metadata of a cluster: the metadata log and the state that results from it.

pub(crate) mod acl;
pub(crate) mod credential;
pub(crate) mod directory;
mod expiration;
pub(crate) mod group;
pub(crate) mod high_water;
pub(crate) mod leadership;
pub(crate) mod metadata_log;
pub(crate) mod resource_config;
pub(crate) mod state;
pub(crate) mod topic;
pub(crate) mod topic_config;
