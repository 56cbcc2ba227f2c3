//! Instances: intent and what was last recorded of them.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, InstanceId, OrderId};
use brokerage_domain::instance::Instance;
use brokerage_domain::listing::Listing;

use thiserror::Error;

use crate::error::StoreError;
use crate::list::{
    Block, Classes, Division, Entries, List, behind, find, list_add, list_blocks, list_remove,
    total,
};
use crate::params;
use crate::scan::{Cursor, Page};
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::{Row, Value};

/// Instances on one page of a scan.
pub const INSTANCE_PAGE: u32 = 1_000;
/// Unsettled instances that one reconciler pass takes.
pub const UNSETTLED_MAX: u32 = 200;

/// The one class of lists of instances.
const CLASS: usize = 0;

table! {
    instance: Instance {
        id, account_id, profile, region, @set name, order_id, order_line, @set plan, @set charge, @set placement, @set phase,
        @set want, @set slots as ports, @set settings, @set notes as attributes, @set tags, created_at as created_at_us,
        @set running_since as running_since_us, @set expires_at as expires_at_us, @set billed_until as billed_until_us,
        @set attempts, @set failure, revision, @set resize as change, @set deletion_protected
    }
    and unsettled, retry_at_us, spec, listing, list, list_key, listed
}

crate::statements! {
    INSERT = Instance::INSERT;
    UPDATE = sql!["UPDATE instance SET ", Instance::CHANGES, ", unsettled = $20, retry_at_us = $21, revision = CASE revision WHEN 9223372036854775807 THEN 0 ELSE revision + 1 END \
              WHERE id = $1 AND revision = $2"];
    SELECT = sql![Instance::SELECT, " WHERE id = $1"];
    SELECT_OWNED = sql![Instance::SELECT, " WHERE id = $1 AND account_id = $2"];
    SELECT_OWNED_PAGE = sql![Instance::SELECT, " WHERE account_id = $1 AND profile = $2 \
                         AND id > $3 AND phase <> 'gone' ORDER BY id LIMIT CAST($4 AS BIGINT)"];
    SELECT_PAGE = sql![Instance::SELECT, " WHERE id > $1 AND phase <> 'gone' ORDER BY id LIMIT CAST($2 AS BIGINT)"];
    SELECT_LIVE_PAGE = sql![Instance::SELECT, " WHERE id > $1 AND phase <> 'gone' AND want <> 'nothing' \
                        ORDER BY id LIMIT CAST($2 AS BIGINT)"];
    SELECT_BY_ORDER = sql![Instance::SELECT, " WHERE id IN (SELECT instance_id FROM order_line WHERE order_line.order_id = $1) \
                       ORDER BY order_line LIMIT CAST($2 AS BIGINT)"];
    SELECT_TAGGED_PAGE = sql![Instance::SELECT, " WHERE account_id = $1 AND profile = $2 \
                          AND id > $3 AND phase <> 'gone' AND tags <> '{}' ORDER BY id LIMIT CAST($4 AS BIGINT)"];
    /// Keys are found in the index alone: SQLite would look up each row that an offset skips.
    SELECT_LISTED = sql![Instance::SELECT, " WHERE id IN (SELECT id FROM instance WHERE account_id = $1 AND profile = $2 \
                     AND list = $3 AND listed = 1 AND list_key >= $4 ORDER BY list_key, id LIMIT CAST($5 AS BIGINT) \
                     OFFSET CAST($6 AS BIGINT)) ORDER BY list_key, id"];
    /// The same, counted from the end of a block.
    SELECT_LISTED_BACK = sql![Instance::SELECT, " WHERE id IN (SELECT id FROM instance WHERE account_id = $1 AND profile = $2 \
                          AND list = $3 AND listed = 1 AND list_key < $4 ORDER BY list_key DESC, id DESC \
                          LIMIT CAST($5 AS BIGINT) OFFSET CAST($6 AS BIGINT)) ORDER BY list_key, id"];
    /// The same, counted from the end of the list.
    SELECT_LISTED_LAST = sql![Instance::SELECT, " WHERE id IN (SELECT id FROM instance WHERE account_id = $1 AND profile = $2 \
                          AND list = $3 AND listed = 1 ORDER BY list_key DESC, id DESC \
                          LIMIT CAST($4 AS BIGINT) OFFSET CAST($5 AS BIGINT)) ORDER BY list_key, id"];
    SELECT_LISTED_AFTER = sql!["SELECT ", Instance::COLUMNS, ", list_key FROM instance WHERE account_id = $1 AND profile = $2 AND list = $3 \
                           AND listed = 1 AND (list_key, id) > ($4, $5) ORDER BY list_key, id LIMIT CAST($6 AS BIGINT)"];
    UNLIST = "UPDATE instance SET listed = 0 WHERE id = $1 AND listed = 1 AND listing IN ($2, $3, $4) \
              RETURNING account_id, profile, list, list_key";
    SELECT_MIDDLE = "SELECT list_key FROM instance WHERE account_id = $1 AND profile = $2 AND list = $3 AND listed = 1 \
                     AND list_key >= $4 ORDER BY list_key, id LIMIT 1 OFFSET CAST($5 AS BIGINT)";
    SELECT_NEXT_KEY = "SELECT list_key FROM instance WHERE account_id = $1 AND profile = $2 AND list = $3 AND listed = 1 \
                       AND list_key > $4 ORDER BY list_key LIMIT 1";
    COUNT_BETWEEN = "SELECT COUNT(*) FROM instance WHERE account_id = $1 AND profile = $2 AND list = $3 AND listed = 1 \
                     AND list_key >= $4 AND (CAST($5 AS TEXT) IS NULL OR list_key < CAST($5 AS TEXT))";
    SELECT_LISTING = "SELECT listing FROM listing WHERE profile = $1";
    SET_LISTING = "INSERT INTO listing (profile, listing) VALUES ($1, $2) \
                   ON CONFLICT (profile) DO UPDATE SET listing = excluded.listing";
    RELIST = "UPDATE instance SET listing = $2, list = CASE WHEN CAST($3 AS BIGINT) = 1 THEN region ELSE '' END, \
              list_key = CASE WHEN CAST($4 AS BIGINT) = 1 THEN CAST(9000000000000000000 - created_at_us AS TEXT) ELSE id END, \
              listed = CASE WHEN phase IN ('released', 'gone') OR (CAST($5 AS BIGINT) = 1 AND phase IN ('failed', 'releasing')) \
              THEN 0 ELSE 1 END WHERE profile = $1";
    DELETE_BLOCKS = "DELETE FROM list_block WHERE kind = 'instance' AND profile = $1";
    INSERT_BLOCKS = "INSERT INTO list_block (account_id, kind, profile, list, first, until, class_0) \
                     SELECT account_id, 'instance', CAST($1 AS TEXT), list, CASE WHEN block = 0 THEN '' ELSE first END, \
                     LEAD(first) OVER (PARTITION BY account_id, list ORDER BY block), entries \
                     FROM (SELECT account_id, list, block, MIN(list_key) AS first, COUNT(*) AS entries \
                     FROM (SELECT account_id, list, list_key, \
                     (DENSE_RANK() OVER (PARTITION BY account_id, list ORDER BY list_key) - 1) / 512 AS block \
                     FROM instance WHERE profile = $1 AND listed = 1) AS numbered \
                     GROUP BY account_id, list, block) AS blocks";
    SELECT_UNSETTLED = sql![Instance::SELECT, " WHERE unsettled = 1 AND retry_at_us <= $1 \
                        ORDER BY retry_at_us, id LIMIT CAST($2 AS BIGINT)"];
    COUNT_SPEC = "SELECT COUNT(*) FROM instance WHERE account_id = $1 AND spec = $2";
    SELECT_ID = "SELECT id FROM instance WHERE id = $1";
    POSTPONE = "UPDATE instance SET retry_at_us = $2 WHERE id = $1 AND unsettled = 1";
    NEXT_RETRY = "SELECT MIN(retry_at_us) FROM instance WHERE unsettled = 1";
}

