//! `starling demo`: a cluster of a few nodes in one process, on addresses of the loopback range.
#![allow(clippy::print_stdout, reason = "the command's output")]

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use starling_node::server::{Running, StopSignals, start_node};
use starling_node::settings::Settings;
use starling_shell::ShellArgs;

/// Arguments of `starling demo`.
#[derive(Args)]
pub struct DemoArguments {
    /// Number of nodes.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// Folder to keep the data in; without it a temporary one is used and removed at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address of the first node; the others have those after it.
    #[arg(long, value_name = "IP", default_value_t = Ipv4Addr::LOCALHOST)]
    listen: Ipv4Addr,
}

/// Removes the temporary folder however the demo ends.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("starling: {} cannot be removed: {error}", self.path.display());
        }
    }
}

/// Runs the demo until the shell is left or a signal comes.
pub fn run(arguments: DemoArguments) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    // A signal counts from here on, so that one during the start leaves no folder behind either.
    let mut signals = runtime.block_on(async { StopSignals::listen() })?;
    let folder = match arguments.data_dir {
        Some(path) => Folder { path, temporary: false },
        None => Folder { path: temporary_folder()?, temporary: true },
    };
    let (count, listen) = (arguments.nodes, arguments.listen);
    runtime.block_on(async {
        let nodes = tokio::select! {
            nodes = start(count, listen, &folder) => nodes?,
            () = signals.wait() => return anyhow::Ok(()),
        };
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            println!("\nA cluster of {count} nodes is up. Try: DESCRIBE KEYSPACES;  EXIT ends the demo.\n");
            shell_or_signal(listen, &mut signals).await?;
        } else {
            signals.wait().await;
        }
        for node in nodes {
            node.stop().await;
        }
        Ok(())
    })?;
    drop(runtime);
    drop(folder);
    Ok(())
}

/// Until the shell is left, or a signal comes (also that the terminal was closed): then the shell's thread, which
/// waits for a line, is left behind.
async fn shell_or_signal(listen: Ipv4Addr, signals: &mut StopSignals) -> Result<()> {
    let (left, leaving) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("shell".into()).spawn(move || {
        let host = listen.to_string();
        starling_shell::run(ShellArgs { host, execute: None, file: None, keyspace: None, request_timeout: 10 });
        let _ = left.send(());
    })?;
    tokio::select! {
        _ = leaving => {}
        () = signals.wait() => {}
    }
    Ok(())
}

async fn start(count: u8, listen: Ipv4Addr, folder: &Folder) -> Result<Vec<Running>> {
    let first = IpAddr::V4(listen);
    let mut nodes = Vec::new();
    for number in 1..=count {
        let address = listen.to_bits().checked_add(u32::from(number) - 1).context("no such addresses")?;
        let address = IpAddr::V4(Ipv4Addr::from_bits(address));
        let settings = Settings {
            cluster_name: "Starling demo".into(),
            listen_address: address,
            rpc_address: address,
            seeds: vec![first],
            data_file_directories: vec![folder.path.join(format!("node{number}"))],
            ..Settings::default()
        };
        nodes.push(start_node(settings).await.with_context(|| format!("node {number}"))?);
    }
    // All are started before any is waited for: nodes that come back open once they know each other.
    for node in &nodes {
        println!("{}", node.ready().await?);
    }
    Ok(nodes)
}

fn temporary_folder() -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("starling-demo-{}", std::process::id()));
    std::fs::create_dir(&path).with_context(|| format!("temporary folder {}", path.display()))?;
    Ok(path)
}
