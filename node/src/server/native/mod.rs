//! CQL clients over TCP: listener and connections.

mod connection;
pub mod events;
mod reader;
mod requests;
mod responses;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use super::world::World;
use crate::assembly::Node;
use crate::settings::Settings;

/// Largest request body in bytes. Bounds: above the largest mutation, far below memory.
pub const REQUEST_BYTES_MAX: usize = 32 << 20;
/// Bytes of requests under way, all connections together; beyond it requests are refused as OVERLOADED. Frames that
/// have only come in part are not among them.
const REQUEST_BYTES_TOTAL_MAX: usize = 512 << 20;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Connections at a time; one more is closed at once.
const CONNECTIONS_MAX: usize = 16_384;

/// Figures of all connections.
#[derive(Default)]
pub struct NativeFigures {
    /// Open connections.
    pub connections: AtomicUsize,
    /// Bytes of requests under way.
    pub request_bytes: AtomicUsize,
    /// Requests taken in.
    pub requests: AtomicU64,
    /// Frames that were no CQL.
    pub protocol_errors: AtomicU64,
}

/// How far the server is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Open,
    /// No new connections or requests; answers still go out.
    Draining,
    /// Connections are closed.
    Closed,
}

/// The listener for CQL clients.
pub struct NativeServer {
    pub(super) node: Arc<Node>,
    pub(super) world: Arc<World>,
    address: SocketAddr,
    pub(super) stage: watch::Sender<Stage>,
    /// Figures for the metrics page.
    pub figures: NativeFigures,
}

impl NativeServer {
    /// A server that does not listen yet.
    pub fn new(node: Arc<Node>, world: Arc<World>, settings: &Settings) -> Arc<Self> {
        Arc::new(NativeServer {
            node,
            world,
            address: SocketAddr::new(settings.rpc_address, settings.native_transport_port),
            stage: watch::Sender::new(Stage::Open),
            figures: NativeFigures::default(),
        })
    }

    /// Listens, and serves until `close`.
    pub async fn open(self: &Arc<Self>) -> Result<()> {
        let address = self.address;
        let listener = listen(address).with_context(|| format!("listening on TCP {address} (CQL)"))?;
        let server = self.clone();
        let mut stage = self.stage.subscribe();
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = stage.wait_for(|s| *s != Stage::Open) => return,
                };
                match accepted {
                    Ok((stream, _)) if server.figures.connections.load(Ordering::Relaxed) < CONNECTIONS_MAX => {
                        connection::serve(server.clone(), stream);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        // Out of descriptors, most likely: wait for some to be closed.
                        tracing::warn!("a connection cannot be accepted: {error}");
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                }
            }
        });
        Ok(())
    }

    /// Takes no new connections and requests.
    pub fn close(&self) {
        self.stage.send_if_modified(|stage| {
            let change = *stage == Stage::Open;
            *stage = (*stage).max(Stage::Draining);
            change
        });
    }

    /// Closes connections once their answers are out.
    pub async fn disconnect(&self) {
        self.stage.send_replace(Stage::Closed);
        let gone = async {
            while self.figures.connections.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), gone).await;
    }
}

/// Connections inherit keepalive from the listener: a client whose machine has gone says no farewell.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
