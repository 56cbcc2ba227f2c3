//! The driver of background tasks: their periods and wake-ups, who goes first, and what became of each run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brokerage_domain::Error;
use brokerage_domain::clock::Moment;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{Next, Priority, TASKS, Task};
use crate::control::Control;

/// The wait after a failed slice; it doubles with each failure in a row, up to the task's period.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// The longest time that the slices of one run of housekeeping wait together for tasks that callers wait for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest text of a failure that is kept, in bytes.
const FAILURE_BYTES_MAX: usize = 1_024;

/// What is kept of a task since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskStatus {
    /// Slices that ended, well or badly.
    pub slices: u64,
    /// Slices that failed.
    pub failures: u64,
    /// The last slice; `None` before the first has ended.
    pub last: Option<LastSlice>,
}

/// How a task's last slice went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSlice {
    /// When it began, in real time.
    pub began_at: Moment,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Why it failed; `None` when it did not.
    pub failure: Option<String>,
}

/// What the driver keeps of one task.
#[derive(Debug, Default)]
struct Kept {
    wake: Notify,
    status: Mutex<TaskStatus>,
}

/// What the driver keeps.
#[derive(Debug)]
pub(crate) struct Background {
    /// As [`TASKS`].
    kept: Vec<Kept>,
    turns: Turns,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            kept: TASKS.iter().map(|_| Kept::default()).collect(),
            turns: Turns::default(),
        }
    }
}

impl Background {
    fn of(&self, name: &str) -> Option<&Kept> {
        let at = TASKS.iter().position(|task| task.name == name)?;
        self.kept.get(at)
    }
}

/// Who goes first.
#[derive(Debug)]
struct Turns {
    /// Slices under way that callers wait for.
    of_callers: watch::Sender<usize>,
    /// One slice of housekeeping at a time.
    housekeeping: tokio::sync::Mutex<()>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            of_callers: watch::Sender::new(0),
            housekeeping: tokio::sync::Mutex::new(()),
        }
    }
}

/// The right to run one slice.
enum Turn<'a> {
    Caller(&'a Turns),
    Housekeeping {
        _one: tokio::sync::MutexGuard<'a, ()>,
    },
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Self::Caller(turns) = self {
            turns.of_callers.send_modify(|count| *count -= 1);
        }
    }
}

impl Turns {
    /// Waits for a turn: a caller's at once, housekeeping's when no caller's slice runs, or after `patience`.
    async fn take(&self, priority: Priority, patience: Duration) -> Turn<'_> {
        match priority {
            Priority::Caller => {
                self.of_callers.send_modify(|count| *count += 1);
                Turn::Caller(self)
            }
            Priority::Housekeeping => {
                let one = self.housekeeping.lock().await;
                let mut of_callers = self.of_callers.subscribe();
                let idle = of_callers.wait_for(|count| *count == 0);
                // Out of patience it goes on: what housekeeping leaves undone would grow.
                drop(tokio::time::timeout(patience, idle).await);
                Turn::Housekeeping { _one: one }
            }
        }
    }
}

impl Control {
    /// Every background task of this process and what became of it, in the order of [`TASKS`].
    pub fn task_list(&self) -> Vec<(&'static Task, TaskStatus)> {
        let kept = self.background.kept.iter();
        let statuses = kept.map(|kept| kept.status.lock().clone());
        TASKS.iter().zip(statuses).collect()
    }

    /// Lets a task run now instead of at the end of its wait. A name that no task has wakes none.
    pub fn task_wake(&self, name: &str) {
        if let Some(kept) = self.background.of(name) {
            kept.wake.notify_one();
        }
    }

