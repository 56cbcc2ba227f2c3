//! The reconciler: makes every instance what its record says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::{Instance, Phase, Want};
use brokerage_domain::order::LineState;
use brokerage_domain::steps::{ClusterSeen, Intent, Observed, Step, next_steps};
use brokerage_domain::{Error, Result};
use brokerage_engine::{ClusterSpec, EngineError};
use brokerage_store::instance::{
    Attention, instance_live_page, instance_next_retry, instance_unsettled,
};
use brokerage_store::scan::Cursor;
use futures_util::StreamExt;
use futures_util::stream;

use super::Next;
use super::deliver::{record_end, record_running, record_stopped};
use super::fail::log_unreadable;
use crate::control::Control;
use crate::failpoints::crash_point;

/// Steps of one activation. Two lead anywhere; more mean that the world moved meanwhile.
const STEPS_MAX: usize = 8;

impl Control {
    /// Every instance once: after a start, when nothing runs yet.
    pub(super) async fn reconcile_all(self: &Arc<Self>) -> Result<()> {
        let mut next = Some(Cursor::start());
        while let Some(after) = next {
            let page = self
                .read("reconcile_all", move |tx| {
                    Ok(instance_live_page(tx, &after)?)
                })
                .await?;
            next = page.next;
            let readable = page.rows.into_iter().filter_map(|row| match row {
                Ok(instance) => Some(instance),
                Err(unreadable) => {
                    log_unreadable(&unreadable);
                    None
                }
            });
            self.reconcile_each(readable.collect(), AtRest::Leave).await;
        }
        Ok(())
    }

