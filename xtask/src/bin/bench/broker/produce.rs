//! Producers: as fast as it goes, and at a moderate rate.

use std::collections::{HashMap, VecDeque};
use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use brokerage_kafka_admin::{read_answer, request_frame};
use kafka_protocol::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};

use super::batch::Batch;
use super::consume::{self, Arrivals, Places};
use crate::kafka::name;

/// The producer's default `max.in.flight.requests.per.connection`.
const IN_FLIGHT: usize = 5;
/// The newest version of Produce that is measured: later ones say nothing more of a batch.
pub(super) const VERSION_MAX: i16 = 9;
/// Whom requests are from.
pub(super) const CLIENT_ID: &str = "bench";
/// Batches a second, of all clients together, where the rate is fixed.
pub(super) const PACED_PER_SECOND: u32 = 400;
/// How long an answer may take.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Where a request's correlation id stands, behind its length, key and version.
const CORRELATION_AT: usize = 8;
/// The longest answer to a produce request.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Whom a load is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) bootstrap: &'a str,
    /// The newest version of Produce that both sides know.
    pub(super) produce_version: i16,
    /// The same of Fetch.
    pub(super) fetch_version: i16,
    pub(super) topic: &'a str,
    pub(super) partitions: i32,
    pub(super) clients: usize,
}

impl Target<'_> {
    pub(super) fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.bootstrap)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        Ok(stream)
    }
}

/// A request with the batch for each of these partitions.
fn produce_frame(
    target: &Target<'_>,
    batch: &Batch,
    partitions: impl Iterator<Item = i32>,
) -> Result<Vec<u8>> {
    let data = partitions.map(|partition| {
        PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(batch.bytes.clone()))
    });
    let data = TopicProduceData::default()
        .with_name(name(target.topic))
        .with_partition_data(data.collect());
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![data]);
    let frame = request_frame(&request, target.produce_version, 0, CLIENT_ID)?;
    Ok(frame.into())
}

/// Reads the answers of one connection.
struct Answers {
    stream: BufReader<TcpStream>,
    version: i16,
    next: i32,
}

impl Answers {
    fn new(target: &Target<'_>, stream: &TcpStream) -> Result<Self> {
        Ok(Self {
            stream: BufReader::with_capacity(64 << 10, stream.try_clone()?),
            version: target.produce_version,
            next: 0,
        })
    }

    /// Partition and base offset of each batch that was acknowledged.
    fn next(&mut self) -> Result<Vec<(i32, i64)>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        ensure!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        let answer = read_answer::<ProduceRequest>(answer.into(), self.version, self.next)?;
        self.next += 1;
        let mut places = Vec::new();
        for partition in answer
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses)
        {
            ensure!(
                partition.error_code == 0,
                "Produce: error {}",
                partition.error_code
            );
            places.push((partition.index, partition.base_offset));
        }
        Ok(places)
    }
}

/// Joins what threads brought.
pub(super) fn join_all<T>(threads: Vec<thread::ScopedJoinHandle<'_, Result<T>>>) -> Result<Vec<T>> {
    let joined = threads.into_iter().map(|thread| {
        thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("a client panicked")))
    });
    joined.collect()
}

/// Every client sends a request for all partitions as soon as fewer than five wait for their answer.
/// Returns how long each was waited for.
pub(super) fn saturate(
    target: &Target<'_>,
    batch: &Batch,
    time: Duration,
) -> Result<Vec<Duration>> {
    let frame = produce_frame(target, batch, 0..target.partitions)?;
    let streams = (0..target.clients)
        .map(|_| target.connect())
        .collect::<Result<Vec<_>>>()?;
    let deadline = Instant::now() + time;
    let waited = thread::scope(|scope| {
        let clients = streams
            .into_iter()
            .map(|stream| {
                let frame = frame.clone();
                scope.spawn(move || saturate_one(target, stream, frame, deadline))
            })
            .collect();
        join_all(clients)
    })?;
    Ok(waited.concat())
}

