//! A sample of seeds of the epoch log: clean, deterministic, and each planted bug found. The program runs more of them.
#![allow(clippy::unwrap_used)]

use starling_node::cluster::LogPlant;
use starling_simulation::Report;
use starling_simulation::log::{LOG_PLANTS, LogWorld};

const SECONDS: u64 = 40;

fn run(seed: u64, plant: Option<LogPlant>) -> Report {
    LogWorld::new(seed, plant).run(SECONDS)
}

#[test]
fn seeds_are_clean_and_busy() {
    let (mut operations, mut acknowledged, mut faults) = (0, 0, 0);
    for seed in 1_000_000..1_000_200 {
        let report = run(seed, None);
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
        assert_eq!(run(seed, None), run(seed, None));
    }
    assert_ne!(run(1, None).trace, run(2, None).trace);
}

#[test]
fn every_planted_bug_is_found_and_hides_where_there_are_no_faults() {
    for (name, plant) in LOG_PLANTS {
        let found = (0..1_000).any(|seed| !run(seed, Some(plant)).violations.is_empty());
        assert!(found, "{name} was not found in 1,000 seeds");
        for seed in 0..20 {
            let report = LogWorld::new(seed, Some(plant)).calmed().run(SECONDS);
            assert!(report.violations.is_empty(), "{name}, seed {seed}: {:?}", report.violations);
            assert_eq!(report.faults, 0);
        }
    }
}
