//! What came of the operations of a phase.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

/// Kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A write of one row.
    Write,
    /// A read of one row.
    Read,
    /// A read of consecutive rows.
    Slice,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Kind; 3] = [Kind::Write, Kind::Read, Kind::Slice];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Write => "write",
            Kind::Read => "read",
            Kind::Slice => "slice",
        }
    }
}

/// Longest latency told apart, in microseconds.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// An empty histogram of latencies in microseconds, to three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("bounds that fit")
}

/// Counts since they were last taken.
pub struct Tally {
    /// Latency of what succeeded, by kind, in microseconds.
    pub latency_us: [Histogram<u64>; 3],
    /// Failures by message.
    pub errors: BTreeMap<String, u64>,
    /// Reads that found less than had been written.
    pub missing: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { latency_us: [histogram(), histogram(), histogram()], errors: BTreeMap::new(), missing: 0 }
    }
}

impl Tally {
    /// Counts a success.
    pub fn success(&mut self, kind: Kind, latency: Duration) {
        let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_us[kind as usize].saturating_record(latency_us);
    }

    /// Counts a failure.
    pub fn failure(&mut self, message: String) {
        *self.errors.entry(message).or_default() += 1;
    }

    /// Adds and empties `other`.
    pub fn take(&mut self, other: &mut Tally) {
        for (into, from) in self.latency_us.iter_mut().zip(&mut other.latency_us) {
            into.add(&*from).expect("histograms of the same bounds");
            from.reset();
        }
        for (message, count) in std::mem::take(&mut other.errors) {
            *self.errors.entry(message).or_default() += count;
        }
        self.missing += std::mem::take(&mut other.missing);
    }

    /// Operations that succeeded.
    pub fn successes(&self) -> u64 {
        self.latency_us.iter().map(Histogram::len).sum()
    }

    /// Operations that failed.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// A phase that is over.
pub struct Outcome {
    /// What was counted.
    pub tally: Tally,
    /// From its start to the last answer.
    pub elapsed: Duration,
    /// Operations of an open loop that were given up because the servers were too far behind.
    pub given_up: u64,
}

impl Outcome {
    /// An error if an operation failed.
    pub fn require_success(&self) -> Result<()> {
        match self.tally.errors.iter().next() {
            Some((message, _)) => bail!("{} operations failed, the first with: {message}", self.tally.failures()),
            None => Ok(()),
        }
    }

    /// Successes per second.
    pub fn throughput(&self) -> f64 {
        self.tally.successes() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let (mut total, mut part) = (Tally::default(), Tally::default());
        part.success(Kind::Read, Duration::from_micros(150));
        part.success(Kind::Write, Duration::from_secs(1 << 20));
        part.failure("slow".into());
        part.missing = 1;
        for _ in 0..2 {
            total.take(&mut part);
        }
        assert_eq!((total.successes(), total.failures(), total.missing), (2, 1, 1));
        assert_eq!(total.latency_us[Kind::Read as usize].max(), 150);
        assert_eq!(part.successes() + part.failures() + part.missing, 0);
    }
}
