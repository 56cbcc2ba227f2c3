//! Price inquiries: `ModuleList` read as parts of a plan, and priced by the rater that prices orders.
//!
//! Modules that add up to a whole order are priced as that order, so that inquiry and order agree to the last
//! millionth and refuse alike. Fewer modules are priced each for itself.

use brokerage_domain::catalog::{
    Catalog, Field, Module, PlanFault, PlanRequest, QuoteItem, Site, Term,
};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::{Error, Result as DomainResult};
use brokerage_wire::fault::{CallError, invalid, missing};
use serde::Serialize;
use serde_json::Number;

use super::convert::{PRODUCT_CODE, Subscription, amount_number};
use super::property::{Properties, Property, PropertyFault};

/// Most modules of one inquiry.
pub const MODULES_MAX: usize = 50;

/// A module of an inquiry, in the order of the request.
pub struct ModuleAsked<'a> {
    /// `ModuleCode`.
    pub code: &'a str,
    /// `Config`.
    pub config: &'a str,
}

/// Modules with their prices.
pub struct PricedModules {
    /// In which currency.
    pub currency: Currency,
    /// Each module's code as it was given, and its price.
    pub items: Vec<(String, QuoteItem)>,
}

impl PricedModules {
    /// The sum of all modules, so many times.
    ///
    /// # Errors
    /// [`brokerage_domain::catalog::RateFault::Money`].
    pub fn total(&self, times: i64) -> Result<Money, CallError> {
        let sum = Money::sum(self.items.iter().map(|(_, item)| item.amount));
        let total = sum.and_then(|sum| sum.checked_mul(times));
        total.map_err(|fault| Error::Rate(fault.into()).into())
    }
}

/// `ModuleDetails` of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModuleDetails {
    module_detail: Vec<ModuleDetail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ModuleDetail {
    module_code: String,
    original_cost: Number,
    invoice_discount: Number,
    cost_after_discount: Number,
    unit_price: Number,
}

/// `PromotionDetails` of an answer: there are no promotions.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PromotionDetails {
    promotion_detail: [(); 0],
}

impl PricedModules {
    /// For an answer: nothing is discounted.
    ///
    /// # Errors
    /// As [`amount_number`].
    pub fn details(&self) -> Result<ModuleDetails, CallError> {
        let detail = |(code, item): &(String, QuoteItem)| {
            Ok::<_, CallError>(ModuleDetail {
                module_code: code.clone(),
                original_cost: amount_number(item.amount)?,
                invoice_discount: amount_number(Money::ZERO)?,
                cost_after_discount: amount_number(item.amount)?,
                unit_price: amount_number(item.unit_price)?,
            })
        };
        Ok(ModuleDetails {
            module_detail: self.items.iter().map(detail).collect::<Result<_, _>>()?,
        })
    }
}

/// Whether an inquiry is about Kafka, paid for in the way that the operation prices.
///
/// # Errors
/// The parameter that says otherwise.
pub fn check_product(
    (product_code, product_type, subscription_type): (&str, Option<&str>, &str),
    priced: Subscription,
) -> Result<(), CallError> {
    if product_code != PRODUCT_CODE {
        return Err(invalid(
            "ProductCode",
            format!("{PRODUCT_CODE} is all that is sold here"),
        ));
    }
    if Subscription::parse(subscription_type)? != priced {
        return Err(invalid(
            "SubscriptionType",
            format!("this operation prices {}", priced.word()),
        ));
    }
    match product_type.unwrap_or_default() {
        "" => Ok(()),
        named if named == priced.product_type() => Ok(()),
        _ => Err(invalid(
            "ProductType",
            format!("must be {}", priced.product_type()),
        )),
    }
}

