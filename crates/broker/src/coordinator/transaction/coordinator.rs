//! The transactions of a cluster: writes decisions to the metadata log and acts on them.
//!
//! Markers are written by the coordinator itself, since all partitions are in this process.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::decision::{
    self, Decision, Ending, ProducerIdAndEpoch, TransactionalProducer, ending, initialized, opened,
};
use super::producer_ids::ProducerIds;
use crate::error::ErrorCode;
use crate::log::batch::{self, BatchHeader, Marker};
use crate::metadata::metadata_log::MetadataLog;
use crate::metadata::state::{
    ClusterState, CommittedOffset, MetadataRecord, TopicPartition, TransactionRecord,
    TransactionStatus,
};
use crate::metadata::topic::Topics;
use crate::process::Process;
use crate::vital::Guard;

/// Longest time-out that a producer may ask for (Kafka's `transaction.max.timeout.ms`).
pub(crate) const TIMEOUT_MS_MAX: i32 = 900_000;
/// Pause before completing is tried again after the disk refused.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Transactional ids of one cluster.
pub(crate) struct Transactions {
    me: Weak<Self>,
    metadata_log: Arc<MetadataLog<ClusterState>>,
    topics: Arc<Topics>,
    process: Arc<Process>,
    tasks: TaskTracker,
    producer_ids: ProducerIds,
    /// Transactions with an alarm, by transactional id.
    watched: Mutex<HashMap<String, Watched>>,
}

/// A transaction that is aborted if it is still open at `at`.
#[derive(Debug, Clone, Copy)]
struct Watched {
    started_ms: i64,
    at: Instant,
}