/// An instance whose row this program cannot read: it is damaged, or another version wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the record of {id} cannot be read: {reason}")]
pub struct Unreadable {
    /// Which; [`NO_ID`] where even that cannot be read.
    pub id: InstanceId,
    /// What of the row is wrong.
    pub reason: String,
    /// What stands where its id should.
    key: Value<'static>,
}

/// What an instance is called whose id cannot be read.
pub const NO_ID: &str = "(no id)";

/// A row as the instance that it is. One that cannot be read is one instance's, and keeps the others from nobody.
fn read_one(row: &Row) -> Result<Instance, Unreadable> {
    Instance::read(row).map_err(|error| Unreadable {
        id: InstanceId::new(row.text(0).unwrap_or(NO_ID)),
        reason: match error {
            StoreError::Column {
                column,
                expected,
                found,
                ..
            } => {
                let name = Instance::COLUMNS.split(", ").nth(column);
                format!("{} is {found}, not {expected}", name.unwrap_or_default())
            }
            other => other.to_string(),
        },
        key: row.cells()[0].clone(),
    })
}

/// A slice of a walk through instances: those that can be read.
#[derive(Debug)]
pub struct Slice {
    /// The instances.
    pub instances: Vec<Instance>,
    /// Where the next slice begins.
    pub next: Option<Cursor>,
}

