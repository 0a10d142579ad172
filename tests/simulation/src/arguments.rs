//! The command line.

use std::ops::Range;

use clap::{Parser, ValueEnum};
use starling_planted::{Bug, CAN_BE_PLANTED, Scenario as Ground};
use starling_simulation::log::LogWorld;
use starling_simulation::{Manner, Report, World};

/// Runs simulated clusters and checks what their clients saw.
#[derive(Parser)]
#[command(name = "starling-simulation")]
pub struct Arguments {
    /// Run one seed.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run the seeds from A up to, not including, B.
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    seeds: Option<Range<u64>>,
    /// What is simulated.
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Scenario::Data)]
    pub scenario: Scenario,
    /// Simulated seconds of faults and load per seed; 100 of them, or 40 in the scenario `log`.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// No faults, and one client: what is planted must not show.
    #[arg(long)]
    pub calm: bool,
    /// Plant a bug on purpose (a build with the feature `planted`); the run ends at the first violation.
    #[arg(long, value_name = "NAME", value_parser = parse_bug)]
    pub plant: Option<Bug>,
    /// Plant every bug in turn and say after how many seeds it is found (a build with the feature `planted`).
    #[arg(long, conflicts_with_all = ["plant", "calm", "seed"])]
    pub planted: bool,
    /// Print what happens, line by line.
    #[arg(long)]
    pub trace: bool,
    /// Leave out as many faults and operations as possible while the seed stays a violation.
    #[arg(long, requires = "seed")]
    pub minimise: bool,
    /// Faults to leave out, by their numbers: `1,5-9`.
    #[arg(long, value_name = "LIST", value_parser = parse_list)]
    skip_faults: Option<Numbers>,
    /// Operations of clients to leave out, by their numbers.
    #[arg(long, value_name = "LIST", value_parser = parse_list)]
    skip_operations: Option<Numbers>,
    /// Print a line of JSON per seed and for the end.
    #[arg(long)]
    pub json: bool,
    /// Seeds run side by side.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub threads: usize,
}

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Whole nodes; data is written and read, and the schema changes.
    Data,
    /// The epoch log alone; schema and members change.
    Log,
}

/// Numbers in a list.
#[derive(Clone, Debug)]
struct Numbers(std::collections::BTreeSet<u64>);

fn number(text: &str) -> Result<u64, String> {
    text.parse::<u64>().map_err(|error| format!("{text}: {error}"))
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write A..B")?;
    let range = number(from)?..number(to)?;
    if range.is_empty() { Err("no seeds in that range".into()) } else { Ok(range) }
}

fn parse_list(text: &str) -> Result<Numbers, String> {
    let mut numbers = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        numbers.extend(number(from)?..=number(to)?);
    }
    Ok(Numbers(numbers))
}

fn parse_bug(name: &str) -> Result<Bug, String> {
    let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    let found = Bug::ALL.iter().find(|bug| bug.name() == name);
    found.copied().ok_or_else(|| format!("known bugs: {}", names.join(", ")))
}

/// The scenario in which a bug shows.
pub fn scenario_of(bug: Bug) -> Scenario {
    match bug.scenario() {
        Ground::Data => Scenario::Data,
        Ground::Log => Scenario::Log,
    }
}

impl Arguments {
    /// The seeds to run.
    pub fn seeds(&self) -> Range<u64> {
        let of_one = || {
            let seed = self.seed.unwrap_or(0);
            seed..seed.saturating_add(1)
        };
        self.seeds.clone().unwrap_or_else(of_one)
    }

    /// The same, where many are usual.
    pub fn many_seeds(&self) -> Range<u64> {
        self.seeds.clone().unwrap_or(0..10_000)
    }

    /// Simulated seconds of a seed.
    pub fn seconds(&self, scenario: Scenario) -> u64 {
        self.seconds.unwrap_or(if scenario == Scenario::Log { 40 } else { 100 })
    }

    /// What does not go together.
    pub fn problem(&self) -> Option<String> {
        let is_log = self.scenario == Scenario::Log;
        match self.plant {
            Some(_) if !CAN_BE_PLANTED => Some("this build cannot plant bugs: build it with --features planted".into()),
            None if self.planted && !CAN_BE_PLANTED => {
                Some("this build cannot plant bugs: build it with --features planted".into())
            }
            Some(bug) if scenario_of(bug) != self.scenario => {
                let scenario = if is_log { "data" } else { "log" };
                Some(format!("{} is a bug of the scenario `{scenario}`", bug.name()))
            }
            _ => None,
        }
    }

    /// How seeds are run.
    pub fn manner(&self) -> Manner {
        let numbers = |list: &Option<Numbers>| list.as_ref().map(|numbers| numbers.0.clone()).unwrap_or_default();
        Manner {
            plant: self.plant,
            is_calm: self.calm,
            with_lines: self.trace,
            skipped_faults: numbers(&self.skip_faults),
            skipped_operations: numbers(&self.skip_operations),
        }
    }

    /// Runs a seed.
    pub fn run(&self, scenario: Scenario, seed: u64, manner: Manner) -> Report {
        let seconds = self.seconds(scenario);
        match scenario {
            Scenario::Data => World::new(seed, manner).run(seconds),
            Scenario::Log => LogWorld::new(seed, &manner).run(seconds),
        }
    }

    /// The line that runs a seed again.
    pub fn reproduction(&self, seed: u64) -> String {
        let scenario = if self.scenario == Scenario::Log { " --scenario log" } else { "" };
        let calm = if self.calm { " --calm" } else { "" };
        let plant = self.plant.map_or(String::new(), |bug| format!(" --plant {}", bug.name()));
        format!("starling-simulation{scenario} --seed {seed} --seconds {}{calm}{plant}", self.seconds(self.scenario))
    }
}
