//! The transaction coordinator of a cluster (KIP-98, KIP-360, KIP-447, KIP-890).
//!
//! Where a transaction stands is a metadata log record; every step is decided ([`decision`], without I/O) and written down
//! before it is acted on ([`Transactions`]), so that a restart goes on where it stopped.

mod coordinator;
mod decision;
mod producer_ids;

pub(crate) use coordinator::Transactions;
pub(crate) use decision::{EXPIRATION_MS, ProducerIdAndEpoch, TransactionalProducer};
