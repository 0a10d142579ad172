//! The server: carries out what the pure node asks for, over real clocks, sockets, threads and disks.

pub mod admin;
pub mod changes;
mod clock;
mod descriptors;
mod disk_space;
mod identity;
pub mod links;
mod maintenance;
mod metrics;
pub mod native;
mod read_pool;
mod running;
mod world;

pub use running::{Running, StopSignals, start_node};

use anyhow::Result;

use crate::settings::Settings;

/// Runs one node until SIGTERM or SIGINT, then drains it. Prints the ready line on standard output.
pub fn run_node(settings: Settings) -> Result<()> {
    init_logging();
    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = StopSignals::listen()?;
        let node = start_node(settings).await?;
        let ended = tokio::select! {
            ended = until_fatal(&node) => ended,
            () = signals.wait() => Ok(()),
        };
        node.stop().await;
        ended
    })
}

/// Prints the ready line when it is time; ends when the node cannot go on.
async fn until_fatal(node: &Running) -> Result<()> {
    print_line(&node.ready().await?);
    anyhow::bail!("{}", node.fatal().await)
}

/// The one line that a node prints on standard output.
#[allow(clippy::print_stdout, reason = "the ready line is the interface to whoever started the node")]
fn print_line(line: &str) {
    use std::io::Write;
    println!("{line}");
    // Nobody may be reading; that is no reason to stop.
    let _ = std::io::stdout().flush();
}

/// Logs go to standard error, at the level of `STARLING_LOG` (default: info).
pub fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("STARLING_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
