//! What is counted per cluster, for metering and metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Running totals of one cluster.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $($(#[$doc])* pub(crate) $name: AtomicU64,)+ }

        /// Totals since the process started.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct CounterValues { $($(#[$doc])* pub $name: u64,)+ }

        impl Counters {
            pub(crate) fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Record bytes that were appended.
    bytes_in,
    /// Record bytes that were fetched.
    bytes_out,
    /// Requests answered.
    requests,
    /// Answers that carried an error code for a whole request or a partition.
    errors,
    /// Requests that were told to wait because of bandwidth.
    throttled_requests,
    /// Milliseconds that clients were told to wait.
    throttled_ms,
    /// Connections taken.
    connections_accepted,
    /// Connections closed at once because there were too many.
    connections_refused,
    /// Connections closed because of what was sent.
    connections_malformed,
    /// TLS handshakes that failed, by plaintext clients among others.
    handshakes_failed,
    /// Users who authenticated or renewed their session.
    authentications,
    /// Users who were refused.
    authentications_failed,
    /// Users who were refused unseen, because there were too many failures from their address.
    authentications_limited,
    /// Connections closed because their session was not renewed in time.
    sessions_expired,
    /// Topics or partitions refused because of the limits.
    topics_refused,
    /// Groups refused because of the limits.
    groups_refused,
    /// Refusals because of missing permission.
    authorizations_refused,
    /// Batches refused because of their size.
    messages_too_large,
    /// Batches refused because the disk quota was used up.
    disk_refused,
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

pub(crate) fn stored(counter: &AtomicI64) -> u64 {
    u64::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0)
}
