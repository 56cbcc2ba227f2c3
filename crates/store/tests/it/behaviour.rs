//! What a transaction promises, whatever runs it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use brokerage_store::{Constraint, QUERY_ROWS_MAX, Store, StoreError, Tx, Value, params};

use crate::{Backend, Fixture, write};

mod sql {
    brokerage_store::statements! {
        pub CREATE_ACCOUNT = "CREATE TABLE test_account (id TEXT PRIMARY KEY, available BIGINT NOT NULL CHECK (available >= 0))";
        pub CREATE_PARENT = "CREATE TABLE test_parent (id BIGINT PRIMARY KEY)";
        pub CREATE_CHILD = "CREATE TABLE test_child (parent_id BIGINT NOT NULL \
            REFERENCES test_parent (id) DEFERRABLE INITIALLY DEFERRED)";
        pub CREATE_CELL = "CREATE TABLE test_cell (id BIGINT PRIMARY KEY, number BIGINT, words TEXT, bytes BYTEA)";
        pub INSERT = "INSERT INTO test_account (id, available) VALUES ($1, $2)";
        pub INSERT_IF_NEW = "INSERT INTO test_account (id, available) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        pub SPEND = "UPDATE test_account SET available = available - $2 WHERE available >= $2 AND id = $1";
        pub OVERSPEND = "UPDATE test_account SET available = available - $2 WHERE id = $1";
        pub SELECT = "SELECT available FROM test_account WHERE id = $1";
        pub INSERT_CHILD = "INSERT INTO test_child (parent_id) VALUES ($1)";
        pub INSERT_CELL = "INSERT INTO test_cell (id, number, words, bytes) VALUES ($1, $2, $3, $4)";
        pub SELECT_CELL = "SELECT number, words, bytes FROM test_cell WHERE id = $1";
        pub COUNT_TO = "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
            SELECT i FROM n";
        pub NONSENSE = "SELECT nothing FROM nowhere";
        pub CREATE_DISCONNECT = "CREATE FUNCTION test_disconnect() RETURNS trigger LANGUAGE plpgsql AS \
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'";
        pub DISCONNECT_AT_COMMIT = "CREATE CONSTRAINT TRIGGER test_at_commit AFTER INSERT ON test_parent \
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_disconnect()";
        pub INSERT_PARENT = "INSERT INTO test_parent (id) VALUES (1)";
        pub DISCONNECT = "SELECT pg_terminate_backend(pg_backend_pid())";
        /// Not less than there are: the database cannot grow from here.
        pub LIMIT_PAGES = "PRAGMA max_page_count = 1";
    }
}

/// Makes the tables of these tests, and one account with 500.
async fn prepare(store: &Store) {
    write(store, |tx| {
        for statement in [
            &sql::CREATE_ACCOUNT,
            &sql::CREATE_PARENT,
            &sql::CREATE_CHILD,
            &sql::CREATE_CELL,
        ] {
            tx.execute(statement, &[])?;
        }
        tx.execute(&sql::INSERT, params!["hot", 500_i64]).map(drop)
    })
    .await
    .unwrap();
}

async fn prepared(backend: Backend) -> Option<Fixture> {
    let fixture = backend.open().await?;
    prepare(&fixture.store).await;
    Some(fixture)
}

async fn available(store: &Store, id: &'static str) -> Option<i64> {
    store
        .read("available", move |tx| -> Result<_, StoreError> {
            tx.query_first(&sql::SELECT, params![id])?
                .map(|row| row.int(0))
                .transpose()
        })
        .await
        .unwrap()
}

/// Hands a call to the store without waiting for its answer.
async fn start<F: Future + ?Sized>(call: &mut Pin<Box<F>>) {
    poll_fn(|context| {
        assert!(
            call.as_mut().poll(context).is_pending(),
            "it cannot be answered yet"
        );
        Poll::Ready(())
    })
    .await;
}

