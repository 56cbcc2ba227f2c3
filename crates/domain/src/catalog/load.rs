//! A catalog, read from its text and checked.

use sha2::{Digest, Sha256};

use super::request::Site;
use super::schema::{
    Band, CatalogFile, Defaults, Edition, Lifecycle, NodeClass, Region, Spec, Terms, Version, Zone,
};
use super::validate;
use crate::money::{Currency, Money};

/// The shape of catalog file that this program reads.
pub(super) const SCHEMA: u32 = 1;

/// Longest catalog text, bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a catalog file was refused. `file` is the name that the caller gave, `key` the place inside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Longer than [`Catalog::parse`] reads.
    #[error("{file}: longer than {max} bytes")]
    TooLong {
        /// The file.
        file: String,
        /// Most bytes.
        max: usize,
    },
    /// Not TOML, or a key is missing, unknown or of the wrong type.
    #[error("{file}: line {line}: not a catalog: {reason}")]
    Shape {
        /// The file.
        file: String,
        /// The line, from 1; 0 = the file as a whole.
        line: usize,
        /// What the reader of the file says.
        reason: String,
    },
    /// Another shape of file than this program reads.
    #[error("{file}: schema {found}, this program reads schema {expected}", expected = SCHEMA)]
    Schema {
        /// The file.
        file: String,
        /// What it says.
        found: u32,
    },
    /// Something that must be unique is there twice.
    #[error("{file}: {key}: {value:?} is there twice")]
    Duplicate {
        /// The file.
        file: String,
        /// The place.
        key: String,
        /// The value.
        value: String,
    },
    /// A range whose ends or step do not fit.
    #[error(
        "{file}: {key}: the range {min} to {max} by {step} needs 0 <= min <= max and a step that divides max - min"
    )]
    Range {
        /// The file.
        file: String,
        /// The place.
        key: String,
        /// Its lower end.
        min: i64,
        /// Its upper end.
        max: i64,
        /// Its step.
        step: i64,
    },
    /// A price below zero.
    #[error("{file}: {key}: the price {price} is negative")]
    NegativePrice {
        /// The file.
        file: String,
        /// The place.
        key: String,
        /// The price.
        price: Money,
    },
    /// A region that is not in exactly one group, so that its price is not known.
    #[error("{file}: region {region:?} is in {groups} region groups, it must be in exactly one")]
    RegionGroups {
        /// The file.
        file: String,
        /// The region.
        region: String,
        /// In how many groups it is.
        groups: usize,
    },
    /// A name that the file does not define.
    #[error("{file}: {key}: {value:?} is not defined in this file")]
    Unknown {
        /// The file.
        file: String,
        /// The place.
        key: String,
        /// The name.
        value: String,
    },
    /// Something on offer that no price is given for.
    #[error("{file}: {key}: no {unit} price on the {site:?} site for region group {group}")]
    NoPrice {
        /// The file.
        file: String,
        /// The place.
        key: String,
        /// The site.
        site: Site,
        /// The region group.
        group: u32,
        /// `month` or `hour`.
        unit: &'static str,
    },
    /// A value that breaks a rule of its own.
    #[error("{file}: {key}: {rule}")]
    Rule {
        /// The file.
        file: String,
        /// The place.
        key: String,
        /// The rule.
        rule: &'static str,
    },
    /// Two files for one profile.
    #[error("{file}: there is another catalog for the profile {profile:?}")]
    ProfileTwice {
        /// The second file.
        file: String,
        /// The profile.
        profile: String,
    },
}

/// What one profile (one vendor's product) sells, and for what price.
#[derive(Debug)]
pub struct Catalog {
    pub(super) file: CatalogFile,
    pub(super) tables: toml::Table,
    hash: String,
    text: String,
}

