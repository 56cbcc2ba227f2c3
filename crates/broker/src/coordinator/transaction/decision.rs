//! Decisions of the transaction coordinator: state and request in, records and answer out, without I/O.

use std::collections::BTreeSet;

use crate::error::ErrorCode;
use crate::log::batch::{BatchHeader, Marker};
use crate::metadata::state::{
    ClusterState, MetadataRecord, NO_PRODUCER_EPOCH, TopicPartition, TransactionRecord,
    TransactionStatus,
};

/// Transactional ids remembered per cluster.
const TRANSACTIONAL_IDS_MAX: usize = 100_000;
/// What the transactional ids of a cluster may take together.
const TRANSACTIONAL_IDS_BYTES_MAX: usize = 4 << 20;
/// What the ids of the groups in one transaction may take together.
const GROUP_IDS_BYTES_MAX: usize = 64 << 10;
/// The last epoch: after it, the producer gets a new id.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// A producer id with its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerIdAndEpoch {
    pub id: i64,
    pub epoch: i16,
}

/// The producer of a request to the coordinator, and the error code if it was fenced (older clients know
/// another one).
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransactionalProducer<'a> {
    pub transactional_id: &'a str,
    pub producer: ProducerIdAndEpoch,
    pub fenced: ErrorCode,
}

/// The record to be written, if anything changes, and what is answered.
pub(super) type Decision<T> = Result<(Option<TransactionRecord>, T), ErrorCode>;

/// Result of EndTxn.
pub(super) enum Ending {
    /// It was ended the same way before; the producer goes on with this id and epoch.
    Done(ProducerIdAndEpoch),
    Prepared(TransactionRecord),
}

/// The record of the transactional id, if the producer is the current one.
pub(super) fn record_of<'a>(
    state: &'a ClusterState,
    requester: TransactionalProducer<'_>,
) -> Result<&'a TransactionRecord, ErrorCode> {
    let record = state
        .transactions
        .get(requester.transactional_id)
        .ok_or(ErrorCode::InvalidProducerIdMapping)?;
    if record.producer_id != requester.producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if record.producer_epoch != requester.producer.epoch {
        return Err(requester.fenced);
    }
    Ok(record)
}

