//! Bandwidth: a token bucket that answers with the time to wait (KIP-219).

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Tokens that may be saved up while traffic is low, as a share of a second.
const BURST: Duration = Duration::from_millis(250);
/// Longest time that one answer tells a client to wait (Kafka's quota window).
const THROTTLE_MAX: Duration = Duration::from_secs(30);

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

    /// Takes `bytes` and says how long the sender has to be silent.
    pub(crate) fn charge(&self, bytes: u64, now: Instant) -> Duration {
        let mut state = self.state.lock();
        let Some(rate) = state.bytes_per_second else {
            return Duration::ZERO;
        };
        let rate = rate.max(1) as f64;
        let elapsed = now.saturating_duration_since(state.updated).as_secs_f64();
        state.updated = state.updated.max(now);
        state.tokens =
            (state.tokens + elapsed * rate).min(burst(state.bytes_per_second)) - bytes as f64;
        if state.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64((-state.tokens / rate).min(THROTTLE_MAX.as_secs_f64()))
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
}
