//! What requests use of the bandwidth, and how long their clients have to be silent (KIP-219).

use std::time::Duration;

use tokio::time::Instant;

use super::Context;
use crate::quota::client::{Client, Direction};

/// Bytes of records in one answer, whatever the client asks (Kafka's `fetch.max.bytes`).
const FETCH_BYTES_MAX: usize = 55 << 20;

/// Traffic of one request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    /// Record bytes.
    bytes: u64,
    /// The same as the bandwidth that was bought counts it.
    charged: u64,
}

impl Traffic {
    /// Adds records of a topic with so many replicas.
    pub(super) fn add(&mut self, context: &Context, bytes: usize, replicas: i16) {
        let weight = match context.cluster.spec().limits.bandwidth_counts_replicas {
            true => u64::try_from(replicas).unwrap_or(1).max(1),
            false => 1,
        };
        self.bytes += bytes as u64;
        self.charged += bytes as u64 * weight;
    }
}

impl Context {
    fn client(&self) -> Client<'_> {
        Client {
            user: &self.user,
            client_id: &self.client_id,
        }
    }

    /// Takes traffic from the bandwidth of the cluster and from the client's own quota. Returns how long the
    /// client is told to wait, and has the connection be silent for as long after the answer.
    pub(super) fn charge(&mut self, direction: Direction, traffic: Traffic) -> Duration {
        if self.is_internal {
            return Duration::ZERO;
        }
        let cluster = &self.cluster;
        let now = Instant::now();
        let bucket = match direction {
            Direction::Produce => cluster.ingress(),
            Direction::Fetch => cluster.egress(),
        };
        let own = cluster.client_quotas().charge(
            cluster.metadata_log(),
            direction,
            self.client(),
            traffic.bytes,
            now,
        );
        let throttle = bucket.charge(traffic.charged, now).max(own);
        // What is told is in whole milliseconds, and so is what is kept.
        let throttle = Duration::from_millis(throttle.as_millis() as u64);
        self.note_throttle(throttle);
        throttle
    }

    /// How much one answer to a fetch may hold: what the client asks, but little enough that bandwidth is used
    /// evenly. A batch that is larger is given whole.
    pub(super) fn fetch_bytes_max(&self, asked: i32) -> usize {
        let cluster = &self.cluster;
        let asked = usize::try_from(asked).unwrap_or(0).min(FETCH_BYTES_MAX);
        if self.is_internal {
            return asked;
        }
        let own = cluster.client_quotas().portion_bytes(
            cluster.metadata_log(),
            Direction::Fetch,
            self.client(),
        );
        asked.min(cluster.egress().portion_bytes()).min(own)
    }
}
