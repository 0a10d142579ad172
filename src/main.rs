//! Starling: one binary whose subcommands are wired here.

mod admin;
mod demo;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use starling_bench::BenchCommand;
use starling_node::settings::Settings;
use starling_shell::ShellArgs;

/// One allocator for Rust and for RocksDB.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A leaderless wide-row database that speaks CQL.
#[derive(Parser)]
#[command(name = "starling", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a node.
    Node(NodeArguments),
    /// Run a small cluster in one process, with a shell.
    Demo(demo::DemoArguments),
    /// Talk CQL to a node.
    Shell(ShellArgs),
    /// Load a server, this or another that speaks CQL, and measure it.
    Bench(Box<BenchCommand>),
    /// Look after a running node.
    Admin(admin::AdminArguments),
}

#[derive(clap::Args)]
struct NodeArguments {
    /// Settings file (YAML, cassandra.yaml's names); any subset of keys.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for the node's data.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address for other nodes and for clients.
    #[arg(long, value_name = "IP")]
    listen: Option<IpAddr>,
    /// A node to ask at start; may be given several times. The first founds the cluster.
    #[arg(long, value_name = "IP")]
    seed: Vec<IpAddr>,
    /// Address of a dead member whose place and tokens this new node takes, while the cluster has no tables.
    #[arg(long, value_name = "IP")]
    replace_address: Option<IpAddr>,
    /// Name of the cluster.
    #[arg(long, value_name = "NAME")]
    cluster_name: Option<String>,
    /// Datacentre of this node.
    #[arg(long, value_name = "NAME")]
    dc: Option<String>,
    /// Rack of this node.
    #[arg(long, value_name = "NAME")]
    rack: Option<String>,
}

impl NodeArguments {
    fn settings(self) -> Result<Settings> {
        let mut settings = Settings::load(self.config.as_deref())?;
        if let Some(dir) = self.data_dir {
            settings.data_file_directories = vec![dir];
        }
        if let Some(address) = self.listen {
            settings.listen_address = address;
            settings.rpc_address = address;
        }
        if !self.seed.is_empty() {
            settings.seeds = self.seed;
        }
        if let Some(address) = self.replace_address {
            settings.replace_address = Some(address);
        }
        if let Some(name) = self.cluster_name {
            settings.cluster_name = name;
        }
        if let Some(name) = self.dc {
            settings.datacenter = name;
        }
        if let Some(name) = self.rack {
            settings.rack = name;
        }
        settings.validate()?;
        Ok(settings)
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Node(arguments) => arguments.settings().and_then(starling_node::server::run_node),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Shell(arguments) => return exit_code(starling_shell::run(arguments)),
        Command::Bench(arguments) => starling_bench::run(*arguments),
        Command::Admin(arguments) => admin::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("starling: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
