//! Stopping an instance and letting it run again, at its owner's word.

use brokerage_domain::Result;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Phase, Want};
use brokerage_store::instance::Attention;

use crate::call::Call;
use crate::control::Control;

impl Control {
    /// Stops an instance of the caller's that runs, and keeps its data, its addresses and its term. What is stopped already
    /// stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongPhase`] while it is made, changed or taken away.
    ///
    /// [`Error::NotFound`]: brokerage_domain::Error::NotFound
    /// [`Error::WrongPhase`]: brokerage_domain::Error::WrongPhase
    pub async fn instance_stop(&self, call: Call, id: &InstanceId) -> Result<()> {
        let real_now = self.real_now();
        self.instance_write(call, id, move |_, instance| {
            match (instance.phase, instance.want) {
                (Phase::Running, Want::Running) if instance.resize.is_none() => {}
                (Phase::Running | Phase::Stopped, Want::Stopped) => {}
                _ => return Err(instance.wrong_phase().into()),
            }
            instance.want = Want::Stopped;
            instance.attempts = 0;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }

    /// Lets an instance of the caller's run again that its owner stopped. What runs already stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongPhase`] for one that its owner did not stop.
    ///
    /// [`Error::NotFound`]: brokerage_domain::Error::NotFound
    /// [`Error::WrongPhase`]: brokerage_domain::Error::WrongPhase
    pub async fn instance_reopen(&self, call: Call, id: &InstanceId) -> Result<()> {
        let real_now = self.real_now();
        self.instance_write(call, id, move |_, instance| {
            match (instance.phase, instance.want) {
                (Phase::Running | Phase::Stopped, Want::Stopped | Want::Running) => {}
                _ => return Err(instance.wrong_phase().into()),
            }
            instance.want = Want::Running;
            instance.attempts = 0;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }
}
