//! Throttling by bandwidth and client quotas (KIP-219; Kafka's `ClientQuotaManager`).

use std::time::Duration;

use tokio::time::Instant;

use super::Context;
use crate::counters;
use crate::quota::bandwidth::Bandwidth;
use crate::quota::client::{Client, Direction};
use crate::quota::token_bucket::TokenBucket;

/// Bytes of records in one answer, whatever the client asks (Kafka's `fetch.max.bytes`).
const FETCH_BYTES_MAX: usize = 55 << 20;

/// Longest throttle time that an answer tells, and that a client's own quota mutes it (Kafka's quota window). What the
/// cluster owes is waited for, however long that is.
pub(crate) const THROTTLE_MAX: Duration = Duration::from_secs(30);

/// Traffic of one request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    /// Record bytes, as client quotas count them.
    bytes: u64,
    /// Record bytes as the bought bandwidth counts them: times the replicas, if the plan says so.
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

    /// Takes traffic from the bandwidth of the cluster and from the client's own quota. Returns the throttle
    /// time of the answer; the connection is muted for as long after it.
    pub(super) fn charge(&mut self, direction: Direction, traffic: Traffic) -> Duration {
        if self.is_internal {
            return Duration::ZERO;
        }
        let cluster = &self.cluster;
        let now = Instant::now();
        let (bandwidth, public) = self.bought(direction);
        let counters = cluster.counters();
        let elastic_bytes = match direction {
            Direction::Produce => &counters.elastic_bytes_in,
            Direction::Fetch => &counters.elastic_bytes_out,
        };
        let charged = bandwidth.charge(traffic.charged, now);
        if charged.elastic_bytes > 0 {
            counters::add(elastic_bytes, charged.elastic_bytes);
        }
        let own = cluster.client_quotas().charge(
            cluster.metadata_log(),
            direction,
            self.client(),
            traffic.bytes,
            now,
        );
        let mut muted = charged.wait.max(own.min(THROTTLE_MAX));
        if self.is_public {
            muted = muted.max(public.charge(traffic.bytes, now));
        }
        *self.admitted(direction) = true;
        // Whole milliseconds, as in the answer.
        let muted = Duration::from_millis(muted.as_millis() as u64);
        let told = muted.min(THROTTLE_MAX);
        self.note_throttle(told, muted);
        told
    }

    /// Lets the first request of a connection that produces or fetches wait until what the cluster owes at that time
    /// is paid: whoever connects anew for each request would not be throttled otherwise.
    pub(super) async fn admit(&mut self, direction: Direction) {
        if self.is_internal || *self.admitted(direction) {
            return;
        }
        let now = Instant::now();
        let (bandwidth, public) = self.bought(direction);
        let mut owed = bandwidth.owed(now);
        if self.is_public {
            owed = owed.max(public.owed(now));
        }
        if !owed.is_zero() {
            tokio::time::sleep(owed).await;
        }
        *self.admitted(direction) = true;
    }

    /// The bandwidth of the cluster, and that of public access to it.
    fn bought(&self, direction: Direction) -> (&Bandwidth, &TokenBucket) {
        let (cluster, public) = (&self.cluster, self.cluster.public_access());
        match direction {
            Direction::Produce => (cluster.ingress(), &public.ingress),
            Direction::Fetch => (cluster.egress(), &public.egress),
        }
    }

    fn admitted(&mut self, direction: Direction) -> &mut bool {
        match direction {
            Direction::Produce => &mut self.may_produce,
            Direction::Fetch => &mut self.may_fetch,
        }
    }

    /// Largest size of one answer to a fetch: what the client asks, but little enough that bandwidth is used
    /// evenly. A larger batch is sent whole.
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
        let public = match self.is_public {
            true => cluster.public_access().egress.portion_bytes(),
            false => usize::MAX,
        };
        asked
            .min(cluster.egress().portion_bytes())
            .min(public)
            .min(own)
    }
}
