//! Resizes: another plan for what was bought, by an order of its own, brought about by the reconciler.
//!
//! The instance keeps its plan until the cluster runs by the new one. A resize that fails, or that its instance does
//! not live to see, gives its money back.

use brokerage_domain::catalog::{Plan, Usage};
use brokerage_domain::id::OrderId;
use brokerage_domain::instance::{Instance, PendingResize, Phase, Want};
use brokerage_domain::order::{
    LineState, Order, OrderKind, OrderLine, OrderPlan, Payment, resize_amount,
};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;

use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::order::{order_write, slots_take, take_money};

/// Another plan for what was bought, translated by a dialect. The difference in price is reserved (or taken) with its order.
#[derive(Debug, Clone)]
pub struct Resize {
    /// The instance as the caller saw it when the plan was made from it.
    pub before: Instance,
    /// The id of the order that pays for it, in the dialect's form.
    pub order_id: OrderId,
    /// What the instance becomes.
    pub plan: Plan,
    /// When the money moves.
    pub payment: Payment,
}

impl Control {
    /// Checks that what a cluster uses fits a new plan of its instance. What it uses cannot be known before the engine
    /// has started it (again): until then nothing is made smaller.
    async fn plan_holds_usage(&self, before: &Instance, plan: &Plan) -> Result<()> {
        if plan.covers(&before.plan) || before.phase != Phase::Running {
            return Ok(());
        }
        let seen = self.instance_observe(&before.id).await?;
        let seen = seen.filter(|seen| seen.running);
        let seen = seen.ok_or_else(|| Error::WrongPhase {
            id: before.id.as_str().to_owned(),
            phase: Phase::Provisioning,
        })?;
        let resized = Instance {
            plan: plan.clone(),
            ..before.clone()
        };
        let usage = Usage {
            topics: self.topic_usage(&resized).await?,
            groups: u64::from(seen.groups) + self.groups_unused(before).await?,
            disk_bytes: seen.disk_used_bytes,
        };
        Ok(plan.holds(&usage)?)
    }

    /// The order of a resize: one line, costing the difference for what is left of the term.
    pub(super) async fn resize_order(&self, cx: &Context, resize: &Resize) -> Result<Order> {
        let Resize {
            before,
            order_id,
            plan,
            payment,
        } = resize;
        self.plan_holds_usage(before, plan).await?;
        let now = self.now();
        let left = before
            .charge
            .term_left(before.running_since, before.expires_at, now);
        if left.is_over() {
            let reason = "the term is over and has to be renewed first";
            return Err(Error::invalid("the change", reason));
        }
        let (old_currency, old) = self.price_of_term(&before.plan, &before.charge)?;
        let (currency, new) = self.price_of_term(plan, &before.charge)?;
        if (old_currency, &before.region) != (currency, &plan.region) {
            let reason = "region and site stay as they were bought";
            return Err(Error::invalid("the change", reason));
        }
        let amount = resize_amount(old, new, left).map_err(Error::internal)?;
        Ok(Order {
            id: order_id.clone(),
            account_id: cx.account().clone(),
            profile: cx.profile.to_owned(),
            region: plan.region.clone(),
            kind: OrderKind::Resize,
            charge: before.charge.clone(),
            payment: *payment,
            currency,
            total: amount,
            catalog_version: plan.catalog_version.clone(),
            catalog_hash: plan.catalog_hash.clone(),
            created_at: now,
            lines: vec![OrderLine {
                line: 0,
                instance_id: before.id.clone(),
                amount,
                state: LineState::Placed,
            }],
        })
    }
}

/// Writes the order with its money and its slots, and what the instance is to become.
pub(super) fn resize_begin(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    resize: &Resize,
    order: &Order,
) -> TxResult<()> {
    let Resize { before, plan, .. } = resize;
    if instance.phase != Phase::Running || instance.want != Want::Running {
        return Err(instance.wrong_phase().into());
    }
    if instance.id != before.id
        || instance.plan != before.plan
        || instance.expires_at != before.expires_at
    {
        return Err(Error::WrongPhase {
            id: instance.id.as_str().to_owned(),
            phase: Phase::Changing,
        }
        .into());
    }
    for line in &order.lines {
        take_money(tx, order, line)?;
        instance.resize = Some(PendingResize {
            order_id: order.id.clone(),
            order_line: line.line,
            slots: slots_take(tx, instance, plan)?,
            plan: plan.clone(),
        });
    }
    let bought = OrderPlan {
        plan: plan.clone(),
        before: Some(before.plan.clone()),
    };
    order_write(tx, order, &bought)?;
    instance.phase = Phase::Changing;
    instance.attempts = 0;
    instance.failure = None;
    Ok(())
}
