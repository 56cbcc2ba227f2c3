//! SQLite: one writer thread that commits waiting transactions together, and a few read-only connections.
//!
//! **Group commit.** The writer begins a transaction, runs each waiting job in a savepoint of its own, goes on while
//! more jobs arrive (up to [`GROUP_JOBS_MAX`]), commits once (one fsync for all), and only then answers. The callers
//! of one group tend to come back together, so the writer waits a moment ([`GATHER_TIME`], less than an fsync) until
//! as many have come as last time. A lone job is committed at once. A job that fails rolls back its own savepoint. If
//! the transaction itself was lost (disk full, I/O error) or COMMIT fails, every job that ran in it fails, since each
//! may have seen the others' effects.
//!
//! **The end.** The writer outlives the readers: as the last connection, and the only one that may write, it moves the
//! write-ahead log into the database, so that a closed database is one file.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, PrepFlags, ToSql, ffi};

use crate::backends::migrations;
use crate::backends::queue::{AbandonOnExit, Queue};
use crate::digest::Digests;
use crate::error::{Constraint, DatabaseError, StoreError};
use crate::statements::{Statement, sqlite_sql};
use crate::tx::{Job, QUERY_ROWS_MAX, Tx, Verdict};
use crate::value::{Row, Value};

/// Transactions that one COMMIT may carry.
pub const GROUP_JOBS_MAX: usize = 128;

/// How long the writer waits for a group to become as large as the last one. A fraction of an fsync.
const GATHER_TIME: Duration = Duration::from_micros(100);

/// Transactions that may wait for the writer; further callers wait for room.
pub const WRITE_QUEUE_MAX: usize = 1_024;

/// Transactions that may wait for a reader; further callers wait for room.
pub const READ_QUEUE_MAX: usize = 1_024;

/// Read-only connections, a thread each.
pub const READ_CONNECTIONS: usize = 4;

/// How long a connection waits for another *process* that holds the write lock (a backup, a shell).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a start looks for damaged pages: about 2 GiB from a fast disk. What is larger is checked as far as this goes.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);
/// Steps of SQLite's machine between two looks at the time.
const CHECK_STEPS: i32 = 10_000;

/// Pages of the write-ahead log (of 4 KiB) after which the writer moves them into the database: at SQLite's own 1,000
/// it would do so, with an fsync of its own, every few dozen groups. As many as [`WAL_BYTES_KEPT`] has room for.
const CHECKPOINT_PAGES: i64 = 16_000;

/// Memory for pages of the database: the writer's, KiB.
const WRITE_CACHE_KIB: i64 = 32 << 10;

/// Memory for pages of the database: each reader's, KiB.
const READ_CACHE_KIB: i64 = 8 << 10;

/// Size that the write-ahead log is cut back to after a checkpoint, bytes.
const WAL_BYTES_KEPT: i64 = 64 << 20;

/// Prepared statements kept by one connection. The program's statements are fewer: this is a guard.
pub(crate) const PREPARED_MAX: usize = 1_024;

/// What a committed transaction survives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// A power cut: the log is fsynced before anybody is answered (`synchronous=FULL`).
    Power,
    /// The end of this process, however sudden; a power cut may lose the last transactions, never order
    /// (`synchronous=NORMAL`). For sandboxes.
    Process,
}

static BEGIN_WRITE: Statement = control("BEGIN IMMEDIATE");
static BEGIN_READ: Statement = control("BEGIN DEFERRED");
static SAVEPOINT: Statement = control("SAVEPOINT job");
static RELEASE: Statement = control("RELEASE job");
static ROLLBACK_TO: Statement = control("ROLLBACK TO job");
static COMMIT: Statement = control("COMMIT");
static ROLLBACK: Statement = control("ROLLBACK");

const fn control(sql: &'static str) -> Statement {
    Statement { name: sql, sql }
}

type Jobs = Queue<Box<dyn Job>>;

