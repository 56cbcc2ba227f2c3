//! The ledger's rows: balances of customers and immutable transfers. The balance rule stands in the statements.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, TransferId};
use brokerage_domain::ledger::{Balance, Transfer, TransferKind, customer_of};
use brokerage_domain::money::{Currency, Money};

use crate::digest::{Digested, HOUSE, Scan};
use crate::error::StoreError;
use crate::params;
use crate::scan::{Cursor, Page, page_by_first};
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::{Row, Value};

/// Transfers or balances on one page of a scan.
pub const LEDGER_PAGE: u32 = 2_000;

table! {
    transfer: Transfer { id, kind, pending_id, debit, credit, currency, amount, at as at_us }
}

/// What is shown of a customer's ledger account.
struct StoredBalance {
    name: String,
    posted: i64,
    held: i64,
    credit_limit: i64,
}

table! {
    ledger_account: StoredBalance { name, posted, held, credit_limit }
}

impl StoredBalance {
    fn balance(&self) -> Balance {
        Balance {
            posted: self.posted.into(),
            held: self.held.into(),
        }
    }
}

crate::statements! {
    OPEN = "INSERT INTO ledger_account (name, account_id, currency, posted, held, credit_limit) \
            VALUES ($1, $2, $3, 0, 0, 0) ON CONFLICT DO NOTHING";
    HOLD = "UPDATE ledger_account SET held = held + $2 WHERE name = $1 AND posted - held - $2 >= -credit_limit";
    PAY = "UPDATE ledger_account SET posted = posted - $2 WHERE name = $1 AND posted - held - $2 >= -credit_limit";
    RECEIVE = "UPDATE ledger_account SET posted = posted + $2 WHERE name = $1";
    END_HOLD = "UPDATE ledger_account SET posted = posted - $2, held = held - $3 WHERE name = $1";
    SELECT_BALANCE = sql![StoredBalance::SELECT, " WHERE name = $1"];
    SELECT_BALANCES = sql![StoredBalance::SELECT, " WHERE name > $1 ORDER BY name LIMIT CAST($2 AS BIGINT)"];
    INSERT = sql![Transfer::INSERT, " ON CONFLICT DO NOTHING"];
    SELECT = sql![Transfer::SELECT, " WHERE id = $1"];
    SELECT_AFTER = sql![Transfer::SELECT, " WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)"];
    SELECT_BEGINNINGS = sql![Transfer::SELECT, " WHERE id > $1 AND pending_id IS NULL ORDER BY id LIMIT CAST($2 AS BIGINT)"];
    SELECT_ENDS = sql![Transfer::SELECT, " WHERE id > $1 AND pending_id IS NOT NULL ORDER BY id LIMIT CAST($2 AS BIGINT)"];
}

/// What became of a transfer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// It is in the ledger now.
    Entered,
    /// It (or another end of the same hold) was there already: nothing moved.
    Exists,
    /// The customer's balance does not cover it: nothing moved.
    Refused,
}

/// How transfers are read through.
pub(crate) static SCAN: Scan = Scan {
    statement: &SELECT_AFTER,
    columns: Transfer::COUNT,
    cursor: &[0],
    first: &[Value::EMPTY],
    scope: |row: &Row| {
        let customer = |at| row.text(at).ok().and_then(customer_of);
        customer(DEBIT)
            .or_else(|| customer(CREDIT))
            .unwrap_or(HOUSE)
            .to_owned()
    },
};
/// Where the debited account stands in a row.
const DEBIT: usize = 3;
/// Where the credited one stands.
const CREDIT: usize = 4;

fn insert(tx: &mut dyn Tx, transfer: &Transfer) -> Result<bool, StoreError> {
    let values = transfer.bind();
    if tx.execute(&INSERT, &values)? != 1 {
        return Ok(false);
    }
    let customer = customer_of(&transfer.debit).or_else(|| customer_of(&transfer.credit));
    let scope = customer.unwrap_or(HOUSE);
    tx.digests().toggle(Digested::Transfers, scope, &values);
    Ok(true)
}

/// Opens a customer's ledger account in one currency, at zero; nothing happens if it is open.
///
/// # Errors
/// As [`Tx::execute`].
pub fn ledger_account_open(
    tx: &mut dyn Tx,
    name: &str,
    account: &AccountId,
    currency: Currency,
) -> Result<(), StoreError> {
    tx.execute(&OPEN, params![name, account.as_str(), currency.code()])?;
    Ok(())
}

/// Enters a hold on the debited customer's money.
///
/// # Errors
/// As [`Tx::execute`].
pub fn transfer_hold(tx: &mut dyn Tx, transfer: &Transfer) -> Result<Entered, StoreError> {
    take(tx, transfer, TransferKind::Pending, &HOLD)
}

