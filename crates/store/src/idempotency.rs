//! Client tokens: a request repeated with one token is done once and answered alike.
//!
//! [`idempotency_begin`] stands at the head of the transaction that places the order, [`Claim::bind`] at its end. A
//! refused order rolls its transaction back, so it binds no token; so does a claim that is never bound. Of concurrent
//! requests with one token, one goes on and the others wait for its end, on both databases.

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

/// Rows that one call of [`idempotency_prune`] deletes at most.
pub const PRUNE_ROWS_MAX: i64 = 200;

/// Bytes of a request's hash (SHA-256).
pub const REQUEST_HASH_BYTES: usize = 32;

crate::statements! {
    /// Claims a token that is unknown, unbound, or bound longer ago than its window.
    pub CLAIM = "INSERT INTO idempotency (account_id, operation, token, request_hash, answer, created_at_us) \
        VALUES ($1, $2, $3, $4, NULL, $5) \
        ON CONFLICT (account_id, operation, token) DO UPDATE SET request_hash = excluded.request_hash, \
        answer = NULL, created_at_us = excluded.created_at_us \
        WHERE idempotency.answer IS NULL OR idempotency.created_at_us < $6";
    /// What a token is bound to.
    pub SELECT_BOUND = "SELECT request_hash, answer FROM idempotency \
        WHERE account_id = $1 AND operation = $2 AND token = $3";
    /// Binds a claimed token to its answer.
    pub BIND = "UPDATE idempotency SET answer = $4 \
        WHERE account_id = $1 AND operation = $2 AND token = $3 AND answer IS NULL";
    /// Forgets a slice of old tokens.
    pub PRUNE = "DELETE FROM idempotency WHERE (account_id, operation, token) IN \
        (SELECT account_id, operation, token FROM idempotency WHERE created_at_us < $1 \
        ORDER BY created_at_us LIMIT CAST($2 AS BIGINT))";
}

/// What a token is looked up by. Tokens of different accounts and operations are independent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenKey {
    /// The account.
    pub account_id: String,
    /// The operation's name, with its dialect: two vendors' operations may have one name.
    pub operation: String,
    /// The token, as the client sent it.
    pub token: String,
}

/// How a request with a client token goes on.
#[derive(Debug)]
#[must_use = "a repetition must be answered, not done again"]
pub enum Begin {
    /// The token is new: do it, then [`Claim::bind`] the answer.
    Fresh(Claim),
    /// It was done before with the same parameters: this was the answer.
    Replay {
        /// What was given to [`Claim::bind`].
        answer: String,
    },
    /// The token was used with other parameters.
    Mismatch,
}

/// A token that belongs to the running transaction.
#[derive(Debug)]
#[must_use = "an accepted request binds its token"]
pub struct Claim {
    key: TokenKey,
}

/// Begins a request with a client token: claims the token, or answers what it is bound to. `request_hash` is over the
/// parameters that must be equal. A token bound more than `window_us` microseconds before `now_us` is new again.
///
/// # Errors
/// Those of the store.
pub fn idempotency_begin(
    tx: &mut dyn Tx,
    key: &TokenKey,
    request_hash: &[u8; REQUEST_HASH_BYTES],
    now_us: i64,
    window_us: i64,
) -> Result<Begin, StoreError> {
    let TokenKey {
        account_id,
        operation,
        token,
    } = key;
    let expired_before_us = now_us.saturating_sub(window_us);
    let claimed = tx.execute(
        &CLAIM,
        params![
            account_id,
            operation,
            token,
            request_hash,
            now_us,
            expired_before_us
        ],
    )?;
    if claimed == 1 {
        return Ok(Begin::Fresh(Claim { key: key.clone() }));
    }
    let bound = tx.query(&SELECT_BOUND, params![account_id, operation, token])?;
    match bound.first() {
        Some(row) if row.blob(0)? == request_hash => Ok(Begin::Replay {
            answer: row.text(1)?.to_owned(),
        }),
        Some(_) => Ok(Begin::Mismatch),
        // It was pruned between the two statements (PostgreSQL): the caller may try again.
        None => Err(StoreError::Contention {
            label: "idempotency_begin",
            attempts: 1,
        }),
    }
}

impl Claim {
    /// Binds the token to its answer: in the same transaction as the accepted order, or never.
    ///
    /// # Errors
    /// Those of the store.
    pub fn bind(self, tx: &mut dyn Tx, answer: &str) -> Result<(), StoreError> {
        let TokenKey {
            account_id,
            operation,
            token,
        } = &self.key;
        let bound = tx.execute(&BIND, params![account_id, operation, token, answer])?;
        debug_assert_eq!(bound, 1, "a claim is bound in the transaction that made it");
        Ok(())
    }
}

/// Forgets at most [`PRUNE_ROWS_MAX`] tokens from before `before_us`. Returns how many; fewer than the maximum means
/// that it is done.
///
/// # Errors
/// Those of the store.
pub fn idempotency_prune(tx: &mut dyn Tx, before_us: i64) -> Result<u64, StoreError> {
    tx.execute(&PRUNE, params![before_us, PRUNE_ROWS_MAX])
}
