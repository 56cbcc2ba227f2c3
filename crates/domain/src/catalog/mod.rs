//! What is sold, within which limits, and what it costs: one [`Catalog`] a profile, read from a text.
//!
//! No price, no range and no grace period is a constant in code: they stand in `catalog/*.toml`, with the
//! source of every number. The catalog knows three ways to sell a cluster (a ladder of specs, bands of
//! bandwidth, classes of nodes) and no vendor: vendor words are values of its file.
//!
//! Two steps, both pure: [`Catalog::plan`] turns what a buyer asks for ([`PlanRequest`]) into a [`Plan`]
//! or names the field that does not fit ([`PlanFault`]); [`Catalog::quote`] prices a plan for a [`Term`].
//!
//! ```
//! use brokerage_domain::catalog::{Catalogs, PlanRequest, Term};
//! let catalogs = Catalogs::embedded();
//! let catalog = catalogs.current().next().unwrap();
//! let request = PlanRequest { region: catalog.regions()[0].id.clone(), ..PlanRequest::default() };
//! match catalog.plan(&request) {
//!     Ok(plan) => println!("{}", catalog.quote(&plan, Term::Hour, 1).unwrap().total),
//!     Err(fault) => println!("{fault}"),
//! }
//! ```

#![deny(clippy::as_conversions, clippy::float_arithmetic)]

mod catalogs;
mod draft;
mod load;
mod plan;
mod price;
mod rate;
mod report;
mod request;
mod resize;
mod schema;
mod validate;

pub use catalogs::Catalogs;
pub use load::{Catalog, CatalogError};
pub use plan::{Bought, DiskMarks, Plan, UsableLimits};
pub use rate::{ItemKind, Module, Quote, QuoteItem, RateFault, Term};
pub use report::DefaultValue;
pub use request::{Field, NodeGroup, PlanFault, PlanRequest, Site};
pub use resize::Usage;
pub use schema::{
    Band, Defaults, Draw, Edition, Features, Lifecycle, Model, NodeClass, PostpaidTimers,
    PrepaidTimers, Range, Region, Spec, TermUnit, Terms, Version, Zone,
};
