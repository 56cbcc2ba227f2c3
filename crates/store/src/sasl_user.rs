//! What the control plane knows of a Kafka user that Kafka does not: its password, sealed, and when it was made.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;

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
    DELETE = "DELETE FROM sasl_user WHERE instance_id = $1 AND name = $2";
    DELETE_ALL = "DELETE FROM sasl_user WHERE instance_id = $1";
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
    tx.execute(&UPSERT, &values)?;
    Ok(())
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
    tx.execute(&DELETE, params![instance.as_str(), name])?;
    Ok(())
}

/// Forgets all users of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn sasl_user_delete_all(tx: &mut dyn Tx, instance: &InstanceId) -> Result<(), StoreError> {
    tx.execute(&DELETE_ALL, params![instance.as_str()])?;
    Ok(())
}
