//! What the control plane knows of a Kafka user that Kafka does not: its password, sealed, and when it was made.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;

use crate::digest::{Digested, HOUSE, Scan, digest_lock};
use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::{Row, Value};

/// Records that one query reads.
pub const SASL_USER_RECORDS_MAX: u32 = 10_000;

/// The record of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslUserRecord {
    /// Kafka's name of it.
    pub name: String,
    /// The encrypted password.
    pub sealed_password: String,
    /// When it was made through the control plane.
    pub created_at: Moment,
    /// When it was last given a password so.
    pub updated_at: Moment,
}

table! {
    sasl_user: SaslUserRecord {
        name, sealed_password, created_at as created_at_us, updated_at as updated_at_us
    }
    and instance_id
}

crate::statements! {
    UPSERT = sql![SaslUserRecord::INSERT, " ON CONFLICT (instance_id, name) \
              DO UPDATE SET sealed_password = $2, updated_at_us = $4"];
    SELECT = sql![SaslUserRecord::SELECT, " WHERE instance_id = $1 ORDER BY name LIMIT CAST($2 AS BIGINT)"];
    /// A row as its digest is made of.
    SELECT_ROW = sql!["SELECT ", SaslUserRecord::COLUMNS, ", instance_id FROM sasl_user WHERE instance_id = $1 AND name = $2"];
    /// The same, of all users of an instance.
    SELECT_ROWS = sql!["SELECT ", SaslUserRecord::COLUMNS, ", instance_id FROM sasl_user WHERE instance_id = $1 \
                   ORDER BY name LIMIT CAST($2 AS BIGINT)"];
    /// The same, of all, with whose they are.
    SELECT_AFTER = sql!["SELECT ", SaslUserRecord::COLUMNS, ", instance_id, \
                    (SELECT account_id FROM instance WHERE id = instance_id) FROM sasl_user \
                    WHERE (instance_id, name) > ($1, $2) ORDER BY instance_id, name LIMIT CAST($3 AS BIGINT)"];
    SELECT_OWNER = "SELECT account_id FROM instance WHERE id = $1";
    DELETE = "DELETE FROM sasl_user WHERE instance_id = $1 AND name = $2";
    DELETE_ALL = "DELETE FROM sasl_user WHERE instance_id = $1";
}

/// How users are read through.
pub(crate) static SCAN: Scan = Scan {
    statement: &SELECT_AFTER,
    columns: SaslUserRecord::COUNT + 1,
    cursor: &[SaslUserRecord::COUNT, 0],
    first: &[Value::EMPTY, Value::EMPTY],
    scope: |row: &Row| {
        let owner = row.text(SaslUserRecord::COUNT + 1);
        owner.unwrap_or(HOUSE).to_owned()
    },
};

/// The account that an instance belongs to.
fn owner_of(tx: &mut dyn Tx, instance: &InstanceId) -> Result<String, StoreError> {
    let row = tx.query_first(&SELECT_OWNER, params![instance.as_str()])?;
    row.map_or(Ok(HOUSE.to_owned()), |row| row.text(0).map(str::to_owned))
}

/// Changes the record of a user, and the digests of its owner with it.
fn change(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    name: &str,
    work: impl FnOnce(&mut dyn Tx) -> Result<u64, StoreError>,
) -> Result<(), StoreError> {
    let scope = owner_of(tx, instance)?;
    digest_lock(tx, &scope)?;
    let key = params![instance.as_str(), name];
    let before = tx.query_first(&SELECT_ROW, key)?;
    work(tx)?;
    let after = tx.query_first(&SELECT_ROW, key)?;
    for row in before.iter().chain(&after) {
        tx.digests().toggle(Digested::Users, &scope, row.cells());
    }
    Ok(())
}

/// Writes the record of a user. One that is there keeps the time when it was made.
///
/// # Errors
/// As [`Tx::execute`].
pub fn sasl_user_put(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    record: &SaslUserRecord,
) -> Result<(), StoreError> {
    let mut values = record.bind();
    values.push(instance.as_str().into());
    change(tx, instance, &record.name, |tx| {
        tx.execute(&UPSERT, &values)
    })
}

/// The records of an instance's users by name, at most [`SASL_USER_RECORDS_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn sasl_user_list(
    tx: &mut dyn Tx,
    instance: &InstanceId,
) -> Result<Vec<SaslUserRecord>, StoreError> {
    let rows = tx.query(&SELECT, params![instance.as_str(), SASL_USER_RECORDS_MAX])?;
    SaslUserRecord::read_all(&rows)
}

/// Forgets a user.
///
/// # Errors
/// As [`Tx::execute`].
pub fn sasl_user_delete(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    name: &str,
) -> Result<(), StoreError> {
    change(tx, instance, name, |tx| {
        tx.execute(&DELETE, params![instance.as_str(), name])
    })
}

/// Forgets all users of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn sasl_user_delete_all(tx: &mut dyn Tx, instance: &InstanceId) -> Result<(), StoreError> {
    let rows = tx.query(
        &SELECT_ROWS,
        params![instance.as_str(), SASL_USER_RECORDS_MAX],
    )?;
    let gone = tx.execute(&DELETE_ALL, params![instance.as_str()])?;
    if gone != rows.len() as u64 {
        // Another process gave it a user meanwhile (PostgreSQL): who asked tries again.
        return Err(StoreError::Contention {
            label: "sasl_user_delete_all",
            attempts: 1,
        });
    }
    if rows.is_empty() {
        return Ok(());
    }
    let scope = owner_of(tx, instance)?;
    for row in &rows {
        tx.digests().toggle(Digested::Users, &scope, row.cells());
    }
    Ok(())
}
