//! Typed identifiers, and the one seeded source of chance that new ones are drawn from.

use std::fmt;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

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

/// Longest identifier that any layer accepts from a caller, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// The one source of randomness. Seeded from the operating system in production and by a number in tests,
/// so that a failing run can be repeated.
pub struct Chance(Mutex<StdRng>);

impl Chance {
    /// Seeded by the operating system.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for chance"
    )]
    pub fn from_system() -> Self {
        Self(Mutex::new(StdRng::from_os_rng()))
    }

    /// The same seed draws the same sequence.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill(bytes);
    }

    /// `length` letters drawn from `alphabet`.
    pub fn text(&self, alphabet: &[u8], length: usize) -> String {
        let mut random = self.0.lock();
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

/// Lower-case letters and digits: the alphabet of instance ids.
pub const LOWER_ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

#[cfg(test)]
mod tests {
    use super::*;

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
