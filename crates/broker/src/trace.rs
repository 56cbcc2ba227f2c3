//! For tests, behind the feature `trace`: a cluster without sockets, on a disk whose every change can be
//! observed and refused. The broker itself never uses this module.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

#[cfg(test)]
use brokerage_kafka_admin::{read_answer, request_frame};
#[cfg(test)]
use bytes::Buf;
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName, TransactionalId};
#[cfg(test)]
use kafka_protocol::protocol::Request;
use kafka_protocol::records::RecordBatchDecoder;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::cluster::shared::Shared;
use crate::log::disk::Disk;
use crate::log::durability::Durability;
use crate::log::file::FileCache;
use crate::log::partition::{FetchRange, Partition};
use crate::metadata::state::{ClusterState, TransactionStatus};
use crate::process::Process;
use crate::protocol::{self, Context, Reply};
use crate::spec::{
    Authorization, BrokerSpec, ClusterLimits, ClusterSpec, LogIntervals,
    TRANSACTIONAL_ID_EXPIRATION_MS, TopicDefaults,
};

pub use crate::log::disk::{Change, Watch};

const CLUSTER: &str = "c";
/// Of every request: each has a connection of its own.
#[cfg(test)]
const CORRELATION_ID: i32 = 1;
/// Bytes of a frame's length, which is the network's and not the protocol's.
#[cfg(test)]
const LENGTH_BYTES: usize = 4;

/// A clock that is moved by hand.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// When a test begins.
pub const NOW_MS: i64 = 1_700_000_000_000;

/// One record as a consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it is.
    pub offset: i64,
    /// Its key, if it has one.
    pub key: Option<String>,
    /// Its value; `None` in a tombstone.
    pub value: Option<String>,
}

/// Key or value of a record.
pub type Field = Option<Vec<u8>>;

/// What a producer would send: records with these keys and values, and increasing timestamps.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Key and value of each.
    pub records: Vec<(Field, Field)>,
    /// Of the first record; each next one is a millisecond later.
    pub timestamp_ms: i64,
    /// Producer id, epoch and first sequence number.
    pub producer: Option<(i64, i16, i32)>,
    /// Whether the batch belongs to a transaction.
    pub is_transactional: bool,
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut value = ((value << 1) ^ (value >> 63)) as u64;
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_optional(out: &mut Vec<u8>, value: Option<&Vec<u8>>) {
    match value {
        None => put_varint(out, -1),
        Some(value) => {
            put_varint(out, value.len() as i64);
            out.extend(value);
        }
    }
}

/// The batch that a producer makes of a draft, not compressed.
pub fn build(draft: &Draft) -> Bytes {
    let mut records = Vec::new();
    for (at, (key, value)) in draft.records.iter().enumerate() {
        let mut body = vec![0];
        put_varint(&mut body, at as i64);
        put_varint(&mut body, at as i64);
        put_optional(&mut body, key.as_ref());
        put_optional(&mut body, value.as_ref());
        put_varint(&mut body, 0);
        put_varint(&mut records, body.len() as i64);
        records.extend(body);
    }
    let (producer_id, epoch, sequence) = draft.producer.unwrap_or((-1, -1, -1));
    let count = draft.records.len() as i32;
    let mut tail = BytesMut::new();
    tail.put_i16(if draft.is_transactional { 0x10 } else { 0 });
    tail.put_i32(count - 1);
    tail.put_i64(draft.timestamp_ms);
    tail.put_i64(draft.timestamp_ms + i64::from(count) - 1);
    tail.put_i64(producer_id);
    tail.put_i16(epoch);
    tail.put_i32(sequence);
    tail.put_i32(count);
    tail.put_slice(&records);
    let mut out = BytesMut::new();
    out.put_i64(0);
    out.put_i32((tail.len() + 9) as i32);
    out.put_i32(-1);
    out.put_u8(2);
    out.put_u32(crc32c::crc32c(&tail));
    out.put_slice(&tail);
    out.freeze()
}

/// A request to produce one batch.
pub fn produce(
    topic: &str,
    partition: i32,
    batch: &Bytes,
    transactional_id: Option<&str>,
) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(batch.clone()));
    let data = TopicProduceData::default()
        .with_name(TopicName(topic.to_owned().into()))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_transactional_id(transactional_id.map(|id| TransactionalId(id.to_owned().into())))
        .with_acks(-1)
        .with_topic_data(vec![data])
}

/// A cluster of one broker: requests go in as frames, answers come out. It panics where a test would fail.
pub struct TracedCluster {
    pub(crate) cluster: Arc<Cluster>,
    clock: Arc<HandClock>,
}

