//! Accounts.

use brokerage_domain::account::Account;
use brokerage_domain::id::AccountId;

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;

/// Accounts on one page of a listing.
pub const ACCOUNT_PAGE_MAX: u32 = 1_000;

table! {
    account: Account { id, number, name, created_at as created_at_us }
}

crate::statements! {
    INSERT = sql![Account::INSERT, " ON CONFLICT DO NOTHING"];
    SELECT = sql![Account::SELECT, " WHERE id = $1"];
    SELECT_BY_NAME = sql![Account::SELECT, " WHERE name = $1"];
    SELECT_PAGE = sql![Account::SELECT, " WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)"];
}

/// Inserts an account; `false` when its id, number or name is taken.
///
/// # Errors
/// As [`Tx::execute`].
pub fn account_insert(tx: &mut dyn Tx, account: &Account) -> Result<bool, StoreError> {
    Ok(tx.execute(&INSERT, &account.bind())? == 1)
}

/// One account.
///
/// # Errors
/// As [`Tx::query`].
pub fn account_by_id(tx: &mut dyn Tx, id: &AccountId) -> Result<Option<Account>, StoreError> {
    Account::read_first(&tx.query(&SELECT, params![id.as_str()])?)
}

/// One account by its name.
///
/// # Errors
/// As [`Tx::query`].
pub fn account_by_name(tx: &mut dyn Tx, name: &str) -> Result<Option<Account>, StoreError> {
    Account::read_first(&tx.query(&SELECT_BY_NAME, params![name])?)
}

/// The accounts after `after`, at most [`ACCOUNT_PAGE_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn account_page(tx: &mut dyn Tx, after: &str) -> Result<Vec<Account>, StoreError> {
    Account::read_all(&tx.query(&SELECT_PAGE, params![after, ACCOUNT_PAGE_MAX])?)
}