/// Enters a payment by the debited customer.
///
/// # Errors
/// As [`Tx::execute`].
pub fn transfer_pay(tx: &mut dyn Tx, transfer: &Transfer) -> Result<Entered, StoreError> {
    take(tx, transfer, TransferKind::Posted, &PAY)
}

fn take(
    tx: &mut dyn Tx,
    transfer: &Transfer,
    kind: TransferKind,
    statement: &'static crate::Statement,
) -> Result<Entered, StoreError> {
    assert_eq!(
        transfer.kind, kind,
        "the transfer is of the kind that this statement enters"
    );
    if !insert(tx, transfer)? {
        return Ok(Entered::Exists);
    }
    let covered = tx.execute(
        statement,
        params![&transfer.debit, transfer.amount.micros()],
    )? == 1;
    // A refused transfer must not stay: its transaction ends with an error.
    Ok(if covered {
        Entered::Entered
    } else {
        Entered::Refused
    })
}

/// Enters money that the credited customer receives: a top-up or a refund.
///
/// # Errors
/// As [`Tx::execute`].
pub fn transfer_receive(tx: &mut dyn Tx, transfer: &Transfer) -> Result<Entered, StoreError> {
    assert_eq!(
        transfer.kind,
        TransferKind::Posted,
        "money that arrives is posted"
    );
    if !insert(tx, transfer)? {
        return Ok(Entered::Exists);
    }
    tx.execute(
        &RECEIVE,
        params![&transfer.credit, transfer.amount.micros()],
    )?;
    Ok(Entered::Entered)
}

/// Ends the hold `hold` by posting or voiding it, under the id `id`. A hold that was ended stays as it was.
///
/// # Errors
/// As [`Tx::execute`].
pub fn transfer_end_hold(
    tx: &mut dyn Tx,
    hold: &Transfer,
    id: &TransferId,
    kind: TransferKind,
    now: Moment,
) -> Result<Entered, StoreError> {
    assert_eq!(hold.kind, TransferKind::Pending, "only holds are ended");
    let posted = match kind {
        TransferKind::PostPending => hold.amount,
        _ => Money::ZERO,
    };
    let end = Transfer {
        id: id.clone(),
        kind,
        pending_id: Some(hold.id.clone()),
        amount: hold.amount,
        at: now,
        ..hold.clone()
    };
    if !insert(tx, &end)? {
        return Ok(Entered::Exists);
    }
    tx.execute(
        &END_HOLD,
        params![&hold.debit, posted.micros(), hold.amount.micros()],
    )?;
    Ok(Entered::Entered)
}

/// One transfer.
///
/// # Errors
/// As [`Tx::query`].
pub fn transfer_by_id(tx: &mut dyn Tx, id: &TransferId) -> Result<Option<Transfer>, StoreError> {
    Transfer::read_first(&tx.query(&SELECT, params![id.as_str()])?)
}

/// A page of the transfers that are no ends of holds (`ends` false) or that are (`ends` true).
///
/// # Errors
/// As [`Tx::query`].
pub fn transfer_page(
    tx: &mut dyn Tx,
    ends: bool,
    after: &Cursor,
) -> Result<Page<Transfer>, StoreError> {
    let statement = if ends {
        &SELECT_ENDS
    } else {
        &SELECT_BEGINNINGS
    };
    let rows = tx.query(statement, &after.values(LEDGER_PAGE))?;
    Ok(page_by_first(&rows, LEDGER_PAGE))
}

/// A customer's balance and credit limit (micros); `None` when the ledger account was never opened.
///
/// # Errors
/// As [`Tx::query`].
pub fn balance_by_name(tx: &mut dyn Tx, name: &str) -> Result<Option<(Balance, i64)>, StoreError> {
    let found = StoredBalance::read_first(&tx.query(&SELECT_BALANCE, params![name])?)?;
    Ok(found.map(|stored| (stored.balance(), stored.credit_limit)))
}

/// A page of the stored balances: name, balance, credit limit (micros).
///
/// # Errors
/// As [`Tx::query`].
pub fn balance_page(
    tx: &mut dyn Tx,
    after: &Cursor,
) -> Result<Page<(String, Balance, i64)>, StoreError> {
    let rows = tx.query(&SELECT_BALANCES, &after.values(LEDGER_PAGE))?;
    Ok(Page::read(&rows, (LEDGER_PAGE, &[0]), |row| {
        let stored = StoredBalance::read(row)?;
        let balance = stored.balance();
        Ok((stored.name, balance, stored.credit_limit))
    }))
}
