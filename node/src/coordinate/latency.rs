//! How quickly replicas answer reads: orders them by nearness and says when one is slow enough to speculate.
//!
//! The estimate is the smoothed round trip of TCP (RFC 6298): a mean and a mean deviation.

use std::collections::BTreeMap;

use starling_ring::HostId;

/// Policy of speculative retry, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct SpeculationConfig {
    /// Never sooner than this after asking. Shorter: better tails, more duplicate reads. 1 to 100.
    pub delay_ms_min: u64,
    /// Never later than this. 10 to 1,000.
    pub delay_ms_max: u64,
    /// Before anything is known of a replica. Between the two.
    pub delay_ms_initial: u64,
}

impl Default for SpeculationConfig {
    fn default() -> Self {
        SpeculationConfig { delay_ms_min: 5, delay_ms_max: 200, delay_ms_initial: 30 }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    mean_us: u64,
    deviation_us: u64,
}

/// Estimates per replica.
#[derive(Debug, Default)]
pub struct Latencies {
    estimates: BTreeMap<HostId, Estimate>,
}

impl Latencies {
    /// Records that `host` answered a read after `elapsed_us`.
    pub fn record(&mut self, host: HostId, elapsed_us: u64) {
        match self.estimates.get_mut(&host) {
            None => {
                self.estimates.insert(host, Estimate { mean_us: elapsed_us, deviation_us: elapsed_us / 2 });
            }
            Some(e) => {
                e.deviation_us = (3 * e.deviation_us + e.mean_us.abs_diff(elapsed_us)) / 4;
                e.mean_us = (7 * e.mean_us + elapsed_us) / 8;
            }
        }
    }

    /// Rank for nearness: smaller is nearer; coarse, so that noise does not herd all reads to one replica.
    pub fn rank(&self, host: HostId) -> u64 {
        self.estimates.get(&host).map_or(0, |e| u64::from((e.mean_us / 2_000).checked_ilog2().map_or(0, |l| l + 1)))
    }

    /// How long to wait for `host` before another replica is asked too.
    pub fn speculation_delay_ms(&self, config: &SpeculationConfig, host: HostId) -> u64 {
        self.estimates.get(&host).map_or(config.delay_ms_initial, |e| {
            let wait_us = e.mean_us.saturating_mul(2).saturating_add(e.deviation_us.saturating_mul(4));
            wait_us.div_ceil(1_000).clamp(config.delay_ms_min, config.delay_ms_max)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_replica_ranks_behind_and_is_waited_for_within_bounds() {
        let (near, far) = (HostId(uuid::Uuid::from_u128(1)), HostId(uuid::Uuid::from_u128(2)));
        let config = SpeculationConfig::default();
        let mut latencies = Latencies::default();
        assert_eq!(latencies.speculation_delay_ms(&config, near), config.delay_ms_initial);
        for _ in 0..50 {
            latencies.record(near, 500);
            latencies.record(far, 900_000);
        }
        assert!(latencies.rank(near) < latencies.rank(far));
        assert_eq!(latencies.speculation_delay_ms(&config, near), config.delay_ms_min);
        assert_eq!(latencies.speculation_delay_ms(&config, far), config.delay_ms_max);
    }
}
