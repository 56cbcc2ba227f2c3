//! Forward-only migrations, one folder for both databases.

use std::hash::{Hash as _, Hasher as _};

use siphasher::sip::SipHasher13;

use crate::error::{DatabaseError, StoreError};

/// One file of the folder.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal),+ $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../migrations/V", $version, "__", $name, ".sql")),
        }),+]
    };
}

/// Every version, in order: `V1__foundation.sql` is version 1.
const MIGRATIONS: &[Migration] = migrations![
    1 "foundation",
    2 "control_plane",
    3 "deletion_protection",
    4 "catalogs_and_timers",
    5 "lists",
    6 "order_classes",
    7 "timer_failures",
    8 "slot_runs",
    9 "sasl_users",
    10 "digests",
    11 "gone_instances",
    12 "consumer_groups",
    13 "order_kinds",
    15 "order_plans",
];

/// Versions of a database without digests of its rows.
const DIGESTS_SINCE: usize = 10;

/// Which database is migrated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// How a migration marks a clause that only SQLite knows; to PostgreSQL it is a comment.
const SQLITE_ONLY: (&str, &str) = ("/* sqlite: ", " */");

/// What was applied to a database. Its name is that of the tool that kept it first; the checksum of a version is
/// SipHash-1-3 of name, version and text.
const CREATE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS refinery_schema_history (version INT4 PRIMARY KEY, \
    name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))";
const SELECT_HISTORY: &str =
    "SELECT version, name, checksum FROM refinery_schema_history ORDER BY version";

/// One row of the history.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    version: i32,
    name: String,
    checksum: String,
}

/// A connection that can be migrated.
pub(crate) trait Migrate {
    /// What the database says when it fails.
    type Error: std::error::Error;

    /// Runs texts, all in one transaction.
    fn apply(&mut self, texts: &[String]) -> Result<(), Self::Error>;

    /// The rows that [`SELECT_HISTORY`] gives.
    fn applied(&mut self, select: &str) -> Result<Vec<Applied>, Self::Error>;
}

impl Migrate for rusqlite::Connection {
    type Error = rusqlite::Error;

    fn apply(&mut self, texts: &[String]) -> Result<(), Self::Error> {
        let transaction = self.transaction()?;
        for text in texts {
            transaction.execute_batch(text)?;
        }
        transaction.commit()
    }

    fn applied(&mut self, select: &str) -> Result<Vec<Applied>, Self::Error> {
        let mut statement = self.prepare(select)?;
        let rows = statement.query_map([], |row| {
            Ok(Applied {
                version: row.get(0)?,
                name: row.get(1)?,
                checksum: row.get(2)?,
            })
        })?;
        rows.collect()
    }
}

impl Migrate for postgres::Client {
    type Error = postgres::Error;

    fn apply(&mut self, texts: &[String]) -> Result<(), Self::Error> {
        let mut transaction = self.transaction()?;
        for text in texts {
            transaction.batch_execute(text)?;
        }
        transaction.commit()
    }

    fn applied(&mut self, select: &str) -> Result<Vec<Applied>, Self::Error> {
        let rows = self.query(select, &[])?;
        rows.iter()
            .map(|row| {
                Ok(Applied {
                    version: row.try_get(0)?,
                    name: row.try_get(1)?,
                    checksum: row.try_get(2)?,
                })
            })
            .collect()
    }
}

/// Brings a database to the newest version. Returns whether it was of one without digests.
///
/// # Errors
/// [`StoreError::Migrate`], also if the database was migrated by a newer program or by an edited file.
pub(crate) fn run<C: Migrate>(connection: &mut C, database: Database) -> Result<bool, StoreError> {
    run_until(connection, database, i32::MAX)
}

fn run_until<C: Migrate>(
    connection: &mut C,
    database: Database,
    last: i32,
) -> Result<bool, StoreError> {
    let failed = |error: C::Error| StoreError::Migrate {
        source: DatabaseError::outside(&error),
    };
    connection
        .apply(&[CREATE_HISTORY.to_owned()])
        .map_err(failed)?;
    let applied = connection.applied(SELECT_HISTORY).map_err(failed)?;
    let known: Vec<Applied> = MIGRATIONS
        .iter()
        .map(|migration| migration.applied_to(database))
        .collect();
    // What was applied is the beginning of what there is, or another program was here.
    if !known.starts_with(&applied) {
        let other = applied.iter().find(|row| !known.contains(row));
        return Err(StoreError::Migrate {
            source: DatabaseError {
                code: String::new(),
                message: match other {
                    Some(Applied { version, name, .. }) => {
                        format!(
                            "this program does not have the migration V{version}__{name} as it was applied"
                        )
                    }
                    None => "an older migration was never applied".to_owned(),
                },
            },
        });
    }
    let texts: Vec<String> = MIGRATIONS[applied.len()..]
        .iter()
        .zip(&known[applied.len()..])
        .take_while(|(migration, _)| migration.version <= last)
        .flat_map(|(migration, row)| [migration.text(database), row.insert(database)])
        .collect();
    if texts.is_empty() {
        return Ok(false);
    }
    // One transaction: a program that is killed in between leaves the old version or the new one.
    connection.apply(&texts).map_err(failed)?;
    Ok(applied.len() < DIGESTS_SINCE)
}

impl Migration {
    fn text(&self, database: Database) -> String {
        written_for(database, self.sql)
    }

    /// Its row of the history.
    fn applied_to(&self, database: Database) -> Applied {
        let mut hasher = SipHasher13::new();
        self.name.hash(&mut hasher);
        self.version.hash(&mut hasher);
        self.text(database).hash(&mut hasher);
        Applied {
            version: self.version,
            name: self.name.to_owned(),
            checksum: hasher.finish().to_string(),
        }
    }
}

impl Applied {
    fn insert(&self, database: Database) -> String {
        let now = match database {
            Database::Sqlite => "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')",
            Database::Postgres => {
                "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
            }
        };
        let Self {
            version,
            name,
            checksum,
        } = self;
        format!(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
             VALUES ({version}, '{name}', {now}, '{checksum}')"
        )
    }
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