    /// Works on what has its turn now, and says when the next has.
    pub(super) async fn reconcile(self: &Arc<Self>) -> Result<Next> {
        if self.looks_at_all.swap(false, Ordering::SeqCst)
            && let Err(error) = self.reconcile_all().await
        {
            self.looks_at_all.store(true, Ordering::SeqCst);
            return Err(error);
        }
        let now = self.real_now();
        let due = self
            .read("reconcile_look", move |tx| Ok(instance_unsettled(tx, now)?))
            .await?;
        if !due.is_empty() {
            let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
            for row in due {
                match row {
                    Ok(instance) => readable.push(instance),
                    Err(row) => unreadable.push(row),
                }
            }
            if !unreadable.is_empty() {
                self.postpone_unreadable(unreadable).await?;
            }
            self.reconcile_each(readable, AtRest::Settle).await;
            return Ok(Next::Now);
        }
        let next = self
            .read("reconcile_next", |tx| Ok(instance_next_retry(tx)?))
            .await?;
        Ok(next.map_or(Next::Period, |at| {
            let micros = at.micros() - self.real_now().micros();
            Next::After(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
        }))
    }

    /// No instance is worked on twice at once: a batch holds each once, and batches follow one another.
    async fn reconcile_each(self: &Arc<Self>, instances: Vec<Instance>, at_rest: AtRest) {
        stream::iter(instances)
            .for_each_concurrent(self.settings.reconcile_parallel, |instance| async move {
                let id = instance.id.clone();
                if let Err(error) = self.reconcile_one(instance, at_rest).await {
                    tracing::error!(instance = %id, error = &error as &dyn std::error::Error, "a step could not be recorded");
                    self.postpone(&id).await;
                }
            })
            .await;
    }

    async fn reconcile_one(&self, mut instance: Instance, at_rest: AtRest) -> Result<()> {
        crash_point("reconcile_begin");
        for _ in 0..STEPS_MAX {
            let spec = self.cluster_spec(&instance);
            let seen = self.engine.observe_cluster(&instance.id).await;
            let cluster = match seen {
                Ok(None) => ClusterSeen::Absent,
                Ok(Some(seen)) if !seen.running => ClusterSeen::Stopped,
                Ok(Some(seen)) => ClusterSeen::Running {
                    as_intended: seen.spec.as_ref() == Some(&spec),
                },
                Err(error) => return self.step_failed(&instance, error).await,
            };
            let steps = next_steps(
                Intent {
                    want: instance.want,
                },
                Observed {
                    cluster,
                    phase: instance.phase,
                },
            );
            let Some(step) = steps.first() else {
                return match at_rest {
                    AtRest::Settle => self.settle(&instance).await,
                    AtRest::Leave => Ok(()),
                };
            };
            let mut taken = self.take_step(*step, &instance, &spec).await;
            if self.settings.steps_taken_twice && taken.is_ok() {
                taken = self.take_step(*step, &instance, &spec).await;
            }
            match taken {
                Ok(Some(recorded)) => instance = recorded,
                Ok(None) => {}
                Err(StepError::Engine(error)) => return self.step_failed(&instance, error).await,
                Err(StepError::Record(error)) => return Err(error),
            }
        }
        Err(Error::internal(format!(
            "{STEPS_MAX} steps did not bring {} to rest",
            instance.id
        )))
    }

    /// Takes one step; steps that change the record answer it as it is now.
    async fn take_step(
        &self,
        step: Step,
        instance: &Instance,
        spec: &ClusterSpec,
    ) -> std::result::Result<Option<Instance>, StepError> {
        let id = &instance.id;
        match step {
            Step::EnsureCluster => {
                crash_point("reconcile_before_ensure");
                self.engine.ensure_cluster(spec).await?;
                crash_point("reconcile_after_ensure");
                Ok(None)
            }
            Step::StopCluster => Ok(self.engine.stop_cluster(id).await.map(|()| None)?),
            Step::DropCluster => {
                crash_point("reconcile_before_drop");
                self.engine.drop_cluster(id).await?;
                crash_point("reconcile_after_drop");
                Ok(None)
            }
            Step::RecordRunning => {
                let now = self.now();
                let ensured = resize_order_id(instance);
                let recorded = self
                    .instance_record("record_running", id, move |tx, i| {
                        // A resize that was ordered meanwhile is not what the cluster runs by.
                        if resize_order_id(i) != ensured {
                            return Ok(None);
                        }
                        record_running(tx, i, now)
                    })
                    .await?;
                crash_point("record_running_after_commit");
                Ok(Some(recorded))
            }
            Step::RecordStopped => {
                let recorded = self
                    .instance_record("record_stopped", id, |_, i| Ok(record_stopped(i)))
                    .await?;
                Ok(Some(recorded))
            }
            Step::RecordFailed => Ok(Some(
                self.record_end(id, Phase::Failed, LineState::Failed)
                    .await?,
            )),
            Step::RecordReleased => Ok(Some(
                self.record_end(id, Phase::Released, LineState::Cancelled)
                    .await?,
            )),
            Step::RecordGone => Ok(Some(
                self.record_end(id, Phase::Gone, LineState::Cancelled)
                    .await?,
            )),
        }
    }

    async fn record_end(&self, id: &InstanceId, phase: Phase, line: LineState) -> Result<Instance> {
        let now = self.now();
        let recorded = self
            .instance_record("record_end", id, move |tx, instance| {
                record_end(tx, instance, phase, line, now)
            })
            .await?;
        crash_point("record_end_after_commit");
        Ok(recorded)
    }

    /// Nothing is to be done: the record stops asking for attention, unless its owner changed his mind meanwhile.
    async fn settle(&self, instance: &Instance) -> Result<()> {
        let revision = instance.revision;
        self.instance_record("settle", &instance.id, move |_, current| {
            let unchanged = current.revision == revision;
            Ok(unchanged.then(|| {
                current.attempts = 0;
                current.failure = None;
                Attention::Settled
            }))
        })
        .await
        .map(|_| ())
    }

    /// Whether the cluster of an instance is what its record says: running by its plan, listeners and settings, or stopped.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine does not answer.
    pub async fn instance_is_as_recorded(&self, instance: &Instance) -> Result<bool> {
        let seen = self.instance_observe(&instance.id).await?;
        let spec = seen.filter(|seen| seen.running).and_then(|seen| seen.spec);
        Ok(match instance.want {
            Want::Running => spec.as_ref() == Some(&self.cluster_spec(instance)),
            Want::Stopped => spec.is_none() && instance.phase == Phase::Stopped,
            _ => spec.is_none(),
        })
    }

    fn cluster_spec(&self, instance: &Instance) -> ClusterSpec {
        let placement = instance.placement.as_ref();
        ClusterSpec {
            zones: placement.map_or_else(Vec::new, |placement| placement.zones.clone()),
            id: instance.id.clone(),
            kafka_version: instance.plan_intended().kafka_version.clone(),
            listeners: self.listeners_of(
                &instance.id,
                instance.plan_intended(),
                instance.slots_intended(),
            ),
            limits: instance.plan_intended().usable.clone(),
            settings: instance.settings.clone(),
        }
    }
}

/// What to do with an instance that has come to rest.
#[derive(Clone, Copy)]
enum AtRest {
    /// Its record asked for attention: it is marked as settled.
    Settle,
    /// It was looked at because the process started: its record is left alone.
    Leave,
}

enum StepError {
    Engine(EngineError),
    Record(Error),
}

impl From<EngineError> for StepError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Record(error)
    }
}

/// The order of the resize that is under way.
fn resize_order_id(instance: &Instance) -> Option<OrderId> {
    instance
        .resize
        .as_ref()
        .map(|resize| resize.order_id.clone())
}
