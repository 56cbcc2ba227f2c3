//! Work that nobody waits for: reconciling instances and housekeeping. One file a task.
//!
//! An activation has no input: it looks at what should be and what is, takes steps that may be taken twice, and
//! stops. Wake-ups only shorten the wait; a periodic look repairs a lost one. Every task may stop at any await, and one
//! that stops although the process does not is missed: see [`Control::background_missed`].

use std::sync::Arc;

use brokerage_domain::Result;

use crate::control::Control;

mod deliver;
mod fail;
mod housekeeping;
pub(crate) mod lease;
mod reconcile;

impl Control {
    /// Brings the engine to what the records say, then keeps it there: call once, before serving.
    ///
    /// Returns when every instance that should run does, or has failed its first attempt.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`] when the store cannot be read.
    pub async fn background_start(self: &Arc<Self>) -> Result<()> {
        let (first, last) = self.settings.broker_ports;
        self.write("broker_port_set_range", move |tx| {
            Ok(brokerage_store::broker_port::broker_port_set_range(
                tx, first, last,
            )?)
        })
        .await?;
        if self.lease_take().await? {
            self.reconcile_all().await?;
        } else {
            tracing::warn!("another process reconciles; this one waits for its turn");
        }
        let (watch, tasks) = (&self.watch, &self.tasks);
        watch.spawn(
            tasks,
            "the keeper of the lease",
            self.clone().lease_keep_forever(),
        );
        watch.spawn(tasks, "the reconciler", self.clone().reconcile_forever());
        watch.spawn(tasks, "housekeeping", self.clone().housekeep_forever());
        Ok(())
    }

    /// Waits until a background task or the store has ended although nobody stopped it, and says which: the process
    /// should end then, since what that task did is done by nobody.
    pub async fn background_missed(&self) -> String {
        tokio::select! {
            missed = self.watch.missed() => missed,
            () = self.store.lost() => "the store has panicked".to_owned(),
        }
    }

    /// Lets the reconciler look now instead of at the end of its wait.
    pub fn reconcile_wake(&self) {
        self.wake.notify_one();
    }

    /// Stops the background tasks and waits for the steps that they are in.
    pub async fn background_stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.lease_give_up().await;
    }

    /// Closes the store: nothing can be asked of the control plane after it.
    pub async fn close(&self) {
        self.store.clone().close().await;
    }
}
