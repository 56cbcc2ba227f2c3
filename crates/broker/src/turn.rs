//! Limits on CPU-heavy work: what would block a runtime thread for too long runs on threads of its own, a few
//! pieces at a time. There are as many of them as pieces, so that what such work leaves with a thread's allocators is
//! left a few times only.
//!
//! There are [`at_once`] turns in a host, and a cluster may use a share of them: work waits for a turn of its
//! cluster first, so that one cluster cannot fill the queue of the host, however many requests its clients
//! send. Work that is cancelled while it waits never starts; work that has started keeps its turn until it
//! ends, so each piece must be short. Long work takes many turns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

/// Entries of a request that are processed before it yields.
const ENTRIES_AT_ONCE: u32 = 64;

/// Pieces of work that a host does at the same time: half of its cores serve other requests meanwhile.
fn at_once() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.div_ceil(2)
}

type Piece = Box<dyn FnOnce() + Send>;

/// Threads that do one piece of work after the other, until nobody can send them more.
struct Workers {
    pieces: Sender<Piece>,
}

impl Workers {
    fn start(count: usize) -> Self {
        let (pieces, waiting) = channel::<Piece>();
        let waiting = Arc::new(Mutex::new(waiting));
        for at in 0..count {
            let waiting = waiting.clone();
            let named = std::thread::Builder::new().name(format!("turn-{at}"));
            // Without any thread no piece is done, which who waits for it is told.
            if let Err(error) = named.spawn(move || work(&waiting)) {
                tracing::error!(%error, "a thread for long work cannot be started");
            }
        }
        Self { pieces }
    }
}

fn work(waiting: &Mutex<Receiver<Piece>>) {
    loop {
        let next = waiting.lock().recv();
        let Ok(piece) = next else { return };
        // Who waits for the piece learns that it has no result.
        drop(catch_unwind(AssertUnwindSafe(piece)));
    }
}

/// The turns of one cluster.
pub(crate) struct Turns {
    /// Made when first asked for: most clusters are idle.
    own: OnceLock<Arc<Semaphore>>,
    own_count: usize,
    host: Arc<HostTurns>,
}

/// The turns of a host.
pub(crate) struct HostTurns {
    count: usize,
    semaphore: Arc<Semaphore>,
    /// Started when first needed.
    workers: OnceLock<Workers>,
}

impl Default for HostTurns {
    fn default() -> Self {
        Self::new(at_once())
    }
}

impl HostTurns {
    fn new(count: usize) -> Self {
        Self {
            count,
            semaphore: Arc::new(Semaphore::new(count)),
            workers: OnceLock::new(),
        }
    }

    /// What one cluster may have of them: half.
    pub(crate) fn share(self: &Arc<Self>) -> Turns {
        Turns {
            own: OnceLock::new(),
            own_count: self.count.div_ceil(2),
            host: self.clone(),
        }
    }
}

impl Turns {
    fn own(&self) -> &Arc<Semaphore> {
        let new = || Arc::new(Semaphore::new(self.own_count));
        self.own.get_or_init(new)
    }

    /// Whether a turn is free.
    #[cfg(test)]
    pub(crate) fn is_free(&self) -> bool {
        self.own().available_permits() > 0
    }

    /// Does a piece of work on another thread when it is its turn. `None` if the process stops, or the
    /// work panicked. Not to be asked for within a turn.
    pub(crate) async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let own = self.own().clone().acquire_owned().await.ok()?;
        let host = self.host.semaphore.clone().acquire_owned().await.ok()?;
        let (done, result) = oneshot::channel();
        let workers = || Workers::start(self.host.count);
        let workers = self.host.workers.get_or_init(workers);
        let piece = move || {
            let turn = (host, own);
            let result = work();
            // Held until here, even if the result is no longer awaited.
            drop(turn);
            drop(done.send(result));
        };
        workers.pieces.send(Box::new(piece)).ok()?;
        result.await.ok()
    }
}

/// Yields between the entries of a long request, which is also where it ends if its client disconnects.
pub(crate) struct Pace {
    left: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            left: ENTRIES_AT_ONCE,
        }
    }
}

impl Pace {
    /// To be called for each entry.
    pub(crate) async fn step(&mut self) {
        self.left -= 1;
        if self.left == 0 {
            self.left = ENTRIES_AT_ONCE;
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;

    /// A piece of work that has started and runs until it is released.
    fn hold(turns: &Arc<Turns>) -> (tokio::task::JoinHandle<Option<()>>, mpsc::Sender<()>) {
        let (end, ended) = mpsc::channel::<()>();
        let turns = turns.clone();
        let held = tokio::spawn(async move {
            let work = move || {
                let _ = ended.recv();
            };
            turns.take(work).await
        });
        (held, end)
    }

    async fn until(holds: impl Fn() -> bool) {
        while !holds() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_cluster_does_not_take_all_turns() {
        let host = Arc::new(HostTurns::new(2));
        let (greedy, other) = (Arc::new(host.share()), Arc::new(host.share()));
        let (held, ends): (Vec<_>, Vec<_>) = (0..10).map(|_| hold(&greedy)).unzip();
        until(|| greedy.own().available_permits() == 0).await;
        // Nine of the greedy cluster wait, and yet the other has its turn.
        assert_eq!(other.take(|| 7).await, Some(7));
        drop(ends);
        for held in held {
            assert_eq!(held.await.unwrap(), Some(()));
        }
        assert_eq!(host.semaphore.available_permits(), 2);
    }

    #[tokio::test]
    async fn work_that_panics_has_no_result_and_ends_no_thread() {
        let host = Arc::new(HostTurns::new(1));
        let turns = host.share();
        assert_eq!(turns.take(|| panic!("a piece of work")).await, None::<()>);
        assert_eq!(turns.take(|| 7).await, Some(7));
        assert_eq!(host.semaphore.available_permits(), 1);
    }

    #[tokio::test]
    async fn what_is_given_up_is_not_begun_and_what_has_begun_keeps_its_turn() {
        let host = Arc::new(HostTurns::new(1));
        let turns = Arc::new(host.share());
        let (held, end) = hold(&turns);
        until(|| host.semaphore.available_permits() == 0).await;
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = begun.clone();
        let waiting = turns.take(move || counter.fetch_add(1, Ordering::Relaxed));
        assert!(waiting.now_or_never().is_none());
        held.abort();
        assert!(held.await.unwrap_err().is_cancelled());
        assert_eq!(host.semaphore.available_permits(), 0, "the work goes on");
        drop(end);
        assert_eq!(turns.take(|| 1).await, Some(1));
        assert_eq!(begun.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn others_have_the_thread_between_entries() {
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = seen.clone();
        let other = tokio::spawn(async move {
            loop {
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let mut pace = Pace::default();
        for _ in 0..10 * ENTRIES_AT_ONCE {
            pace.step().await;
        }
        assert!(seen.load(Ordering::Relaxed) >= 9);
        other.abort();
    }
}