impl Catalog {
    /// Reads and checks a catalog. `name` is the file's name for messages.
    ///
    /// # Errors
    /// [`CatalogError`], with the file and the line or the key that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, CatalogError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(CatalogError::TooLong {
                file: name.to_owned(),
                max: TEXT_BYTES_MAX,
            });
        }
        let shape = |error: toml::de::Error| CatalogError::Shape {
            file: name.to_owned(),
            line: error
                .span()
                .map_or(0, |span| text[..span.start].matches('\n').count() + 1),
            reason: error.message().to_owned(),
        };
        let tables: toml::Table = toml::from_str(text).map_err(shape)?;
        let file: CatalogFile = toml::from_str(text).map_err(shape)?;
        validate::check(name, &file, &tables)?;
        let hash = hex::encode(Sha256::digest(text.as_bytes()));
        Ok(Self {
            file,
            tables,
            hash,
            text: text.to_owned(),
        })
    }

    /// The profile that it is for.
    pub fn profile(&self) -> &str {
        &self.file.profile
    }

    /// Its version, as its editor names it.
    pub fn version(&self) -> &str {
        &self.file.version
    }

    /// SHA-256 of its text, in hexadecimal: what an order remembers of it.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Its text, to be kept as long as an order refers to it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a site takes; `None` where the site sells nothing.
    pub fn currency(&self, site: Site) -> Option<Currency> {
        self.file
            .site
            .iter()
            .find(|row| row.id == site)
            .map(|row| row.currency)
    }

    /// What applies where the buyer says nothing.
    pub fn defaults(&self) -> &Defaults {
        &self.file.default
    }

    /// Which lengths are sold in advance.
    pub fn terms(&self) -> &Terms {
        &self.file.terms
    }

    /// Timers of an instance's life.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.file.lifecycle
    }

    /// Most instances that one order may buy.
    pub fn batch_max(&self) -> u32 {
        self.file.batch_max
    }

    /// Every region that sells.
    pub fn regions(&self) -> &[Region] {
        &self.file.region
    }

    /// One region.
    pub fn region(&self, id: &str) -> Option<&Region> {
        self.file.region.iter().find(|region| region.id == id)
    }

    /// The zones of a region: its own, then those that every region shares.
    pub fn zones(&self, region_id: &str) -> impl Iterator<Item = &Zone> {
        let region = self.region(region_id);
        let shared = self
            .file
            .shared_zone
            .iter()
            .filter(move |_| region.is_some());
        region
            .into_iter()
            .flat_map(|region| &region.zones)
            .chain(shared)
    }

    /// Every edition.
    pub fn editions(&self) -> &[Edition] {
        &self.file.edition
    }

    /// One edition.
    pub fn edition(&self, code: &str) -> Option<&Edition> {
        self.file
            .edition
            .iter()
            .find(|edition| edition.code == code)
    }

    /// The rows of a ladder or the packages, of one edition.
    pub fn specs(&self, edition: &str) -> impl Iterator<Item = &Spec> {
        self.file
            .spec
            .iter()
            .filter(move |spec| spec.edition == edition)
    }

    /// The bands of an edition that is sold by bandwidth.
    pub fn bands(&self, edition: &str) -> impl Iterator<Item = &Band> {
        self.file
            .band
            .iter()
            .filter(move |band| band.editions.iter().any(|code| code == edition))
    }

    /// Every node class.
    pub fn node_classes(&self) -> &[NodeClass] {
        &self.file.node_class
    }

    /// One node class.
    pub fn node_class(&self, code: &str) -> Option<&NodeClass> {
        self.file.node_class.iter().find(|class| class.code == code)
    }

    /// Every version on offer.
    pub fn versions(&self) -> &[Version] {
        &self.file.version_offered
    }

    /// The version on offer that the vendor writes so.
    pub fn version_offered(&self, id: &str) -> Option<&Version> {
        self.file
            .version_offered
            .iter()
            .find(|version| version.id == id)
    }

    /// The region group of a region: its price column.
    pub(super) fn group(&self, region_id: &str) -> Option<u32> {
        self.file
            .region_group
            .iter()
            .find(|group| group.regions.iter().any(|id| id == region_id))
            .map(|group| group.id)
    }
}
