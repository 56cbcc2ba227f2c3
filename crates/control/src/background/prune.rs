//! Forgets nonces and client tokens that bind nobody any more.

use brokerage_domain::Result;
use brokerage_store::idempotency::{self, idempotency_prune};
use brokerage_store::nonce::{self, nonce_prune};

use super::Next;
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
