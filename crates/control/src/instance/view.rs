//! One instance, as its owner or the engine sees it.

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::{Error, Result};
use brokerage_engine::ClusterObservation;
use brokerage_store::instance::instance_owned;

use super::record::is_there;
use crate::context::Context;
use crate::control::Control;

impl Control {
    /// One instance of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another account's, for one in another region than the call's, and for one that is
    /// gone; [`Error::Forbidden`].
    pub async fn instance_view(&self, cx: &Context, id: &InstanceId) -> Result<Instance> {
        let (account, wanted) = (cx.account().clone(), id.clone());
        let found = self
            .read("instance_view", move |tx| {
                Ok(instance_owned(tx, &account, &wanted)?)
            })
            .await?;
        let found = found
            .filter(|instance| is_there(cx, instance) && instance.phase != Phase::Gone)
            .ok_or_else(|| Error::not_found(Kind::Instance, id.as_str()))?;
        cx.check(&found)?;
        Ok(found)
    }

    /// One instance that is, or was, the caller's: also one that is gone.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another account's and for one in another region than the call's;
    /// [`Error::Forbidden`].
    pub async fn instance_recall(&self, cx: &Context, id: &InstanceId) -> Result<Instance> {
        let (account, wanted) = (cx.account().clone(), id.clone());
        let found = self
            .read("instance_recall", move |tx| {
                Ok(instance_owned(tx, &account, &wanted)?)
            })
            .await?;
        let found = found
            .filter(|instance| is_there(cx, instance))
            .ok_or_else(|| Error::not_found(Kind::Instance, id.as_str()))?;
        cx.check(&found)?;
        Ok(found)
    }

    /// What the engine sees of an instance; `None` when there is no cluster.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine does not answer.
    pub async fn instance_observe(&self, id: &InstanceId) -> Result<Option<ClusterObservation>> {
        self.engine
            .observe_cluster(id)
            .await
            .map_err(Error::internal)
    }
}
