//! What an owner changes of an instance: its size, its name, its settings, its tags, its protection.

use brokerage_domain::Result;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Tags, instance_name_check, tags_check};
use brokerage_domain::listener::SecurityProtocol;
use brokerage_domain::notes::Notes;
use brokerage_store::instance::Attention;

use super::resize::{Resize, resize_begin};
use crate::call::Call;
use crate::control::Control;

/// Changes of an instance; what is empty stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// What is bought from now on.
    pub resize: Option<Resize>,
    /// What its owner calls it from now on.
    pub name: Option<String>,
    /// Private listeners from now on, besides the operator's.
    pub switched_security_protocols: Option<Vec<SecurityProtocol>>,
    /// Cluster settings, over those that are there.
    pub settings: ClusterSettings,
    /// What the dialect has to show again, over what is there.
    pub notes: Notes,
    /// Tags that are set.
    pub tags: Tags,
    /// Keys of tags that are taken away; those that are not there are no error.
    pub tags_dropped: Vec<String>,
    /// Whether its owner keeps it from being given up.
    pub deletion_protected: Option<bool>,
}

impl Control {
    /// Changes an instance of the caller's: all of `edit` in one transaction, or nothing of it. New settings reach the
    /// cluster through the reconciler; so does a new size, and only then the instance has its new plan.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongPhase`] when it is being taken away, or for a new size unless it runs and is
    /// still as it was seen, and for other listeners while a new size is under way; [`Error::LimitReached`] for tags; [`Error::Invalid`] for a name that is too long, or for a
    /// new size when the prepaid term is over or region or site differ; [`Error::Plan`] when the new plan is too small
    /// for what the cluster uses; [`Error::InsufficientFunds`]; [`Error::SoldOut`] for slots.
    ///
    /// [`Error::NotFound`]: brokerage_domain::Error::NotFound
    /// [`Error::WrongPhase`]: brokerage_domain::Error::WrongPhase
    /// [`Error::LimitReached`]: brokerage_domain::Error::LimitReached
    /// [`Error::Invalid`]: brokerage_domain::Error::Invalid
    /// [`Error::Plan`]: brokerage_domain::Error::Plan
    /// [`Error::InsufficientFunds`]: brokerage_domain::Error::InsufficientFunds
    /// [`Error::SoldOut`]: brokerage_domain::Error::SoldOut
    pub async fn instance_edit(&self, call: Call, id: &InstanceId, edit: Edit) -> Result<()> {
        let real_now = self.real_now();
        let mut edit = edit;
        let order = match &mut edit.resize {
            Some(resize) => {
                // How clients connect stays as it is, but for public access.
                let listeners = &resize.before.plan.listeners;
                resize.plan = self.plan_with_listeners(&resize.plan, listeners);
                Some(self.resize_order(&call, resize).await?)
            }
            None => None,
        };
        self.instance_write(call, id, move |tx, instance| {
            if let (Some(resize), Some(order)) = (&edit.resize, &order) {
                resize_begin(tx, instance, resize, order)?;
            }
            edit_apply(instance, &edit)?;
            if let Some(protocols) = &edit.switched_security_protocols {
                Self::listeners_switch(tx, instance, protocols)?;
            }
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }
}

fn edit_apply(instance: &mut Instance, edit: &Edit) -> Result<()> {
    instance.check_not_released()?;
    if let Some(name) = &edit.name {
        instance_name_check(name)?;
        instance.name.clone_from(name);
    }
    if let Some(protected) = edit.deletion_protected {
        instance.deletion_protected = protected;
    }
    instance.settings.extend(edit.settings.clone());
    instance.notes.extend(edit.notes.clone());
    instance
        .tags
        .retain(|key, _| !edit.tags_dropped.contains(key));
    instance.tags.extend(edit.tags.clone());
    instance.notes.check()?;
    tags_check(&instance.tags)
}
