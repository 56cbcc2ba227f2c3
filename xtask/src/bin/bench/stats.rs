//! Medians and percentiles.

use std::time::Duration;

/// The value below which `percent` of the durations lie (nearest rank); zero of none.
pub(crate) fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort_unstable();
    let rank = (durations.len() * percent).div_ceil(100);
    durations
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// The middle value; of an even number, the lower of the two in the middle.
pub(crate) fn median_of<T: Copy>(
    values: &mut [T],
    order: impl FnMut(&T, &T) -> std::cmp::Ordering,
) -> Option<T> {
    values.sort_by(order);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// Milliseconds with fractions.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{median_of, percentile};

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut durations: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        let cases = [(50, 100), (99, 198), (100, 200), (1, 2)];
        for (percent, expected) in cases {
            assert_eq!(
                percentile(&mut durations, percent),
                Duration::from_millis(expected),
                "p{percent}"
            );
        }
        assert_eq!(percentile(&mut [], 50), Duration::ZERO);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median_of(&mut [3, 1, 2], Ord::cmp), Some(2));
        assert_eq!(median_of(&mut [4, 1, 3, 2], Ord::cmp), Some(2));
        assert_eq!(median_of::<u8>(&mut [], Ord::cmp), None);
    }
}
