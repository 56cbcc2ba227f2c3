//! Orders and their lines.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, InstanceId, OrderId};
use brokerage_domain::money::Money;
use brokerage_domain::order::{LineState, Order, OrderKind, OrderLine};

use crate::document;
use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;
use crate::value::Row;

/// Orders on one page of a listing.
pub const ORDER_PAGE_MAX: u32 = 300;

crate::statements! {
    INSERT = "INSERT INTO orders (id, account_id, profile, region, kind, charge, payment, currency, total, \
              catalog_version, catalog_hash, created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    INSERT_LINE = "INSERT INTO order_line (order_id, line, instance_id, amount, state) VALUES ($1, $2, $3, $4, $5)";
    SELECT = "SELECT id, account_id, profile, region, kind, charge, payment, currency, total, catalog_version, \
              catalog_hash, created_at_us FROM orders WHERE id = $1";
    SELECT_LINES = "SELECT line, instance_id, amount, state FROM order_line WHERE order_id = $1 ORDER BY line";
    SELECT_PAGE = "SELECT id, account_id, profile, region, kind, charge, payment, currency, total, catalog_version, \
                   catalog_hash, created_at_us FROM orders WHERE account_id = $1 AND profile = $2 AND created_at_us >= $3 \
                   AND created_at_us < $4 ORDER BY created_at_us DESC, id LIMIT CAST($5 AS BIGINT) OFFSET CAST($6 AS BIGINT)";
    COUNT = "SELECT COUNT(*) FROM orders WHERE account_id = $1 AND profile = $2 AND created_at_us >= $3 \
             AND created_at_us < $4";
    UPDATE_LINE = "UPDATE order_line SET state = $3 WHERE order_id = $1 AND line = $2 AND state = $4";
    SELECT_LINES_AFTER = "SELECT order_id, line, instance_id, amount, state FROM order_line \
                          WHERE order_id > $1 OR (order_id = $1 AND line > $2) ORDER BY order_id, line LIMIT CAST($3 AS BIGINT)";
}

fn read(row: &Row, lines: Vec<OrderLine>) -> Result<Order, StoreError> {
    Ok(Order {
        id: OrderId::new(row.text(0)?),
        account_id: AccountId::new(row.text(1)?),
        profile: row.text(2)?.to_owned(),
        region: row.text(3)?.to_owned(),
        kind: OrderKind::from_word(row.text(4)?)
            .ok_or_else(|| row.mismatch(4, "a kind of order"))?,
        charge: document::read(row, 5)?,
        payment: document::read(row, 6)?,
        currency: row
            .text(7)?
            .parse()
            .map_err(|_| row.mismatch(7, "a currency"))?,
        total: Money::from_micros(row.int(8)?),
        catalog_version: row.text(9)?.to_owned(),
        catalog_hash: row.text(10)?.to_owned(),
        created_at: Moment::from_micros(row.int(11)?),
        lines,
    })
}

fn read_line(row: &Row, at: usize) -> Result<OrderLine, StoreError> {
    Ok(OrderLine {
        line: u32::try_from(row.int(at)?).map_err(|_| row.mismatch(at, "a line number"))?,
        instance_id: InstanceId::new(row.text(at + 1)?),
        amount: Money::from_micros(row.int(at + 2)?),
        state: LineState::from_word(row.text(at + 3)?)
            .ok_or_else(|| row.mismatch(at + 3, "a state of a line"))?,
    })
}

/// Inserts an order with its lines. Its id must be new.
///
/// # Errors
/// As [`Tx::execute`].
pub fn order_insert(tx: &mut dyn Tx, order: &Order) -> Result<(), StoreError> {
    let values = params![
        order.id.as_str(),
        order.account_id.as_str(),
        &order.profile,
        &order.region,
        order.kind.word(),
        document::write(&order.charge),
        document::write(&order.payment),
        order.currency.code(),
        order.total.micros(),
        &order.catalog_version,
        &order.catalog_hash,
        order.created_at.micros(),
    ];
    tx.execute(&INSERT, values)?;
    for OrderLine {
        line,
        instance_id,
        amount,
        state,
    } in &order.lines
    {
        let values = params![
            order.id.as_str(),
            *line,
            instance_id.as_str(),
            amount.micros(),
            state.word()
        ];
        tx.execute(&INSERT_LINE, values)?;
    }
    Ok(())
}

fn lines(tx: &mut dyn Tx, id: &str) -> Result<Vec<OrderLine>, StoreError> {
    tx.query(&SELECT_LINES, params![id])?
        .iter()
        .map(|row| read_line(row, 0))
        .collect()
}

/// One order, whoever's it is.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_by_id(tx: &mut dyn Tx, id: &OrderId) -> Result<Option<Order>, StoreError> {
    let Some(row) = tx.query_first(&SELECT, params![id.as_str()])? else {
        return Ok(None);
    };
    let lines = lines(tx, id.as_str())?;
    read(&row, lines).map(Some)
}

/// The account's orders from one catalog made in `from..until`, newest first, with how many there are in all.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_page(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    (from, until): (Moment, Moment),
    offset: i64,
    limit: u32,
) -> Result<(Vec<Order>, i64), StoreError> {
    let (from, until) = (from.micros(), until.micros());
    let count = tx.query_first(&COUNT, params![account.as_str(), profile, from, until])?;
    let count = count.map_or(Ok(0), |row| row.int(0))?;
    let limit = limit.min(ORDER_PAGE_MAX);
    let rows = tx.query(
        &SELECT_PAGE,
        params![account.as_str(), profile, from, until, limit, offset],
    )?;
    let mut orders = Vec::with_capacity(rows.len());
    for row in &rows {
        let lines = lines(tx, row.text(0)?)?;
        orders.push(read(row, lines)?);
    }
    Ok((orders, count))
}

/// Moves a line from one state to another; `false` when it was not in the first.
///
/// # Errors
/// As [`Tx::execute`].
pub fn order_line_move(
    tx: &mut dyn Tx,
    order: &OrderId,
    line: u32,
    from: LineState,
    to: LineState,
) -> Result<bool, StoreError> {
    Ok(tx.execute(
        &UPDATE_LINE,
        params![order.as_str(), line, to.word(), from.word()],
    )? == 1)
}

/// Lines of all orders after `(order, line)`, for checks of the whole ledger.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_line_page(
    tx: &mut dyn Tx,
    after: (&str, i64),
    limit: u32,
) -> Result<Vec<(OrderId, OrderLine)>, StoreError> {
    let rows = tx.query(&SELECT_LINES_AFTER, params![after.0, after.1, limit])?;
    rows.iter()
        .map(|row| Ok((OrderId::new(row.text(0)?), read_line(row, 1)?)))
        .collect()
}
