//! Carries out `tests/clients/script.json` with a Rust driver; `tests/clients/README.md` is the contract.
//! `TEST_CLIENT` says which driver: `scylla` or `cdrs-tokio`.
#![allow(clippy::print_stdout, reason = "the report goes to standard output")]

mod cdrs_driver;
mod driver;
mod form;
mod kind;
mod runner;
mod script;
mod scylla_driver;
mod steps;

use std::process::ExitCode;

use anyhow::{Result, bail};

use cdrs_driver::Cdrs;
use runner::Runner;
use script::Settings;
use scylla_driver::Scylla;

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rust-drivers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The number of steps that failed.
fn run() -> Result<usize> {
    // What the drivers log goes to standard error; RUST_LOG says how much.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().or_else(|_| "warn".parse())?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let settings = Settings::from_environment()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match settings.client.as_str() {
            "scylla" => Runner::<Scylla>::connect(&settings).await?.run().await,
            "cdrs-tokio" => Runner::<Cdrs>::connect(&settings).await?.run().await,
            other => bail!("TEST_CLIENT={other} is neither scylla nor cdrs-tokio"),
        }
    })
}
