//! Nonces of signed calls, in memory. Those of changes are also written in the change's transaction
//! ([`Control::change`]) and then forgotten here.

use std::collections::{HashMap, VecDeque};

use brokerage_domain::clock::Moment;
use brokerage_domain::{Error, Result};
use parking_lot::Mutex;

use crate::control::Control;

/// Nonces that are remembered at once. Beyond it calls are throttled: forgetting early would open a hole.
pub const NONCES_MAX: usize = 1_000_000;

/// How long a nonce is remembered, in seconds: twice the widest clock window of 15 minutes, and a minute.
pub const NONCE_SECONDS: i64 = 31 * 60;

#[derive(Default)]
struct Memory {
    seen: HashMap<(String, String), Moment>,
    by_age: VecDeque<(Moment, (String, String))>,
}

/// Nonces of the last [`NONCE_SECONDS`].
#[derive(Default)]
pub struct ReplayMemory(Mutex<Memory>);

impl ReplayMemory {
    fn remember(&self, key: &str, nonce: &str, now: Moment) -> Result<()> {
        let mut memory = self.0.lock();
        let old = now.plus_seconds(-NONCE_SECONDS);
        while memory.by_age.front().is_some_and(|(at, _)| *at < old) {
            if let Some((at, pair)) = memory.by_age.pop_front()
                && memory.seen.get(&pair) == Some(&at)
            {
                memory.seen.remove(&pair);
            }
        }
        let pair = (key.to_owned(), nonce.to_owned());
        if memory.seen.contains_key(&pair) {
            return Err(Error::Replayed);
        }
        if memory.seen.len() >= NONCES_MAX {
            return Err(Error::Throttled {
                per_second: u32::try_from(NONCES_MAX / 1860).unwrap_or(u32::MAX),
            });
        }
        memory.seen.insert(pair.clone(), now);
        // Forgotten nonces leave their place in the queue; it is swept before it outgrows the bound.
        if memory.by_age.len() >= 2 * NONCES_MAX {
            let Memory { seen, by_age } = &mut *memory;
            by_age.retain(|(at, pair)| seen.get(pair) == Some(at));
        }
        memory.by_age.push_back((now, pair));
        Ok(())
    }

    pub(crate) fn forget(&self, key: &str, nonce: &str) {
        self.0
            .lock()
            .seen
            .remove(&(key.to_owned(), nonce.to_owned()));
    }
}

impl Control {
    /// Remembers the nonce of a signed call by the key `key`.
    ///
    /// # Errors
    /// [`Error::Replayed`] when it came before; [`Error::Throttled`] when too many are remembered.
    pub fn nonce_remember(&self, key: &str, nonce: &str) -> Result<()> {
        self.replays.remember(key, nonce, self.real_now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_in_its_window() {
        let memory = ReplayMemory::default();
        let at = Moment::from_seconds;
        let again = |key, nonce, s| memory.remember(key, nonce, at(s)).is_err();
        assert!(!again("k", "n", 0));
        assert!(again("k", "n", NONCE_SECONDS));
        assert!(!again("other", "n", 1), "keys do not share nonces");
        assert!(
            !again("k", "n", NONCE_SECONDS + 1),
            "an old nonce is forgotten"
        );
        memory.forget("k", "n");
        assert!(!again("k", "n", NONCE_SECONDS + 2));
    }
}
