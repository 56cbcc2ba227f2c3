//! What the control plane knows of a topic that Kafka does not: remarks, and when it was made.

use std::collections::BTreeMap;

use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Tags;
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::AllowList;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, documents, sql, table};
use crate::tx::Tx;

/// Topic records that one query reads.
pub const TOPIC_RECORDS_MAX: u32 = 10_000;

/// A row of the table.
struct TopicRow {
    name: String,
    remark: String,
    document: Document,
    created_at: Moment,
}

table! {
    topic: TopicRow { name, remark, document as attributes, created_at as created_at_us }
    and instance_id
}

crate::statements! {
    UPSERT = sql![TopicRow::INSERT, " ON CONFLICT (instance_id, name) \
              DO UPDATE SET remark = $2, attributes = $3, created_at_us = $4"];
    SELECT = sql![TopicRow::SELECT, " WHERE instance_id = $1 ORDER BY name LIMIT CAST($2 AS BIGINT)"];
    DELETE = "DELETE FROM topic WHERE instance_id = $1 AND name = $2";
    DELETE_ALL = "DELETE FROM topic WHERE instance_id = $1";
}

/// The record of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRecord {
    /// Kafka's name of it.
    pub name: String,
    /// What its owner noted.
    pub remark: String,
    /// Its tags.
    pub tags: Tags,
    /// The addresses that its owner lets use it, in the order in which they were given.
    pub allow_list: AllowList,
    /// What its dialect has to show again as it was given.
    pub notes: Notes,
    /// When it was made through the control plane.
    pub created_at: Moment,
    /// Kafka's id of the topic that this is noted of; `None` where that is not known.
    pub kafka_id: Option<String>,
}

impl TopicRecord {
    /// Whether it is of the topic that Kafka has under this id. Where an id is not known, its name has to do.
    pub fn is_of(&self, kafka_id: Option<&str>) -> bool {
        match (self.kafka_id.as_deref(), kafka_id) {
            (Some(noted), Some(seen)) => noted == seen,
            _ => true,
        }
    }
}

/// The document of a record, in the column `attributes`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
struct Document {
    tags: Tags,
    allow_list: AllowList,
    notes: Notes,
    #[serde(skip_serializing_if = "Option::is_none")]
    kafka_id: Option<String>,
}

documents!(Document);

/// The forms that the document has in rows.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    /// Before tags and allow lists had places of their own: texts by name.
    Flat(BTreeMap<String, String>),
    Typed {
        tags: Tags,
        allow_list: AllowList,
        notes: Notes,
        #[serde(default)]
        kafka_id: Option<String>,
    },
}

/// Names of flat documents: one a tag, all tags as one JSON object, one an address.
const FLAT_TAG: &str = "Tag:";
const FLAT_TAGS: &str = "Tags";
const FLAT_ADDRESS: &str = "IpWhiteList/";

impl From<Stored> for Document {
    fn from(stored: Stored) -> Self {
        let flat = match stored {
            Stored::Flat(flat) => flat,
            Stored::Typed {
                tags,
                allow_list,
                notes,
                kafka_id,
            } => {
                return Self {
                    tags,
                    allow_list,
                    notes,
                    kafka_id,
                };
            }
        };
        let (mut tags, mut allow_list) = (Tags::new(), AllowList::new());
        let mut notes = BTreeMap::new();
        for (name, value) in flat {
            if let Some(key) = name.strip_prefix(FLAT_TAG) {
                tags.insert(key.to_owned(), value);
            } else if let Some(address) = name.strip_prefix(FLAT_ADDRESS) {
                allow_list.insert(address.to_owned());
            } else if name == FLAT_TAGS {
                let all: Tags = serde_json::from_str(&value).unwrap_or_default();
                tags.extend(all);
            } else {
                notes.insert(name, value);
            }
        }
        Self {
            tags,
            allow_list,
            notes: Notes::from_row(notes),
            kafka_id: None,
        }
    }
}

