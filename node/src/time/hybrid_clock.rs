//! The hybrid logical clock: what follows causally has a later stamp, whatever the wall clocks say.
//!
//! After Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks" (2014), with the logical part in the lowest
//! microseconds: a stamp is the wall clock's microsecond, or one more than the last stamp that was issued or heard of. So
//! a stamp is a write timestamp too.
//!
//! Two bounds keep it honest. Nobody is drawn further than the allowed skew past its own wall clock: a stamp beyond that is
//! not adopted. And no stamp is issued beyond the ceiling that is on disk: a restart begins there, so it never goes back.

use std::sync::atomic::{AtomicU64, Ordering};

use starling_planted::{Bug, is_planted};
use thiserror::Error;

/// Microseconds since 1970, as the cluster counts them. 0 is before all others.
pub type Stamp = u64;

/// Bounds of a clock, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSettings {
    /// How far a stamp may be ahead of the wall clock. More forgives worse clocks, and lets one bad clock draw the others
    /// further.
    pub max_skew_us: u64,
    /// How far ahead of the last stamp the ceiling is set. More: the disk is written to less often. At most
    /// `max_skew_us`, else a node that is restarted at once would have to wait for its wall clock.
    pub ceiling_step_us: u64,
}

/// Why a stamp is not issued, or not adopted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ClockError {
    /// This node's wall clock is behind what it has issued or heard of.
    #[error("this node's clock is {by_us} us behind what the cluster has seen, more than the allowed skew")]
    Behind {
        /// Beyond the wall clock, in microseconds.
        by_us: u64,
    },
    /// The ceiling on disk has not been raised in time.
    #[error("the clock's ceiling is not on disk yet")]
    Ceiling,
    /// What came from elsewhere is beyond the allowed skew.
    #[error("a stamp is {by_us} us ahead of this node's clock, more than the allowed skew")]
    Ahead {
        /// Beyond the wall clock, in microseconds.
        by_us: u64,
    },
}

/// One node's clock.
#[derive(Debug)]
pub struct HybridClock {
    settings: ClockSettings,
    last: AtomicU64,
    /// On disk.
    ceiling: AtomicU64,
}

impl HybridClock {
    /// The clock of a node that starts with this ceiling on its disk; 0 if there is none yet.
    pub fn new(settings: ClockSettings, stored_ceiling: Stamp) -> Self {
        HybridClock { settings, last: AtomicU64::new(stored_ceiling), ceiling: AtomicU64::new(stored_ceiling) }
    }

    /// The last stamp that was issued or adopted: every message to another node carries it.
    pub fn last(&self) -> Stamp {
        self.last.load(Ordering::Relaxed)
    }

    /// A stamp that is later than all that were issued or adopted here.
    pub fn issue(&self, wall_us: i64) -> Result<Stamp, ClockError> {
        let wall = wall(wall_us);
        let ceiling = self.ceiling.load(Ordering::Acquire);
        let next = |last: Stamp| {
            let next = wall.max(last.saturating_add(1));
            (next <= ceiling && next - wall <= self.settings.max_skew_us).then_some(next)
        };
        match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(last) => Ok(wall.max(last.saturating_add(1))),
            Err(last) => {
                let by_us = last.saturating_add(1).saturating_sub(wall);
                Err(if by_us > self.settings.max_skew_us { ClockError::Behind { by_us } } else { ClockError::Ceiling })
            }
        }
    }

    /// Hears of a stamp: what is issued afterwards is later. One beyond the allowed skew is not adopted.
    pub fn observe(&self, wall_us: i64, stamp: Stamp) -> Result<(), ClockError> {
        let by_us = stamp.saturating_sub(wall(wall_us));
        if by_us > self.settings.max_skew_us && !is_planted(Bug::AcceptSkew) {
            return Err(ClockError::Ahead { by_us });
        }
        self.last.fetch_max(stamp, Ordering::Relaxed);
        Ok(())
    }

    /// How far the last stamp is beyond the wall clock, if that is more than the allowed skew: then nothing is issued.
    pub fn beyond_us(&self, wall_us: i64) -> Option<u64> {
        let by_us = self.last().saturating_sub(wall(wall_us));
        (by_us > self.settings.max_skew_us).then_some(by_us)
    }

    /// The ceiling that should be made durable now, if any: then [`HybridClock::raised`] is called. It is raised once half
    /// of the step is used up.
    pub fn ceiling_due(&self, wall_us: i64) -> Option<Stamp> {
        let latest = self.last().max(wall(wall_us));
        let is_near = latest.saturating_add(self.settings.ceiling_step_us / 2) > self.ceiling.load(Ordering::Acquire);
        is_near.then(|| latest.saturating_add(self.settings.ceiling_step_us))
    }

    /// This ceiling is on disk.
    pub fn raised(&self, ceiling: Stamp) {
        self.ceiling.fetch_max(ceiling, Ordering::Release);
    }
}

