//! One body of behaviour, run over every back end; and what only one of them can show.
#![expect(clippy::unwrap_used, reason = "a test that panics shows the line")]

use std::sync::Arc;

use brokerage_store::{Durability, Store, StoreError, Tx};
use secrecy::SecretString;
use tempfile::TempDir;

/// Makes one test a back end of each function named.
macro_rules! on_every_backend {
    ($($name:ident),+ $(,)?) => {
        on_every_backend!(@ sqlite_file SqliteFile $($name)+);
        on_every_backend!(@ sqlite_memory SqliteMemory $($name)+);
        on_every_backend!(@ postgres_server Postgres $($name)+);
    };
    (@ $module:ident $backend:ident $($name:ident)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(fixture) = crate::Backend::$backend.open().await {
                        super::$name(fixture.store.clone()).await;
                        fixture.store.close().await;
                    }
                }
            )+
        }
    };
}

mod behaviour;
mod close;
mod crash;
mod digest;
mod foundation;
mod lists;
mod slots;
mod statements;
mod support;
mod timers;

/// A store and what must outlive it.
struct Fixture {
    store: Store,
    _directory: TempDir,
    _server: Option<Arc<support::Server>>,
}

#[derive(Clone, Copy)]
enum Backend {
    SqliteFile,
    SqliteMemory,
    Postgres,
}

impl Backend {
    /// A new store with the tables of these tests. `None`: this machine has no such database.
    async fn open(self) -> Option<Fixture> {
        let directory = tempfile::tempdir().unwrap();
        let mut server = None;
        let store = match self {
            Self::SqliteFile => {
                Store::open_sqlite(&directory.path().join("store.db"), Durability::Power).unwrap()
            }
            Self::SqliteMemory => Store::open_sqlite_in_memory().unwrap(),
            Self::Postgres => {
                // The server is started and asked on a blocking thread, as its driver demands.
                let opened = tokio::task::spawn_blocking(|| {
                    let server = support::Server::shared()?;
                    let url = SecretString::from(server.database());
                    Some((Store::open_postgres(&url, 8).unwrap(), server))
                });
                let (store, shared) = opened.await.unwrap()?;
                server = Some(shared);
                store
            }
        };
        Some(Fixture {
            store,
            _directory: directory,
            _server: server,
        })
    }
}

async fn write<T: Send + 'static>(
    store: &Store,
    function: impl FnMut(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    store.write("test", function).await
}
