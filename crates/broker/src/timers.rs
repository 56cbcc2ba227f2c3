//! One timer for everything that has to happen later: a single task waits for the earliest of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

type Action = Box<dyn FnOnce() + Send>;

struct Alarm {
    at: Instant,
    /// Alarms for the same moment ring in the order they were set.
    sequence: u64,
    action: Action,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Alarm {}
impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Alarm {
    /// Earliest first in a heap that gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

#[derive(Default)]
struct Alarms {
    heap: BinaryHeap<Alarm>,
    next_sequence: u64,
}

/// Actions to be done later. Their number is bounded by the groups and transactions that set them.
#[derive(Default)]
pub(crate) struct Timers {
    alarms: Mutex<Alarms>,
    earlier: Notify,
}

impl Timers {
    /// Runs `action` at `at` on the timer's task; it must not block.
    pub(crate) fn at(&self, at: Instant, action: impl FnOnce() + Send + 'static) {
        let mut alarms = self.alarms.lock();
        let sequence = alarms.next_sequence;
        alarms.next_sequence += 1;
        let is_earliest = alarms.heap.peek().is_none_or(|first| at < first.at);
        alarms.heap.push(Alarm {
            at,
            sequence,
            action: Box::new(action),
        });
        drop(alarms);
        if is_earliest {
            self.earlier.notify_one();
        }
    }

    fn due(&self, now: Instant) -> (Vec<Action>, Option<Instant>) {
        let mut alarms = self.alarms.lock();
        let mut actions = Vec::new();
        while alarms.heap.peek().is_some_and(|first| first.at <= now) {
            actions.extend(alarms.heap.pop().map(|alarm| alarm.action));
        }
        (actions, alarms.heap.peek().map(|first| first.at))
    }

    /// Waits and acts until the task is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let (actions, next) = self.due(Instant::now());
            actions.into_iter().for_each(|action| action());
            match next {
                Some(next) => tokio::select! {
                    () = tokio::time::sleep_until(next) => {}
                    () = self.earlier.notified() => {}
                },
                None => self.earlier.notified().await,
            }
        }
    }
}
