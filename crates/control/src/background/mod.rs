//! Work that nobody waits for: [`TASKS`], and the one driver that runs them. One file a task.
//!
//! A task is run in **slices**. A slice has no input: it looks at what should be and what is, takes steps that may be
//! taken twice, and says when to look again. Wake-ups only shorten the wait; a periodic look repairs a lost one. Every
//! task may stop at any await, and one that stops although the process does not is missed: see
//! [`Control::background_missed`].

use std::sync::Arc;
use std::time::Duration;

use brokerage_domain::Result;
use futures_util::future::BoxFuture;

use crate::control::Control;

mod cancel_unstarted;
mod deliver;
pub(crate) mod driver;
mod fail;
mod forget_gone;
pub(crate) mod lease;
mod prune;
mod reconcile;
mod release_data;
mod seal_audit;
mod timers;

pub use driver::{LastSlice, TaskStatus};
pub use forget_gone::GONE_DAYS;
pub(crate) use forget_gone::is_gone;
pub(crate) use release_data::data_given_up;

/// Every background task.
pub static TASKS: &[Task] = &[
    Task {
        name: "lease",
        period: lease::RENEW_PERIOD,
        priority: Priority::Caller,
        needs_lease: false,
        run: |control| Box::pin(control.lease_keep()),
    },
    Task {
        name: RECONCILE,
        period: Duration::from_secs(10),
        priority: Priority::Caller,
        needs_lease: true,
        run: |control| Box::pin(control.reconcile()),
    },
    Task {
        name: "timers",
        period: Duration::from_secs(15),
        priority: Priority::Caller,
        needs_lease: true,
        run: |control| Box::pin(control.timers()),
    },
    Task {
        name: "prune_nonces",
        period: Duration::from_secs(15),
        priority: Priority::Housekeeping,
        needs_lease: true,
        run: |control| Box::pin(control.prune_nonces()),
    },
    Task {
        name: "prune_tokens",
        period: Duration::from_secs(15),
        priority: Priority::Housekeeping,
        needs_lease: true,
        run: |control| Box::pin(control.prune_tokens()),
    },
    Task {
        name: "prune_audit",
        period: Duration::from_secs(60),
        priority: Priority::Housekeeping,
        needs_lease: true,
        run: |control| Box::pin(control.prune_audit()),
    },
    Task {
        name: "stop_orphans",
        period: Duration::from_secs(60),
        priority: Priority::Housekeeping,
        needs_lease: false,
        run: |control| Box::pin(control.orphans_stop()),
    },
    Task {
        name: "close_idle_kafka",
        period: Duration::from_secs(10),
        priority: Priority::Housekeeping,
        needs_lease: false,
        run: |control| Box::pin(control.close_idle_kafka()),
    },
    Task {
        name: "seal_audit",
        period: Duration::from_secs(15),
        priority: Priority::Housekeeping,
        needs_lease: true,
        run: |control| Box::pin(control.seal_audit()),
    },
];

/// Kind of the timer that cancels an order which its owner never started; its subject is the instance.
pub(crate) const CANCEL_UNSTARTED: &str = "cancel_unstarted";
/// Kind of the timer that forgets an instance which has been gone for a while; its subject is the instance.
pub(crate) const FORGET_GONE: &str = "forget_gone";
/// Kind of the timer that lets kept data of a released instance go; its subject is the instance.
pub(crate) const RELEASE_DATA: &str = "release_data";
/// The task that makes every instance what its record says.
const RECONCILE: &str = "reconcile";

/// One kind of background work.
#[derive(Debug)]
pub struct Task {
    /// What logs, operators and `/metrics` call it.
    pub name: &'static str,
    /// The longest wait between two runs.
    pub period: Duration,
    /// Who goes first.
    pub priority: Priority,
    /// Whether only the process with the right to reconcile runs it.
    pub needs_lease: bool,
    /// One slice of it.
    pub(crate) run: fn(&Arc<Control>) -> BoxFuture<'_, Result<Next>>,
}

/// Who goes first. Slices of housekeeping wait, for a bounded time, until no slice of the other kind runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A caller waits for its effect: a cluster that was bought, a resize.
    Caller,
    /// Nobody waits for it.
    Housekeeping,
}

/// When a task's next slice is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// At once: there is more to do.
    Now,
    /// After the task's period.
    Period,
    /// After this time, and at the latest after the task's period.
    After(Duration),
}

impl Next {
    /// For work in slices of at most `max` rows: a full slice may not be the last.
    pub(crate) const fn after_slice(rows: u64, max: u64) -> Self {
        if rows < max { Self::Period } else { Self::Now }
    }
}

impl Control {
    /// Brings the engine to what the records say, then keeps it there: call once, before serving.
    ///
    /// Returns when every instance that should run does, or has failed its first attempt.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`] when the store cannot be read.
    pub async fn background_start(self: &Arc<Self>) -> Result<()> {
        let (first, last) = self.settings.broker_ports;
        self.write("slot_set_range", move |tx| {
            Ok(brokerage_store::slot::slot_set_range(tx, first, last)?)
        })
        .await?;
        self.instances_relist().await?;
        self.serials_take().await?;
        let is_first = self.lease_take().await?;
        // The right is kept while everything is looked at, which may take longer than it lasts.
        let (with_lease, without): (Vec<_>, Vec<_>) =
            TASKS.iter().partition(|task| task.needs_lease);
        self.tasks_start(without);
        if is_first {
            self.reconcile_all().await?;
        } else {
            tracing::warn!("another process reconciles; this one waits for its turn");
        }
        self.tasks_start(with_lease);
        Ok(())
    }

    fn tasks_start(self: &Arc<Self>, tasks: Vec<&'static Task>) {
        for task in tasks {
            let work = self.clone().task_drive(task);
            self.watch.spawn(&self.tasks, task.name, work);
        }
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
        self.task_wake(RECONCILE);
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
