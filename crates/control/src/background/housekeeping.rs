//! Housekeeping: forgetting what has no use any more, cancelling what was never started, sealing the audit chain.

use std::sync::Arc;
use std::time::Duration;

use brokerage_domain::Result;
use brokerage_domain::instance::{Instance, Phase, Want};
use brokerage_store::audit::{SEAL_ROWS_MAX, audit_seal};
use brokerage_store::idempotency::{PRUNE_ROWS_MAX, idempotency_prune};
use brokerage_store::instance::{Attention, INSTANCE_PAGE, instance_page};
use brokerage_store::nonce::nonce_prune;

use crate::control::Control;
use crate::order::TOKEN_SECONDS;
use crate::replay::NONCE_SECONDS;

/// Time between two rounds.
const PERIOD: Duration = Duration::from_secs(15);

impl Control {
    pub(super) async fn housekeep_forever(self: Arc<Self>) {
        loop {
            if self.lease_held()
                && let Err(error) = self.housekeep().await
            {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "housekeeping failed; the next round tries again"
                );
            }
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    }

    /// One round, in slices, so that no user waits long behind it.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`] when the store fails.
    pub async fn housekeep(&self) -> Result<()> {
        let nonces_before = self.real_now().plus_seconds(-NONCE_SECONDS).micros();
        while self
            .write("nonce_prune", move |tx| Ok(nonce_prune(tx, nonces_before)?))
            .await?
            == PRUNE_ROWS_MAX as u64
        {}
        let tokens_before = self.real_now().plus_seconds(-TOKEN_SECONDS).micros();
        while self
            .write("idempotency_prune", move |tx| {
                Ok(idempotency_prune(tx, tokens_before)?)
            })
            .await?
            == PRUNE_ROWS_MAX as u64
        {}
        while self.write("audit_seal", |tx| Ok(audit_seal(tx)?)).await? == SEAL_ROWS_MAX as usize {}
        self.cancel_unstarted().await
    }

    /// Orders whose owner never started them are cancelled after the catalog's time, their money given back.
    async fn cancel_unstarted(&self) -> Result<()> {
        let mut after = String::new();
        loop {
            let page = {
                let after = after.clone();
                self.read("cancel_unstarted", move |tx| Ok(instance_page(tx, &after)?))
                    .await?
            };
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id.as_str().to_owned();
            let full = page.len() == INSTANCE_PAGE as usize;
            for instance in page {
                if self.is_overdue(&instance)? {
                    self.cancel(&instance).await?;
                }
            }
            if !full {
                return Ok(());
            }
        }
    }

    fn is_overdue(&self, instance: &Instance) -> Result<bool> {
        if instance.phase != Phase::AwaitingStart {
            return Ok(false);
        }
        let wait_s = self
            .catalog(&instance.profile)?
            .lifecycle()
            .unstarted_to_cancel_s;
        Ok(instance.created_at.plus_seconds(wait_s) <= self.now())
    }

    async fn cancel(&self, instance: &Instance) -> Result<()> {
        let real_now = self.real_now();
        self.instance_record("cancel_unstarted", &instance.id, move |_, current| {
            Ok((current.phase == Phase::AwaitingStart).then(|| {
                current.phase = Phase::Releasing;
                current.want = Want::Gone;
                Attention::From(real_now)
            }))
        })
        .await?;
        self.wake.notify_one();
        Ok(())
    }
}
