//! What an owner may change of a topic without asking Kafka: what it notes beside it.

use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Tags;
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::{AllowList, allow_list_check};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::topic::{TopicRecord, topic_record_list, topic_record_put};

use crate::call::Call;
use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::engine_error::{About, refusal};

/// Changes of a topic's record; what is empty stays as it is.
#[derive(Debug, Clone, Default)]
pub struct TopicEdit {
    /// What its owner notes from now on.
    pub remark: Option<String>,
    /// Addresses that are let use it.
    pub allowed: Vec<String>,
    /// Addresses that are so no longer; those that were not are no error.
    pub disallowed: Vec<String>,
}

impl Control {
    /// Changes the record of a topic; one that a Kafka client made gets its first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or topic, [`Error::WrongPhase`] when the instance does not run,
    /// [`Error::LimitReached`] for addresses.
    pub async fn topic_edit(
        &self,
        call: Call,
        id: &InstanceId,
        name: &str,
        edit: TopicEdit,
    ) -> Result<()> {
        let kafka_id = self.topic_check(&call, id, name).await?;
        let (of, wanted, now) = (id.clone(), name.to_owned(), self.now());
        self.audited_write(call, &format!("{id}/{name}"), move |tx| {
            let mut record = topic_record(tx, &of, (&wanted, kafka_id.as_deref()), now)?;
            if let Some(remark) = &edit.remark {
                record.remark.clone_from(remark);
            }
            record
                .allow_list
                .retain(|address| !edit.disallowed.contains(address));
            record.allow_list.extend(edit.allowed.iter().cloned());
            if !edit.allowed.is_empty() {
                allow_list_check(record.allow_list.len())?;
            }
            Ok(topic_record_put(tx, &of, &record)?)
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
        let known = self.topic_counts(id).await;
        let mut known = known
            .map_err(|failure| refusal(failure, About::Topics))?
            .into_iter();
        let found = known.find(|known| known.topic.name == name);
        let found = found.ok_or_else(|| Error::not_found(Kind::Topic, name))?;
        Ok(found.kafka_id)
    }
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
