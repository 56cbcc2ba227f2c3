//! The slots of brokers: numbers out of the host's range, each a TCP port or a loopback address (`Instance::slots`).
//!
//! Free slots stand in runs of neighbours, and so do an instance's: an order takes from the beginning of the first free
//! run, which writes two rows however many slots it takes. What is neither free nor an instance's is in use by another
//! program of the host, until a server starts again.

use brokerage_domain::id::InstanceId;

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;
use crate::value::Row;

/// Looks at the first free run, before the caller is told to try again: another transaction may take it meanwhile.
const LOOKS_MAX: u32 = 1_024;

crate::statements! {
    /// Locks the row that whoever adds to the free slots waits for.
    SET_RANGE = "INSERT INTO slot_range (id, first, last) VALUES (1, $1, $2) \
        ON CONFLICT (id) DO UPDATE SET first = excluded.first, last = excluded.last";
    /// The same, as it is.
    LOCK_RANGE = "UPDATE slot_range SET first = first WHERE id = 1 RETURNING first, last";
    DELETE_FREE = "DELETE FROM slot_free";
    /// What lies between the slots that instances hold, which may reach beyond the range.
    FILL = "INSERT INTO slot_free (first, last) \
        SELECT gap_first, gap_last FROM (\
        SELECT MAX(last) OVER (ORDER BY first, last) + 1 AS gap_first, LEAD(first) OVER (ORDER BY first, last) - 1 AS gap_last \
        FROM (SELECT first, last FROM slot_held \
        UNION ALL SELECT CAST($1 AS BIGINT) - 1, CAST($1 AS BIGINT) - 1 \
        UNION ALL SELECT CAST($2 AS BIGINT) + 1, CAST($2 AS BIGINT) + 1) AS bounds) AS gaps \
        WHERE gap_first <= gap_last AND gap_first >= $1 AND gap_last <= $2";
    SELECT_FIRST = "SELECT first, last FROM slot_free ORDER BY last LIMIT 1";
    /// From the beginning of a run, if it is still as it was seen. (No RETURNING: SQLite would fill a table for it.)
    TAKE = "UPDATE slot_free SET first = $3 WHERE last = $2 AND first = $1";
    /// A whole run, if it is still as it was seen.
    TAKE_RUN = "DELETE FROM slot_free WHERE last = $2 AND first = $1";
    SELECT_AFTER = "SELECT first, last FROM slot_free WHERE last > $1 ORDER BY last LIMIT 1";
    ADD_RUN = "INSERT INTO slot_free (first, last) VALUES ($1, $2)";
    HOLD = "INSERT INTO slot_held (instance_id, first, last) VALUES ($1, $2, $3)";
    /// The run of an instance that has a slot in it.
    LET_GO = "DELETE FROM slot_held WHERE instance_id = $1 AND first <= $2 AND last >= $2 RETURNING first, last";
    LET_ALL_GO = "DELETE FROM slot_held WHERE instance_id = $1 RETURNING first, last";
}

/// Neighbours: from the first to the last, both included.
type Run = (u16, u16);

fn slot(row: &Row, column: usize) -> Result<u16, StoreError> {
    u16::try_from(row.int(column)?).map_err(|_| row.mismatch(column, "a slot"))
}

fn run(row: &Row) -> Result<Run, StoreError> {
    Ok((slot(row, 0)?, slot(row, 1)?))
}

/// Makes the free slots those of `first..=last`. Slots that instances hold stay theirs wherever they are; blocked
/// ones get another chance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_set_range(tx: &mut dyn Tx, first: u16, last: u16) -> Result<(), StoreError> {
    tx.execute(&SET_RANGE, params![first, last])?;
    tx.execute(&DELETE_FREE, params![])?;
    tx.execute(&FILL, params![first, last])?;
    Ok(())
}

/// Takes the `count` lowest free slots for an instance, sorted; fewer when there are not so many. The caller ends
/// the transaction with an error then, which frees them again.
///
/// # Errors
/// As [`Tx::query`]; [`StoreError::Contention`].
pub fn slot_take(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    count: u32,
) -> Result<Vec<u16>, StoreError> {
    let mut slots = Vec::new();
    for _ in 0..LOOKS_MAX {
        let missing = (count as usize).saturating_sub(slots.len());
        if missing == 0 {
            return Ok(slots);
        }
        let Some(row) = tx.query_first(&SELECT_FIRST, params![])? else {
            return Ok(slots);
        };
        let (first, last) = run(&row)?;
        let end =
            u16::try_from(missing - 1).map_or(last, |more| last.min(first.saturating_add(more)));
        let taken = match end.checked_add(1) {
            Some(rest) if end < last => tx.execute(&TAKE, params![first, last, rest])?,
            _ => tx.execute(&TAKE_RUN, params![first, last])?,
        };
        if taken == 1 {
            hold(tx, instance, (first, end))?;
            slots.extend(first..=end);
        }
    }
    Err(StoreError::Contention {
        label: "slot_take",
        attempts: LOOKS_MAX,
    })
}

fn hold(tx: &mut dyn Tx, instance: &InstanceId, (first, last): Run) -> Result<(), StoreError> {
    tx.execute(&HOLD, params![instance.as_str(), first, last])?;
    Ok(())
}

/// Takes a slot from the run of an instance that it is in; `false` when the instance does not hold it.
fn let_go(tx: &mut dyn Tx, instance: &InstanceId, slot: u16) -> Result<bool, StoreError> {
    let Some(row) = tx.query_first(&LET_GO, params![instance.as_str(), slot])? else {
        return Ok(false);
    };
    let (first, last) = run(&row)?;
    if first < slot {
        hold(tx, instance, (first, slot - 1))?;
    }
    if slot < last {
        hold(tx, instance, (slot + 1, last))?;
    }
    Ok(true)
}

/// Adds a run to the free slots, as far as it lies in their range; neighbours become one.
fn make_free(tx: &mut dyn Tx, (first, last): Run) -> Result<(), StoreError> {
    let Some(range) = tx.query_first(&LOCK_RANGE, params![])? else {
        return Ok(());
    };
    let range = run(&range)?;
    let (mut first, mut last) = (first.max(range.0), last.min(range.1));
    if first > last {
        return Ok(());
    }
    // The run that ends before this one, and the one that begins after it.
    for end in [first.saturating_sub(2), last] {
        let Some(row) = tx.query_first(&SELECT_AFTER, params![end])? else {
            continue;
        };
        let (begins, ends) = run(&row)?;
        let is_neighbour =
            ends.checked_add(1) == Some(first) || last.checked_add(1) == Some(begins);
        if is_neighbour && tx.execute(&TAKE_RUN, params![begins, ends])? == 1 {
            (first, last) = (first.min(begins), last.max(ends));
        }
    }
    tx.execute(&ADD_RUN, params![first, last])?;
    Ok(())
}

/// Takes a slot away from its instance because another program of the host uses it.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_block(tx: &mut dyn Tx, instance: &InstanceId, slot: u16) -> Result<(), StoreError> {
    let_go(tx, instance, slot).map(drop)
}

/// Frees one slot of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_give_back(tx: &mut dyn Tx, instance: &InstanceId, slot: u16) -> Result<(), StoreError> {
    if let_go(tx, instance, slot)? {
        make_free(tx, (slot, slot))?;
    }
    Ok(())
}

/// Frees all slots of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_free(tx: &mut dyn Tx, instance: &InstanceId) -> Result<(), StoreError> {
    let rows = tx.query(&LET_ALL_GO, params![instance.as_str()])?;
    rows.iter().try_for_each(|row| make_free(tx, run(row)?))
}