/// A wall clock before 1970 is one at 1970: everything is ahead of it.
fn wall(wall_us: i64) -> Stamp {
    u64::try_from(wall_us).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: ClockSettings = ClockSettings { max_skew_us: 500_000, ceiling_step_us: 2_000_000 };
    const NOON_US: i64 = 1_800_000_000_000_000;

    fn clock() -> HybridClock {
        let clock = HybridClock::new(SETTINGS, 0);
        clock.raised(clock.ceiling_due(NOON_US).expect("a new clock has none"));
        clock
    }

    #[test]
    fn stamps_rise_though_the_wall_clock_stands_or_goes_back() {
        let clock = clock();
        let mut last = 0;
        for wall_us in [NOON_US, NOON_US, NOON_US - 400_000, NOON_US + 7, NOON_US + 1_000_000] {
            let stamp = clock.issue(wall_us).unwrap();
            assert!(stamp > last && stamp >= wall_us as u64);
            last = stamp;
        }
        assert_eq!(last, NOON_US as u64 + 1_000_000, "where the wall clock is ahead it counts");
    }

    #[test]
    fn what_was_heard_of_is_before_what_is_issued() {
        let clock = clock();
        let heard = NOON_US as u64 + 500_000;
        clock.observe(NOON_US, heard).unwrap();
        assert_eq!(clock.issue(NOON_US + 1), Ok(heard + 1));
    }

    #[test]
    fn nobody_is_drawn_beyond_the_skew() {
        let clock = clock();
        let heard = NOON_US as u64 + 500_001;
        assert_eq!(clock.observe(NOON_US, heard), Err(ClockError::Ahead { by_us: 500_001 }));
        assert_eq!(clock.issue(NOON_US), Ok(NOON_US as u64));
    }

    #[test]
    fn a_wall_clock_that_was_set_back_too_far_issues_nothing() {
        let clock = clock();
        clock.issue(NOON_US).unwrap();
        let back_us = NOON_US - 600_000;
        assert_eq!(clock.issue(back_us), Err(ClockError::Behind { by_us: 600_001 }));
        assert!(clock.issue(NOON_US - 400_000).is_ok(), "within the skew it goes on");
    }

    #[test]
    fn nothing_is_issued_beyond_the_ceiling_and_a_restart_begins_there() {
        let clock = clock();
        let late_us = NOON_US + 2_000_001;
        assert_eq!(clock.issue(late_us), Err(ClockError::Ceiling));
        let ceiling = clock.ceiling_due(late_us).unwrap();
        clock.raised(ceiling);
        let last = clock.issue(late_us).unwrap();
        assert!(clock.ceiling_due(late_us).is_none(), "it is far away now");
        let restarted = HybridClock::new(SETTINGS, ceiling);
        restarted.raised(restarted.ceiling_due(late_us).unwrap());
        // It waits until its wall clock is near enough.
        assert!(matches!(restarted.issue(late_us), Err(ClockError::Behind { .. })));
        assert_eq!(restarted.beyond_us(late_us), Some(2_000_000));
        assert!(restarted.issue(late_us + 1_600_000).unwrap() > last.max(ceiling));
        assert_eq!(restarted.beyond_us(late_us + 1_600_000), None);
    }

    #[test]
    fn extremes_overflow_nowhere() {
        let clock = HybridClock::new(SETTINGS, u64::MAX);
        assert!(matches!(clock.issue(i64::MAX), Err(ClockError::Behind { .. })));
        let clock = HybridClock::new(SETTINGS, 0);
        assert!(clock.issue(i64::MIN).is_err());
        assert!(matches!(clock.observe(i64::MIN, u64::MAX), Err(ClockError::Ahead { .. })));
        assert_eq!(clock.ceiling_due(i64::MAX), Some(i64::MAX as u64 + 2_000_000));
    }
}
