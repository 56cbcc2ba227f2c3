//! Orders and their lines.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, InstanceId, OrderId};
use brokerage_domain::listing::{LIST_CLASSES, OrderClass, newest_first_key, newest_first_moment};
use brokerage_domain::money::Money;
use brokerage_domain::order::{LineState, Order, OrderKind, OrderLine};

use crate::document;
use crate::error::StoreError;
use crate::list::{
    Block, Classes, Division, Entries, List, find, list_add, list_blocks, list_reclass,
};
use crate::params;
use crate::tx::Tx;
use crate::value::{Row, Value};

/// Orders on one page of a listing.
pub const ORDER_PAGE_MAX: u32 = 300;
/// What the class of an order that is given back has more, as [`OrderClass::number`] says.
const GIVEN_BACK: usize = 4;
/// No order is of this class.
const NO_CLASS: i64 = -1;

/// The orders of one class in a span of time, where a list of several is merged of them.
macro_rules! arm {
    ($class:literal) => {
        concat!("SELECT created_at_us, id FROM orders WHERE account_id = $1 AND profile = $2 AND class = $", $class,
            " AND created_at_us <= $3 AND created_at_us >= $4")
    };
}

crate::statements! {
    INSERT = "INSERT INTO orders (id, account_id, profile, region, kind, charge, payment, currency, total, \
              catalog_version, catalog_hash, created_at_us, class) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    INSERT_LINE = "INSERT INTO order_line (order_id, line, instance_id, amount, state) VALUES ($1, $2, $3, $4, $5)";
    SELECT = "SELECT id, account_id, profile, region, kind, charge, payment, currency, total, catalog_version, \
              catalog_hash, created_at_us FROM orders WHERE id = $1";
    SELECT_LINES = "SELECT line, instance_id, amount, state FROM order_line WHERE order_id = $1 ORDER BY line";
    // The keys are found first, in the index alone: SQLite would look up each row that an offset skips.
    SELECT_PAGE = "SELECT id, account_id, profile, region, kind, charge, payment, currency, total, catalog_version, \
                   catalog_hash, created_at_us FROM orders WHERE id IN (SELECT id FROM orders \
                   WHERE account_id = $1 AND profile = $2 AND class = $7 AND created_at_us <= $3 AND created_at_us >= $4 \
                   ORDER BY created_at_us DESC, id LIMIT CAST($5 AS BIGINT) OFFSET CAST($6 AS BIGINT)) ORDER BY created_at_us DESC, id";
    SELECT_MERGED_PAGE = concat!("SELECT id, account_id, profile, region, kind, charge, payment, currency, total, catalog_version, \
                   catalog_hash, created_at_us FROM orders WHERE id IN (SELECT id FROM (",
                   arm!(7), " UNION ALL ", arm!(8), " UNION ALL ", arm!(9), " UNION ALL ", arm!(10), " UNION ALL ",
                   arm!(11), " UNION ALL ", arm!(12), " UNION ALL ", arm!(13), " UNION ALL ", arm!(14),
                   " ORDER BY created_at_us DESC, id LIMIT CAST($5 AS BIGINT) OFFSET CAST($6 AS BIGINT)) AS merged) \
                   ORDER BY created_at_us DESC, id");
    SELECT_MIDDLE = "SELECT created_at_us FROM orders WHERE account_id = $1 AND profile = $2 AND class IN (0, 1, 2, 3, 4, 5, 6, 7) \
                     AND created_at_us <= $3 AND created_at_us > $4 ORDER BY created_at_us DESC LIMIT 1 OFFSET CAST($5 AS BIGINT)";
    COUNT_BETWEEN = "SELECT class, COUNT(*) FROM orders WHERE account_id = $1 AND profile = $2 AND class IN (0, 1, 2, 3, 4, 5, 6, 7) \
                     AND created_at_us <= $3 AND created_at_us > $4 GROUP BY class";
    LOCK = "UPDATE orders SET class = class WHERE id = $1";
    GIVE_BACK = "UPDATE orders SET class = class + 4 WHERE id = $1 AND class < 4 AND NOT EXISTS \
                 (SELECT 1 FROM order_line WHERE order_id = $1 AND state NOT IN ('failed', 'cancelled')) \
                 RETURNING account_id, profile, created_at_us, class";
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

const fn orders_of<'a>(account_id: &'a str, profile: &'a str) -> List<'a> {
    List {
        account_id,
        kind: "order",
        profile,
        list: "",
    }
}

/// The latest time of the entries of a block: keys count down.
fn latest(block: &Block) -> Result<i64, StoreError> {
    if block.first.is_empty() {
        return Ok(i64::MAX);
    }
    let moment = newest_first_moment(&block.first).ok_or(StoreError::Column {
        statement: "list_block",
        column: 0,
        expected: "a key of a moment",
        found: "text",
    })?;
    Ok(moment.micros())
}

/// The time that all entries of a block are later than.
fn earliest(block: &Block) -> i64 {
    let until = block.until.as_deref().and_then(newest_first_moment);
    until.map_or(i64::MIN, Moment::micros)
}

/// The middle of a block of orders.
fn divide(tx: &mut dyn Tx, of: List<'_>, block: &Block) -> Result<Division, StoreError> {
    let span = (latest(block)?, earliest(block));
    let half = block.entries.all() / 2;
    let values = params![of.account_id, of.profile, span.0, span.1, half];
    let Some(middle) = tx.query_first(&SELECT_MIDDLE, values)? else {
        return Ok(None);
    };
    let middle = middle.int(0)?;
    let key = newest_first_key(Moment::from_micros(middle));
    if key == block.first {
        // As many orders at one time as a block has room for: it stays whole.
        return Ok(None);
    }
    let entries = count_between(tx, of, (middle, span.1))?;
    Ok(Some((key, entries)))
}

/// Orders made at `latest` or before, and after `earliest`.
fn count_between(
    tx: &mut dyn Tx,
    of: List<'_>,
    (latest, earliest): (i64, i64),
) -> Result<Entries, StoreError> {
    let values = params![of.account_id, of.profile, latest, earliest];
    let mut entries = Entries::default();
    for row in tx.query(&COUNT_BETWEEN, values)? {
        let class = usize::try_from(row.int(0)?).unwrap_or(LIST_CLASSES);
        if class >= LIST_CLASSES {
            return Err(row.mismatch(0, "a class"));
        }
        entries = entries.plus(class, row.int(1)?);
    }
    Ok(entries)
}

/// How many orders of a list are newer than `at`.
fn newer_than(
    tx: &mut dyn Tx,
    of: List<'_>,
    (blocks, classes): (&[Block], Classes),
    at: Moment,
) -> Result<i64, StoreError> {
    let mut newer = 0;
    for block in blocks {
        // Every entry is later than where the next block begins.
        if earliest(block) < at.micros() {
            let within = count_between(tx, of, (latest(block)?, at.micros()))?;
            return Ok(newer + within.of(classes));
        }
        newer += block.entries.of(classes);
    }
    Ok(newer)
}

/// Inserts an order with its lines, and counts it in the list of its account. Its id must be new.
///
/// # Errors
/// As [`Tx::execute`].
pub fn order_insert(tx: &mut dyn Tx, order: &Order) -> Result<(), StoreError> {
    let class = OrderClass::of(order).number();
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
        i64::try_from(class).unwrap_or_default(),
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
    let of = orders_of(order.account_id.as_str(), &order.profile);
    let key = newest_first_key(order.created_at);
    list_add(tx, of, &key, class, &mut |tx, block| divide(tx, of, block))
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

/// The account's orders of some classes from one catalog made in `from..until`, newest first, with how many there are in
/// all.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_page(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    ((from, until), classes): ((Moment, Moment), Classes),
    offset: i64,
    limit: u32,
) -> Result<(Vec<Order>, i64), StoreError> {
    let of = orders_of(account.as_str(), profile);
    let blocks = list_blocks(tx, of)?;
    // Orders later than the span come first, and those earlier than it last.
    let microsecond_before = |at: Moment| Moment::from_micros(at.micros().saturating_sub(1));
    let counted = (blocks.as_slice(), classes);
    let later = newer_than(tx, of, counted, microsecond_before(until))?;
    let count = newer_than(tx, of, counted, microsecond_before(from))? - later;
    let place = find(&blocks, classes, later.saturating_add(offset.max(0)));
    let (Some((block, within)), true) = (place, count > offset) else {
        return Ok((Vec::new(), count.max(0)));
    };
    // Classes that have no orders are left out: mostly one is there, and nothing is to be merged.
    let has = |class: usize| blocks.iter().any(|block| block.entries.0[class] > 0);
    let chosen = (0..LIST_CLASSES).filter(|class| classes.0[*class] && has(*class));
    let chosen: Vec<i64> = chosen.filter_map(|class| i64::try_from(class).ok()).collect();
    let limit = limit.min(ORDER_PAGE_MAX);
    let mut values = params![
        of.account_id,
        of.profile,
        latest(block)?,
        from.micros(),
        limit,
        within
    ]
    .to_vec();
    values.extend(chosen.iter().map(|class| Value::from(*class)));
    let statement = match chosen.len() {
        1 => &SELECT_PAGE,
        _ => {
            values.resize(values.len() + LIST_CLASSES - chosen.len(), Value::from(NO_CLASS));
            &SELECT_MERGED_PAGE
        }
    };
    let rows = tx.query(statement, &values)?;
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
    let may_give_back = matches!(to, LineState::Failed | LineState::Cancelled);
    if may_give_back {
        // Who moves another line of this order waits here, and sees this one.
        tx.execute(&LOCK, params![order.as_str()])?;
    }
    let values = params![order.as_str(), line, to.word(), from.word()];
    if tx.execute(&UPDATE_LINE, values)? != 1 {
        return Ok(false);
    }
    if may_give_back && let Some(row) = tx.query_first(&GIVE_BACK, params![order.as_str()])? {
        let key = newest_first_key(Moment::from_micros(row.int(2)?));
        let class = usize::try_from(row.int(3)?).unwrap_or(LIST_CLASSES);
        let Some(before) = class.checked_sub(GIVEN_BACK).filter(|_| class < LIST_CLASSES) else {
            return Err(row.mismatch(3, "a class"));
        };
        let of = orders_of(row.text(0)?, row.text(1)?);
        list_reclass(tx, of, &key, (before, class))?;
    }
    Ok(true)
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
