//! Tasks that run as long as the process. One that panics, or ends although nobody stopped it, ends the process: what it
//! should do would be missing, and nobody waits for its end.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where such tasks are missed.
#[derive(Debug, Clone)]
pub struct Watch {
    missed: Arc<watch::Sender<Option<String>>>,
    stop: CancellationToken,
}

impl Watch {
    /// Tasks are missed that end before `stop`.
    pub fn new(stop: CancellationToken) -> Self {
        let missed = Arc::new(watch::Sender::new(None));
        Self { missed, stop }
    }

    /// Starts a task that runs until `stop`.
    pub fn spawn(
        &self,
        tasks: &TaskTracker,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let watch = self.clone();
        let working = tokio::spawn(tasks.track_future(work));
        tasks.spawn(async move {
            let how = match working.await {
                Err(error) if error.is_panic() => "has panicked",
                Ok(()) if !watch.stop.is_cancelled() => "has ended",
                _ => return,
            };
            watch.missed.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert_with(|| format!("{name} {how}"));
                is_first
            });
        });
    }

    /// Waits until a task is missed, and says which.
    pub async fn missed(&self) -> String {
        let mut missed = self.missed.subscribe();
        let first = missed.wait_for(Option::is_some).await;
        // The sender is here, so the wait does not fail.
        first.ok().and_then(|text| text.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(work: impl Future<Output = ()> + Send + 'static, stop: bool, expected: &str) {
        let watch = Watch::new(CancellationToken::new());
        if stop {
            watch.stop.cancel();
        }
        let tasks = TaskTracker::new();
        watch.spawn(&tasks, "the task", work);
        tasks.close();
        tasks.wait().await;
        let missed = watch.missed.borrow().clone().unwrap_or_default();
        assert_eq!(missed, expected);
        if !expected.is_empty() {
            assert_eq!(watch.missed().await, expected);
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_too_soon_is_missed() {
        check(
            async { panic!("as the test wants") },
            false,
            "the task has panicked",
        )
        .await;
        check(async {}, false, "the task has ended").await;
        check(async {}, true, "").await;
    }
}
