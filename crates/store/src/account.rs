//! Accounts.

use brokerage_domain::account::Account;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::AccountId;

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;
use crate::value::Row;

/// Accounts on one page of a listing.
pub const ACCOUNT_PAGE_MAX: u32 = 1_000;

crate::statements! {
    INSERT = "INSERT INTO account (id, number, name, created_at_us) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    SELECT = "SELECT id, number, name, created_at_us FROM account WHERE id = $1";
    SELECT_BY_NAME = "SELECT id, number, name, created_at_us FROM account WHERE name = $1";
    SELECT_PAGE = "SELECT id, number, name, created_at_us FROM account WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)";
}

fn read(row: &Row) -> Result<Account, StoreError> {
    Ok(Account {
        id: AccountId::new(row.text(0)?),
        number: row.int(1)?,
        name: row.text(2)?.to_owned(),
        created_at: Moment::from_micros(row.int(3)?),
    })
}

/// Inserts an account; `false` when its id, number or name is taken.
///
/// # Errors
/// As [`Tx::execute`].
pub fn account_insert(tx: &mut dyn Tx, account: &Account) -> Result<bool, StoreError> {
    let Account {
        id,
        number,
        name,
        created_at,
    } = account;
    Ok(tx.execute(
        &INSERT,
        params![id.as_str(), *number, name, created_at.micros()],
    )? == 1)
}

/// One account.
///
/// # Errors
/// As [`Tx::query`].
pub fn account_by_id(tx: &mut dyn Tx, id: &AccountId) -> Result<Option<Account>, StoreError> {
    tx.query_first(&SELECT, params![id.as_str()])?
        .as_ref()
        .map(read)
        .transpose()
}

/// One account by its name.
///
/// # Errors
/// As [`Tx::query`].
pub fn account_by_name(tx: &mut dyn Tx, name: &str) -> Result<Option<Account>, StoreError> {
    tx.query_first(&SELECT_BY_NAME, params![name])?
        .as_ref()
        .map(read)
        .transpose()
}

/// The accounts after `after`, at most [`ACCOUNT_PAGE_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn account_page(tx: &mut dyn Tx, after: &str) -> Result<Vec<Account>, StoreError> {
    tx.query(&SELECT_PAGE, params![after, ACCOUNT_PAGE_MAX])?
        .iter()
        .map(read)
        .collect()
}
