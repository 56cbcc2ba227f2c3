//! The rater: the one place that turns a plan and a term into money.
//!
//! Price inquiry, preview, order and bill all ask here, so they agree to the last micro.

use serde::{Deserialize, Serialize};

use super::load::Catalog;
use super::plan::Plan;
use super::price::Column;
use super::request::Site;
use super::schema::{AddonKind, TermUnit};
use crate::money::{Currency, Money, MoneyError};

/// What is paid for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// One hour, pay-as-you-go.
    Hour,
    /// So many months in advance; a year is 12.
    Months(u32),
}

impl Term {
    /// The unit of time whose price applies.
    pub const fn unit(self) -> TermUnit {
        match self {
            Self::Hour => TermUnit::Hour,
            Self::Months(_) => TermUnit::Month,
        }
    }

    /// How many units of time it is.
    pub fn periods(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Months(months) => i64::from(months),
        }
    }
}

/// One priced part of a plan. A plan lists its own; a price inquiry may ask for single ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Module {
    /// A row of a ladder, or a package.
    Spec {
        /// Its edition.
        edition: String,
        /// Its code.
        code: String,
    },
    /// Bandwidth of an edition that is sold in bands.
    Bandwidth {
        /// The edition.
        edition: String,
        /// MB/s.
        mbps: i64,
    },
    /// Nodes of a class.
    Nodes {
        /// The class.
        class: String,
        /// How many are charged (one, where the class is priced for the whole cluster).
        count: i64,
    },
    /// Disk that is charged.
    Disk {
        /// The edition.
        edition: String,
        /// Its type.
        disk_type: String,
        /// GB, over all nodes.
        gb: i64,
    },
    /// Topics above the included ones.
    Topics {
        /// The edition.
        edition: String,
        /// How many.
        extra: i64,
    },
    /// Partitions above the included ones.
    Partitions {
        /// The edition.
        edition: String,
        /// How many.
        extra: i64,
    },
    /// Public bandwidth above the free part.
    Public {
        /// The edition.
        edition: String,
        /// Mbit/s.
        mbit: i64,
    },
}

/// A module that is priced by an addon row.
struct Extra<'a> {
    addon: AddonKind,
    item: ItemKind,
    edition: &'a str,
    disk_type: Option<&'a str>,
    quantity: i64,
}

impl Module {
    fn extra(&self) -> Option<Extra<'_>> {
        let (addon, item, edition, disk_type, quantity) = match self {
            Self::Disk {
                edition,
                disk_type,
                gb,
            } => (
                AddonKind::Disk,
                ItemKind::Disk,
                edition,
                Some(disk_type.as_str()),
                *gb,
            ),
            Self::Topics { edition, extra } => {
                (AddonKind::Topics, ItemKind::Topics, edition, None, *extra)
            }
            Self::Partitions { edition, extra } => (
                AddonKind::Partitions,
                ItemKind::Partitions,
                edition,
                None,
                *extra,
            ),
            Self::Public { edition, mbit } => {
                (AddonKind::Public, ItemKind::Public, edition, None, *mbit)
            }
            Self::Spec { .. } | Self::Bandwidth { .. } | Self::Nodes { .. } => return None,
        };
        Some(Extra {
            addon,
            item,
            edition,
            disk_type,
            quantity,
        })
    }
}

/// What a line of a quote is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Spec, package or bandwidth.
    Base,
    /// Nodes.
    Nodes,
    /// Disk.
    Disk,
    /// Topics above the included ones.
    Topics,
    /// Partitions above the included ones.
    Partitions,
    /// Public bandwidth above the free part.
    Public,
}

/// One line of a quote, for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteItem {
    /// What for.
    pub kind: ItemKind,
    /// Price of one unit for one hour or month.
    pub unit_price: Money,
    /// How many units.
    pub units: i64,
    /// For the whole term: `unit_price × units × periods`.
    pub amount: Money,
}

