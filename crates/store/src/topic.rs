//! What the control plane knows of a topic that Kafka does not: remarks, and when it was made.

use std::collections::BTreeMap;

use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;

use crate::document;
use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

/// Topic records that one query reads.
pub const TOPIC_RECORDS_MAX: u32 = 10_000;

crate::statements! {
    UPSERT = "INSERT INTO topic (instance_id, name, remark, attributes, created_at_us) VALUES ($1, $2, $3, $4, $5) \
              ON CONFLICT (instance_id, name) DO UPDATE SET remark = $3, attributes = $4, created_at_us = $5";
    SELECT = "SELECT name, remark, attributes, created_at_us FROM topic WHERE instance_id = $1 ORDER BY name LIMIT CAST($2 AS BIGINT)";
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
    /// What its dialect has to show again as it was given.
    pub attributes: BTreeMap<String, String>,
    /// When it was made through the control plane.
    pub created_at: Moment,
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
        attributes,
        created_at,
    } = record;
    let values = params![
        instance.as_str(),
        name,
        remark,
        document::write(attributes),
        created_at.micros()
    ];
    tx.execute(&UPSERT, values)?;
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
    rows.iter()
        .map(|row| {
            Ok(TopicRecord {
                name: row.text(0)?.to_owned(),
                remark: row.text(1)?.to_owned(),
                attributes: document::read(row, 2)?,
                created_at: Moment::from_micros(row.int(3)?),
            })
        })
        .collect()
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
