//! Catalogs: the one that is sold from, and those that something was bought from.
//!
//! What was bought keeps the prices and rules of its catalog, whatever is sold now. So a server keeps every catalog that
//! it starts with in the store, by the hash of its text, and reads back those that orders name.

use std::sync::Arc;

use brokerage_domain::catalog::{Catalog, Catalogs, Plan};
use brokerage_domain::clock::Moment;
use brokerage_domain::{Error, Result};
use brokerage_store::Store;
use brokerage_store::catalog::{catalog_keep, catalog_list_named};

use crate::control::{Abort, Control, TxResult};

/// Keeps the current catalogs in the store, and adds those that orders name. To be called before [`Control::new`].
///
/// # Errors
/// [`Error::Internal`] when the store fails.
pub async fn catalogs_keep(store: &Store, mut catalogs: Catalogs, now: Moment) -> Result<Catalogs> {
    let current: Vec<Arc<Catalog>> = catalogs.current().cloned().collect();
    let kept = store
        .write("catalogs_keep", move |tx| -> TxResult<_> {
            for catalog in &current {
                let (hash, profile) = (catalog.hash(), catalog.profile());
                catalog_keep(tx, hash, profile, catalog.text(), now)?;
            }
            Ok(catalog_list_named(tx)?)
        })
        .await
        .map_err(|abort: Abort| abort.0)?;
    for row in kept.rows {
        let (hash, text) = match row {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(%error, "a catalog that something was bought from cannot be read");
                continue;
            }
        };
        if catalogs.by_hash(&hash).is_some() {
            continue;
        }
        // What was bought from it is refused when it comes to its prices; everything else goes on.
        if let Err(error) = catalogs.keep(&hash, &text) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a catalog that something was bought from cannot be read any more"
            );
        }
    }
    Ok(catalogs)
}

impl Control {
    /// The catalog that is sold from under `profile`.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operator's catalogs do not have it.
    pub fn catalog(&self, profile: &str) -> Result<&Arc<Catalog>> {
        let missing = || Error::internal(format!("no catalog of the profile {profile}"));
        self.catalogs.get(profile).ok_or_else(missing)
    }

    /// The catalog that a plan was made from: what was bought is changed, renewed and charged by it, and by no other.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is not kept.
    pub fn catalog_of(&self, plan: &Plan) -> Result<&Arc<Catalog>> {
        let hash = &plan.catalog_hash;
        let missing = || {
            Error::internal(format!(
                "the catalog {hash} (version {}) of something bought is not kept: start the server once with it \
                 (`serve --catalog`)",
                plan.catalog_version
            ))
        };
        self.catalogs.by_hash(hash).ok_or_else(missing)
    }

    /// The catalog that describes a region: the one that is sold from, or, of a region that is sold no more, one that
    /// something was bought from.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operator's catalogs do not have the profile.
    pub fn catalog_of_region(&self, profile: &str, region: &str) -> Result<&Arc<Catalog>> {
        match self.catalogs.of_region(profile, region) {
            Some(catalog) => Ok(catalog),
            None => self.catalog(profile),
        }
    }

    /// Checks that a region is there: one that is sold now, or was when something was bought.
    ///
    /// # Errors
    /// [`Error::Plan`], as an order in that region has it.
    pub fn region_check(&self, profile: &str, region: &str) -> Result<()> {
        if self.catalogs.region_is_known(profile, region) {
            return Ok(());
        }
        Err(self.catalog(profile)?.region_not_offered(region).into())
    }
}
