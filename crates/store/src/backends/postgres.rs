//! PostgreSQL: a few worker threads, each with a connection of its own, for installations with several replicas.
//!
//! Writes run READ COMMITTED, one transaction a function: the rules stand in the statements, which lock the rows they
//! change. (On a hot account, SERIALIZABLE needed 962 retries for 400 transfers; this needs none.) Reads run
//! REPEATABLE READ, READ ONLY: one snapshot, as on SQLite. A transaction that lost a deadlock, or whose connection
//! broke before COMMIT, is run again, at most [`ATTEMPTS_MAX`] times. After a COMMIT without an answer nothing is
//! repeated: the caller learns that the outcome is unknown.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::BytesMut;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, IsolationLevel, NoTls, Transaction};
use secrecy::{ExposeSecret, SecretString};

use crate::backends::migrations;
use crate::backends::queue::{AbandonOnExit, Queue};
use crate::backends::sqlite::{PREPARED_MAX, spawn};
use crate::digest::Digests;
use crate::error::{Constraint, DatabaseError, StoreError};
use crate::statements::Statement;
use crate::tx::{Job, QUERY_ROWS_MAX, Tx, Verdict};
use crate::value::{Row, Value};

/// Connections (and threads) that one store may open.
pub const POSTGRES_CONNECTIONS_MAX: usize = 64;

/// How often one transaction is run before [`StoreError::Contention`].
pub const ATTEMPTS_MAX: u32 = 8;

/// Transactions that may wait for a connection; further callers wait for room.
const QUEUE_MAX: usize = 1_024;

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause before a transaction is run again, times the runs so far: lets the winner of a deadlock take its lock first.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// Set on every connection: nothing waits or runs for ever.
const SESSION_SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = 'warning'";

/// Key of the advisory lock that lets one replica migrate at a time ("broker" in ASCII).
const MIGRATION_LOCK: i64 = 0x6272_6f6b_6572;

type Jobs = Queue<Box<dyn Job>>;

/// The threads and the queue of one PostgreSQL database.
pub(crate) struct Postgres {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) threads: Vec<JoinHandle<()>>,
    /// Whether it was of a version without digests.
    pub(crate) is_older: bool,
}

impl Postgres {
    pub(crate) fn open(url: &SecretString, connections: usize) -> Result<Self, StoreError> {
        let mut config: Config = url
            .expose_secret()
            .parse()
            .map_err(|error| open_error(&error))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        // The driver blocks on a runtime of its own, which is not allowed on a thread of another one.
        let setup = config.clone();
        let first = std::thread::spawn(move || Session::connect_and_migrate(&setup)).join();
        let (first, is_older) = first.map_err(|_panic| StoreError::Closed)??;
        let mut first = Some(first);

        let jobs = Arc::new(Jobs::new(QUEUE_MAX));
        let mut threads = Vec::new();
        for _ in 0..connections.clamp(1, POSTGRES_CONNECTIONS_MAX) {
            let worker = Worker {
                config: config.clone(),
                session: first.take(),
            };
            let queue = Arc::clone(&jobs);
            threads.push(spawn("store-postgres", move || worker.run(&queue))?);
        }
        Ok(Self {
            jobs,
            threads,
            is_older,
        })
    }
}

struct Worker {
    config: Config,
    /// None until the first job, and after the connection broke.
    session: Option<Session>,
}

/// How one run of a job ended.
enum Attempt {
    /// The job has its outcome.
    Done,
    /// Nothing was committed: it lost against other transactions. Running it again may help.
    Contention,
    /// Nothing was committed: the connection broke. Running it again on another may help.
    Disconnected(DatabaseError),
}

impl Worker {
    fn run(mut self, queue: &Jobs) {
        let _guard = AbandonOnExit(queue);
        while let Some(mut job) = queue.take() {
            if job.is_abandoned() {
                continue;
            }
            self.run_job(&mut *job);
            job.answer();
        }
    }

    fn run_job(&mut self, job: &mut dyn Job) {
        for earlier in 0..ATTEMPTS_MAX {
            std::thread::sleep(RETRY_PAUSE * earlier);
            let mut session = match self
                .session
                .take()
                .map_or_else(|| Session::connect(&self.config), Ok)
            {
                Ok(session) => session,
                Err(error) => {
                    let source = database_error(&error);
                    return job.fail(StoreError::Unavailable { source });
                }
            };
            let attempt = session.attempt(job);
            if !session.client.is_closed() {
                self.session = Some(session);
            }
            match attempt {
                Attempt::Done => return,
                Attempt::Contention => job.fail(StoreError::Contention {
                    label: job.label(),
                    attempts: ATTEMPTS_MAX,
                }),
                Attempt::Disconnected(source) => job.fail(StoreError::Unavailable { source }),
            }
        }
    }
}

/// A connection and its prepared statements, found by the address of their [`Statement`].
struct Session {
    client: Client,
    prepared: HashMap<usize, postgres::Statement>,
}

