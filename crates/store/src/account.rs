//! Accounts.

use brokerage_domain::account::Account;
use brokerage_domain::id::AccountId;

use crate::digest::{Digested, HOUSE, Scan};
use crate::error::StoreError;
use crate::params;
use crate::scan::{Cursor, Page, page_by_first};
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::{Row, Value};

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

/// How accounts are read through.
pub(crate) static SCAN: Scan = Scan {
    statement: &SELECT_PAGE,
    columns: Account::COUNT,
    cursor: &[0],
    first: &[Value::EMPTY],
    scope: |row: &Row| row.text(0).unwrap_or(HOUSE).to_owned(),
};

/// Inserts an account; `false` when its id, number or name is taken.
///
/// # Errors
/// As [`Tx::execute`].
pub fn account_insert(tx: &mut dyn Tx, account: &Account) -> Result<bool, StoreError> {
    let values = account.bind();
    if tx.execute(&INSERT, &values)? != 1 {
        return Ok(false);
    }
    let digests = tx.digests();
    digests.toggle(Digested::Accounts, account.id.as_str(), &values);
    digests.toggle(Digested::Accounts, HOUSE, &values);
    Ok(true)
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

/// A page of all accounts.
///
/// # Errors
/// As [`Tx::query`].
pub fn account_page(tx: &mut dyn Tx, after: &Cursor) -> Result<Page<Account>, StoreError> {
    let rows = tx.query(&SELECT_PAGE, &after.values(ACCOUNT_PAGE_MAX))?;
    Ok(page_by_first(&rows, ACCOUNT_PAGE_MAX))
}
