//! Forgets nonces and client tokens that bind nobody any more, and the oldest rows of the audit trail.

use brokerage_domain::{Error, Result};
use brokerage_store::audit::{Pruned, SEAL_ROWS_MAX, audit_prune};
use brokerage_store::idempotency::{self, idempotency_prune};
use brokerage_store::nonce::{self, nonce_prune};

use super::Next;
use crate::audit::AUDIT_DAYS;
use crate::control::Control;
use crate::order::TOKEN_SECONDS;
use crate::replay::NONCE_SECONDS;

impl Control {
    pub(super) async fn prune_nonces(&self) -> Result<Next> {
        let before_us = self.real_now().plus_seconds(-NONCE_SECONDS).micros();
        let forgotten = self
            .write("nonce_prune", move |tx| Ok(nonce_prune(tx, before_us)?))
            .await?;
        Ok(Next::after_slice(forgotten, nonce::PRUNE_ROWS_MAX as u64))
    }

    pub(super) async fn prune_audit(&self) -> Result<Next> {
        let before_us = self.real_now().plus_seconds(-AUDIT_DAYS * 24 * 3_600);
        let before_us = before_us.micros();
        let pruned = self
            .write("audit_prune", move |tx| Ok(audit_prune(tx, before_us)?))
            .await?;
        match pruned {
            Pruned::Rows(rows) => Ok(Next::after_slice(rows, SEAL_ROWS_MAX as u64)),
            Pruned::Broken { sequence } => Err(Error::internal(format!(
                "the audit's chain is broken at row {sequence}: nothing is pruned (`brokerage audit verify`)"
            ))),
        }
    }

    pub(super) async fn prune_tokens(&self) -> Result<Next> {
        let before_us = self.real_now().plus_seconds(-TOKEN_SECONDS).micros();
        let forgotten = self
            .write("idempotency_prune", move |tx| {
                Ok(idempotency_prune(tx, before_us)?)
            })
            .await?;
        Ok(Next::after_slice(
            forgotten,
            idempotency::PRUNE_ROWS_MAX as u64,
        ))
    }
}
