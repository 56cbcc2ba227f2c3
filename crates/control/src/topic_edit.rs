//! What an owner may change of a topic without asking Kafka: what it notes beside it.

use std::collections::BTreeMap;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
use brokerage_store::topic::{TopicRecord, topic_record_list, topic_record_put};

use crate::context::Context;
use crate::control::Control;
use crate::topic::engine_error;

/// Changes of a topic's record; what is empty stays as it is.
#[derive(Debug, Clone, Default)]
pub struct TopicEdit {
    /// What its owner notes from now on.
    pub remark: Option<String>,
    /// What the dialect has to show again, over what is there.
    pub attributes: BTreeMap<String, String>,
    /// Names of attributes that are taken away; those that are not there are no error.
    pub attributes_dropped: Vec<String>,
}

impl Control {
    /// Changes the record of a topic; one that a Kafka client made gets its first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or topic, [`Error::WrongPhase`] when the instance does not run.
    pub async fn topic_edit(
        &self,
        cx: &Context,
        id: &InstanceId,
        name: &str,
        edit: TopicEdit,
    ) -> Result<()> {
        self.running_instance(cx, id).await?;
        let known = self.engine.list_topics(id).await.map_err(engine_error)?;
        if !known.iter().any(|topic| topic.name == name) {
            return Err(Error::not_found(Kind::Topic, name));
        }
        let (of, wanted, now) = (id.clone(), name.to_owned(), self.now());
        self.change(cx, &format!("{id}/{name}"), move |tx| {
            let found = topic_record_list(tx, &of)?
                .into_iter()
                .find(|record| record.name == wanted);
            let mut record = found.unwrap_or_else(|| TopicRecord {
                name: wanted.clone(),
                remark: String::new(),
                attributes: BTreeMap::new(),
                created_at: now,
            });
            if let Some(remark) = &edit.remark {
                record.remark.clone_from(remark);
            }
            record
                .attributes
                .retain(|name, _| !edit.attributes_dropped.contains(name));
            record.attributes.extend(edit.attributes.clone());
            Ok(topic_record_put(tx, &of, &record)?)
        })
        .await
    }
}
