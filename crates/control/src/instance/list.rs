//! Lists of instances.

use brokerage_domain::Result;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_store::instance::{INSTANCE_PAGE, instance_owned_page, instance_page};

use crate::context::Context;
use crate::control::Control;

/// Instances that one account may have in one profile and still see in one listing.
pub const INSTANCES_LISTED_MAX: usize = 100_000;

impl Control {
    /// The caller's instances in this profile and the call's region; sorted by id. Those that its policy denies it are
    /// left out.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn instance_list(&self, cx: &Context) -> Result<Vec<Instance>> {
        let (account, profile) = (cx.account().clone(), cx.profile);
        let mut all = self
            .read("instance_list", move |tx| {
                let mut all: Vec<Instance> = Vec::new();
                loop {
                    let after = all.last().map_or("", |last| last.id.as_str()).to_owned();
                    let page = instance_owned_page(tx, &account, profile, &after)?;
                    let full = page.len() == INSTANCE_PAGE as usize;
                    all.extend(page);
                    if !full || all.len() >= INSTANCES_LISTED_MAX {
                        return Ok(all);
                    }
                }
            })
            .await?;
        all.retain(|instance| cx.covers(&instance.region) && cx.permits(instance));
        Ok(all)
    }

    /// Every account's instances, those that are gone left out: for the operator.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn instance_list_all(&self) -> Result<Vec<Instance>> {
        let mut all: Vec<Instance> = Vec::new();
        loop {
            let after = all.last().map_or("", |last| last.id.as_str()).to_owned();
            let page = self
                .read("instance_list_all", move |tx| {
                    Ok(instance_page(tx, &after)?)
                })
                .await?;
            let full = page.len() == INSTANCE_PAGE as usize;
            all.extend(page);
            if !full || all.len() >= INSTANCES_LISTED_MAX {
                all.retain(|instance| instance.phase != Phase::Gone);
                return Ok(all);
            }
        }
    }
}
