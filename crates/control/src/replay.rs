//! Nonces of signed calls, in memory. Those of calls that write are also written in their transaction
//! ([`Call`](crate::Call)) and then forgotten here.
//!
//! The memory is bounded, and whoever fills it pays for it alone: when it is full, the account that has the most in it
//! gives up the oldest nonces of the key that has the most. What that key signed so long ago is refused from then on,
//! so forgetting opens no hole; no other key and no other account notices.

use std::collections::{BTreeSet, HashMap};

use brokerage_domain::clock::Moment;
use brokerage_domain::id::AccountId;
use brokerage_domain::{Error, Result};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::control::Control;

/// Nonces that are remembered at once, at about a hundred bytes each.
pub const NONCES_MAX: usize = 500_000;

/// How long after its signing a call's nonce is remembered, in seconds: twice the widest clock window of 15 minutes,
/// and a minute.
pub const NONCE_SECONDS: i64 = 31 * 60;

/// Calls that one signature may make where it does not cover the nonce. Honest clients share a signature among equal
/// calls of one second.
pub const SIGNATURE_CALLS_MAX: u32 = 32;

/// Which part of a key's nonces is given up at once when there is no room, so that room is not looked for each time.
const GIVEN_UP: usize = 32;

/// A nonce without its length.
type Hash = [u8; 16];

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(&hasher.finalize()[..size_of::<Hash>()]);
    hash
}

/// What names one signed call.
#[derive(Debug, Clone, Copy)]
pub struct SignedCall<'a> {
    /// Whose key signed.
    pub account: &'a AccountId,
    /// The key.
    pub key_id: &'a str,
    /// What may come once for each key.
    pub nonce: &'a str,
    /// The signature, where it does not cover the nonce.
    pub signature: Option<&'a str>,
    /// When it was signed.
    pub signed_at_s: i64,
}

/// The nonces of one key.
struct Seen {
    signed_at_s: HashMap<Hash, i64>,
    by_age: BTreeSet<(i64, Hash)>,
    /// What was signed until then may have come before.
    given_up_s: i64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            signed_at_s: HashMap::new(),
            by_age: BTreeSet::new(),
            given_up_s: i64::MIN,
        }
    }
}

impl Seen {
    fn len(&self) -> usize {
        self.by_age.len()
    }

    fn insert(&mut self, hash: Hash, signed_at_s: i64) {
        self.signed_at_s.insert(hash, signed_at_s);
        self.by_age.insert((signed_at_s, hash));
    }

    fn remove(&mut self, hash: Hash) -> bool {
        let Some(signed_at_s) = self.signed_at_s.remove(&hash) else {
            return false;
        };
        self.by_age.remove(&(signed_at_s, hash))
    }

    /// Forgets the nonce that was signed first, and says when.
    fn pop(&mut self) -> Option<i64> {
        let (signed_at_s, hash) = self.by_age.pop_first()?;
        self.signed_at_s.remove(&hash);
        Some(signed_at_s)
    }

    /// Forgets what no clock window lets through any more.
    fn expire(&mut self, before_s: i64) {
        while self.by_age.first().is_some_and(|(at, _)| *at < before_s) {
            self.pop();
        }
        self.signed_at_s.shrink_to(2 * self.by_age.len());
    }

    /// The first free place of a signature; none when it has made all its calls.
    fn place(&self, signature: &str) -> Option<Hash> {
        (0..SIGNATURE_CALLS_MAX)
            .map(|place| hash(&[signature.as_bytes(), &place.to_be_bytes()]))
            .find(|place| !self.signed_at_s.contains_key(place))
    }
}

#[derive(Default)]
struct Memory {
    /// By account and key.
    accounts: HashMap<AccountId, HashMap<String, Seen>>,
    /// Nonces of all of them.
    nonces: usize,
}