/// The threads and queues of one SQLite database.
pub(crate) struct Sqlite {
    pub(crate) writes: Arc<Jobs>,
    /// None for a database in memory: its writer also reads, since nobody else can see it.
    pub(crate) reads: Option<Arc<Jobs>>,
    pub(crate) threads: Vec<JoinHandle<()>>,
    /// Whether it was of a version without digests.
    pub(crate) is_older: bool,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        let mut writer = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| open_error(&error))?;
        configure(&writer, durability)?;
        check_pages(&writer)?;
        let is_older = migrations::run(&mut writer, migrations::Database::Sqlite)?;

        let writes = Arc::new(Jobs::new(WRITE_QUEUE_MAX));
        let reads = Arc::new(Jobs::new(READ_QUEUE_MAX));
        let mut readers = Vec::with_capacity(READ_CONNECTIONS);
        for _ in 0..READ_CONNECTIONS {
            readers.push(open_reader(path).map_err(|error| open_error(&error))?);
        }
        let mut reading = Vec::with_capacity(READ_CONNECTIONS);
        for reader in readers {
            let queue = Arc::clone(&reads);
            reading.push(spawn("store-read", move || run_reader(&reader, &queue))?);
        }
        let threads = vec![spawn_writer(writer, &writes, reading)?];
        Ok(Self {
            writes,
            reads: Some(reads),
            threads,
            is_older,
        })
    }

    /// Whether the file holds a database with something in it. Only looks.
    pub(crate) fn check_existing(path: &Path) -> Result<(), StoreError> {
        // SQLite would take an empty file for a new database, and throw away the log beside it.
        match std::fs::metadata(path) {
            Ok(file) if file.len() > 0 => {}
            Ok(_) => return Err(StoreError::Empty),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Empty),
            Err(error) => {
                let source = DatabaseError::outside(&error);
                return Err(StoreError::Open { source });
            }
        }
        // Not read-only, so that it takes away what it puts beside the file.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let tables = Connection::open_with_flags(path, flags).and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| {
                row.get::<_, i64>(0)
            })
        });
        match tables.map_err(|error| open_error(&error))? {
            0 => Err(StoreError::Empty),
            _ => Ok(()),
        }
    }

    pub(crate) fn open_in_memory() -> Result<Self, StoreError> {
        let mut writer = Connection::open_in_memory().map_err(|error| open_error(&error))?;
        configure(&writer, Durability::Process)?;
        let is_older = migrations::run(&mut writer, migrations::Database::Sqlite)?;
        let writes = Arc::new(Jobs::new(WRITE_QUEUE_MAX));
        let threads = vec![spawn_writer(writer, &writes, Vec::new())?];
        Ok(Self {
            writes,
            reads: None,
            threads,
            is_older,
        })
    }
}

/// Looks through the pages of a database for damage, for [`CHECK_TIME_MAX`] at most.
fn check_pages(connection: &Connection) -> Result<(), StoreError> {
    let until = Instant::now() + CHECK_TIME_MAX;
    let failed = |error: &rusqlite::Error| open_error(error);
    connection
        .progress_handler(CHECK_STEPS, Some(move || Instant::now() > until))
        .map_err(|error| failed(&error))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection
        .progress_handler(0, None::<fn() -> bool>)
        .map_err(|error| failed(&error))?;
    match found {
        Ok(sound) if sound == "ok" => Ok(()),
        Ok(damage) => Err(StoreError::Damaged { damage }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::warn!(
                seconds = CHECK_TIME_MAX.as_secs(),
                "the database is too large to be looked through at a start: `PRAGMA quick_check` does so beside it"
            );
            Ok(())
        }
        Err(error) => Err(failed(&error)),
    }
}

fn configure(connection: &Connection, durability: Durability) -> Result<(), StoreError> {
    let mode = set_options(connection, durability).map_err(|error| open_error(&error))?;
    // SQLite does not fail where a file system cannot do it (some network ones): it keeps the old mode.
    if mode == "wal" || mode == "memory" {
        return Ok(());
    }
    Err(StoreError::Open {
        source: DatabaseError {
            code: String::new(),
            message: format!(
                "the file system does not allow a write-ahead log (journal mode {mode})"
            ),
        },
    })
}

/// Returns the journal mode that SQLite chose.
fn set_options(connection: &Connection, durability: Durability) -> rusqlite::Result<String> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    let synchronous = match durability {
        Durability::Power => "FULL",
        Durability::Process => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // On macOS a plain fsync leaves data in the drive's cache. No effect elsewhere.
    connection.pragma_update(None, "fullfsync", durability == Durability::Power)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    // A negative number is a size in KiB.
    connection.pragma_update(None, "cache_size", -WRITE_CACHE_KIB)?;
    Ok(mode)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(BUSY_TIMEOUT)?;
    reader.pragma_update(None, "query_only", true)?;
    reader.pragma_update(None, "cache_size", -READ_CACHE_KIB)?;
    Ok(reader)
}

