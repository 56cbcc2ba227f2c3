//! Typed identifiers, and the one seeded source of chance that new ones are drawn from.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::clock::Moment;

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an identifier that was made elsewhere (a dialect's form, a stored row).
            pub fn new(text: impl Into<String>) -> Self { Self(text.into()) }
            /// The identifier's text.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    )*};
}

text_id! {
    /// Who pays.
    AccountId;
    /// The public half of an access key.
    AccessKeyId;
    /// One purchase, in the form that its dialect shows.
    OrderId;
    /// One bought Kafka cluster, in the form that its dialect shows: `[a-z0-9_-]` only.
    InstanceId;
    /// A private network.
    NetworkId;
    /// A subnet of a network.
    SubnetId;
    /// One transfer of the ledger, named after what it pays for (`order:{order}:{line}`).
    TransferId;
}

/// Length of the moment in which a process gives one serial number, in microseconds; more run ahead of the clock.
const SERIAL_US: i64 = 500;
/// Processes that give serial numbers beside each other: with the moment fifteen digits until the year 2286.
const SERIAL_LANES: u64 = 50;

/// Longest identifier that any layer accepts from a caller, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// The one source of randomness. Seeded from the operating system in production and by a number in tests,
/// so that a failing run can be repeated.
pub struct Chance {
    random: Mutex<StdRng>,
    /// The moment of the last serial number that was given.
    serial: AtomicU64,
    /// Which process of a store this is, of [`SERIAL_LANES`].
    lane: AtomicU64,
}

impl Chance {
    /// Seeded by the operating system.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for chance"
    )]
    pub fn from_system() -> Self {
        Self::from_rng(StdRng::from_os_rng())
    }

    /// The same seed draws the same sequence.
    pub fn seeded(seed: u64) -> Self {
        Self::from_rng(StdRng::seed_from_u64(seed))
    }

    fn from_rng(random: StdRng) -> Self {
        Self {
            random: Mutex::new(random),
            serial: AtomicU64::new(0),
            lane: AtomicU64::new(0),
        }
    }

    /// Says which process of its store this is: numbers of two processes that follow each other never meet, while fewer
    /// than fifty others began between them.
    pub fn serial_lane(&self, process: u64) {
        self.lane.store(process % SERIAL_LANES, Ordering::SeqCst);
    }

    /// A number that grows from call to call, also over restarts, and that no other process of the store gives: the time
    /// since 1970, or what follows the last, and at its end the process's lane. Ids that begin with it stand together in a database's trees, so that many of them
    /// touch few pages (measured: a group of 64 orders wrote five times as many with ids drawn at random).
    pub fn serial(&self, now: Moment) -> u64 {
        let time = u64::try_from(now.micros() / SERIAL_US).unwrap_or(0);
        let next = |last: u64| Some(time.max(last.saturating_add(1)));
        let last = self
            .serial
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        let moment = last.map_or(time, |last| time.max(last.saturating_add(1)));
        let lane = self.lane.load(Ordering::SeqCst);
        moment.saturating_mul(SERIAL_LANES).saturating_add(lane)
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.random.lock().fill(bytes);
    }

    /// `length` letters drawn from `alphabet`.
    pub fn text(&self, alphabet: &[u8], length: usize) -> String {
        let mut random = self.random.lock();
        (0..length)
            .map(|_| char::from(alphabet[random.random_range(0..alphabet.len())]))
            .collect()
    }

    /// `length` decimal digits, the first not zero.
    pub fn digits(&self, length: usize) -> String {
        let first = self.text(b"123456789", 1);
        first + &self.text(b"0123456789", length.saturating_sub(1))
    }

    /// A version 4 UUID, lower case.
    pub fn uuid(&self) -> String {
        let mut bytes = [0u8; 16];
        self.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = hex::encode(bytes);
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

/// `number` in base 36, with leading zeros up to `width` digits: texts of one width sort as their numbers do.
pub fn base36(mut number: u64, width: usize) -> String {
    let mut digits = Vec::with_capacity(width);
    while number > 0 || digits.len() < width {
        // Digits before letters, as their codes are ordered.
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
    }
    digits.iter().rev().collect()
}

/// Lower-case letters and digits: the alphabet of instance ids.
pub const LOWER_ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_grow_whatever_the_clock_does() {
        let chance = Chance::seeded(1);
        let at = |s| chance.serial(Moment::from_seconds(s));
        let numbers = [at(10), at(10), at(5), at(11)];
        assert_eq!(numbers, [1_000_000, 1_000_050, 1_000_100, 1_100_000]);
    }

    #[test]
    fn processes_of_one_store_give_no_number_twice() {
        let (first, second) = (Chance::seeded(1), Chance::seeded(1));
        first.serial_lane(7);
        second.serial_lane(58);
        let now = Moment::from_seconds(1_796_000_000);
        let mut numbers: Vec<u64> = (0..500)
            .flat_map(|_| [first.serial(now), second.serial(now)])
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 1_000);
        // JSON readers keep them exact.
        assert!(numbers.iter().all(|number| *number < 1 << 53));
    }

    #[test]
    fn base36_sorts_as_its_numbers() {
        let check = |number, expected: &str| assert_eq!(base36(number, 3), expected);
        check(0, "000");
        check(35, "00z");
        check(36, "010");
        check(46_656, "1000");
        assert!(base36(9, 4) < base36(10, 4));
    }

    #[test]
    fn one_seed_draws_one_sequence() {
        let draw = |seed| {
            let chance = Chance::seeded(seed);
            (
                chance.uuid(),
                chance.digits(15),
                chance.text(LOWER_ALPHANUMERIC, 8),
            )
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let (uuid, digits, text) = draw(7);
        assert_eq!((uuid.len(), digits.len(), text.len()), (36, 15, 8));
        assert!(!digits.starts_with('0'));
    }
}
