//! Tasks without which the host is not whole. One that panics, or ends although it should not, is not missed by
//! anybody who waits for it: the host says so, and who runs it can end.

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
    /// Runs `work`, a panic of which is reported.
    pub(crate) async fn guarded<F: Future>(self, name: &'static str, work: F) -> F::Output {
        let _guard = Guard { vital: &self, name };
        work.await
    }

    /// Runs `work`, which ends only by being dropped: everything else is reported.
    pub(crate) async fn endless<F: Future>(self, name: &'static str, work: F) {
        self.clone().guarded(name, work).await;
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

struct Guard<'a> {
    vital: &'a Vital,
    name: &'static str,
}

impl Drop for Guard<'_> {
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
        let panics = async { panic!("as the test wants") };
        let panicked = tokio::spawn(vital.clone().guarded("guarded", panics));
        assert!(panicked.await.is_err());
        assert_eq!(vital.lost().await, "guarded");

        let vital = Vital::default();
        tokio::spawn(vital.clone().guarded("work", async {}))
            .await
            .unwrap();
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
