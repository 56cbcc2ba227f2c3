//! Timers: what is due when. Whoever moves a subject on sets, moves or clears its timer in the same transaction.

use brokerage_domain::clock::Moment;

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;

/// Timers that one call of [`timer_due`] gives at most.
pub const TIMERS_DUE_MAX: u32 = 200;
/// Looks of one call: so many rows that cannot be read keep nobody's timer from firing.
const LOOKS_MAX: u32 = 50;

crate::statements! {
    /// Sets a timer, or moves the one that is there.
    pub SET = sql![Timer::INSERT, " ON CONFLICT (kind, subject) \
        DO UPDATE SET due_at_us = excluded.due_at_us, failures = excluded.failures"];
    /// Clears a timer.
    pub CLEAR = "DELETE FROM timer WHERE kind = $1 AND subject = $2";
    /// What is due, in order.
    pub SELECT_DUE = sql![Timer::SELECT, " WHERE due_at_us <= $1 ORDER BY due_at_us, kind, subject LIMIT CAST($2 AS BIGINT) OFFSET CAST($3 AS BIGINT)"];
    /// Takes a timer that is still due as it was seen.
    pub TAKE = "DELETE FROM timer WHERE kind = $1 AND subject = $2 AND due_at_us = $3 AND failures = $4";
    /// When the next is due.
    pub NEXT = "SELECT MIN(due_at_us) FROM timer";
}

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// When, in business time.
    pub due_at: Moment,
    /// What is to be done.
    pub kind: String,
    /// To what: an id.
    pub subject: String,
    /// How often in a row it could do nothing.
    pub failures: u32,
}

table! {
    timer: Timer { kind, subject, due_at as due_at_us, failures }
}

/// Sets the one timer of this kind and subject.
///
/// # Errors
/// As [`Tx::execute`].
pub fn timer_set(
    tx: &mut dyn Tx,
    kind: &str,
    subject: &str,
    due_at: Moment,
) -> Result<(), StoreError> {
    let timer = Timer {
        due_at,
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        failures: 0,
    };
    tx.execute(&SET, &timer.bind()).map(drop)
}

/// Sets a timer again that was taken and could do nothing: one failure more.
///
/// # Errors
/// As [`Tx::execute`].
pub fn timer_set_again(tx: &mut dyn Tx, taken: &Timer, due_at: Moment) -> Result<(), StoreError> {
    let timer = Timer {
        due_at,
        failures: taken.failures.saturating_add(1),
        ..taken.clone()
    };
    tx.execute(&SET, &timer.bind()).map(drop)
}

/// Clears the timer of this kind and subject, if there is one.
///
/// # Errors
/// As [`Tx::execute`].
pub fn timer_clear(tx: &mut dyn Tx, kind: &str, subject: &str) -> Result<(), StoreError> {
    tx.execute(&CLEAR, params![kind, subject]).map(drop)
}

/// The timers that are due at `now`, the earliest first, at most [`TIMERS_DUE_MAX`]. A row that cannot be read is
/// logged and left out.
///
/// # Errors
/// As [`Tx::query`].
pub fn timer_due(tx: &mut dyn Tx, now: Moment) -> Result<Vec<Timer>, StoreError> {
    let logged = |error: &StoreError| tracing::error!(%error, "a timer cannot be read");
    let mut readable: Vec<Timer> = Vec::new();
    for look in 0..LOOKS_MAX {
        let values = params![now.micros(), TIMERS_DUE_MAX, look * TIMERS_DUE_MAX];
        let due = tx.query(&SELECT_DUE, values)?;
        let timers = due.iter().map(Timer::read);
        readable.extend(timers.filter_map(|timer| timer.inspect_err(logged).ok()));
        // Rows that cannot be read stay where they are, before the others.
        if due.len() < TIMERS_DUE_MAX as usize || readable.len() >= TIMERS_DUE_MAX as usize {
            break;
        }
    }
    readable.truncate(TIMERS_DUE_MAX as usize);
    Ok(readable)
}

/// Takes a timer that is still due as it was seen; `false` when it is not. What it is about is to be done in the same
/// transaction: of several processes, one takes it, and it is not lost.
///
/// # Errors
/// As [`Tx::execute`].
pub fn timer_take(tx: &mut dyn Tx, timer: &Timer) -> Result<bool, StoreError> {
    Ok(tx.execute(&TAKE, &timer.bind())? == 1)
}

/// When the next timer is due.
///
/// # Errors
/// As [`Tx::query`].
pub fn timer_next(tx: &mut dyn Tx) -> Result<Option<Moment>, StoreError> {
    let Some(row) = tx.query_first(&NEXT, params![])? else {
        return Ok(None);
    };
    // A time that is none is never due: the least of them is one only where there is no other.
    Ok(row.opt_int(0).unwrap_or_default().map(Moment::from_micros))
}
