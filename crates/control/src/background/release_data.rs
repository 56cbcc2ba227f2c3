//! Lets the data of released instances go that was kept for a while.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Want};
use brokerage_store::Tx;
use brokerage_store::group::group_record_delete_all;
use brokerage_store::instance::{Attention, instance_by_id};
use brokerage_store::sasl_user::sasl_user_delete_all;
use brokerage_store::timer::Timer;
use brokerage_store::topic::topic_record_delete_all;

use super::timers::Fired;
use crate::control::{Control, TxResult};
use crate::instance::instance_put;

impl Control {
    /// The timer of data that is kept is due.
    pub(super) fn release_data(&self, tx: &mut dyn Tx, timer: &Timer) -> TxResult<Fired> {
        let kept = instance_by_id(tx, &InstanceId::new(timer.subject.as_str()))?;
        let Some(mut instance) = kept.filter(|kept| kept.want == Want::ReleasedKept) else {
            return Ok(Fired::Nothing);
        };
        data_given_up(tx, &mut instance)?;
        instance_put(tx, &instance, Attention::From(self.real_now()))?;
        Ok(Fired::Reconcile)
    }
}

/// Data that was kept is kept no longer: the reconciler takes it away.
pub(crate) fn data_given_up(tx: &mut dyn Tx, instance: &mut Instance) -> TxResult<()> {
    topic_record_delete_all(tx, &instance.id)?;
    sasl_user_delete_all(tx, &instance.id)?;
    group_record_delete_all(tx, &instance.id)?;
    instance.want = Want::Released;
    Ok(())
}
