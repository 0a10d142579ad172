//! `starling bench`: the load harness. It drives any server that speaks CQL through an existing client library, in a
//! closed loop (so many requests in flight) or an open one (so many starts a second, latency counted from the start
//! that was intended), and tells throughput, latency and the servers' CPU time per operation.
#![allow(clippy::print_stdout, reason = "the command's output")]

mod args;
mod command;
mod counters;
mod drive;
mod echo;
mod engine;
mod figures;
mod keys;
mod outcome;
mod pace;
mod processes;
mod progress;
mod report;
mod target;

pub use command::BenchCommand;

use anyhow::{Context, Result};

use args::BenchArgs;
use command::Kind;
use counters::Counting;
use drive::Phase;
use processes::Processes;
use report::Report;
use target::Target;

/// Runs the load and prints the report, or does what the subcommand says.
///
/// # Errors
/// If the servers cannot be reached, the schema cannot be made, the data cannot be loaded, or a file cannot be
/// read or written. Operations that fail during the run are counted, not errors.
pub fn run(command: BenchCommand) -> Result<()> {
    match &command.kind {
        None => run_load(command.load),
        Some(Kind::EchoServer(args)) => echo::run(args),
        Some(Kind::Engine(args)) => engine::run(args),
        Some(Kind::Figures(args)) => figures::run(args),
    }
}

fn run_load(args: BenchArgs) -> Result<()> {
    args.check()?;
    let threads = args.threads();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(load(args))
}

async fn load(args: BenchArgs) -> Result<()> {
    let processes = Processes::new(&args.server_pid)?;
    let mix = args.mix();
    let target = Target::open(&args, mix).await?;
    let seed = args.seed;
    if !args.skip_load {
        for table in target.tables_to_load() {
            let phase = Phase::loading(&args, table.rows);
            let outcome = drive::run(&target, &phase, move |_, index| table.row(index), "load").await?;
            outcome.require_success().with_context(|| format!("table {} is not loaded", table.name))?;
        }
    }
    if let Some(phase) = Phase::warming(&args) {
        drive::run(&target, &phase, move |target, index| target.operation(!seed, index), "warm").await?;
    }
    // Where a number of operations is to be measured, nobody knows how long to count.
    let counted = if args.operations.is_none() { &args.server_pid[..] } else { &[] };
    let counting = Counting::start(counted, args.duration);
    let before = processes.sample()?;
    let outcome =
        drive::run(&target, &Phase::measured(&args), move |target, index| target.operation(seed, index), "run").await?;
    let usage = processes.sample()?.since(&before);
    let counters = counting.finish();
    let report = Report { args: &args, mix, outcome: &outcome, usage: &usage, counters };
    print!("{}", report.table());
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if args.drop_keyspace {
        target.drop_keyspace().await?;
    }
    Ok(())
}
