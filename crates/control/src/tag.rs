//! Tags of instances, topics and groups, changed on many of them by one call.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Tags, tags_check};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::group::group_record_put;
use brokerage_store::instance::Attention;
use brokerage_store::topic::topic_record_put;

use crate::call::Call;
use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::group::group_record_first;
use crate::instance::{instance_of_caller, instance_put};
use crate::topic_edit::topic_record;

/// What tags are put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The instance.
    pub instance: InstanceId,
    /// What of it.
    pub part: TaggedPart,
}

/// What of an instance has tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaggedPart {
    /// The instance itself.
    Whole,
    /// A topic of it.
    Topic(String),
    /// A consumer group of it.
    Group(String),
}

/// An edit of tags, the same of each thing.
#[derive(Debug, Clone, Default)]
pub struct TagEdit {
    /// Tags that are set.
    pub set: Tags,
    /// Keys that are taken away; those that are not there are no error.
    pub dropped: Vec<String>,
    /// Whether every tag is taken away.
    pub all_dropped: bool,
    /// Most tags that the caller's cloud lets one thing have.
    pub tags_max: usize,
}

impl TagEdit {
    /// The tags of a thing after the edit.
    ///
    /// # Errors
    /// [`Error::LimitReached`].
    pub fn applied(&self, before: &Tags) -> Result<Tags> {
        let mut after = before.clone();
        after.retain(|key, _| !self.all_dropped && !self.dropped.contains(key));
        after.extend(self.set.clone());
        tags_check(&after)?;
        if after.len() > self.tags_max {
            return Err(Error::LimitReached {
                what: "tags",
                max: i64::try_from(self.tags_max).unwrap_or(i64::MAX),
            });
        }
        Ok(after)
    }
}

impl Control {
    /// Changes the tags of some of the caller's instances, topics and groups: of all of them in one transaction, or of none.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an instance, topic or group, [`Error::WrongPhase`] for an instance that is being taken away,
    /// or for a topic or group of one that does not run, [`Error::LimitReached`], [`Error::Forbidden`].
    pub async fn tags_edit(&self, call: Call, tagged: Vec<Tagged>, edit: TagEdit) -> Result<()> {
        let mut seen = Vec::with_capacity(tagged.len());
        for Tagged { instance, part } in &tagged {
            seen.push(match part {
                TaggedPart::Whole => Seen::default(),
                TaggedPart::Topic(name) => Seen {
                    kafka_id: self.topic_check(&call, instance, name).await?,
                    ..Seen::default()
                },
                TaggedPart::Group(name) => Seen {
                    groups: self.group_check(&call, instance, name).await?,
                    ..Seen::default()
                },
            });
        }
        let (now, real_now) = (self.now(), self.real_now());
        let cx = Context::clone(&call);
        let resource = names(&tagged);
        self.audited_write(call, &resource, move |tx| {
            for (Tagged { instance, part }, seen) in tagged.iter().zip(&seen) {
                match part {
                    TaggedPart::Whole => {
                        tag_instance(tx, &cx, instance, &edit, Attention::From(real_now))?;
                    }
                    TaggedPart::Group(name) => {
                        let mut record = group_record_first(tx, instance, name, &seen.groups, now)?;
                        record.tags = edit.applied(&record.tags)?;
                        group_record_put(tx, instance, &record)?;
                    }
                    TaggedPart::Topic(name) => {
                        let mut record =
                            topic_record(tx, instance, (name, seen.kafka_id.as_deref()), now)?;
                        record.tags = edit.applied(&record.tags)?;
                        topic_record_put(tx, instance, &record)?;
                    }
                }
            }
            Ok(())
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }
}

/// What was seen of a thing in Kafka before its tags are changed.
#[derive(Default)]
struct Seen {
    /// Kafka's id of a topic.
    kafka_id: Option<String>,
    /// All groups of a group's instance.
    groups: Vec<String>,
}

fn tag_instance(
    tx: &mut dyn Tx,
    cx: &Context,
    id: &InstanceId,
    edit: &TagEdit,
    attention: Attention,
) -> TxResult<()> {
    let mut instance = instance_of_caller(tx, cx, id)?;
    instance.check_not_released()?;
    instance.tags = edit.applied(&instance.tags)?;
    instance_put(tx, &instance, attention)
}

/// What the audit trail says was changed.
fn names(tagged: &[Tagged]) -> String {
    let name = |Tagged { instance, part }: &Tagged| match part {
        TaggedPart::Whole => instance.to_string(),
        TaggedPart::Topic(name) | TaggedPart::Group(name) => format!("{instance}/{name}"),
    };
    tagged.iter().map(name).collect::<Vec<_>>().join(" ")
}
