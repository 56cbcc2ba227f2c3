//! The reconciler: makes every instance what its record says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::{Instance, Phase, Want};
use brokerage_domain::ledger::{Transfer, TransferKind};
use brokerage_domain::listener::{Addressing, loopback_number};
use brokerage_domain::order::{
    Charge, LineState, Order, Payment, line_resolution_id, line_transfer_id,
};
use brokerage_domain::steps::{ClusterSeen, Intent, Observed, Step, next_steps};
use brokerage_domain::{Error, Result};
use brokerage_engine::{ClusterSpec, EngineError};
use brokerage_store::Tx;
use brokerage_store::broker_port::{
    broker_port_block, broker_port_free, broker_port_give_back, broker_port_take,
};
use brokerage_store::instance::{
    Attention, INSTANCE_PAGE, instance_next_retry, instance_page, instance_unsettled,
};
use brokerage_store::ledger::{transfer_by_id, transfer_end_hold, transfer_receive};
use brokerage_store::order::{order_by_id, order_line_move};
use brokerage_store::topic::topic_record_delete_all;
use futures_util::StreamExt;
use futures_util::stream;

use crate::control::{Abort, Control};
use crate::failpoints::crash_point;

/// The longest wait between two looks, when nothing wakes the reconciler.
const LOOK_PERIOD: Duration = Duration::from_secs(10);
/// The shortest wait after a look that failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// Attempts after which a first delivery is given up and its money given back.
pub(crate) const DELIVERY_ATTEMPTS_MAX: u32 = 8;
/// First and longest wait between attempts, in milliseconds; each is twice the one before.
const BACK_OFF_MS: (i64, i64) = (50, 30_000);
/// Steps of one activation. Two lead anywhere; more mean that the world moved meanwhile.
const STEPS_MAX: usize = 8;

impl Control {
    /// Every instance once: after a start, when nothing runs yet.
    pub(super) async fn reconcile_all(self: &Arc<Self>) -> Result<()> {
        let mut after = String::new();
        loop {
            let page = {
                let after = after.clone();
                self.read("reconcile_all", move |tx| Ok(instance_page(tx, &after)?))
                    .await?
            };
            let full = page.len() == INSTANCE_PAGE as usize;
            if let Some(last) = page.last() {
                after = last.id.as_str().to_owned();
            }
            let live = page
                .into_iter()
                .filter(|instance| instance.want != Want::Nothing && instance.phase != Phase::Gone);
            self.reconcile_each(live.collect(), AtRest::Leave).await;
            if !full {
                return Ok(());
            }
        }
    }

