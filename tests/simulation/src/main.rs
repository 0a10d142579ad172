//! Whole clusters in one thread on simulated time, network and disk. A seed decides everything; a failing seed
//! is a one-line reproduction.

/// Prints a line. Who no longer reads, as behind `| head`, ends the program.
macro_rules! line {
    ($($what:tt)+) => {
        if std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($what)+))).is_err() {
            std::process::exit(1);
        }
    };
}

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
        line!("{problem}");
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