impl Slice {
    fn of(rows: &[Row], limit: u32, columns: &[usize]) -> Self {
        Self {
            instances: read_those_that_can(rows),
            next: Cursor::behind(rows, limit, columns),
        }
    }
}

/// The rows that can be read; the others are logged.
fn read_those_that_can(rows: &[Row]) -> Vec<Instance> {
    let read = rows.iter().map(|row| {
        read_one(row).inspect_err(|error| tracing::error!(%error, "it is left out of a list"))
    });
    read.flatten().collect()
}

/// When the reconciler should look at an instance again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Nothing is to be done until somebody changes the intent.
    Settled,
    /// From this moment on.
    From(Moment),
}

impl Attention {
    const fn columns(self) -> (bool, i64) {
        match self {
            Self::Settled => (false, 0),
            Self::From(moment) => (true, moment.micros()),
        }
    }
}

/// Inserts an instance, and counts it in the list of its cloud. Its id must be new.
///
/// # Errors
/// As [`Tx::execute`].
pub fn instance_insert(
    tx: &mut dyn Tx,
    instance: &Instance,
    attention: Attention,
    listing: Listing,
) -> Result<(), StoreError> {
    let (unsettled, retry_at_us) = attention.columns();
    let list = listing.scope(&instance.region);
    let key = listing.key(instance);
    let is_listed = listing.lists(instance.phase);
    let mut values = instance.bind();
    values.extend_from_slice(params![
        unsettled,
        retry_at_us,
        instance.plan.spec.as_ref(),
        listing.word(),
        list,
        &key,
        is_listed,
    ]);
    tx.execute(&INSERT, &values)?;
    if !is_listed {
        return Ok(());
    }
    let of = instances_of(instance.account_id.as_str(), &instance.profile, list);
    list_add(tx, of, &key, CLASS, &mut |tx, block| divide(tx, of, block))
}

const fn instances_of<'a>(account_id: &'a str, profile: &'a str, list: &'a str) -> List<'a> {
    List {
        account_id,
        kind: "instance",
        profile,
        list,
    }
}

/// The middle of a block of instances.
fn divide(tx: &mut dyn Tx, of: List<'_>, block: &Block) -> Result<Division, StoreError> {
    let List {
        account_id,
        profile,
        list,
        ..
    } = of;
    let (first, until) = (&block.first, block.until.as_deref());
    let half = block.entries.all() / 2;
    let values = params![account_id, profile, list, first, half];
    let mut middle = tx.query_first(&SELECT_MIDDLE, values)?;
    if middle
        .as_ref()
        .is_none_or(|row| row.text(0).is_ok_and(|key| key == first))
    {
        middle = tx.query_first(&SELECT_NEXT_KEY, params![account_id, profile, list, first])?;
    }
    let Some(middle) = middle else {
        return Ok(None);
    };
    let middle = middle.text(0)?;
    let values = params![account_id, profile, list, middle, until];
    let entries = tx
        .query_first(&COUNT_BETWEEN, values)?
        .map_or(Ok(0), |row| row.int(0))?;
    let counted = Entries::default().plus(CLASS, entries);
    Ok((entries > 0).then(|| (middle.to_owned(), counted)))
}

