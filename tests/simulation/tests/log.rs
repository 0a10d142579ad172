//! A sample of seeds of the epoch log: clean, deterministic and busy. The program runs more of them.
#![allow(clippy::unwrap_used)]

use starling_simulation::log::LogWorld;
use starling_simulation::{Manner, Report};

const SECONDS: u64 = 40;

fn run(seed: u64) -> Report {
    LogWorld::new(seed, &Manner::default()).run(SECONDS)
}

#[test]
fn seeds_are_clean_and_busy() {
    let (mut operations, mut acknowledged, mut faults) = (0, 0, 0);
    for seed in 1_000_000..1_000_200 {
        let report = run(seed);
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        assert!(report.operations > 0, "seed {seed}: {report:?}");
        operations += report.operations;
        acknowledged += report.acknowledged;
        faults += report.faults;
    }
    // A log that takes nothing in breaks no promise: many changes must have been made.
    assert!(operations >= 200 * 50, "{operations} operations");
    assert!(4 * acknowledged > operations, "{acknowledged} of {operations} were acknowledged");
    assert!(faults >= 200 * 15, "{faults} faults");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..40 {
        assert_eq!(run(seed), run(seed));
    }
    assert_ne!(run(1).trace, run(2).trace);
}

/// As in the scenario with data.
#[test]
fn what_happens_can_be_read_and_left_out() {
    let told = LogWorld::new(7, &Manner { with_lines: true, ..Manner::default() }).run(SECONDS);
    assert_eq!(told.trace, run(7).trace, "telling changes nothing");
    assert!(told.lines.iter().any(|line| line.contains("fault 1: ")), "{} lines", told.lines.len());
    let (skipped_faults, skipped_operations) = ((1..10_000).collect(), (1..10_000).collect());
    let manner = Manner { with_lines: true, skipped_faults, skipped_operations, ..Manner::default() };
    let without = LogWorld::new(7, &manner).run(SECONDS);
    assert_eq!(without.violations, [] as [String; 0]);
    assert!(!without.lines.iter().any(|line| line.contains("fault ") || line.contains("ALTER ")));
}
