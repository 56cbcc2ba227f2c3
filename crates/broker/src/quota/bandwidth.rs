//! The bandwidth that was bought for one direction, and what may be used beyond it.

use std::time::Duration;

use tokio::time::Instant;

use super::token_bucket::TokenBucket;

/// One direction of one cluster.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    /// The most that clients get: what was bought, and what may be used beyond it.
    ceiling: TokenBucket,
    /// What was bought; without a rate where there is nothing beyond it.
    base: TokenBucket,
}

/// What comes of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charged {
    /// How long the connection has to be muted.
    pub wait: Duration,
    /// Bytes beyond what was bought.
    pub elastic_bytes: u64,
}

/// The rates of ceiling and base.
fn rates(bytes_per_second: Option<u64>, elastic: u64) -> (Option<u64>, Option<u64>) {
    let ceiling = bytes_per_second.map(|rate| rate.saturating_add(elastic));
    (ceiling, bytes_per_second.filter(|_| elastic > 0))
}

impl Bandwidth {
    /// `None`: no limit. `elastic`: bytes a second that may be used beyond it.
    pub(crate) fn new(bytes_per_second: Option<u64>, elastic: u64) -> Self {
        let (ceiling, base) = rates(bytes_per_second, elastic);
        Self {
            ceiling: TokenBucket::new(ceiling),
            base: TokenBucket::new(base),
        }
    }

    /// Changes the rates; what was owed stays owed.
    pub(crate) fn set_rate(&self, bytes_per_second: Option<u64>, elastic: u64) {
        let (ceiling, base) = rates(bytes_per_second, elastic);
        self.ceiling.set_rate(ceiling);
        self.base.set_rate(base);
    }

    /// The most that one answer should hold.
    pub(crate) fn portion_bytes(&self) -> usize {
        self.ceiling.portion_bytes()
    }

    /// How long it takes until nothing is owed.
    pub(crate) fn owed(&self, now: Instant) -> Duration {
        self.ceiling.owed(now)
    }

    /// Takes `bytes`. Taking nothing never waits.
    pub(crate) fn charge(&self, bytes: u64, now: Instant) -> Charged {
        Charged {
            wait: self.ceiling.charge(bytes, now),
            elastic_bytes: self.base.take(bytes, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;

    /// Sends as fast as it may for ten seconds; returns the bytes that were sent, and those that counted as elastic.
    fn send(bandwidth: &Bandwidth, start: Instant) -> (f64, f64) {
        let (mut now, mut sent, mut elastic) = (start, 0, 0);
        while now < start + Duration::from_secs(10) {
            let charged = bandwidth.charge(10_000, now);
            sent += 10_000;
            elastic += charged.elastic_bytes;
            now += charged.wait;
        }
        (sent as f64 / RATE as f64, elastic as f64 / RATE as f64)
    }

    #[test]
    fn what_goes_beyond_the_bought_rate_is_counted_and_no_more() {
        let check = |rate, elastic, sent_s: f64, elastic_s: f64| {
            let bandwidth = Bandwidth::new(Some(rate), elastic);
            let seen = send(&bandwidth, Instant::now());
            let is_near = |seen: f64, wanted: f64| (seen - wanted).abs() < 0.6;
            assert!(
                is_near(seen.0, sent_s) && is_near(seen.1, elastic_s),
                "{seen:?}"
            );
        };
        check(RATE, 0, 10.0, 0.0);
        check(RATE, 400_000, 14.0, 4.0);
        check(RATE, RATE, 20.0, 10.0);
    }

    #[test]
    fn traffic_below_the_bought_rate_is_not_elastic() {
        let bandwidth = Bandwidth::new(Some(RATE), 400_000);
        let mut now = Instant::now();
        for _ in 0..100 {
            now += Duration::from_millis(100);
            let charged = bandwidth.charge(90_000, now);
            assert_eq!((charged.wait, charged.elastic_bytes), (Duration::ZERO, 0));
        }
        bandwidth.set_rate(Some(RATE), 0);
        let charged = bandwidth.charge(2 * RATE, now);
        assert_eq!(charged.elastic_bytes, 0, "it was switched off");
    }

    #[test]
    fn without_a_limit_nothing_is_beyond_it() {
        let bandwidth = Bandwidth::new(None, 400_000);
        let charged = bandwidth.charge(u64::MAX, Instant::now());
        assert_eq!((charged.wait, charged.elastic_bytes), (Duration::ZERO, 0));
    }
}
