//! All catalogs of a server: the current one of each profile, and older ones that orders refer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::{Catalog, CatalogError};

// The list stands beside the files, because it is made of vendor words.
include!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../catalog/embedded.rs"
));

/// The catalogs that a server sells from.
#[derive(Debug, Clone, Default)]
pub struct Catalogs {
    current: BTreeMap<String, Arc<Catalog>>,
    by_hash: BTreeMap<String, Arc<Catalog>>,
}

impl Catalogs {
    /// The catalogs that come with the program.
    pub fn embedded() -> Self {
        Self::parse(EMBEDDED.iter().copied()).expect("a test reads the embedded catalogs")
    }

    /// Reads catalogs from `(file name, text)` pairs, at most one for a profile.
    ///
    /// # Errors
    /// As [`Catalog::parse`], and [`CatalogError::ProfileTwice`].
    pub fn parse<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CatalogError> {
        let mut catalogs = Self::default();
        for (name, text) in files {
            let catalog = Arc::new(Catalog::parse(name, text)?);
            let profile = catalog.profile().to_owned();
            if catalogs.current.contains_key(&profile) {
                return Err(CatalogError::ProfileTwice {
                    file: name.to_owned(),
                    profile,
                });
            }
            catalogs
                .by_hash
                .insert(catalog.hash().to_owned(), Arc::clone(&catalog));
            catalogs.current.insert(profile, catalog);
        }
        Ok(catalogs)
    }

    /// Adds a catalog that is not sold from any more, so that orders bought under it can be rated again.
    ///
    /// # Errors
    /// As [`Catalog::parse`].
    pub fn keep(&mut self, name: &str, text: &str) -> Result<(), CatalogError> {
        let catalog = Catalog::parse(name, text)?;
        self.by_hash
            .entry(catalog.hash().to_owned())
            .or_insert_with(|| Arc::new(catalog));
        Ok(())
    }

    /// The current catalog of a profile.
    pub fn get(&self, profile: &str) -> Option<&Arc<Catalog>> {
        self.current.get(profile)
    }

    /// The catalog, current or kept, whose text has this SHA-256.
    pub fn by_hash(&self, hash: &str) -> Option<&Arc<Catalog>> {
        self.by_hash.get(hash)
    }

    /// The catalog of a profile in which a region is: the current one before those that are kept.
    pub fn of_region(&self, profile: &str, region: &str) -> Option<&Arc<Catalog>> {
        let kept = self.by_hash.values();
        let mut of_profile = self
            .get(profile)
            .into_iter()
            .chain(kept.filter(|catalog| catalog.profile() == profile));
        of_profile.find(|catalog| catalog.region(region).is_some())
    }

    /// Whether a profile has, or had when something was bought that is still there, a region.
    pub fn region_is_known(&self, profile: &str, region: &str) -> bool {
        self.of_region(profile, region).is_some()
    }

    /// The current catalogs and those that are kept.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Catalog>> {
        self.by_hash.values()
    }

    /// The current catalogs, by profile.
    pub fn current(&self) -> impl Iterator<Item = &Arc<Catalog>> {
        self.current.values()
    }
}
