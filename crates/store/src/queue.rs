//! The bounded queue between async callers and the threads that own database connections.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use tokio::sync::Semaphore;

/// Waiting jobs: callers wait for room without blocking a thread, workers wait for work without spinning.
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    ready: Condvar,
    room: Semaphore,
}

struct State<J> {
    waiting: VecDeque<J>,
    closed: bool,
}

/// The queue takes no more jobs.
#[derive(Debug)]
pub(crate) struct Closed;

impl<J> Queue<J> {
    /// A queue in which at most `capacity` jobs wait.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                closed: false,
            }),
            ready: Condvar::new(),
            room: Semaphore::new(capacity),
        }
    }

    /// Waits for room, then adds a job.
    pub(crate) async fn push(&self, job: J) -> Result<(), Closed> {
        self.room
            .acquire()
            .await
            .map_err(|_closed| Closed)?
            .forget();
        {
            let mut state = self.state.lock();
            if state.closed {
                return Err(Closed);
            }
            state.waiting.push_back(job);
        }
        self.ready.notify_one();
        Ok(())
    }

    /// Waits for a job. `None`: the queue is closed and everything in it was taken.
    pub(crate) fn take(&self) -> Option<J> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                self.room.add_permits(1);
                return Some(job);
            }
            if state.closed {
                return None;
            }
            self.ready.wait(&mut state);
        }
    }

    /// A job, if one waits.
    pub(crate) fn try_take(&self) -> Option<J> {
        let job = self.state.lock().waiting.pop_front()?;
        self.room.add_permits(1);
        Some(job)
    }

    /// No more jobs are added; those that wait are still taken.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.room.close();
        self.ready.notify_all();
    }

    /// Closes the queue and drops what waits, so that no caller waits for a thread that is gone.
    pub(crate) fn abandon(&self) {
        self.close();
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        drop(waiting);
    }
}

/// Abandons the queue when a worker thread ends, also by a panic.
pub(crate) struct AbandonOnExit<'q, J>(pub(crate) &'q Queue<J>);

impl<J> Drop for AbandonOnExit<'_, J> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
