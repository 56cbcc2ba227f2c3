//! The transaction coordinator of a cluster (KIP-98, KIP-360, KIP-447, KIP-890).
//!
//! The state of a transaction is a record of the metadata log; every step is decided ([`decision`], without
//! I/O) and written before it takes effect ([`Transactions`]), so that a restart continues where it stopped.

mod coordinator;
mod decision;
mod producer_ids;

pub(crate) use coordinator::{TIMEOUT_MS_MAX, Transactions};
pub(crate) use decision::{ProducerIdAndEpoch, TransactionalProducer};
