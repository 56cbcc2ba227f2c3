//! Vital tasks of the host. No one awaits them, so if one panics or ends unexpectedly, the host reports it,
//! and the program can exit.

use std::sync::Arc;

use tokio::sync::watch;

/// Where such tasks report.
#[derive(Clone)]
pub(crate) struct Vital(Arc<watch::Sender<Option<&'static str>>>);

impl Default for Vital {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Vital {
    /// Reports a panic of the task that holds this.
    pub(crate) fn guard(&self, name: &'static str) -> Guard {
        let vital = self.clone();
        Guard { vital, name }
    }

    /// Runs `work`, which ends only by being dropped: everything else is reported.
    pub(crate) async fn endless<F: Future>(self, name: &'static str, work: F) {
        let _guard = self.guard(name);
        work.await;
        self.report(name);
    }

    /// Waits for the first report.
    pub(crate) async fn lost(&self) -> &'static str {
        let mut reports = self.0.subscribe();
        let first = reports.wait_for(Option::is_some).await;
        // The sender is here, so the wait does not fail.
        first.ok().and_then(|name| *name).unwrap_or_default()
    }

    fn report(&self, name: &'static str) {
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(name);
            is_first
        });
    }
}

/// Held by a task that is missed if it panics. A task holds it rather than being wrapped, which would keep its
/// future twice.
pub(crate) struct Guard {
    vital: Vital,
    name: &'static str,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.vital.report(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_missed() {
        let vital = Vital::default();
        let guard = vital.guard("guarded");
        let panicked = tokio::spawn(async move {
            let _guard = &guard;
            panic!("as the test wants")
        });
        assert!(panicked.await.is_err());
        assert_eq!(vital.lost().await, "guarded");

        let vital = Vital::default();
        drop(vital.guard("work"));
        let dropped = tokio::spawn(
            vital
                .clone()
                .endless("dropped", std::future::pending::<()>()),
        );
        dropped.abort();
        assert!(dropped.await.is_err());
        tokio::spawn(vital.clone().endless("ended", async {}))
            .await
            .unwrap();
        assert_eq!(
            vital.lost().await,
            "ended",
            "neither of the other two is missed"
        );
    }
}
