//! `starling bench` and its subcommands.

use clap::{Args, Subcommand};

use crate::args::BenchArgs;
use crate::echo::EchoArgs;
use crate::engine::EngineArgs;
use crate::figures::FiguresArgs;

/// Arguments of `starling bench`: a load, or one of the subcommands.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchCommand {
    #[command(subcommand)]
    pub(crate) kind: Option<Kind>,
    #[command(flatten)]
    pub(crate) load: BenchArgs,
}

/// What else there is besides putting load on a server.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Kind {
    /// Serve canned answers: what client and protocol cost without a database.
    EchoServer(EchoArgs),
    /// Put the writes of a load straight into the engine, in this process: what they cost without a server.
    Engine(EngineArgs),
    /// Start nodes on loopback, measure them, an echo server and the engine, and print a table.
    Figures(FiguresArgs),
}