impl Session {
    fn connect(config: &Config) -> Result<Self, postgres::Error> {
        let mut client = config.connect(NoTls)?;
        client.batch_execute(SESSION_SETTINGS)?;
        Ok(Self {
            client,
            prepared: HashMap::new(),
        })
    }

    fn connect_and_migrate(config: &Config) -> Result<(Self, bool), StoreError> {
        let mut session = Self::connect(config).map_err(|error| open_error(&error))?;
        let lock = |session: &mut Self, call: &str| {
            session
                .client
                .batch_execute(&format!("SELECT {call}({MIGRATION_LOCK})"))
                .map_err(|error| open_error(&error))
        };
        lock(&mut session, "pg_advisory_lock")?;
        let is_older = migrations::run(&mut session.client, migrations::Database::Postgres)?;
        lock(&mut session, "pg_advisory_unlock")?;
        Ok((session, is_older))
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Attempt {
        let mut builder = self.client.build_transaction();
        builder = if job.is_read() {
            builder
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true)
        } else {
            builder.isolation_level(IsolationLevel::ReadCommitted)
        };
        let transaction = match builder.start() {
            Ok(transaction) => transaction,
            // An idle connection may have been cut by the server since.
            Err(error) if is_disconnected(&error) => {
                return Attempt::Disconnected(database_error(&error));
            }
            Err(error) => {
                job.fail(StoreError::Unavailable {
                    source: database_error(&error),
                });
                return Attempt::Done;
            }
        };
        let mut tx = PostgresTx {
            transaction,
            prepared: &mut self.prepared,
            label: job.label(),
            is_read: job.is_read(),
            state: State::Open,
            digests: Digests::default(),
        };
        let verdict = job.run(&mut tx);
        let PostgresTx {
            transaction, state, ..
        } = tx;
        match (state, verdict) {
            (State::Contention, _) => {
                roll_back(transaction);
                return Attempt::Contention;
            }
            (State::Disconnected(source), _) => return Attempt::Disconnected(source),
            (State::Aborted, Verdict::Keep) => {
                job.fail(StoreError::Aborted { label: job.label() });
                roll_back(transaction);
            }
            (State::Aborted | State::Open, Verdict::Undo) => roll_back(transaction),
            (State::Open, Verdict::Keep) => {
                if let Err(error) = transaction.commit() {
                    if is_contention(&error) {
                        return Attempt::Contention;
                    }
                    job.fail(commit_error(&error));
                }
            }
        }
        Attempt::Done
    }
}

fn roll_back(transaction: Transaction<'_>) {
    if let Err(error) = transaction.rollback() {
        // Nothing remains of it either way: the server rolls back when the connection ends.
        tracing::warn!(error = %database_error(&error), "a rollback was not answered");
    }
}

enum State {
    Open,
    /// A statement failed.
    Aborted,
    /// A statement lost against other transactions.
    Contention,
    /// The connection broke.
    Disconnected(DatabaseError),
}

struct PostgresTx<'c> {
    transaction: Transaction<'c>,
    prepared: &'c mut HashMap<usize, postgres::Statement>,
    label: &'static str,
    is_read: bool,
    state: State,
    digests: Digests,
}

impl PostgresTx<'_> {
    fn prepare(
        &mut self,
        statement: &'static Statement,
    ) -> Result<postgres::Statement, postgres::Error> {
        let key = std::ptr::from_ref(statement).addr();
        if let Some(prepared) = self.prepared.get(&key) {
            return Ok(prepared.clone());
        }
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.clear();
        }
        let prepared = self.transaction.prepare(statement.sql)?;
        self.prepared.insert(key, prepared.clone());
        Ok(prepared)
    }

    /// Runs `work` with the prepared statement, unless an earlier statement failed.
    fn guarded<T>(
        &mut self,
        statement: &'static Statement,
        work: impl FnOnce(&mut Transaction<'_>, &postgres::Statement) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        if !matches!(self.state, State::Open) {
            return Err(StoreError::Aborted { label: self.label });
        }
        let outcome = match self.prepare(statement) {
            Ok(prepared) => work(&mut self.transaction, &prepared),
            Err(error) => Err(Failure::Postgres(error)),
        };
        outcome.map_err(|failure| match failure {
            Failure::Store(error) => {
                self.state = State::Aborted;
                error
            }
            Failure::Postgres(error) => {
                // Another replica migrated: "cached plan must not change result type".
                let is_stale_plan = error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED);
                if is_stale_plan {
                    self.prepared.clear();
                }
                self.state = if is_stale_plan || is_contention(&error) {
                    State::Contention
                } else if is_disconnected(&error) {
                    State::Disconnected(database_error(&error))
                } else {
                    State::Aborted
                };
                statement_error(statement.name, &error, self.is_read)
            }
        })
    }
}

