//! Leases: who may act on something, with a fencing generation that only grows.
//!
//! A holder that was paused past its lease finds that its generation is no longer the current one: it calls
//! [`lease_check`] in the same transaction as each write that the lease protects.

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

crate::statements! {
    /// Takes a lease that is free, expired, or held by the same holder.
    pub ACQUIRE = "INSERT INTO lease (name, holder, generation, expires_at_us) VALUES ($1, $2, 1, $3) \
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, generation = CASE lease.generation \
        WHEN 9223372036854775807 THEN 1 ELSE lease.generation + 1 END, \
        expires_at_us = excluded.expires_at_us \
        WHERE lease.expires_at_us <= $4 OR lease.holder = excluded.holder RETURNING generation";
    /// Moves the end of a lease that is still of this generation.
    pub RENEW = "UPDATE lease SET expires_at_us = $3 WHERE name = $1 AND generation = $2";
    /// Ends a lease that is still of this generation. The row stays: generations never start again.
    pub RELEASE = "UPDATE lease SET expires_at_us = 0, holder = '' \
        WHERE name = $1 AND generation = $2 AND holder <> ''";
    /// Locks the lease's row until the transaction ends, so that nobody takes it meanwhile.
    pub CHECK = "UPDATE lease SET generation = generation WHERE name = $1 AND generation = $2 AND holder <> ''";
}

/// Takes the lease `name` for `ttl_us` microseconds from `now_us` (real time), if it is free, expired, or already
/// `holder`'s: a holder that restarts takes its leases at once, and its former self is fenced off. Returns the new
/// generation. A holder's name is never empty.
///
/// # Errors
/// Those of the store.
pub fn lease_acquire(
    tx: &mut dyn Tx,
    name: &str,
    holder: &str,
    now_us: i64,
    ttl_us: i64,
) -> Result<Option<i64>, StoreError> {
    let expires_at_us = now_us.saturating_add(ttl_us);
    let taken = tx.query(&ACQUIRE, params![name, holder, expires_at_us, now_us])?;
    taken.first().map(|row| row.int(0)).transpose()
}

/// Moves the end of a lease to `ttl_us` microseconds from `now_us`. `false`: somebody else took it since.
/// (A lease that expired but that nobody took is still good.)
///
/// # Errors
/// Those of the store.
pub fn lease_renew(
    tx: &mut dyn Tx,
    name: &str,
    generation: i64,
    now_us: i64,
    ttl_us: i64,
) -> Result<bool, StoreError> {
    let expires_at_us = now_us.saturating_add(ttl_us);
    Ok(lease_check(tx, name, generation)?
        && tx.execute(&RENEW, params![name, generation, expires_at_us])? == 1)
}

/// Gives a lease back. `false`: it was no longer this generation's.
///
/// # Errors
/// Those of the store.
pub fn lease_release(tx: &mut dyn Tx, name: &str, generation: i64) -> Result<bool, StoreError> {
    Ok(tx.execute(&RELEASE, params![name, generation])? == 1)
}

/// Whether `generation` still holds the lease; if so, nobody takes it before this transaction ends. To be called in
/// the transaction whose writes the lease protects.
///
/// # Errors
/// Those of the store.
pub fn lease_check(tx: &mut dyn Tx, name: &str, generation: i64) -> Result<bool, StoreError> {
    Ok(tx.execute(&CHECK, params![name, generation])? == 1)
}