on_every_backend!(
    what_is_written_is_read_back,
    values_come_back_as_they_went_in,
    an_error_undoes_the_whole_function,
    a_conflict_is_a_row_count,
    constraints_are_typed,
    going_on_after_a_failed_statement_undoes_everything,
    a_panic_fails_only_its_own_transaction,
    a_commit_that_fails_is_told,
    a_hot_row_is_never_overspent_by_64_callers,
    a_read_cannot_write,
    a_query_without_limit_is_refused,
    a_column_of_another_type_is_an_error,
    a_closed_store_says_so,
);

async fn what_is_written_is_read_back(store: Store) {
    prepare(&store).await;
    assert_eq!(available(&store, "a").await, None);
    let rows = write(&store, |tx| tx.execute(&sql::INSERT, params!["a", 7_i64])).await;
    assert_eq!(rows.unwrap(), 1);
    assert_eq!(available(&store, "a").await, Some(7));
    // $2 stands before $1 in this statement.
    let rows = write(&store, |tx| tx.execute(&sql::SPEND, params!["a", 3_i64])).await;
    assert_eq!(rows.unwrap(), 1);
    assert_eq!(available(&store, "a").await, Some(4));
}

async fn values_come_back_as_they_went_in(store: Store) {
    prepare(&store).await;
    type Cells = (Option<i64>, Option<String>, Option<Vec<u8>>);
    let cases: [Cells; 5] = [
        (None, None, None),
        (Some(0), Some(String::new()), Some(vec![])),
        (
            Some(i64::MIN),
            Some("主题 “τ” 🦀 '' $1 ?1".to_owned()),
            Some((0..=255).collect()),
        ),
        (
            Some(i64::MAX),
            Some("7".repeat(100_000)),
            Some(vec![0; 100_000]),
        ),
        (Some(1), Some("12".to_owned()), Some(b"12".to_vec())),
    ];
    for (id, (number, words, bytes)) in cases.into_iter().enumerate() {
        let id = i64::try_from(id).unwrap();
        let sent = (number, words, bytes);
        let expected = sent.clone();
        let found = write(&store, move |tx| {
            let (number, words, bytes) = &sent;
            tx.execute(
                &sql::INSERT_CELL,
                params![id, *number, words.as_ref(), bytes.as_ref()],
            )?;
            let row = tx.query_first(&sql::SELECT_CELL, params![id])?.unwrap();
            Ok((
                row.opt_int(0)?,
                row.opt_text(1)?.map(str::to_owned),
                row.opt_blob(2)?.map(<[u8]>::to_vec),
            ))
        })
        .await;
        assert_eq!(found.unwrap(), expected);
    }
}

