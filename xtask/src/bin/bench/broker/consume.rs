//! Consumers: one request at a time over all partitions, from the beginning or at the end.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use brokerage_kafka_admin::{read_answer, request_frame};
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};

use super::produce::{ANSWER_LIMIT, CLIENT_ID, Target, join_all};
use crate::kafka::{Broker, name};

/// Of each request: its connection has one in flight.
const CORRELATION_ID: i32 = 0;
/// The newest version of ListOffsets that needs nothing beside what is set here.
const LIST_OFFSETS_MAX: i16 = 7;
/// Asks ListOffsets for the end.
const LATEST: i64 = -1;
/// The consumer's defaults `fetch.max.bytes`, `max.partition.fetch.bytes` and `fetch.max.wait.ms`.
const FETCH_BYTES_MAX: i32 = 50 << 20;
const PARTITION_BYTES_MAX: i32 = 1 << 20;
const WAIT_MS: i32 = 500;
/// Bytes of a batch's head.
const BATCH_HEAD_BYTES: usize = 61;

/// Partition and base offset of a batch.
pub(super) type Places = HashSet<(i32, i64)>;
/// When the batch at a place came.
pub(super) type Arrivals = Vec<((i32, i64), Instant)>;

/// The end of each partition.
pub(super) fn end_offsets(target: &Target<'_>) -> Result<Vec<i64>> {
    let partitions = (0..target.partitions).map(|index| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_timestamp(LATEST)
    });
    let topic = ListOffsetsTopic::default()
        .with_name(name(target.topic))
        .with_partitions(partitions.collect());
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic]);
    let mut broker = Broker::connect(target.bootstrap)?;
    let answer = broker.ask(async |client| client.call_up_to(&request, LIST_OFFSETS_MAX).await)?;
    let mut ends = vec![0; target.partitions as usize];
    for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
        ensure!(
            partition.error_code == 0,
            "ListOffsets: error {}",
            partition.error_code
        );
        *ends
            .get_mut(partition.partition_index as usize)
            .context("a partition that was not asked for")? = partition.offset;
    }
    Ok(ends)
}

/// A consumer with its places.
struct Consumer<'a> {
    target: &'a Target<'a>,
    stream: TcpStream,
    version: i16,
    offsets: Vec<i64>,
    buffer: Vec<u8>,
}

impl<'a> Consumer<'a> {
    fn new(target: &'a Target<'a>, offsets: Vec<i64>) -> Result<Self> {
        Ok(Self {
            target,
            stream: target.connect()?,
            version: target.fetch_version,
            offsets,
            buffer: Vec::new(),
        })
    }

    /// Fetches once, tells `visit` of every batch (partition, base offset) and moves on.
    fn fetch(&mut self, mut visit: impl FnMut(i32, i64)) -> Result<()> {
        let partitions = (0..self.target.partitions).map(|index| {
            FetchPartition::default()
                .with_partition(index)
                .with_fetch_offset(self.offsets[index as usize])
                .with_partition_max_bytes(PARTITION_BYTES_MAX)
        });
        let topic = FetchTopic::default()
            .with_topic(name(self.target.topic))
            .with_partitions(partitions.collect());
        let request = FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(WAIT_MS)
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES_MAX)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let frame = request_frame(&request, self.version, CORRELATION_ID, CLIENT_ID)?;
        self.stream.write_all(&frame)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        ensure!(
            length <= 2 * FETCH_BYTES_MAX as u32,
            "an answer of {length} bytes"
        );
        self.buffer.clear();
        self.buffer.reserve(length as usize);
        let read = (&mut self.stream)
            .take(length.into())
            .read_to_end(&mut self.buffer)?;
        ensure!(read == length as usize, "the server closed the connection");
        let whole = Bytes::from(std::mem::take(&mut self.buffer));
        let answer = read_answer::<FetchRequest>(whole.clone(), self.version, CORRELATION_ID)?;
        ensure!(answer.error_code == 0, "Fetch: error {}", answer.error_code);
        for partition in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            ensure!(
                partition.error_code == 0,
                "Fetch: error {}",
                partition.error_code
            );
            let index = partition.partition_index;
            let records = partition.records.as_deref().unwrap_or_default();
            let offset = self
                .offsets
                .get_mut(index as usize)
                .context("a partition that was not asked for")?;
            walk(records, offset, |base_offset| visit(index, base_offset));
        }
        drop(answer);
        // The same memory again: nobody else holds it.
        self.buffer = Vec::from(whole);
        Ok(())
    }
}

