//! Limits on CPU-heavy work: what would block a runtime thread for too long runs on a blocking thread, a few
//! pieces at a time.
//!
//! There are [`at_once`] turns in a host, and a cluster may use a share of them: work waits for a turn of its
//! cluster first, so that one cluster cannot fill the queue of the host, however many requests its clients
//! send. Work that is cancelled while it waits never starts; work that has started keeps its turn until it
//! ends, so each piece must be short. Long work takes many turns.

use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;

/// Entries of a request that are processed before it yields.
const ENTRIES_AT_ONCE: u32 = 64;

/// Pieces of work that a host does at the same time: half of its cores serve other requests meanwhile.
fn at_once() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.div_ceil(2)
}

/// The turns of one cluster.
pub(crate) struct Turns {
    /// Made when first asked for: most clusters are idle.
    own: OnceLock<Arc<Semaphore>>,
    own_count: usize,
    host: Arc<Semaphore>,
}

/// The turns of a host.
pub(crate) struct HostTurns {
    count: usize,
    semaphore: Arc<Semaphore>,
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
        }
    }

    /// What one cluster may have of them: half.
    pub(crate) fn share(&self) -> Turns {
        Turns {
            own: OnceLock::new(),
            own_count: self.count.div_ceil(2),
            host: self.semaphore.clone(),
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

    /// Does a piece of work on a blocking thread when it is its turn. `None` if the process stops, or the
    /// work panicked. Not to be asked for within a turn.
    pub(crate) async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let own = self.own().clone().acquire_owned().await.ok()?;
        let host = self.host.clone().acquire_owned().await.ok()?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held until here, even if the result is no longer awaited.
            drop((host, own));
            done
        });
        working.await.ok()
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
        let host = HostTurns::new(2);
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
    async fn what_is_given_up_is_not_begun_and_what_has_begun_keeps_its_turn() {
        let host = HostTurns::new(1);
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
