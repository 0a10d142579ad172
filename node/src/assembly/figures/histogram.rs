//! Durations, counted in fixed buckets: no lock and no allocation for each.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets in microseconds, six for each factor of ten: a quantile read off them is at most a
/// factor of 1.5 too high. The last bucket, without a bound, comes on top.
pub const BOUNDS_US: [u64; 36] = [
    50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000,
    50_000, 70_000, 100_000, 150_000, 200_000, 300_000, 500_000, 700_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000,
    5_000_000, 7_000_000, 10_000_000, 15_000_000, 20_000_000, 30_000_000,
];

/// A histogram of durations.
#[derive(Debug)]
pub struct Histogram {
    /// One for each bound, and one for what is longer.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// What a histogram held at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramValues {
    /// Durations in each bucket alone (not in it and those below); the last is without a bound.
    pub buckets: [u64; BOUNDS_US.len() + 1],
    /// Sum of all durations.
    pub sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: [const { AtomicU64::new(0) }; BOUNDS_US.len() + 1], sum_us: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&self, duration_us: u64) {
        let place = BOUNDS_US.partition_point(|bound| *bound < duration_us);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(duration_us, Ordering::Relaxed);
    }

    /// What it holds. Durations that are recorded meanwhile may be in one part and not in another.
    pub fn values(&self) -> HistogramValues {
        HistogramValues {
            buckets: std::array::from_fn(|place| self.buckets[place].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

impl HistogramValues {
    /// Durations that were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_ascend_and_belong_to_the_bucket_below() {
        assert!(BOUNDS_US.is_sorted_by(|a, b| a < b));
        let histogram = Histogram::default();
        for (place, bound) in BOUNDS_US.into_iter().enumerate() {
            histogram.record(bound);
            assert_eq!(histogram.values().buckets[place], 1, "{bound} is within its own bucket");
        }
    }

    #[test]
    fn nothing_is_lost_below_and_above_the_bounds() {
        let histogram = Histogram::default();
        for duration_us in [0, 1, 51, 30_000_001, u64::MAX >> 8] {
            histogram.record(duration_us);
        }
        let values = histogram.values();
        assert_eq!((values.buckets[0], values.buckets[1], values.buckets[BOUNDS_US.len()]), (2, 1, 2));
        assert_eq!(values.count(), 5);
        assert_eq!(values.sum_us, 52 + 30_000_001 + (u64::MAX >> 8));
    }
}
