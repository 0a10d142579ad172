//! When operations may start: at once, or at the instants that a rate gives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// How far an open loop may be behind its plan before the rest is given up.
const BEHIND_MAX: Duration = Duration::from_secs(10);

/// When operations may start.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As soon as one before it has ended.
    Closed,
    /// So many in a second.
    Open {
        /// The rate.
        per_second: u64,
    },
}

impl Pace {
    /// When operation `index` is to start, counted from the start of the phase.
    pub fn offset(self, index: u64) -> Option<Duration> {
        match self {
            Pace::Closed => None,
            Pace::Open { per_second } => {
                let nanos = u128::from(index) * 1_000_000_000 / u128::from(per_second);
                Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
            }
        }
    }

    /// How many operations are due at `elapsed`.
    pub fn due(self, elapsed: Duration) -> u64 {
        match self {
            Pace::Closed => u64::MAX,
            Pace::Open { per_second } => {
                let due = elapsed.as_nanos() * u128::from(per_second) / 1_000_000_000 + 1;
                u64::try_from(due).unwrap_or(u64::MAX)
            }
        }
    }

    /// Whether operation `index` is so late at `elapsed` that the rest is given up.
    pub fn is_hopeless(self, index: u64, elapsed: Duration) -> bool {
        self.offset(index).is_some_and(|offset| elapsed > offset + BEHIND_MAX)
    }
}

/// Lets `total` operations of an open loop through when they are due, from a thread of its own: the runtime's timers
/// know milliseconds only. At the end it lets `workers` more through, so that each worker sees that it is over.
pub fn dispatch(pace: Pace, start: Instant, total: u64, workers: usize, gate: Arc<Semaphore>) -> std::io::Result<()> {
    let run = move || {
        let mut let_through = 0;
        while let_through < total {
            let due = pace.due(start.elapsed()).min(total);
            if due > let_through {
                gate.add_permits(usize::try_from(due - let_through).unwrap_or(Semaphore::MAX_PERMITS >> 1));
                let_through = due;
            }
            if let Some(offset) = pace.offset(let_through) {
                std::thread::sleep(offset.saturating_sub(start.elapsed()));
            }
        }
        gate.add_permits(workers);
    };
    std::thread::Builder::new().name("pace".into()).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_due_at_its_offset() {
        let pace = Pace::Open { per_second: 3_000 };
        for index in [0, 1, 2, 3_000, 12_345_678] {
            let offset = pace.offset(index).unwrap();
            assert!(pace.due(offset + Duration::from_nanos(1)) > index);
            assert!(index == 0 || pace.due(offset - Duration::from_micros(1)) <= index);
        }
        assert_eq!(pace.offset(6_000), Some(Duration::from_secs(2)));
        assert!(!pace.is_hopeless(3_000, Duration::from_secs(11)));
        assert!(pace.is_hopeless(3_000, Duration::from_secs(12)));
        assert!(Pace::Closed.offset(1).is_none());
    }
}