async fn an_error_undoes_the_whole_function(store: Store) {
    prepare(&store).await;
    #[derive(Debug)]
    enum Refused {
        Store(#[expect(dead_code, reason = "shown when the test fails")] StoreError),
        TooPoor,
    }
    impl From<StoreError> for Refused {
        fn from(error: StoreError) -> Self {
            Self::Store(error)
        }
    }
    let refused = store
        .write("order", |tx| {
            tx.execute(&sql::INSERT, params!["order", 1_i64])?;
            if tx.execute(&sql::SPEND, params!["hot", 501_i64])? == 0 {
                return Err(Refused::TooPoor);
            }
            Ok(())
        })
        .await;
    assert!(matches!(refused, Err(Refused::TooPoor)), "{refused:?}");
    assert_eq!(available(&store, "order").await, None);
    assert_eq!(available(&store, "hot").await, Some(500));
}

async fn a_conflict_is_a_row_count(store: Store) {
    prepare(&store).await;
    for expected in [1, 0] {
        let rows = write(&store, |tx| {
            let rows = tx.execute(&sql::INSERT_IF_NEW, params!["twice", 1_i64])?;
            // The transaction is still good after the conflict.
            tx.execute(&sql::SPEND, params!["hot", 1_i64])?;
            Ok(rows)
        })
        .await;
        assert_eq!(rows.unwrap(), expected);
    }
    assert_eq!(available(&store, "hot").await, Some(498));
}

async fn constraints_are_typed(store: Store) {
    prepare(&store).await;
    let check = async |function: fn(&mut dyn Tx) -> Result<u64, StoreError>,
                       expected: Constraint| {
        let error = write(&store, function).await.unwrap_err();
        let StoreError::Constraint { constraint, .. } = error else {
            panic!("{error:?} is not about a constraint")
        };
        assert_eq!(constraint, expected);
    };
    check(
        |tx| tx.execute(&sql::INSERT, params!["hot", 1_i64]),
        Constraint::Unique,
    )
    .await;
    check(
        |tx| tx.execute(&sql::OVERSPEND, params!["hot", 501_i64]),
        Constraint::Check,
    )
    .await;
    check(
        |tx| tx.execute(&sql::INSERT, params!["b", Value::Null]),
        Constraint::NotNull,
    )
    .await;
    assert_eq!(available(&store, "hot").await, Some(500));
}

async fn going_on_after_a_failed_statement_undoes_everything(store: Store) {
    prepare(&store).await;
    let error = write(&store, |tx| {
        tx.execute(&sql::INSERT, params!["before", 1_i64])?;
        assert!(tx.query(&sql::NONSENSE, &[]).is_err());
        assert!(tx.execute(&sql::INSERT, params!["after", 1_i64]).is_err());
        Ok(())
    })
    .await
    .unwrap_err();
    assert!(
        matches!(error, StoreError::Aborted { label: "test" }),
        "{error:?}"
    );
    assert_eq!(available(&store, "before").await, None);
    assert_eq!(available(&store, "after").await, None);
}

async fn a_panic_fails_only_its_own_transaction(store: Store) {
    prepare(&store).await;
    let panicking = write(&store, |tx| -> Result<(), StoreError> {
        tx.execute(&sql::INSERT, params!["panicked", 1_i64])?;
        panic!("on purpose, in a test");
    });
    let others = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            write(&store, |tx| tx.execute(&sql::SPEND, params!["hot", 1_i64])).await
        })
    });
    let others: Vec<_> = others.collect();
    let error = panicking.await.unwrap_err();
    assert!(
        matches!(error, StoreError::Panicked { label: "test" }),
        "{error:?}"
    );
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), 1);
    }
    assert_eq!(available(&store, "panicked").await, None);
    assert_eq!(available(&store, "hot").await, Some(480));
}

async fn a_commit_that_fails_is_told(store: Store) {
    prepare(&store).await;
    let error = write(&store, |tx| tx.execute(&sql::INSERT_CHILD, params![1_i64])).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, StoreError::NotCommitted { .. }),
        "{error:?}"
    );
    let rows = write(&store, |tx| tx.execute(&sql::SPEND, params!["hot", 1_i64])).await;
    assert_eq!(rows.unwrap(), 1);
}

async fn a_hot_row_is_never_overspent_by_64_callers(store: Store) {
    prepare(&store).await;
    const EACH: u64 = 10;
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut spent = 0;
                for _ in 0..EACH {
                    spent += write(&store, |tx| tx.execute(&sql::SPEND, params!["hot", 1_i64]))
                        .await
                        .unwrap();
                }
                spent
            })
        })
        .collect();
    let mut spent = 0;
    for caller in callers {
        spent += caller.await.unwrap();
    }
    assert_eq!(spent, 500, "640 wanted one of 500");
    assert_eq!(available(&store, "hot").await, Some(0));
}

async fn a_read_cannot_write(store: Store) {
    prepare(&store).await;
    let error = store
        .read("sneaky", |tx| {
            tx.execute(&sql::INSERT, params!["sneaky", 1_i64])
        })
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    assert_eq!(available(&store, "sneaky").await, None);
}

async fn a_query_without_limit_is_refused(store: Store) {
    prepare(&store).await;
    let count_to = async |rows: usize| {
        let last = i64::try_from(rows).unwrap();
        let counted = write(&store, move |tx| {
            Ok(tx.query(&sql::COUNT_TO, params![last])?.len())
        });
        counted.await
    };
    assert_eq!(count_to(QUERY_ROWS_MAX).await.unwrap(), QUERY_ROWS_MAX);
    let error = count_to(QUERY_ROWS_MAX + 1).await.unwrap_err();
    assert!(matches!(error, StoreError::TooManyRows { .. }), "{error:?}");
}

