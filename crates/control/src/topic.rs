//! Topics: made by the engine's Kafka, with what only the control plane knows kept beside.

use std::collections::BTreeMap;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase, Tags, tags_check};
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::{AllowList, Topic, TopicUsage, topic_fits, topic_name_is_valid};
use brokerage_domain::{Error, Result};
use brokerage_kafka_admin::{AdminError, Client, ConfigResource, ConfigSource, ErrorCode};
use brokerage_store::topic::{
    TopicRecord, topic_record_delete, topic_record_list, topic_record_put,
};

use crate::call::Call;
use crate::context::Context;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};
use crate::topic_edit::topics_named;

/// Topics whose settings are asked for at once: an answer has some kilobytes of each.
const CONFIGS_AT_ONCE_MAX: usize = 100;

/// A topic as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// As Kafka has it.
    pub topic: Topic,
    /// What the control plane knows; `None` for topics that Kafka clients made.
    pub record: Option<TopicRecord>,
}

/// A topic that somebody made.
#[derive(Debug)]
pub(crate) struct Listed {
    /// As Kafka has it.
    pub(crate) topic: Topic,
    /// Kafka's id of it, which another topic of its name does not have; `None` where Kafka has none.
    pub(crate) kafka_id: Option<String>,
}

/// A topic to make.
#[derive(Debug, Clone)]
pub struct NewTopic {
    /// What Kafka is asked for.
    pub topic: Topic,
    /// What its owner notes.
    pub remark: String,
    /// Its tags.
    pub tags: Tags,
    /// The addresses that its owner lets use it.
    pub allow_list: AllowList,
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
        tags_check(&new.tags)?;
        new.notes.check()?;
        let mut record = TopicRecord {
            name: name.clone(),
            remark: new.remark,
            tags: new.tags,
            allow_list: new.allow_list,
            notes: new.notes,
            created_at: self.now(),
            kafka_id: None,
        };
        let known = self.topic_counts(id).await;
        let known = known.map_err(|failure| refusal(failure, About::Topics))?;
        if known.iter().any(|known| known.topic.name == name) {
            return Err(Error::Exists {
                kind: Kind::Topic,
                id: name,
            });
        }
        // While a smaller size is on its way, what is made now has to fit it, too.
        for plan in [&instance.plan, instance.plan_intended()] {
            let (limits, brokers) = (&plan.usable, plan.brokers);
            let usage = TopicUsage::of(known.iter().map(|known| &known.topic), limits);
            topic_fits(&new.topic, usage, limits, brokers)?;
        }
        self.audited_write(call, &format!("{id}/{name}"), |_| Ok(()))
            .await?;
        let create = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.topic_create(&kafka_topic(&new.topic)).await?)
        };
        let created = create.await;
        let made = created.map_err(|failure| refusal(failure, About::Topic(&new.topic.name)))?;
        record.kafka_id = (!made.is_nil()).then(|| made.to_string());
        // Last: a call that Kafka refuses must not write over what is noted of the topic that is there. A process that
        // is killed in between leaves a topic without its remark, as if a Kafka client had made it.
        let of = instance.id;
        self.write("topic_create", move |tx| {
            Ok(topic_record_put(tx, &of, &record)?)
        })
        .await
    }

    /// What an instance's topics take of its limits; nothing where no cluster runs, as after a start of the process
    /// until the reconciler comes to it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine does not answer.
    pub async fn topic_usage(&self, instance: &Instance) -> Result<TopicUsage> {
        if !matches!(instance.phase, Phase::Running | Phase::Changing) {
            return Ok(TopicUsage::default());
        }
        match self.topic_counts(&instance.id).await {
            Ok(topics) => Ok(TopicUsage::of(
                topics.iter().map(|known| &known.topic),
                &instance.plan.usable,
            )),
            Err(failure) => match self.instance_observe(&instance.id).await? {
                Some(seen) if seen.running => Err(refusal(failure, About::Topics)),
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
        let list = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(described_of(&mut kafka).await?)
        };
        let topics = list.await;
        let topics = topics.map_err(|failure| refusal(failure, About::Topics))?;
        let of = instance.id;
        let listed = of.clone();
        let records = self
            .read("topic_list", move |tx| Ok(topic_record_list(tx, &listed)?))
            .await?;
        let mut records: BTreeMap<String, TopicRecord> =
            records.into_iter().map(|r| (r.name.clone(), r)).collect();
        let nameless = topics.iter().filter(|listed| {
            let record = records.get(&listed.topic.name);
            record.is_some_and(|record| record.kafka_id.is_none())
        });
        let seen: BTreeMap<String, String> = nameless
            .filter_map(|listed| Some((listed.topic.name.clone(), listed.kafka_id.clone()?)))
            .collect();
        self.topic_records_identify(of, seen).await?;
        Ok(topics
            .into_iter()
            .map(|Listed { topic, kafka_id }| TopicView {
                // What was noted of an earlier topic of that name is not of this one.
                record: records
                    .remove(&topic.name)
                    .filter(|record| record.is_of(kafka_id.as_deref())),
                topic,
            })
            .collect())
    }

    /// Notes Kafka's ids, by topic, in the records that have none: those of versions that did not know them. From when
    /// such a topic is first seen, another one of its name is another topic.
    async fn topic_records_identify(
        &self,
        of: InstanceId,
        seen: BTreeMap<String, String>,
    ) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        self.write("topic_records_identify", move |tx| {
            for mut record in topic_record_list(tx, &of)? {
                if record.kafka_id.is_none()
                    && let Some(kafka_id) = seen.get(&record.name)
                {
                    record.kafka_id = Some(kafka_id.clone());
                    topic_record_put(tx, &of, &record)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Deletes a topic of an instance of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or topic, [`Error::WrongPhase`].
    pub async fn topic_delete(&self, call: Call, id: &InstanceId, name: &str) -> Result<()> {
        self.topic_check(&call, id, name).await?;
        // First: a call that was made before deletes nothing.
        self.audited_write(call, &format!("{id}/{name}"), |_| Ok(()))
            .await?;
        self.topic_drop(id, name).await
    }

    /// Deletes some topics of an instance of the caller's, each for itself: what became of each.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the instance, [`Error::WrongPhase`], [`Error::LimitReached`] for too many topics.
    pub async fn topics_delete(
        &self,
        call: Call,
        id: &InstanceId,
        names: &[String],
    ) -> Result<Vec<Result<()>>> {
        self.running_instance(&call, id).await?;
        let resource = topics_named(id, names.iter())?;
        let known = self.topics_known(id).await?;
        self.audited_write(call, &resource, |_| Ok(())).await?;
        let mut results = Vec::with_capacity(names.len());
        for name in names {
            // Kafka's own topics are nobody's to delete.
            let is_known = known.iter().any(|known| known.topic.name == *name);
            results.push(match is_known {
                true => self.topic_drop(id, name).await,
                false => Err(Error::not_found(Kind::Topic, name)),
            });
        }
        Ok(results)
    }

    async fn topic_drop(&self, id: &InstanceId, name: &str) -> Result<()> {
        let delete = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.topic_delete(name).await?)
        };
        let deleted = delete.await;
        deleted.map_err(|failure| refusal(failure, About::Topic(name)))?;
        let (of, name) = (id.clone(), name.to_owned());
        self.write("topic_delete", move |tx| {
            Ok(topic_record_delete(tx, &of, &name)?)
        })
        .await
    }

    /// The topics of a running instance without their settings.
    pub(crate) async fn topic_counts(
        &self,
        id: &InstanceId,
    ) -> std::result::Result<Vec<Listed>, Failure> {
        let mut kafka = self.kafka(id).await?;
        Ok(counts_of(&mut kafka).await?)
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

/// What Kafka is asked for.
fn kafka_topic(topic: &Topic) -> brokerage_kafka_admin::NewTopic {
    brokerage_kafka_admin::NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs.clone(),
    }
}

/// The topics that somebody made, by name, without their settings.
async fn counts_of(kafka: &mut Client) -> std::result::Result<Vec<Listed>, AdminError> {
    let topics = kafka.topic_list().await?.into_iter();
    let made = topics.filter(|topic| !topic.is_internal);
    Ok(made
        .map(|topic| Listed {
            kafka_id: (!topic.id.is_nil()).then(|| topic.id.to_string()),
            topic: Topic {
                partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
                replication_factor: topic.replication_factor(),
                name: topic.name,
                configs: BTreeMap::new(),
            },
        })
        .collect())
}

/// The topics of a cluster that somebody made, by name, with the settings that differ from the cluster's defaults.
///
/// # Errors
/// [`AdminError`] when its Kafka does not answer.
pub async fn topics_of(kafka: &mut Client) -> std::result::Result<Vec<Topic>, AdminError> {
    let listed = described_of(kafka).await?.into_iter();
    Ok(listed.map(|listed| listed.topic).collect())
}

async fn described_of(kafka: &mut Client) -> std::result::Result<Vec<Listed>, AdminError> {
    let mut topics = counts_of(kafka).await?;
    for some in topics.chunks_mut(CONFIGS_AT_ONCE_MAX) {
        let names = some
            .iter()
            .map(|listed| ConfigResource::topic(&listed.topic.name));
        let names: Vec<ConfigResource<'_>> = names.collect();
        let described = kafka.configs_describe(&names, None).await?;
        for (listed, entries) in some.iter_mut().zip(described) {
            let entries = match entries {
                // It was deleted meanwhile: it is shown as it was.
                Err(gone) if gone.code == ErrorCode::UnknownTopicOrPartition => continue,
                other => other?,
            };
            let own = entries
                .into_iter()
                .filter(|entry| entry.source == ConfigSource::Topic);
            listed.topic.configs = own
                .filter_map(|entry| Some((entry.name, entry.value?)))
                .collect();
        }
    }
    Ok(topics)
}
