//! A disk that refuses one change: what was acknowledged before and after is there when power goes away.

use brokerage_broker::Durability;
use brokerage_broker::trace::TracedCluster;

use super::storage::{Crash, Event, Recorder, Storage};
use super::{Expectation, check_after, crash_point, scratch, workload};

/// KAFKA_STORAGE_ERROR: the answer to clients.
const STORAGE_ERROR: i16 = 56;
/// CONCURRENT_TRANSACTIONS: said while a transaction whose end was decided is completed again.
const CONCURRENT_TRANSACTIONS: i16 = 51;
/// In a short run every so many changes one is refused, each in a run of its own.
const SHORT_STEP: usize = 73;

/// Runs the workload on a disk that refuses one change. Returns whether it came to that.
async fn check(durability: Durability, refused: usize) -> bool {
    let dir = scratch();
    let recorder = Recorder::new(dir.path());
    let running = TracedCluster::open(dir.path(), Some(recorder.clone()), durability);
    recorder.refuse_after(refused);
    let mut workload = workload::Workload::new(running, recorder.clone());
    if let Err(workload::Refused(code)) = workload.run().await {
        let is_told = [STORAGE_ERROR, CONCURRENT_TRANSACTIONS].contains(&code);
        assert!(is_told, "change {refused}: {code}");
        workload.go_on().await;
    }
    workload.running.abandon().await;
    let has_refused = recorder.has_refused();
    let mut storage = Storage::new();
    let mut expectation = Expectation::default();
    for event in recorder.take() {
        match event {
            Event::Expect(next) => expectation = (*next).clone(),
            change => storage.apply(&change),
        }
    }
    let crash = match durability {
        Durability::Power => Crash::Nothing,
        Durability::Process => Crash::Kill,
    };
    let what = format!("{durability:?}, change {refused} refused");
    check_after(&storage.after(crash), &expectation, durability, &what).await;
    has_refused
}

async fn check_all(durability: Durability, first: usize) {
    if let Some(only) = crash_point() {
        if only % 2 == first % 2 {
            check(durability, only).await;
        }
        return;
    }
    let step = match std::env::var_os("CRASH_SEEDS") {
        None => SHORT_STEP,
        Some(_) => 2,
    };
    let mut refused = first;
    while check(durability, refused).await {
        refused += step;
    }
    assert!(refused > 500, "only {refused} changes were made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_is_not_acknowledged_with_power() {
    check_all(Durability::Power, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_is_not_acknowledged_with_power_either() {
    check_all(Durability::Power, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_is_not_acknowledged_when_the_process_is_killed() {
    check_all(Durability::Process, 1).await;
}

/// A partition whose flush failed is out of service until it is opened anew; others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_partition_that_cannot_be_flushed_is_out_of_service() {
    let dir = scratch();
    let recorder = Recorder::new(dir.path());
    let running = TracedCluster::open(dir.path(), Some(recorder.clone()), Durability::Power);
    let mut workload = workload::Workload::new(running, recorder.clone());
    workload.create("t", 2, &[]).await.unwrap();
    workload.write("t", 0, None, None, 1).await.unwrap();
    // The write is made, the flush is not.
    recorder.refuse_after(1);
    let storage_error = Err(workload::Refused(STORAGE_ERROR));
    assert_eq!(workload.write("t", 0, None, None, 1).await, storage_error);
    assert!(recorder.has_refused());
    assert_eq!(workload.write("t", 0, None, None, 1).await, storage_error);
    assert!(!workload.running.is_in_service("t", 0));
    assert_eq!(workload.write("t", 1, None, None, 1).await, Ok(()));
    workload.running.abandon().await;
    let running = TracedCluster::open(dir.path(), None, Durability::Power);
    let mut workload = workload::Workload::new(running, recorder);
    assert_eq!(workload.write("t", 0, None, None, 1).await, Ok(()));
}

/// A full disk refuses; the partition goes on when there is room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_batch_that_cannot_be_written_is_refused_alone() {
    let dir = scratch();
    let recorder = Recorder::new(dir.path());
    let running = TracedCluster::open(dir.path(), Some(recorder.clone()), Durability::Power);
    let mut workload = workload::Workload::new(running, recorder.clone());
    workload.create("t", 1, &[]).await.unwrap();
    workload.write("t", 0, None, None, 1).await.unwrap();
    recorder.refuse_after(0);
    let refused = workload.write("t", 0, None, None, 1).await;
    assert_eq!(refused, Err(workload::Refused(STORAGE_ERROR)));
    workload.write("t", 0, None, None, 1).await.unwrap();
    let (start, seen) = workload.running.read("t", 0, false);
    assert_eq!((start, seen.len()), (0, 2), "{seen:?}");
    assert_eq!(seen[1].offset, 1);
}
