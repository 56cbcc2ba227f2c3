//! Topics: made by the engine's Kafka, with what only the control plane knows kept beside.

use std::collections::{BTreeMap, BTreeSet};

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::{Topic, TopicUsage, topic_fits, topic_name_is_valid};
use brokerage_domain::{Error, Result};
use brokerage_engine::EngineError;
use brokerage_store::topic::{
    TopicRecord, topic_record_delete, topic_record_list, topic_record_put,
};

use crate::call::Call;
use crate::context::Context;
use crate::control::Control;

/// Kafka's TOPIC_ALREADY_EXISTS.
const TOPIC_ALREADY_EXISTS: i16 = 36;
/// Kafka's UNKNOWN_TOPIC_OR_PARTITION.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// A topic as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// As Kafka has it.
    pub topic: Topic,
    /// What the control plane knows; `None` for topics that Kafka clients made.
    pub record: Option<TopicRecord>,
}

/// A topic to make.
#[derive(Debug, Clone)]
pub struct NewTopic {
    /// What Kafka is asked for.
    pub topic: Topic,
    /// What its owner notes.
    pub remark: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The addresses that its owner lets use it.
    pub allow_list: BTreeSet<String>,
    /// What the dialect has to show again.
    pub notes: Notes,
}

impl Control {
    /// Makes a topic on a running instance of the caller's.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name or more replicas than brokers, [`Error::Exists`], [`Error::LimitReached`],
    /// [`Error::WrongPhase`], or Kafka's own refusal ([`Error::Kafka`]).
    pub async fn topic_create(&self, call: Call, id: &InstanceId, new: NewTopic) -> Result<()> {
        let instance = self.running_instance(&call, id).await?;
        let name = new.topic.name.clone();
        if !topic_name_is_valid(&name) {
            return Err(Error::invalid(
                "topic name",
                "1 to 249 letters, digits, '.', '_' or '-'",
            ));
        }
        // The record is written first: a topic without its record would lose its owner's remark, while a record
        // without its topic is never shown.
        let record = TopicRecord {
            name: name.clone(),
            remark: new.remark,
            tags: new.tags,
            allow_list: new.allow_list,
            notes: new.notes,
            created_at: self.now(),
        };
        let known = self.engine.list_topics(id).await.map_err(engine_error)?;
        if known.iter().any(|topic| topic.name == name) {
            return Err(Error::Exists {
                kind: Kind::Topic,
                id: name,
            });
        }
        // While a smaller size is on its way, what is made now has to fit it, too.
        for plan in [&instance.plan, instance.plan_intended()] {
            let (limits, brokers) = (&plan.usable, plan.brokers);
            topic_fits(&new.topic, TopicUsage::of(&known, limits), limits, brokers)?;
        }
        let of = instance.id.clone();
        self.audited_write(call, &format!("{id}/{name}"), move |tx| {
            Ok(topic_record_put(tx, &of, &record)?)
        })
        .await?;
        self.engine
            .create_topic(id, &new.topic)
            .await
            .map_err(engine_error)
    }

    /// What an instance's topics take of its limits; nothing where no cluster runs, as after a start of the process
    /// until the reconciler comes to it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine cannot tell.
    pub async fn topic_usage(&self, instance: &Instance) -> Result<TopicUsage> {
        if !matches!(instance.phase, Phase::Running | Phase::Changing) {
            return Ok(TopicUsage::default());
        }
        match self.engine.list_topics(&instance.id).await {
            Ok(topics) => Ok(TopicUsage::of(&topics, &instance.plan.usable)),
            Err(error) => match self.instance_observe(&instance.id).await? {
                Some(seen) if seen.running => Err(engine_error(error)),
                _ => Ok(TopicUsage::default()),
            },
        }
    }

    /// The topics of an instance of the caller's, sorted by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when it does not run.
    pub async fn topic_list(&self, cx: &Context, id: &InstanceId) -> Result<Vec<TopicView>> {
        let instance = self.running_instance(cx, id).await?;
        let topics = self.engine.list_topics(id).await.map_err(engine_error)?;
        let of = instance.id;
        let records = self
            .read("topic_list", move |tx| Ok(topic_record_list(tx, &of)?))
            .await?;
        let mut records: BTreeMap<String, TopicRecord> =
            records.into_iter().map(|r| (r.name.clone(), r)).collect();
        Ok(topics
            .into_iter()
            .map(|topic| TopicView {
                record: records.remove(&topic.name),
                topic,
            })
            .collect())
    }

    /// Deletes a topic of an instance of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or topic, [`Error::WrongPhase`].
    pub async fn topic_delete(&self, call: Call, id: &InstanceId, name: &str) -> Result<()> {
        let instance = self.running_instance(&call, id).await?;
        match self.engine.delete_topic(id, name).await {
            Err(EngineError::Kafka {
                code: UNKNOWN_TOPIC_OR_PARTITION,
                ..
            }) => return Err(Error::not_found(Kind::Topic, name)),
            other => other.map_err(engine_error)?,
        }
        let (of, name) = (instance.id, name.to_owned());
        self.audited_write(call, &format!("{id}/{name}"), move |tx| {
            Ok(topic_record_delete(tx, &of, &name)?)
        })
        .await
    }

    pub(crate) async fn running_instance(&self, cx: &Context, id: &InstanceId) -> Result<Instance> {
        let instance = self.instance_view(cx, id).await?;
        match instance.phase {
            Phase::Running | Phase::Changing => Ok(instance),
            phase => Err(Error::WrongPhase {
                id: id.as_str().to_owned(),
                phase,
            }),
        }
    }
}

pub(crate) fn engine_error(error: EngineError) -> Error {
    match error {
        EngineError::Kafka {
            code: TOPIC_ALREADY_EXISTS,
            message,
        } => Error::Exists {
            kind: Kind::Topic,
            id: message,
        },
        EngineError::Kafka { code, message } => Error::Kafka { code, message },
        other => Error::internal(other),
    }
}
