//! What an owner may change of an instance without buying anything: its name, its settings, its tags.

use std::collections::BTreeMap;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, instance_name_check, instance_tags_check};
use brokerage_domain::{Error, Result};
use brokerage_store::instance::{Attention, instance_owned};

use crate::context::Context;
use crate::control::Control;
use crate::instance::is_there;

/// Changes of an instance; what is empty stays as it is.
#[derive(Debug, Clone, Default)]
pub struct InstanceEdit {
    /// What its owner calls it from now on.
    pub name: Option<String>,
    /// Cluster settings by Kafka's names, over those that are there.
    pub settings: BTreeMap<String, String>,
    /// What the dialect has to show again, over what is there.
    pub attributes: BTreeMap<String, String>,
    /// Tags that are set.
    pub tags: BTreeMap<String, String>,
    /// Keys of tags that are taken away; those that are not there are no error.
    pub tags_dropped: Vec<String>,
    /// Whether its owner keeps it from being given up.
    pub deletion_protected: Option<bool>,
}

impl Control {
    /// Changes an instance of the caller's. New settings reach the cluster through the reconciler.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongPhase`] when it is being taken away; [`Error::LimitReached`] for tags;
    /// [`Error::Invalid`] for a name that is too long.
    pub async fn instance_edit(
        &self,
        cx: &Context,
        id: &InstanceId,
        edit: InstanceEdit,
    ) -> Result<()> {
        let real_now = self.real_now();
        self.instance_change(cx, id, move |_, instance| {
            edit_apply(instance, &edit)?;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
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
}

fn edit_apply(instance: &mut Instance, edit: &InstanceEdit) -> Result<()> {
    instance.check_not_released()?;
    if let Some(name) = &edit.name {
        instance_name_check(name)?;
        instance.name.clone_from(name);
    }
    if let Some(protected) = edit.deletion_protected {
        instance.deletion_protected = protected;
    }
    instance.settings.extend(edit.settings.clone());
    instance.attributes.extend(edit.attributes.clone());
    instance
        .tags
        .retain(|key, _| !edit.tags_dropped.contains(key));
    instance.tags.extend(edit.tags.clone());
    instance_tags_check(instance.tags.len())
}
