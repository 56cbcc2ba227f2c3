//! Partitions of a topic: who holds them, and what is in them.

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
use brokerage_kafka_admin::{ErrorCode, OffsetAt};

use crate::context::Context;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPartition {
    /// Its number, from 0.
    pub index: i32,
    /// Who leads it; `None`: nobody.
    pub leader_id: Option<i32>,
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub in_sync_replicas: Vec<i32>,
    /// The first record that is kept; 0 where nobody leads.
    pub first: i64,
    /// Behind the last; 0 where nobody leads.
    pub end: i64,
}

impl TopicPartition {
    /// Offsets that are kept.
    pub fn offsets(&self) -> i64 {
        self.end - self.first
    }
}

impl Control {
    /// The partitions of a topic of a running instance of the caller's, by number.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or topic, [`Error::WrongPhase`], [`Error::Internal`] when its Kafka does not
    /// answer.
    pub async fn topic_partition_list(
        &self,
        cx: &Context,
        id: &InstanceId,
        name: &str,
    ) -> Result<Vec<TopicPartition>> {
        self.running_instance(cx, id).await?;
        let look = async {
            let mut kafka = self.kafka(id).await?;
            let topic = match kafka.topic_find(name).await {
                // No topic can be called so.
                Err(error) if error.code() == Some(ErrorCode::InvalidTopicException) => None,
                found => found?.filter(|topic| !topic.is_internal),
            };
            let Some(topic) = topic else {
                return Ok(None);
            };
            let indexes = || topic.partitions.iter().map(|partition| partition.index);
            let asked = || [(name, indexes().collect())];
            let first = kafka.offset_list(asked(), OffsetAt::Earliest).await?;
            let end = kafka.offset_list(asked(), OffsetAt::Latest).await?;
            let partitions = topic.partitions.into_iter().map(|partition| {
                let place = (name.to_owned(), partition.index);
                TopicPartition {
                    index: partition.index,
                    leader_id: (partition.leader_id >= 0).then_some(partition.leader_id),
                    replicas: partition.replicas,
                    in_sync_replicas: partition.in_sync_replicas,
                    first: first.get(&place).copied().unwrap_or(0),
                    end: end.get(&place).copied().unwrap_or(0),
                }
            });
            Ok::<_, Failure>(Some(partitions.collect()))
        };
        let found: Option<Vec<TopicPartition>> = look
            .await
            .map_err(|failure| refusal(failure, About::Topic(name)))?;
        found.ok_or_else(|| Error::not_found(Kind::Topic, name))
    }
}
