//! The cells, and how one of them is measured on one server.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use kafka_protocol::messages::{FetchRequest, ProduceRequest};

use super::batch::Batch;
use super::report::{Figures, ReadFigures};
use super::server::{Served, own_cpu};
use super::{Phase, consume, produce};
use crate::instances::FETCH_BY_NAME;
use crate::kafka::Broker;
use crate::stats::percentile;

/// How long is waited between two questions whether a topic is there.
const PAUSE: Duration = Duration::from_millis(10);

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Durability {
    /// Survives the process being killed; Apache Kafka's default.
    Process,
    /// Survives loss of power; Apache Kafka with `flush.messages=1`.
    Power,
}

/// One load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) durability: Durability,
    pub(super) record_bytes: usize,
    pub(super) partitions: i32,
    pub(super) clients: usize,
    pub(super) is_lz4: bool,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let durability = match self.durability {
            Durability::Process => "process",
            Durability::Power => "power",
        };
        let codec = if self.is_lz4 { "lz4" } else { "plain" };
        write!(
            f,
            "{durability}/{}B/{}p/{}c/{codec}",
            self.record_bytes, self.partitions, self.clients
        )
    }
}

/// Records of 1 KiB in every combination; records of 100 bytes at both ends.
pub(super) fn cells() -> Vec<Cell> {
    let mut all = Vec::new();
    for durability in [Durability::Process, Durability::Power] {
        for (record_bytes, partitions, clients) in [
            (1024, 1, 1),
            (1024, 1, 8),
            (1024, 6, 1),
            (1024, 6, 8),
            (100, 1, 1),
            (100, 6, 8),
        ] {
            all.extend([false, true].map(|is_lz4| Cell {
                durability,
                record_bytes,
                partitions,
                clients,
                is_lz4,
            }));
        }
    }
    all
}

/// How long each phase takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) produce: Duration,
    /// Without it only that is measured.
    pub(super) read: Option<ReadTimes>,
}

/// How long each phase takes in which something is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadTimes {
    pub(super) consume: Duration,
    pub(super) paced: Duration,
}

/// Runs a load and says what it cost.
fn phase(server: &Served, payload: &Batch, load: impl FnOnce() -> Result<u64>) -> Result<Phase> {
    let (started, server_before, client_before) = (Instant::now(), server.cpu()?, own_cpu()?);
    let batches = load()?;
    let elapsed = started.elapsed();
    Ok(Phase {
        payload_bytes: batches * payload.payload_bytes as u64,
        records: batches * payload.records as u64,
        elapsed,
        server: server.cpu()?.saturating_sub(server_before),
        client: own_cpu()?.saturating_sub(client_before),
    })
}

/// Waits until the broker leads every partition: CreateTopics answers when the controller knows of them.
fn wait_until_led(target: &produce::Target<'_>) -> Result<()> {
    let deadline = Instant::now() + produce::ANSWER_LIMIT;
    while let Err(error) = consume::end_offsets(target) {
        if Instant::now() > deadline {
            return Err(error);
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Produces and consumes as fast as it goes, then at a moderate rate; on a topic of its own, which is
/// deleted and gone from the disk afterwards.
pub(super) fn measure(server: &Served, cell: &Cell, topic: &str, times: Times) -> Result<Figures> {
    let mut admin = Broker::connect(server.bootstrap())?;
    admin.create(topic, cell.partitions, server.topic_configs())?;
    let batch = Batch::new(cell.record_bytes, cell.is_lz4)?;
    // What is left of the last load must not be written out during this one.
    rustix::fs::sync();
    server.reset_peak_memory()?;
    let target = produce::Target {
        bootstrap: server.bootstrap(),
        produce_version: admin.version_up_to::<ProduceRequest>(produce::VERSION_MAX)?,
        fetch_version: admin.version_up_to::<FetchRequest>(FETCH_BY_NAME)?,
        topic,
        partitions: cell.partitions,
        clients: cell.clients,
    };
    wait_until_led(&target)?;
    let mut acknowledged = Vec::new();
    let produced = phase(server, &batch, || {
        acknowledged = produce::saturate(&target, &batch, times.produce)?;
        Ok(acknowledged.len() as u64 * cell.partitions as u64)
    })?;
    let read = match times.read {
        Some(times) => Some(measure_read(server, &target, &batch, times)?),
        None => None,
    };
    let peak_memory_bytes = server.peak_memory_bytes()?;
    admin.delete(topic)?;
    server.wait_until_deleted(topic)?;
    Ok(Figures {
        produced,
        ack_p50: percentile(&mut acknowledged, 50),
        ack_p99: percentile(&mut acknowledged, 99),
        read,
        peak_memory_bytes,
    })
}

fn measure_read(
    server: &Served,
    target: &produce::Target<'_>,
    batch: &Batch,
    times: ReadTimes,
) -> Result<ReadFigures> {
    let ends = consume::end_offsets(target)?;
    let consumed = phase(server, batch, || {
        consume::saturate(target, &ends, times.consume)
    })?;
    let paced = produce::pace(target, batch, &ends, times.paced)?;
    let (mut paced_acks, mut end_to_end) = (paced.acknowledged, paced.end_to_end);
    Ok(ReadFigures {
        consumed,
        paced_p50: percentile(&mut paced_acks, 50),
        paced_p99: percentile(&mut paced_acks, 99),
        end_to_end_p50: percentile(&mut end_to_end, 50),
        end_to_end_p99: percentile(&mut end_to_end, 99),
    })
}