impl Memory {
    fn remember(&mut self, call: &SignedCall<'_>) -> Result<()> {
        let keys = self.accounts.entry(call.account.clone()).or_default();
        let seen = match keys.get_mut(call.key_id) {
            Some(seen) => seen,
            None => keys.entry(call.key_id.to_owned()).or_default(),
        };
        if call.signed_at_s <= seen.given_up_s {
            return Err(Error::Throttled {
                per_second: u32::try_from(NONCES_MAX as i64 / NONCE_SECONDS).unwrap_or(u32::MAX),
            });
        }
        let nonce = hash(&[call.nonce.as_bytes()]);
        if seen.signed_at_s.contains_key(&nonce) {
            return Err(Error::Replayed);
        }
        let before = seen.len();
        if let Some(signature) = call.signature {
            let place = seen.place(signature).ok_or(Error::Replayed)?;
            seen.insert(place, call.signed_at_s);
        }
        seen.insert(nonce, call.signed_at_s);
        self.nonces += seen.len() - before;
        Ok(())
    }

    /// Makes room when there is too little of it.
    fn make_room(&mut self, nonces_max: usize, now: Moment) {
        if self.nonces <= nonces_max {
            return;
        }
        let before_s = now.plus_seconds(-NONCE_SECONDS).seconds();
        self.accounts.retain(|_, keys| {
            keys.retain(|_, seen| {
                seen.expire(before_s);
                seen.len() > 0 || seen.given_up_s >= before_s
            });
            !keys.is_empty()
        });
        let of_account = |keys: &HashMap<String, Seen>| keys.values().map(Seen::len).sum::<usize>();
        self.nonces = self.accounts.values().map(of_account).sum();
        while self.nonces > nonces_max {
            let largest = self
                .accounts
                .values_mut()
                .max_by_key(|keys| of_account(keys));
            let key = largest.and_then(|keys| keys.values_mut().max_by_key(|seen| seen.len()));
            let Some(seen) = key else { return };
            for _ in 0..seen.len().div_ceil(GIVEN_UP) {
                let Some(signed_at_s) = seen.pop() else {
                    return;
                };
                seen.given_up_s = seen.given_up_s.max(signed_at_s);
                self.nonces -= 1;
            }
        }
    }
}

/// Nonces of what was signed in the last [`NONCE_SECONDS`].
#[derive(Default)]
pub struct ReplayMemory(Mutex<Memory>);

impl ReplayMemory {
    fn remember(&self, call: &SignedCall<'_>, nonces_max: usize, now: Moment) -> Result<()> {
        let mut memory = self.0.lock();
        memory.remember(call)?;
        memory.make_room(nonces_max, now);
        Ok(())
    }

    pub(crate) fn forget(&self, account: &AccountId, key_id: &str, nonce: &str) {
        let mut memory = self.0.lock();
        let keys = memory.accounts.get_mut(account);
        let Some(seen) = keys.and_then(|keys| keys.get_mut(key_id)) else {
            return;
        };
        if seen.remove(hash(&[nonce.as_bytes()])) {
            memory.nonces -= 1;
        }
    }
}

