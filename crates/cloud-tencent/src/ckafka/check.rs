//! Checks of single parameters, with the codes that CKafka's pages name.

use std::fmt::Display;
use std::ops::RangeInclusive;

use brokerage_domain::catalog::Terms;
use brokerage_domain::instance::{Instance, Tags};
use brokerage_wire::fault::{CallError, Fault, invalid};

use crate::ckafka::convert::Tag;

pub use brokerage_wire::params::given;

/// Tencent Cloud answers everything with status 200.
const STATUS: u16 = 200;

/// A parameter that was given and is empty ("The parameter is required").
pub fn not_allowed_empty(name: &str) -> CallError {
    let message = format!("The parameter `{name}` is required.");
    Fault::new("InvalidParameterValue.NotAllowedEmpty", STATUS, message).into()
}

/// A value that is of the right type and outside what is allowed.
pub fn value(name: &str, reason: impl Display) -> CallError {
    Fault::new(
        "InvalidParameterValue",
        STATUS,
        format!("The parameter `{name}` {reason}."),
    )
    .into()
}

/// Something that is named twice ("The parameter already exists").
pub fn repetition(message: impl Into<String>) -> CallError {
    Fault::new("InvalidParameterValue.RepetitionValue", STATUS, message).into()
}

/// Something that is known and not done here.
pub fn unsupported(message: impl Into<String>) -> CallError {
    Fault::new("UnsupportedOperation", STATUS, message).into()
}

/// A required text, which may not be empty.
///
/// # Errors
/// [`not_allowed_empty`], if it is empty.
pub fn filled(name: &str, text: &str) -> Result<(), CallError> {
    if text.is_empty() {
        Err(not_allowed_empty(name))
    } else {
        Ok(())
    }
}

/// A number in a range.
///
/// # Errors
/// [`value`], with the range, if it is outside.
pub fn within(name: &str, number: i64, range: RangeInclusive<i64>) -> Result<i64, CallError> {
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(value(
            name,
            format!("must be from {} to {}", range.start(), range.end()),
        ))
    }
}

/// A switch that travels as 0 or 1.
///
/// # Errors
/// [`value`], for any other number.
pub fn switch(name: &str, number: i64) -> Result<bool, CallError> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(value(name, "must be 0 or 1")),
    }
}

/// One of some words.
///
/// # Errors
/// [`value`], with the words, for any other.
pub fn word<'a>(name: &str, text: &'a str, words: &[&str]) -> Result<&'a str, CallError> {
    if words.contains(&text) {
        Ok(text)
    } else {
        // Some words have commas themselves.
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        Err(value(name, format!("must be one of {}", words.join(", "))))
    }
}

/// Most `Values` of one filter ("at most 10 values").
const FILTER_VALUES_MAX: usize = 10;

/// Filters, each as its name and its number of values.
///
/// # Errors
/// A name that is not known, which would find nothing in silence; more values than one may have.
pub fn check_filters<'a>(
    filters: impl IntoIterator<Item = (&'a str, usize)>,
    known: &[&str],
) -> Result<(), CallError> {
    let refused = |message| Fault::new("InvalidFilter", STATUS, message).into();
    for (name, values) in filters {
        if !known.contains(&name) {
            let known = known.join(", ");
            return Err(refused(format!(
                "`Filters` has the name {name:?}: it is one of {known}."
            )));
        }
        if values > FILTER_VALUES_MAX {
            return Err(refused(format!(
                "`Filters` has more than {FILTER_VALUES_MAX} values of {name}."
            )));
        }
    }
    Ok(())
}

/// A number of months that is sold.
///
/// # Errors
/// [`value`], for any other.
pub fn months(name: &str, number: i64, terms: &Terms) -> Result<u32, CallError> {
    let months = u32::try_from(number).ok();
    let sold = months.filter(|months| terms.months.contains(months));
    sold.ok_or_else(|| value(name, "is not a number of months that is sold"))
}

/// A term as a text, `1m` to `36m`.
///
/// # Errors
/// [`value`], for another form, and for months that are not sold.
pub fn period(name: &str, text: &str, terms: &Terms) -> Result<u32, CallError> {
    let digits = text.strip_suffix('m');
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    let number = number.ok_or_else(|| value(name, "must be a number of months, such as 1m"))?;
    months(name, number, terms)
}

/// An instance that is paid for in advance. The code is the vendor's for an action that does not fit.
///
/// # Errors
/// `InvalidParameterValue.WrongAction`, for one that is paid by the hour.
pub fn prepaid(instance: &Instance) -> Result<(), CallError> {
    if instance.charge.is_prepaid() {
        return Ok(());
    }
    let message = format!("The instance {} is not prepaid.", instance.id);
    Err(Fault::new("InvalidParameterValue.WrongAction", STATUS, message).into())
}

/// A list of tags under the name `list`, each key once.
///
/// # Errors
/// [`invalid`] for an empty key, by its place in the list, and [`repetition`] for a key that is given twice.
pub fn tags(list_name: &str, list: Option<Vec<Tag>>) -> Result<Tags, CallError> {
    let mut tags = Tags::new();
    for (at, Tag { tag_key, tag_value }) in list.unwrap_or_default().into_iter().enumerate() {
        if tag_key.is_empty() {
            return Err(invalid(format!("{list_name}.{at}.TagKey"), "is empty"));
        }
        if tags.insert(tag_key.clone(), tag_value).is_some() {
            return Err(repetition(format!("The tag key {tag_key} is given twice.")));
        }
    }
    Ok(tags)
}
