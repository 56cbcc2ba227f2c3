//! How often passwords of a user may be tried from one address.
//!
//! Each attempt takes a token before the password is looked at, and gives it back when it was right. So
//! clients that know their password are never slowed down by their own number, and a client that guesses
//! learns nothing faster by asking over many connections. Users behind one address (NAT, a proxy, the pods of a
//! node) are told apart: whoever guesses one's password does not lock the others out.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::security::error::SaslError;

/// Wrong passwords in a row that are answered without waiting.
const FAILURES_BURST: f64 = 50.0;
/// Wrong passwords per second after that.
const FAILURES_PER_SECOND: f64 = 5.0;
/// Longest wait before a password is looked at; who would have to wait longer is sent away.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Users at addresses that are remembered in one cluster. Beyond it the half with the fewest failures starts anew.
const USERS_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Budget {
    tokens: f64,
    updated: Instant,
}

impl Budget {
    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.tokens = (self.tokens + elapsed * FAILURES_PER_SECOND).min(FAILURES_BURST);
        self.updated = self.updated.max(now);
    }
}

/// Whose password is tried from where: a network, and the user by a hash that nobody outside can compute.
type Key = (IpAddr, u64);

/// Attempts in one cluster.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    hasher: RandomState,
    budgets: Mutex<HashMap<Key, Budget>>,
}

/// One subscriber has a whole /64 of IPv6 to try from.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64);
            Ipv6Addr::from(network).into()
        }
        v4 => v4,
    }
}

/// Makes room: those without failures go, then the half that has the fewest. Who fails more often than others stays,
/// however many names he tries.
fn shrink(budgets: &mut HashMap<Key, Budget>, now: Instant) {
    let mut tokens = Vec::with_capacity(budgets.len());
    for budget in budgets.values_mut() {
        budget.refill(now);
        tokens.push(budget.tokens);
    }
    let middle = tokens.len() / 2;
    let (_, median, _) = tokens.select_nth_unstable_by(middle, f64::total_cmp);
    let kept_below = median.min(FAILURES_BURST);
    budgets.retain(|_, budget| budget.tokens < kept_below);
}

impl Attempts {
    fn key(&self, address: IpAddr, user: &str) -> Key {
        (subscriber(address), self.hasher.hash_one(user))
    }

    /// Takes a token and says how long to wait.
    fn take(&self, address: IpAddr, user: &str, now: Instant) -> Result<Duration, SaslError> {
        let key = self.key(address, user);
        let mut budgets = self.budgets.lock();
        if budgets.len() >= USERS_MAX && !budgets.contains_key(&key) {
            shrink(&mut budgets, now);
        }
        let budget = budgets.entry(key).or_insert(Budget {
            tokens: FAILURES_BURST,
            updated: now,
        });
        budget.refill(now);
        let owed = (1.0 - budget.tokens).max(0.0);
        let wait = Duration::from_secs_f64(owed / FAILURES_PER_SECOND);
        if wait > WAIT_MAX {
            return Err(SaslError::Limited);
        }
        budget.tokens -= 1.0;
        Ok(wait)
    }

    /// Returns when a password may be looked at.
    pub(crate) async fn wait(&self, address: IpAddr, user: &str) -> Result<(), SaslError> {
        let wait = self.take(address, user, Instant::now())?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Gives the token back: the password was right.
    pub(crate) fn succeed(&self, address: IpAddr, user: &str) {
        let key = self.key(address, user);
        let mut budgets = self.budgets.lock();
        if let Some(budget) = budgets.get_mut(&key) {
            budget.tokens += 1.0;
            if budget.tokens >= FAILURES_BURST {
                budgets.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn guessing_is_slowed_down_to_the_rate_however_many_connections_guess() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let mut looked_at = 0;
        for second in 0..60 {
            let now = start + Duration::from_secs(second);
            let granted = (0..1_000).filter(|_| attempts.take(ADDRESS, "alice", now).is_ok());
            looked_at += granted.count();
        }
        // The burst, the rate, and those who wait at the end.
        let most = FAILURES_BURST + (60.0 + WAIT_MAX.as_secs_f64()) * FAILURES_PER_SECOND;
        assert!(looked_at as f64 <= most, "{looked_at} > {most}");
        assert!(looked_at as f64 >= FAILURES_BURST + 59.0 * FAILURES_PER_SECOND);
    }

    #[test]
    fn those_who_know_their_password_never_wait_and_leave_nothing_behind() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(attempts.take(ADDRESS, "alice", now), Ok(Duration::ZERO));
            attempts.succeed(ADDRESS, "alice");
        }
        assert!(attempts.budgets.lock().is_empty());
    }

    #[test]
    fn users_and_addresses_are_told_apart_and_their_number_is_bounded() {
        let attempts = Attempts::default();
        let now = Instant::now();
        while attempts.take(ADDRESS, "mallory", now).is_ok() {}
        assert_eq!(attempts.take(ADDRESS, "alice", now), Ok(Duration::ZERO));
        // Many addresses, and many names at one address.
        for at in 0..2 * USERS_MAX as u32 {
            let other = IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + at));
            assert_eq!(attempts.take(other, "alice", now), Ok(Duration::ZERO));
            let name = format!("user{at}");
            assert_eq!(attempts.take(ADDRESS, &name, now), Ok(Duration::ZERO));
            assert!(attempts.budgets.lock().len() <= USERS_MAX);
        }
        // Nobody has his failures forgotten by trying other names.
        assert_eq!(
            attempts.take(ADDRESS, "mallory", now),
            Err(SaslError::Limited)
        );
        let network = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        assert_eq!(subscriber(network(1)), subscriber(network(2)));
    }
}
