//! Background tasks: each runs, what became of it can be read, and one that fails is tried again.

use brokerage_control::background::{TASKS, TaskStatus};
use brokerage_store::timer::{timer_next, timer_set};
use brokerage_store::{Store, StoreError};
use brokerage_testkit::{Plane, PlaneOptions};

/// Looks before a test gives up on a task.
const LOOKS_MAX: usize = 1_000_000;

/// Waits until `expected` holds of the status of the task `name`.
async fn wait_for(plane: &Plane, name: &str, expected: fn(&TaskStatus) -> bool) -> TaskStatus {
    for _ in 0..LOOKS_MAX {
        let tasks = plane.control.task_list();
        let found = tasks.into_iter().find(|(task, _)| task.name == name);
        let (_, status) = found.expect("a task of this name");
        if expected(&status) {
            return status;
        }
        tokio::task::yield_now().await;
    }
    panic!("{name} does not come to it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_runs_and_tells_how_it_went() {
    let plane = Plane::sandbox().await;
    for task in TASKS {
        let status = wait_for(&plane, task.name, |status| status.slices > 0).await;
        let last = status.last.expect("it has run");
        assert_eq!((status.failures, last.failure), (0, None), "{}", task.name);
        assert_eq!(last.began_at, plane.control.real_now());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_fails_says_why_and_is_tried_again() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let options = PlaneOptions {
        store: Some(store.clone()),
        ..PlaneOptions::default()
    };
    let plane = Plane::start(options).await;
    wait_for(&plane, "seal_audit", |status| status.slices > 0).await;
    store.close().await;
    let mut before = 0;
    for _ in 0..2 {
        plane.control.task_wake("seal_audit");
        let failed = match before {
            0 => wait_for(&plane, "seal_audit", |status| status.failures > 0).await,
            _ => wait_for(&plane, "seal_audit", |status| status.failures > 1).await,
        };
        assert!(failed.failures > before);
        before = failed.failures;
        let why = failed.last.and_then(|last| last.failure);
        assert!(why.is_some_and(|why| why.contains("the store is closed")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_process_that_reconciles_keeps_house() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let plane = async |node: &str| {
        let options = PlaneOptions {
            store: Some(store.clone()),
            node: node.to_owned(),
            ..PlaneOptions::default()
        };
        Plane::start(options).await
    };
    let first = plane("first").await;
    wait_for(&first, "seal_audit", |status| status.slices > 0).await;
    let second = plane("second").await;
    for task in TASKS.iter().filter(|task| !task.needs_lease) {
        wait_for(&second, task.name, |status| status.slices > 0).await;
    }
    for (task, status) in second.control.task_list() {
        assert_eq!(status.slices > 0, !task.needs_lease, "{}", task.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_can_do_nothing_is_looked_at_again_soon_and_then_less_often() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let options = PlaneOptions {
        store: Some(store.clone()),
        ..PlaneOptions::default()
    };
    let plane = Plane::start(options).await;
    let begin = plane.control.now();
    let set = async |at| {
        let set = store.write("set", move |tx| -> Result<_, StoreError> {
            timer_set(tx, "of_another_version", "i", at)
        });
        set.await.unwrap();
    };
    let next = async |expected| {
        for _ in 0..LOOKS_MAX {
            let next = store.read("next", |tx| -> Result<_, StoreError> { timer_next(tx) });
            if next.await.unwrap() == Some(expected) {
                return;
            }
        }
        panic!("the timer does not become due at {expected:?}");
    };
    set(begin).await;
    let mut now = begin;
    for wait_s in [5, 10, 20] {
        plane.clock.set(now);
        plane.control.task_wake("timers");
        now = now.plus_seconds(wait_s);
        next(now).await;
    }
    // What sets it anew forgets its failures.
    set(now).await;
    plane.clock.set(now);
    plane.control.task_wake("timers");
    next(now.plus_seconds(5)).await;
}
