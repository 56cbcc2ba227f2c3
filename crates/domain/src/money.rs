//! Amounts of money: whole millionths of a currency unit, exact, never a float.
//!
//! The smallest published unit prices need six decimals (0.00034 a GB and hour), so one unit of
//! [`Money`] is 1e-6 of a currency unit, a *micro*. Sums are formed in 128 bits. Every division
//! happens in [`Money::ratio`], so that rounding has one home.
//!
//! ```
//! use brokerage_domain::money::{Money, Rounding};
//! let month: Money = "1990".parse().unwrap();
//! assert_eq!(month.ratio(12, 7200, Rounding::Up).unwrap().to_string(), "3.316667");
//! ```

#![deny(clippy::as_conversions, clippy::float_arithmetic)]

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Micros in one currency unit.
pub const MICROS_PER_UNIT: i64 = 1_000_000;

/// Micros in one minor unit (fen, cent: 1/100 of a currency unit).
pub const MICROS_PER_MINOR: i64 = 10_000;

/// Decimals that an amount can carry.
const DECIMALS_MAX: usize = 6;

/// Longest decimal text that is read as an amount: sign, 13 digits, point, 6 digits.
const TEXT_BYTES_MAX: usize = 21;

/// What an amount is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Currency {
    /// Renminbi.
    #[serde(rename = "CNY")]
    Cny,
    /// United States dollar.
    #[serde(rename = "USD")]
    Usd,
}

impl Currency {
    /// Every currency that an account can hold.
    pub const ALL: [Self; 2] = [Self::Cny, Self::Usd];

    /// The ISO 4217 code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cny => "CNY",
            Self::Usd => "USD",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::ALL
            .into_iter()
            .find(|currency| currency.code() == text)
            .ok_or(MoneyError::UnknownCurrency)
    }
}

/// What to do with the part of a micro (or of a minor unit) that a division leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Away from zero: a started micro counts whole. For prices, in favour of the seller.
    Up,
    /// Towards zero: a started micro does not count. For refunds, in favour of the seller.
    Down,
    /// To the nearest, a half away from zero. For showing an amount in coarser units.
    HalfUp,
}

/// Why an amount could not be formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a plain decimal number of at most six decimals.
    #[error("not a decimal amount with at most six decimals")]
    NotDecimal,
    /// Beyond what 64 bits of micros can hold.
    #[error("the amount is too large")]
    TooLarge,
    /// A division by zero.
    #[error("an amount cannot be divided by zero")]
    DividedByZero,
    /// A currency code that no account can hold.
    #[error("not a known currency code")]
    UnknownCurrency,
}

/// An amount of money in micros (1e-6 of a currency unit); the currency stands beside it.
///
/// As text and in JSON it is an exact decimal (`"2.42"`), so that no reader turns it into a float.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount of so many micros.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// An amount of so many whole currency units.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn from_units(units: i64) -> Result<Self, MoneyError> {
        Self::from_micros(MICROS_PER_UNIT).checked_mul(units)
    }

    /// An amount of so many minor units (fen, cents).
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn from_minor(minor: i64) -> Result<Self, MoneyError> {
        Self::from_micros(MICROS_PER_MINOR).checked_mul(minor)
    }

    /// The amount in micros, the unit of the ledger.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The amount in minor units (fen, cents), for vendor answers that count in them.
    pub fn to_minor(self, rounding: Rounding) -> i64 {
        // A quotient of an i64 by ten thousand, rounded, stays within an i64.
        self.ratio(1, MICROS_PER_MINOR, rounding)
            .map_or(0, Self::micros)
    }

    /// Whether the amount is exactly zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(MoneyError::TooLarge)
    }

    /// The difference of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_sub(other.0)
            .map(Self)
            .ok_or(MoneyError::TooLarge)
    }

    /// The amount so many times.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn checked_mul(self, times: i64) -> Result<Self, MoneyError> {
        self.0
            .checked_mul(times)
            .map(Self)
            .ok_or(MoneyError::TooLarge)
    }

    /// The same amount with the other sign.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] for the lowest amount, which has no counterpart.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.0.checked_neg().map(Self).ok_or(MoneyError::TooLarge)
    }

    /// The sum of many amounts, formed in 128 bits: only the result has to fit.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        let total: i128 = amounts.into_iter().map(|amount| i128::from(amount.0)).sum();
        i64::try_from(total)
            .map(Self)
            .map_err(|_| MoneyError::TooLarge)
    }

    /// `self × numerator / denominator`, rounded to a micro: the one place where money is rounded.
    ///
    /// # Errors
    /// [`MoneyError::DividedByZero`], and [`MoneyError::TooLarge`] when the result does not fit.
    pub fn ratio(
        self,
        numerator: i64,
        denominator: i64,
        rounding: Rounding,
    ) -> Result<Self, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::DividedByZero);
        }
        let product = i128::from(self.0) * i128::from(numerator);
        let divisor = i128::from(denominator);
        let quotient = product / divisor;
        let rest = (product % divisor).abs();
        let away = match rounding {
            Rounding::Up => rest != 0,
            Rounding::Down => false,
            Rounding::HalfUp => rest * 2 >= divisor.abs(),
        };
        let step = if (product < 0) == (divisor < 0) {
            1
        } else {
            -1
        };
        let rounded = if away { quotient + step } else { quotient };
        i64::try_from(rounded)
            .map(Self)
            .map_err(|_| MoneyError::TooLarge)
    }

    /// The amount as decimal text with at least `decimals_min` decimals (at most six are ever shown).
    pub fn to_decimal(self, decimals_min: usize) -> String {
        let magnitude = self.0.unsigned_abs();
        let unit = MICROS_PER_UNIT.unsigned_abs();
        let fraction = format!("{:06}", magnitude % unit);
        let shown = fraction
            .trim_end_matches('0')
            .len()
            .max(decimals_min.min(DECIMALS_MAX));
        let sign = if self.0 < 0 { "-" } else { "" };
        let point = if shown == 0 { "" } else { "." };
        format!("{sign}{}{point}{}", magnitude / unit, &fraction[..shown])
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_decimal(0))
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads plain decimal text, exactly: no exponent, no blanks, no plus sign, at most six decimals.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(MoneyError::NotDecimal);
        }
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || fraction.len() > DECIMALS_MAX {
            return Err(MoneyError::NotDecimal);
        }
        let micros: i128 = format!("{whole}{fraction:0<DECIMALS_MAX$}")
            .parse()
            .map_err(|_| MoneyError::TooLarge)?;
        let signed = if negative { -micros } else { micros };
        i64::try_from(signed)
            .map(Self)
            .map_err(|_| MoneyError::TooLarge)
    }
}

impl TryFrom<String> for Money {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Money> for String {
    fn from(amount: Money) -> Self {
        amount.to_decimal(0)
    }
}

#[cfg(test)]
mod tests;
