//! Nothing that was acknowledged is lost, whenever the process is killed or power goes away.
//!
//! A workload runs once on a disk that writes down every change. Then, for every change, the disk is set back
//! to what a crash at that moment may leave, a cluster is opened on it, and what was acknowledged before is
//! looked for; producers repeat what they sent, and power goes away once more.
//!
//! A short run looks at some of the points; `CRASH_SEEDS=n` looks at all of them, with `n` random losses of
//! power at each. `cargo xtask kill` does so.

mod expectation;
mod membership;
mod refusal;
mod storage;
mod workload;

use brokerage_broker::Durability;
use brokerage_broker::trace::TracedCluster;
use brokerage_kafka_admin::{read_answer, request_frame};
use bytes::Buf;
use kafka_protocol::protocol::Request;

use expectation::Expectation;
use storage::{Crash, Event, Recorder, Storage};

/// Of every request: each has a connection of its own.
const CORRELATION_ID: i32 = 1;
/// Bytes of the length before each frame.
const LENGTH_BYTES: usize = 4;

/// Requests on a cluster without sockets.
trait Call {
    /// One request on a connection of its own.
    async fn call<R: Request>(&self, request: R, version: i16) -> R::Response;
}

impl Call for TracedCluster {
    async fn call<R: Request>(&self, request: R, version: i16) -> R::Response {
        let mut frame = request_frame(&request, version, CORRELATION_ID, "test").unwrap();
        frame.advance(LENGTH_BYTES);
        let mut answer = self.answer_frame(frame).await.unwrap();
        answer.advance(LENGTH_BYTES);
        read_answer::<R>(answer, version, CORRELATION_ID).unwrap()
    }
}

/// In a short run one of so many points is looked at.
const SHORT_STEP: usize = 7;

/// The only point to look at, if one is named.
fn crash_point() -> Option<usize> {
    let named = std::env::var("CRASH_POINT").ok()?;
    Some(named.parse().unwrap())
}

/// Temporary directories in memory, where there is such a place: thousands are written.
fn scratch() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

async fn recorded(durability: Durability) -> Vec<Event> {
    let dir = scratch();
    let recorder = Recorder::new(dir.path());
    let running = TracedCluster::open(dir.path(), Some(recorder.clone()), durability);
    let mut workload = workload::Workload::new(running, recorder.clone());
    workload.run().await.unwrap();
    let (start, _) = workload.running.read("old", 0, false);
    assert!(start > 0, "retention has taken nothing away");
    workload.running.close().await;
    recorder.take()
}

/// Opens what a crash left, looks for what was promised, lets producers repeat themselves, and takes power
/// away (in `power`) or kills the process once more.
async fn check_after(
    storage: &Storage,
    expectation: &Expectation,
    durability: Durability,
    what: &str,
) {
    let dir = scratch();
    storage.write_to(dir.path());
    let recorder = Recorder::new(dir.path());
    let running = TracedCluster::open(dir.path(), Some(recorder.clone()), durability);
    running.settle().await;
    let mut expectation = expectation.clone();
    expectation.check(&running, what);
    expectation.repeat(&running, what).await;
    expectation.check(&running, &format!("{what}, repeated"));
    running.abandon().await;
    let mut storage = storage.clone();
    recorder
        .take()
        .iter()
        .for_each(|event| storage.apply(event));
    let again = match durability {
        Durability::Power => storage.after(Crash::Nothing),
        Durability::Process => storage.after(Crash::Kill),
    };
    let dir = scratch();
    again.write_to(dir.path());
    let running = TracedCluster::open(dir.path(), None, durability);
    running.settle().await;
    expectation.check(&running, &format!("{what}, repeated, then again"));
    running.abandon().await;
}

/// Every crash point `at` with `at % parts == part`, so that the test threads share the work.
async fn check_every_point(
    durability: Durability,
    crashes: fn(u64) -> Vec<Crash>,
    parts: usize,
    part: usize,
) {
    let events = recorded(durability).await;
    let mut storage = Storage::new();
    let mut expectation = std::sync::Arc::new(Expectation::default());
    let only = crash_point();
    let is_short = only.is_none() && std::env::var_os("CRASH_SEEDS").is_none();
    let step = if is_short { SHORT_STEP } else { 1 };
    let mut points = 0;
    for (at, event) in events.iter().enumerate() {
        let is_passed_over = is_short && expectation.is_repetitive;
        let is_looked_at = (at / parts).is_multiple_of(step)
            && at % parts == part
            && only.is_none_or(|only| only == at);
        if is_looked_at && !matches!(event, Event::Expect(_)) && !is_passed_over {
            points += 1;
            for crash in crashes(at as u64) {
                let what = format!(
                    "{durability:?}, {crash:?} before change {at} {}",
                    brief(event)
                );
                check_after(&storage.after(crash), &expectation, durability, &what).await;
            }
        }
        match event {
            Event::Expect(next) => expectation = next.clone(),
            change => storage.apply(change),
        }
    }
    println!(
        "{durability:?}: {points} crash points of {} changes",
        events.len()
    );
    assert!(
        points > 20 || only.is_some(),
        "the workload did only {points} things"
    );
}

fn brief(event: &Event) -> String {
    match event {
        Event::Write(path, position, bytes) => {
            format!(
                "Write {} bytes at {position} of {}",
                bytes.len(),
                path.display()
            )
        }
        other => format!("{other:?}"),
    }
}

fn losses(at: u64) -> Vec<Crash> {
    let seeds: u64 = std::env::var("CRASH_SEEDS").map_or(1, |seeds| seeds.parse().unwrap());
    let fixed = [
        Crash::Kill,
        Crash::Nothing,
        Crash::NamesOnly,
        Crash::ContentOnly,
    ];
    let chances = (0..seeds).map(|seed| Crash::Chance(at + (seed << 32)));
    // Each point sees two of the fixed ones in a short run.
    let fixed = fixed
        .into_iter()
        .enumerate()
        .filter(|(turn, _)| seeds > 1 || (*turn as u64 + at).is_multiple_of(2));
    fixed.map(|(_, crash)| crash).chain(chances).collect()
}

macro_rules! crash_points {
    ($($name:ident: $part:expr,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
        async fn $name() {
            check_every_point(Durability::Power, losses, 4, $part).await;
        }
    )*};
}

crash_points! {
    nothing_acknowledged_is_lost_with_power_first_quarter: 0,
    nothing_acknowledged_is_lost_with_power_second_quarter: 1,
    nothing_acknowledged_is_lost_with_power_third_quarter: 2,
    nothing_acknowledged_is_lost_with_power_last_quarter: 3,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    check_every_point(Durability::Process, |_| vec![Crash::Kill], 1, 0).await;
}
