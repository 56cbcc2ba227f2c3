//! What an owner may change of a topic: what Kafka has of it, and what is noted beside it.

use std::collections::BTreeMap;

use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Tags, tags_check};
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::{AllowList, TopicUsage, allow_list_check, topic_grows};
use brokerage_domain::{Error, Result};
use brokerage_kafka_admin::{AlterConfig, Client, ConfigChange, ConfigResource};
use brokerage_store::Tx;
use brokerage_store::topic::{TopicRecord, topic_record_list, topic_record_put};

use crate::call::Call;
use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::engine_error::{About, Failure, refusal};
use crate::topic::Listed;

/// Topics of one call; ours.
pub const TOPICS_AT_ONCE_MAX: usize = 100;

/// Changes of a topic; what is empty stays as it is.
#[derive(Debug, Clone, Default)]
pub struct TopicEdit {
    /// How many partitions it has from now on: more than before.
    pub partitions: Option<i32>,
    /// Replicas of each partition: they stay where they were placed, so it is as many as before.
    pub replication_factor: Option<i16>,
    /// Kafka's settings of it; `None` is the cluster's default again.
    pub configs: BTreeMap<String, Option<String>>,
    /// What its owner notes from now on.
    pub remark: Option<String>,
    /// The addresses that are let use it from now on, and no others.
    pub allow_list: Option<AllowList>,
    /// Addresses that are let use it, too.
    pub allowed: Vec<String>,
    /// Addresses that are so no longer; those that were not are no error.
    pub disallowed: Vec<String>,
    /// Its tags from now on, and no others.
    pub tags: Option<Tags>,
    /// Put over what the dialect has noted.
    pub notes: Notes,
}

impl TopicEdit {
    /// Whether Kafka is asked for something.
    fn is_kafkas(&self) -> bool {
        self.partitions.is_some() || !self.configs.is_empty()
    }

    fn alterations(&self) -> Vec<AlterConfig<'_>> {
        let mut alterations = Vec::with_capacity(self.configs.len());
        for (name, value) in &self.configs {
            let change = match value {
                Some(value) => ConfigChange::Set(value),
                None => ConfigChange::Delete,
            };
            alterations.push(AlterConfig { name, change });
        }
        alterations
    }

    fn note(&self, record: &mut TopicRecord) -> Result<()> {
        if let Some(remark) = &self.remark {
            record.remark.clone_from(remark);
        }
        if let Some(tags) = &self.tags {
            record.tags.clone_from(tags);
        }
        record.notes.extend(self.notes.clone());
        record.notes.check()?;
        if let Some(allow_list) = &self.allow_list {
            record.allow_list.clone_from(allow_list);
        }
        record
            .allow_list
            .retain(|address| !self.disallowed.contains(address));
        record.allow_list.extend(self.allowed.iter().cloned());
        if !self.allowed.is_empty() || self.allow_list.is_some() {
            allow_list_check(record.allow_list.len())?;
        }
        Ok(())
    }
}

impl Control {
    /// Changes a topic of the caller's; one that a Kafka client made gets its first record.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or topic, [`Error::WrongPhase`] when the instance does not run,
    /// [`Error::LimitReached`] for partitions, addresses or tags, [`Error::Invalid`] for partitions that are not more or
    /// other replicas, or Kafka's own refusal ([`Error::Kafka`]).
    pub async fn topic_edit(
        &self,
        call: Call,
        id: &InstanceId,
        name: &str,
        edit: TopicEdit,
    ) -> Result<()> {
        let instance = self.running_instance(&call, id).await?;
        let known = self.topics_known(id).await?;
        let kafka_id = self
            .topic_edit_check(&instance, &known, name, &edit)
            .await?;
        let (of, wanted, now) = (id.clone(), name.to_owned(), self.now());
        let resource = format!("{id}/{name}");
        if edit.is_kafkas() {
            // First: a call that was made before changes nothing.
            self.audited_write(call, &resource, |_| Ok(())).await?;
            return self.topic_edit_apply(id, (name, kafka_id), edit).await;
        }
        self.audited_write(call, &resource, move |tx| {
            topic_note(tx, &of, (&wanted, kafka_id.as_deref()), &edit, now)
        })
        .await
    }

    /// Changes some topics of the caller's, each for itself: what became of each.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the instance, [`Error::WrongPhase`], [`Error::LimitReached`] for too many topics.
    pub async fn topics_edit(
        &self,
        call: Call,
        id: &InstanceId,
        edits: Vec<(String, TopicEdit)>,
    ) -> Result<Vec<Result<()>>> {
        let instance = self.running_instance(&call, id).await?;
        let resource = topics_named(id, edits.iter().map(|(name, _)| name))?;
        self.audited_write(call, &resource, |_| Ok(())).await?;
        let mut results = Vec::with_capacity(edits.len());
        for (name, edit) in edits {
            // Anew for each: one takes partitions that the next would have had.
            let known = self.topics_known(id).await?;
            let checked = self.topic_edit_check(&instance, &known, &name, &edit).await;
            results.push(match checked {
                Ok(kafka_id) => self.topic_edit_apply(id, (&name, kafka_id), edit).await,
                Err(error) => Err(error),
            });
        }
        Ok(results)
    }

