//! The transaction coordinator of a cluster (KIP-98, KIP-360, KIP-447, KIP-890).
//!
//! Where a transaction stands is a journal record; every step is decided and written down before it is
//! acted on, so that a restart goes on where it stopped. Markers are written by the coordinator itself,
//! since all partitions are in this process.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    cluster::Cluster,
    error::ErrorCode,
    log::batch::{self, BatchHeader, Marker},
    metadata::state::{
        ClusterState, CommittedOffset, NO_PRODUCER_EPOCH, Record, TopicPartition,
        TransactionRecord, TransactionStatus,
    },
};

/// Longest time-out that a producer may ask for (Kafka's `transaction.max.timeout.ms`).
const TIMEOUT_MS_MAX: i32 = 900_000;
/// Transactional ids remembered per cluster.
const TRANSACTIONAL_IDS_MAX: usize = 100_000;
/// What the transactional ids of a cluster may take together.
const TRANSACTIONAL_IDS_BYTES_MAX: usize = 16 << 20;
/// What the ids of the groups in one transaction may take together.
const GROUP_IDS_BYTES_MAX: usize = 64 << 10;
/// A transactional id that was silent this long is forgotten (Kafka's `transactional.id.expiration.ms`).
pub(crate) const EXPIRATION_MS: i64 = 604_800_000;
/// Pause before completing is tried again after the disk refused.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Epochs above are not given out: the producer gets a new id instead.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// A producer as it names itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// Who asks the coordinator, and which code tells it that it was replaced (older clients know another).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub transactional_id: &'a str,
    pub producer: Producer,
    pub fenced: ErrorCode,
}

/// Transactional ids of one cluster.
pub(crate) struct Transactions {
    cluster: Weak<Cluster>,
    /// Transactions with an alarm, by transactional id.
    watched: Mutex<HashMap<String, Watched>>,
}

/// A transaction that is aborted if it is still open at `at`.
#[derive(Debug, Clone, Copy)]
struct Watched {
    started_ms: i64,
    at: Instant,
}

/// What ending a transaction comes to.
enum Ending {
    /// It was ended the same way before; the producer goes on as this.
    Done(Producer),
    Prepared(TransactionRecord),
}

fn storage(error: &std::io::Error) -> ErrorCode {
    tracing::error!(%error, "the journal cannot be written");
    ErrorCode::KafkaStorageError
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(storage(&error))
    }
}

/// A refusal that the journal can pass on.
struct Failure(ErrorCode);

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self(code)
    }
}

/// The record of a claim, if the claim holds.
fn claimed<'a>(
    state: &'a ClusterState,
    claim: Claim<'_>,
) -> Result<&'a TransactionRecord, ErrorCode> {
    let record = state
        .transactions
        .get(claim.transactional_id)
        .ok_or(ErrorCode::InvalidProducerIdMapping)?;
    if record.producer_id != claim.producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if record.producer_epoch != claim.producer.epoch {
        return Err(claim.fenced);
    }
    Ok(record)
}