    pub(super) async fn reconcile_forever(self: Arc<Self>) {
        loop {
            let looked = match self.lease_held() {
                true => self.reconcile_unsettled().await,
                false => Ok(LOOK_PERIOD),
            };
            let wait = match looked {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the reconciler cannot look"
                    );
                    FAILURE_PAUSE
                }
            };
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Works on everything whose turn has come, and tells how long to wait for the next.
    async fn reconcile_unsettled(self: &Arc<Self>) -> Result<Duration> {
        loop {
            let now = self.real_now();
            let due = self
                .read("reconcile_look", move |tx| Ok(instance_unsettled(tx, now)?))
                .await?;
            if due.is_empty() || self.stopping.is_cancelled() {
                break;
            }
            self.reconcile_each(due, AtRest::Settle).await;
        }
        let next = self
            .read("reconcile_next", |tx| Ok(instance_next_retry(tx)?))
            .await?;
        let wait = next.map_or(LOOK_PERIOD, |at| {
            let micros = at.micros() - self.real_now().micros();
            Duration::from_micros(u64::try_from(micros).unwrap_or(0))
        });
        Ok(wait.min(LOOK_PERIOD))
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
            match self.take_step(*step, &instance, &spec).await {
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
                let ensured = change_order(instance);
                let recorded = self
                    .instance_record("record_running", id, move |tx, i| {
                        // A change that was ordered meanwhile is not what the cluster runs by.
                        if change_order(i) != ensured {
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

    /// Decides by the kind of failure: another port, giving up, or another attempt later. Damaged data is never given
    /// up, since what is given up is deleted: the attempts go on until the operator has looked.
    async fn step_failed(&self, instance: &Instance, error: EngineError) -> Result<()> {
        let reason = tell_failure(&instance.id, &error);
        let (now, real_now) = (self.now(), self.real_now());
        let revision = instance.revision;
        self.instance_record("step_failed", &instance.id, move |tx, current| {
            // What failed is not what is wanted any more; whoever changed it asked for another look.
            if current.revision != revision {
                return Ok(None);
            }
            current.attempts = current.attempts.saturating_add(1);
            current.failure = Some(reason.clone());
            if let EngineError::AddressTaken { address } = error
                && let Some(port) = port_to_replace(current, address)
            {
                if !replace_port(tx, current, port)? {
                    give_up(tx, current, now)?;
                }
                return Ok(Some(Attention::From(real_now)));
            }
            let hopeless = match error {
                EngineError::Refused { .. } => true,
                EngineError::Damaged(_) => false,
                _ => current.attempts >= DELIVERY_ATTEMPTS_MAX,
            };
            if hopeless && give_up(tx, current, now)? {
                return Ok(Some(Attention::From(real_now)));
            }
            Ok(Some(Attention::From(after_back_off(
                real_now,
                current.attempts,
            ))))
        })
        .await
        .map(|_| ())
    }

    async fn postpone(&self, id: &InstanceId) {
        let real_now = self.real_now();
        let postponed = self
            .instance_record("postpone", id, move |_, current| {
                current.attempts = current.attempts.saturating_add(1);
                Ok(Some(Attention::From(after_back_off(
                    real_now,
                    current.attempts,
                ))))
            })
            .await;
        if let Err(error) = postponed {
            tracing::error!(instance = %id, error = &error as &dyn std::error::Error, "nor could it be postponed");
            tokio::time::sleep(FAILURE_PAUSE).await;
        }
    }

    fn cluster_spec(&self, instance: &Instance) -> ClusterSpec {
        ClusterSpec {
            id: instance.id.clone(),
            kafka_version: instance.plan_intended().kafka_version.clone(),
            listeners: self.listeners_of(
                &instance.id,
                instance.plan_intended(),
                instance.ports_intended(),
            ),
            limits: instance.plan_intended().usable.clone(),
            settings: instance.settings.clone(),
        }
    }
}

/// What to do with an instance that has come to rest.
#[derive(Clone, Copy)]
enum AtRest {
    /// Its record asked for attention: it is told that nothing is to be done.
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

/// Logs why a step failed, and answers what its record says of it.
fn tell_failure(id: &InstanceId, error: &EngineError) -> String {
    let cause = error as &dyn std::error::Error;
    if let EngineError::Damaged(_) = error {
        tracing::error!(instance = %id, error = cause, "the operator has to look");
        // The owner is shown this; where the damage is stands in the log.
        return error.to_string();
    }
    tracing::warn!(instance = %id, error = cause, "a step failed");
    error_chain(error)
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn after_back_off(now: Moment, attempts: u32) -> Moment {
    let (first, longest) = BACK_OFF_MS;
    let wait_ms = first
        .saturating_mul(1 << attempts.saturating_sub(1).min(20))
        .min(longest);
    Moment::from_micros(now.micros() + wait_ms * 1_000)
}

/// The order of the change that is under way.
fn change_order(instance: &Instance) -> Option<OrderId> {
    instance
        .change
        .as_ref()
        .map(|change| change.order_id.clone())
}

/// The port behind an address, if no client has been told of it yet: of an instance that never ran, or of a change
/// under way.
fn port_to_replace(instance: &Instance, address: SocketAddr) -> Option<u16> {
    let port = match (instance.plan_intended().listeners.addressing, address.ip()) {
        (Addressing::Port, _) => address.port(),
        // One program that listens at a usual port everywhere takes it at all addresses: trying has an end.
        (Addressing::Loopback, IpAddr::V4(ip)) if instance.attempts < DELIVERY_ATTEMPTS_MAX => {
            loopback_number(ip)?
        }
        (Addressing::Loopback | Addressing::ServerName, _) => return None,
    };
    let is_undelivered = match &instance.change {
        Some(change) => change.ports.contains(&port) && !instance.ports.contains(&port),
        None => instance.running_since.is_none() && instance.ports.contains(&port),
    };
    is_undelivered.then_some(port)
}

/// Another program of the host has the port: the instance gets the next free one; `false` when there is none.
fn replace_port(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    port: u16,
) -> std::result::Result<bool, Abort> {
    broker_port_block(tx, &instance.id, port)?;
    let Some(&fresh) = broker_port_take(tx, &instance.id, 1)?.first() else {
        return Ok(false);
    };
    let ports = match &mut instance.change {
        Some(change) => &mut change.ports,
        None => &mut instance.ports,
    };
    for held in ports.iter_mut().filter(|held| **held == port) {
        *held = fresh;
    }
    Ok(true)
}

/// Gives up what cannot be delivered: of a change, the change; of a first delivery, the instance. `false` when
/// there is nothing to give up, because a delivered cluster only has to run again.
fn give_up(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    now: Moment,
) -> std::result::Result<bool, Abort> {
    if instance.want != Want::Running {
        return Ok(false);
    }
    if instance.change.is_some() {
        undo_change(tx, instance, LineState::Failed, now)?;
        instance.attempts = 0;
        return Ok(true);
    }
    if instance.running_since.is_none() {
        instance.want = Want::Undone;
        return Ok(true);
    }
    Ok(false)
}

fn order_read(tx: &mut dyn Tx, id: &OrderId) -> std::result::Result<Order, Abort> {
    let missing = || Error::internal(format!("the order {id} is missing"));
    Ok(order_by_id(tx, id)?.ok_or_else(missing)?)
}

/// Running: the line is delivered, its money taken, its term begun, in one transaction. So is the line of a change.
fn record_running(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    now: Moment,
) -> std::result::Result<Option<Attention>, Abort> {
    if instance.want != Want::Running {
        return Ok(None);
    }
    let order = order_read(tx, &instance.order_id)?;
    if deliver_line(tx, &order, instance.order_line, now)? {
        instance.running_since = Some(now);
        instance.expires_at = instance.charge.expires_at(now);
        instance.billed_until = match instance.charge {
            Charge::Postpaid => Some(now.plus_seconds(3_600)),
            Charge::Prepaid { .. } => None,
        };
    }
    if let Some(change) = instance.change.take() {
        let order = order_read(tx, &change.order_id)?;
        deliver_line(tx, &order, change.order_line, now)?;
        give_back_ports(tx, &instance.id, &instance.ports, &change.ports)?;
        instance.plan = change.plan;
        instance.ports = change.ports;
    }
    instance.phase = Phase::Running;
    instance.attempts = 0;
    instance.failure = None;
    crash_point("record_running_in_transaction");
    Ok(Some(Attention::Settled))
}

fn record_stopped(instance: &mut Instance) -> Option<Attention> {
    (instance.want == Want::Stopped).then(|| {
        instance.phase = Phase::Stopped;
        Attention::Settled
    })
}

/// The end of an instance: ports freed, and the money of lines that were never delivered given back.
fn record_end(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    phase: Phase,
    line_state: LineState,
    now: Moment,
) -> std::result::Result<Option<Attention>, Abort> {
    let order = order_read(tx, &instance.order_id)?;
    undo_line(tx, &order, instance.order_line, line_state, now)?;
    undo_change(tx, instance, line_state, now)?;
    broker_port_free(tx, &instance.id)?;
    topic_record_delete_all(tx, &instance.id)?;
    instance.ports.clear();
    instance.phase = phase;
    crash_point("record_end_in_transaction");
    Ok(Some(Attention::Settled))
}

/// Takes a change back that was not delivered: its money returns, its new ports are freed, the plan is as before.
fn undo_change(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    line_state: LineState,
    now: Moment,
) -> std::result::Result<(), Abort> {
    let Some(change) = instance.change.take() else {
        return Ok(());
    };
    let order = order_read(tx, &change.order_id)?;
    undo_line(tx, &order, change.order_line, line_state, now)?;
    give_back_ports(tx, &instance.id, &change.ports, &instance.ports)
}

/// Frees the ports of `held` that are not among `kept`.
fn give_back_ports(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    held: &[u16],
    kept: &[u16],
) -> std::result::Result<(), Abort> {
    for port in held.iter().filter(|port| !kept.contains(port)) {
        broker_port_give_back(tx, instance, *port)?;
    }
    Ok(())
}

/// A line is delivered: a hold of its money is posted. `false` when the line was ended before.
fn deliver_line(
    tx: &mut dyn Tx,
    order: &Order,
    line: u32,
    now: Moment,
) -> std::result::Result<bool, Abort> {
    if !order_line_move(tx, &order.id, line, LineState::Placed, LineState::Delivered)? {
        return Ok(false);
    }
    if order.payment == Payment::OnDelivery {
        end_hold(tx, order, line, TransferKind::PostPending, now)?;
    }
    Ok(true)
}

/// A line will not be delivered: its money goes back. Nothing happens when the line was ended before.
fn undo_line(
    tx: &mut dyn Tx,
    order: &Order,
    line: u32,
    state: LineState,
    now: Moment,
) -> std::result::Result<(), Abort> {
    if !order_line_move(tx, &order.id, line, LineState::Placed, state)? {
        return Ok(());
    }
    match order.payment {
        Payment::OnDelivery => end_hold(tx, order, line, TransferKind::VoidPending, now),
        Payment::AtOrder => refund(tx, order, line, now),
    }
}

fn taken(tx: &mut dyn Tx, order: &Order, line: u32) -> std::result::Result<Transfer, Abort> {
    let id = line_transfer_id(&order.id, line);
    let missing = || Error::internal(format!("the transfer {id} is missing"));
    Ok(transfer_by_id(tx, &id)?.ok_or_else(missing)?)
}

fn end_hold(
    tx: &mut dyn Tx,
    order: &Order,
    line: u32,
    kind: TransferKind,
    now: Moment,
) -> std::result::Result<(), Abort> {
    let hold = taken(tx, order, line)?;
    transfer_end_hold(tx, &hold, &line_resolution_id(&order.id, line), kind, now)?;
    Ok(())
}

/// Money that was taken at the order goes back by a new transfer; the old one stays.
fn refund(
    tx: &mut dyn Tx,
    order: &Order,
    line: u32,
    now: Moment,
) -> std::result::Result<(), Abort> {
    let paid = taken(tx, order, line)?;
    let back = Transfer {
        id: line_resolution_id(&order.id, line),
        kind: TransferKind::Posted,
        pending_id: None,
        debit: paid.credit,
        credit: paid.debit,
        currency: paid.currency,
        amount: paid.amount,
        at: now,
    };
    transfer_receive(tx, &back)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_wait_twice_as_long_each_time_up_to_a_bound() {
        let wait = |attempts| after_back_off(Moment::from_micros(0), attempts).micros() / 1_000;
        assert_eq!([1, 2, 3, 8].map(wait), [50, 100, 200, 6_400]);
        assert_eq!(wait(u32::MAX), 30_000);
    }
}
