//! `starling bench figures`: one node and three on loopback, in both durabilities, beside an echo server and the engine by
//! itself, in one run and one table.

mod servers;
mod table;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::engine::CommitlogSync;
use servers::{Server, Setup};
use table::Row;

/// Arguments of `starling bench figures`.
#[derive(Args, Clone, Debug)]
pub struct FiguresArgs {
    /// First loopback address; the nodes take it and the two that follow, the echo server the next.
    #[arg(long, value_name = "IP", default_value = "127.0.77.1")]
    pub first_address: Ipv4Addr,
    /// Keys.
    #[arg(long, default_value_t = 100_000)]
    pub keys: u64,
    /// Size of a value in bytes.
    #[arg(long, default_value_t = 200)]
    pub value_bytes: u32,
    /// Requests in flight.
    #[arg(long, default_value_t = 256)]
    pub in_flight: u32,
    /// Connections to each server.
    #[arg(long, default_value_t = 1)]
    pub connections: u32,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    pub warmup: u64,
    /// Seconds of measuring, for each line.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub duration: u64,
    /// Folder in which a folder for all data is made, and removed at the end; the system's temporary one if not given.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Write the figures of all lines to a file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What is measured of servers.
const WORKLOADS: [&str; 2] = ["write", "read"];

/// Measures everything and prints the table.
///
/// # Errors
/// If a process cannot be started, ends before its time or finds less than was written.
pub fn run(args: &FiguresArgs) -> Result<()> {
    let parent = args.data_dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("starling-bench-figures-").tempdir_in(&parent);
    let folder = folder.with_context(|| format!("no folder can be made in {}", parent.display()))?;
    let setup = Setup::new(args.first_address, folder.path())?;
    let mut rows = Vec::new();
    for sync in CommitlogSync::ALL {
        for nodes in [1, 3] {
            let servers = setup.nodes(nodes, sync)?;
            for workload in WORKLOADS {
                rows.push(of_nodes(args, folder.path(), &servers, sync, workload)?);
            }
        }
        rows.push(of_engine(args, folder.path(), sync, "write")?);
    }
    rows.push(of_engine(args, folder.path(), CommitlogSync::Batch, "read")?);
    let echo = [setup.echo(args.value_bytes)?];
    for workload in WORKLOADS {
        let figures = load(args, folder.path(), &echo, workload, &[])?;
        rows.push(Row { what: "echo, canned answers".into(), durability: "", workload, figures });
    }
    drop(echo);
    print!("{}", table::markdown(&rows));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&table::json(&rows))?;
        std::fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn of_nodes(
    args: &FiguresArgs,
    folder: &Path,
    servers: &[Server],
    sync: CommitlogSync,
    workload: &'static str,
) -> Result<Row> {
    let replicas = servers.len().to_string();
    let level = if servers.len() > 1 { "quorum" } else { "one" };
    let what = match servers.len() {
        1 => "one node".to_owned(),
        count => format!("{count} nodes, RF {count}, QUORUM"),
    };
    let figures = load(args, folder, servers, workload, &["--replication-factor", &replicas, "--consistency", level])?;
    Ok(Row { what, durability: sync.name(), workload, figures })
}

/// The figures of `starling bench` against these servers.
fn load(args: &FiguresArgs, folder: &Path, servers: &[Server], workload: &str, more: &[&str]) -> Result<Value> {
    let first = servers.first().context("no server")?;
    let mut command = shared(args, workload, &["bench"]);
    command.args(["--host", &first.address.to_string(), "--connections", &args.connections.to_string()]).args(more);
    for server in servers {
        command.args(["--server-pid", &server.pid().to_string()]);
    }
    let figures = finished(command, folder, &format!("{workload} of {} servers", servers.len()))?;
    let missing = figures["missing"].as_u64();
    ensure!(missing == Some(0), "{missing:?} reads found less than was written");
    Ok(figures)
}

fn of_engine(args: &FiguresArgs, folder: &Path, sync: CommitlogSync, workload: &'static str) -> Result<Row> {
    let mut command = shared(args, workload, &["bench", "engine"]);
    command.args(["--durability", sync.name()]).arg("--data-dir").arg(folder);
    let figures = finished(command, folder, &format!("{workload} of the engine"))?;
    let durability = if workload == "write" { sync.name() } else { "" };
    Ok(Row { what: "engine, in process".into(), durability, workload, figures })
}

/// This program again, with what all its loads share.
fn shared(args: &FiguresArgs, workload: &str, subcommand: &[&str]) -> Command {
    let mut command = servers::program();
    command.args(subcommand);
    for (flag, value) in [
        ("--keys", args.keys.to_string()),
        ("--value-bytes", args.value_bytes.to_string()),
        ("--in-flight", args.in_flight.to_string()),
        ("--warmup", args.warmup.to_string()),
        ("--duration", args.duration.to_string()),
    ] {
        command.args([flag, &value]);
    }
    command.args(["--workload", workload]);
    command
}

/// Runs a load to its end; its figures. Its own table goes to standard error, for whoever watches.
fn finished(mut command: Command, folder: &Path, name: &str) -> Result<Value> {
    let path = folder.join("figures.json");
    let output = command.arg("--json").arg(&path).output().with_context(|| format!("{name}: {command:?}"))?;
    eprintln!("--- {name}\n{}", String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("{name} left no figures"))?;
    let figures: Value = serde_json::from_str(&text)?;
    if let Some(failures) = figures["failures"].as_object().filter(|failures| !failures.is_empty()) {
        bail!("{name}: operations failed: {failures:?}");
    }
    Ok(figures)
}