async fn a_column_of_another_type_is_an_error(store: Store) {
    prepare(&store).await;
    let error = store
        .read("confused", |tx| {
            let row = tx.query_first(&sql::SELECT, params!["hot"])?.unwrap();
            row.text(0).map(str::to_owned)
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "column 0 of statement {} is int, not text",
            sql::SELECT.name
        )
    );
}

async fn a_closed_store_says_so(store: Store) {
    prepare(&store).await;
    store.clone().close().await;
    let error = write(&store, |tx| tx.execute(&sql::SPEND, params!["hot", 1_i64])).await;
    assert!(matches!(error, Err(StoreError::Closed)), "{error:?}");
    let error = store.read("late", |_tx| Ok::<(), StoreError>(())).await;
    assert!(matches!(error, Err(StoreError::Closed)), "{error:?}");
}

/// A transaction that writes, then stays open until it is let go.
struct Held {
    call: Pin<Box<dyn Future<Output = Result<u64, StoreError>>>>,
    release: mpsc::Sender<()>,
}

async fn hold(store: &Store, id: &'static str) -> Held {
    let (release, released) = mpsc::channel();
    let (inside, entered) = tokio::sync::oneshot::channel();
    let inside = Mutex::new(Some(inside));
    let released = Mutex::new(released);
    let store = store.clone();
    let mut call: Pin<Box<dyn Future<Output = _>>> = Box::pin(async move {
        write(&store, move |tx| {
            let rows = tx.execute(&sql::INSERT, params![id, 1_i64])?;
            if let Some(inside) = inside.lock().unwrap().take() {
                inside.send(()).unwrap();
                released.lock().unwrap().recv().unwrap();
            }
            Ok(rows)
        })
        .await
    });
    start(&mut call).await;
    entered.await.unwrap();
    Held { call, release }
}

