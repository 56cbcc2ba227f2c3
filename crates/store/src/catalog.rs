//! Catalogs that servers started with, by the hash of their text.

use brokerage_domain::clock::Moment;

use crate::error::StoreError;
use crate::params;
use crate::scan::Page;
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::Row;

/// Catalogs that are read at a start: far more than an operator ever sells from.
pub const CATALOGS_MAX: u32 = 1_000;

/// A catalog that was kept.
struct KeptCatalog {
    hash: String,
    profile: String,
    text: String,
    kept_at: Moment,
}

table! {
    catalog: KeptCatalog { hash, profile, text, kept_at as kept_at_us }
}

crate::statements! {
    INSERT = sql![KeptCatalog::INSERT, " ON CONFLICT DO NOTHING"];
    SELECT_NAMED = sql!["SELECT hash, text FROM catalog WHERE EXISTS (SELECT 1 FROM orders WHERE catalog_hash = catalog.hash) \
                    ORDER BY kept_at_us DESC, hash LIMIT CAST($1 AS BIGINT)"];
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
    let kept = KeptCatalog {
        hash: hash.to_owned(),
        profile: profile.to_owned(),
        text: text.to_owned(),
        kept_at: now,
    };
    tx.execute(&INSERT, &kept.bind()).map(drop)
}

/// Hash and text of the kept catalogs that an order names, at most [`CATALOGS_MAX`], each or why it cannot be read. It may look
/// through all orders: for the start of a server.
///
/// # Errors
/// As [`Tx::query`].
pub fn catalog_list_named(tx: &mut dyn Tx) -> Result<Page<(String, String)>, StoreError> {
    let rows = tx.query(&SELECT_NAMED, params![CATALOGS_MAX])?;
    let text = |row: &Row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
    Ok(Page::read(&rows, (CATALOGS_MAX, &[0]), text))
}
