//! Catalogs that servers started with, by the hash of their text.

use brokerage_domain::clock::Moment;

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

/// Catalogs that are read at a start: far more than an operator ever sells from.
pub const CATALOGS_MAX: u32 = 1_000;

crate::statements! {
    INSERT = "INSERT INTO catalog (hash, profile, text, kept_at_us) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    SELECT_NAMED = "SELECT hash, text FROM catalog WHERE EXISTS (SELECT 1 FROM orders WHERE catalog_hash = catalog.hash) \
                    ORDER BY kept_at_us DESC, hash LIMIT CAST($1 AS BIGINT)";
}

/// Keeps a catalog; nothing happens when it is kept already.
///
/// # Errors
/// As [`Tx::execute`].
pub fn catalog_keep(
    tx: &mut dyn Tx,
    hash: &str,
    profile: &str,
    text: &str,
    now: Moment,
) -> Result<(), StoreError> {
    let values = params![hash, profile, text, now.micros()];
    tx.execute(&INSERT, values).map(drop)
}

/// Hash and text of the kept catalogs that an order names, at most [`CATALOGS_MAX`]. It may look through all orders:
/// for the start of a server.
///
/// # Errors
/// As [`Tx::query`].
pub fn catalog_list_named(tx: &mut dyn Tx) -> Result<Vec<(String, String)>, StoreError> {
    let rows = tx.query(&SELECT_NAMED, params![CATALOGS_MAX])?;
    rows.iter()
        .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
        .collect()
}
