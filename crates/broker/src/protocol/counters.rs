//! Metrics of a connection's requests: per cluster, user and topic (Kafka's `BrokerTopicStats`).

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::Context;
use crate::counters::{self, Counters, TopicCounters, UserCounters};
use crate::metadata::topic::Topic;

/// A user and its counters: looked up once, so that counting takes no lock.
pub(crate) struct CountedUser {
    user: Arc<str>,
    counters: Arc<UserCounters>,
}

impl Context {
    /// Finds the counters of the connection's user; before each request.
    pub(super) fn refresh_counted_user(&mut self) {
        if self.is_internal {
            return;
        }
        let is_known = |counted_user: &CountedUser| Arc::ptr_eq(&counted_user.user, &self.user);
        if !self.counted_user.as_ref().is_some_and(is_known) {
            self.counted_user = Some(CountedUser {
                user: self.user.clone(),
                counters: self.cluster.user_counters().of(&self.user),
            });
        }
    }

    fn user_counters(&self) -> Option<&UserCounters> {
        self.counted_user
            .as_ref()
            .map(|counted_user| &*counted_user.counters)
    }

    /// The cluster's counters; `None` on internal connections, which are not counted.
    pub(super) fn counters(&self) -> Option<&Counters> {
        (!self.is_internal).then(|| self.cluster.counters())
    }

    /// The same of a topic.
    fn topic_counters<'t>(&self, topic: &'t Topic) -> Option<&'t TopicCounters> {
        (!self.is_internal).then(|| topic.counters.used())
    }

    /// Counts a connection that is closed because of what was sent.
    pub(crate) fn count_malformed(&self) {
        if let Some(all) = self.counters() {
            counters::add(&all.connections_malformed, 1);
        }
    }

    pub(crate) fn count_request(&self) {
        let Some(all) = self.counters() else { return };
        counters::add(&all.requests, 1);
        if let Some(user) = self.user_counters() {
            counters::add(&user.requests, 1);
        }
    }

    pub(super) fn count_produced(&self, topic: &Topic, bytes: u64) {
        let (Some(all), Some(of_topic)) = (self.counters(), self.topic_counters(topic)) else {
            return;
        };
        counters::add(&all.bytes_in, bytes);
        if self.is_public {
            counters::add(&all.public_bytes_in, bytes);
        }
        counters::add(&of_topic.bytes_in, bytes);
        if let Some(user) = self.user_counters() {
            counters::add(&user.bytes_in, bytes);
        }
    }

    pub(super) fn count_fetched(&self, topic: &Topic, bytes: u64) {
        let (Some(all), Some(of_topic)) = (self.counters(), self.topic_counters(topic)) else {
            return;
        };
        counters::add(&all.bytes_out, bytes);
        if self.is_public {
            counters::add(&all.public_bytes_out, bytes);
        }
        counters::add(&of_topic.bytes_out, bytes);
        if let Some(user) = self.user_counters() {
            counters::add(&user.bytes_out, bytes);
        }
    }

    /// Counts error codes for partitions, of a topic that is there or not.
    pub(super) fn count_errors(&self, topic: Option<&Topic>, errors: u64) {
        let Some(all) = self.counters().filter(|_| errors > 0) else {
            return;
        };
        counters::add(&all.errors, errors);
        if let Some(topic) = topic {
            counters::add(&topic.counters.used().errors, errors);
        }
        if let Some(user) = self.user_counters() {
            counters::add(&user.errors, errors);
        }
    }

    pub(super) fn count_refusal(&self) {
        let Some(all) = self.counters() else { return };
        counters::add(&all.authorizations_refused, 1);
        if let Some(user) = self.user_counters() {
            counters::add(&user.authorizations_refused, 1);
        }
    }

    /// Counts a throttled request by what its client is told, and mutes the connection.
    pub(super) fn note_throttle(&mut self, told: Duration, muted: Duration) {
        if told.is_zero() {
            return;
        }
        let millis = told.as_millis() as u64;
        let all = self.cluster.counters();
        counters::add(&all.throttled_requests, 1);
        counters::add(&all.throttled_ms, millis);
        if let Some(user) = self.user_counters() {
            counters::add(&user.throttled_requests, 1);
            counters::add(&user.throttled_ms, millis);
        }
        self.throttle = self.throttle.max(muted);
    }

    /// Counts a request that produces to the topic, and notes whose it is: once a second, so that it costs nothing.
    pub(super) fn count_produce_request(&mut self, topic: &Topic) {
        self.count_topic(topic, |counters| &counters.produce_requests);
        const MS_PER_SECOND: i64 = 1_000;
        let now_ms = self.cluster.now_ms();
        let noted = Some((topic.id, now_ms / MS_PER_SECOND));
        if self.is_internal || self.noted_producer == noted {
            return;
        }
        self.noted_producer = noted;
        topic.producers.used().note(self.peer.ip(), now_ms);
    }

    /// Counts a request that names the topic.
    pub(super) fn count_topic(
        &self,
        topic: &Topic,
        counter: impl FnOnce(&TopicCounters) -> &AtomicU64,
    ) {
        if let Some(of_topic) = self.topic_counters(topic) {
            counters::add(counter(of_topic), 1);
        }
    }
}
