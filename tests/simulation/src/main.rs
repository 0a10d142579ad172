//! Whole clusters in one thread on simulated time, network and disk. A seed decides everything; a failing seed
//! is a one-line reproduction.
#![allow(clippy::print_stdout, reason = "the program's output")]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::{Parser, ValueEnum};
use parking_lot::Mutex;
use starling_node::cluster::LogPlant;
use starling_simulation::log::{LOG_PLANTS, LogWorld};
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
    /// What is simulated.
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Scenario::Data)]
    scenario: Scenario,
    /// Simulated seconds of faults and load per seed; 600 of them, or 40 in the scenario `log`.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// No faults, and one client (scenario `log`): what is planted must not show.
    #[arg(long)]
    calm: bool,
    /// Plant a bug on purpose; the run ends at the first violation.
    #[arg(long, value_name = "NAME", value_parser = parse_plant)]
    plant: Option<Planted>,
    /// Print a line of JSON per seed and for the end.
    #[arg(long)]
    json: bool,
    /// Seeds run side by side.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
}

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Whole nodes; registers are written and read.
    Data,
    /// The epoch log alone; schema and members change.
    Log,
}

/// A planted bug, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Planted {
    name: &'static str,
    bug: Bug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    Data(Plant),
    Log(LogPlant),
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write A..B")?;
    let number = |t: &str| t.parse::<u64>().map_err(|e| format!("{t}: {e}"));
    let range = number(from)?..number(to)?;
    if range.is_empty() { Err("no seeds in that range".into()) } else { Ok(range) }
}

fn parse_plant(name: &str) -> Result<Planted, String> {
    let data = Plant::ALL.iter().map(|(name, plant)| Planted { name, bug: Bug::Data(*plant) });
    let log = LOG_PLANTS.iter().map(|(name, plant)| Planted { name, bug: Bug::Log(*plant) });
    let all: Vec<Planted> = data.chain(log).collect();
    let names: Vec<&str> = all.iter().map(|planted| planted.name).collect();
    let found = all.iter().find(|planted| planted.name == name);
    found.copied().ok_or_else(|| format!("known bugs: {}", names.join(", ")))
}

impl Arguments {
    fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.scenario == Scenario::Log { 40 } else { 600 })
    }

    /// What does not go together.
    fn problem(&self) -> Option<&'static str> {
        match (self.scenario, self.plant.map(|planted| planted.bug)) {
            (Scenario::Data, Some(Bug::Log(_))) => Some("this bug is one of the scenario `log`"),
            (Scenario::Log, Some(Bug::Data(_))) => Some("this bug is one of the scenario `data`"),
            _ => None,
        }
    }

    fn run(&self, seed: u64) -> Report {
        let plant = self.plant.map(|planted| planted.bug);
        match self.scenario {
            Scenario::Data => {
                let plant = if let Some(Bug::Data(plant)) = plant { Some(plant) } else { None };
                let world = World::new(seed, plant);
                let world = if self.calm { world.calmed() } else { world };
                world.run(self.seconds())
            }
            Scenario::Log => {
                let plant = if let Some(Bug::Log(plant)) = plant { Some(plant) } else { None };
                let world = LogWorld::new(seed, plant);
                let world = if self.calm { world.calmed() } else { world };
                world.run(self.seconds())
            }
        }
    }

    /// The line that runs a seed again.
    fn reproduction(&self, seed: u64) -> String {
        let scenario = if self.scenario == Scenario::Log { " --scenario log" } else { "" };
        let calm = if self.calm { " --calm" } else { "" };
        let plant = self.plant.map_or(String::new(), |planted| format!(" --plant {}", planted.name));
        format!("starling-simulation{scenario} --seed {seed} --seconds {}{calm}{plant}", self.seconds())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(problem) = arguments.problem() {
        println!("{problem}");
        return ExitCode::from(2);
    }
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
                    let report = arguments.run(seed);
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
        println!("violation: {violation}; reproduce: {}", arguments.reproduction(report.seed));
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