/// What a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// In which currency.
    pub currency: Currency,
    /// For how long.
    pub term: Term,
    /// How many instances.
    pub quantity: u32,
    /// The lines of one instance.
    pub items: Vec<QuoteItem>,
    /// One instance, for the term.
    pub instance_total: Money,
    /// All instances, for the term.
    pub total: Money,
}

impl Quote {
    /// The amount of one instance's lines of a kind, for the term.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn amount_of(&self, kind: ItemKind) -> Result<Money, MoneyError> {
        Money::sum(
            self.items
                .iter()
                .filter(|item| item.kind == kind)
                .map(|item| item.amount),
        )
    }

    /// What one instance costs for one hour or month of the term.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn instance_period(&self) -> Result<Money, MoneyError> {
        let items = self.items.iter();
        let amounts: Result<Vec<Money>, MoneyError> = items
            .map(|item| item.unit_price.checked_mul(item.units))
            .collect();
        Money::sum(amounts?)
    }
}

/// Why something has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateFault {
    /// The edition is not sold for such a term on this site.
    #[error("the edition {edition:?} is not sold for this term here")]
    TermNotOffered {
        /// The edition.
        edition: String,
        /// The term.
        term: Term,
    },
    /// The list has no price in the column of the region and site.
    #[error("{what} has no price here")]
    NotPriced {
        /// What was to be priced.
        what: String,
    },
    /// The site or the region sells nothing.
    #[error("nothing is sold in the region {region:?} on this site")]
    NoMarket {
        /// The region.
        region: String,
    },
    /// The plan was bought from another catalog, and must be rated with that one.
    #[error("the plan belongs to the catalog {expected}, not to {found}")]
    OtherCatalog {
        /// Hash that the plan names.
        expected: String,
        /// Hash of the catalog that was asked.
        found: String,
    },
    /// No instance, or more than one order may buy.
    #[error("an order buys from 1 to {max} instances, not {quantity}")]
    Quantity {
        /// What was asked.
        quantity: u32,
        /// Most that is sold at once.
        max: u32,
    },
    /// The amount cannot be expressed.
    #[error("the price cannot be formed")]
    Money(#[from] MoneyError),
}

impl Catalog {
    /// What `quantity` instances of a plan cost for a term.
    ///
    /// # Errors
    /// [`RateFault::OtherCatalog`] for a plan of another catalog, [`RateFault::Quantity`], [`RateFault::TermNotOffered`], and as
    /// [`Catalog::module_quote`] for its parts.
    pub fn quote(&self, plan: &Plan, term: Term, quantity: u32) -> Result<Quote, RateFault> {
        if plan.catalog_hash != self.hash() {
            return Err(RateFault::OtherCatalog {
                expected: plan.catalog_hash.clone(),
                found: self.hash().to_owned(),
            });
        }
        if quantity == 0 || quantity > self.batch_max() {
            return Err(RateFault::Quantity {
                quantity,
                max: self.batch_max(),
            });
        }
        if !self.term_is_sold(&plan.edition, plan.site, term) {
            return Err(RateFault::TermNotOffered {
                edition: plan.edition.clone(),
                term,
            });
        }
        let currency = self.market(plan.site, &plan.region, term)?.0;
        let items = plan
            .modules
            .iter()
            .map(|module| self.module_quote(module, plan.site, &plan.region, term))
            .collect::<Result<Vec<_>, _>>()?;
        let instance_total = Money::sum(items.iter().map(|item| item.amount))?;
        let total = instance_total.checked_mul(i64::from(quantity))?;
        Ok(Quote {
            currency,
            term,
            quantity,
            items,
            instance_total,
            total,
        })
    }