enum Failure {
    Postgres(postgres::Error),
    Store(StoreError),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

fn bind<'p>(parameters: &'p [Value<'_>]) -> impl ExactSizeIterator<Item = &'p (dyn ToSql + Sync)> {
    parameters.iter().map(|value| value as &(dyn ToSql + Sync))
}

impl Tx for PostgresTx<'_> {
    fn execute(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        self.guarded(statement, |transaction, prepared| {
            let bound: Vec<_> = bind(parameters).collect();
            Ok(transaction.execute(prepared, &bound)?)
        })
    }

    fn query(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.guarded(statement, |transaction, prepared| {
            let mut rows = transaction.query_raw(prepared, bind(parameters))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                if found.len() == QUERY_ROWS_MAX {
                    return Err(Failure::Store(StoreError::TooManyRows {
                        statement: statement.name,
                        rows_max: QUERY_ROWS_MAX,
                    }));
                }
                let cells: Result<Box<[Value<'static>]>, Failure> = (0..row.len())
                    .map(|column| match row.try_get::<_, Cell>(column) {
                        Ok(cell) => Ok(cell.0),
                        Err(_unreadable) => Err(Failure::Store(StoreError::Column {
                            statement: statement.name,
                            row: String::new(),
                            column,
                            expected: "BIGINT, TEXT, BYTEA or NULL",
                            found: "another type",
                        })),
                    })
                    .collect();
                found.push(Row::new(statement.name, cells?));
            }
            Ok(found)
        })
    }

    fn digests(&mut self) -> &mut Digests {
        &mut self.digests
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(value), &Type::INT8) => value.to_sql(ty, out),
            (Self::Int(value), &Type::INT4) => i32::try_from(*value)?.to_sql(ty, out),
            (Self::Int(value), &Type::INT2) => i16::try_from(*value)?.to_sql(ty, out),
            (Self::Text(value), &(Type::TEXT | Type::VARCHAR)) => value.as_ref().to_sql(ty, out),
            (Self::Blob(value), &Type::BYTEA) => value.as_ref().to_sql(ty, out),
            (Self::Int(_) | Self::Text(_) | Self::Blob(_), _) => Err(format!(
                "a parameter is {} where the statement has {ty}",
                self.type_name()
            )
            .into()),
        }
    }

    fn accepts(_ty: &Type) -> bool {
        // `to_sql` knows the value as well, so it decides.
        true
    }

    to_sql_checked!();
}

/// A column on its way from PostgreSQL. Comparisons come as BOOL and small constants as INT4; they become integers,
/// as on SQLite.
struct Cell(Value<'static>);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT8 => i64::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            Type::BOOL => bool::from_sql(ty, raw)?.into(),
            Type::BYTEA => Vec::<u8>::from_sql(ty, raw)?.into(),
            _ => String::from_sql(ty, raw)?.into(),
        }))
    }

    fn from_sql_null(_ty: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8 | Type::INT4 | Type::BOOL | Type::BYTEA | Type::TEXT | Type::VARCHAR
        )
    }
}

fn database_error(error: &postgres::Error) -> DatabaseError {
    error.as_db_error().map_or_else(
        || DatabaseError::outside(error),
        |said| DatabaseError {
            code: said.code().code().to_owned(),
            message: said.message().to_owned(),
        },
    )
}

fn open_error(error: &postgres::Error) -> StoreError {
    StoreError::Open {
        source: database_error(error),
    }
}

/// The transaction lost against concurrent ones.
fn is_contention(error: &postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
    )
}

/// The connection is gone, or the server is about to end it.
fn is_disconnected(error: &postgres::Error) -> bool {
    error.is_closed()
        || error.as_db_error().is_none()
            && std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
        || matches!(
            error.code(),
            Some(
                &SqlState::ADMIN_SHUTDOWN
                    | &SqlState::CRASH_SHUTDOWN
                    | &SqlState::CANNOT_CONNECT_NOW
            )
        )
}

fn statement_error(statement: &'static str, error: &postgres::Error, is_read: bool) -> StoreError {
    let source = database_error(error);
    let constraint = match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => Constraint::Unique,
        Some(&SqlState::CHECK_VIOLATION) => Constraint::Check,
        Some(&SqlState::FOREIGN_KEY_VIOLATION) => Constraint::ForeignKey,
        Some(&SqlState::NOT_NULL_VIOLATION) => Constraint::NotNull,
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) if is_read => {
            return StoreError::ReadOnly { statement };
        }
        // A server that turned into a standby.
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => return StoreError::Unavailable { source },
        // Connection, resources, operator: by class.
        Some(code) if ["08", "53", "57", "58"].contains(&&code.code()[..2]) => {
            return StoreError::Unavailable { source };
        }
        None if is_disconnected(error) => return StoreError::Unavailable { source },
        Some(&SqlState::LOCK_NOT_AVAILABLE) => return StoreError::Unavailable { source },
        Some(_) | None => return StoreError::Statement { statement, source },
    };
    StoreError::Constraint {
        statement,
        constraint,
        source,
    }
}

/// PostgreSQL either says why it did not commit, or the answer is lost.
fn commit_error(error: &postgres::Error) -> StoreError {
    let source = database_error(error);
    if error.as_db_error().is_none() || is_disconnected(error) {
        StoreError::CommitUnknown { source }
    } else {
        StoreError::NotCommitted { source }
    }
}
