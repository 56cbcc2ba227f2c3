//! What a connection does, counted for its cluster, its user and the topics that it touches.

use std::{sync::Arc, time::Duration};

use super::Context;
use crate::{
    cluster::topic::Topic,
    counters::{self, TopicCounters, UserCounters},
};

/// A user and its counters: looked up once, so that counting takes no lock.
pub(crate) struct Usage {
    user: Arc<str>,
    counters: Arc<UserCounters>,
}

impl Context {
    /// Finds the counters of the connection's user; before each request.
    pub(super) fn refresh_usage(&mut self) {
        let is_known = |usage: &Usage| Arc::ptr_eq(&usage.user, &self.user);
        if !self.usage.as_ref().is_some_and(is_known) {
            self.usage = Some(Usage {
                user: self.user.clone(),
                counters: self.cluster.users.of(&self.user),
            });
        }
    }

    fn user_counters(&self) -> Option<&UserCounters> {
        self.usage.as_ref().map(|usage| &*usage.counters)
    }

    pub(crate) fn count_request(&self) {
        counters::add(&self.cluster.counters.requests, 1);
        if let Some(user) = self.user_counters() {
            counters::add(&user.requests, 1);
        }
    }

    pub(super) fn count_produced(&self, topic: &Topic, bytes: u64) {
        counters::add(&self.cluster.counters.bytes_in, bytes);
        counters::add(&topic.counters.used().bytes_in, bytes);
        if let Some(user) = self.user_counters() {
            counters::add(&user.bytes_in, bytes);
        }
    }

    pub(super) fn count_fetched(&self, topic: &Topic, bytes: u64) {
        counters::add(&self.cluster.counters.bytes_out, bytes);
        counters::add(&topic.counters.used().bytes_out, bytes);
        if let Some(user) = self.user_counters() {
            counters::add(&user.bytes_out, bytes);
        }
    }

    /// Counts error codes for partitions, of a topic that is there or not.
    pub(super) fn count_errors(&self, topic: Option<&Topic>, errors: u64) {
        if errors == 0 {
            return;
        }
        counters::add(&self.cluster.counters.errors, errors);
        if let Some(topic) = topic {
            counters::add(&topic.counters.used().errors, errors);
        }
        if let Some(user) = self.user_counters() {
            counters::add(&user.errors, errors);
        }
    }

    pub(super) fn count_refusal(&self) {
        counters::add(&self.cluster.counters.authorizations_refused, 1);
        if let Some(user) = self.user_counters() {
            counters::add(&user.authorizations_refused, 1);
        }
    }

    /// Counts that the client was told to wait, and makes the connection silent for so long.
    pub(super) fn note_throttle(&mut self, throttle: Duration) {
        if throttle.is_zero() {
            return;
        }
        let millis = throttle.as_millis() as u64;
        let all = &self.cluster.counters;
        counters::add(&all.throttled_requests, 1);
        counters::add(&all.throttled_ms, millis);
        if let Some(user) = self.user_counters() {
            counters::add(&user.throttled_requests, 1);
            counters::add(&user.throttled_ms, millis);
        }
        self.throttle = self.throttle.max(throttle);
    }
}

/// Counts a request that names the topic.
pub(super) fn count_topic(
    topic: &Topic,
    counter: impl FnOnce(&TopicCounters) -> &std::sync::atomic::AtomicU64,
) {
    counters::add(counter(topic.counters.used()), 1);
}
