//! A call's right to change something, which is spent once.
//!
//! Whatever looks borrows the [`Context`] of a call; whatever changes something takes the [`Call`] itself. So one call
//! is one transaction: its nonce is remembered, its row of the audit trail written and its change made together, and
//! no dialect can make half of what it was asked for. The compiler says so:
//!
//! ```compile_fail,E0382
//! # use brokerage_control::{Call, Control, instance::Edit};
//! # use brokerage_domain::id::InstanceId;
//! async fn twice(control: &Control, call: Call, id: &InstanceId) {
//!     let named = Edit { name: Some("orders".into()), ..Edit::default() };
//!     let tagged = Edit { tags: [("team".into(), "billing".into())].into(), ..Edit::default() };
//!     control.instance_edit(call, id, named).await.ok();
//!     control.instance_edit(call, id, tagged).await.ok(); // the call was spent
//! }
//! ```
//!
//! ```
//! # use brokerage_control::{Call, Control, instance::Edit};
//! # use brokerage_domain::id::InstanceId;
//! async fn once(control: &Control, call: Call, id: &InstanceId) {
//!     let seen = control.instance_view(&call, id).await;
//!     let edit = Edit { name: Some("orders".into()), ..Edit::default() };
//!     control.instance_edit(call, id, edit).await.ok();
//! }
//! ```

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use brokerage_domain::catalog::Quote;
use brokerage_domain::id::{LOWER_ALPHANUMERIC, base36};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::audit::{AuditEntry, audit_append};
use brokerage_store::nonce::nonce_insert;

use crate::context::Context;
use crate::control::{Control, TxResult};

/// One call with its right to change something. It cannot be copied.
#[derive(Debug)]
pub struct Call {
    cx: Context,
    /// The nonce of a signed call that changes something.
    nonce: Option<String>,
    /// Where the price goes of a call that only asks for it.
    inquiry: Option<Inquiry>,
}

/// What an order would cost that is asked for and not placed.
pub type Inquiry = Arc<OnceLock<Quote>>;

impl Call {
    /// A call, with the nonce that is remembered in the transaction of its change.
    pub fn new(cx: Context, nonce: Option<String>) -> Self {
        Self {
            cx,
            nonce,
            inquiry: None,
        }
    }

    /// A call that changes nothing, whatever it asks for: an order leaves its price in `inquiry` and is refused.
    pub fn inquiring(cx: Context, inquiry: Inquiry) -> Self {
        Self {
            cx,
            nonce: None,
            inquiry: Some(inquiry),
        }
    }

    /// Leaves the price of an order with whoever only asks for it.
    pub(crate) fn tell_price(&self, quote: &Quote) {
        if let Some(inquiry) = &self.inquiry {
            // The first order of a call is what it asks for.
            drop(inquiry.set(quote.clone()));
        }
    }

    /// The same call about another region; empty for all of them.
    #[must_use]
    pub fn about_region(self, region: impl Into<String>) -> Self {
        Self {
            cx: self.cx.in_region(region),
            nonce: self.nonce,
            inquiry: self.inquiry,
        }
    }

    /// What it is remembered by: its key and its nonce.
    fn replay_key(&self) -> Option<(String, String)> {
        let key = self.cx.principal.key_id.as_ref()?;
        Some((key.as_str().to_owned(), self.nonce.clone()?))
    }
}

impl Deref for Call {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.cx
    }
}

impl Control {
    /// Makes the change that a call asks for: its nonce is remembered and the audit trail written in the same
    /// transaction, about `resource`. When the change is refused, the nonce is remembered all the same, so that the
    /// call cannot be sent again when it might succeed.
    pub(crate) async fn audited_write<T, F>(
        &self,
        call: Call,
        resource: &str,
        mut function: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> TxResult<T> + Send + 'static,
    {
        if call.inquiry.is_some() {
            return Err(Error::Unsupported {
                what: "a change by a call that only asks for a price".to_owned(),
            });
        }
        // An operator is who looks after it.
        if call.principal.key_id.is_some() {
            self.books_trusted(call.account())?;
        }
        let nonce = call.replay_key();
        let seen_at_us = self.real_now().micros();
        let audit = self.audit_entry(&call, resource);
        let first = nonce.clone();
        let outcome = self
            .write(call.operation, move |tx| {
                if let Some((key, nonce)) = &first
                    && !nonce_insert(tx, key, nonce, seen_at_us)?
                {
                    return Err(Error::Replayed.into());
                }
                audit_append(tx, &audit)?;
                function(tx)
            })
            .await;
        match (&outcome, nonce) {
            (Err(Error::Replayed), _) | (_, None) => {}
            (Ok(_), Some((key, nonce))) => self.replays.forget(call.account(), &key, &nonce),
            (Err(_), Some((key, nonce))) => {
                // The refusal is what the caller hears; a nonce that could not be kept is only worth a line.
                let kept = self
                    .write("nonce", move |tx| {
                        Ok(nonce_insert(tx, &key, &nonce, seen_at_us)?)
                    })
                    .await;
                if let Err(error) = kept {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the nonce of a refused call is not kept"
                    );
                }
            }
        }
        outcome
    }

    /// A new row's id. Rows of one time stand together, so that a busy second writes few pages.
    pub(crate) fn audit_id(&self) -> String {
        let serial = base36(self.serial(), 11);
        format!("{serial}{}", self.chance.text(LOWER_ALPHANUMERIC, 8))
    }

    fn audit_entry(&self, cx: &Context, resource: &str) -> AuditEntry {
        let at_us = self.real_now().micros();
        AuditEntry {
            id: self.audit_id(),
            at_us,
            account_id: cx.account().as_str().to_owned(),
            access_key_id: cx
                .principal
                .key_id
                .as_ref()
                .map(|id| id.as_str().to_owned())
                .unwrap_or_default(),
            request_id: cx.request_id.clone(),
            action: cx.operation.to_owned(),
            resource: resource.to_owned(),
            decision: "allow".to_owned(),
            decided_by: match cx.principal.key_id {
                Some(_) => "policy",
                None => "operator",
            }
            .to_owned(),
        }
    }
}
