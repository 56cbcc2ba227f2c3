//! What is counted per cluster, topic and user, for metering and metrics.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

macro_rules! counters {
    (
        $(#[$live_doc:meta])* $live:ident,
        $(#[$values_doc:meta])* $values:ident {
            $($(#[doc = $doc:literal])+ $name:ident,)+
        }
    ) => {
        $(#[$live_doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $live { $($(#[doc = $doc])+ pub(crate) $name: AtomicU64,)+ }

        $(#[$values_doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $values { $($(#[doc = $doc])+ pub $name: u64,)+ }

        impl $live {
            pub(crate) fn values(&self) -> $values {
                $values { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }

        impl $values {
            /// Name, meaning and value of each, always in the same order.
            pub fn described(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), concat!($($doc),+).trim(), self.$name),)+]
            }
        }
    };
}

counters! {
    /// Running totals of one cluster.
    Counters,
    /// Totals of a cluster since it was started.
    CounterValues {
        /// Record bytes that were appended.
        bytes_in,
        /// Record bytes that were fetched.
        bytes_out,
        /// Bytes that were appended beyond the bought bandwidth, counted as that is.
        elastic_bytes_in,
        /// Bytes that were fetched beyond the bought bandwidth, counted as that is.
        elastic_bytes_out,
        /// Record bytes that were appended through public listeners.
        public_bytes_in,
        /// Record bytes that were fetched through public listeners.
        public_bytes_out,
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
        /// Connections taken at public listeners.
        public_connections_accepted,
        /// Connections closed at once because there were too many at public listeners.
        public_connections_refused,
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
        /// Bytes of old records that went because the disk was nearly full.
        disk_trimmed_bytes,
    }
}

counters! {
    /// Running totals of one topic.
    TopicCounters,
    /// Totals of a topic since its cluster was started.
    TopicCounterValues {
        /// Record bytes that were appended.
        bytes_in,
        /// Record bytes that were fetched.
        bytes_out,
        /// Requests to produce to the topic.
        produce_requests,
        /// Fetches from the topic that were answered.
        fetch_requests,
        /// Partitions that an answer had an error code for.
        errors,
    }
}

counters! {
    /// Running totals of one user.
    UserCounters,
    /// Totals of a user since the cluster was started.
    UserCounterValues {
        /// Record bytes that were appended.
        bytes_in,
        /// Record bytes that were fetched.
        bytes_out,
        /// Requests answered.
        requests,
        /// Partitions that an answer had an error code for.
        errors,
        /// Requests that were told to wait because of bandwidth.
        throttled_requests,
        /// Milliseconds that the user's clients were told to wait.
        throttled_ms,
        /// Refusals because of missing permission.
        authorizations_refused,
    }
}

/// Users with counters of their own; further ones share one entry with an empty name.
const USERS_COUNTED_MAX: usize = 1_000;

/// What each user of a cluster did. A connection asks once and keeps what it gets.
#[derive(Debug, Default)]
pub(crate) struct CountersByUser(RwLock<BTreeMap<Arc<str>, Arc<UserCounters>>>);

impl CountersByUser {
    pub(crate) fn of(&self, user: &Arc<str>) -> Arc<UserCounters> {
        if let Some(known) = self.0.read().get(user) {
            return known.clone();
        }
        let mut users = self.0.write();
        let is_full = users.len() >= USERS_COUNTED_MAX && !users.contains_key(user);
        let name = if is_full { "".into() } else { user.clone() };
        users.entry(name).or_default().clone()
    }

    pub(crate) fn values(&self) -> Vec<(String, UserCounterValues)> {
        let users = self.0.read();
        let values = users
            .iter()
            .map(|(user, counters)| (user.to_string(), counters.values()));
        values.collect()
    }
}

/// Addresses that are remembered of those who produce to a topic; the one that was silent for longest makes room.
const PRODUCERS_MAX: usize = 100;

/// Who produces to a topic: addresses, with when each last did, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Producers(Mutex<HashMap<IpAddr, i64>>);

impl Producers {
    pub(crate) fn note(&self, address: IpAddr, now_ms: i64) {
        let mut known = self.0.lock();
        if known.len() >= PRODUCERS_MAX && !known.contains_key(&address) {
            let oldest = known.iter().min_by_key(|(_, at_ms)| **at_ms);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                known.remove(&oldest);
            }
        }
        known.insert(address, now_ms);
    }

    /// Those who produced at this time or later, the latest first.
    pub(crate) fn since(&self, from_ms: i64) -> Vec<(IpAddr, i64)> {
        let known = self.0.lock();
        let mut found: Vec<(IpAddr, i64)> = known
            .iter()
            .map(|(address, at_ms)| (*address, *at_ms))
            .filter(|(_, at_ms)| *at_ms >= from_ms)
            .collect();
        found.sort_by_key(|(address, at_ms)| (std::cmp::Reverse(*at_ms), *address));
        found
    }
}

/// Counters that take no room before something is counted.
#[derive(Debug)]
pub(crate) struct Lazy<T>(OnceLock<Box<T>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Default> Lazy<T> {
    /// To count something.
    pub(crate) fn used(&self) -> &T {
        self.0.get_or_init(Box::default)
    }

    /// To read them; `None`: nothing was counted.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get().map(|counters| &**counters)
    }
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

pub(crate) fn stored(counter: &AtomicI64) -> u64 {
    u64::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_beyond_the_bound_are_counted_together() {
        let table = CountersByUser::default();
        for at in 0..USERS_COUNTED_MAX + 5 {
            add(&table.of(&format!("u{at}").into()).requests, 1);
        }
        add(&table.of(&"u0".into()).requests, 1);
        let values = table.values();
        assert_eq!(values.len(), USERS_COUNTED_MAX + 1);
        let of = |user: &str| values.iter().find(|(name, _)| name == user).unwrap().1;
        assert_eq!(of("").requests, 5);
        assert_eq!(of("u0").requests, 2);
    }

    #[test]
    fn those_who_produce_are_remembered_up_to_a_bound() {
        let producers = Producers::default();
        let address = |at: u32| IpAddr::from(at.to_be_bytes());
        for at in 0..PRODUCERS_MAX as u32 + 5 {
            producers.note(address(at), i64::from(at));
        }
        producers.note(address(5), 1_000);
        let found = producers.since(0);
        assert_eq!(found.len(), PRODUCERS_MAX);
        assert_eq!(found[0], (address(5), 1_000));
        assert!(found.iter().all(|(known, _)| *known != address(4)));
        assert_eq!(producers.since(1_000).len(), 1);
    }

    #[test]
    fn counters_describe_themselves() {
        let values = TopicCounterValues {
            bytes_out: 7,
            ..TopicCounterValues::default()
        };
        let described = values.described();
        assert_eq!(
            described[0],
            ("bytes_in", "Record bytes that were appended.", 0)
        );
        assert_eq!(
            described[1],
            ("bytes_out", "Record bytes that were fetched.", 7)
        );
    }
}
