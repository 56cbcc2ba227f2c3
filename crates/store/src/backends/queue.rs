//! The bounded queue between async callers and the threads that own database connections.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::Semaphore;

/// Waiting jobs: callers wait for room without blocking a thread, workers wait for work without spinning.
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    ready: Condvar,
    room: Semaphore,
    /// Without permits; closed when a worker ends although the queue is open.
    worker: Semaphore,
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
            worker: Semaphore::new(0),
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

    /// A job, if one waits or arrives before `deadline`.
    pub(crate) fn take_until(&self, deadline: Instant) -> Option<J> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                self.room.add_permits(1);
                return Some(job);
            }
            if state.closed || self.ready.wait_until(&mut state, deadline).timed_out() {
                // One may have come together with the time-out; it is taken in its turn.
                return None;
            }
        }
    }

    /// No more jobs are added; those that wait are still taken.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.room.close();
        self.ready.notify_all();
    }

    /// Waits until a worker ends although the queue was not closed: nothing is taken any more.
    pub(crate) async fn worker_lost(&self) {
        // There is no permit to get: the wait ends when the semaphore is closed.
        drop(self.worker.acquire().await);
    }

    /// Closes the queue and drops what waits, so that no caller waits for a thread that is gone.
    pub(crate) fn abandon(&self) {
        if !self.state.lock().closed {
            self.worker.close();
        }
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

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_full_queue_makes_callers_wait_until_there_is_room() {
        let queue = Queue::new(2);
        assert!(matches!(poll(pin!(queue.push(1))), Poll::Ready(Ok(()))));
        assert!(matches!(poll(pin!(queue.push(2))), Poll::Ready(Ok(()))));
        let mut third = pin!(queue.push(3));
        assert!(poll(third.as_mut()).is_pending());
        assert_eq!(queue.try_take(), Some(1));
        assert!(matches!(poll(third), Poll::Ready(Ok(()))));
        assert_eq!(
            (queue.take(), queue.take(), queue.try_take()),
            (Some(2), Some(3), None)
        );
    }

    #[test]
    fn a_closed_queue_gives_what_waits_and_takes_no_more() {
        let queue = Queue::new(1);
        assert!(matches!(poll(pin!(queue.push(1))), Poll::Ready(Ok(()))));
        let mut waiting = pin!(queue.push(2));
        assert!(poll(waiting.as_mut()).is_pending());
        queue.close();
        assert!(matches!(poll(waiting), Poll::Ready(Err(Closed))));
        assert!(matches!(
            poll(pin!(queue.push(3))),
            Poll::Ready(Err(Closed))
        ));
        assert_eq!((queue.take(), queue.take()), (Some(1), None));
    }

    #[test]
    fn a_worker_that_ends_by_itself_is_missed() {
        for told_to in [true, false] {
            let queue = Queue::<u8>::new(1);
            let mut lost = pin!(queue.worker_lost());
            assert!(poll(lost.as_mut()).is_pending());
            if told_to {
                queue.close();
            }
            drop(AbandonOnExit(&queue));
            assert_eq!(poll(lost).is_pending(), told_to);
        }
    }

    #[test]
    fn a_taker_with_a_deadline_gets_what_comes_before_it() {
        let queue = Arc::new(Queue::new(1));
        assert_eq!(queue.take_until(Instant::now()), None);
        let taker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.take_until(Instant::now() + Duration::from_secs(60)))
        };
        assert!(matches!(poll(pin!(queue.push(1))), Poll::Ready(Ok(()))));
        assert_eq!(taker.join().unwrap(), Some(1));
    }
}
