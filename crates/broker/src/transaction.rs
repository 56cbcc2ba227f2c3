//! The transaction coordinator of a cluster.

use std::sync::Weak;

use kafka_protocol::messages::InitProducerIdRequest;

use crate::{cluster::Cluster, error::ErrorCode, log::batch::BatchHeader, protocol::Context};

/// Transactional ids of one cluster.
pub(crate) struct Transactions {
    #[expect(dead_code, reason = "the coordinator is being built")]
    cluster: Weak<Cluster>,
}

impl Transactions {
    pub(crate) fn new(cluster: Weak<Cluster>) -> Self {
        Self { cluster }
    }

    pub(crate) fn check_partition(
        &self,
        _id: Option<&str>,
        _header: &BatchHeader,
        _topic: &str,
        _partition: i32,
    ) -> Result<(), ErrorCode> {
        Err(ErrorCode::InvalidTxnState)
    }

    pub(crate) async fn init_producer(
        &self,
        _context: &Context,
        _id: &str,
        _request: &InitProducerIdRequest,
    ) -> Result<(i64, i16), ErrorCode> {
        Err(ErrorCode::CoordinatorNotAvailable)
    }
}
