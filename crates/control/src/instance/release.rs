//! Giving instances up.

use brokerage_domain::Result;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase, ReleaseTerms, Want};
use brokerage_store::Tx;
use brokerage_store::instance::Attention;
use brokerage_store::timer::{timer_clear, timer_set};

use crate::background::{RELEASE_DATA, data_given_up};
use crate::call::Call;
use crate::control::{Control, TxResult};

/// What becomes of a released instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRelease {
    /// It stays listed as released until its owner deletes it; its data is kept for as long as its catalog says.
    Kept,
    /// It stays listed as released until its owner deletes it.
    Listed,
    /// It is gone.
    Gone,
}

impl Control {
    /// Lets an instance be taken away: its cluster, its slots, the money of a start that never was, and its data, now or
    /// later. Whether it may go is decided as it is when it goes. Data that is kept goes at once when the instance is
    /// released again without keeping it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of [`may_be_released`](brokerage_domain::instance::Instance::may_be_released).
    ///
    /// [`Error::NotFound`]: brokerage_domain::Error::NotFound
    pub async fn instance_release(
        &self,
        call: Call,
        id: &InstanceId,
        after: AfterRelease,
        terms: ReleaseTerms,
    ) -> Result<()> {
        let (now, real_now) = (self.now(), self.real_now());
        let kept_s = self.catalog(call.profile)?.lifecycle().release_keeps_data_s;
        self.instance_write(call, id, move |tx, instance| {
            if instance.want == Want::ReleasedKept && after == AfterRelease::Listed {
                timer_clear(tx, RELEASE_DATA, instance.id.as_str())?;
                data_given_up(tx, instance)?;
                return Ok(Attention::From(real_now));
            }
            instance.may_be_released(now, terms)?;
            release_begin(tx, instance, after, kept_s, now)?;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }

    /// Takes a released instance off the lists, and data that was kept of it away.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongPhase`] when it is not released.
    ///
    /// [`Error::NotFound`]: brokerage_domain::Error::NotFound
    /// [`Error::WrongPhase`]: brokerage_domain::Error::WrongPhase
    pub async fn instance_delete(&self, call: Call, id: &InstanceId) -> Result<()> {
        let real_now = self.real_now();
        self.instance_write(call, id, move |tx, instance| {
            if !matches!(instance.phase, Phase::Released | Phase::Failed) {
                return Err(instance.wrong_phase().into());
            }
            timer_clear(tx, RELEASE_DATA, instance.id.as_str())?;
            data_given_up(tx, instance)?;
            instance.phase = Phase::Gone;
            instance.want = Want::Gone;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }
}

/// An instance that may go does: what the reconciler has to bring about, and until when data stays that is kept.
pub(super) fn release_begin(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    after: AfterRelease,
    kept_s: i64,
    now: Moment,
) -> TxResult<()> {
    instance.phase = Phase::Releasing;
    instance.want = match after {
        AfterRelease::Kept if kept_s > 0 => Want::ReleasedKept,
        AfterRelease::Kept | AfterRelease::Listed => Want::Released,
        AfterRelease::Gone => Want::Gone,
    };
    if instance.want == Want::ReleasedKept {
        let until = now.plus_seconds(kept_s);
        timer_set(tx, RELEASE_DATA, instance.id.as_str(), until)?;
    }
    instance.attempts = 0;
    Ok(())
}
