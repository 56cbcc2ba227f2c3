//! Forward-only migrations, one folder for both databases.

use refinery::Target;

use crate::error::{DatabaseError, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Which database is migrated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// How a migration marks a clause that only SQLite knows; to PostgreSQL it is a comment.
const SQLITE_ONLY: (&str, &str) = ("/* sqlite: ", " */");

/// Brings a database to the newest version.
///
/// # Errors
/// [`StoreError::Migrate`], also if the database was migrated by a newer program or by an edited file.
pub(crate) fn run<C: refinery::Migrate>(
    connection: &mut C,
    database: Database,
) -> Result<(), StoreError> {
    run_until(connection, database, Target::Latest)
}

fn run_until<C: refinery::Migrate>(
    connection: &mut C,
    database: Database,
    target: Target,
) -> Result<(), StoreError> {
    let failed = |error: refinery::Error| StoreError::Migrate {
        source: DatabaseError::outside(&error),
    };
    let migrations = embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| {
            let name = format!("V{}__{}", migration.version(), migration.name());
            let sql = migration.sql().unwrap_or_default();
            refinery::Migration::unapplied(&name, &written_for(database, sql))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    refinery::Runner::new(&migrations)
        // One transaction: a program that is killed in between leaves the old version or the new one.
        .set_grouped(true)
        .set_abort_divergent(true)
        .set_abort_missing(true)
        .set_target(target)
        .run(connection)
        .map(drop)
        .map_err(failed)
}

/// The text with SQLite's own clauses taken out of their comments, if it is for SQLite.
fn written_for(database: Database, sql: &str) -> String {
    let (begin, end) = SQLITE_ONLY;
    let mut rest = sql;
    let mut written = String::with_capacity(sql.len());
    while database == Database::Sqlite
        && let Some((before, marked)) = rest.split_once(begin)
        && let Some((clause, after)) = marked.split_once(end)
    {
        written.push_str(before);
        written.push_str(clause);
        rest = after;
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
#[path = "../../tests/it/support.rs"]
mod support;

#[cfg(test)]
mod tests;
