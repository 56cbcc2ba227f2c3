//! Limits of bandwidth and disk, and client quotas.

pub(crate) mod bandwidth;
pub(crate) mod client;
pub(crate) mod disk;
pub(crate) mod host_connections;
pub(crate) mod public_access;
pub(crate) mod token_bucket;
