//! What clients that come through public listeners share: a bandwidth in each direction and a number of connections,
//! besides those of the whole cluster.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::quota::token_bucket::TokenBucket;
use crate::spec::PublicLimits;

/// Public access to one cluster.
#[derive(Debug)]
pub(crate) struct PublicAccess {
    /// The bandwidth of what clients send.
    pub ingress: TokenBucket,
    /// The bandwidth of what clients fetch.
    pub egress: TokenBucket,
    connections: AtomicU32,
}

impl PublicAccess {
    pub(crate) fn new(limits: &PublicLimits) -> Self {
        Self {
            ingress: TokenBucket::new(limits.ingress_bytes_per_second_max),
            egress: TokenBucket::new(limits.egress_bytes_per_second_max),
            connections: AtomicU32::new(0),
        }
    }

    /// Changes the bandwidth; connections that are open stay so.
    pub(crate) fn set_limits(&self, limits: &PublicLimits) {
        self.ingress.set_rate(limits.ingress_bytes_per_second_max);
        self.egress.set_rate(limits.egress_bytes_per_second_max);
    }

    /// Counts a new connection, unless there are so many.
    pub(crate) fn take_connection(&self, connections_max: u32) -> bool {
        take_connection(&self.connections, connections_max)
    }

    /// Counts a closed connection.
    pub(crate) fn give_connection_back(&self) {
        self.connections.fetch_sub(1, Ordering::AcqRel);
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Adds one to `open`, unless the limit is reached.
pub(crate) fn take_connection(open: &AtomicU32, connections_max: u32) -> bool {
    let one_more = |open| (open < connections_max).then_some(open + 1);
    open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
        .is_ok()
}
