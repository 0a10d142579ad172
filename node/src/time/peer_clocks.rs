//! What a node knows of the others' wall clocks, and whether its own can be trusted.
//!
//! Clocks are compared as in Mills' network time protocol: the other's clock was read at some moment between question and
//! answer, so the middle of the two is wrong by at most half of the time between them. What is kept is how far the other's
//! clock is ahead of this node's monotonic one: when this node's wall clock is set, that shows at once, against all that is
//! known.

use std::collections::BTreeMap;
use std::fmt;

use starling_ring::HostId;

/// A sample is good for so long, in microseconds. Longer: a node that is cut off remembers that its clock is wrong; by
/// then a clock may have drifted by 0.1 s. 60 s to an hour.
const SAMPLE_AGE_MAX_US: u64 = 600_000_000;

/// Clocks that are compared at most: whoever is asked beyond that takes the place of the oldest sample.
const SAMPLES_MAX: usize = 32;

/// A sample that is older gives way to one that is less exact, in microseconds.
const EXACT_FOR_US: u64 = 60_000_000;

/// What is known of one clock.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Ahead of this node's monotonic clock, in microseconds.
    lead_us: i64,
    /// Wrong by at most this.
    error_us: u64,
    taken_us: u64,
}

/// Whether a node's own clock is as the others'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It is, as far as is known.
    #[default]
    Trusted,
    /// It is not yet known: others have been asked.
    Unknown,
    /// Too many others disagree with it.
    Wrong {
        /// How far it is ahead of the median of the others, in microseconds; negative: behind.
        ahead_us: i64,
        /// Clocks that disagree by more than the allowed skew.
        disagree: usize,
        /// Clocks that it was compared with.
        of: usize,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Trusted => f.write_str("agrees with the others"),
            Verdict::Unknown => f.write_str("has not been compared with the others' yet"),
            Verdict::Wrong { ahead_us, disagree, of } => {
                let (by_s, side) =
                    (ahead_us.unsigned_abs() as f64 / 1e6, if *ahead_us < 0 { "behind" } else { "ahead" });
                write!(f, "is {by_s:.1} s {side}: {disagree} of {of} other nodes' clocks disagree with it")
            }
        }
    }
}

/// The others' clocks.
#[derive(Debug, Default)]
pub struct PeerClocks {
    samples: BTreeMap<HostId, Sample>,
    /// Questions that were not answered yet, and when they were asked: monotonic microseconds.
    asked: BTreeMap<HostId, u64>,
}

impl PeerClocks {
    /// `host` is being asked for its clock now.
    pub fn ask(&mut self, host: HostId, now_us: u64) {
        if self.asked.len() >= SAMPLES_MAX {
            self.asked.clear();
        }
        self.asked.insert(host, now_us);
    }

    /// An answer: `host` had its clock at `wall_us` between the question at `asked_us` and now. Whether it was taken: one
    /// that nobody asked for is not, nor one that says less than what is known.
    pub fn answered(&mut self, host: HostId, asked_us: u64, now_us: u64, wall_us: i64) -> bool {
        if self.asked.get(&host) != Some(&asked_us) {
            return false;
        }
        self.asked.remove(&host);
        let trip_us = now_us.saturating_sub(asked_us);
        let middle_us = asked_us.saturating_add(trip_us / 2);
        let lead_us = wall_us.saturating_sub(i64::try_from(middle_us).unwrap_or(i64::MAX));
        let sample = Sample { lead_us, error_us: trip_us / 2, taken_us: now_us };
        let agrees = |old: &Sample| old.lead_us.abs_diff(lead_us) <= sample.error_us.saturating_add(old.error_us);
        let is_better = |old: &Sample| {
            old.error_us < sample.error_us && agrees(old) && now_us.saturating_sub(old.taken_us) <= EXACT_FOR_US
        };
        if self.samples.get(&host).is_some_and(is_better) {
            return false;
        }
        self.samples.insert(host, sample);
        if self.samples.len() > SAMPLES_MAX
            && let Some(oldest) = self.samples.iter().min_by_key(|(_, sample)| sample.taken_us).map(|(host, _)| *host)
        {
            self.samples.remove(&oldest);
        }
        true
    }

    /// Forgets what is too old, and whoever is no member any more.
    pub fn forget(&mut self, now_us: u64, is_member: impl Fn(HostId) -> bool) {
        let is_fresh = |sample: &Sample| now_us.saturating_sub(sample.taken_us) <= SAMPLE_AGE_MAX_US;
        self.samples.retain(|host, sample| is_fresh(sample) && is_member(*host));
        self.asked.retain(|host, _| is_member(*host));
    }

