//! Looking up the price column of a row: which site, which region group, which unit of time.

use super::load::Catalog;
use super::request::Site;
use super::schema::{Addon, AddonKind, BandPrice, HourFromMonth, Price, TermUnit};
use crate::money::{Money, MoneyError, Rounding};

/// Where and in which unit of time something is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub site: Site,
    pub group: u32,
    pub unit: TermUnit,
}

impl HourFromMonth {
    fn hour(&self, month: Money) -> Result<Money, MoneyError> {
        month.ratio(self.numerator, self.denominator, Rounding::Up)
    }
}

impl Catalog {
    /// The price of one unit in a column. An hour that no list gives follows from the month.
    pub(super) fn price_in(
        &self,
        prices: &[Price],
        column: Column,
    ) -> Result<Option<Money>, MoneyError> {
        let row = prices
            .iter()
            .find(|price| price.site == column.site && price.group == column.group);
        let Some(row) = row else { return Ok(None) };
        match (column.unit, row.hour, row.month) {
            (TermUnit::Month, _, month) => Ok(month),
            (TermUnit::Hour, Some(hour), _) => Ok(Some(hour)),
            (TermUnit::Hour, None, Some(month)) => self.derived_hour(month),
            (TermUnit::Hour, None, None) => Ok(None),
        }
    }

    /// The price of a bandwidth that lies `steps` steps above the beginning of its band.
    pub(super) fn band_price_in(
        &self,
        prices: &[BandPrice],
        steps: i64,
        column: Column,
    ) -> Result<Option<Money>, MoneyError> {
        let row = prices
            .iter()
            .find(|price| price.site == column.site && price.group == column.group);
        let Some(row) = row else { return Ok(None) };
        let month = row.base.checked_add(row.per_step.checked_mul(steps)?)?;
        match column.unit {
            TermUnit::Month => Ok(Some(month)),
            TermUnit::Hour => self.derived_hour(month),
        }
    }

    fn derived_hour(&self, month: Money) -> Result<Option<Money>, MoneyError> {
        self.file
            .hour_from_month
            .as_ref()
            .map(|rule| rule.hour(month))
            .transpose()
    }

    /// The addon row that prices something for an edition (and, for disk, a disk type).
    pub(super) fn addon(
        &self,
        kind: AddonKind,
        edition: &str,
        disk_type: Option<&str>,
    ) -> Option<&Addon> {
        let applies = |list: &Option<Vec<String>>, code: Option<&str>| match list {
            None => true,
            Some(codes) => codes.iter().any(|listed| Some(listed.as_str()) == code),
        };
        self.file.addon.iter().find(|addon| {
            addon.kind == kind
                && applies(&addon.editions, Some(edition))
                && applies(&addon.disk_types, disk_type)
        })
    }
}
