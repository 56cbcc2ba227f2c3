//! Does what is due: each timer once, in order, in the transaction that takes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::timer::{
    TIMERS_DUE_MAX, Timer, timer_due, timer_next, timer_set_again, timer_take,
};

use super::lease::lease_fence;
use super::{CANCEL_UNSTARTED, FORGET_GONE, Next, RELEASE_DATA};
use crate::control::{Control, TxResult};

/// When a timer is tried again whose work failed for the first time, in seconds of business time. Each failure that follows
/// doubles the wait: a cause that is repaired at once is noticed at once.
const FAILED_AGAIN_FIRST_S: i64 = 5;
/// The longest such wait.
const FAILED_AGAIN_MAX_S: i64 = 3_600;

/// What a timer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fired {
    /// Nothing that another task has to hear of.
    Nothing,
    /// The reconciler has something to do.
    Reconcile,
}

impl Control {
    /// One slice of what is due.
    pub(super) async fn timers(self: &Arc<Self>) -> Result<Next> {
        let now = self.now();
        let due = self
            .read("timers_due", move |tx| Ok(timer_due(tx, now)?))
            .await?;
        let is_full = due.len() == TIMERS_DUE_MAX as usize;
        let fired = match self.timers_fire(due.clone()).await {
            // One of them cannot be done, which the others have to be kept from.
            Err(_) if due.len() > 1 => self.timers_fire_each(due).await?,
            Err(error) => self.timer_failed(due, &error).await?,
            Ok(fired) => fired,
        };
        if fired == Fired::Reconcile {
            self.reconcile_wake();
        }
        if is_full {
            return Ok(Next::Now);
        }
        let next = self.read("timer_next", |tx| Ok(timer_next(tx)?)).await?;
        // What was due and is still there cannot be read.
        let next = next.filter(|at| *at > now);
        Ok(next.map_or(Next::Period, |at| {
            // Business time may run otherwise than real time: the period bounds the error.
            let micros = at.micros().saturating_sub(self.now().micros());
            Next::After(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
        }))
    }

    /// Takes timers and does what they are about, in one transaction.
    async fn timers_fire(self: &Arc<Self>, due: Vec<Timer>) -> Result<Fired> {
        if due.is_empty() {
            return Ok(Fired::Nothing);
        }
        let generation = self.lease.load(Ordering::SeqCst);
        let control = self.clone();
        self.write("timers", move |tx| {
            lease_fence(tx, generation)?;
            let mut fired = Fired::Nothing;
            for timer in &due {
                if timer_take(tx, timer)? && control.fire(tx, timer)? == Fired::Reconcile {
                    fired = Fired::Reconcile;
                }
            }
            Ok(fired)
        })
        .await
    }

    /// Each timer in a transaction of its own, so that those that can be done are.
    async fn timers_fire_each(self: &Arc<Self>, due: Vec<Timer>) -> Result<Fired> {
        let mut fired = Fired::Nothing;
        for timer in due {
            let one = match self.timers_fire(vec![timer.clone()]).await {
                Err(error) => self.timer_failed(vec![timer], &error).await?,
                Ok(one) => one,
            };
            if one == Fired::Reconcile {
                fired = Fired::Reconcile;
            }
        }
        Ok(fired)
    }

    /// Says which timer failed, and sets it again.
    async fn timer_failed(self: &Arc<Self>, failed: Vec<Timer>, error: &Error) -> Result<Fired> {
        let generation = self.lease.load(Ordering::SeqCst);
        let control = self.clone();
        for timer in &failed {
            let (kind, subject) = (timer.kind.as_str(), timer.subject.as_str());
            let error = error as &dyn std::error::Error;
            tracing::error!(
                kind,
                subject,
                error,
                "a timer failed, and is tried again later"
            );
        }
        self.write("timer_failed", move |tx| {
            lease_fence(tx, generation)?;
            for timer in &failed {
                if timer_take(tx, timer)? {
                    control.fire_again(tx, timer)?;
                }
            }
            Ok(Fired::Nothing)
        })
        .await
    }

    fn fire(&self, tx: &mut dyn Tx, timer: &Timer) -> TxResult<Fired> {
        match timer.kind.as_str() {
            CANCEL_UNSTARTED => self.cancel_unstarted(tx, timer),
            FORGET_GONE => self.forget_gone(tx, timer),
            RELEASE_DATA => self.release_data(tx, timer),
            kind => {
                tracing::error!(kind, "a timer of another version of the program");
                self.fire_again(tx, timer)?;
                Ok(Fired::Nothing)
            }
        }
    }

    /// Sets a timer again that can do nothing now.
    pub(super) fn fire_again(&self, tx: &mut dyn Tx, timer: &Timer) -> TxResult<()> {
        let later = self.now().plus_seconds(again_after_s(timer.failures));
        Ok(timer_set_again(tx, timer, later)?)
    }
}

/// How long a timer waits that failed as often before, in seconds of business time.
fn again_after_s(failures: u32) -> i64 {
    let factor = 2_i64.saturating_pow(failures);
    FAILED_AGAIN_FIRST_S
        .saturating_mul(factor)
        .min(FAILED_AGAIN_MAX_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_fails_waits_longer_each_time() {
        let waits = (0..).map(again_after_s).take(12);
        let expected = [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600];
        assert!(waits.eq(expected));
        assert_eq!(again_after_s(u32::MAX), FAILED_AGAIN_MAX_S);
    }
}
