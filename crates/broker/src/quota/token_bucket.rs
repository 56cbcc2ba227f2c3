//! Bandwidth: a token bucket that answers with the time to wait (KIP-219).

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Tokens that may be saved up while traffic is low, as a share of a second.
const BURST: Duration = Duration::from_millis(250);
/// What one answer to a fetch may take from the bucket at most, as a share of a second: several clients
/// that take turns are served evenly, and none goes far beyond the rate.
const PORTION: Duration = Duration::from_millis(50);
/// Longest wait for what is owed: beyond it a debt is told as this much.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// One direction of one cluster.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bytes_per_second: Option<u64>,
    /// May be negative: what was let through beyond the rate and has to be waited for.
    tokens: f64,
    updated: Instant,
}

impl TokenBucket {
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        let tokens = burst(bytes_per_second);
        Self {
            state: Mutex::new(State {
                bytes_per_second,
                tokens,
                updated: Instant::now(),
            }),
        }
    }

    /// Changes the rate; what was owed stays owed.
    pub(crate) fn set_rate(&self, bytes_per_second: Option<u64>) {
        let mut state = self.state.lock();
        if state.bytes_per_second != bytes_per_second {
            state.bytes_per_second = bytes_per_second;
            state.tokens = state.tokens.min(burst(bytes_per_second));
        }
    }

    /// The most that one answer should hold.
    pub(crate) fn portion_bytes(&self) -> usize {
        let rate = self.state.lock().bytes_per_second;
        let portion = |rate: u64| (rate as f64 * PORTION.as_secs_f64()) as usize;
        rate.map_or(usize::MAX, |rate| portion(rate).max(1))
    }

    /// How long it takes until nothing is owed, at most [`WAIT_MAX`].
    pub(crate) fn owed(&self, now: Instant) -> Duration {
        self.state.lock().owed(now)
    }

    /// Takes `bytes` and returns how long the connection has to be muted, at most [`WAIT_MAX`]. Taking nothing
    /// never waits.
    pub(crate) fn charge(&self, bytes: u64, now: Instant) -> Duration {
        if bytes == 0 {
            return Duration::ZERO;
        }
        let mut state = self.state.lock();
        if state.refill(now).is_some() {
            state.tokens -= bytes as f64;
        }
        state.owed(now)
    }

    /// Takes as many of `bytes` as there are tokens for, and returns how many are left. Nothing is owed for them.
    pub(crate) fn take(&self, bytes: u64, now: Instant) -> u64 {
        let mut state = self.state.lock();
        if state.refill(now).is_none() {
            return 0;
        }
        let taken = bytes.min(state.tokens as u64);
        state.tokens -= taken as f64;
        bytes - taken
    }
}

impl State {
    /// See [`TokenBucket::owed`].
    fn owed(&mut self, now: Instant) -> Duration {
        match self.refill(now) {
            Some(rate) if self.tokens < 0.0 => {
                Duration::from_secs_f64((-self.tokens / rate).min(WAIT_MAX.as_secs_f64()))
            }
            _ => Duration::ZERO,
        }
    }

    /// Adds the tokens of the time that has passed; returns the rate.
    fn refill(&mut self, now: Instant) -> Option<f64> {
        let rate = self.bytes_per_second?.max(1) as f64;
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.updated = self.updated.max(now);
        self.tokens = (self.tokens + elapsed * rate).min(burst(self.bytes_per_second));
        Some(rate)
    }
}

fn burst(bytes_per_second: Option<u64>) -> f64 {
    bytes_per_second.unwrap_or(0) as f64 * BURST.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_through_its_rate_and_at_most_one_burst() {
        let rate = 1_000_000;
        let bucket = TokenBucket::new(Some(rate));
        let start = Instant::now();
        let mut now = start;
        let mut sent = 0;
        while now < start + Duration::from_secs(10) {
            sent += 10_000;
            now += bucket.charge(10_000, now);
        }
        let excess = sent as f64 / (10.0 * rate as f64);
        assert!((1.0..1.03).contains(&excess), "{excess}");
    }

    #[test]
    fn a_bucket_without_a_rate_never_waits() {
        let bucket = TokenBucket::new(None);
        assert_eq!(bucket.charge(u64::MAX, Instant::now()), Duration::ZERO);
    }

    /// Connections that send as soon as they may, each with requests of its own size, under virtual time.
    /// Returns how much was sent within `seconds`, by connection.
    fn share(bucket: &TokenBucket, request_bytes: &[u64], seconds: u64) -> Vec<u64> {
        let start = Instant::now();
        let mut sent = vec![0; request_bytes.len()];
        let mut free_at = vec![start; request_bytes.len()];
        while let Some((at, now)) = free_at.iter().copied().enumerate().min_by_key(|at| at.1) {
            if now >= start + Duration::from_secs(seconds) {
                break;
            }
            // Sending takes time, too: 1 GB a second.
            let taken = Duration::from_nanos(request_bytes[at]);
            let wait = bucket.charge(request_bytes[at], now + taken);
            sent[at] += request_bytes[at];
            free_at[at] = now + taken + wait;
        }
        sent
    }

    #[test]
    fn four_hungry_connections_together_get_what_was_bought() {
        let rate = 20 << 20;
        let portion = TokenBucket::new(Some(rate)).portion_bytes() as u64;
        let sizes: [[u64; 4]; 4] = [
            [1 << 20; 4],
            [portion; 4],
            [1 << 20, 16 << 10, 300_000, 65_536],
            [1_000; 4],
        ];
        for sizes in sizes {
            let sent = share(&TokenBucket::new(Some(rate)), &sizes, 10);
            let ratio = sent.iter().sum::<u64>() as f64 / (10 * rate) as f64;
            assert!((0.95..=1.05).contains(&ratio), "{sizes:?}: {ratio}");
            if sizes == [sizes[0]; 4] {
                let fewest = *sent.iter().min().unwrap() as f64;
                let most = *sent.iter().max().unwrap() as f64;
                assert!(fewest > 0.8 * most, "nobody starves: {sent:?}");
            }
        }
    }

    #[test]
    fn a_debt_is_not_forgiven_however_many_owe_it() {
        let bucket = TokenBucket::new(Some(1_000));
        let start = Instant::now();
        for _ in 0..50 {
            bucket.charge(1_000_000, start);
        }
        let owed = bucket.owed(start);
        assert_eq!(owed.as_secs(), 49_999, "less what was saved up");
        assert_eq!(bucket.owed(start + owed), Duration::ZERO);
        bucket.charge(u64::MAX, start);
        assert_eq!(bucket.owed(start), WAIT_MAX);
    }

    #[test]
    fn what_was_saved_up_is_no_more_than_a_burst() {
        let rate = 1_000_000;
        let bucket = TokenBucket::new(Some(rate));
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!(bucket.charge(250_000, later), Duration::ZERO);
        let wait = bucket.charge(100_000, later);
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(bucket.charge(0, later), Duration::ZERO, "nothing was taken");
    }
}
