//! Giving instances up.

use brokerage_domain::Result;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Phase, ReleaseTerms, Want};
use brokerage_store::instance::Attention;

use crate::call::Call;
use crate::control::Control;

/// What becomes of a released instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRelease {
    /// It stays listed as released until its owner deletes it.
    Listed,
    /// It is gone.
    Gone,
}

impl Control {
    /// Lets an instance be taken away: its cluster, its data, its slots, and the money of a start that never was.
    /// Whether it may go is decided as it is when it goes.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of [`may_be_released`](brokerage_domain::instance::Instance::may_be_released).
    pub async fn instance_release(
        &self,
        call: Call,
        id: &InstanceId,
        after: AfterRelease,
        terms: ReleaseTerms,
    ) -> Result<()> {
        let (now, real_now) = (self.now(), self.real_now());
        self.instance_write(call, id, move |_, instance| {
            instance.may_be_released(now, terms)?;
            instance.phase = Phase::Releasing;
            instance.want = match after {
                AfterRelease::Listed => Want::Released,
                AfterRelease::Gone => Want::Gone,
            };
            instance.attempts = 0;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }

    /// Takes a released instance off the lists.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongPhase`] when it is not released.
    pub async fn instance_delete(&self, call: Call, id: &InstanceId) -> Result<()> {
        self.instance_write(call, id, |_, instance| {
            if !matches!(instance.phase, Phase::Released | Phase::Failed) {
                return Err(instance.wrong_phase().into());
            }
            instance.phase = Phase::Gone;
            instance.want = Want::Gone;
            Ok(Attention::Settled)
        })
        .await
    }
}