impl Transactions {
    pub(crate) fn new(
        metadata_log: Arc<MetadataLog<ClusterState>>,
        topics: Arc<Topics>,
        process: Arc<Process>,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            metadata_log,
            topics,
            process,
            tasks,
            producer_ids: ProducerIds::default(),
            watched: Mutex::default(),
        })
    }

    /// A producer id that was never given before.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR if the metadata log cannot be written.
    pub(crate) async fn next_producer_id(&self) -> Result<i64, ErrorCode> {
        self.producer_ids.next(&self.metadata_log).await
    }

    /// Writes the record that `decide` makes (if any) and waits until it is durable.
    async fn change<T>(
        &self,
        id: &str,
        decide: impl FnOnce(&ClusterState) -> Decision<T>,
    ) -> Result<T, ErrorCode> {
        let ((answer, alarm), position) = self.metadata_log.change(|state| {
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
            let records = record.map(|at| MetadataRecord::Transaction {
                id: id.to_owned(),
                at,
            });
            Ok::<_, ErrorCode>((Vec::from_iter(records), (answer, alarm)))
        })?;
        if let Some((started_ms, timeout_ms, true)) = alarm {
            self.watch(id, started_ms, timeout_ms);
        }
        self.metadata_log.flush(position).await?;
        Ok(answer)
    }

    /// InitProducerId with a transactional id. The transaction of the previous producer is aborted.
    pub(crate) async fn init_producer(
        &self,
        id: &str,
        timeout_ms: i32,
        former: Option<ProducerIdAndEpoch>,
        fenced: ErrorCode,
    ) -> Result<ProducerIdAndEpoch, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        if !(1..=TIMEOUT_MS_MAX).contains(&timeout_ms) {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        let status = self
            .metadata_log
            .read(|state| state.transactions.get(id).map(|record| record.status));
        // A producer that initializes while the transaction is being aborted fences this one.
        let expected = match status {
            Some(TransactionStatus::Ongoing) => self.abort_former(id, former, fenced).await?,
            _ => former,
        };
        let fresh_id = self.next_producer_id().await?;
        let now_ms = self.process.now_ms();
        self.change(id, |state| {
            let record = initialized(state, id, expected, fenced, fresh_id)?;
            let record = TransactionRecord {
                timeout_ms,
                updated_ms: now_ms,
                ..record
            };
            let producer = ProducerIdAndEpoch {
                id: record.producer_id,
                epoch: record.producer_epoch,
            };
            Ok((Some(record), producer))
        })
        .await
    }

    /// Aborts the ongoing transaction; returns the producer id and epoch that the request is checked against.
    async fn abort_former(
        &self,
        id: &str,
        former: Option<ProducerIdAndEpoch>,
        fenced: ErrorCode,
    ) -> Result<Option<ProducerIdAndEpoch>, ErrorCode> {
        let decide = |state: &ClusterState| decision::abort_former(state, id, former, fenced);
        let expected = self.change(id, decide).await?;
        self.completed(id).await?;
        Ok(expected)
    }

    /// AddPartitionsToTxn.
    pub(crate) async fn add_partitions(
        &self,
        requester: TransactionalProducer<'_>,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), ErrorCode> {
        let now_ms = self.process.now_ms();
        self.change(requester.transactional_id, |state| {
            let record = opened(state, requester, now_ms, |record| {
                record.partitions.extend(partitions)
            })?;
            Ok((record, ()))
        })
        .await
    }

    /// AddOffsetsToTxn.
    pub(crate) async fn add_group(
        &self,
        requester: TransactionalProducer<'_>,
        group: &str,
    ) -> Result<(), ErrorCode> {
        let now_ms = self.process.now_ms();
        let decide = |state: &ClusterState| decision::add_group(state, requester, group, now_ms);
        self.change(requester.transactional_id, decide).await
    }

    /// Whether a batch of this producer may be the first of its transaction in a partition. Called under the
    /// partition's lock: no marker can be written between the answer and the append.
    pub(crate) fn verify(
        &self,
        transactional_id: Option<&str>,
        header: &BatchHeader,
        partition: &TopicPartition,
    ) -> Result<(), ErrorCode> {
        let transactional_id = transactional_id.ok_or(ErrorCode::InvalidTxnState)?;
        self.metadata_log
            .read(|state| decision::verify(state, transactional_id, header, partition))
    }

    /// TxnOffsetCommit: offsets that count when the transaction is committed.
    pub(crate) async fn commit_offsets(
        &self,
        requester: TransactionalProducer<'_>,
        group: &str,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    ) -> Result<(), ErrorCode> {
        let committed = self.metadata_log.commit(|state| {
            decision::check_offsets(state, requester, group)?;
            let pending = MetadataRecord::pending_offsets(group, requester.producer.id, offsets);
            Ok::<_, ErrorCode>((pending, ()))
        });
        Ok(committed.await?)
    }

    /// EndTxn. With `bumps_epoch` (KIP-890, version 5) the producer continues with the returned epoch.
    pub(crate) async fn end(
        &self,
        requester: TransactionalProducer<'_>,
        marker: Marker,
        bumps_epoch: bool,
    ) -> Result<ProducerIdAndEpoch, ErrorCode> {
        let fresh_id = if decision::needs_fresh_id(requester.producer, bumps_epoch) {
            Some(self.next_producer_id().await?)
        } else {
            None
        };
        let ending = self
            .change(requester.transactional_id, |state| {
                let ending = ending(state, requester, marker, bumps_epoch)?;
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
        let completed = self.completed(requester.transactional_id).await;
        match fresh_id {
            Some(id) => {
                completed?;
                self.renew(requester.transactional_id, id).await
            }
            // The decision is durable, and completion is retried until it succeeds.
            None => Ok(ProducerIdAndEpoch {
                id: record.producer_id,
                epoch: record.producer_epoch,
            }),
        }
    }

    /// Gives the producer a new id after its epochs were used up.
    async fn renew(&self, id: &str, producer_id: i64) -> Result<ProducerIdAndEpoch, ErrorCode> {
        self.change(id, |state| decision::renewed(state, id, producer_id))
            .await
    }

    /// Completes a prepared transaction in a task of its own, which continues if the client disconnects.
    async fn completed(&self, id: &str) -> Result<(), ErrorCode> {
        let me = self
            .me
            .upgrade()
            .ok_or(ErrorCode::CoordinatorNotAvailable)?;
        let id = id.to_owned();
        let done = self.tasks.spawn(async move { me.complete(&id).await });
        done.await
            .unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
    }

    /// Completes a prepared transaction; retried until the disk accepts it.
    async fn complete(&self, id: &str) -> Result<(), ErrorCode> {
        let done = self.complete_once(id).await;
        if done.is_err() {
            self.retry_later(id);
        }
        done
    }

    fn retry_later(&self, id: &str) {
        let (me, id) = (self.me.clone(), id.to_owned());
        self.process
            .timers
            .at(Instant::now() + RETRY_PAUSE, move || {
                if let Some(me) = me.upgrade() {
                    me.spawn_complete(id);
                }
            });
    }

    /// Sets the alarm that aborts the transaction that began at `started_ms` at its time-out. There is one
    /// alarm for each transactional id.
    fn watch(&self, id: &str, started_ms: i64, timeout_ms: i32) {
        let left_ms = (started_ms + i64::from(timeout_ms) - self.process.now_ms()).max(0);
        let at = Instant::now() + Duration::from_millis(left_ms as u64);
        let mut watched = self.watched.lock();
        let former = watched.insert(id.to_owned(), Watched { started_ms, at });
        if former.is_none_or(|former| at < former.at) {
            self.set_alarm(id, at);
        }
    }

    fn set_alarm(&self, id: &str, at: Instant) {
        let (me, id) = (self.me.clone(), id.to_owned());
        self.process.timers.at(at, move || {
            if let Some(me) = me.upgrade() {
                me.ring(id);
            }
        });
    }

    fn ring(self: Arc<Self>, id: String) {
        let mut watched = self.watched.lock();
        let Some(Watched { started_ms, at }) = watched.get(&id).copied() else {
            return;
        };
        let is_open = self.metadata_log.read(|state| {
            state.transactions.get(&id).is_some_and(|record| {
                record.status == TransactionStatus::Ongoing && record.started_ms == started_ms
            })
        });
        if is_open && Instant::now() < at {
            return self.set_alarm(&id, at);
        }
        watched.remove(&id);
        drop(watched);
        if is_open {
            self.spawn("the end of a late transaction", |me, guard| async move {
                let _guard = guard;
                if let Err(code) = me.time_out(&id, started_ms).await {
                    tracing::warn!(%code, transactional_id = %id, "cannot abort a transaction that is late");
                }
            });
        }
    }

    /// Aborts the transaction that began at `started_ms` if it is still open, and fences its producer.
    async fn time_out(&self, id: &str, started_ms: i64) -> Result<(), ErrorCode> {
        let decide = |state: &ClusterState| decision::timed_out(state, id, started_ms);
        match self.change(id, decide).await? {
            true => self.complete(id).await,
            false => Ok(()),
        }
    }

    /// Completes transactions that a restart interrupted.
    pub(crate) fn resume(&self) {
        let open: Vec<(String, TransactionRecord)> = self.metadata_log.read(|state| {
            state
                .transactions
                .iter()
                .map(|(id, record)| (id.clone(), record.clone()))
                .collect()
        });
        for (id, record) in open {
            match record.status {
                TransactionStatus::Ongoing => {
                    self.watch(&id, record.started_ms, record.timeout_ms);
                }
                TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort => {
                    self.spawn_complete(id);
                }
                _ => {}
            }
        }
    }

    fn spawn_complete(&self, id: String) {
        self.spawn("the end of a transaction", |me, guard| async move {
            let _guard = guard;
            if let Err(code) = me.complete(&id).await {
                tracing::warn!(%code, transactional_id = %id, "cannot complete a transaction");
            }
        });
    }

    /// Runs work in the background.
    fn spawn<F>(&self, name: &'static str, work: impl FnOnce(Arc<Self>, Guard) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(me) = self.me.upgrade() else { return };
        let work = work(me, self.process.vital.guard(name));
        self.tasks.spawn_on(work, &self.process.runtime);
    }

    /// Writes the markers of a prepared transaction, then that it is complete. May be repeated.
    async fn complete_once(&self, id: &str) -> Result<(), ErrorCode> {
        let known = self
            .metadata_log
            .read(|state| state.transactions.get(id).cloned());
        let Some(record) = known else { return Ok(()) };
        let Some(marker) = decision::marker_of(&record) else {
            return Ok(());
        };
        self.write_markers(&record, marker).await?;
        let records = decision::completion(id, record, marker, self.process.now_ms());
        let position = self.metadata_log.append(records)?;
        Ok(self.metadata_log.flush(position).await?)
    }

    async fn write_markers(
        &self,
        record: &TransactionRecord,
        marker: Marker,
    ) -> Result<(), ErrorCode> {
        let now_ms = self.process.now_ms();
        let batch = batch::marker_batch(marker, record.producer_id, record.producer_epoch, now_ms);
        let mut written = Vec::with_capacity(record.partitions.len());
        for (name, index) in &record.partitions {
            // A topic that was deleted meanwhile needs no marker.
            let Some(topic) = self.topics.get(name) else {
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
}
