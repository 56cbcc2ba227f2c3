//! Orders and their lines.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, OrderId};
use brokerage_domain::listing::{LIST_CLASSES, OrderClass, newest_first_key, newest_first_moment};
use brokerage_domain::order::{LineState, Order, OrderLine};

use crate::digest::{Digested, HOUSE, Scan};
use crate::error::StoreError;
use crate::list::{
    Block, Classes, Counted, Division, Entries, List, behind, find, list_add, list_blocks,
    list_classes, list_reclass,
};
use crate::params;
use crate::scan::{Cursor, Page};
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::{Row, Value};

/// Orders on one page of a listing.
pub const ORDER_PAGE_MAX: u32 = 300;
/// What the class of an order that is given back has more, as [`OrderClass::number`] says.
const GIVEN_BACK: usize = 4;
/// No order is of this class.
const NO_CLASS: i64 = -1;

table! {
    orders: Order {
        id, account_id, profile, region, kind, charge, payment, currency, total, catalog_version, catalog_hash,
        created_at as created_at_us
    }
    and class
    without lines
}

table! {
    order_line: OrderLine { line, instance_id, amount, state }
    and order_id
}

/// The orders of one class in a span of time, where a list of several is merged of them.
macro_rules! arm {
    ($class:literal) => {
        concat!("SELECT created_at_us, id FROM orders WHERE account_id = $1 AND profile = $2 AND class = $", $class,
            " AND created_at_us <= $3 AND created_at_us >= $4")
    };
}

/// A page of some classes, from one end of a span of time or from the other. Its keys are found first, in the index alone:
/// SQLite would look up each row that an offset skips. Each class that is merged makes skipping dearer.
macro_rules! page {
    ($order:literal: $first:literal $(, $class:literal)*) => {
        sql![
            Order::SELECT, " WHERE id IN (SELECT id FROM (", arm!($first) $(, " UNION ALL ", arm!($class))*,
            " ORDER BY ", $order, " LIMIT CAST($5 AS BIGINT) OFFSET CAST($6 AS BIGINT)) AS merged) ORDER BY created_at_us DESC, id"
        ]
    };
}

/// The statement for so many classes, read forward and back.
static PAGES: [(usize, &crate::Statement, &crate::Statement); 4] = [
    (1, &PAGE_OF_1, &PAGE_BACK_OF_1),
    (2, &PAGE_OF_2, &PAGE_BACK_OF_2),
    (4, &PAGE_OF_4, &PAGE_BACK_OF_4),
    (LIST_CLASSES, &PAGE_OF_ALL, &PAGE_BACK_OF_ALL),
];

