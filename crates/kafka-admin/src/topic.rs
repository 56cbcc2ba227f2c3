//! Topics and their partitions.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::{
    messages::{
        CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, MetadataRequest,
        TopicName,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        metadata_request::MetadataRequestTopic,
        metadata_response::MetadataResponseTopic,
    },
    protocol::{Request, StrBytes},
};
use uuid::Uuid;

use crate::{
    AdminError, Client, ErrorCode,
    client::{only, refused},
};

/// How long brokers may take to make, change or delete topics (Kafka's `default.api.timeout.ms` is 60,000; a request of
/// ours has half of it).
const TIMEOUT_MS: i32 = 20_000;
/// Topics of Kafka's own, which nobody made (`Topic.INTERNAL_TOPICS`), begin so.
const INTERNAL_PREFIX: &str = "__";

/// A topic to make; -1 takes the cluster's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each.
    pub replication_factor: i16,
    /// What differs from the cluster's defaults.
    pub configs: BTreeMap<String, String>,
}

/// A topic that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// What distinguishes it from a topic of that name before or after it (KIP-516); nil where the cluster has none.
    pub id: Uuid,
    /// Its partitions, by number.
    pub partitions: Vec<Partition>,
    /// Whether it is Kafka's own.
    pub is_internal: bool,
}

impl Topic {
    /// Copies of its first partition: of every one, unless they were placed by hand.
    pub fn replication_factor(&self) -> i16 {
        let first = self.partitions.first();
        first.map_or(0, |partition| {
            i16::try_from(partition.replicas.len()).unwrap_or(i16::MAX)
        })
    }
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 0.
    pub index: i32,
    /// Who leads it; -1: nobody.
    pub leader_id: i32,
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub in_sync_replicas: Vec<i32>,
}

fn topic(seen: MetadataResponseTopic) -> Topic {
    let name = seen.name.map(|name| name.to_string()).unwrap_or_default();
    let ids =
        |nodes: Vec<kafka_protocol::messages::BrokerId>| nodes.iter().map(|id| id.0).collect();
    let mut partitions: Vec<Partition> = seen
        .partitions
        .into_iter()
        .map(|partition| Partition {
            index: partition.partition_index,
            leader_id: partition.leader_id.0,
            replicas: ids(partition.replica_nodes),
            in_sync_replicas: ids(partition.isr_nodes),
        })
        .collect();
    partitions.sort_by_key(|partition| partition.index);
    Topic {
        is_internal: seen.is_internal || name.starts_with(INTERNAL_PREFIX),
        id: seen.topic_id,
        name,
        partitions,
    }
}

impl Client {
    /// All topics, by name, Kafka's own too.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn topic_list(&mut self) -> Result<Vec<Topic>, AdminError> {
        let request = MetadataRequest::default()
            .with_topics(None)
            .with_allow_auto_topic_creation(false);
        let answer = self.call(&request).await?;
        refused(answer.error_code, None)?;
        let mut topics: Vec<Topic> = answer.topics.into_iter().map(topic).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic; `None` where there is none of that name. Nothing is made by asking.
    ///
    /// # Errors
    /// [`AdminError`]; a name that no topic can have is INVALID_TOPIC_EXCEPTION.
    pub async fn topic_find(&mut self, name: &str) -> Result<Option<Topic>, AdminError> {
        let wanted = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![wanted]))
            .with_allow_auto_topic_creation(false);
        let answer = self.call(&request).await?;
        let seen = only(MetadataRequest::KEY, answer.topics)?;
        match refused(seen.error_code, None) {
            Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => Ok(None),
            other => other.map(|()| Some(topic(seen))),
        }
    }

    /// Makes a topic and returns its id; nil where the cluster has none.
    ///
    /// # Errors
    /// [`AdminError`]; TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_CONFIG, POLICY_VIOLATION and others of
    /// CreateTopics.
    pub async fn topic_create(&mut self, new: &NewTopic) -> Result<Uuid, AdminError> {
        let config = |(name, value): (&String, &String)| {
            CreatableTopicConfig::default()
                .with_name(name.clone().into())
                .with_value(Some(value.clone().into()))
        };
        let topic = CreatableTopic::default()
            .with_name(topic_name(&new.name))
            .with_num_partitions(new.partitions)
            .with_replication_factor(new.replication_factor)
            .with_configs(new.configs.iter().map(config).collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.call(&request).await?;
        let made = only(CreateTopicsRequest::KEY, answer.topics)?;
        refused(made.error_code, made.error_message.as_deref())?;
        self.leaders_wait(&new.name, new.partitions).await?;
        Ok(made.topic_id)
    }

    /// Waits until the broker knows who leads the partitions of a topic that was just made or grew: whoever asks next finds
    /// them. One whose leaders stay away is there all the same.
    async fn leaders_wait(&mut self, name: &str, partitions: i32) -> Result<(), AdminError> {
        let count = usize::try_from(partitions).unwrap_or(1);
        let is_led = |topic: Option<Topic>| {
            topic.is_some_and(|topic| {
                let led = topic.partitions.iter();
                led.filter(|partition| partition.leader_id >= 0).count() >= count
            })
        };
        self.topic_wait(name, is_led).await
    }

    /// Asks for a topic until it is seen so, or there is no time left for it.
    async fn topic_wait(
        &mut self,
        name: &str,
        is_so: impl Fn(Option<Topic>) -> bool,
    ) -> Result<(), AdminError> {
        let mut pause = Duration::ZERO;
        while !is_so(self.topic_find(name).await?) {
            if !self.pause(&mut pause).await {
                return Ok(());
            }
        }
        self.found(pause);
        Ok(())
    }

    /// Deletes a topic and its records.
    ///
    /// # Errors
    /// [`AdminError`]; UNKNOWN_TOPIC_OR_PARTITION where there is none.
    pub async fn topic_delete(&mut self, name: &str) -> Result<(), AdminError> {
        // Newer versions name topics otherwise; the broker takes both.
        const BY_NAME: i16 = 5;
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![topic_name(name)])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.call_up_to(&request, BY_NAME).await?;
        let gone = only(DeleteTopicsRequest::KEY, answer.responses)?;
        refused(gone.error_code, gone.error_message.as_deref())?;
        self.topic_wait(name, |topic| topic.is_none()).await
    }

    /// Gives a topic more partitions, so that it has `count`.
    ///
    /// # Errors
    /// [`AdminError`]; INVALID_PARTITIONS where it has as many or more.
    pub async fn partitions_create(&mut self, name: &str, count: i32) -> Result<(), AdminError> {
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(count)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.call(&request).await?;
        let made = only(CreatePartitionsRequest::KEY, answer.results)?;
        refused(made.error_code, made.error_message.as_deref())?;
        self.leaders_wait(name, count).await
    }
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}
