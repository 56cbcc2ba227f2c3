//! The right to reconcile: one process at a time has it, and a process that was paused past it can write no step.
//!
//! The holder is the node that owns the data directory, so a restart takes the right back at once. Other processes
//! on the same store serve callers and wait.

use std::sync::atomic::Ordering;
use std::time::Duration;

use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::lease::{lease_acquire, lease_check, lease_release, lease_renew};

use super::Next;
use crate::control::{Control, TxResult};

/// Name of the lease.
const RECONCILER: &str = "reconciler";
/// How long the right lasts without being renewed, in microseconds of real time.
const LEASE_US: i64 = 15_000_000;
/// How often it is renewed, or asked for by those who wait.
pub(super) const RENEW_PERIOD: Duration = Duration::from_secs(5);
/// The generation of nobody.
pub(crate) const NO_LEASE: i64 = 0;

/// Name of the lease whose generation tells the processes of a store apart: each takes it once, and nobody holds it.
const SERIALS: &str = "serials";

impl Control {
    /// Takes this process's part of the serial numbers, so that two processes on one store make no id twice.
    pub(super) async fn serials_take(&self) -> Result<()> {
        let holder = self.node.clone();
        let taken = self
            .write("serials_take", move |tx| {
                // It is over as it is taken, whatever the clocks of others say.
                Ok(lease_acquire(tx, SERIALS, &holder, 0, 0)?)
            })
            .await?;
        let process = taken.and_then(|generation| u64::try_from(generation).ok());
        self.chance().serial_lane(process.unwrap_or_default());
        Ok(())
    }

    /// Whether this process has the right to reconcile, as far as it knows.
    pub(super) fn lease_held(&self) -> bool {
        self.lease.load(Ordering::SeqCst) != NO_LEASE
    }

    /// Takes the right, if nobody else has it.
    pub(super) async fn lease_take(&self) -> Result<bool> {
        let (holder, now_us) = (self.node.clone(), self.real_now().micros());
        let taken = self
            .write("lease_take", move |tx| {
                Ok(lease_acquire(tx, RECONCILER, &holder, now_us, LEASE_US)?)
            })
            .await?;
        self.lease
            .store(taken.unwrap_or(NO_LEASE), Ordering::SeqCst);
        Ok(taken.is_some())
    }

    /// Keeps the right, or waits for it and begins where its last holder ended.
    pub(super) async fn lease_keep(&self) -> Result<Next> {
        let generation = self.lease.load(Ordering::SeqCst);
        if generation != NO_LEASE {
            let now_us = self.real_now().micros();
            let kept = self
                .write("lease_renew", move |tx| {
                    Ok(lease_renew(tx, RECONCILER, generation, now_us, LEASE_US)?)
                })
                .await?;
            if kept {
                return Ok(Next::Period);
            }
            tracing::warn!("another process reconciles now");
            self.lease.store(NO_LEASE, Ordering::SeqCst);
        }
        if self.lease_take().await? {
            tracing::info!("this process reconciles now");
            self.looks_at_all.store(true, Ordering::SeqCst);
            self.reconcile_wake();
        }
        Ok(Next::Period)
    }

    /// Gives the right up, so that the next holder need not wait for its end.
    pub(super) async fn lease_give_up(&self) {
        let generation = self.lease.swap(NO_LEASE, Ordering::SeqCst);
        if generation == NO_LEASE {
            return;
        }
        let given = self
            .write("lease_release", move |tx| {
                Ok(lease_release(tx, RECONCILER, generation)?)
            })
            .await;
        if let Err(error) = given {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the right to reconcile runs out by itself"
            );
        }
    }
}

/// Refuses a step of a process that has lost the right: to be called in the step's own transaction.
pub(crate) fn lease_fence(tx: &mut dyn Tx, generation: i64) -> TxResult<()> {
    if lease_check(tx, RECONCILER, generation)? {
        Ok(())
    } else {
        Err(Error::internal("the right to reconcile was lost").into())
    }
}
