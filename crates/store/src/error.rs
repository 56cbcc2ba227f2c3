//! What can go wrong in the store, by what a caller should do about it.

use thiserror::Error;

/// A failed transaction, or a failure to open the store.
///
/// Causes carry the database's code and message, never the values of parameters: they may be secrets.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database could not be opened or set up.
    #[error("the database could not be opened")]
    Open {
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
    /// There is no database in the file that should have one, or nothing in the database.
    #[error("the database is missing or empty")]
    Empty,
    /// Pages of the database contradict each other: bits were changed, or a part of the file is gone.
    #[error("the database is damaged ({damage}): put back a whole one")]
    Damaged {
        /// What the database found first.
        damage: String,
    },
    /// A migration failed, or the database was migrated by a newer or an edited version.
    #[error("the database could not be migrated")]
    Migrate {
        /// What the migration tool said.
        #[source]
        source: DatabaseError,
    },
    /// The database cannot serve now (no connection, locked, disk full, read-only). Nothing was written: the same
    /// transaction may be tried again later.
    #[error("the database cannot serve now")]
    Unavailable {
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
    /// A statement broke a constraint. Expected conflicts are `ON CONFLICT DO NOTHING` and a row count instead.
    #[error("statement {statement} broke a {constraint:?} constraint")]
    Constraint {
        /// Name of the statement.
        statement: &'static str,
        /// Which kind of constraint it was.
        constraint: Constraint,
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
    /// A statement failed for another reason: an error in the program.
    #[error("statement {statement} failed")]
    Statement {
        /// Name of the statement.
        statement: &'static str,
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
    /// A query gave more rows than [`crate::QUERY_ROWS_MAX`]: it needs a `LIMIT`.
    #[error("statement {statement} gave more than {rows_max} rows")]
    TooManyRows {
        /// Name of the statement.
        statement: &'static str,
        /// The bound.
        rows_max: usize,
    },
    /// A column holds something else than the program reads from it.
    #[error(
        "column {column} of statement {statement}{} is {found}, not {expected}",
        in_row(row)
    )]
    Column {
        /// Name of the statement.
        statement: &'static str,
        /// The row's first column where it is a text: an id or a name.
        row: String,
        /// Position of the column, from 0.
        column: usize,
        /// The type that was asked for.
        expected: &'static str,
        /// The type that is there.
        found: &'static str,
    },
    /// A function given to [`crate::Store::read`] tried to write.
    #[error("statement {statement} writes in a read transaction")]
    ReadOnly {
        /// Name of the statement.
        statement: &'static str,
    },
    /// The transaction function went on after a failed statement; it was rolled back.
    #[error("transaction {label} went on after a failed statement")]
    Aborted {
        /// Label of the transaction.
        label: &'static str,
    },
    /// The transaction function panicked; it was rolled back.
    #[error("transaction {label} panicked")]
    Panicked {
        /// Label of the transaction.
        label: &'static str,
    },
    /// The database refused the transaction again and again because of concurrent ones; it was rolled back.
    #[error("transaction {label} lost against concurrent ones {attempts} times")]
    Contention {
        /// Label of the transaction.
        label: &'static str,
        /// How often it was run.
        attempts: u32,
    },
    /// The commit failed (or a transaction of the same group lost it) and nothing was written.
    #[error("the transaction was not committed")]
    NotCommitted {
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
    /// The answer to the commit was lost: it may or may not have happened. Ids that come from what they pay for make
    /// a repetition safe.
    #[error("it is unknown whether the transaction was committed")]
    CommitUnknown {
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
    /// The store was closed before the transaction ran or was answered.
    #[error("the store is closed")]
    Closed,
}

/// Which row, where it has a name.
fn in_row(row: &str) -> String {
    match row {
        "" => String::new(),
        named => format!(" in row {named:?}"),
    }
}

/// Kinds of constraints.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Constraint {
    /// A primary key or unique index.
    Unique,
    /// A `CHECK`.
    Check,
    /// A foreign key.
    ForeignKey,
    /// A `NOT NULL`.
    NotNull,
    /// Another one.
    Other,
}

/// What a database said: its code (SQLSTATE, or SQLite's extended result code) and its message, without the detail
/// that would repeat values.
#[derive(Clone, Debug, Error)]
#[error("{message} (code {code})")]
pub struct DatabaseError {
    /// The database's own code, empty if the driver failed before the database answered.
    pub code: String,
    /// The message.
    pub message: String,
}

impl DatabaseError {
    /// For failures outside the database's own codes. The causes are joined into one line.
    pub(crate) fn outside(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        Self {
            code: String::new(),
            message,
        }
    }
}
