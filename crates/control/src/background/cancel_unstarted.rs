//! Cancels orders whose owner never started them: their money goes back.

use brokerage_domain::Result;
use brokerage_domain::catalog::Plan;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Phase, Want};
use brokerage_store::Tx;
use brokerage_store::instance::{Attention, instance_by_id};
use brokerage_store::timer::{Timer, timer_set};

use super::CANCEL_UNSTARTED;
use super::timers::Fired;
use crate::control::{Control, TxResult};
use crate::instance::instance_put;

impl Control {
    /// Until when what is ordered at `ordered_at` may be started: the time that its catalog gives.
    pub(crate) fn unstarted_until(&self, plan: &Plan, ordered_at: Moment) -> Result<Moment> {
        let wait_s = self.catalog_of(plan)?.lifecycle().unstarted_to_cancel_s;
        Ok(ordered_at.plus_seconds(wait_s))
    }

    /// The timer of an order that nobody has started is due.
    pub(super) fn cancel_unstarted(&self, tx: &mut dyn Tx, timer: &Timer) -> TxResult<Fired> {
        let id = timer.subject.as_str();
        let Some(mut instance) = instance_by_id(tx, &InstanceId::new(id))? else {
            return Ok(Fired::Nothing);
        };
        if instance.phase != Phase::AwaitingStart {
            return Ok(Fired::Nothing);
        }
        let until = match self.unstarted_until(&instance.plan, instance.created_at) {
            Ok(until) => until,
            Err(error) => {
                tracing::error!(
                    instance = id,
                    error = &error as &dyn std::error::Error,
                    "an order that nobody started"
                );
                self.fire_again(tx, timer)?;
                return Ok(Fired::Nothing);
            }
        };
        if until > self.now() {
            timer_set(tx, CANCEL_UNSTARTED, id, until)?;
            return Ok(Fired::Nothing);
        }
        instance.phase = Phase::Releasing;
        instance.want = Want::Gone;
        instance_put(tx, &instance, Attention::From(self.real_now()))?;
        Ok(Fired::Reconcile)
    }
}
