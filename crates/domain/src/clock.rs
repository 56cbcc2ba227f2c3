//! The only place where time is read.
//!
//! *Business time* stamps orders, charges, expiry and timers. *Real time* is for signatures, leases, time-outs and the Kafka log; only tests freeze it. See [`Clocks`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// From microseconds since 1970 UTC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since 1970 UTC.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970 UTC, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since 1970 UTC, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The moment `seconds` later (earlier when negative).
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Calendar months later, clipped to the end of the month (31 January + 1 month = 28 or 29 February),
    /// in UTC. Prepaid terms are counted so.
    pub fn plus_months(self, months: u32) -> Self {
        self.shifted_by_months(i64::from(months))
    }

    /// Calendar months earlier, clipped as in [`Self::plus_months`].
    pub fn minus_months(self, months: u32) -> Self {
        self.shifted_by_months(-i64::from(months))
    }

    fn shifted_by_months(self, months: i64) -> Self {
        let day_us = 86_400 * 1_000_000;
        let (days, rest) = (self.0.div_euclid(day_us), self.0.rem_euclid(day_us));
        let (year, month, day) = civil_from_days(days);
        let total = (year * 12 + i64::from(month) - 1) + months;
        let (year, month0) = (total.div_euclid(12), total.rem_euclid(12));
        let month = u32::try_from(month0).unwrap_or(0) + 1;
        let day = day.min(days_in_month(year, month));
        Self(days_from_civil(year, month, day) * day_us + rest)
    }

    /// `(year, month, day, hour, minute, second)` in UTC.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32) {
        let seconds = self.seconds();
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let rest = u32::try_from(rest).unwrap_or(0);
        (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
    }

    /// `YYYY-MM-DDTHH:MM:SSZ`.
    pub fn iso(self) -> String {
        let (y, mo, d, h, mi, s) = self.civil();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
    }
}

/// Days since 1970-01-01 to the proleptic Gregorian date, by counting in eras of 400 years.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = u32::try_from(day_of_year - (153 * month_index + 2) / 5 + 1).unwrap_or(1);
    let month = u32::try_from(if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    })
    .unwrap_or(1);
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_index = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * month_index + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Something that tells the time.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Moment {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is set: for tests and for replaying recorded requests.
#[derive(Debug, Default)]
pub struct FrozenClock(AtomicI64);

impl FrozenClock {
    /// A clock standing at `moment`.
    pub fn at(moment: Moment) -> Self {
        Self(AtomicI64::new(moment.micros()))
    }

    /// Moves the hands to `moment`.
    pub fn set(&self, moment: Moment) {
        self.0.store(moment.micros(), Ordering::SeqCst);
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }
}

/// The two clocks of a running system.
#[derive(Clone)]
pub struct Clocks {
    /// Stamps orders, charges, expiry and timers.
    pub business: Arc<dyn Clock>,
    /// Checks signatures, sessions and leases.
    pub real: Arc<dyn Clock>,
}

impl Clocks {
    /// Both clocks are the machine's.
    pub fn system() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self {
            business: clock.clone(),
            real: clock,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_utc_text() {
        let check =
            |seconds: i64, text: &str| assert_eq!(Moment::from_seconds(seconds).iso(), text);
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_795_405_773, "2026-11-23T03:49:33Z");
        check(-1, "1969-12-31T23:59:59Z");
    }

    #[test]
    fn months_are_calendar_months_clipped_to_the_month_end() {
        let at = |y, m, d| Moment::from_seconds(days_from_civil(y, m, d) * 86_400 + 3_600);
        assert_eq!(at(2024, 1, 31).plus_months(1), at(2024, 2, 29));
        assert_eq!(at(2023, 12, 31).plus_months(2), at(2024, 2, 29));
        assert_eq!(at(2026, 11, 23).plus_months(12), at(2027, 11, 23));
    }

    proptest::proptest! {
        #[test]
        fn days_and_dates_are_inverse(days in -800_000i64..800_000) {
            let (y, m, d) = civil_from_days(days);
            proptest::prop_assert_eq!(days_from_civil(y, m, d), days);
        }
    }
}