/// The record with one thing more in it: the transaction is open from here on.
fn opened(
    state: &ClusterState,
    claim: Claim<'_>,
    now_ms: i64,
    add: impl FnOnce(&mut TransactionRecord),
) -> Result<Option<TransactionRecord>, ErrorCode> {
    let known = claimed(state, claim)?;
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
fn bumped(epoch: i16) -> Option<i16> {
    (epoch < EPOCH_MAX).then(|| epoch + 1)
}

impl Transactions {
    pub(crate) fn new(cluster: Weak<Cluster>) -> Self {
        Self {
            cluster,
            watched: Mutex::default(),
        }
    }

    fn cluster(&self) -> Result<Arc<Cluster>, ErrorCode> {
        self.cluster
            .upgrade()
            .ok_or(ErrorCode::CoordinatorNotAvailable)
    }

    /// Writes the record that `decide` makes (if any) and waits until it is durable.
    async fn change<T>(
        &self,
        id: &str,
        decide: impl FnOnce(&ClusterState) -> Result<(Option<TransactionRecord>, T), ErrorCode>,
    ) -> Result<T, ErrorCode> {
        let cluster = self.cluster()?;
        let written = cluster.journal.change(|state| {
            let (record, answer) = decide(state)?;
            let alarm = record
                .as_ref()
                .filter(|record| record.status == TransactionStatus::Ongoing)
                .map(|record| {
                    (
                        record.started_ms,
                        record.timeout_ms,
                        record.partitions.len() + record.groups.len() == 1,
                    )
                });
            let records = record.map(|at| Record::Transaction {
                id: id.to_owned(),
                at,
            });
            Ok::<_, Failure>((records.into_iter().collect(), (answer, alarm)))
        });
        let ((answer, alarm), position) = written.map_err(|failure| failure.0)?;
        if let Some((started_ms, timeout_ms, true)) = alarm {
            self.watch(&cluster, id, started_ms, timeout_ms);
        }
        cluster
            .journal
            .flush(position)
            .await
            .map_err(|error| storage(&error))?;
        Ok(answer)
    }

    /// InitProducerId with a transactional id. What the former producer left open is aborted.
    pub(crate) async fn init_producer(
        &self,
        id: &str,
        timeout_ms: i32,
        former: Option<Producer>,
        fenced: ErrorCode,
    ) -> Result<Producer, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        if !(1..=TIMEOUT_MS_MAX).contains(&timeout_ms) {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        let cluster = self.cluster()?;
        let status = cluster
            .journal
            .read(|state| state.transactions.get(id).map(|record| record.status));
        // Whoever takes this producer's place while its transaction is being aborted fences it.
        let expected = match status {
            Some(TransactionStatus::Ongoing) => self.abort_former(id, former, fenced).await?,
            _ => former,
        };
        let fresh_id = cluster.next_producer_id().await?;
        let now_ms = cluster.shared.now_ms();
        self.change(id, |state| {
            let record = initialized(state, id, expected, fenced, fresh_id)?;
            let record = TransactionRecord {
                timeout_ms,
                updated_ms: now_ms,
                ..record
            };
            let producer = Producer {
                id: record.producer_id,
                epoch: record.producer_epoch,
            };
            Ok((Some(record), producer))
        })
        .await
    }

    /// Aborts what is open; returns what a producer that named itself is from then on.
    async fn abort_former(
        &self,
        id: &str,
        former: Option<Producer>,
        fenced: ErrorCode,
    ) -> Result<Option<Producer>, ErrorCode> {
        let expected = self
            .change(id, |state| {
                let Some(known) = state.transactions.get(id) else {
                    return Ok((None, former));
                };
                check_former(known, former, fenced)?;
                let aborted = prepared_abort(known);
                let expected = former.map(|former| Producer {
                    epoch: aborted
                        .as_ref()
                        .map_or(former.epoch, |aborted| aborted.producer_epoch),
                    ..former
                });
                Ok((aborted, expected))
            })
            .await?;
        self.completed(id).await?;
        Ok(expected)
    }

    /// AddPartitionsToTxn.
    pub(crate) async fn add_partitions(
        &self,
        claim: Claim<'_>,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), ErrorCode> {
        let now_ms = self.cluster()?.shared.now_ms();
        self.change(claim.transactional_id, |state| {
            let record = opened(state, claim, now_ms, |record| {
                record.partitions.extend(partitions)
            })?;
            Ok((record, ()))
        })
        .await
    }

    /// AddOffsetsToTxn.
    pub(crate) async fn add_group(&self, claim: Claim<'_>, group: &str) -> Result<(), ErrorCode> {
        let now_ms = self.cluster()?.shared.now_ms();
        self.change(claim.transactional_id, |state| {
            let record = opened(state, claim, now_ms, |record| {
                record.groups.insert(group.to_owned());
            })?;
            let groups = record.iter().flat_map(|record| &record.groups);
            match groups.map(String::len).sum::<usize>() > GROUP_IDS_BYTES_MAX {
                true => Err(ErrorCode::PolicyViolation),
                false => Ok((record, ())),
            }
        })
        .await
    }

    /// Whether a batch of this producer may be the first of its transaction in a partition. Asked under
    /// the partition's lock: a marker cannot come between the answer and the append.
    pub(crate) fn verify(
        &self,
        transactional_id: Option<&str>,
        header: &BatchHeader,
        partition: &TopicPartition,
    ) -> Result<(), ErrorCode> {
        let transactional_id = transactional_id.ok_or(ErrorCode::InvalidTxnState)?;
        let producer = Producer {
            id: header.producer_id,
            epoch: header.producer_epoch,
        };
        let claim = Claim {
            transactional_id,
            producer,
            fenced: ErrorCode::InvalidProducerEpoch,
        };
        self.cluster()?.journal.read(|state| {
            let record = claimed(state, claim)?;
            let is_part = record.status == TransactionStatus::Ongoing
                && record.partitions.contains(partition);
            if is_part {
                Ok(())
            } else {
                Err(ErrorCode::InvalidTxnState)
            }
        })
    }

    /// TxnOffsetCommit: offsets that count when the transaction is committed.
    pub(crate) async fn commit_offsets(
        &self,
        claim: Claim<'_>,
        group: &str,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    ) -> Result<(), ErrorCode> {
        let cluster = self.cluster()?;
        let written = cluster.journal.change(|state| {
            let record = claimed(state, claim)?;
            if record.status != TransactionStatus::Ongoing || !record.groups.contains(group) {
                return Err(Failure(ErrorCode::InvalidTxnState));
            }
            let pending = Record::pending_offsets(group, claim.producer.id, offsets);
            Ok((pending, ()))
        });
        let ((), position) = written.map_err(|failure| failure.0)?;
        cluster
            .journal
            .flush(position)
            .await
            .map_err(|error| storage(&error))
    }

    /// EndTxn. With `bumps_epoch` (KIP-890, version 5) the producer goes on with the epoch returned.
    pub(crate) async fn end(
        &self,
        claim: Claim<'_>,
        marker: Marker,
        bumps_epoch: bool,
    ) -> Result<Producer, ErrorCode> {
        let cluster = self.cluster()?;
        let fresh_id = if bumps_epoch && claim.producer.epoch >= EPOCH_MAX {
            Some(cluster.next_producer_id().await?)
        } else {
            None
        };
        let ending = self
            .change(claim.transactional_id, |state| {
                let ending = ending(state, claim, marker, bumps_epoch)?;
                let record = match &ending {
                    Ending::Prepared(record) => Some(record.clone()),
                    Ending::Done(_) => None,
                };
                Ok((record, ending))
            })
            .await?;
        let record = match ending {
            Ending::Done(producer) => return Ok(producer),
            Ending::Prepared(record) => record,
        };
        let completed = self.completed(claim.transactional_id).await;
        match fresh_id {
            Some(id) => {
                completed?;
                self.renew(claim.transactional_id, id).await
            }
            // The decision is durable, and what follows from it is tried until it is done.
            None => Ok(Producer {
                id: record.producer_id,
                epoch: record.producer_epoch,
            }),
        }
    }

    /// Gives the producer a new id after its epochs were used up.
    async fn renew(&self, id: &str, producer_id: i64) -> Result<Producer, ErrorCode> {
        self.change(id, |state| {
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
            Ok((
                Some(record),
                Producer {
                    id: producer_id,
                    epoch: 0,
                },
            ))
        })
        .await
    }

    /// Has a prepared transaction completed by a task of its own: who waits for it may go away.
    async fn completed(&self, id: &str) -> Result<(), ErrorCode> {
        let (cluster, id) = (self.cluster()?, id.to_owned());
        let tasks = cluster.tasks.clone();
        let done = tasks.spawn(async move { cluster.transactions.complete(&id).await });
        done.await
            .unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
    }

    /// Completes a prepared transaction; if the disk refuses, it is tried again until it is done.
    async fn complete(&self, id: &str) -> Result<(), ErrorCode> {
        let cluster = self.cluster()?;
        let done = complete_once(&cluster, id).await;
        if done.is_err() {
            self.retry_later(&cluster, id);
        }
        done
    }

    fn retry_later(&self, cluster: &Arc<Cluster>, id: &str) {
        let (weak, id) = (self.cluster.clone(), id.to_owned());
        cluster
            .shared
            .timers
            .at(Instant::now() + RETRY_PAUSE, move || {
                spawn_complete(&weak, id)
            });
    }

    /// Has the transaction that began at `started_ms` aborted when its time is over. One alarm is set for
    /// each transactional id, however many transactions it makes.
    fn watch(&self, cluster: &Arc<Cluster>, id: &str, started_ms: i64, timeout_ms: i32) {
        let left_ms = (started_ms + i64::from(timeout_ms) - cluster.shared.now_ms()).max(0);
        let at = Instant::now() + Duration::from_millis(left_ms as u64);
        let mut watched = self.watched.lock();
        let former = watched.insert(id.to_owned(), Watched { started_ms, at });
        if former.is_none_or(|former| at < former.at) {
            self.set_alarm(cluster, id, at);
        }
    }

    fn set_alarm(&self, cluster: &Arc<Cluster>, id: &str, at: Instant) {
        let (weak, id) = (self.cluster.clone(), id.to_owned());
        cluster.shared.timers.at(at, move || {
            if let Some(cluster) = weak.upgrade() {
                cluster.transactions.ring(&cluster, id);
            }
        });
    }

    fn ring(&self, cluster: &Arc<Cluster>, id: String) {
        let mut watched = self.watched.lock();
        let Some(Watched { started_ms, at }) = watched.get(&id).copied() else {
            return;
        };
        let is_open = cluster.journal.read(|state| {
            state.transactions.get(&id).is_some_and(|record| {
                record.status == TransactionStatus::Ongoing && record.started_ms == started_ms
            })
        });
        if is_open && Instant::now() < at {
            return self.set_alarm(cluster, &id, at);
        }
        watched.remove(&id);
        if is_open {
            let (cluster, runtime) = (cluster.clone(), cluster.shared.runtime.clone());
            let guard = cluster.shared.vital.guard("the end of a late transaction");
            cluster.tasks.clone().spawn_on(
                async move {
                    let _guard = guard;
                    if let Err(code) = cluster.transactions.time_out(&id, started_ms).await {
                        tracing::warn!(%code, transactional_id = %id, "cannot abort a transaction that is late");
                    }
                },
                &runtime,
            );
        }
    }

    /// Aborts the transaction that began at `started_ms` if it is still open, and fences its producer.
    async fn time_out(&self, id: &str, started_ms: i64) -> Result<(), ErrorCode> {
        let is_late = self
            .change(id, |state| {
                let late = state.transactions.get(id).filter(|record| {
                    record.status == TransactionStatus::Ongoing && record.started_ms == started_ms
                });
                Ok((late.and_then(prepared_abort), late.is_some()))
            })
            .await?;
        if is_late {
            self.complete(id).await
        } else {
            Ok(())
        }
    }

    /// Goes on with what a restart interrupted.
    pub(crate) fn resume(&self) {
        let Ok(cluster) = self.cluster() else { return };
        let open: Vec<(String, TransactionRecord)> = cluster.journal.read(|state| {
            state
                .transactions
                .iter()
                .map(|(id, record)| (id.clone(), record.clone()))
                .collect()
        });
        for (id, record) in open {
            match record.status {
                TransactionStatus::Ongoing => {
                    self.watch(&cluster, &id, record.started_ms, record.timeout_ms)
                }
                TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort => {
                    spawn_complete(&self.cluster, id);
                }
                _ => {}
            }
        }
    }
}

fn spawn_complete(cluster: &Weak<Cluster>, id: String) {
    let Some(cluster) = cluster.upgrade() else {
        return;
    };
    let runtime = cluster.shared.runtime.clone();
    let guard = cluster.shared.vital.guard("the end of a transaction");
    cluster.tasks.clone().spawn_on(
        async move {
            let _guard = guard;
            if let Err(code) = cluster.transactions.complete(&id).await {
                tracing::warn!(%code, transactional_id = %id, "cannot complete a transaction");
            }
        },
        &runtime,
    );
}

/// KIP-360: a producer that names its former self must be the current one.
fn check_former(
    known: &TransactionRecord,
    former: Option<Producer>,
    fenced: ErrorCode,
) -> Result<(), ErrorCode> {
    match former {
        None => Ok(()),
        Some(former) if former.id != known.producer_id => Err(fenced),
        Some(former) if former.epoch != known.producer_epoch => Err(fenced),
        Some(_) => Ok(()),
    }
}

fn prepared_abort(known: &TransactionRecord) -> Option<TransactionRecord> {
    (known.status == TransactionStatus::Ongoing).then(|| TransactionRecord {
        status: TransactionStatus::PrepareAbort,
        // The marker carries the new epoch, so that partitions refuse what the old one still sends.
        producer_epoch: bumped(known.producer_epoch).unwrap_or(i16::MAX),
        last_producer_epoch: NO_PRODUCER_EPOCH,
        ..known.clone()
    })
}

fn initialized(
    state: &ClusterState,
    id: &str,
    former: Option<Producer>,
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

fn ending(
    state: &ClusterState,
    claim: Claim<'_>,
    marker: Marker,
    bumps_epoch: bool,
) -> Result<Ending, ErrorCode> {
    let known = state
        .transactions
        .get(claim.transactional_id)
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
        && known.producer_id == claim.producer.id
        && bumped(claim.producer.epoch) == Some(known.producer_epoch);
    if is_retry && known.status == complete {
        return Ok(Ending::Done(Producer {
            id: known.producer_id,
            epoch: known.producer_epoch,
        }));
    }
    let known = match claimed(state, claim) {
        Err(_) if is_retry && known.status == prepared => {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        other => other?,
    };
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
        status if status == complete && !bumps_epoch => Ok(Ending::Done(claim.producer)),
        TransactionStatus::Ongoing => Ok(Ending::Prepared(prepare(known, prepared, bumps_epoch))),
        _ if is_empty_abort => Ok(Ending::Prepared(prepare(known, prepared, bumps_epoch))),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

fn prepare(
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

/// Writes the markers of a prepared transaction, then that it is complete. May be repeated.
async fn complete_once(cluster: &Cluster, id: &str) -> Result<(), ErrorCode> {
    let known = cluster
        .journal
        .read(|state| state.transactions.get(id).cloned());
    let Some(record) = known else { return Ok(()) };
    let marker = match record.status {
        TransactionStatus::PrepareCommit => Marker::Commit,
        TransactionStatus::PrepareAbort => Marker::Abort,
        _ => return Ok(()),
    };
    write_markers(cluster, &record, marker).await?;
    let is_committed = marker == Marker::Commit;
    let now_ms = cluster.shared.now_ms();
    let mut records: Vec<Record> = record
        .groups
        .iter()
        .map(|group| Record::PendingEnd {
            group: group.clone(),
            producer_id: record.producer_id,
            is_committed,
        })
        .collect();
    let status = if is_committed {
        TransactionStatus::CompleteCommit
    } else {
        TransactionStatus::CompleteAbort
    };
    let at = TransactionRecord {
        status,
        updated_ms: now_ms,
        partitions: BTreeSet::new(),
        groups: BTreeSet::new(),
        ..record
    };
    records.push(Record::Transaction {
        id: id.to_owned(),
        at,
    });
    let position = cluster
        .journal
        .append(records)
        .map_err(|error| storage(&error))?;
    cluster
        .journal
        .flush(position)
        .await
        .map_err(|error| storage(&error))
}

async fn write_markers(
    cluster: &Cluster,
    record: &TransactionRecord,
    marker: Marker,
) -> Result<(), ErrorCode> {
    let now_ms = cluster.shared.now_ms();
    let batch = batch::marker_batch(marker, record.producer_id, record.producer_epoch, now_ms);
    let mut written = Vec::with_capacity(record.partitions.len());
    for (name, index) in &record.partitions {
        // A topic that was deleted meanwhile needs no marker.
        let Some(topic) = cluster.topics.get(name) else {
            continue;
        };
        let Some(partition) = topic.partition(*index) else {
            continue;
        };
        let info = partition.append(&batch, &topic.settings().log, now_ms, || Ok(()))?;
        written.push((partition, info.end_offset));
    }
    for (partition, end_offset) in written {
        partition.flush(end_offset).await?;
    }
    Ok(())
}
