//! Facts about this installation, by name.

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

crate::statements! {
    SELECT = "SELECT value FROM setting WHERE name = $1";
    UPSERT = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
}

/// The value of a setting.
///
/// # Errors
/// As [`Tx::query`].
pub fn setting_get(tx: &mut dyn Tx, name: &str) -> Result<Option<String>, StoreError> {
    let row = tx.query_first(&SELECT, params![name])?;
    row.map(|row| Ok(row.text(0)?.to_owned())).transpose()
}

/// Sets a setting.
///
/// # Errors
/// As [`Tx::execute`].
pub fn setting_set(tx: &mut dyn Tx, name: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(&UPSERT, params![name, value])?;
    Ok(())
}
