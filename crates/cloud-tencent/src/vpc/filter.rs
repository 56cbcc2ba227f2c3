//! What narrows a list of networks or subnets.

use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::page::Page;
use brokerage_wire::params::Lenient;
use serde::Deserialize;

use crate::ckafka::answer::page;
use crate::ckafka::check;

/// Most `Filters`, and most `Values` of one.
const FILTERS_MAX: usize = 10;
const VALUES_MAX: usize = 100;

/// A filter: its name and the values of which one has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    name: String,
    values: Vec<String>,
}

/// Checks `ids` (under the parameter `ids_name`) and `filters`, which exclude each other, and the filters' names.
///
/// # Errors
/// The vendor's refusals.
pub fn check_filters(
    ids_name: &str,
    ids: &[String],
    filters: &[Filter],
    known: &[&str],
) -> Result<(), CallError> {
    if !ids.is_empty() && !filters.is_empty() {
        let message = format!("`{ids_name}` and `Filters` cannot be given together.");
        return Err(Fault::new("InvalidParameter.Coexist", 200, message).into());
    }
    if filters.len() > FILTERS_MAX
        || filters
            .iter()
            .any(|filter| filter.values.len() > VALUES_MAX)
    {
        let reason =
            format!("has more than {FILTERS_MAX} entries, or one of more than {VALUES_MAX} values");
        return Err(check::value("Filters", reason));
    }
    let is_known =
        |filter: &&Filter| known.contains(&filter.name.as_str()) || filter.name.starts_with("tag:");
    match filters.iter().find(|filter| !is_known(filter)) {
        Some(filter) => Err(check::value(
            "Filters",
            format!(
                "has the unknown name {:?}: it is one of {}, tag:KEY",
                filter.name,
                known.join(", ")
            ),
        )),
        None => Ok(()),
    }
}

/// The page that `Offset` and `Limit` name, which travel as text from some SDKs and as numbers from others.
pub fn asked_page(
    offset: Option<Lenient<i64>>,
    limit: Option<Lenient<i64>>,
    limit_default: i64,
    limit_max: i64,
) -> Page {
    let number = |asked: Option<Lenient<i64>>| asked.map(|Lenient(number)| number);
    page(number(offset), number(limit), limit_default, limit_max)
}

/// The values of the filters on a name that a part of it is enough for.
pub fn named_in_part(filters: &[Filter], filter: &str, name: &str) -> Vec<String> {
    let values = filters.iter().filter(|of| of.name == filter);
    let values = values.flat_map(|of| of.values.clone());
    values.filter(|part| name.contains(part)).collect()
}

/// Whether something passes all filters; `values_of` gives its values for the name of a filter.
pub fn passes(filters: &[Filter], values_of: impl Fn(&str) -> Vec<String>) -> bool {
    let fits = |filter: &Filter| {
        values_of(&filter.name)
            .iter()
            .any(|value| filter.values.contains(value))
    };
    filters.iter().all(fits)
}