/// Prices the modules of an inquiry for a term. `region` is that of the request; the modules may name it too.
///
/// # Errors
/// A module or property that is not known, or what the catalog does not sell.
pub fn price_modules(
    catalog: &Catalog,
    modules: &[ModuleAsked<'_>],
    (named_region, home_region): (Option<&str>, &str),
    term: Term,
) -> Result<PricedModules, CallError> {
    let Inquiry {
        asked,
        mut properties,
    } = read(modules)?;
    if let Some(region) = named_region {
        let named = Properties::from_pairs(&[(Property::Region.code(), region)]);
        let joined = named.and_then(|named| properties.join(named));
        joined.map_err(|_| invalid("Region", "another than in the modules"))?;
    }
    let wrong = |fault: PropertyFault| invalid("ModuleList", fault.to_string());
    let prepaid = matches!(term, Term::Months(_));
    let mut request = properties
        .plan_request(prepaid, home_region)
        .map_err(wrong)?;
    let edition = request
        .edition
        .get_or_insert_with(|| catalog.defaults().edition.clone())
        .clone();
    if catalog.region(&request.region).is_none() {
        return Err(invalid("Region", "not on sale here, or not said"));
    }
    if catalog.edition(&edition).is_none() {
        return Err(invalid(
            "ModuleList",
            "the property SpecType is not on sale",
        ));
    }
    if !catalog.term_is_sold(&edition, request.site, term) {
        return Err(invalid("ModuleList", "not sold for this term"));
    }
    settle_counts(catalog, &mut request);
    let whole = match is_whole(&request) {
        true => {
            catalog
                .plan(&request)
                .map_err(|fault| wrong(fault.into()))?
                .modules
        }
        false => Vec::new(),
    };
    let mut items = Vec::with_capacity(asked.len());
    for (property, code) in asked {
        let of_plan = whole
            .iter()
            .find(|module| property_of(module) == Some(property));
        let module = match of_plan {
            Some(module) => module.clone(),
            None => single(catalog, &request, &edition, property).map_err(wrong)?,
        };
        let item = catalog.module_quote(&module, request.site, &request.region, term);
        items.push((
            code.to_owned(),
            item.map_err(|fault| invalid("ModuleList", fault.to_string()))?,
        ));
    }
    Ok(PricedModules {
        currency: currency(catalog, request.site)?,
        items,
    })
}

fn currency(catalog: &Catalog, site: Site) -> DomainResult<Currency> {
    catalog
        .currency(site)
        .ok_or_else(|| Error::internal("the catalog has no currency for the site"))
}

/// What an inquiry asks for.
struct Inquiry<'a> {
    /// The modules, with their codes as they were given.
    asked: Vec<(Property, &'a str)>,
    /// The properties of all of them together.
    properties: Properties,
}

fn read<'a>(modules: &[ModuleAsked<'a>]) -> Result<Inquiry<'a>, CallError> {
    if modules.is_empty() {
        return Err(missing("ModuleList"));
    }
    if modules.len() > MODULES_MAX {
        return Err(invalid(
            "ModuleList",
            format!("more than {MODULES_MAX} modules"),
        ));
    }
    let mut asked: Vec<(Property, &str)> = Vec::with_capacity(modules.len());
    let mut properties = Properties::default();
    for (number, module) in (1..).zip(modules) {
        let priced = Property::named(module.code).filter(|property| PRICED.contains(property));
        let property = priced.ok_or_else(|| {
            invalid(
                format!("ModuleList.{number}.ModuleCode"),
                "not a module of this product",
            )
        })?;
        if asked.iter().any(|(other, _)| *other == property) {
            return Err(invalid(
                format!("ModuleList.{number}.ModuleCode"),
                "given twice",
            ));
        }
        let config = || format!("ModuleList.{number}.Config");
        let of_module = Properties::from_config(module.config);
        let joined = of_module.and_then(|of_module| properties.join(of_module));
        joined.map_err(|fault| invalid(config(), fault.to_string()))?;
        asked.push((property, module.code));
    }
    Ok(Inquiry { asked, properties })
}

/// Properties that have a price.
pub const PRICED: [Property; 6] = [
    Property::PartitionNum,
    Property::TopicQuota,
    Property::IoMaxSpec,
    Property::IoMax,
    Property::DiskSize,
    Property::EipMax,
];

/// The properties that a module is configured by, the module's own last but the region.
pub const fn configured_by(module: Property) -> &'static [Property] {
    match module {
        Property::PartitionNum => &[
            Property::SpecType,
            Property::IoMaxSpec,
            Property::PartitionNum,
            Property::Region,
        ],
        Property::TopicQuota => &[
            Property::SpecType,
            Property::IoMaxSpec,
            Property::TopicQuota,
            Property::Region,
        ],
        Property::IoMaxSpec => &[Property::SpecType, Property::IoMaxSpec, Property::Region],
        Property::DiskSize => &[Property::DiskType, Property::DiskSize, Property::Region],
        Property::EipMax => &[Property::EipMax, Property::Region],
        _ => &[],
    }
}