    /// Checks everything that can be known of an edit before it is made, and returns Kafka's id of the topic.
    async fn topic_edit_check(
        &self,
        instance: &Instance,
        known: &[Listed],
        name: &str,
        edit: &TopicEdit,
    ) -> Result<Option<String>> {
        let found = known.iter().find(|known| known.topic.name == name);
        let found = found.ok_or_else(|| Error::not_found(Kind::Topic, name))?;
        let (partitions, replicas) = (found.topic.partitions, found.topic.replication_factor);
        if let Some(tags) = &edit.tags {
            tags_check(tags)?;
        }
        if edit
            .replication_factor
            .is_some_and(|wanted| wanted != replicas)
        {
            let reason = format!("replicas stay where they were placed: there are {replicas}");
            return Err(Error::invalid("replication factor", reason));
        }
        if let Some(wanted) = edit.partitions {
            if wanted <= partitions {
                let reason = format!("a topic never has fewer, and {name} has {partitions}");
                return Err(Error::invalid("the number of partitions", reason));
            }
            // While a smaller size is on its way, what is made now has to fit it, too.
            for plan in [&instance.plan, instance.plan_intended()] {
                let topics = known.iter().map(|known| &known.topic);
                let usage = TopicUsage::of(topics, &plan.usable);
                topic_grows(&found.topic, wanted, usage, &plan.usable)?;
            }
        }
        if !edit.configs.is_empty() {
            let check = async {
                let mut kafka = self.kafka(&instance.id).await?;
                let topic = ConfigResource::topic(name);
                Ok::<_, Failure>(kafka.configs_check(topic, &edit.alterations()).await?)
            };
            let checked = check.await;
            checked.map_err(|failure| refusal(failure, About::Topic(name)))?;
        }
        Ok(found.kafka_id.clone())
    }

    /// Makes an edit that was checked: Kafka first, its record last, as when a topic is made.
    async fn topic_edit_apply(
        &self,
        id: &InstanceId,
        (name, kafka_id): (&str, Option<String>),
        edit: TopicEdit,
    ) -> Result<()> {
        let change = async {
            let mut kafka = self.kafka(id).await?;
            kafka_change(&mut kafka, name, &edit).await
        };
        let changed = change.await;
        changed.map_err(|failure| refusal(failure, About::Topic(name)))?;
        let (of, name, now) = (id.clone(), name.to_owned(), self.now());
        self.write("topic_edit", move |tx| {
            topic_note(tx, &of, (&name, kafka_id.as_deref()), &edit, now)
        })
        .await
    }

    /// Checks that a running instance of the caller's has a topic, and returns Kafka's id of it.
    pub(crate) async fn topic_check(
        &self,
        cx: &Context,
        id: &InstanceId,
        name: &str,
    ) -> Result<Option<String>> {
        self.running_instance(cx, id).await?;
        let mut known = self.topics_known(id).await?.into_iter();
        let found = known.find(|known| known.topic.name == name);
        let found = found.ok_or_else(|| Error::not_found(Kind::Topic, name))?;
        Ok(found.kafka_id)
    }

    /// The topics of a running instance, without their settings.
    pub(crate) async fn topics_known(&self, id: &InstanceId) -> Result<Vec<Listed>> {
        let known = self.topic_counts(id).await;
        known.map_err(|failure| refusal(failure, About::Topics))
    }
}

/// What the audit trail says of a call about some topics.
pub(crate) fn topics_named<'a>(
    id: &InstanceId,
    names: impl ExactSizeIterator<Item = &'a String>,
) -> Result<String> {
    if names.len() > TOPICS_AT_ONCE_MAX {
        return Err(Error::LimitReached {
            what: "topics in a call",
            max: TOPICS_AT_ONCE_MAX as i64,
        });
    }
    let names: Vec<String> = names.map(|name| format!("{id}/{name}")).collect();
    Ok(names.join(" "))
}

async fn kafka_change(
    kafka: &mut Client,
    name: &str,
    edit: &TopicEdit,
) -> std::result::Result<(), Failure> {
    if let Some(count) = edit.partitions {
        kafka.partitions_create(name, count).await?;
    }
    if !edit.configs.is_empty() {
        let topic = ConfigResource::topic(name);
        kafka.configs_alter(topic, &edit.alterations()).await?;
    }
    Ok(())
}

fn topic_note(
    tx: &mut dyn Tx,
    of: &InstanceId,
    topic: (&str, Option<&str>),
    edit: &TopicEdit,
    now: Moment,
) -> TxResult<()> {
    let mut record = topic_record(tx, of, topic, now)?;
    edit.note(&mut record)?;
    Ok(topic_record_put(tx, of, &record)?)
}

/// The record of a topic (its name, Kafka's id), or its first: what was noted of an earlier topic of that name is left out.
pub(crate) fn topic_record(
    tx: &mut dyn Tx,
    of: &InstanceId,
    (name, kafka_id): (&str, Option<&str>),
    now: Moment,
) -> TxResult<TopicRecord> {
    let found = topic_record_list(tx, of)?
        .into_iter()
        .find(|record| record.name == name && record.is_of(kafka_id));
    let mut record = found.unwrap_or_else(|| TopicRecord {
        name: name.to_owned(),
        remark: String::new(),
        tags: Tags::new(),
        allow_list: AllowList::new(),
        notes: Notes::default(),
        created_at: now,
        kafka_id: None,
    });
    record.kafka_id = kafka_id.map(str::to_owned).or(record.kafka_id);
    Ok(record)
}
