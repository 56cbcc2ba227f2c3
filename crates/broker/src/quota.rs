//! What was bought, and what clients may use of it: bandwidth and disk.

pub(crate) mod client;
pub(crate) mod disk;
pub(crate) mod token_bucket;