fn spawn_writer(
    connection: Connection,
    queue: &Arc<Jobs>,
    readers: Vec<JoinHandle<()>>,
) -> Result<JoinHandle<()>, StoreError> {
    let queue = Arc::clone(queue);
    spawn("store-write", move || {
        run_writer(&connection, &queue);
        for reader in readers {
            if reader.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
        close_whole(connection);
    })
}

/// Closes the last connection of a database, everything in its one file.
fn close_whole(connection: Connection) {
    let checkpoint = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let closed = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], checkpoint)
        .and_then(|busy| match busy {
            0 => connection.close().map_err(|(_, error)| error),
            _ => Err(sqlite_failure(ffi::SQLITE_BUSY)),
        });
    if let Err(error) = closed {
        tracing::warn!(error = %database_error(&error), "the write-ahead log stays beside the database");
    }
}

pub(crate) fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| StoreError::Open {
            source: DatabaseError::outside(&error),
        })
}

fn run_writer(connection: &Connection, queue: &Jobs) {
    let _guard = AbandonOnExit(queue);
    let mut session = Session::new(connection);
    let mut taken = VecDeque::with_capacity(GROUP_JOBS_MAX);
    let mut last_group = 1;
    loop {
        if taken.is_empty() {
            let Some(job) = queue.take() else { return };
            taken.push_back(job);
        }
        last_group = run_group(&mut session, queue, &mut taken, last_group);
    }
}

/// Runs and commits one group: what was `taken` before, then what waits, or comes while the group is smaller than
/// `expected`. Jobs that did not run stay in `taken`. Returns how many ran.
fn run_group(
    session: &mut Session<'_>,
    queue: &Jobs,
    taken: &mut VecDeque<Box<dyn Job>>,
    expected: usize,
) -> usize {
    if let Err(error) = session.control(&BEGIN_WRITE) {
        let error = StoreError::Unavailable {
            source: database_error(&error),
        };
        fail_all(taken.drain(..), &error);
        return 0;
    }
    // Begins when the queue is empty for the first time.
    let mut deadline = None;
    let mut ran: Vec<Box<dyn Job>> = Vec::with_capacity(GROUP_JOBS_MAX);
    let mut apart = false;
    while ran.len() < GROUP_JOBS_MAX {
        let waiting = taken.pop_front().or_else(|| {
            queue.try_take().or_else(|| {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + GATHER_TIME);
                (ran.len() < expected)
                    .then(|| queue.take_until(deadline))
                    .flatten()
            })
        });
        let Some(mut job) = waiting else { break };
        if job.is_abandoned() {
            continue;
        }
        let lost = if apart {
            run_in_savepoint(session, &mut *job).err()
        } else {
            run_together(session, &mut ran, &mut *job, &mut apart).err()
        };
        ran.push(job);
        if let Some(error) = lost {
            session.roll_back_if_open();
            let group = ran.len();
            fail_all(ran, &lost_error(&error));
            return group;
        }
    }
    let group = ran.len();
    match session.control(&COMMIT) {
        Ok(()) => ran.into_iter().for_each(Job::answer),
        Err(error) => {
            session.roll_back_if_open();
            fail_all(ran, &commit_error(&error));
        }
    }
    group
}

/// Runs one job without a savepoint, as long as every job of the group succeeds: nearly all do, and a savepoint makes
/// SQLite copy every page that the job touches. The first that fails takes the whole transaction back; the jobs
/// before it run once more, each in a savepoint, and the group goes on so (`apart`). What failed is not run again:
/// it saw what the others did, and they do the same again.
///
/// An error means that the whole transaction is lost.
fn run_together(
    session: &mut Session<'_>,
    before: &mut [Box<dyn Job>],
    job: &mut dyn Job,
    apart: &mut bool,
) -> rusqlite::Result<()> {
    let (verdict, failure) = run_job(session, job);
    if session.connection.is_autocommit() {
        return Err(failure.unwrap_or_else(|| sqlite_failure(ffi::SQLITE_ABORT)));
    }
    if verdict == Verdict::Keep {
        return Ok(());
    }
    *apart = true;
    session.control(&ROLLBACK)?;
    session.control(&BEGIN_WRITE)?;
    before
        .iter_mut()
        .try_for_each(|job| run_in_savepoint(session, &mut **job))
}

