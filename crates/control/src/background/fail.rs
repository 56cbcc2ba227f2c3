//! What a failed step means: another slot, another attempt later, or giving up.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use brokerage_domain::Result;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Want};
use brokerage_domain::listener::{Addressing, loopback_number};
use brokerage_domain::order::LineState;
use brokerage_engine::EngineError;
use brokerage_store::Tx;
use brokerage_store::instance::{Attention, Unreadable, instance_postpone};
use brokerage_store::slot::{slot_block, slot_take};
use tracing::Level;

use super::deliver::undo_resize;
use super::lease::lease_fence;
use crate::control::{Control, TxResult};

/// The shortest wait after a record that could not be written.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// Attempts after which a first delivery is given up and its money given back.
pub(crate) const DELIVERY_ATTEMPTS_MAX: u32 = 8;
/// First and longest wait between attempts, in milliseconds; each is twice the one before.
const BACK_OFF_MS: (i64, i64) = (50, 30_000);

impl Control {
    /// Decides by the kind of failure: another slot, giving up, or another attempt later. Damaged data is never given
    /// up, since what is given up is deleted: the attempts go on until the operator has looked.
    pub(super) async fn step_failed(&self, instance: &Instance, error: EngineError) -> Result<()> {
        let (now, real_now) = (self.now(), self.real_now());
        let revision = instance.revision;
        let (is_new, replaced) = match &error {
            EngineError::AddressTaken { address } => {
                let is_new = self.is_unopened(&instance.id, *address).await;
                (is_new, slot_to_replace(instance, *address, is_new))
            }
            _ => (false, None),
        };
        let level = failure_level(&error, replaced.is_some(), instance.attempts);
        let reason = tell_failure(&instance.id, &error, level);
        self.instance_record("step_failed", &instance.id, move |tx, current| {
            // What failed is not what is wanted any more; whoever changed it asked for another look.
            if current.revision != revision {
                return Ok(None);
            }
            current.attempts = current.attempts.saturating_add(1);
            current.failure = Some(reason.clone());
            if let EngineError::AddressTaken { address } = error
                && let Some(slot) = slot_to_replace(current, address, is_new)
            {
                if !replace_slot(tx, current, slot)? {
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

    /// Whether the cluster runs without this address: then it is one of a listener that its owner has just asked for.
    async fn is_unopened(&self, id: &InstanceId, address: SocketAddr) -> bool {
        let seen = self.engine.observe_cluster(id).await;
        let spec = seen.ok().flatten().and_then(|seen| seen.spec);
        spec.is_some_and(|spec| {
            let mut listeners = spec.listeners.iter();
            !listeners.any(|one| one.bind == Some(address.ip()) && one.port == address.port())
        })
    }

    /// Lets those wait whose rows cannot be read, so that they take nobody's turn.
    pub(super) async fn postpone_unreadable(&self, unreadable: Vec<Unreadable>) -> Result<()> {
        unreadable.iter().for_each(log_unreadable);
        let until = after_back_off(self.real_now(), u32::MAX);
        let generation = self.lease.load(Ordering::SeqCst);
        self.write("postpone_unreadable", move |tx| {
            lease_fence(tx, generation)?;
            for row in &unreadable {
                instance_postpone(tx, row, until)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn postpone(&self, id: &InstanceId) {
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
}

/// Nothing is done for an instance whose row cannot be read: its cluster stays as it is, which after a start is stopped.
pub(super) fn log_unreadable(unreadable: &Unreadable) {
    tracing::error!(
        instance = %unreadable.id,
        error = unreadable as &dyn std::error::Error,
        "nothing is done for this instance until the operator has looked"
    );
}

/// Logs why a step failed, and answers what its record says of it.
fn tell_failure(id: &InstanceId, error: &EngineError, level: Level) -> String {
    let cause = error as &dyn std::error::Error;
    match level {
        Level::ERROR => {
            tracing::error!(instance = %id, error = cause, "the operator has to look");
            // The owner is shown this; where the damage is stands in the log.
            return error.to_string();
        }
        Level::WARN => tracing::warn!(instance = %id, error = cause, "a step failed"),
        Level::INFO => {
            tracing::info!(instance = %id, error = cause, "the instance gets another address");
        }
        _ => tracing::debug!(instance = %id, error = cause, "the instance gets another address"),
    }
    error_chain(error)
}

/// How a failed step is logged. That other programs of the host have addresses is no failure where others are taken
/// instead, and is told once for a delivery.
fn failure_level(error: &EngineError, is_replaced: bool, attempts: u32) -> Level {
    match (error, is_replaced) {
        (EngineError::Damaged(_), _) => Level::ERROR,
        (_, true) if attempts == 0 => Level::INFO,
        (_, true) => Level::DEBUG,
        (_, false) => Level::WARN,
    }
}

pub(super) fn error_chain(error: &dyn std::error::Error) -> String {
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

/// The slot behind an address, if no client knows it yet: of an instance that never ran, of a resize under way, or of a
/// listener that is new.
fn slot_to_replace(instance: &Instance, address: SocketAddr, is_new: bool) -> Option<u16> {
    let slot = match (instance.plan_intended().listeners.addressing, address.ip()) {
        (Addressing::Port, _) => address.port(),
        // One program that listens at a usual port everywhere takes it at all addresses: trying has an end.
        (Addressing::Loopback, IpAddr::V4(ip)) if instance.attempts < DELIVERY_ATTEMPTS_MAX => {
            loopback_number(ip)?
        }
        (Addressing::Loopback | Addressing::ServerName, _) => return None,
    };
    let is_undelivered = match &instance.resize {
        Some(resize) => resize.slots.contains(&slot) && !instance.slots.contains(&slot),
        None => (instance.running_since.is_none() || is_new) && instance.slots.contains(&slot),
    };
    is_undelivered.then_some(slot)
}

/// Another program of the host has the address: the instance gets the next free slot; `false` when there is none.
fn replace_slot(tx: &mut dyn Tx, instance: &mut Instance, slot: u16) -> TxResult<bool> {
    slot_block(tx, &instance.id, slot)?;
    let Some(&fresh) = slot_take(tx, &instance.id, 1)?.first() else {
        return Ok(false);
    };
    let slots = match &mut instance.resize {
        Some(resize) => &mut resize.slots,
        None => &mut instance.slots,
    };
    for held in slots.iter_mut().filter(|held| **held == slot) {
        *held = fresh;
    }
    Ok(true)
}

/// Gives up what cannot be delivered: of a resize, the resize; of a first delivery, the instance. `false` when
/// there is nothing to give up, because a delivered cluster only has to run again.
fn give_up(tx: &mut dyn Tx, instance: &mut Instance, now: Moment) -> TxResult<bool> {
    if instance.want != Want::Running {
        return Ok(false);
    }
    if instance.resize.is_some() {
        undo_resize(tx, instance, LineState::Failed, now)?;
        instance.attempts = 0;
        return Ok(true);
    }
    if instance.running_since.is_none() {
        instance.want = Want::GivenUp;
        return Ok(true);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_taken_is_told_once_and_is_no_failure_where_another_is_used() {
        let taken = EngineError::AddressTaken {
            address: ([127, 0, 0, 1], 20_000).into(),
        };
        let refused = EngineError::Refused {
            reason: "no".to_owned(),
        };
        for (error, is_replaced, attempts, expected) in [
            (&taken, true, 0, Level::INFO),
            (&taken, true, 1, Level::DEBUG),
            (&taken, true, 25, Level::DEBUG),
            (&taken, false, 0, Level::WARN),
            (&taken, false, 25, Level::WARN),
            (&refused, false, 0, Level::WARN),
        ] {
            let level = failure_level(error, is_replaced, attempts);
            assert_eq!(level, expected, "{error} {is_replaced} {attempts}");
        }
    }

    #[test]
    fn attempts_wait_twice_as_long_each_time_up_to_a_bound() {
        let wait = |attempts| after_back_off(Moment::from_micros(0), attempts).micros() / 1_000;
        assert_eq!([1, 2, 3, 8].map(wait), [50, 100, 200, 6_400]);
        assert_eq!(wait(u32::MAX), 30_000);
    }
}
