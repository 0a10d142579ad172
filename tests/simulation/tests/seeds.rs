//! A sample of seeds: clean, deterministic, and each planted bug found. The program runs more of them.
#![allow(clippy::unwrap_used)]

use starling_simulation::{Plant, Report, World};

const SECONDS: u64 = 600;

fn run(seed: u64, plant: Option<Plant>, seconds: u64) -> Report {
    World::new(seed, plant).run(seconds)
}

#[test]
fn seeds_are_clean_and_busy() {
    for seed in 1_000..1_040 {
        let report = run(seed, None, SECONDS);
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        let simulated_s = report.simulated_us / 1_000_000;
        assert!(report.operations >= 10 * simulated_s, "seed {seed}: {} operations", report.operations);
        assert!(report.faults >= 20, "seed {seed}: {} faults", report.faults);
        assert!(20 * report.reads_in_turn > report.acknowledged, "seed {seed}: {} scans", report.reads_in_turn);
        // A cluster that answers nothing breaks no promise: many operations must have succeeded.
        assert!(4 * report.acknowledged > report.operations, "seed {seed}: {report:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..200 {
        assert_eq!(run(seed, None, 30), run(seed, None, 30));
    }
}

#[test]
fn different_seeds_give_different_traces() {
    assert_ne!(run(1, None, 30).trace, run(2, None, 30).trace);
}

#[test]
fn every_planted_bug_is_found() {
    for (name, plant) in Plant::ALL {
        let found = (0..40).any(|seed| !run(seed, Some(plant), SECONDS).violations.is_empty());
        assert!(found, "{name} was not found in 40 seeds");
    }
}

#[test]
fn without_faults_statements_succeed_and_every_answer_is_right() {
    for seed in 0..20 {
        let report = World::new(seed, None).calmed().run(120);
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        // Two clients may change one side table at once; all else succeeds.
        assert!(1_000 * report.acknowledged >= 995 * report.operations, "seed {seed}: {report:?}");
    }
}
