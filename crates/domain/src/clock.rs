//! The only place where time is read.
//!
//! *Business time* stamps orders, charges, expiry and timers. *Real time* is for signatures, leases, time-outs and the
//! Kafka log; only tests freeze it. See [`Clocks`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// More months than the calendar has.
const MONTHS_MAX: i64 = 2 * 12 * 9_999;

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
        let months = months.clamp(-MONTHS_MAX, MONTHS_MAX).months();
        let shifted = self.datetime().saturating_add(months);
        let out_of_range = |_| bound(shifted.year().into());
        let at = Offset::UTC
            .to_timestamp(shifted)
            .unwrap_or_else(out_of_range);
        Self(at.as_microsecond())
    }

    /// The calendar's view, in UTC. The calendar has the years from -9999 to 9999; what is beyond counts as its end.
    fn datetime(self) -> DateTime {
        let at = Timestamp::from_microsecond(self.0).unwrap_or_else(|_| bound(self.0));
        Offset::UTC.to_datetime(at)
    }

    /// `(year, month, day, hour, minute, second)` in UTC.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32) {
        let at = self.datetime();
        let part = |part: i8| u32::from(part.unsigned_abs());
        (
            at.year().into(),
            part(at.month()),
            part(at.day()),
            part(at.hour()),
            part(at.minute()),
            part(at.second()),
        )
    }

    /// The moment of such a text as [`Self::iso`] writes.
    pub fn from_iso(text: &str) -> Option<Self> {
        let at: Timestamp = text.parse().ok()?;
        Some(Self(at.as_microsecond()))
    }

    /// `YYYY-MM-DDTHH:MM:SSZ`.
    pub fn iso(self) -> String {
        let (y, mo, d, h, mi, s) = self.civil();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
    }
}

/// The end of the calendar on the side of a number's sign.
fn bound(side: i64) -> Timestamp {
    if side < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    }
}

/// A source of the time.
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
        let at = |text: &str| Moment(text.parse::<Timestamp>().unwrap().as_microsecond());
        let check = |from: &str, months: u32, to: &str| {
            assert_eq!(at(from).plus_months(months), at(to), "{from} + {months}");
        };
        check("2024-01-31T01:00:00Z", 1, "2024-02-29T01:00:00Z");
        check("2023-12-31T01:00:00Z", 2, "2024-02-29T01:00:00Z");
        check(
            "2026-11-23T01:00:00.000001Z",
            12,
            "2027-11-23T01:00:00.000001Z",
        );
        let back = at("2024-03-31T01:00:00Z").minus_months(13);
        assert_eq!(back, at("2023-02-28T01:00:00Z"));
    }

    #[test]
    fn what_is_beyond_the_calendar_counts_as_its_end() {
        let last = Moment(Timestamp::MAX.as_microsecond());
        assert_eq!(Moment(0).plus_months(u32::MAX), last);
        assert_eq!(Moment(i64::MAX).plus_months(1), last);
        assert_eq!(Moment(i64::MAX).civil(), last.civil());
        let first = Moment(Timestamp::MIN.as_microsecond());
        assert_eq!(Moment(0).minus_months(u32::MAX), first);
        assert_eq!(Moment(i64::MIN).civil(), first.civil());
    }

    proptest::proptest! {
        /// Counted by hand: the month is that many later, and the day and the time stay unless the month is too short.
        #[test]
        fn months_move_nothing_else(us in -6_000_000_000_000_000i64..200_000_000_000_000_000, months in 0u32..2_000) {
            let (from, to) = (Moment(us), Moment(us).plus_months(months));
            let ((year, month, day, ..), (to_year, to_month, to_day, ..)) = (from.civil(), to.civil());
            let index = |year: i64, month: u32| year * 12 + i64::from(month);
            proptest::prop_assert_eq!(index(to_year, to_month), index(year, month) + i64::from(months));
            let day_us = 86_400_000_000;
            proptest::prop_assert_eq!(to.0.rem_euclid(day_us), us.rem_euclid(day_us));
            let is_last = Moment(to.0 + day_us).civil().1 != to_month;
            proptest::prop_assert!(to_day == day || (to_day < day && is_last));
        }
    }
}
