//! What of the metadata has been unused for too long.

use crate::metadata::state::{
    ClusterState, CommittedOffset, GroupOffsets, MetadataRecord, TopicPartition, TransactionRecord,
    TransactionStatus,
};

impl MetadataRecord {
    /// Offsets of a group without members that have expired. When they are all that it had, it is forgotten, too.
    pub(crate) fn expired_offsets(
        state: &ClusterState,
        group: String,
        partitions: Vec<TopicPartition>,
    ) -> Vec<Self> {
        let has_others = state.offsets.get(&group).is_some_and(|offsets| {
            !offsets.pending.is_empty() || offsets.committed.len() > partitions.len()
        });
        match has_others {
            true => Self::offsets_gone(&group, partitions),
            false => vec![Self::GroupGone { group }],
        }
    }
}

impl ClusterState {
    /// Removals of transactional ids without an open transaction that have not been used since `before_ms`.
    pub(crate) fn expired_transactions(&self, before_ms: i64) -> Vec<MetadataRecord> {
        let is_expired = |record: &TransactionRecord| {
            let is_open = matches!(
                record.status,
                TransactionStatus::Ongoing
                    | TransactionStatus::PrepareCommit
                    | TransactionStatus::PrepareAbort
            );
            !is_open && record.updated_ms < before_ms
        };
        let expired = self
            .transactions
            .iter()
            .filter(|(_, record)| is_expired(record));
        expired
            .map(|(id, _)| MetadataRecord::TransactionGone { id: id.clone() })
            .collect()
    }

    /// Offsets of groups that have expired if their group has no members (Kafka's `OffsetExpirationCondition`): a
    /// classic group's a while after its last member went, all others that long after they were committed. None that
    /// a transaction may change. Groups from which all were deleted are among them, with none.
    pub(crate) fn expired_offsets(&self, before_ms: i64) -> Vec<(String, Vec<TopicPartition>)> {
        let expired_of = |(id, offsets): (&String, &GroupOffsets)| {
            let emptied_ms = self.groups.get(id).and_then(|group| group.emptied_ms);
            let is_pending = |partition: &TopicPartition| {
                let mut pending = offsets.pending.values();
                pending.any(|all| all.contains_key(partition))
            };
            let is_expired = |(partition, at): &(&TopicPartition, &CommittedOffset)| {
                let since_ms = emptied_ms.unwrap_or(i64::MIN).max(at.committed_ms);
                since_ms < before_ms && !is_pending(partition)
            };
            let expired = offsets.committed.iter().filter(is_expired);
            let expired: Vec<_> = expired.map(|(partition, _)| partition.clone()).collect();
            let is_left_empty = offsets.committed.is_empty() && offsets.pending.is_empty();
            (is_left_empty || !expired.is_empty()).then(|| (id.clone(), expired))
        };
        self.offsets.iter().filter_map(expired_of).collect()
    }
}
