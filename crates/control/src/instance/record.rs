//! The records of instances: read, changed and written back in one transaction.

use std::sync::atomic::Ordering;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::instance::{Attention, instance_by_id, instance_owned, instance_update};

use crate::background::lease::lease_fence;
use crate::call::Call;
use crate::context::Context;
use crate::control::{Abort, Control, TxResult};

impl Control {
    /// Changes the record of one of the caller's instances: reads it, applies `apply`, writes it back in the same
    /// transaction with the audit trail and the call's nonce.
    pub(crate) async fn instance_write<F>(
        &self,
        call: Call,
        id: &InstanceId,
        mut apply: F,
    ) -> Result<()>
    where
        F: FnMut(&mut dyn Tx, &mut Instance) -> TxResult<Attention> + Send + 'static,
    {
        let (cx, wanted) = (Context::clone(&call), id.clone());
        self.audited_write(call, id.as_str(), move |tx| {
            let mut instance = instance_of_caller(tx, &cx, &wanted)?;
            let attention = apply(tx, &mut instance)?;
            instance_put(tx, &instance, attention)
        })
        .await
    }

    /// Changes the record of any instance, for the reconciler. `apply` says when to look again, or `None` to leave
    /// the record as it is. Answers the record after the change.
    pub(crate) async fn instance_record<F>(
        &self,
        label: &'static str,
        id: &InstanceId,
        mut apply: F,
    ) -> Result<Instance>
    where
        F: FnMut(&mut dyn Tx, &mut Instance) -> TxResult<Option<Attention>> + Send + 'static,
    {
        let wanted = id.clone();
        let generation = self.lease.load(Ordering::SeqCst);
        self.write(label, move |tx| {
            lease_fence(tx, generation)?;
            let missing = || Abort::from(Error::not_found(Kind::Instance, wanted.as_str()));
            let mut instance = instance_by_id(tx, &wanted)?.ok_or_else(missing)?;
            if let Some(attention) = apply(tx, &mut instance)? {
                instance_put(tx, &instance, attention)?;
                instance.revision = instance.revision.checked_add(1).unwrap_or_default();
            }
            Ok(instance)
        })
        .await
    }
}

/// One of the caller's instances, as a transaction finds it.
pub(crate) fn instance_of_caller(
    tx: &mut dyn Tx,
    cx: &Context,
    id: &InstanceId,
) -> TxResult<Instance> {
    let found = instance_owned(tx, cx.account(), id)?;
    let found = found.filter(|instance| is_there(cx, instance) && instance.phase != Phase::Gone);
    let instance = found.ok_or_else(|| Error::not_found(Kind::Instance, id.as_str()))?;
    cx.check(&instance)?;
    Ok(instance)
}

/// Whether an instance of the caller's account is one for this call.
pub(super) fn is_there(cx: &Context, instance: &Instance) -> bool {
    instance.profile == cx.profile && cx.covers(&instance.region)
}

pub(crate) fn instance_put(
    tx: &mut dyn Tx,
    instance: &Instance,
    attention: Attention,
) -> TxResult<()> {
    if instance_update(tx, instance, attention)? {
        Ok(())
    } else {
        // Another transaction changed the row after this one read it: only where the database allows it.
        Err(Error::internal(format!(
            "the record of {} changed while it was being changed",
            instance.id
        ))
        .into())
    }
}
