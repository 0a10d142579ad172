//! Every planted bug is found within some seeds, and hides where there are no faults. Only in a build that can plant them:
//! `cargo test --release -p starling-simulation --features planted --test planted`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use starling_planted::{Bug, CAN_BE_PLANTED, Needs, Scenario};
use starling_simulation::log::LogWorld;
use starling_simulation::{Manner, Report, World};

/// The program goes on to 10,000: `starling-simulation --planted`.
const SEEDS: u64 = 1_000;

fn run(seed: u64, bug: Bug, is_calm: bool) -> Report {
    let manner = Manner { plant: Some(bug), is_calm, ..Manner::default() };
    match bug.scenario() {
        Scenario::Data => World::new(seed, manner).run(100),
        Scenario::Log => LogWorld::new(seed, &manner).run(40),
    }
}

fn check(scenario: Scenario) {
    const { assert!(CAN_BE_PLANTED) };
    for &bug in Bug::ALL.iter().filter(|bug| bug.scenario() == scenario) {
        let found = (0..SEEDS).find(|&seed| !run(seed, bug, false).violations.is_empty());
        println!("{}: found after {:?} seeds", bug.name(), found.map(|seed| seed + 1));
        assert!(found.is_some(), "{} was not found in {SEEDS} seeds", bug.name());
        for seed in 0..10 {
            let report = run(seed, bug, true);
            assert!(report.violations.is_empty(), "{}, seed {seed}: {:?}", bug.name(), report.violations);
        }
    }
}

#[test]
fn bugs_in_data_are_found() {
    check(Scenario::Data);
}

#[test]
fn bugs_in_the_log_are_found() {
    check(Scenario::Log);
}

#[test]
fn they_are_many_and_of_many_kinds() {
    let names: std::collections::BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    let classes: std::collections::BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.class()).collect();
    assert_eq!(names.len(), Bug::ALL.len());
    assert!(Bug::ALL.len() >= 25 && classes.len() >= 20, "{} bugs, {} classes", Bug::ALL.len(), classes.len());
    assert!(Bug::ALL.iter().any(|bug| bug.needs() == Needs::Crash));
}
