//! Producer ids, which are never given twice.

use std::convert::Infallible;
use std::ops::Range;

use parking_lot::Mutex;

use crate::error::ErrorCode;
use crate::metadata::metadata_log::MetadataLog;
use crate::metadata::state::{ClusterState, MetadataRecord};

/// Producer ids are reserved in blocks, so that a crash wastes some instead of giving one twice.
const BLOCK: i64 = 1000;

/// Ids that are reserved but not used yet.
#[derive(Debug, Default)]
pub(super) struct ProducerIds(Mutex<Range<i64>>);

impl ProducerIds {
    /// A producer id that was never given before.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR if the metadata log cannot be written.
    pub(super) async fn next(
        &self,
        metadata_log: &MetadataLog<ClusterState>,
    ) -> Result<i64, ErrorCode> {
        if let Some(id) = self.0.lock().next() {
            return Ok(id);
        }
        let reserve = |state: &ClusterState| {
            let next = state.next_producer_id + BLOCK;
            let records = vec![MetadataRecord::ProducerIds { next }];
            Ok::<_, Infallible>((records, state.next_producer_id..next))
        };
        let block = metadata_log.commit(reserve).await?;
        let mut ids = self.0.lock();
        if ids.is_empty() {
            *ids = block;
        }
        ids.next().ok_or(ErrorCode::CoordinatorLoadInProgress)
    }
}
