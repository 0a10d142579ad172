//! The shell: statements from a prompt, a file or the command line, results as aligned tables.

#[macro_use]
mod output;

mod command;
mod complaint;
mod help;
mod interactive;
mod script;
mod shell;
mod table;

use std::path::PathBuf;

use shell::Shell;
use starling_driver::{QueryOptions, Session, SessionOptions};

/// Arguments of `starling shell`.
#[derive(Clone, Debug, clap::Args)]
pub struct ShellArgs {
    /// A node: an address or a name, with or without a port.
    #[arg(default_value = "127.0.0.1")]
    pub host: String,
    /// Run these statements, separated by semicolons, and exit.
    #[arg(short, long, value_name = "STATEMENTS", conflicts_with = "file")]
    pub execute: Option<String>,
    /// Run the statements in this file and exit.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Begin in this keyspace.
    #[arg(short, long, value_name = "NAME")]
    pub keyspace: Option<String>,
    /// Seconds that a request may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub request_timeout: u64,
}

/// Runs the shell until it ends. Returns the exit code: 0; 1 after a statement failed (unless at a prompt); 2 if the
/// node cannot be reached or the file cannot be read.
pub fn run(args: ShellArgs) -> i32 {
    // The driver's tasks go on while the prompt waits for a line.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    let text = match (args.execute, args.file) {
        (Some(text), _) => Some(text),
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) => return fail(&format!("{}: {error}", path.display())),
        },
        (None, None) => None,
    };
    let options = SessionOptions {
        keyspace: args.keyspace,
        defaults: QueryOptions::default().timeout_ms(args.request_timeout.saturating_mul(1_000)),
        ..SessionOptions::default()
    };
    let session = match runtime.block_on(Session::connect([&args.host], options)) {
        Ok(session) => session,
        Err(error) => return fail(&format!("cannot connect to {}: {error}", args.host)),
    };
    let mut shell = Shell::new(session, args.host);
    match text {
        Some(text) => i32::from(!runtime.block_on(shell.run_script(&text))),
        None => interactive::run(&runtime, &mut shell),
    }
}

fn fail(reason: &str) -> i32 {
    eprintln!("starling shell: {reason}");
    2
}
