//! The phi-accrual failure detector: how surprising a silence is, given the intervals seen before.

/// Intervals remembered.
const SAMPLE_WINDOW: usize = 32;

/// Deviation assumed at least: a share of the gossip interval, so that a run of very even intervals does not
/// make a short pause look like a death, and a multiple of what the mean has above the interval: heartbeats
/// that come by detours come at intervals with a long (exponential) tail.
const MIN_DEVIATION: f64 = 0.75;
const DETOUR_DEVIATION: f64 = 1.5;

/// When the heartbeats of one member were heard.
#[derive(Clone, Debug)]
pub(super) struct ArrivalWindow {
    /// Intervals in milliseconds, a ring buffer.
    samples: [u16; SAMPLE_WINDOW],
    len: u8,
    next: u8,
    sum: u32,
    sum_of_squares: u64,
    last_ms: u64,
}

impl ArrivalWindow {
    /// A window that takes `estimate_ms` for the usual interval until it has seen more.
    pub(super) fn new(estimate_ms: u64) -> ArrivalWindow {
        let mut window =
            ArrivalWindow { samples: [0; SAMPLE_WINDOW], len: 0, next: 0, sum: 0, sum_of_squares: 0, last_ms: 0 };
        window.add(estimate_ms);
        window.add(estimate_ms);
        window
    }

    fn add(&mut self, interval_ms: u64) {
        let sample = u16::try_from(interval_ms).unwrap_or(u16::MAX);
        let slot = &mut self.samples[usize::from(self.next)];
        let old = std::mem::replace(slot, sample);
        // Slots not used yet hold 0, which takes nothing away.
        self.sum = self.sum + u32::from(sample) - u32::from(old);
        self.sum_of_squares = self.sum_of_squares + u64::from(sample).pow(2) - u64::from(old).pow(2);
        self.next = (self.next + 1) % SAMPLE_WINDOW as u8;
        self.len = (self.len + 1).min(SAMPLE_WINDOW as u8);
    }

    /// A heartbeat was heard.
    pub(super) fn arrival(&mut self, now_ms: u64) {
        self.add(now_ms.saturating_sub(self.last_ms));
        self.last_ms = now_ms;
    }

    /// A heartbeat was heard after a time that says nothing about the usual intervals.
    pub(super) fn restart(&mut self, now_ms: u64) {
        self.last_ms = now_ms;
    }

    /// Suspicion: -log10 of the probability that a live member is silent for this long, intervals taken to be
    /// normally distributed (by a logistic approximation).
    pub(super) fn phi(&self, now_ms: u64, interval_ms: u64) -> f64 {
        let (mean, deviation) = self.expectation(interval_ms);
        let y = (now_ms.saturating_sub(self.last_ms) as f64 - mean) / deviation;
        let exponent = y * (1.5976 + 0.070566 * y * y);
        // log10(1 + e^x), by its limit where e^x would overflow.
        let log = if exponent > 500.0 { exponent } else { exponent.exp().ln_1p() };
        log * std::f64::consts::LOG10_E
    }

    /// Mean and deviation of the intervals, in milliseconds.
    fn expectation(&self, interval_ms: u64) -> (f64, f64) {
        let (count, interval) = (f64::from(self.len), interval_ms as f64);
        let mean = f64::from(self.sum) / count;
        let variance = (self.sum_of_squares as f64 / count - mean * mean).max(0.0);
        let detour = (mean - interval).max(0.0);
        let least = (MIN_DEVIATION * interval + DETOUR_DEVIATION * detour).max(1.0);
        (mean.max(interval), variance.sqrt().max(least))
    }

    /// How long a member has been silent, in milliseconds.
    pub(super) fn silence_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.last_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(interval_ms: u64, beats: u64) -> ArrivalWindow {
        let mut window = ArrivalWindow::new(interval_ms);
        window.restart(0);
        (1..=beats).for_each(|beat| window.arrival(beat * interval_ms));
        window
    }

    #[test]
    fn suspicion_grows_with_silence() {
        let window = steady(1000, 100);
        let phis: Vec<f64> = (0..40).map(|i| window.phi(100_000 + i * 500, 1000)).collect();
        assert!(phis.windows(2).all(|pair| pair[0] < pair[1]), "{phis:?}");
        assert!(window.phi(104_000, 1000) < 8.0);
        assert!(window.phi(106_000, 1000) > 8.0);
        assert!(window.phi(u64::MAX, 1000).is_finite());
    }

    #[test]
    fn slower_heartbeats_are_given_longer() {
        let window = steady(3000, 100);
        assert!(window.phi(310_000, 1000) < 8.0);
        assert!(window.phi(340_000, 1000) > 8.0);
    }

    /// Suspicion at so many deviations above the mean, from a table of the normal distribution.
    const NORMAL_TAILS: [(f64, f64); 5] =
        [(-1.0, 0.0750), (0.0, std::f64::consts::LOG10_2), (1.0, 0.7996), (2.0, 1.6430), (3.0, 2.8697)];

    fn assert_normal(window: &ArrivalWindow, mean_ms: f64, deviation_ms: f64) {
        let is_reached = |&(deviations, _): &(f64, f64)| mean_ms + deviations * deviation_ms >= 0.0;
        for (deviations, expected) in NORMAL_TAILS.into_iter().filter(is_reached) {
            let silence_ms = (mean_ms + deviations * deviation_ms) as u64;
            let phi = window.phi(window.last_ms + silence_ms, 1000);
            // The approximation is good to three digits where most intervals lie.
            let tolerance = if deviations < 2.5 { 0.002 } else { 0.05 };
            assert!((phi - expected).abs() < tolerance, "{deviations} deviations: {phi}, not {expected}");
        }
    }

    #[test]
    fn suspicion_is_the_tail_of_a_normal_distribution() {
        // Even intervals: three quarters of the usual one are assumed as deviation.
        assert_normal(&steady(1000, 100), 1000.0, 750.0);
        // Shorter ones than usual promise nothing.
        assert_normal(&steady(500, 100), 1000.0, 750.0);
        // Detours: once and a half more of what they take.
        assert_normal(&steady(3000, 100), 3000.0, 3750.0);
        // Two intervals in the window from its beginning, taken to be 2,000.
        assert_normal(&ArrivalWindow::new(2000), 2000.0, 2250.0);
        // Uneven intervals of 0 and 2,000 in turn.
        let mut window = steady(1000, 0);
        (1..=50).for_each(|i| [2000 * i, 2000 * i].into_iter().for_each(|at_ms| window.arrival(at_ms)));
        assert_normal(&window, 1000.0, 1000.0);
    }

    #[test]
    fn the_first_intervals_weigh_as_much_as_those_assumed() {
        let mut window = ArrivalWindow::new(1000);
        window.restart(0);
        // With two of 1,000 assumed: a mean of 2,000 and the detour's deviation, as the intervals' own is 1,000.
        window.arrival(3000);
        window.arrival(6000);
        assert_normal(&window, 2000.0, 2250.0);
    }

    #[test]
    fn the_window_forgets() {
        let mut window = steady(60_000, 50);
        let start = window.last_ms;
        (1..=SAMPLE_WINDOW as u64).for_each(|beat| window.arrival(start + beat * 1000));
        assert_eq!(window.sum, SAMPLE_WINDOW as u32 * 1000);
        assert_eq!(window.sum_of_squares, SAMPLE_WINDOW as u64 * 1_000_000);
    }
}
