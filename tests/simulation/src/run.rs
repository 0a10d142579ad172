//! Runs seeds side by side, and makes a failing one small.

use std::collections::BTreeSet;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use starling_simulation::{Manner, Report};

use crate::arguments::Arguments;
use crate::report;

/// Runs all seeds; with a bug planted, up to the first violation.
pub fn run_all(arguments: &Arguments, seeds: Range<u64>) -> Vec<Report> {
    let next = AtomicU64::new(seeds.start);
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let report = arguments.run(arguments.scenario, seed, arguments.manner());
                    report::print_seed(arguments, &report);
                    if arguments.plant.is_some() && !report.violations.is_empty() {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                    reports.lock().push(report);
                }
            });
        }
    });
    reports.into_inner()
}

/// Leaves out what can be left out of a failing seed, and prints the line that runs what remains.
pub fn minimise(arguments: &Arguments) -> ExitCode {
    let seed = arguments.seeds().start;
    let mut manner = arguments.manner();
    let whole = arguments.run(arguments.scenario, seed, manner.clone());
    if whole.violations.is_empty() {
        line!("seed {seed} is clean: there is nothing to make small");
        return ExitCode::from(2);
    }
    let fails = |manner: &Manner| {
        let report = arguments.run(arguments.scenario, seed, manner.clone());
        !report.violations.is_empty()
    };
    leave_out(whole.faults, &mut manner, |manner| &mut manner.skipped_faults, &fails);
    leave_out(whole.operations_begun, &mut manner, |manner| &mut manner.skipped_operations, &fails);
    leave_out(whole.faults, &mut manner, |manner| &mut manner.skipped_faults, &fails);
    let last = arguments.run(arguments.scenario, seed, manner.clone());
    for violation in &last.violations {
        line!("violation: {violation}");
    }
    let (faults, operations) = (last.faults, last.operations_begun);
    let left = |all: u64, skipped: &BTreeSet<u64>| all - skipped.range(..=all).count() as u64;
    line!(
        "left: {} of {} faults, {} of {} operations",
        left(faults, &manner.skipped_faults),
        whole.faults,
        left(operations, &manner.skipped_operations),
        whole.operations_begun
    );
    let skips = [("faults", &manner.skipped_faults), ("operations", &manner.skipped_operations)];
    let skips: Vec<String> = skips
        .iter()
        .filter(|(_, numbers)| !numbers.is_empty())
        .map(|(what, numbers)| format!(" --skip-{what} {}", list(numbers)))
        .collect();
    line!("{}{} --trace", arguments.reproduction(seed), skips.concat());
    ExitCode::FAILURE
}

/// Tries to leave out numbers from 1 to `count`, in halves, then in halves of halves, down to single ones.
fn leave_out(
    count: u64,
    manner: &mut Manner,
    skipped: fn(&mut Manner) -> &mut BTreeSet<u64>,
    fails: &dyn Fn(&Manner) -> bool,
) {
    let mut size = count.div_ceil(2).max(1);
    loop {
        let mut start = 1;
        while start <= count {
            let mut tried = manner.clone();
            let end = (start + size - 1).min(count);
            skipped(&mut tried).extend(start..=end);
            if skipped(&mut tried).len() > skipped(manner).len() && fails(&tried) {
                *manner = tried;
            }
            start += size;
        }
        if size == 1 {
            return;
        }
        size = size.div_ceil(2);
    }
}

/// Numbers as the command line takes them.
fn list(numbers: &BTreeSet<u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let parts = ranges.iter().map(|(from, to)| if from == to { format!("{from}") } else { format!("{from}-{to}") });
    parts.collect::<Vec<_>>().join(",")
}