    /// What one part of a plan costs for a term, whether or not a whole plan is sold for it.
    ///
    /// # Errors
    /// [`RateFault::NoMarket`], [`RateFault::NotPriced`], and [`RateFault::Money`] when the amount is too large.
    pub fn module_quote(
        &self,
        module: &Module,
        site: Site,
        region: &str,
        term: Term,
    ) -> Result<QuoteItem, RateFault> {
        let column = self.market(site, region, term)?.1;
        let (kind, unit_price, units) = self.module_price(module, column)?;
        let unit_price = unit_price.ok_or_else(|| RateFault::NotPriced {
            what: format!("{module:?}"),
        })?;
        let amount = unit_price.checked_mul(units)?.checked_mul(term.periods())?;
        Ok(QuoteItem {
            kind,
            unit_price,
            units,
            amount,
        })
    }

    /// Whether an edition is sold on a site for a term of this length.
    pub fn term_is_sold(&self, edition: &str, site: Site, term: Term) -> bool {
        let length_is_sold = match term {
            Term::Hour => true,
            Term::Months(months) => self.terms().months.contains(&months),
        };
        length_is_sold && self.unit_is_sold(edition, site, term.unit())
    }

    /// Whether an edition is sold on a site by the hour, or by the month.
    pub fn unit_is_sold(&self, edition: &str, site: Site, unit: TermUnit) -> bool {
        self.edition(edition).is_some_and(|edition| {
            edition
                .sold
                .iter()
                .any(|sold| sold.site == site && sold.terms.contains(&unit))
        })
    }

    fn market(
        &self,
        site: Site,
        region: &str,
        term: Term,
    ) -> Result<(Currency, Column), RateFault> {
        match (self.currency(site), self.group(region)) {
            (Some(currency), Some(group)) => Ok((
                currency,
                Column {
                    site,
                    group,
                    unit: term.unit(),
                },
            )),
            _ => Err(RateFault::NoMarket {
                region: region.to_owned(),
            }),
        }
    }

    fn module_price(
        &self,
        module: &Module,
        column: Column,
    ) -> Result<(ItemKind, Option<Money>, i64), RateFault> {
        if let Some(extra) = module.extra() {
            return self.extra_price(&extra, column);
        }
        let not_priced = || RateFault::NotPriced {
            what: format!("{module:?}"),
        };
        match module {
            Module::Spec { edition, code } => {
                let spec = self
                    .spec_sold(edition, code, column.site)
                    .ok_or_else(not_priced)?;
                Ok((ItemKind::Base, self.price_in(&spec.price, column)?, 1))
            }
            Module::Bandwidth { edition, mbps } => {
                let band = self.bands(edition).find(|band| band.mbps.has(*mbps));
                let band = band.ok_or_else(not_priced)?;
                let steps = band.mbps.steps_to(*mbps);
                Ok((
                    ItemKind::Base,
                    self.band_price_in(&band.price, steps, column)?,
                    1,
                ))
            }
            Module::Nodes { class, count } => {
                let class = self.node_class(class).ok_or_else(not_priced)?;
                Ok((
                    ItemKind::Nodes,
                    self.price_in(&class.price, column)?,
                    *count,
                ))
            }
            Module::Disk { .. }
            | Module::Topics { .. }
            | Module::Partitions { .. }
            | Module::Public { .. } => Err(not_priced()),
        }
    }

    fn extra_price(
        &self,
        extra: &Extra<'_>,
        column: Column,
    ) -> Result<(ItemKind, Option<Money>, i64), RateFault> {
        let Some(addon) = self.addon(extra.addon, extra.edition, extra.disk_type) else {
            return Ok((extra.item, None, 0));
        };
        // A started unit counts whole; steps normally make this exact.
        let started = i64::from(extra.quantity % addon.unit > 0);
        let units = (extra.quantity / addon.unit + started).max(0);
        Ok((extra.item, self.price_in(&addon.price, column)?, units))
    }

    /// The row of a ladder or package with a code, if this site sells it.
    pub(super) fn spec_sold(
        &self,
        edition: &str,
        code: &str,
        site: Site,
    ) -> Option<&super::schema::Spec> {
        self.specs(edition)
            .find(|spec| spec.code == code && spec.site.is_none_or(|only| only == site))
    }
}