/// Looks at the heads of whole batches; a consumer gets the last one in part.
fn walk(mut records: &[u8], offset: &mut i64, mut visit: impl FnMut(i64)) {
    while let Some(head) = records.get(..BATCH_HEAD_BYTES) {
        let i32_at =
            |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let base = (i64::from(i32_at(0)) << 32) | i64::from(i32_at(4) as u32);
        let Some(rest) = records.get(12 + i32_at(8).max(0) as usize..) else {
            return;
        };
        if base >= *offset {
            visit(base);
        }
        *offset = base + i64::from(i32_at(23)) + 1;
        records = rest;
    }
}

/// Every client reads everything below `ends`, again and again. Returns the number of batches.
pub(super) fn saturate(target: &Target<'_>, ends: &[i64], time: Duration) -> Result<u64> {
    let consumers = (0..target.clients)
        .map(|_| Consumer::new(target, vec![0; ends.len()]))
        .collect::<Result<Vec<_>>>()?;
    let deadline = Instant::now() + time;
    let read = thread::scope(|scope| {
        let clients = consumers
            .into_iter()
            .map(|mut consumer| {
                scope.spawn(move || -> Result<u64> {
                    let mut batches = 0;
                    while Instant::now() < deadline {
                        consumer.fetch(|_, _| batches += 1)?;
                        if consumer.offsets == ends {
                            consumer.offsets.fill(0);
                        }
                    }
                    Ok(batches)
                })
            })
            .collect();
        join_all(clients)
    })?;
    Ok(read.into_iter().sum())
}

/// Waits at the end of the partitions for what comes, until all places that `until` names were seen.
pub(super) fn follow(
    target: &Target<'_>,
    ends: &[i64],
    start: &Barrier,
    until: &mpsc::Receiver<Places>,
) -> Result<Arrivals> {
    let consumer = Consumer::new(target, ends.to_vec());
    start.wait();
    let mut consumer = consumer?;
    let (mut arrivals, mut seen) = (Arrivals::new(), Places::new());
    let mut wanted: Option<(Places, Instant)> = None;
    loop {
        let mut places = Vec::new();
        consumer.fetch(|partition, base_offset| places.push((partition, base_offset)))?;
        let now = Instant::now();
        seen.extend(&places);
        arrivals.extend(places.into_iter().map(|place| (place, now)));
        if let Ok(places) = until.try_recv() {
            wanted = Some((places, now));
        }
        if let Some((wanted, since)) = &wanted {
            if wanted.is_subset(&seen) {
                return Ok(arrivals);
            }
            ensure!(since.elapsed() < ANSWER_LIMIT, "records did not arrive");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Batch;
    use super::walk;

    #[test]
    fn whole_batches_are_walked_and_a_torn_one_is_not() {
        let batch = Batch::new(1024, false).expect("a batch");
        let mut records = batch.bytes.to_vec();
        let mut second = batch.bytes.to_vec();
        second[..8].copy_from_slice(&15i64.to_be_bytes());
        records.extend_from_slice(&second);
        let (mut offset, mut seen) = (0, Vec::new());
        walk(&records, &mut offset, |base| seen.push(base));
        assert_eq!((offset, seen), (30, vec![0, 15]));
        let (mut offset, mut seen) = (15, Vec::new());
        walk(&records[..records.len() - 1], &mut offset, |base| {
            seen.push(base)
        });
        assert_eq!((offset, seen), (15, vec![]));
    }
}