/// Whether nothing is open that an order has to say.
fn is_whole(request: &PlanRequest) -> bool {
    (request.spec.is_some() || request.bandwidth_mbps.is_some())
        && (request.topics.is_some() || request.partitions.is_some())
        && request.disk_gb.is_some()
        && request.disk_type.is_some()
}

/// The property that asks for the price of a part of a plan.
const fn property_of(module: &Module) -> Option<Property> {
    match module {
        Module::Spec { .. } => Some(Property::IoMaxSpec),
        Module::Disk { .. } => Some(Property::DiskSize),
        Module::Topics { .. } => Some(Property::TopicQuota),
        Module::Partitions { .. } => Some(Property::PartitionNum),
        Module::Public { .. } => Some(Property::EipMax),
        Module::Bandwidth { .. } | Module::Nodes { .. } => None,
    }
}

/// One part by itself.
fn single(
    catalog: &Catalog,
    request: &PlanRequest,
    edition: &str,
    property: Property,
) -> Result<Module, PropertyFault> {
    let edition = edition.to_owned();
    let needed = |property| PropertyFault::Value {
        property,
        expected: "given for this module",
    };
    Ok(match property {
        Property::DiskSize => Module::Disk {
            edition,
            disk_type: request
                .disk_type
                .clone()
                .ok_or(needed(Property::DiskType))?,
            gb: at_least_zero(Property::DiskSize, request.disk_gb)?,
        },
        Property::EipMax => Module::Public {
            edition,
            mbit: request.public_mbit.unwrap_or(0).max(0),
        },
        Property::PartitionNum | Property::TopicQuota => {
            counts(catalog, request, edition, property)?
        }
        // All others are refused when the modules are read.
        _ => Module::Spec {
            code: spec_code(catalog, request, &edition)?,
            edition,
        },
    })
}

fn at_least_zero(property: Property, value: Option<i64>) -> Result<i64, PropertyFault> {
    value
        .filter(|value| *value >= 0)
        .ok_or(PropertyFault::Value {
            property,
            expected: "0 or more",
        })
}

/// Price tools say `PartitionNum:0` beside the topics that are bought: no partitions then, where an order that says
/// both has to mean the same by both.
fn settle_counts(catalog: &Catalog, request: &mut PlanRequest) {
    let conflict = PlanFault::Conflict {
        a: Field::Topics,
        b: Field::Partitions,
    };
    if request.partitions == Some(0) && catalog.counts_module(request) == Err(conflict) {
        request.partitions = None;
    }
}

/// Topics and partitions. An order is charged for one of the two, so the other costs nothing beside it; how many
/// topics are included depends on the row of the ladder.
fn counts(
    catalog: &Catalog,
    request: &PlanRequest,
    edition: String,
    property: Property,
) -> Result<Module, PropertyFault> {
    let by_partitions = request.partitions.is_some();
    let spec_is_known = request.spec.is_some() || request.bandwidth_mbps.is_some();
    match (property, by_partitions) {
        (Property::PartitionNum, false) if request.topics.is_some() => {
            Ok(Module::Partitions { edition, extra: 0 })
        }
        (Property::PartitionNum, false) => Err(PropertyFault::Value {
            property,
            expected: "given for this module",
        }),
        (Property::PartitionNum, true) if !spec_is_known => Ok(Module::Partitions {
            edition,
            extra: at_least_zero(property, request.partitions)?,
        }),
        (Property::PartitionNum, true) | (_, false) => Ok(catalog.counts_module(request)?),
        (_, true) => Ok(Module::Topics { edition, extra: 0 }),
    }
}

fn spec_code(
    catalog: &Catalog,
    request: &PlanRequest,
    edition: &str,
) -> Result<String, PropertyFault> {
    let by_bandwidth = || {
        let mbps = request.bandwidth_mbps?;
        catalog
            .specs(edition)
            .find(|spec| spec.bandwidth_mbps == mbps)
            .map(|spec| spec.code.clone())
    };
    let code = request.spec.clone().or_else(by_bandwidth);
    code.ok_or(PropertyFault::Value {
        property: Property::IoMaxSpec,
        expected: "a row of the catalog",
    })
}
