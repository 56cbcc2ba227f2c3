//! The store: opens a database and runs transaction functions on it.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::backends::postgres::Postgres;
use crate::backends::queue::Queue;
use crate::backends::sqlite::{Durability, Sqlite};
use crate::digest::DigestKey;
use crate::error::StoreError;
use crate::tx::{Call, Job, Tx};

/// A handle to one database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writes: Arc<Queue<Box<dyn Job>>>,
    reads: Arc<Queue<Box<dyn Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    digest_key: OnceLock<DigestKey>,
    /// Whether it was of a version without digests when it was opened.
    is_older: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    fn close(&self) {
        self.writes.close();
        self.reads.close();
    }
}

impl Store {
    /// Opens (or creates) and migrates an SQLite database file.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::Migrate`].
    pub fn open_sqlite(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        Ok(Self::from_sqlite(Sqlite::open(path, durability)?))
    }

    /// Opens and migrates an SQLite database file that has been opened before. Where there is none, or only an empty
    /// one, nothing is made and nothing changed.
    ///
    /// # Errors
    /// [`StoreError::Empty`], [`StoreError::Open`] or [`StoreError::Migrate`].
    pub fn open_sqlite_existing(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        Sqlite::check_existing(path)?;
        Self::open_sqlite(path, durability)
    }

    /// An SQLite database that lives as long as the store: for tests.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::Migrate`].
    pub fn open_sqlite_in_memory() -> Result<Self, StoreError> {
        Ok(Self::from_sqlite(Sqlite::open_in_memory()?))
    }

    /// Connects to and migrates a PostgreSQL database. `url` is a connection URL or a list of `key=value` (it may
    /// hold a password); `connections` are the transactions that may run at once, at least 1 and at most
    /// [`crate::POSTGRES_CONNECTIONS_MAX`].
    ///
    /// Blocks while it connects: call it outside async code, or on a blocking thread.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::Migrate`].
    pub fn open_postgres(url: &SecretString, connections: usize) -> Result<Self, StoreError> {
        let Postgres {
            jobs,
            threads,
            is_older,
        } = Postgres::open(url, connections)?;
        Ok(Self::new(Arc::clone(&jobs), jobs, threads, is_older))
    }

    fn from_sqlite(sqlite: Sqlite) -> Self {
        let reads = sqlite.reads.unwrap_or_else(|| Arc::clone(&sqlite.writes));
        Self::new(sqlite.writes, reads, sqlite.threads, sqlite.is_older)
    }

    fn new(
        writes: Arc<Queue<Box<dyn Job>>>,
        reads: Arc<Queue<Box<dyn Job>>>,
        threads: Vec<JoinHandle<()>>,
        is_older: bool,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                writes,
                reads,
                threads: Mutex::new(threads),
                digest_key: OnceLock::new(),
                is_older,
            }),
        }
    }

    /// Gives the store the key of its digests, before anything is written. The first that it is given stays.
    pub fn digest_with(&self, key: DigestKey) {
        drop(self.inner.digest_key.set(key));
    }

    /// Whether the database was of a version without digests when it was opened: what is in it has to be taken as it is.
    #[must_use]
    pub fn is_older_than_digests(&self) -> bool {
        self.inner.is_older
    }

    /// Runs a transaction function and returns its answer after it was committed. If the function returns an error,
    /// nothing it did remains. `label` names the transaction in errors.
    ///
    /// The function may be run again: see the rules in [`crate::tx`]. If the future is dropped, the transaction
    /// either never starts or takes place unseen.
    ///
    /// # Errors
    /// What the function returned, or a [`StoreError`] converted to it.
    pub async fn write<T, E, F>(&self, label: &'static str, function: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.run(&self.inner.writes, (label, false), function).await
    }

    /// Runs a function that only reads, on one snapshot of what was committed. Reads do not wait for writes.
    ///
    /// # Errors
    /// What the function returned, or a [`StoreError`] converted to it.
    pub async fn read<T, E, F>(&self, label: &'static str, function: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.run(&self.inner.reads, (label, true), function).await
    }

    /// Waits until the store can serve no more although nobody closed it: a thread of it has panicked.
    pub async fn lost(&self) {
        tokio::select! {
            () = self.inner.writes.worker_lost() => {}
            () = self.inner.reads.worker_lost() => {}
        }
    }

    /// Takes no more transactions (from any clone), finishes those that wait, and closes the database: SQLite's is one
    /// whole file then.
    pub async fn close(self) {
        self.inner.close();
        let threads = std::mem::take(&mut *self.inner.threads.lock());
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the store had panicked");
                }
            }
        });
        // It fails only when the runtime is being shut down, and then there is nothing left to wait for.
        drop(joined.await);
    }

    async fn run<T, E, F>(
        &self,
        queue: &Queue<Box<dyn Job>>,
        kind: (&'static str, bool),
        function: F,
    ) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let key = self.inner.digest_key.get().cloned().unwrap_or_default();
        let call = Call::new(kind, key, function, sender);
        if queue.push(Box::new(call)).await.is_err() {
            return Err(StoreError::Closed.into());
        }
        answer
            .await
            .unwrap_or_else(|_dropped| Err(StoreError::Closed.into()))
    }
}
