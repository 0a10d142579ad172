//! `starling admin`: asks a node's admin side and prints what it says.
#![allow(clippy::print_stdout, reason = "the command's output")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

/// Longest wait for the node, each way.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer larger than this is not one of ours.
const ANSWER_MAX_BYTES: u64 = 64 << 20;

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
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs the command.
pub fn run(arguments: &AdminArguments) -> Result<()> {
    let address = SocketAddr::new(arguments.host, arguments.port);
    match arguments.command {
        AdminCommand::Status { format } => {
            let status: Value = serde_json::from_str(&get(address, "/v1/status")?)?;
            match format {
                Format::Json => println!("{}", serde_json::to_string_pretty(&status)?),
                Format::Table => print_status(&status),
            }
        }
    }
    Ok(())
}

/// One HTTP request to our own admin side: small enough that no client library is needed.
fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("no node answers at {address} (is it running? its admin port is 9180)"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX_BYTES).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("not an HTTP answer")?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200") {
        bail!("{address} answered {status}: {}", body.trim());
    }
    Ok(body.to_string())
}

fn print_status(status: &Value) {
    let empty = Vec::new();
    let nodes = status["nodes"].as_array().unwrap_or(&empty);
    let mut datacenters: Vec<&str> = nodes.iter().filter_map(|n| n["datacenter"].as_str()).collect();
    datacenters.sort_unstable();
    datacenters.dedup();
    for datacenter in datacenters {
        let title = format!("Datacenter: {datacenter}");
        println!("{title}\n{}", "=".repeat(title.len()));
        println!("Status=Up/Down");
        println!("|/ State=Normal/Leaving/Joining/Moving");
        println!("--  {:<15}  {:<36}  {:>6}  {:>6}  Rack", "Address", "Host ID", "Tokens", "Owns");
        for node in nodes.iter().filter(|n| n["datacenter"] == datacenter) {
            println!(
                "{}  {:<15}  {:<36}  {:>6}  {:>5.1}%  {}",
                node["state"].as_str().unwrap_or("??"),
                node["address"].as_str().unwrap_or_default(),
                node["host_id"].as_str().unwrap_or_default(),
                node["tokens"],
                node["share"].as_f64().unwrap_or_default() * 100.0,
                node["rack"].as_str().unwrap_or_default(),
            );
        }
        println!();
    }
}