/// Writes back an instance that was read in revision `instance.revision`; `false` when it has changed since, and
/// nothing is written then. It leaves the list of its cloud in a phase that the list does not show. What never changes (owner, order, times of purchase) is left as it is.
///
/// # Errors
/// As [`Tx::execute`].
pub fn instance_update(
    tx: &mut dyn Tx,
    instance: &Instance,
    attention: Attention,
) -> Result<bool, StoreError> {
    let (unsettled, retry_at_us) = attention.columns();
    let mut values = params![instance.id.as_str(), instance.revision].to_vec();
    values.extend(instance.bind_changes());
    values.extend_from_slice(params![unsettled, retry_at_us]);
    if tx.execute(&UPDATE, &values)? != 1 {
        return Ok(false);
    }
    let hiding = Listing::ALL.map(|listing| match listing.lists(instance.phase) {
        true => "",
        false => listing.word(),
    });
    if hiding.iter().any(|word| !word.is_empty()) {
        let values = params![instance.id.as_str(), hiding[0], hiding[1], hiding[2]];
        if let Some(left) = tx.query_first(&UNLIST, values)? {
            let of = instances_of(left.text(0)?, left.text(1)?, left.text(2)?);
            list_remove(tx, of, left.text(3)?, CLASS)?;
        }
    }
    Ok(true)
}

/// One instance, whoever's it is.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_by_id(tx: &mut dyn Tx, id: &InstanceId) -> Result<Option<Instance>, StoreError> {
    Instance::read_first(&tx.query(&SELECT, params![id.as_str()])?)
}

/// One instance of an account; another account's is as good as none.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_owned(
    tx: &mut dyn Tx,
    account: &AccountId,
    id: &InstanceId,
) -> Result<Option<Instance>, StoreError> {
    Instance::read_first(&tx.query(&SELECT_OWNED, params![id.as_str(), account.as_str()])?)
}

/// The account's instances in one profile by id, at most `limit`, those that are gone left out.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_owned_page(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    (after, limit): (&Cursor, u32),
) -> Result<Slice, StoreError> {
    let limit = limit.min(INSTANCE_PAGE);
    let mut values = params![account.as_str(), profile].to_vec();
    values.extend(after.values(limit));
    let rows = tx.query(&SELECT_OWNED_PAGE, &values)?;
    Ok(Slice::of(&rows, limit, &[0]))
}

/// The account's instances in one profile that carry tags, by id, at most `limit`, those that are gone left out.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_tagged_page(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    (after, limit): (&Cursor, u32),
) -> Result<Slice, StoreError> {
    let limit = limit.min(INSTANCE_PAGE);
    let mut values = params![account.as_str(), profile].to_vec();
    values.extend(after.values(limit));
    let rows = tx.query(&SELECT_TAGGED_PAGE, &values)?;
    Ok(Slice::of(&rows, limit, &[0]))
}

/// A page of a list of the account's instances, and how many are in the list. `list` is a [`Listing::scope`].
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_list_page(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    list: &str,
    (offset, limit): (i64, u32),
) -> Result<(Vec<Instance>, i64), StoreError> {
    let of = instances_of(account.as_str(), profile, list);
    let blocks = list_blocks(tx, of, Classes::ALL)?;
    let total = total(&blocks);
    let Some((block, within)) = find(&blocks, offset) else {
        return Ok((Vec::new(), total));
    };
    let limit = (total - offset.max(0)).min(limit.min(INSTANCE_PAGE).into());
    let next = blocks.iter().find(|next| next.first > block.first);
    let (statement, key, skipped) = match (behind(block, within, limit), next) {
        (None, _) => (&SELECT_LISTED, Some(&block.first), within),
        (Some(behind), Some(next)) => (&SELECT_LISTED_BACK, Some(&next.first), behind),
        (Some(behind), None) => (&SELECT_LISTED_LAST, None, behind),
    };
    let mut values = params![account.as_str(), profile, list].to_vec();
    values.extend(key.map(Value::from));
    values.extend([limit, skipped].map(Value::from));
    let rows = tx.query(statement, &values)?;
    Ok((read_those_that_can(&rows), total))
}

/// Instances of a list in its order, at most [`INSTANCE_PAGE`]; [`list_begin`] is before the first.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_list_after(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    list: &str,
    after: &Cursor,
) -> Result<Slice, StoreError> {
    let mut values = params![account.as_str(), profile, list].to_vec();
    values.extend(after.values(INSTANCE_PAGE));
    let rows = tx.query(&SELECT_LISTED_AFTER, &values)?;
    Ok(Slice::of(&rows, INSTANCE_PAGE, &[Instance::COUNT, 0]))
}