impl TracedCluster {
    /// Opens the cluster in a directory of data. `watch` is asked before each change of the disk.
    pub fn open(dir: &Path, watch: Option<Arc<dyn Watch>>, durability: Durability) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(NOW_MS)));
        let process = Process::new(clock.clone(), 1);
        let files = FileCache::on(watch.map_or_else(Disk::default, Disk::watched), 64);
        let shared = Shared::new(
            process,
            files,
            durability,
            LogIntervals::default(),
            Duration::ZERO,
            usize::MAX,
        );
        let spec = ClusterSpec {
            id: CLUSTER.to_owned(),
            kafka_version: "4.1.0".to_owned(),
            brokers: vec![BrokerSpec {
                id: 0,
                rack: None,
                listeners: Vec::new(),
            }],
            // Small enough for requests that ask for as much as there is.
            limits: ClusterLimits {
                topics_max: 40,
                partitions_max: 200,
                groups_max: 100,
                ..ClusterLimits::default()
            },
            auto_create_topics: false,
            defaults: TopicDefaults::default(),
            authorization: Authorization::default(),
            transactional_id_expiration_ms: TRANSACTIONAL_ID_EXPIRATION_MS,
        };
        let cluster = Cluster::open(shared, dir.join(CLUSTER), spec).unwrap();
        Self { cluster, clock }
    }

    /// One request on a connection of its own.
    #[cfg(test)]
    pub(crate) async fn call<R: Request>(&self, request: R, version: i16) -> R::Response {
        let mut frame = request_frame(&request, version, CORRELATION_ID, "test").unwrap();
        frame.advance(LENGTH_BYTES);
        let mut answer = self.answer_frame(frame).await.unwrap();
        answer.advance(LENGTH_BYTES);
        read_answer::<R>(answer, version, CORRELATION_ID).unwrap()
    }

    /// What a frame without its length is answered with; `None` if there is no answer.
    pub async fn answer_frame(&self, frame: Bytes) -> Option<Bytes> {
        self.answer(frame).await.unwrap()
    }

    pub(crate) async fn answer(
        &self,
        frame: Bytes,
    ) -> Result<Option<Bytes>, protocol::ProtocolError> {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut context = Context::new(self.cluster.clone(), 0, "PLAINTEXT".into(), peer);
        match protocol::handle(&mut context, frame).await? {
            Reply::Now(answer) => Ok(answer),
            Reply::Later(answer) => answer.await,
            Reply::Parts(answer) => Ok(Some(answer.joined().unwrap())),
            Reply::Close => Ok(None),
        }
    }

    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        self.cluster.topics().get(topic)?.partition(partition)
    }

    /// How many partitions a topic has; `None` if there is no such topic.
    pub fn partitions_count(&self, topic: &str) -> Option<usize> {
        Some(self.cluster.topics().get(topic)?.partitions().len())
    }

    /// Whether a partition is there.
    pub fn has_partition(&self, topic: &str, partition: i32) -> bool {
        self.partition(topic, partition).is_some()
    }

    /// Whether a partition is served: after a failed flush it is not, until it is reopened.
    pub fn is_in_service(&self, topic: &str, partition: i32) -> bool {
        let partition = self.partition(topic, partition);
        partition.is_some_and(|partition| partition.watermarks().is_ok())
    }

    /// A setting of a topic, if the topic has one of its own.
    pub fn topic_config(&self, topic: &str, name: &str) -> Option<String> {
        let configs = |state: &ClusterState| state.topics.get(topic)?.configs.get(name).cloned();
        self.cluster.metadata_log().read(configs)
    }

    /// The offset that a group has committed.
    pub fn committed_offset(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let key = (topic.to_owned(), partition);
        let offset = |state: &ClusterState| {
            let committed = &state.offsets.get(group)?.committed;
            Some(committed.get(&key)?.offset)
        };
        self.cluster.metadata_log().read(offset)
    }

    /// The next producer id that is given out.
    pub fn next_producer_id(&self) -> i64 {
        self.cluster
            .metadata_log()
            .read(|state| state.next_producer_id)
    }

    /// What its clock says.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Advances the clock and runs the scheduled tasks.
    pub async fn run_scheduled_tasks(&self, later_ms: i64) {
        self.clock.0.fetch_add(later_ms, Ordering::SeqCst);
        self.cluster.mark_used();
        let cluster = self.cluster.clone();
        tokio::task::spawn_blocking(move || cluster.run_scheduled_tasks())
            .await
            .unwrap();
    }

    /// Has what a crash interrupted completed.
    pub async fn settle(&self) {
        self.cluster.transactions().resume();
        let is_settled = || {
            self.cluster.metadata_log().read(|state| {
                !state.transactions.values().any(|record| {
                    matches!(
                        record.status,
                        TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort
                    )
                })
            })
        };
        while !is_settled() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// All that a consumer sees of a partition, with the start of its log.
    pub fn read(&self, topic: &str, partition: i32, is_read_committed: bool) -> (i64, Vec<Seen>) {
        let log = self.partition(topic, partition).unwrap();
        let marks = log.watermarks().unwrap();
        let mut out = Vec::new();
        let mut offset = marks.log_start_offset;
        loop {
            let range = FetchRange {
                offset,
                max_bytes: 1 << 20,
                at_least_one: true,
                is_read_committed,
            };
            let fetched = log.fetch(range).unwrap();
            let Some(records) = &fetched.records else {
                return (marks.log_start_offset, out);
            };
            let mut bytes = BytesMut::new();
            records.read_into(&mut bytes).unwrap();
            for set in RecordBatchDecoder::decode_all(&mut bytes).unwrap() {
                for record in set.records {
                    let is_old = record.offset < offset;
                    offset = offset.max(record.offset + 1);
                    let is_aborted = record.transactional
                        && fetched.aborted.iter().any(|aborted| {
                            aborted.producer_id == record.producer_id
                                && (aborted.first_offset..=aborted.last_offset)
                                    .contains(&record.offset)
                        });
                    if record.control || is_old || (is_read_committed && is_aborted) {
                        continue;
                    }
                    let text = |bytes: Option<Bytes>| {
                        bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
                    };
                    out.push(Seen {
                        offset: record.offset,
                        key: text(record.key),
                        value: text(record.value),
                    });
                }
            }
        }
    }

    /// A clean shutdown.
    pub async fn close(&self) {
        self.cluster.stop().await.unwrap();
    }

    /// Stops without writing anything more.
    pub async fn abandon(&self) {
        self.cluster.halt().await;
    }
}
