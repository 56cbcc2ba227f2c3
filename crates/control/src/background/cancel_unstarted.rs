//! Cancels orders whose owner never started them.

use brokerage_domain::Result;
use brokerage_domain::instance::{Instance, Phase, Want};
use brokerage_store::instance::{Attention, INSTANCE_PAGE, instance_page};

use super::Next;
use crate::control::Control;

impl Control {
    /// Orders whose owner never started them are cancelled after the catalog's time, their money given back.
    pub(super) async fn cancel_unstarted(&self) -> Result<Next> {
        let mut after = String::new();
        loop {
            let page = {
                let after = after.clone();
                self.read("cancel_unstarted", move |tx| Ok(instance_page(tx, &after)?))
                    .await?
            };
            let Some(last) = page.last() else {
                return Ok(Next::Period);
            };
            after = last.id.as_str().to_owned();
            let full = page.len() == INSTANCE_PAGE as usize;
            for instance in page {
                if self.is_overdue(&instance)? {
                    self.cancel(&instance).await?;
                }
            }
            if !full {
                return Ok(Next::Period);
            }
        }
    }

    fn is_overdue(&self, instance: &Instance) -> Result<bool> {
        if instance.phase != Phase::AwaitingStart {
            return Ok(false);
        }
        let wait_s = self
            .catalog(&instance.profile)?
            .lifecycle()
            .unstarted_to_cancel_s;
        Ok(instance.created_at.plus_seconds(wait_s) <= self.now())
    }

    async fn cancel(&self, instance: &Instance) -> Result<()> {
        let real_now = self.real_now();
        self.instance_record("cancel_unstarted", &instance.id, move |_, current| {
            Ok((current.phase == Phase::AwaitingStart).then(|| {
                current.phase = Phase::Releasing;
                current.want = Want::Gone;
                Attention::From(real_now)
            }))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }
}
