//! A cluster without sockets: requests go in as frames, answers come out.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use brokerage_kafka_admin::{read_answer, request_frame};
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{protocol::Request, records::RecordBatchDecoder};

use crate::{
    clock::Clock,
    cluster::{Cluster, shared::Shared},
    log::{
        disk::Disk,
        durability::Durability,
        file::FileCache,
        partition::{FetchRange, Partition},
    },
    metadata::state::TransactionStatus,
    process::Process,
    protocol::{self, Context, Reply},
    spec::{Authorization, BrokerSpec, ClusterLimits, ClusterSpec, LogIntervals, TopicDefaults},
};

const CLUSTER: &str = "c";
/// Of every request: each has a connection of its own.
const CORRELATION_ID: i32 = 1;
/// Bytes of a frame's length, which is the network's and not the protocol's.
const LENGTH_BYTES: usize = 4;

/// A clock that is moved by hand.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// When a test begins.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// One record as a consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub offset: i64,
    pub key: Option<String>,
    pub value: Option<String>,
}

pub(crate) struct Running {
    pub cluster: Arc<Cluster>,
    clock: Arc<HandClock>,
}

impl Running {
    pub(crate) fn open(dir: &Path, disk: Disk, durability: Durability) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(NOW_MS)));
        let process = Process::new(clock.clone(), 1);
        let files = FileCache::on(disk, 64);
        let shared = Shared::new(process, files, durability, LogIntervals::default());
        let spec = ClusterSpec {
            id: CLUSTER.to_owned(),
            kafka_version: "4.1.0".to_owned(),
            brokers: vec![BrokerSpec {
                id: 0,
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
        };
        let cluster = Cluster::open(shared, dir.join(CLUSTER), spec).unwrap();
        Self { cluster, clock }
    }

    /// One request on a connection of its own.
    pub(crate) async fn call<R: Request>(&self, request: R, version: i16) -> R::Response {
        let mut frame = request_frame(&request, version, CORRELATION_ID, "test").unwrap();
        frame.advance(LENGTH_BYTES);
        let mut answer = self.answer(frame).await.unwrap().unwrap();
        answer.advance(LENGTH_BYTES);
        read_answer::<R>(answer, version, CORRELATION_ID).unwrap()
    }

    /// What a frame is answered with.
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

    /// What its clock says.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Moves the clock and looks after everything.
    pub(crate) async fn keep_house(&self, later_ms: i64) {
        self.clock.0.fetch_add(later_ms, Ordering::SeqCst);
        self.cluster.note_use();
        let cluster = self.cluster.clone();
        tokio::task::spawn_blocking(move || cluster.keep_house())
            .await
            .unwrap();
    }

    /// Has what a crash interrupted completed.
    pub(crate) async fn settle(&self) {
        self.cluster.transactions().resume();
        let is_settled = || {
            self.cluster.journal().read(|state| {
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
    pub(crate) fn read(
        &self,
        topic: &str,
        partition: i32,
        is_read_committed: bool,
    ) -> (i64, Vec<Seen>) {
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

    /// Stops as a process does that is asked to.
    pub(crate) async fn close(&self) {
        self.cluster.stop().await.unwrap();
    }

    /// Goes away without writing anything more.
    pub(crate) async fn abandon(&self) {
        self.cluster.halt().await;
    }
}