/// Runs one job. An error means that the whole transaction is lost; a job's own failure is none.
fn run_in_savepoint(session: &mut Session<'_>, job: &mut dyn Job) -> rusqlite::Result<()> {
    session.control(&SAVEPOINT)?;
    let (verdict, failure) = run_job(session, job);
    if session.connection.is_autocommit() {
        return Err(failure.unwrap_or_else(|| sqlite_failure(ffi::SQLITE_ABORT)));
    }
    if verdict == Verdict::Undo {
        session.control(&ROLLBACK_TO)?;
    }
    session.control(&RELEASE)
}

/// Runs the function of a job. What it did is kept only if it returned `Ok` and no statement failed on the way.
fn run_job(session: &mut Session<'_>, job: &mut dyn Job) -> (Verdict, Option<rusqlite::Error>) {
    let mut tx = SqliteTx {
        session,
        label: job.label(),
        is_read: job.is_read(),
        failure: None,
        digests: Digests::default(),
        is_aborted: false,
    };
    let mut verdict = job.run(&mut tx);
    if verdict == Verdict::Keep && tx.is_aborted {
        job.fail(StoreError::Aborted { label: job.label() });
        verdict = Verdict::Undo;
    }
    (verdict, tx.failure)
}

fn run_reader(connection: &Connection, queue: &Jobs) {
    let _guard = AbandonOnExit(queue);
    let mut session = Session::new(connection);
    while let Some(mut job) = queue.take() {
        if job.is_abandoned() {
            continue;
        }
        match session.control(&BEGIN_READ) {
            Ok(()) => {
                run_job(&mut session, &mut *job);
                // A read has nothing to commit: both end its snapshot.
                session.roll_back_if_open();
            }
            Err(error) => job.fail(StoreError::Unavailable {
                source: database_error(&error),
            }),
        }
        job.answer();
    }
}

fn fail_all(jobs: impl IntoIterator<Item = Box<dyn Job>>, error: &StoreError) {
    for mut job in jobs {
        job.fail(error.clone());
        job.answer();
    }
}

/// A connection and its prepared statements, found by the address of their [`Statement`]: hashing the SQL text each
/// time would cost about as much as a small statement itself.
struct Session<'c> {
    connection: &'c Connection,
    prepared: HashMap<usize, rusqlite::Statement<'c>>,
}

impl<'c> Session<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            prepared: HashMap::new(),
        }
    }

    fn prepare(
        &mut self,
        statement: &'static Statement,
    ) -> rusqlite::Result<&mut rusqlite::Statement<'c>> {
        let key = std::ptr::from_ref(statement).addr();
        if !self.prepared.contains_key(&key) {
            if self.prepared.len() >= PREPARED_MAX {
                self.prepared.clear();
            }
            // What stays prepared does not take the quick memory that SQLite has for what comes and goes.
            let prepared = self.connection.prepare_with_flags(
                &sqlite_sql(statement.sql),
                PrepFlags::SQLITE_PREPARE_PERSISTENT,
            )?;
            self.prepared.insert(key, prepared);
        }
        Ok(self
            .prepared
            .get_mut(&key)
            .expect("it was found or inserted above"))
    }

    /// Begins, marks or ends a transaction.
    fn control(&mut self, statement: &'static Statement) -> rusqlite::Result<()> {
        self.prepare(statement)?.execute([]).map(drop)
    }

    fn roll_back_if_open(&mut self) {
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.control(&ROLLBACK) {
            // The next BEGIN fails as well, and says so to its callers.
            tracing::error!(error = %database_error(&error), "a transaction could not be rolled back");
        }
    }
}

struct SqliteTx<'s, 'c> {
    session: &'s mut Session<'c>,
    label: &'static str,
    is_read: bool,
    /// The first failure of the database itself.
    failure: Option<rusqlite::Error>,
    is_aborted: bool,
    digests: Digests,
}