/// The record with one more partition or group; the transaction is ongoing from then on.
pub(super) fn opened(
    state: &ClusterState,
    requester: TransactionalProducer<'_>,
    now_ms: i64,
    add: impl FnOnce(&mut TransactionRecord),
) -> Result<Option<TransactionRecord>, ErrorCode> {
    let known = record_of(state, requester)?;
    let mut record = known.clone();
    match record.status {
        TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort => {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        TransactionStatus::Ongoing => {}
        TransactionStatus::Empty
        | TransactionStatus::CompleteCommit
        | TransactionStatus::CompleteAbort => {
            record.status = TransactionStatus::Ongoing;
            record.started_ms = now_ms;
        }
    }
    add(&mut record);
    if record == *known {
        return Ok(None);
    }
    record.updated_ms = now_ms;
    Ok(Some(record))
}

/// The next epoch of a producer, or `None` if its epochs are used up.
pub(super) fn bumped(epoch: i16) -> Option<i16> {
    (epoch < EPOCH_MAX).then(|| epoch + 1)
}

/// Whether the producer needs a new id, because its epochs are used up.
pub(super) fn needs_fresh_id(producer: ProducerIdAndEpoch, bumps_epoch: bool) -> bool {
    bumps_epoch && producer.epoch >= EPOCH_MAX
}

/// InitProducerId: aborts the transaction that the previous producer left ongoing. The answer is the producer
/// id and epoch that the request is checked against from then on.
pub(super) fn abort_former(
    state: &ClusterState,
    id: &str,
    former: Option<ProducerIdAndEpoch>,
    fenced: ErrorCode,
) -> Decision<Option<ProducerIdAndEpoch>> {
    let Some(known) = state.transactions.get(id) else {
        return Ok((None, former));
    };
    check_former(known, former, fenced)?;
    let aborted = prepared_abort(known);
    let expected = former.map(|former| ProducerIdAndEpoch {
        epoch: aborted
            .as_ref()
            .map_or(former.epoch, |aborted| aborted.producer_epoch),
        ..former
    });
    Ok((aborted, expected))
}

/// AddOffsetsToTxn.
pub(super) fn add_group(
    state: &ClusterState,
    requester: TransactionalProducer<'_>,
    group: &str,
    now_ms: i64,
) -> Decision<()> {
    let record = opened(state, requester, now_ms, |record| {
        record.groups.insert(group.to_owned());
    })?;
    let groups = record.iter().flat_map(|record| &record.groups);
    match groups.map(String::len).sum::<usize>() > GROUP_IDS_BYTES_MAX {
        true => Err(ErrorCode::PolicyViolation),
        false => Ok((record, ())),
    }
}

/// Whether a batch may be the first of its transaction in a partition.
pub(super) fn verify(
    state: &ClusterState,
    transactional_id: &str,
    header: &BatchHeader,
    partition: &TopicPartition,
) -> Result<(), ErrorCode> {
    let requester = TransactionalProducer {
        transactional_id,
        producer: ProducerIdAndEpoch {
            id: header.producer_id,
            epoch: header.producer_epoch,
        },
        fenced: ErrorCode::InvalidProducerEpoch,
    };
    let record = record_of(state, requester)?;
    let is_part =
        record.status == TransactionStatus::Ongoing && record.partitions.contains(partition);
    match is_part {
        true => Ok(()),
        false => Err(ErrorCode::InvalidTxnState),
    }
}

/// Whether offsets may be committed for a group within the transaction.
pub(super) fn check_offsets(
    state: &ClusterState,
    requester: TransactionalProducer<'_>,
    group: &str,
) -> Result<(), ErrorCode> {
    let record = record_of(state, requester)?;
    match record.status == TransactionStatus::Ongoing && record.groups.contains(group) {
        true => Ok(()),
        false => Err(ErrorCode::InvalidTxnState),
    }
}

/// Gives the producer a new id after its epochs were used up.
pub(super) fn renewed(
    state: &ClusterState,
    id: &str,
    producer_id: i64,
) -> Decision<ProducerIdAndEpoch> {
    let known = state
        .transactions
        .get(id)
        .ok_or(ErrorCode::InvalidProducerIdMapping)?;
    let record = TransactionRecord {
        producer_id,
        producer_epoch: 0,
        last_producer_epoch: NO_PRODUCER_EPOCH,
        ..known.clone()
    };
    let producer = ProducerIdAndEpoch {
        id: producer_id,
        epoch: 0,
    };
    Ok((Some(record), producer))
}

/// Aborts the transaction that began at `started_ms` if it is still open, and fences its producer. Returns
/// whether it was.
pub(super) fn timed_out(state: &ClusterState, id: &str, started_ms: i64) -> Decision<bool> {
    let late = state.transactions.get(id).filter(|record| {
        record.status == TransactionStatus::Ongoing && record.started_ms == started_ms
    });
    Ok((late.and_then(prepared_abort), late.is_some()))
}

/// The marker that a transaction is to be completed with.
pub(super) fn marker_of(record: &TransactionRecord) -> Option<Marker> {
    match record.status {
        TransactionStatus::PrepareCommit => Some(Marker::Commit),
        TransactionStatus::PrepareAbort => Some(Marker::Abort),
        TransactionStatus::Empty
        | TransactionStatus::Ongoing
        | TransactionStatus::CompleteCommit
        | TransactionStatus::CompleteAbort => None,
    }
}

/// The records that complete a transaction after all markers are written: pending offsets are committed or
/// dropped.
pub(super) fn completion(
    id: &str,
    record: TransactionRecord,
    marker: Marker,
    now_ms: i64,
) -> Vec<MetadataRecord> {
    let is_committed = marker == Marker::Commit;
    let mut records: Vec<MetadataRecord> = record
        .groups
        .iter()
        .map(|group| MetadataRecord::PendingEnd {
            group: group.clone(),
            producer_id: record.producer_id,
            is_committed,
        })
        .collect();
    let at = TransactionRecord {
        status: match marker {
            Marker::Commit => TransactionStatus::CompleteCommit,
            Marker::Abort => TransactionStatus::CompleteAbort,
        },
        updated_ms: now_ms,
        partitions: BTreeSet::new(),
        groups: BTreeSet::new(),
        ..record
    };
    records.push(MetadataRecord::Transaction {
        id: id.to_owned(),
        at,
    });
    records
}

/// KIP-360: a producer that names its previous id and epoch must be the current one.
pub(super) fn check_former(
    known: &TransactionRecord,
    former: Option<ProducerIdAndEpoch>,
    fenced: ErrorCode,
) -> Result<(), ErrorCode> {
    match former {
        None => Ok(()),
        Some(former) if former.id != known.producer_id => Err(fenced),
        Some(former) if former.epoch != known.producer_epoch => Err(fenced),
        Some(_) => Ok(()),
    }
}

pub(super) fn prepared_abort(known: &TransactionRecord) -> Option<TransactionRecord> {
    (known.status == TransactionStatus::Ongoing).then(|| TransactionRecord {
        status: TransactionStatus::PrepareAbort,
        // The marker carries the new epoch, so that partitions refuse what the old one still sends.
        producer_epoch: bumped(known.producer_epoch).unwrap_or(i16::MAX),
        last_producer_epoch: NO_PRODUCER_EPOCH,
        ..known.clone()
    })
}

pub(super) fn initialized(
    state: &ClusterState,
    id: &str,
    former: Option<ProducerIdAndEpoch>,
    fenced: ErrorCode,
    fresh_id: i64,
) -> Result<TransactionRecord, ErrorCode> {
    let fresh = TransactionRecord {
        producer_id: fresh_id,
        producer_epoch: 0,
        last_producer_epoch: NO_PRODUCER_EPOCH,
        timeout_ms: 0,
        status: TransactionStatus::Empty,
        started_ms: -1,
        updated_ms: 0,
        partitions: BTreeSet::new(),
        groups: BTreeSet::new(),
    };
    let Some(known) = state.transactions.get(id) else {
        if state.transactions.len() >= TRANSACTIONAL_IDS_MAX
            || state.transactional_id_bytes + id.len() > TRANSACTIONAL_IDS_BYTES_MAX
        {
            return Err(ErrorCode::PolicyViolation);
        }
        return Ok(fresh);
    };
    match known.status {
        TransactionStatus::Ongoing
        | TransactionStatus::PrepareCommit
        | TransactionStatus::PrepareAbort => {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        TransactionStatus::Empty
        | TransactionStatus::CompleteCommit
        | TransactionStatus::CompleteAbort => {}
    }
    let is_repeated = former.is_some_and(|former| {
        former.id == known.producer_id && former.epoch == known.last_producer_epoch
    });
    if is_repeated {
        // The answer was lost.
        return Ok(known.clone());
    }
    check_former(known, former, fenced)?;
    Ok(match bumped(known.producer_epoch) {
        Some(producer_epoch) => TransactionRecord {
            producer_id: known.producer_id,
            producer_epoch,
            last_producer_epoch: former.map_or(NO_PRODUCER_EPOCH, |former| former.epoch),
            ..fresh
        },
        None => fresh,
    })
}

pub(super) fn ending(
    state: &ClusterState,
    requester: TransactionalProducer<'_>,
    marker: Marker,
    bumps_epoch: bool,
) -> Result<Ending, ErrorCode> {
    let known = state
        .transactions
        .get(requester.transactional_id)
        .ok_or(ErrorCode::InvalidProducerIdMapping)?;
    let (complete, prepared) = match marker {
        Marker::Commit => (
            TransactionStatus::CompleteCommit,
            TransactionStatus::PrepareCommit,
        ),
        Marker::Abort => (
            TransactionStatus::CompleteAbort,
            TransactionStatus::PrepareAbort,
        ),
    };
    let is_retry = bumps_epoch
        && known.producer_id == requester.producer.id
        && bumped(requester.producer.epoch) == Some(known.producer_epoch);
    if is_retry {
        match known.status {
            status if status == complete => {
                return Ok(Ending::Done(ProducerIdAndEpoch {
                    id: known.producer_id,
                    epoch: known.producer_epoch,
                }));
            }
            status if status == prepared => return Err(ErrorCode::ConcurrentTransactions),
            TransactionStatus::Empty | TransactionStatus::Ongoing => {}
            // It was ended the other way.
            _ => return Err(ErrorCode::InvalidTxnState),
        }
    }
    let known = record_of(state, requester)?;
    let status = known.status;
    // With KIP-890 a producer may abort without having written anything.
    let is_empty_abort =
        bumps_epoch && marker == Marker::Abort && status != TransactionStatus::Ongoing;
    match status {
        TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort
            if status == prepared =>
        {
            Err(ErrorCode::ConcurrentTransactions)
        }
        TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort => {
            Err(ErrorCode::InvalidTxnState)
        }
        status if status == complete && !bumps_epoch => Ok(Ending::Done(requester.producer)),
        TransactionStatus::Ongoing => Ok(Ending::Prepared(prepare(known, prepared, bumps_epoch))),
        _ if is_empty_abort => Ok(Ending::Prepared(prepare(known, prepared, bumps_epoch))),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

pub(super) fn prepare(
    known: &TransactionRecord,
    status: TransactionStatus,
    bumps_epoch: bool,
) -> TransactionRecord {
    let known = known.clone();
    if !bumps_epoch {
        return TransactionRecord { status, ..known };
    }
    TransactionRecord {
        status,
        producer_epoch: bumped(known.producer_epoch).unwrap_or(i16::MAX),
        last_producer_epoch: known.producer_epoch,
        ..known
    }
}
