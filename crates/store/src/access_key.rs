//! Access keys. Secrets come and go sealed: the store cannot read them.

use brokerage_domain::access::{AccessKey, Policy};
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccessKeyId, AccountId};

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;

/// A row of the table.
struct KeyRow {
    id: AccessKeyId,
    account_id: AccountId,
    sealed_secret: String,
    active: bool,
    policy: Policy,
    session_token_hash: Option<String>,
    expires_at: Option<Moment>,
}

table! {
    access_key: KeyRow {
        id, account_id, sealed_secret, active, policy, session_token_hash, expires_at as expires_at_us
    }
    and created_at_us
}

/// Keys on one page of a list.
pub const ACCESS_KEY_PAGE: u32 = 1_000;

crate::statements! {
    INSERT = sql![KeyRow::INSERT, " ON CONFLICT DO NOTHING"];
    /// A key, then the number of its account.
    SELECT = sql!["SELECT ", KeyRow::COLUMNS, ", number FROM access_key JOIN (SELECT id AS owner_id, number FROM account) AS owner \
              ON owner_id = account_id WHERE id = $1"];
    SELECT_PAGE = sql![KeyRow::SELECT, " WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)"];
    UPDATE_ACTIVE = "UPDATE access_key SET active = $2 WHERE id = $1";
}

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The key without its secret.
    pub key: AccessKey,
    /// Numeric identity of its account.
    pub account_number: i64,
    /// The encrypted secret.
    pub sealed_secret: String,
    /// SHA-256 of the session token that must come with a temporary key, as hex.
    pub session_token_hash: Option<String>,
}

/// Inserts a key; `false` when its id is taken. `account_number` is not stored here.
///
/// # Errors
/// As [`Tx::execute`].
pub fn access_key_insert(
    tx: &mut dyn Tx,
    stored: &StoredKey,
    now: Moment,
) -> Result<bool, StoreError> {
    let StoredKey {
        key,
        sealed_secret,
        session_token_hash,
        account_number: _,
    } = stored.clone();
    let AccessKey {
        id,
        account_id,
        active,
        policy,
        expires_at,
    } = key;
    let row = KeyRow {
        id,
        account_id,
        sealed_secret,
        active,
        policy,
        session_token_hash,
        expires_at,
    };
    let mut values = row.bind();
    values.push(now.micros().into());
    Ok(tx.execute(&INSERT, &values)? == 1)
}

/// One key with the number of its account.
///
/// # Errors
/// As [`Tx::query`].
pub fn access_key_by_id(tx: &mut dyn Tx, id: &str) -> Result<Option<StoredKey>, StoreError> {
    let Some(row) = tx.query_first(&SELECT, params![id])? else {
        return Ok(None);
    };
    let stored = KeyRow::read(&row)?;
    Ok(Some(StoredKey {
        account_number: row.int(KeyRow::COUNT)?,
        sealed_secret: stored.sealed_secret.clone(),
        session_token_hash: stored.session_token_hash.clone(),
        key: stored.into(),
    }))
}

/// Keys of all accounts after the id `after`, by id, at most [`ACCESS_KEY_PAGE`].
///
/// # Errors
/// As [`Tx::query`].
pub fn access_key_page(tx: &mut dyn Tx, after: &str) -> Result<Vec<AccessKey>, StoreError> {
    let rows = tx.query(&SELECT_PAGE, params![after, ACCESS_KEY_PAGE])?;
    let keys = KeyRow::read_all(&rows)?.into_iter();
    Ok(keys.map(AccessKey::from).collect())
}

impl From<KeyRow> for AccessKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            active: row.active,
            policy: row.policy,
            expires_at: row.expires_at,
        }
    }
}

/// Switches a key on or off; `false` when there is none of that id.
///
/// # Errors
/// As [`Tx::execute`].
pub fn access_key_set_active(tx: &mut dyn Tx, id: &str, active: bool) -> Result<bool, StoreError> {
    Ok(tx.execute(&UPDATE_ACTIVE, params![id, active])? == 1)
}