fn saturate_one(
    target: &Target<'_>,
    mut stream: TcpStream,
    mut frame: Vec<u8>,
    deadline: Instant,
) -> Result<Vec<Duration>> {
    let mut answers = Answers::new(target, &stream)?;
    let (mut in_flight, mut waited) = (VecDeque::new(), Vec::new());
    let mut correlation = 0i32;
    loop {
        while in_flight.len() < IN_FLIGHT && Instant::now() < deadline {
            frame[CORRELATION_AT..CORRELATION_AT + 4].copy_from_slice(&correlation.to_be_bytes());
            correlation += 1;
            in_flight.push_back(Instant::now());
            stream.write_all(&frame)?;
        }
        let Some(sent) = in_flight.pop_front() else {
            return Ok(waited);
        };
        answers.next()?;
        waited.push(sent.elapsed());
    }
}

/// What a moderate rate came to.
#[derive(Debug)]
pub(super) struct Paced {
    /// From when a request was due to its acknowledgement.
    pub(super) acknowledged: Vec<Duration>,
    /// From when a request was due until a consumer had its records.
    pub(super) end_to_end: Vec<Duration>,
}

/// Sends one batch at a time at a fixed rate, whatever the answers do, with one consumer waiting for them.
pub(super) fn pace(
    target: &Target<'_>,
    batch: &Batch,
    ends: &[i64],
    time: Duration,
) -> Result<Paced> {
    let start = Barrier::new(target.clients + 1);
    let (done, until) = mpsc::channel();
    let (due, arrived) = thread::scope(|scope| -> Result<(Due, Arrivals)> {
        let start = &start;
        let consumer = scope.spawn(move || consume::follow(target, ends, start, &until));
        let clients = (0..target.clients)
            .map(|client| scope.spawn(move || pace_one(target, batch, client, time, start)))
            .collect();
        let due = join_all(clients);
        let wanted: Places = due
            .iter()
            .flatten()
            .flatten()
            .map(|(place, _)| *place)
            .collect();
        // The consumer is gone only if it failed, which its result tells.
        let _ = done.send(wanted);
        let arrived = join_all(vec![consumer])?.pop().unwrap_or_default();
        Ok((due?.concat(), arrived))
    })?;
    let arrived: HashMap<(i32, i64), Instant> = arrived.into_iter().collect();
    let mut paced = Paced {
        acknowledged: Vec::with_capacity(due.len()),
        end_to_end: Vec::with_capacity(due.len()),
    };
    for (place, (due, acknowledged)) in due {
        paced.acknowledged.push(acknowledged - due);
        let arrived = arrived.get(&place).context("a batch never arrived")?;
        paced
            .end_to_end
            .push(arrived.saturating_duration_since(due));
    }
    Ok(paced)
}

/// Partition and base offset of each batch, when it was due and when it was acknowledged.
type Due = Vec<((i32, i64), (Instant, Instant))>;

fn pace_one(
    target: &Target<'_>,
    batch: &Batch,
    client: usize,
    time: Duration,
    start: &Barrier,
) -> Result<Due> {
    let mut frames = (0..target.partitions)
        .map(|partition| produce_frame(target, batch, std::iter::once(partition)))
        .collect::<Result<Vec<_>>>()?;
    let stream = target.connect();
    start.wait();
    let mut stream = stream?;
    let mut answers = Answers::new(target, &stream)?;
    let interval = Duration::from_secs(1) / PACED_PER_SECOND;
    let every = interval * target.clients as u32;
    let first = Instant::now() + interval * client as u32;
    let count = (time.as_secs_f64() / every.as_secs_f64()) as u32;
    let (sent, sending) = mpsc::channel::<Instant>();
    thread::scope(|scope| {
        let receiver = scope.spawn(move || -> Result<Due> {
            let mut acknowledged = Vec::new();
            for due in sending {
                let place = *answers.next()?.first().context("an empty answer")?;
                acknowledged.push((place, (due, Instant::now())));
            }
            Ok(acknowledged)
        });
        for number in 0..count {
            let due = first + every * number;
            let wait = due.saturating_duration_since(Instant::now());
            // A client that overslept is not the server's fault; one that was held up by it is.
            let due = if wait.is_zero() {
                due
            } else {
                thread::sleep(wait);
                Instant::now()
            };
            let frame = &mut frames[(number as usize + client) % target.partitions as usize];
            frame[CORRELATION_AT..CORRELATION_AT + 4]
                .copy_from_slice(&(number as i32).to_be_bytes());
            if sent.send(due).is_err() {
                break;
            }
            stream.write_all(frame)?;
        }
        drop(sent);
        receiver
            .join()
            .unwrap_or_else(|_| Err(anyhow!("a client panicked")))
    })
}
