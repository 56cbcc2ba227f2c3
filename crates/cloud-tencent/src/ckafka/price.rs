//! Amounts in CKafka's answers: JSON numbers.

use brokerage_domain::Error;
use brokerage_domain::catalog::{ItemKind, Quote, RateFault, Term};
use brokerage_domain::money::{Money, MoneyError};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

/// `Discount`, percent: there is none.
pub const DISCOUNT: f64 = 100.0;

/// An amount as a JSON number. The nearest 64-bit number to an amount prints as that amount again, to the last
/// millionth, up to eight thousand million units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(pub Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: f64 = self.0.to_decimal(1).parse().map_err(S::Error::custom)?;
        serializer.serialize_f64(number)
    }
}

/// `InquiryPrice`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InquiryPrice {
    unit_price: Amount,
    unit_price_discount: Amount,
    original_price: Amount,
    discount_price: Amount,
    discount: f64,
    goods_num: u32,
    currency: &'static str,
    disk_type: Option<String>,
    time_span: i64,
    time_unit: &'static str,
    value: Option<i64>,
    detail_prices: Option<DetailPrices>,
}

/// `InquiryDetailPrice`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DetailPrices {
    bandwidth_price: Option<BasePrice>,
    disk_price: Option<BasePrice>,
    partition_price: Option<BasePrice>,
    topic_price: Option<BasePrice>,
    instance_type_price: BasePrice,
}

/// `InquiryBasePrice`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BasePrice {
    unit_price: Amount,
    unit_price_discount: Amount,
    original_price: Amount,
    discount_price: Amount,
    discount: f64,
    goods_num: u32,
    currency: &'static str,
    disk_type: Option<String>,
    time_span: i64,
    time_unit: &'static str,
    value: i64,
}

/// What is shown beside the quote.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The disk type as it was asked for.
    pub disk_type: String,
    /// GB.
    pub disk_gb: i64,
    /// MB/s.
    pub bandwidth_mbps: i64,
    /// In all, the included ones among them.
    pub partitions: i64,
    /// Whether the figures are those of a package.
    pub package: bool,
    /// Mbit/s, beyond the free part.
    pub public_mbit: i64,
}

fn term_words(term: Term) -> (i64, &'static str) {
    (
        term.periods(),
        if matches!(term, Term::Hour) { "h" } else { "m" },
    )
}

fn internal(error: MoneyError) -> Error {
    Error::Rate(RateFault::Money(error))
}

/// The price of the instances without their public bandwidth, with its parts.
///
/// # Errors
/// [`Error::Rate`] for sums that cannot be expressed.
pub fn instance_price(quote: &Quote, shown: &Shown) -> Result<InquiryPrice, Error> {
    let public = quote.amount_of(ItemKind::Public).map_err(internal)?;
    let one = quote.instance_total.checked_sub(public).map_err(internal)?;
    let part = |kind: ItemKind, value: i64| base_price(quote, kind, value);
    let base = part(ItemKind::Base, shown.bandwidth_mbps)?;
    let mut disk = part(ItemKind::Disk, shown.disk_gb)?;
    disk.disk_type = Some(shown.disk_type.clone());
    // A package is priced by its type, everything else by its bandwidth.
    let (bandwidth_price, instance_type_price) = if shown.package {
        (None, base)
    } else {
        (Some(base), priced(quote, Money::ZERO, 0)?)
    };
    let mut price = price_of(quote, one)?;
    price.disk_type = Some(shown.disk_type.clone());
    price.detail_prices = Some(DetailPrices {
        bandwidth_price,
        disk_price: Some(disk),
        partition_price: if shown.package {
            None
        } else {
            Some(part(ItemKind::Partitions, shown.partitions)?)
        },
        // Topics come without a price of their own.
        topic_price: None,
        instance_type_price,
    });
    Ok(price)
}

/// The price of the public bandwidth.
///
/// # Errors
/// As [`instance_price`].
pub fn public_price(quote: &Quote, shown: &Shown) -> Result<InquiryPrice, Error> {
    let one = quote.amount_of(ItemKind::Public).map_err(internal)?;
    let mut price = price_of(quote, one)?;
    price.value = Some(shown.public_mbit);
    Ok(price)
}

fn base_price(quote: &Quote, kind: ItemKind, value: i64) -> Result<BasePrice, Error> {
    priced(quote, quote.amount_of(kind).map_err(internal)?, value)
}

/// A part of the price: `one` is what it costs in one instance for the term.
fn priced(quote: &Quote, one: Money, value: i64) -> Result<BasePrice, Error> {
    let whole = price_of(quote, one)?;
    Ok(BasePrice {
        unit_price: whole.unit_price,
        unit_price_discount: whole.unit_price_discount,
        original_price: whole.original_price,
        discount_price: whole.discount_price,
        discount: whole.discount,
        goods_num: whole.goods_num,
        currency: whole.currency,
        disk_type: None,
        time_span: whole.time_span,
        time_unit: whole.time_unit,
        value,
    })
}

/// `UnitPrice` is for one instance and one hour or month, `OriginalPrice` for all of them and the whole term.
fn price_of(quote: &Quote, one: Money) -> Result<InquiryPrice, Error> {
    let (time_span, time_unit) = term_words(quote.term);
    // The term's amount is the period's times their number, so that this leaves nothing over.
    let unit = one
        .ratio(1, time_span.max(1), brokerage_domain::money::Rounding::Up)
        .map_err(internal)?;
    let all = one
        .checked_mul(i64::from(quote.quantity))
        .map_err(internal)?;
    Ok(InquiryPrice {
        unit_price: Amount(unit),
        unit_price_discount: Amount(unit),
        original_price: Amount(all),
        discount_price: Amount(all),
        discount: DISCOUNT,
        goods_num: quote.quantity,
        currency: quote.currency.code(),
        disk_type: None,
        time_span,
        time_unit,
        value: None,
        detail_prices: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Eight thousand million units: from 2^33 on, two neighbouring 64-bit numbers are further apart than a millionth.
    const EXACT_MICROS_MAX: i64 = 8_000_000_000_000_000;

    proptest! {
        #[test]
        fn an_amount_is_a_number_that_reads_back_exactly(
            micros in prop_oneof![-EXACT_MICROS_MAX..EXACT_MICROS_MAX, -2_000_000_i64..2_000_000],
        ) {
            let amount = Money::from_micros(micros);
            let text = serde_json::to_string(&Amount(amount)).unwrap();
            let read: f64 = text.parse().unwrap();
            prop_assert_eq!(format!("{read:.6}").parse::<Money>().ok(), Some(amount), "{}", text);
        }
    }
}