    /// Clocks that are known.
    pub fn known(&self) -> usize {
        self.samples.len()
    }

    /// How far a wall clock at `wall_us` is ahead of the others' median now, in microseconds; negative: behind.
    pub fn ahead_us(&self, now_us: u64, wall_us: i64) -> i64 {
        let mut leads = self.leads(now_us, wall_us);
        leads.sort_unstable();
        // Of two in the middle the nearer one: what is said is not more than it is.
        let middle = leads.len() / 2;
        let (high, low) = (leads.get(middle), leads.get(middle.saturating_sub((leads.len() + 1) % 2)));
        match (high, low) {
            (Some(high), Some(low)) => {
                if high.unsigned_abs() < low.unsigned_abs() {
                    *high
                } else {
                    *low
                }
            }
            _ => 0,
        }
    }

    fn leads(&self, now_us: u64, wall_us: i64) -> Vec<i64> {
        let own_us = wall_us.saturating_sub(i64::try_from(now_us).unwrap_or(i64::MAX));
        self.samples.values().map(|sample| own_us.saturating_sub(sample.lead_us)).collect()
    }

    /// Whether this node's clock can be trusted: not if most clocks, its own counted, disagree with it by more than the
    /// allowed skew. Where it stands half against half, those behind give way: the others have issued later stamps.
    /// `has_company`: others are alive, so that there is something to compare with.
    pub fn verdict(&self, now_us: u64, wall_us: i64, max_skew_us: u64, has_company: bool) -> Verdict {
        let of = self.samples.len();
        if of == 0 {
            return if has_company { Verdict::Unknown } else { Verdict::Trusted };
        }
        let (mut ahead, mut behind) = (0, 0);
        for (lead_us, sample) in self.leads(now_us, wall_us).into_iter().zip(self.samples.values()) {
            if lead_us.unsigned_abs() > max_skew_us.saturating_add(sample.error_us) {
                *(if lead_us > 0 { &mut ahead } else { &mut behind }) += 1;
            }
        }
        let (disagree, known) = (ahead + behind, of + 1);
        let gives_way = 2 * disagree == known && ahead == 0;
        if 2 * disagree > known || gives_way {
            return Verdict::Wrong { ahead_us: self.ahead_us(now_us, wall_us), disagree, of };
        }
        Verdict::Trusted
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SKEW_US: u64 = 2_000_000;
    const NOON_US: i64 = 1_800_000_000_000_000;
    const MINUTE_US: i64 = 60_000_000;

    fn host(number: u128) -> HostId {
        HostId(Uuid::from_u128(number))
    }

    /// Peers whose clocks are ahead of the true time, noon at 1 s of monotonic time, by this.
    fn peers(ahead_us: &[i64]) -> PeerClocks {
        let mut clocks = PeerClocks::default();
        for (number, ahead_us) in ahead_us.iter().enumerate() {
            clocks.ask(host(number as u128), 1_000_000);
            assert!(clocks.answered(host(number as u128), 1_000_000, 1_000_400, NOON_US + 200 + ahead_us));
        }
        clocks
    }

    fn verdict(ahead_us: i64, peers_ahead_us: &[i64]) -> Verdict {
        peers(peers_ahead_us).verdict(1_000_400, NOON_US + 400 + ahead_us, SKEW_US, true)
    }

    fn is_wrong(ahead_us: i64, peers_ahead_us: &[i64]) -> bool {
        matches!(verdict(ahead_us, peers_ahead_us), Verdict::Wrong { .. })
    }

    #[test]
    fn the_one_that_most_disagree_with_is_wrong() {
        assert_eq!(verdict(0, &[]), Verdict::Unknown);
        assert_eq!(verdict(1_900_000, &[0, 0]), Verdict::Trusted);
        assert_eq!(verdict(5 * MINUTE_US, &[0, 0]), Verdict::Wrong { ahead_us: 5 * MINUTE_US, disagree: 2, of: 2 });
        assert_eq!(verdict(0, &[5 * MINUTE_US, 0]), Verdict::Trusted, "the other is");
        assert!(is_wrong(-MINUTE_US, &[0, 0, 0, 0]));
        assert!(is_wrong(-MINUTE_US, &[0, 0, -MINUTE_US, 0]));
        assert!(!is_wrong(-MINUTE_US, &[0, -MINUTE_US, -MINUTE_US, 0]), "three of five are behind");
        let said = verdict(-MINUTE_US, &[0, 0]).to_string();
        assert_eq!(said, "is 60.0 s behind: 2 of 2 other nodes' clocks disagree with it");
    }

    #[test]
    fn of_two_halves_the_one_behind_gives_way() {
        assert!(is_wrong(-MINUTE_US, &[0]));
        assert!(!is_wrong(MINUTE_US, &[0]));
        assert!(is_wrong(-MINUTE_US, &[0, 0, -MINUTE_US]));
        assert!(!is_wrong(0, &[0, -MINUTE_US, -MINUTE_US]));
        assert!(is_wrong(0, &[MINUTE_US, -MINUTE_US]), "two of three disagree, with each other too");
    }

    #[test]
    fn setting_the_clock_shows_at_once() {
        let clocks = peers(&[0, 0]);
        let later_us = 500_000_000;
        let right_us = NOON_US + later_us as i64 - 1_000_000;
        assert_eq!(clocks.verdict(later_us, right_us, SKEW_US, true), Verdict::Trusted);
        let set = clocks.verdict(later_us, right_us + 3_000_000, SKEW_US, true);
        assert_eq!(set, Verdict::Wrong { ahead_us: 3_000_000, disagree: 2, of: 2 });
    }

    #[test]
    fn unasked_answers_say_nothing_and_slow_ones_little() {
        let mut clocks = PeerClocks::default();
        assert!(!clocks.answered(host(1), 0, 10, NOON_US), "nobody asked");
        clocks.ask(host(1), 1_000);
        assert!(!clocks.answered(host(1), 999, 2_000, NOON_US), "not that question");
        assert_eq!(clocks.verdict(2_000, NOON_US, SKEW_US, true), Verdict::Unknown);
        assert_eq!(clocks.verdict(2_000, NOON_US, SKEW_US, false), Verdict::Trusted, "nobody is there");
        assert!(clocks.answered(host(1), 1_000, 20_001_000, NOON_US), "better than nothing");
        assert!(!clocks.answered(host(1), 1_000, 20_001_001, NOON_US), "answered already");
        assert_eq!(clocks.verdict(20_001_000, NOON_US - 1_000_000, SKEW_US, true), Verdict::Trusted, "it may be right");
        assert!(clocks.verdict(20_001_000, NOON_US - 23_000_000, SKEW_US, true) != Verdict::Trusted);
        clocks.ask(host(1), 30_000_000);
        assert!(clocks.answered(host(1), 30_000_000, 30_000_100, NOON_US + 20_000_000), "an exact one");
        clocks.ask(host(1), 40_000_000);
        assert!(!clocks.answered(host(1), 40_000_000, 45_000_000, NOON_US + 31_000_000), "says less, to the same end");
        clocks.ask(host(1), 50_000_000);
        assert!(clocks.answered(host(1), 50_000_000, 55_000_000, NOON_US + 90_000_000), "that clock was set");
    }

    #[test]
    fn what_is_kept_is_bounded_and_forgotten() {
        let mut clocks = PeerClocks::default();
        for number in 0..1_000u64 {
            clocks.ask(host(number.into()), number);
            assert!(clocks.answered(host(number.into()), number, number + 10, NOON_US));
        }
        assert_eq!(clocks.known(), SAMPLES_MAX);
        assert!(clocks.samples.contains_key(&host(999)));
        clocks.forget(2_000, |host| host.0.as_u128() != 999);
        assert_eq!(clocks.known(), SAMPLES_MAX - 1);
        clocks.forget(SAMPLE_AGE_MAX_US + 2_000, |_| true);
        assert_eq!(clocks.known(), 0);
        for number in 0..1_000u64 {
            clocks.ask(host(number.into()), number);
        }
        assert!(clocks.asked.len() <= SAMPLES_MAX);
    }

    #[test]
    fn extremes_overflow_nowhere() {
        let mut clocks = PeerClocks::default();
        for (number, wall_us) in [(1, i64::MIN), (2, i64::MAX), (3, 0)] {
            clocks.ask(host(number), u64::MAX);
            assert!(clocks.answered(host(number), u64::MAX, 0, wall_us));
        }
        for (now_us, wall_us) in [(0, i64::MIN), (u64::MAX, i64::MAX), (u64::MAX, i64::MIN)] {
            let _ = clocks.verdict(now_us, wall_us, u64::MAX, true);
            let _ = clocks.verdict(now_us, wall_us, 0, true).to_string();
        }
    }
}
