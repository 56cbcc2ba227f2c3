//! Transactions: the small interface that a transaction function sees, and the job that carries it to a back end.
//!
//! Rules for a transaction function, each of which was learned by measuring:
//! - It may be run again, so it has no effect outside the store.
//! - Its statements are bounded; background work goes in slices of at most 200 rows.
//! - Any statement error ends it, on both databases. An expected conflict is `ON CONFLICT DO NOTHING` and a row count.
//! - A rule stands in the statement (`UPDATE … WHERE available >= $1`, zero rows means refused), with a CHECK behind it.
//! - A LIMIT or OFFSET is `CAST($n AS BIGINT)`: SQLite plans by the value of a bare one and prepares the statement again
//!   at every call (measured: a fifth of an order's time).
//! - A check of a count begins by updating the row that the count belongs to: PostgreSQL races otherwise.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::digest::{DigestKey, Digests, digests_write};
use crate::error::StoreError;
use crate::statements::Statement;
use crate::value::{Row, Value};

/// Rows that one query may give. A query that could give more needs a `LIMIT`.
pub const QUERY_ROWS_MAX: usize = 10_000;

/// One open transaction.
pub trait Tx {
    /// Runs a statement that gives no rows. Returns the number of rows inserted, changed or deleted.
    ///
    /// # Errors
    /// Any error ends the transaction: later calls fail, and it is rolled back whatever the function returns.
    fn execute(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
    ) -> Result<u64, StoreError>;

    /// Runs a statement that gives rows (also `… RETURNING …`), at most [`QUERY_ROWS_MAX`].
    ///
    /// # Errors
    /// Any error ends the transaction: later calls fail, and it is rolled back whatever the function returns.
    fn query(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError>;

    /// What it has changed of the digests of rows, which is written at its end.
    fn digests(&mut self) -> &mut Digests;
}

impl dyn Tx + '_ {
    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub fn query_first(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(statement, parameters)?.into_iter().next())
    }
}

/// The parameters of a statement, from anything that is a [`Value`]: `params![id, 5_i64, None::<&str>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*] };
}

/// Whether a job's work is to be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Keep,
    Undo,
}

/// A transaction function on its way through a back end.
///
/// The back end runs it (again, if it must), then either fails it or leaves its outcome, then answers, once.
pub(crate) trait Job: Send {
    fn label(&self) -> &'static str;

    fn is_read(&self) -> bool;

    /// Whether nobody waits for the answer any more. Such a job need not be started.
    fn is_abandoned(&self) -> bool;

    /// Runs the function. A panic ends in [`StoreError::Panicked`].
    fn run(&mut self, tx: &mut dyn Tx) -> Verdict;

    /// Replaces the outcome.
    fn fail(&mut self, error: StoreError);

    /// Sends the outcome to the caller. To be called only after COMMIT (or ROLLBACK) returned.
    fn answer(self: Box<Self>);
}

/// The one kind of [`Job`].
pub(crate) struct Call<T, E, F> {
    label: &'static str,
    is_read: bool,
    digest_key: DigestKey,
    function: F,
    outcome: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Call<T, E, F> {
    pub(crate) const fn new(
        (label, is_read): (&'static str, bool),
        digest_key: DigestKey,
        function: F,
        answer: oneshot::Sender<Result<T, E>>,
    ) -> Self {
        Self {
            label,
            is_read,
            digest_key,
            function,
            outcome: None,
            answer,
        }
    }
}

impl<T, E, F> Job for Call<T, E, F>
where
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    E: From<StoreError> + Send + 'static,
    T: Send + 'static,
{
    fn label(&self) -> &'static str {
        self.label
    }

    fn is_read(&self) -> bool {
        self.is_read
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(&mut self, tx: &mut dyn Tx) -> Verdict {
        let (function, is_read) = (&mut self.function, self.is_read);
        tx.digests().begin(&self.digest_key);
        let whole = || {
            let answer = function(tx)?;
            if !is_read {
                digests_write(tx)?;
            }
            Ok(answer)
        };
        // The function is not called again after a panic, so a broken state of its own is never seen.
        let outcome = catch_unwind(AssertUnwindSafe(whole))
            .unwrap_or_else(|_panic| Err(StoreError::Panicked { label: self.label }.into()));
        let verdict = if outcome.is_ok() {
            Verdict::Keep
        } else {
            Verdict::Undo
        };
        self.outcome = Some(outcome);
        verdict
    }

    fn fail(&mut self, error: StoreError) {
        self.outcome = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        let Self {
            outcome, answer, ..
        } = *self;
        if let Some(outcome) = outcome {
            // A caller that went away does not want the answer.
            drop(answer.send(outcome));
        }
    }
}