    /// Runs a task as long as the process runs.
    pub(super) async fn task_drive(self: Arc<Self>, task: &'static Task) {
        let Some(kept) = self.background.of(task.name) else {
            return;
        };
        let mut failures_in_a_row = 0;
        loop {
            let wait = match task.needs_lease && !self.lease_held() {
                true => task.period,
                false => match self.task_run(task, kept).await {
                    Ok(wait) => {
                        failures_in_a_row = 0;
                        wait
                    }
                    Err(error) => {
                        failures_in_a_row += 1;
                        tracing::error!(
                            task = task.name,
                            error = &error as &dyn std::error::Error,
                            "a background task failed; it is tried again"
                        );
                        pause_after(failures_in_a_row).min(task.period)
                    }
                },
            };
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = kept.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Slices of a task until it has nothing more to do, and how long to wait then.
    async fn task_run(
        self: &Arc<Self>,
        task: &'static Task,
        kept: &Kept,
    ) -> Result<Duration, Error> {
        let begun = Instant::now();
        loop {
            let patience = PATIENCE.saturating_sub(begun.elapsed());
            let turn = self.background.turns.take(task.priority, patience).await;
            let next = self.task_slice(task, kept).await;
            drop(turn);
            match next? {
                Next::Now if self.stopping.is_cancelled() => return Ok(task.period),
                Next::Now => {}
                Next::Period => return Ok(task.period),
                Next::After(wait) => return Ok(wait.min(task.period)),
            }
        }
    }

    async fn task_slice(self: &Arc<Self>, task: &Task, kept: &Kept) -> Result<Next, Error> {
        let (began_at, begun) = (self.real_now(), Instant::now());
        let ended = (task.run)(self).await;
        let last = LastSlice {
            began_at,
            took_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            failure: ended.as_ref().err().map(failure_text),
        };
        let mut status = kept.status.lock();
        status.slices += 1;
        status.failures += u64::from(ended.is_err());
        status.last = Some(last);
        ended
    }
}

fn pause_after(failures_in_a_row: u32) -> Duration {
    FAILURE_PAUSE.saturating_mul(1 << failures_in_a_row.saturating_sub(1).min(20))
}

/// An error with its causes, cut to [`FAILURE_BYTES_MAX`].
fn failure_text(error: &Error) -> String {
    let mut text = super::fail::error_chain(error);
    text.truncate(text.floor_char_boundary(FAILURE_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// Whether housekeeping has its turn while `of_callers` slices run that callers wait for.
    async fn check(of_callers: usize, patience: Duration, expected: bool) {
        let turns = Turns::default();
        let mut held = Vec::new();
        for _ in 0..of_callers {
            held.push(turns.take(Priority::Caller, Duration::ZERO).await);
        }
        let mut housekeeping = Box::pin(turns.take(Priority::Housekeeping, patience));
        let taken = (&mut housekeeping).now_or_never();
        assert_eq!(taken.is_some(), expected, "{of_callers} {patience:?}");
        if taken.is_some() {
            return;
        }
        held.pop();
        let waits_still = !held.is_empty();
        assert_eq!((&mut housekeeping).now_or_never().is_none(), waits_still);
    }

    #[tokio::test]
    async fn housekeeping_waits_for_what_callers_wait_for() {
        let long = Duration::from_secs(3_600);
        check(0, long, true).await;
        check(1, long, false).await;
        check(2, long, false).await;
    }

    #[tokio::test]
    async fn housekeeping_has_its_turn_when_it_is_out_of_patience() {
        let turns = Turns::default();
        let _caller = turns.take(Priority::Caller, Duration::ZERO).await;
        let patience = Duration::from_millis(1);
        let turn = turns.take(Priority::Housekeeping, patience).await;
        assert!(matches!(turn, Turn::Housekeeping { .. }));
    }

    #[tokio::test]
    async fn housekeeping_takes_one_turn_at_a_time() {
        let turns = Turns::default();
        let first = turns.take(Priority::Housekeeping, Duration::ZERO).await;
        let mut second = Box::pin(turns.take(Priority::Housekeeping, Duration::ZERO));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        assert!((&mut second).now_or_never().is_some());
    }

    #[test]
    fn pauses_double_with_each_failure() {
        let pauses = [1, 2, 3, 4].map(|failures| pause_after(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8]);
    }

    #[test]
    fn names_and_periods_are_a_tasks_own() {
        let mut names: Vec<_> = TASKS.iter().map(|task| task.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TASKS.len());
        assert!(TASKS.iter().all(|task| !task.period.is_zero()));
    }
}
