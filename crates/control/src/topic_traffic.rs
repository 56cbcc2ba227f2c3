//! What goes through the topics of an instance, and what is in them: for owners who look for the busiest.

use std::collections::BTreeMap;

use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
pub use brokerage_engine::ProducerObservation;
use brokerage_engine::TopicObservation;
use brokerage_kafka_admin::{OffsetAt, Topic};

use crate::context::Context;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};

/// A topic with its traffic since its cluster was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicTraffic {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each.
    pub replication_factor: i16,
    /// Record bytes that producers sent.
    pub bytes_in: u64,
    /// Record bytes that consumers were sent.
    pub bytes_out: u64,
    /// Offsets that its partitions keep.
    pub messages: i64,
}

impl Control {
    /// The topics of a running instance of the caller's with their traffic, by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`], [`Error::Internal`] when its engine or its Kafka does not answer.
    pub async fn topic_traffic_list(
        &self,
        cx: &Context,
        id: &InstanceId,
    ) -> Result<Vec<TopicTraffic>> {
        self.running_instance(cx, id).await?;
        let seen = self.engine.observe_details(id).await;
        let seen = seen.map_err(Error::internal)?.unwrap_or_default().topics;
        let seen: BTreeMap<String, TopicObservation> = seen
            .into_iter()
            .map(|topic| (topic.name.clone(), topic))
            .collect();
        let look = async {
            let mut kafka = self.kafka(id).await?;
            let mut topics = kafka.topic_list().await?;
            topics.retain(|topic| !topic.is_internal);
            let asked = || topics.iter().map(asked_of);
            let first = kafka.offset_list(asked(), OffsetAt::Earliest).await?;
            let end = kafka.offset_list(asked(), OffsetAt::Latest).await?;
            let mut messages: BTreeMap<String, i64> = BTreeMap::new();
            for (place, end) in end {
                let kept = end - first.get(&place).copied().unwrap_or(end);
                *messages.entry(place.0).or_default() += kept;
            }
            Ok::<_, Failure>((topics, messages))
        };
        let looked = look.await;
        let (topics, messages) = looked.map_err(|failure| refusal(failure, About::Topics))?;
        let traffic = topics.into_iter().map(|topic| {
            let counted = |name: &str| {
                let counters = seen.get(&topic.name).map(|seen| &seen.counters);
                let mut counters = counters.into_iter().flatten();
                counters
                    .find(|counter| counter.name == name)
                    .map_or(0, |counter| counter.value)
            };
            TopicTraffic {
                partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
                replication_factor: topic.replication_factor(),
                bytes_in: counted("bytes_in"),
                bytes_out: counted("bytes_out"),
                messages: messages.get(&topic.name).copied().unwrap_or(0),
                name: topic.name,
            }
        });
        Ok(traffic.collect())
    }
}

impl Control {
    /// Who produced to a topic of a running instance of the caller's in the last minutes, the latest first, as far as its
    /// engine knows.
    ///
    /// # Errors
    /// As [`Control::topic_traffic_list`]; [`Error::NotFound`] for a topic that is not there.
    pub async fn topic_producer_list(
        &self,
        cx: &Context,
        id: &InstanceId,
        name: &str,
    ) -> Result<Vec<ProducerObservation>> {
        self.topic_check(cx, id, name).await?;
        let seen = self.engine.observe_producers(id, name).await;
        seen.map_err(Error::internal)
    }
}

fn asked_of(topic: &Topic) -> (&str, Vec<i32>) {
    let indexes = topic.partitions.iter().map(|partition| partition.index);
    (topic.name.as_str(), indexes.collect())
}
