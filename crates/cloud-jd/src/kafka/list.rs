//! What the vendor's lists have in common: pages, and filters on named fields.

use serde::Deserialize;

use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::page::Page;

/// Largest `pageSize`. Ours for Kafka; the pages of VPC say 100.
pub const PAGE_SIZE_MAX: i64 = 100;
/// The one comparison that there is.
const EQUALS: &str = "eq";

/// A filter: an item passes when its field agrees with one of the values.
#[derive(Debug, Deserialize)]
pub struct Filter {
    name: String,
    operator: Option<String>,
    values: Vec<String>,
}

/// A filter on tags: an item passes when its tag of this key has one of the values.
#[derive(Debug, Deserialize)]
pub struct TagFilter {
    /// Key of the tag.
    pub key: String,
    /// Accepted values.
    pub values: Vec<String>,
}

/// A field that a list can be filtered by.
pub struct FilterField<T> {
    /// The vendor's name of it.
    pub name: &'static str,
    /// Whether several values may be given.
    pub many: bool,
    /// Whether an item agrees with a value.
    pub agrees: fn(&T, &str) -> bool,
}

/// Whether an item passes every filter.
///
/// # Errors
/// A filter on a field that is not in `fields`, with another operator than `eq`, without a value, or with more than
/// its field takes.
pub fn passes<'a, T>(
    filters: &'a [Filter],
    fields: &'a [FilterField<T>],
) -> Result<impl Fn(&T) -> bool + Send + Sync + 'a, CallError> {
    let mut rules = Vec::with_capacity(filters.len());
    for (at, filter) in (1..).zip(filters) {
        let field = fields.iter().find(|field| field.name == filter.name);
        let field = field.ok_or_else(|| {
            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
            invalid(
                format!("filters.{at}.name"),
                format!("must be one of {}", names.join(", ")),
            )
        })?;
        let operator = filter.operator.as_deref().filter(|text| !text.is_empty());
        if operator.is_some_and(|operator| operator != EQUALS) {
            return Err(invalid(
                format!("filters.{at}.operator"),
                format!("must be {EQUALS}"),
            ));
        }
        if filter.values.is_empty() || (!field.many && filter.values.len() > 1) {
            let count = if field.many {
                "needs a value"
            } else {
                "needs exactly one value"
            };
            return Err(invalid(format!("filters.{at}.values"), count));
        }
        rules.push((filter, field.agrees));
    }
    Ok(move |item: &T| {
        let mut rules = rules.iter();
        rules.all(|(filter, agrees)| filter.values.iter().any(|value| agrees(item, value)))
    })
}

/// Keeps the items that pass every filter.
///
/// # Errors
/// As [`passes`].
pub fn retain<T>(
    items: &mut Vec<T>,
    filters: &[Filter],
    fields: &[FilterField<T>],
) -> Result<(), CallError> {
    let passes = passes(filters, fields)?;
    items.retain(passes);
    Ok(())
}

impl Filter {
    /// The values that a field may have.
    pub fn values_of<'a>(filters: &'a [Self], name: &str) -> Option<&'a [String]> {
        let found = filters.iter().find(|filter| filter.name == name)?;
        Some(&found.values)
    }
}

/// The page that was asked for; the first of `size_default` when nothing was said.
///
/// # Errors
/// A number below 1, or a size outside 1 to [`PAGE_SIZE_MAX`].
pub fn page(number: Option<i64>, size: Option<i64>, size_default: i64) -> Result<Page, CallError> {
    let number = usize::try_from(number.unwrap_or(1))
        .ok()
        .filter(|number| *number > 0);
    let size = size.unwrap_or(size_default);
    if !(1..=PAGE_SIZE_MAX).contains(&size) {
        return Err(invalid(
            "pageSize",
            format!("must be from 1 to {PAGE_SIZE_MAX}"),
        ));
    }
    Ok(Page::numbered(
        number.ok_or_else(|| invalid("pageNumber", "must be 1 or more"))?,
        usize::try_from(size).unwrap_or(1),
    ))
}

#[cfg(test)]
mod tests {

    use super::*;

    const FIELDS: &[FilterField<i64>] = &[
        FilterField {
            name: "is",
            many: true,
            agrees: |item, value| item.to_string() == value,
        },
        FilterField {
            name: "holds",
            many: false,
            agrees: |item, value| item.to_string().contains(value),
        },
    ];

    fn filter(name: &str, operator: Option<&str>, values: &[&str]) -> Filter {
        Filter {
            name: name.into(),
            operator: operator.map(str::to_owned),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    #[test]
    fn filters_are_joined_and_their_values_are_alternatives() {
        let check = |filters: &[Filter], expected: Result<&[i64], &str>| {
            let mut items = vec![1, 10, 11, 2];
            let outcome = retain(&mut items, filters, FIELDS).map_err(|error| error.to_string());
            match (outcome, expected) {
                (Ok(()), Ok(left)) => assert_eq!(items, left, "{filters:?}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
                other => panic!("{filters:?}: {other:?}"),
            }
        };
        check(&[], Ok(&[1, 10, 11, 2]));
        check(&[filter("is", Some("eq"), &["2", "10"])], Ok(&[10, 2]));
        check(
            &[
                filter("holds", None, &["1"]),
                filter("is", Some(""), &["10", "2"]),
            ],
            Ok(&[10]),
        );
        check(
            &[filter("holds", None, &["1", "2"])],
            Err("filters.1.values"),
        );
        check(
            &[filter("is", None, &["1"]), filter("is", None, &[])],
            Err("filters.2.values"),
        );
        check(
            &[filter("is", Some("ne"), &["1"])],
            Err("filters.1.operator"),
        );
        check(
            &[filter("other", None, &["1"])],
            Err("must be one of is, holds"),
        );
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        for (number, size) in [
            (Some(0), None),
            (Some(-1), None),
            (None, Some(0)),
            (None, Some(101)),
        ] {
            assert!(page(number, size, 10).is_err(), "{number:?} {size:?}");
        }
        assert_eq!(page(None, None, 10).unwrap(), Page::numbered(1, 10));
    }
}
