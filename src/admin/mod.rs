//! `starling admin`: asks a node's admin side and prints what it says.
#![allow(clippy::print_stdout, reason = "the command's output")]

mod http;
mod log;
mod status;

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use uuid::Uuid;

/// Arguments of `starling admin`.
#[derive(Args)]
pub struct AdminArguments {
    /// Address of the node's admin side.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port of the node's admin side.
    #[arg(long, value_name = "PORT", default_value_t = 9180)]
    port: u16,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Members with their state, tokens and share of the ring.
    Status {
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// The log of membership and schema: who decides, how far each node is, the last entries.
    Log(LogArguments),
    /// Take a member out of the cluster, dead or alive, while there are no tables.
    #[command(alias = "removenode")]
    Remove {
        /// The member, as `starling admin status` shows it.
        host_id: Uuid,
    },
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
struct LogArguments {
    #[command(subcommand)]
    command: Option<LogCommand>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// How many of the last entries to print; a node keeps a few hundred.
    #[arg(long, value_name = "N", default_value_t = 20)]
    entries: usize,
}

#[derive(Subcommand)]
enum LogCommand {
    /// Go on after most of the nodes that decide are lost for good, from this node. Members that it cannot reach are
    /// given up and refused until they are readmitted; changes that it has not learnt of are lost.
    Recover,
    /// Let a member back in that was given up by `recover`.
    Readmit {
        /// The member, as `starling admin log` shows it.
        host_id: Uuid,
    },
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs the command.
pub fn run(arguments: &AdminArguments) -> Result<()> {
    let address = SocketAddr::new(arguments.host, arguments.port);
    match &arguments.command {
        AdminCommand::Status { format } => show(&http::get(address, "/v1/status")?, *format, status::print)?,
        AdminCommand::Log(LogArguments { command: None, format, entries }) => {
            show(&http::get(address, &format!("/v1/log?entries={entries}"))?, *format, log::print)?;
        }
        AdminCommand::Log(LogArguments { command: Some(LogCommand::Recover), .. }) => {
            let done = http::post(address, "/v1/log/recover")?;
            println!("The log goes on at {} in generation {}.", plain(&done["position"]), done["generation"]);
            for host in done["lost"].as_array().into_iter().flatten() {
                println!("Given up: {}", plain(host));
            }
        }
        AdminCommand::Log(LogArguments { command: Some(LogCommand::Readmit { host_id }), .. }) => {
            let done = http::post(address, &format!("/v1/log/readmit?host_id={host_id}"))?;
            println!("{host_id} may come back (entry {}): start it.", plain(&done["position"]));
        }
        AdminCommand::Remove { host_id } => {
            let done = http::post(address, &format!("/v1/members/remove?host_id={host_id}"))?;
            println!("{host_id} has left the cluster (the log is at {}).", plain(&done["position"]));
        }
    }
    Ok(())
}

fn show(answer: &Value, format: Format, print: impl FnOnce(&Value)) -> Result<()> {
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(answer)?),
        Format::Table => print(answer),
    }
    Ok(())
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