impl Control {
    /// Remembers the nonce of a signed call.
    ///
    /// # Errors
    /// [`Error::Replayed`] when it came before; [`Error::Throttled`] when the key has signed so many calls since that
    /// this is not known.
    pub fn nonce_remember(&self, call: &SignedCall<'_>) -> Result<()> {
        self.replays.remember(call, NONCES_MAX, self.real_now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        memory: ReplayMemory,
        nonces_max: usize,
    }

    impl Fixture {
        fn new(nonces_max: usize) -> Self {
            let memory = ReplayMemory::default();
            Self { memory, nonces_max }
        }

        /// How a call ends that is signed and comes at `at_s`.
        fn call(&self, account: &str, key_id: &str, nonce: &str, at_s: i64) -> Result<()> {
            self.signed(account, key_id, nonce, None, (at_s, at_s))
        }

        fn signed(
            &self,
            account: &str,
            key_id: &str,
            nonce: &str,
            signature: Option<&str>,
            (signed_at_s, now_s): (i64, i64),
        ) -> Result<()> {
            let call = SignedCall {
                account: &AccountId::new(account),
                key_id,
                nonce,
                signature,
                signed_at_s,
            };
            let now = Moment::from_seconds(now_s);
            self.memory.remember(&call, self.nonces_max, now)
        }

        fn nonces(&self) -> usize {
            let memory = self.memory.0.lock();
            let keys = memory.accounts.values().flat_map(HashMap::values);
            let counted: usize = keys.map(|seen| seen.signed_at_s.len()).sum();
            assert_eq!(counted, memory.nonces, "the count is right");
            counted
        }
    }

    #[test]
    fn a_nonce_is_good_once_for_each_key() {
        let all = Fixture::new(NONCES_MAX);
        assert!(all.call("a", "k", "n", 0).is_ok());
        assert!(matches!(all.call("a", "k", "n", 0), Err(Error::Replayed)));
        // Signed anew it is still the same nonce.
        let later = all.call("a", "k", "n", NONCE_SECONDS);
        assert!(matches!(later, Err(Error::Replayed)));
        assert!(
            all.call("a", "other", "n", 1).is_ok(),
            "keys do not share nonces"
        );
        all.memory.forget(&AccountId::new("a"), "k", "n");
        assert!(all.call("a", "k", "n", 2).is_ok());
        assert_eq!(all.nonces(), 2);
    }

    #[test]
    fn who_fills_the_memory_pays_for_it_alone() {
        let all = Fixture::new(100);
        for (account, key_id) in [("quiet", "k"), ("busy", "quiet")] {
            assert!(all.call(account, key_id, "first", 0).is_ok());
        }
        // Ten times what there is room for, ten a second, each accepted.
        for at in 0..1_000 {
            let nonce = at.to_string();
            assert!(all.call("busy", "loud", &nonce, at / 10).is_ok(), "{at}");
            assert!(all.nonces() <= 100);
        }
        // Nothing is accepted twice: neither what is remembered nor what was given up.
        for at in 0..1_000 {
            let nonce = at.to_string();
            let again = all.call("busy", "loud", &nonce, at / 10);
            let is_old = at < 800;
            assert!(
                matches!(again, Err(Error::Throttled { .. })) || !is_old,
                "{at}: {again:?}"
            );
            assert!(again.is_err(), "{at}");
        }
        for (account, key_id) in [("quiet", "k"), ("busy", "quiet")] {
            let again = all.call(account, key_id, "first", 0);
            assert!(matches!(again, Err(Error::Replayed)), "{account} {key_id}");
            assert!(all.call(account, key_id, "second", 0).is_ok());
        }
        assert!(all.call("busy", "loud", "new", 100).is_ok());
    }

    #[test]
    fn what_no_clock_window_lets_through_is_given_back_first() {
        let all = Fixture::new(10);
        for at in 0..10 {
            assert!(all.call("a", &format!("k{at}"), "n", 0).is_ok());
        }
        assert!(all.call("b", "k", "n", NONCE_SECONDS + 1).is_ok());
        assert_eq!(all.nonces(), 1);
        assert_eq!(all.memory.0.lock().accounts.len(), 1);
    }

    #[test]
    fn a_signature_that_does_not_cover_its_nonce_makes_few_calls() {
        let all = Fixture::new(NONCES_MAX);
        let call = |nonce: u32, signature| {
            let nonce = format!("{nonce}:{signature}");
            all.signed("a", "k", &nonce, Some(signature), (0, 0))
        };
        for nonce in 0..SIGNATURE_CALLS_MAX {
            assert!(call(nonce, "one").is_ok(), "{nonce}");
            assert!(
                matches!(call(nonce, "one"), Err(Error::Replayed)),
                "{nonce}"
            );
        }
        let further = call(SIGNATURE_CALLS_MAX, "one");
        assert!(matches!(further, Err(Error::Replayed)));
        assert!(call(0, "two").is_ok());
    }
}
