//! A sample of seeds: clean, busy and deterministic. The program runs more of them.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use starling_simulation::{Manner, Report, World};

const SECONDS: u64 = 100;

fn run(seed: u64, seconds: u64) -> Report {
    World::new(seed, Manner::default()).run(seconds)
}

/// At least 100 simulated hours with a million operations and 100,000 faults are to fit in five minutes: this is a part of
/// that, and must be as busy.
#[test]
fn seeds_are_clean_and_busy() {
    let (mut seconds, mut operations, mut acknowledged, mut faults, mut scans) = (0, 0, 0, 0, 0);
    for seed in 1_000_000..1_000_400 {
        let report = run(seed, SECONDS);
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        seconds += report.simulated_us / 1_000_000;
        operations += report.operations;
        acknowledged += report.acknowledged;
        faults += report.faults;
        scans += report.reads_in_turn;
    }
    println!("{seconds} s, {operations} operations, {acknowledged} acknowledged, {faults} faults, {scans} scans");
    assert!(operations >= 10 * seconds && 5 * faults >= seconds, "{operations} operations, {faults} faults");
    assert!(40 * scans > acknowledged, "{scans} scans");
    // A cluster that answers nothing breaks no promise: many operations must have succeeded.
    assert!(4 * acknowledged > operations, "{acknowledged} of {operations}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..300 {
        assert_eq!(run(seed, 20), run(seed, 20));
    }
    assert_ne!(run(1, 20).trace, run(2, 20).trace);
}

#[test]
fn without_faults_statements_succeed_and_every_answer_is_right() {
    for seed in 0..20 {
        let report = World::new(seed, Manner { is_calm: true, ..Manner::default() }).run(SECONDS);
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        assert_eq!(report.faults, 0);
        // Two clients may change one side table at once; all else succeeds.
        assert!(1_000 * report.acknowledged >= 995 * report.operations, "seed {seed}: {report:?}");
    }
}

/// A seed that is run with lines, or with things left out, is told as the command line says.
#[test]
fn what_happens_can_be_read_and_left_out() {
    let told = World::new(3, Manner { with_lines: true, ..Manner::default() }).run(20);
    assert_eq!(told.trace, run(3, 20).trace, "telling changes nothing");
    assert!(told.lines.iter().any(|line| line.contains("fault 1: ")), "{} lines", told.lines.len());
    let skipped_faults = (1..=told.faults + 100).collect();
    let without = World::new(3, Manner { with_lines: true, skipped_faults, ..Manner::default() }).run(20);
    assert!(!without.lines.iter().any(|line| line.contains("fault ")));
}
