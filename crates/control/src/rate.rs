//! The vendors' limits on calls a second, by operation: of each key, whatever becomes of its calls, and of an account,
//! for those that its keys are permitted. A key that may do nothing takes nothing away from the other keys.

use std::collections::HashMap;

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccessKeyId, AccountId};
use brokerage_domain::{Error, Result};
use parking_lot::Mutex;

use crate::control::Control;

/// Keys and accounts times operations that are remembered; idle ones are forgotten first.
const BUCKETS_MAX: usize = 100_000;
const MICROS: i64 = 1_000_000;

/// Token buckets of one second's calls.
#[derive(Default)]
pub struct RateLimiter(Mutex<HashMap<(Caller, &'static str), Bucket>>);

/// Whose calls are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Caller {
    Key(AccessKeyId),
    Account(AccountId),
}

struct Bucket {
    /// Calls that may be made, in millionths.
    tokens: i64,
    at: Moment,
}

impl RateLimiter {
    fn take(&self, caller: Caller, operation: &'static str, per_second: u32, now: Moment) -> bool {
        let capacity = i64::from(per_second) * MICROS;
        let mut buckets = self.0.lock();
        if buckets.len() >= BUCKETS_MAX {
            // A bucket that was not used for a second is full: forgetting it changes nothing.
            buckets.retain(|_, bucket| now.micros() - bucket.at.micros() < MICROS);
        }
        let bucket = buckets.entry((caller, operation)).or_insert(Bucket {
            tokens: capacity,
            at: now,
        });
        let elapsed = (now.micros() - bucket.at.micros()).clamp(0, MICROS);
        bucket.tokens = (bucket.tokens + elapsed * i64::from(per_second)).min(capacity);
        bucket.at = now;
        let granted = bucket.tokens >= MICROS;
        if granted {
            bucket.tokens -= MICROS;
        }
        granted
    }
}

impl Control {
    /// Takes one call of a key out of this second's, before anything is known of it but who signed it.
    ///
    /// # Errors
    /// [`Error::Throttled`] when there is none left.
    pub fn rate_take_of_key(
        &self,
        key_id: &AccessKeyId,
        operation: &'static str,
        per_second: u32,
    ) -> Result<()> {
        self.take(Caller::Key(key_id.clone()), operation, per_second)
    }

    /// Takes one permitted call of an account out of this second's.
    ///
    /// # Errors
    /// [`Error::Throttled`] when there is none left.
    pub fn rate_take(
        &self,
        account: &AccountId,
        operation: &'static str,
        per_second: u32,
    ) -> Result<()> {
        self.take(Caller::Account(account.clone()), operation, per_second)
    }

    fn take(&self, caller: Caller, operation: &'static str, per_second: u32) -> Result<()> {
        let now = self.real_now();
        if !self.settings.rate_limits || self.rates.take(caller, operation, per_second, now) {
            Ok(())
        } else {
            Err(Error::Throttled { per_second })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_its_calls_and_refills_evenly() {
        let limiter = RateLimiter::default();
        let (a, b) = (AccountId::new("a"), AccountId::new("b"));
        let (a, b) = (Caller::Account(a), Caller::Account(b));
        let key = Caller::Key(AccessKeyId::new("a"));
        let at = |ms: i64| Moment::from_micros(ms * 1_000);
        let granted = |caller: &Caller, ms| {
            (0..30)
                .filter(|_| limiter.take(caller.clone(), "op", 20, at(ms)))
                .count()
        };
        assert_eq!(granted(&a, 0), 20);
        assert_eq!(granted(&b, 0), 20, "another account has its own");
        assert_eq!(granted(&key, 0), 20, "and so has a key of the same name");
        assert_eq!(granted(&a, 500), 10, "half a second refills half");
        assert_eq!(granted(&a, 10_000), 20, "never more than a second's");
        assert_eq!(
            granted(&a, 9_000),
            0,
            "a clock that steps back refills nothing"
        );
    }
}
