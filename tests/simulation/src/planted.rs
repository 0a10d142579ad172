//! Plants every bug in turn and says after how many seeds it is found.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use starling_planted::Bug;
use starling_simulation::Manner;

use crate::arguments::{Arguments, scenario_of};

/// Seeds without faults in which no bug may show.
const CALM_SEEDS: u64 = 20;

/// A line for each bug; fails if one is not found, or shows without any fault.
pub fn find_all(arguments: &Arguments) -> ExitCode {
    let seeds = arguments.many_seeds();
    let (mut missed, mut early) = (0, 0);
    for &bug in Bug::ALL {
        let first = first_seed(arguments, bug, false, seeds.start, seeds.end);
        let count = seeds.end - seeds.start;
        match first {
            Some(seed) => line!("{}: found after {} seeds", bug.name(), seed - seeds.start + 1),
            None => line!("{}: NOT FOUND in {count} seeds", bug.name()),
        }
        missed += u64::from(first.is_none());
        if let Some(seed) = first_seed(arguments, bug, true, seeds.start, seeds.start + CALM_SEEDS) {
            line!("{}: SHOWS WITHOUT FAULTS at seed {seed}", bug.name());
            early += 1;
        }
    }
    line!("planted: {}, not found: {missed}, without faults: {early}", Bug::ALL.len());
    if missed + early == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first seed in which a bug shows.
fn first_seed(arguments: &Arguments, bug: Bug, is_calm: bool, from: u64, to: u64) -> Option<u64> {
    let (next, found) = (AtomicU64::new(from), AtomicU64::new(u64::MAX));
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to || seed > found.load(Ordering::Relaxed) {
                        return;
                    }
                    let manner = Manner { plant: Some(bug), is_calm, ..Manner::default() };
                    if !arguments.run(scenario_of(bug), seed, manner).violations.is_empty() {
                        found.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Some(found.into_inner()).filter(|seed| *seed != u64::MAX)
}
