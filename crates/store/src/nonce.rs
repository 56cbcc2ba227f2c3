//! Nonces of signed calls that change something: each is accepted once within its window.
//!
//! (Nonces of calls that only read are kept in memory by whoever authenticates.)

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

/// Rows that one call of [`nonce_prune`] deletes at most.
pub const PRUNE_ROWS_MAX: i64 = 200;

crate::statements! {
    /// Remembers a nonce, unless it is known.
    pub INSERT = "INSERT INTO nonce (access_key_id, nonce, seen_at_us) VALUES ($1, $2, $3) \
        ON CONFLICT (access_key_id, nonce) DO NOTHING";
    /// Forgets a slice of old nonces.
    pub PRUNE = "DELETE FROM nonce WHERE (access_key_id, nonce) IN \
        (SELECT access_key_id, nonce FROM nonce WHERE seen_at_us < $1 ORDER BY seen_at_us LIMIT CAST($2 AS BIGINT))";
}

/// Remembers a nonce of an access key, seen at `seen_at_us` (real time). `false`: it was seen before, so the call is a
/// replay. It is written in the transaction of the call's effect, and by itself when the call is refused (decision 0001).
///
/// # Errors
/// Those of the store.
pub fn nonce_insert(
    tx: &mut dyn Tx,
    access_key_id: &str,
    nonce: &str,
    seen_at_us: i64,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&INSERT, params![access_key_id, nonce, seen_at_us])? == 1)
}

/// Forgets at most [`PRUNE_ROWS_MAX`] nonces seen before `before_us`, which must lie further back than any time stamp
/// that is still accepted. Returns how many; fewer than the maximum means that it is done.
///
/// # Errors
/// Those of the store.
pub fn nonce_prune(tx: &mut dyn Tx, before_us: i64) -> Result<u64, StoreError> {
    tx.execute(&PRUNE, params![before_us, PRUNE_ROWS_MAX])
}
