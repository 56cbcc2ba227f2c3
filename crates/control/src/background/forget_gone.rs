//! Forgets instances that have been gone for a while: who bought and deleted every day would fill the store with their rows.
//! Orders, their lines and the money stay.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_store::Tx;
use brokerage_store::instance::instance_forget;
use brokerage_store::timer::{Timer, timer_set};

use super::FORGET_GONE;
use super::timers::Fired;
use crate::control::{Control, TxResult};

/// Days for which an instance that is gone is kept, with what its owner called it and how it was configured: what clouds show
/// of an old order.
pub const GONE_DAYS: i64 = 30;

/// An instance is gone: it is forgotten later.
pub(crate) fn is_gone(tx: &mut dyn Tx, id: &InstanceId, now: Moment) -> TxResult<()> {
    let due = now.plus_seconds(GONE_DAYS * 24 * 3_600);
    Ok(timer_set(tx, FORGET_GONE, id.as_str(), due)?)
}

impl Control {
    /// The timer of an instance that is gone is due.
    pub(super) fn forget_gone(&self, tx: &mut dyn Tx, timer: &Timer) -> TxResult<Fired> {
        instance_forget(tx, &InstanceId::new(timer.subject.as_str()))?;
        Ok(Fired::Nothing)
    }
}
