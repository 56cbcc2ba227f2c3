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
    /// Of these, those whose client has not proven yet who it is.
    unproven: AtomicU32,
}

/// What part of the bought connections those may take that have not proven yet who they are: strangers leave the
/// others to clients that have users.
const UNPROVEN_PART: u32 = 4;

impl PublicAccess {
    pub(crate) fn new(limits: &PublicLimits) -> Self {
        Self {
            ingress: TokenBucket::new(limits.ingress_bytes_per_second_max),
            egress: TokenBucket::new(limits.egress_bytes_per_second_max),
            connections: AtomicU32::new(0),
            unproven: AtomicU32::new(0),
        }
    }

    /// Changes the bandwidth; connections that are open stay so.
    pub(crate) fn set_limits(&self, limits: &PublicLimits) {
        self.ingress.set_rate(limits.ingress_bytes_per_second_max);
        self.egress.set_rate(limits.egress_bytes_per_second_max);
    }

    /// Counts a new connection, unless there are so many, or too many whose clients nobody knows yet.
    pub(crate) fn take_connection(&self, connections_max: u32) -> bool {
        let unproven_max = connections_max.div_ceil(UNPROVEN_PART);
        if !take(&self.unproven, unproven_max) {
            return false;
        }
        let is_taken = take(&self.connections, connections_max);
        if !is_taken {
            self.prove_connection();
        }
        is_taken
    }

    /// A connection's client has proven who it is, as far as its listener asks.
    pub(crate) fn prove_connection(&self) {
        self.unproven.fetch_sub(1, Ordering::AcqRel);
    }

    /// Counts a closed connection; `is_proven`: [`prove_connection`](Self::prove_connection) was called for it.
    pub(crate) fn give_connection_back(&self, is_proven: bool) {
        if !is_proven {
            self.prove_connection();
        }
        self.connections.fetch_sub(1, Ordering::AcqRel);
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Adds one to `open`, unless the limit is reached.
pub(crate) fn take(open: &AtomicU32, connections_max: u32) -> bool {
    let one_more = |open| (open < connections_max).then_some(open + 1);
    open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
        .is_ok()
}