/// Writes the record of a topic, over an older one of the same name.
///
/// # Errors
/// As [`Tx::execute`].
pub fn topic_record_put(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    record: &TopicRecord,
) -> Result<(), StoreError> {
    let TopicRecord {
        name,
        remark,
        tags,
        allow_list,
        notes,
        created_at,
        kafka_id,
    } = record.clone();
    let row = TopicRow {
        name,
        remark,
        document: Document {
            tags,
            allow_list,
            notes,
            kafka_id,
        },
        created_at,
    };
    let mut values = row.bind();
    values.push(instance.as_str().into());
    tx.execute(&UPSERT, &values)?;
    Ok(())
}

/// The records of an instance's topics, at most [`TOPIC_RECORDS_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn topic_record_list(
    tx: &mut dyn Tx,
    instance: &InstanceId,
) -> Result<Vec<TopicRecord>, StoreError> {
    let rows = tx.query(&SELECT, params![instance.as_str(), TOPIC_RECORDS_MAX])?;
    let rows = TopicRow::read_all(&rows)?.into_iter();
    let record = |row: TopicRow| TopicRecord {
        name: row.name,
        remark: row.remark,
        tags: row.document.tags,
        allow_list: row.document.allow_list,
        notes: row.document.notes,
        created_at: row.created_at,
        kafka_id: row.document.kafka_id,
    };
    Ok(rows.map(record).collect())
}

/// Forgets a topic.
///
/// # Errors
/// As [`Tx::execute`].
pub fn topic_record_delete(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    name: &str,
) -> Result<(), StoreError> {
    tx.execute(&DELETE, params![instance.as_str(), name])?;
    Ok(())
}

/// Forgets all topics of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn topic_record_delete_all(tx: &mut dyn Tx, instance: &InstanceId) -> Result<(), StoreError> {
    tx.execute(&DELETE_ALL, params![instance.as_str()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn check(
        row: &str,
        tags: &[(&str, &str)],
        allow_list: &[&str],
        notes: &[(&str, &str)],
        kafka_id: Option<&str>,
    ) {
        let map = |pairs: &[(&str, &str)]| {
            let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(text).collect::<BTreeMap<_, _>>()
        };
        let expected = Document {
            tags: map(tags).into_iter().collect(),
            allow_list: allow_list
                .iter()
                .map(|address| (*address).to_owned())
                .collect(),
            notes: Notes::from_row(map(notes)),
            kafka_id: kafka_id.map(str::to_owned),
        };
        let read: Document = serde_json::from_str(row).unwrap();
        assert_eq!(read, expected, "{row}");
        let again: Document = serde_json::from_str(&document::write(&expected)).unwrap();
        assert_eq!(again, expected, "{row}: written and read");
    }

    #[test]
    fn rows_of_every_form_are_read() {
        check("{}", &[], &[], &[], None);
        check(
            r#"{"Config":"{}","LocalTopic":"true","Tag:a":"1","Tag:b":""}"#,
            &[("a", "1"), ("b", "")],
            &[],
            &[("Config", "{}"), ("LocalTopic", "true")],
            None,
        );
        check(
            r#"{"IpWhiteList/10.0.0.1":"","IpWhiteList/10.1.0.0/16":"","Tags":"{\"k\":\"v\"}","TopicId":"topic-1"}"#,
            &[("k", "v")],
            &["10.0.0.1", "10.1.0.0/16"],
            &[("TopicId", "topic-1")],
            None,
        );
        check(
            r#"{"tags":{"Tags":"x"},"allow_list":["::1"],"notes":{"tags":"y"}}"#,
            &[("Tags", "x")],
            &["::1"],
            &[("tags", "y")],
            None,
        );
        check(
            r#"{"tags":{},"allow_list":[],"notes":{},"kafka_id":"an id"}"#,
            &[],
            &[],
            &[],
            Some("an id"),
        );
    }
}
