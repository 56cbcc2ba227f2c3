//! Access keys. Secrets come and go sealed: the store cannot read them.

use brokerage_domain::access::{AccessKey, Policy};
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccessKeyId, AccountId};

use crate::digest::{Digested, HOUSE, Scan, digest_lock};
use crate::error::StoreError;
use crate::params;
use crate::scan::{Cursor, Page};
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::{Row, Value};

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
    /// A row as its digest is made of.
    SELECT_ROW = sql!["SELECT ", KeyRow::COLUMNS, ", created_at_us FROM access_key WHERE id = $1"];
    SELECT_AFTER = sql!["SELECT ", KeyRow::COLUMNS, ", created_at_us FROM access_key WHERE id > $1 ORDER BY id \
                    LIMIT CAST($2 AS BIGINT)"];
    UPDATE_ACTIVE = "UPDATE access_key SET active = $2 WHERE id = $1";
}

/// How keys are read through.
pub(crate) static SCAN: Scan = Scan {
    statement: &SELECT_AFTER,
    columns: KeyRow::COUNT + 1,
    cursor: &[0],
    first: &[Value::EMPTY],
    scope: |row: &Row| row.text(ACCOUNT).unwrap_or(HOUSE).to_owned(),
};
/// Where the account stands in a row.
const ACCOUNT: usize = 1;

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
    if tx.execute(&INSERT, &values)? != 1 {
        return Ok(false);
    }
    let scope = row.account_id.as_str();
    tx.digests().toggle(Digested::Keys, scope, &values);
    Ok(true)
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

/// A page of the keys of all accounts, by id.
///
/// # Errors
/// As [`Tx::query`].
pub fn access_key_page(tx: &mut dyn Tx, after: &Cursor) -> Result<Page<AccessKey>, StoreError> {
    let rows = tx.query(&SELECT_PAGE, &after.values(ACCESS_KEY_PAGE))?;
    Ok(Page::read(&rows, (ACCESS_KEY_PAGE, &[0]), |row| {
        KeyRow::read(row).map(AccessKey::from)
    }))
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
    let Some(seen) = tx.query_first(&SELECT_ROW, params![id])? else {
        return Ok(false);
    };
    let scope = (SCAN.scope)(&seen);
    digest_lock(tx, &scope)?;
    let before = tx.query_first(&SELECT_ROW, params![id])?;
    tx.execute(&UPDATE_ACTIVE, params![id, active])?;
    let after = tx.query_first(&SELECT_ROW, params![id])?;
    for row in before.iter().chain(&after) {
        tx.digests().toggle(Digested::Keys, &scope, row.cells());
    }
    Ok(after.is_some())
}
