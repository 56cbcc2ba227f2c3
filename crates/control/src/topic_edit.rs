//! What an owner may change of a topic without asking Kafka: what it notes beside it.

use std::collections::{BTreeMap, BTreeSet};

use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::allow_list_check;
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
        self.topic_check(&call, id, name).await?;
        let (of, wanted, now) = (id.clone(), name.to_owned(), self.now());
        self.audited_write(call, &format!("{id}/{name}"), move |tx| {
            let mut record = topic_record(tx, &of, &wanted, now)?;
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

    /// Checks that a running instance of the caller's has a topic.
    pub(crate) async fn topic_check(
        &self,
        cx: &Context,
        id: &InstanceId,
        name: &str,
    ) -> Result<()> {
        self.running_instance(cx, id).await?;
        let known = self.topic_names(id).await;
        let known = known.map_err(|failure| refusal(failure, About::Topics))?;
        if known.contains(name) {
            return Ok(());
        }
        Err(Error::not_found(Kind::Topic, name))
    }
}

/// The record of a topic, or its first.
pub(crate) fn topic_record(
    tx: &mut dyn Tx,
    of: &InstanceId,
    name: &str,
    now: Moment,
) -> TxResult<TopicRecord> {
    let found = topic_record_list(tx, of)?
        .into_iter()
        .find(|record| record.name == name);
    Ok(found.unwrap_or_else(|| TopicRecord {
        name: name.to_owned(),
        remark: String::new(),
        tags: BTreeMap::new(),
        allow_list: BTreeSet::new(),
        notes: Notes::default(),
        created_at: now,
    }))
}
