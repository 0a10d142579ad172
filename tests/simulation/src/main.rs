//! Whole clusters in one thread on simulated time, network and disk. A seed decides everything; a failing seed
//! is a one-line reproduction.
#![allow(clippy::print_stdout, reason = "the program's output")]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;
use parking_lot::Mutex;
use starling_simulation::{Plant, Report, World};
use xxhash_rust::xxh3::xxh3_64;

/// Runs simulated clusters and checks what their clients saw.
#[derive(Parser)]
#[command(name = "starling-simulation")]
struct Arguments {
    /// Run one seed.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run the seeds from A up to, not including, B.
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    seeds: Option<Range<u64>>,
    /// Simulated seconds of faults and load per seed.
    #[arg(long, value_name = "S", default_value_t = 600)]
    seconds: u64,
    /// Plant a bug on purpose; the run ends at the first violation.
    #[arg(long, value_name = "NAME", value_parser = parse_plant)]
    plant: Option<Plant>,
    /// Print a line of JSON per seed and for the end.
    #[arg(long)]
    json: bool,
    /// Seeds run side by side.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write A..B")?;
    let number = |t: &str| t.parse::<u64>().map_err(|e| format!("{t}: {e}"));
    let range = number(from)?..number(to)?;
    if range.is_empty() { Err("no seeds in that range".into()) } else { Ok(range) }
}

fn parse_plant(name: &str) -> Result<Plant, String> {
    let known = Plant::ALL.iter().find(|(known, _)| *known == name);
    let names: Vec<&str> = Plant::ALL.iter().map(|(name, _)| *name).collect();
    known.map(|(_, plant)| *plant).ok_or_else(|| format!("known bugs: {}", names.join(", ")))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = arguments.seeds.clone().unwrap_or_else(|| {
        let seed = arguments.seed.unwrap_or(0);
        seed..seed.saturating_add(1)
    });
    let mut reports = run_all(&arguments, seeds);
    reports.sort_by_key(|r| r.seed);
    finish(&arguments, &reports)
}

fn run_all(arguments: &Arguments, seeds: Range<u64>) -> Vec<Report> {
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
                    let report = World::new(seed, arguments.plant).run(arguments.seconds);
                    print_seed(arguments, &report);
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

fn print_seed(arguments: &Arguments, report: &Report) {
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
        println!("{line}");
    }
    for violation in &report.violations {
        let plant = Plant::ALL.iter().find(|(_, p)| Some(*p) == arguments.plant);
        let plant = plant.map_or(String::new(), |(name, _)| format!(" --plant {name}"));
        println!(
            "violation: {violation}; reproduce: starling-simulation --seed {} --seconds {}{plant}",
            report.seed, arguments.seconds
        );
    }
}

fn finish(arguments: &Arguments, reports: &[Report]) -> ExitCode {
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
        println!("{line}");
    }
    println!(
        "seeds: {}, violations: {violations}, cluster-hours: {hours:.2}, operations: {operations}, \
         faults: {faults}, trace: {trace:016x}",
        reports.len()
    );
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
