//! Access keys. Secrets come and go sealed: the store cannot read them.

use brokerage_domain::access::{AccessKey, Policy};
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccessKeyId, AccountId};

use crate::document;
use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

crate::statements! {
    INSERT = "INSERT INTO access_key (id, account_id, sealed_secret, active, policy, session_token_hash, \
              expires_at_us, created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    SELECT = "SELECT k.id, k.account_id, k.sealed_secret, k.active, k.policy, k.session_token_hash, \
              k.expires_at_us, a.number FROM access_key k JOIN account a ON a.id = k.account_id WHERE k.id = $1";
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
        ..
    } = stored;
    let values = params![
        key.id.as_str(),
        key.account_id.as_str(),
        sealed_secret,
        key.active,
        document::write(&key.policy),
        session_token_hash.as_ref(),
        key.expires_at.map(Moment::micros),
        now.micros(),
    ];
    Ok(tx.execute(&INSERT, values)? == 1)
}

/// One key with the number of its account.
///
/// # Errors
/// As [`Tx::query`].
pub fn access_key_by_id(tx: &mut dyn Tx, id: &str) -> Result<Option<StoredKey>, StoreError> {
    let Some(row) = tx.query_first(&SELECT, params![id])? else {
        return Ok(None);
    };
    let key = AccessKey {
        id: AccessKeyId::new(row.text(0)?),
        account_id: AccountId::new(row.text(1)?),
        active: row.flag(3)?,
        policy: document::read::<Policy>(&row, 4)?,
        expires_at: row.opt_int(6)?.map(Moment::from_micros),
    };
    Ok(Some(StoredKey {
        key,
        account_number: row.int(7)?,
        sealed_secret: row.text(2)?.to_owned(),
        session_token_hash: row.opt_text(5)?.map(str::to_owned),
    }))
}

/// Switches a key on or off; `false` when there is none of that id.
///
/// # Errors
/// As [`Tx::execute`].
pub fn access_key_set_active(tx: &mut dyn Tx, id: &str, active: bool) -> Result<bool, StoreError> {
    Ok(tx.execute(&UPDATE_ACTIVE, params![id, active])? == 1)
}