#[tokio::test]
async fn reads_neither_wait_for_an_open_transaction_nor_see_it() {
    for backend in [Backend::SqliteFile, Backend::Postgres] {
        let Some(fixture) = prepared(backend).await else {
            continue;
        };
        let store = fixture.store.clone();
        let held = hold(&store, "open").await;
        assert_eq!(available(&store, "open").await, None);
        held.release.send(()).unwrap();
        assert_eq!(held.call.await.unwrap(), 1);
        assert_eq!(available(&store, "open").await, Some(1));
        store.close().await;
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_before_its_turn_never_runs() {
    let fixture = prepared(Backend::SqliteFile).await.unwrap();
    let store = fixture.store.clone();
    let held = hold(&store, "open").await;
    let mut dropped = Box::pin(write(&store, |tx| {
        tx.execute(&sql::INSERT, params!["dropped", 1_i64])
    }));
    start(&mut dropped).await;
    drop(dropped);
    held.release.send(()).unwrap();
    held.call.await.unwrap();
    assert_eq!(available(&store, "dropped").await, None);
}

#[tokio::test]
async fn a_full_disk_fails_the_whole_group_and_nothing_after_it() {
    let fixture = prepared(Backend::SqliteFile).await.unwrap();
    let store = fixture.store.clone();
    write(&store, |tx| tx.query(&sql::LIMIT_PAGES, &[]))
        .await
        .unwrap();
    let held = hold(&store, "first").await;
    let mut small = Box::pin(write(&store, |tx| {
        tx.execute(&sql::INSERT, params!["small", 1_i64])
    }));
    start(&mut small).await;
    let mut refused = Box::pin(write(&store, |tx| {
        tx.execute(&sql::INSERT, params!["small", 1_i64])
    }));
    start(&mut refused).await;
    let mut large = Box::pin(write(&store, |tx| {
        tx.execute(
            &sql::INSERT_CELL,
            params![1_i64, 1_i64, "", vec![0_u8; 1 << 20]],
        )
    }));
    start(&mut large).await;
    let mut next = Box::pin(write(&store, |tx| {
        tx.execute(&sql::INSERT, params!["next", 1_i64])
    }));
    start(&mut next).await;

    held.release.send(()).unwrap();
    for lost in [
        held.call.await,
        small.await,
        // It was refused because of a row that is gone with the group: it must not be told so.
        refused.await,
        large.await,
    ] {
        assert!(
            matches!(lost, Err(StoreError::NotCommitted { .. })),
            "{lost:?}"
        );
    }
    assert_eq!(next.await.unwrap(), 1);
    for (id, expected) in [
        ("first", None),
        ("small", None),
        ("next", Some(1)),
        ("hot", Some(500)),
    ] {
        assert_eq!(available(&store, id).await, expected, "{id}");
    }
}

#[tokio::test]
async fn transactions_that_wait_are_finished_by_close() {
    let fixture = prepared(Backend::SqliteFile).await.unwrap();
    let store = fixture.store.clone();
    let held = hold(&store, "open").await;
    let mut waiting = Box::pin(write(&store, |tx| {
        tx.execute(&sql::INSERT, params!["waiting", 1_i64])
    }));
    start(&mut waiting).await;
    let mut closing = Box::pin(store.clone().close());
    start(&mut closing).await;
    held.release.send(()).unwrap();
    assert_eq!(held.call.await.unwrap(), 1);
    assert_eq!(waiting.await.unwrap(), 1);
    closing.await;
}

#[tokio::test]
async fn the_loser_of_a_deadlock_is_run_again() {
    let Some(fixture) = prepared(Backend::Postgres).await else {
        return;
    };
    let store = fixture.store.clone();
    write(&store, |tx| {
        tx.execute(&sql::INSERT, params!["cold", 500_i64])
    })
    .await
    .unwrap();
    let both_have_one = Arc::new(std::sync::Barrier::new(2));
    let runs = Arc::new(AtomicU32::new(0));
    let cross = |first: &'static str, second: &'static str| {
        let store = store.clone();
        let barrier = Arc::clone(&both_have_one);
        let runs = Arc::clone(&runs);
        let mut is_first_run = true;
        tokio::spawn(async move {
            write(&store, move |tx| {
                runs.fetch_add(1, Ordering::SeqCst);
                tx.execute(&sql::SPEND, params![first, 1_i64])?;
                if std::mem::take(&mut is_first_run) {
                    barrier.wait();
                }
                tx.execute(&sql::SPEND, params![second, 1_i64])
            })
            .await
        })
    };
    let (one, other) = (cross("hot", "cold"), cross("cold", "hot"));
    assert_eq!(one.await.unwrap().unwrap(), 1);
    assert_eq!(other.await.unwrap().unwrap(), 1);
    assert!(
        runs.load(Ordering::SeqCst) >= 3,
        "one of the two was run again"
    );
    assert_eq!(available(&store, "hot").await, Some(498));
    assert_eq!(available(&store, "cold").await, Some(498));
    store.close().await;
}

#[tokio::test]
async fn a_connection_cut_before_commit_is_replaced_and_the_function_run_again() {
    let Some(fixture) = prepared(Backend::Postgres).await else {
        return;
    };
    let store = fixture.store.clone();
    let mut is_first_run = true;
    let rows = write(&store, move |tx| {
        let rows = tx.execute(&sql::SPEND, params!["hot", 1_i64])?;
        if std::mem::take(&mut is_first_run) {
            tx.query(&sql::DISCONNECT, &[])?;
        }
        Ok(rows)
    })
    .await;
    assert_eq!(rows.unwrap(), 1);
    assert_eq!(available(&store, "hot").await, Some(499));

    let error = write(&store, |tx| tx.query(&sql::DISCONNECT, &[]).map(drop))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    store.close().await;
}

#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_and_not_run_again() {
    let Some(fixture) = prepared(Backend::Postgres).await else {
        return;
    };
    let store = fixture.store.clone();
    write(&store, |tx| {
        tx.execute(&sql::CREATE_DISCONNECT, &[])?;
        tx.execute(&sql::DISCONNECT_AT_COMMIT, &[])
    })
    .await
    .unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let error = write(&store, move |tx| {
        counted.fetch_add(1, Ordering::SeqCst);
        tx.execute(&sql::INSERT_PARENT, &[])
    })
    .await
    .unwrap_err();
    assert!(
        matches!(error, StoreError::CommitUnknown { .. }),
        "{error:?}"
    );
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    store.close().await;
}
