//! What the control plane knows of a consumer group that Kafka does not: that it was made before any client used it,
//! remarks and tags.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Tags;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, documents, sql, table};
use crate::tx::Tx;

/// Records that one query reads.
pub const GROUP_RECORDS_MAX: u32 = 10_000;

/// A row of the table.
struct GroupRow {
    name: String,
    remark: String,
    document: Document,
    created_at: Moment,
}

table! {
    consumer_group: GroupRow { name, remark, document as attributes, created_at as created_at_us }
    and instance_id
}

crate::statements! {
    UPSERT = sql![GroupRow::INSERT, " ON CONFLICT (instance_id, name) \
              DO UPDATE SET remark = $2, attributes = $3, created_at_us = $4"];
    SELECT = sql![GroupRow::SELECT, " WHERE instance_id = $1 ORDER BY name LIMIT CAST($2 AS BIGINT)"];
    DELETE = "DELETE FROM consumer_group WHERE instance_id = $1 AND name = $2";
    DELETE_ALL = "DELETE FROM consumer_group WHERE instance_id = $1";
}

/// The record of one consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecord {
    /// Kafka's name of it.
    pub name: String,
    /// What its owner noted.
    pub remark: String,
    /// Its tags.
    pub tags: Tags,
    /// The topics that its owner says it reads, in the order in which they were given.
    pub topics: Vec<String>,
    /// Whether it was made through the control plane; one that a Kafka client made has a record once it has tags.
    pub is_made_here: bool,
    /// When it was made through the control plane, or first tagged.
    pub created_at: Moment,
}

/// The document of a record, in the column `attributes`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    tags: Tags,
    topics: Vec<String>,
    is_made_here: bool,
}

documents!(Document);

/// Writes the record of a group, over an older one of the same name.
///
/// # Errors
/// As [`Tx::execute`].
pub fn group_record_put(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    record: &GroupRecord,
) -> Result<(), StoreError> {
    let GroupRecord {
        name,
        remark,
        tags,
        topics,
        is_made_here,
        created_at,
    } = record.clone();
    let row = GroupRow {
        name,
        remark,
        document: Document {
            tags,
            topics,
            is_made_here,
        },
        created_at,
    };
    let mut values = row.bind();
    values.push(instance.as_str().into());
    tx.execute(&UPSERT, &values)?;
    Ok(())
}

/// The records of an instance's groups by name, at most [`GROUP_RECORDS_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn group_record_list(
    tx: &mut dyn Tx,
    instance: &InstanceId,
) -> Result<Vec<GroupRecord>, StoreError> {
    let rows = tx.query(&SELECT, params![instance.as_str(), GROUP_RECORDS_MAX])?;
    let rows = GroupRow::read_all(&rows)?.into_iter();
    let record = |row: GroupRow| GroupRecord {
        name: row.name,
        remark: row.remark,
        tags: row.document.tags,
        topics: row.document.topics,
        is_made_here: row.document.is_made_here,
        created_at: row.created_at,
    };
    Ok(rows.map(record).collect())
}

/// Forgets a group.
///
/// # Errors
/// As [`Tx::execute`].
pub fn group_record_delete(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    name: &str,
) -> Result<(), StoreError> {
    tx.execute(&DELETE, params![instance.as_str(), name])?;
    Ok(())
}

/// Forgets all groups of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn group_record_delete_all(tx: &mut dyn Tx, instance: &InstanceId) -> Result<(), StoreError> {
    tx.execute(&DELETE_ALL, params![instance.as_str()])?;
    Ok(())
}
