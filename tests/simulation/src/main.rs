//! Whole clusters in one thread on simulated time, network and disk. A seed decides everything; a failing seed
//! is a one-line reproduction.
#![allow(clippy::print_stdout, reason = "the program's output")]

mod arguments;
mod planted;
mod report;
mod run;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(problem) = arguments.problem() {
        println!("{problem}");
        return ExitCode::from(2);
    }
    if arguments.planted {
        return planted::find_all(&arguments);
    }
    if arguments.minimise {
        return run::minimise(&arguments);
    }
    let mut reports = run::run_all(&arguments, arguments.seeds());
    reports.sort_by_key(|report| report.seed);
    report::print_end(&arguments, &reports)
}
