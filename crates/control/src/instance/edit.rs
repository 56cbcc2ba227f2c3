//! What an owner changes of an instance: its size, its name, its settings, its tags, its protection.

use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::{Instance, Phase, Tags, instance_name_check, tags_check};
use brokerage_domain::listener::SecurityProtocol;
use brokerage_domain::notes::Notes;
use brokerage_domain::{Error, Result};
use brokerage_store::instance::Attention;

use super::record::{instance_of_caller, instance_put};
use super::resize::{Resize, resize_begin};
use crate::call::Call;
use crate::context::Context;
use crate::control::Control;
use crate::order::ClientToken;

/// Changes of an instance; what is empty stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// What is bought from now on.
    pub resize: Option<Resize>,
    /// What its owner calls it from now on.
    pub name: Option<String>,
    /// The version that it is from now on, with the Kafka release that this is.
    pub version: Option<(String, String)>,
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
    /// still as it was seen, and for other listeners or another version while a new size is under way;
    /// [`Error::LimitReached`] for tags; [`Error::Invalid`] for a name that is too long, for an older version, or for a new
    /// size when the prepaid term is over or region or site differ; [`Error::Plan`] when the new plan is too small for what
    /// the cluster uses; [`Error::InsufficientFunds`]; [`Error::SoldOut`] for slots.
    pub async fn instance_edit(&self, call: Call, id: &InstanceId, edit: Edit) -> Result<()> {
        self.instance_edit_once(call, id, edit, None).await?;
        Ok(())
    }

    /// The same, once for one client's token; answers the order of a new size.
    ///
    /// # Errors
    /// As [`Control::instance_edit`]; [`Error::TokenReused`].
    pub async fn instance_edit_once(
        &self,
        call: Call,
        id: &InstanceId,
        edit: Edit,
        token: Option<ClientToken>,
    ) -> Result<Option<OrderId>> {
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
        let once = self.once(&call, token);
        let (cx, wanted) = (Context::clone(&call), id.clone());
        let ordered = self
            .audited_write(call, id.as_str(), move |tx| {
                once.run(tx, |tx| {
                    let mut instance = instance_of_caller(tx, &cx, &wanted)?;
                    if let (Some(resize), Some(order)) = (&edit.resize, &order) {
                        resize_begin(tx, &mut instance, resize, order)?;
                    }
                    edit_apply(&mut instance, &edit)?;
                    if let Some(protocols) = &edit.switched_security_protocols {
                        Self::listeners_switch(tx, &mut instance, protocols)?;
                    }
                    instance_put(tx, &instance, Attention::From(real_now))?;
                    Ok(order.as_ref().map(|order| order.id.clone()))
                })
            })
            .await?;
        self.reconcile_wake();
        Ok(ordered)
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
    if let Some((version, kafka)) = &edit.version {
        version_apply(instance, version, kafka)?;
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

/// Another version: of a cluster that runs and does not get another plan, and never an older one, whose clients could not
/// read what newer ones wrote.
fn version_apply(instance: &mut Instance, version: &str, kafka: &str) -> Result<()> {
    if instance.phase != Phase::Running || instance.resize.is_some() {
        return Err(instance.wrong_phase());
    }
    let numbers = |version: &str| -> Vec<u64> {
        let numbers = version.split('.');
        numbers.map(|number| number.parse().unwrap_or(0)).collect()
    };
    if numbers(kafka) < numbers(&instance.plan.kafka_version) {
        return Err(Error::invalid(
            "the version",
            "it is older than the present one",
        ));
    }
    instance.plan.version = version.to_owned();
    instance.plan.kafka_version = kafka.to_owned();
    Ok(())
}
