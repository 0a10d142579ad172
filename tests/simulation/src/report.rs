//! What is printed of seeds.

use std::process::ExitCode;

use starling_simulation::Report;
use xxhash_rust::xxh3::xxh3_64;

use crate::arguments::Arguments;

/// One seed: its trace, its line of JSON, its violations.
pub fn print_seed(arguments: &Arguments, report: &Report) {
    for line in &report.lines {
        line!("{line}");
    }
    if arguments.json {
        let line = serde_json::json!({
            "seed": report.seed,
            "violations": report.violations,
            "simulated_s": report.simulated_us as f64 / 1e6,
            "operations": report.operations,
            "acknowledged": report.acknowledged,
            "reads_in_turn": report.reads_in_turn,
            "faults": report.faults,
            "messages": report.messages,
            "trace": format!("{:016x}", report.trace),
        });
        line!("{line}");
    }
    for violation in &report.violations {
        line!("violation: {violation}; reproduce: {}", arguments.reproduction(report.seed));
    }
}

/// All of them.
pub fn print_end(arguments: &Arguments, reports: &[Report]) -> ExitCode {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let violations = sum(|r| r.violations.len() as u64);
    let hours = sum(|r| r.simulated_us) as f64 / 3.6e9;
    let (operations, faults) = (sum(|r| r.operations), sum(|r| r.faults));
    let traces: Vec<u8> = reports.iter().flat_map(|r| r.trace.to_be_bytes()).collect();
    let trace = xxh3_64(&traces);
    if arguments.json {
        let line = serde_json::json!({
            "seeds": reports.len(), "violations": violations, "cluster_hours": hours,
            "operations": operations, "faults": faults, "trace": format!("{trace:016x}"),
        });
        line!("{line}");
    }
    line!(
        "seeds: {}, violations: {violations}, cluster-hours: {hours:.2}, operations: {operations}, \
         faults: {faults}, trace: {trace:016x}",
        reports.len()
    );
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