impl SqliteTx<'_, '_> {
    /// Runs `work` with the prepared statement, unless an earlier statement failed.
    fn guarded<T>(
        &mut self,
        statement: &'static Statement,
        work: impl FnOnce(&mut rusqlite::Statement<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        if self.is_aborted {
            return Err(StoreError::Aborted { label: self.label });
        }
        let is_read = self.is_read;
        let outcome = match self.session.prepare(statement) {
            Ok(prepared) if is_read && !prepared.readonly() => {
                Err(Failure::Store(StoreError::ReadOnly {
                    statement: statement.name,
                }))
            }
            Ok(prepared) => work(prepared),
            Err(error) => Err(Failure::Sqlite(error)),
        };
        outcome.map_err(|failure| {
            self.is_aborted = true;
            match failure {
                Failure::Store(error) => error,
                Failure::Sqlite(error) => {
                    let mapped = statement_error(statement.name, &error);
                    self.failure = Some(error);
                    mapped
                }
            }
        })
    }
}

enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Tx for SqliteTx<'_, '_> {
    fn execute(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        self.guarded(statement, |prepared| {
            let changed = prepared.execute(rusqlite::params_from_iter(parameters))?;
            Ok(changed as u64)
        })
    }

    fn query(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.guarded(statement, |prepared| {
            let columns = prepared.column_count();
            let mut rows = prepared.query(rusqlite::params_from_iter(parameters))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                if found.len() == QUERY_ROWS_MAX {
                    return Err(Failure::Store(StoreError::TooManyRows {
                        statement: statement.name,
                        rows_max: QUERY_ROWS_MAX,
                    }));
                }
                let mut cells = Vec::with_capacity(columns);
                for column in 0..columns {
                    cells.push(cell(row.get_ref(column)?));
                }
                found.push(Row::new(statement.name, cells.into_boxed_slice()));
            }
            Ok(found)
        })
    }

    fn digests(&mut self) -> &mut Digests {
        &mut self.digests
    }
}

/// What a column holds. What no statement of the program writes (damage) comes as bytes, which no reader takes for what it
/// expects: one bad row ends what it is read for, not the transaction.
fn cell(value: ValueRef<'_>) -> Value<'static> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::from(value.to_be_bytes().to_vec()),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text.to_owned()),
            Err(_) => Value::from(bytes.to_vec()),
        },
        ValueRef::Blob(bytes) => Value::from(bytes.to_vec()),
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
            Self::Null => ValueRef::Null,
        }))
    }
}

fn sqlite_failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

fn database_error(error: &rusqlite::Error) -> DatabaseError {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => DatabaseError {
            code: code.extended_code.to_string(),
            message: message.clone().unwrap_or_else(|| code.to_string()),
        },
        other => DatabaseError::outside(other),
    }
}

fn open_error(error: &rusqlite::Error) -> StoreError {
    StoreError::Open {
        source: database_error(error),
    }
}

fn statement_error(statement: &'static str, error: &rusqlite::Error) -> StoreError {
    let source = database_error(error);
    let rusqlite::Error::SqliteFailure(code, _) = error else {
        return StoreError::Statement { statement, source };
    };
    match code.code {
        ErrorCode::ConstraintViolation => StoreError::Constraint {
            statement,
            constraint: match code.extended_code {
                ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE => {
                    Constraint::Unique
                }
                ffi::SQLITE_CONSTRAINT_CHECK => Constraint::Check,
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Constraint::ForeignKey,
                ffi::SQLITE_CONSTRAINT_NOTNULL => Constraint::NotNull,
                _ => Constraint::Other,
            },
            source,
        },
        _ if is_unavailable(code.code) => StoreError::Unavailable { source },
        _ => StoreError::Statement { statement, source },
    }
}

/// Failures that come from the machine or another process, not from the statement.
const fn is_unavailable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
    )
}

fn lost_error(error: &rusqlite::Error) -> StoreError {
    StoreError::NotCommitted {
        source: database_error(error),
    }
}

/// After an I/O error the log may or may not hold the commit: a restart could still find it.
fn commit_error(error: &rusqlite::Error) -> StoreError {
    let source = database_error(error);
    if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
        StoreError::CommitUnknown { source }
    } else {
        StoreError::NotCommitted { source }
    }
}