/// Before the first instance of a list.
#[must_use]
pub fn list_begin() -> Cursor {
    Cursor::before([Value::EMPTY, Value::EMPTY])
}

/// Lists the instances of a profile as its cloud does, where they are not yet: after an update of the program, or of what
/// the cloud's lists are. One transaction over all of them: for a start.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_relist(
    tx: &mut dyn Tx,
    profile: &str,
    listing: Listing,
) -> Result<bool, StoreError> {
    let now = tx.query_first(&SELECT_LISTING, params![profile])?;
    if let Some(now) = now
        && now.text(0)? == listing.word()
    {
        return Ok(false);
    }
    let flags = (
        listing.is_by_region(),
        listing == Listing::NewestFirst,
        listing == Listing::AvailableById,
    );
    let values = params![profile, listing.word(), flags.0, flags.1, flags.2];
    tx.execute(&RELIST, values)?;
    tx.execute(&DELETE_BLOCKS, params![profile])?;
    tx.execute(&INSERT_BLOCKS, params![profile])?;
    tx.execute(&SET_LISTING, params![profile, listing.word()])?;
    Ok(true)
}

/// A page of all instances that are not gone.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_page(
    tx: &mut dyn Tx,
    after: &Cursor,
) -> Result<Page<Instance, Unreadable>, StoreError> {
    let rows = tx.query(&SELECT_PAGE, &after.values(INSTANCE_PAGE))?;
    Ok(Page::read(&rows, (INSTANCE_PAGE, &[0]), read_one))
}

/// A page of the instances of which a cluster may be there, or should.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_live_page(
    tx: &mut dyn Tx,
    after: &Cursor,
) -> Result<Page<Instance, Unreadable>, StoreError> {
    let rows = tx.query(&SELECT_LIVE_PAGE, &after.values(INSTANCE_PAGE))?;
    Ok(Page::read(&rows, (INSTANCE_PAGE, &[0]), read_one))
}

/// The instances that an order bought, by line.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_by_order(tx: &mut dyn Tx, order: &OrderId) -> Result<Vec<Instance>, StoreError> {
    let rows = tx.query(&SELECT_BY_ORDER, params![order.as_str(), INSTANCE_PAGE])?;
    Instance::read_all(&rows)
}

/// Unsettled instances whose turn has come, at most [`UNSETTLED_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_unsettled(
    tx: &mut dyn Tx,
    now: Moment,
) -> Result<Vec<Result<Instance, Unreadable>>, StoreError> {
    let rows = tx.query(&SELECT_UNSETTLED, params![now.micros(), UNSETTLED_MAX])?;
    Ok(rows.iter().map(read_one).collect())
}

/// Moves the turn of an unsettled instance whose row cannot be read.
///
/// # Errors
/// As [`Tx::execute`].
pub fn instance_postpone(
    tx: &mut dyn Tx,
    unreadable: &Unreadable,
    until: Moment,
) -> Result<(), StoreError> {
    let values = [unreadable.key.clone(), until.micros().into()];
    tx.execute(&POSTPONE, &values).map(drop)
}

/// Whether there is an instance of this id, in whatever phase, also one whose row cannot be read.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_exists(tx: &mut dyn Tx, id: &InstanceId) -> Result<bool, StoreError> {
    Ok(tx.query_first(&SELECT_ID, params![id.as_str()])?.is_some())
}

/// When the next unsettled instance's turn comes.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_next_retry(tx: &mut dyn Tx) -> Result<Option<Moment>, StoreError> {
    let Some(row) = tx.query_first(&NEXT_RETRY, params![])? else {
        return Ok(None);
    };
    // A time that is none is nobody's turn: the least of them is one only where there is no other.
    Ok(row.opt_int(0).unwrap_or_default().map(Moment::from_micros))
}

/// How many instances of one spec the account ever bought.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_count_spec(
    tx: &mut dyn Tx,
    account: &AccountId,
    spec: &str,
) -> Result<i64, StoreError> {
    tx.query_first(&COUNT_SPEC, params![account.as_str(), spec])?
        .map_or(Ok(0), |row| row.int(0))
}