crate::statements! {
    INSERT = Order::INSERT;
    INSERT_LINE = OrderLine::INSERT;
    SELECT = sql![Order::SELECT, " WHERE id = $1"];
    SELECT_LINES = sql![OrderLine::SELECT, " WHERE order_id = $1 ORDER BY line"];
    PAGE_OF_1 = page!("created_at_us DESC, id": 7);
    PAGE_OF_2 = page!("created_at_us DESC, id": 7, 8);
    PAGE_OF_4 = page!("created_at_us DESC, id": 7, 8, 9, 10);
    PAGE_OF_ALL = page!("created_at_us DESC, id": 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
    PAGE_BACK_OF_1 = page!("created_at_us, id DESC": 7);
    PAGE_BACK_OF_2 = page!("created_at_us, id DESC": 7, 8);
    PAGE_BACK_OF_4 = page!("created_at_us, id DESC": 7, 8, 9, 10);
    PAGE_BACK_OF_ALL = page!("created_at_us, id DESC": 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
    SELECT_MIDDLE = "SELECT created_at_us FROM orders WHERE account_id = $1 AND profile = $2 AND class IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10) \
                     AND created_at_us <= $3 AND created_at_us > $4 ORDER BY created_at_us DESC LIMIT 1 OFFSET CAST($5 AS BIGINT)";
    COUNT_BETWEEN = "SELECT class, COUNT(*) FROM orders WHERE account_id = $1 AND profile = $2 AND class IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10) \
                     AND created_at_us <= $3 AND created_at_us > $4 GROUP BY class";
    LOCK = "UPDATE orders SET class = class WHERE id = $1";
    GIVE_BACK = "UPDATE orders SET class = class + 4 WHERE id = $1 AND class < 4 AND NOT EXISTS \
                 (SELECT 1 FROM order_line WHERE order_id = $1 AND state NOT IN ('failed', 'cancelled')) \
                 RETURNING account_id, profile, created_at_us, class";
    UPDATE_LINE = "UPDATE order_line SET state = $3 WHERE order_id = $1 AND line = $2 AND state = $4";
    SELECT_AFTER = sql![Order::SELECT, " WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)"];
    /// Lines, then their orders and whose those are.
    SELECT_LINES_AFTER = sql!["SELECT ", OrderLine::COLUMNS, ", order_id, \
                          (SELECT account_id FROM orders WHERE id = order_id) FROM order_line \
                          WHERE (order_id, line) > ($1, $2) ORDER BY order_id, line LIMIT CAST($3 AS BIGINT)"];
}

const fn orders_of<'a>(account_id: &'a str, profile: &'a str) -> List<'a> {
    List {
        account_id,
        kind: "order",
        profile,
        list: "",
    }
}

/// The latest time of entries from a block's first key on: keys count down.
fn latest(first: &str) -> Result<i64, StoreError> {
    if first.is_empty() {
        return Ok(i64::MAX);
    }
    let moment = newest_first_moment(first).ok_or(StoreError::Column {
        statement: "list_block",
        row: first.to_owned(),
        column: 0,
        expected: "a key of a moment",
        found: "text",
    })?;
    Ok(moment.micros())
}

/// The middle of a block of orders.
fn divide(tx: &mut dyn Tx, of: List<'_>, block: &Block) -> Result<Division, StoreError> {
    // All entries are later than where the next block begins.
    let earliest = block.until.as_deref().map_or(Ok(i64::MIN), latest)?;
    let span = (latest(&block.first)?, earliest);
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

/// An end of a span of time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    From,
    Until,
}

/// How many orders of a list are newer than `at`, an end of a span. What lies beyond the end is counted in the block that it
/// cuts: mostly nothing does.
fn newer_than(
    tx: &mut dyn Tx,
    of: List<'_>,
    (blocks, classes): (&[Counted], Classes),
    (at, end): (Moment, End),
) -> Result<i64, StoreError> {
    let (mut newer, at) = (0, at.micros());
    for (number, block) in (1..).zip(blocks) {
        let next = blocks.get(number);
        // All entries are later than where the next block begins.
        let earliest = next.map_or(Ok(i64::MIN), |next| latest(&next.first))?;
        if earliest < at {
            let latest = latest(&block.first)?;
            let within = match end {
                End::Until => count_between(tx, of, (latest, at))?.of(classes),
                End::From => block.entries - count_between(tx, of, (at, earliest))?.of(classes),
            };
            return Ok(newer + within);
        }
        newer += block.entries;
    }
    Ok(newer)
}

/// How orders are read through.
pub(crate) static SCAN: Scan = Scan {
    statement: &SELECT_AFTER,
    columns: Order::COUNT,
    cursor: &[0],
    first: &[Value::EMPTY],
    scope: |row: &Row| row.text(1).unwrap_or(HOUSE).to_owned(),
};

/// How their lines are.
pub(crate) static SCAN_LINES: Scan = Scan {
    statement: &SELECT_LINES_AFTER,
    columns: OrderLine::COUNT + 1,
    cursor: &[OrderLine::COUNT, 0],
    first: &[Value::EMPTY, Value::Int(-1)],
    scope: |row: &Row| row.text(OrderLine::COUNT + 1).unwrap_or(HOUSE).to_owned(),
};

/// Counts a line of an order in its digests, or out of them.
fn line_toggle(tx: &mut dyn Tx, order: &Order, line: &OrderLine) {
    let mut values = line.bind();
    values.push(order.id.as_str().into());
    let scope = order.account_id.as_str();
    tx.digests().toggle(Digested::Lines, scope, &values);
}

/// Inserts an order with its lines, and counts it in the list of its account. Its id must be new.
///
/// # Errors
/// As [`Tx::execute`].
pub fn order_insert(tx: &mut dyn Tx, order: &Order) -> Result<(), StoreError> {
    let class = OrderClass::of(order).number();
    let mut values = order.bind();
    values.push(i64::try_from(class).unwrap_or_default().into());
    tx.execute(&INSERT, &values)?;
    let scope = order.account_id.as_str();
    let digested = &values[..Order::COUNT];
    tx.digests().toggle(Digested::Orders, scope, digested);
    for line in &order.lines {
        let mut values = line.bind();
        values.push(order.id.as_str().into());
        tx.execute(&INSERT_LINE, &values)?;
        line_toggle(tx, order, line);
    }
    let of = orders_of(order.account_id.as_str(), &order.profile);
    let key = newest_first_key(order.created_at);
    list_add(tx, of, &key, class, &mut |tx, block| divide(tx, of, block))
}

/// Reads orders with their lines.
fn read_with_lines(tx: &mut dyn Tx, rows: &[Row]) -> Result<Vec<Order>, StoreError> {
    let mut orders = Order::read_all(rows)?;
    for order in &mut orders {
        let lines = tx.query(&SELECT_LINES, params![order.id.as_str()])?;
        order.lines = OrderLine::read_all(&lines)?;
    }
    Ok(orders)
}

/// One order, whoever's it is.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_by_id(tx: &mut dyn Tx, id: &OrderId) -> Result<Option<Order>, StoreError> {
    let rows = tx.query(&SELECT, params![id.as_str()])?;
    Ok(read_with_lines(tx, &rows)?.pop())
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
    let blocks = list_blocks(tx, of, classes)?;
    // Orders later than the span come first, and those earlier than it last.
    let microsecond_before = |at: Moment| Moment::from_micros(at.micros().saturating_sub(1));
    let counted = (blocks.as_slice(), classes);
    let later = newer_than(tx, of, counted, (microsecond_before(until), End::Until))?;
    let count = newer_than(tx, of, counted, (microsecond_before(from), End::From))? - later;
    let place = find(&blocks, later.saturating_add(offset.max(0)));
    let (Some((block, within)), true) = (place, count > offset) else {
        return Ok((Vec::new(), count.max(0)));
    };
    let limit = (count - offset.max(0)).min(limit.min(ORDER_PAGE_MAX).into());
    let (begin, behind) = (latest(&block.first)?, behind(block, within, limit));
    let next = blocks.iter().find(|next| next.first > block.first);
    let (end, skipped) = match (behind, next) {
        (Some(behind), Some(next)) => (latest(&next.first)?.saturating_add(1), behind),
        (Some(behind), None) => (i64::MIN, behind),
        (None, _) => (from.micros(), within),
    };
    let present = list_classes(tx, of, classes)?;
    let present = (0..LIST_CLASSES).filter(|class| present.0[*class]);
    let mut present: Vec<i64> = present
        .filter_map(|class| i64::try_from(class).ok())
        .collect();
    let mut statements = PAGES.iter();
    let Some(&(size, forward, back)) = statements.find(|(size, ..)| *size >= present.len()) else {
        return Ok((Vec::new(), count));
    };
    present.resize(size, NO_CLASS);
    let mut values = params![of.account_id, of.profile, begin, end, limit, skipped].to_vec();
    values.extend(present.into_iter().map(Value::from));
    let rows = tx.query(behind.map_or(forward, |_| back), &values)?;
    Ok((read_with_lines(tx, &rows)?, count))
}

/// Moves a line of an order, as that was read, from one state to another; `false` when it was not in the first.
///
/// # Errors
/// As [`Tx::execute`].
pub fn order_line_move(
    tx: &mut dyn Tx,
    order: &Order,
    line: u32,
    from: LineState,
    to: LineState,
) -> Result<bool, StoreError> {
    let may_give_back = matches!(to, LineState::Failed | LineState::Cancelled);
    if may_give_back {
        // Who moves another line of this order waits here, and sees this one.
        tx.execute(&LOCK, params![order.id.as_str()])?;
    }
    let Some(moved) = order.lines.iter().find(|other| other.line == line) else {
        return Ok(false);
    };
    let values = params![order.id.as_str(), line, to.word(), from.word()];
    if tx.execute(&UPDATE_LINE, values)? != 1 {
        return Ok(false);
    }
    for state in [from, to] {
        line_toggle(
            tx,
            order,
            &OrderLine {
                state,
                ..moved.clone()
            },
        );
    }
    if may_give_back && let Some(row) = tx.query_first(&GIVE_BACK, params![order.id.as_str()])? {
        let key = newest_first_key(Moment::from_micros(row.int(2)?));
        let class = usize::try_from(row.int(3)?).unwrap_or(LIST_CLASSES);
        let Some(before) = class
            .checked_sub(GIVEN_BACK)
            .filter(|_| class < LIST_CLASSES)
        else {
            return Err(row.mismatch(3, "a class"));
        };
        let of = orders_of(row.text(0)?, row.text(1)?);
        list_reclass(tx, of, &key, (before, class))?;
    }
    Ok(true)
}

/// A page of the lines of all orders, each with its order; [`order_lines_begin`] is before the first.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_line_page(
    tx: &mut dyn Tx,
    after: &Cursor,
    limit: u32,
) -> Result<Page<(OrderId, OrderLine)>, StoreError> {
    let rows = tx.query(&SELECT_LINES_AFTER, &after.values(limit))?;
    Ok(Page::read(&rows, (limit, SCAN_LINES.cursor), |row| {
        let order = OrderId::new(row.text(OrderLine::COUNT)?);
        Ok((order, OrderLine::read(row)?))
    }))
}

/// Before the first line of all orders.
#[must_use]
pub fn order_lines_begin() -> Cursor {
    Cursor::before(SCAN_LINES.first.iter().cloned())
}
