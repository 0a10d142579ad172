//! CQL clients over TCP: listener and connections.

pub mod budget;
mod connection;
mod encryption;
pub mod events;
mod handshake;
mod inbound;
pub(in crate::server) mod outgoing;
mod reader;
mod requests;
mod responses;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use budget::Budget;
use connection::{Counted, serve_stream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::world::World;
use crate::assembly::Node;
use crate::settings::Settings;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// A TLS connection is agreed on within this time, and says something before.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// What clients may take, from the settings.
pub(in crate::server) struct NativeLimits {
    /// Largest body of a frame, in bytes.
    pub(super) frame_bytes: usize,
    /// Connections at a time; one more is closed at once.
    pub(in crate::server) connections: usize,
}

/// Figures of all connections.
#[derive(Default)]
pub struct NativeFigures {
    /// Open connections.
    pub connections: AtomicUsize,
    /// Connections accepted, those that have ended included.
    pub accepted: AtomicU64,
    /// Of them, those that agreed on TLS.
    pub tls_accepted: AtomicU64,
    /// Connections that came as far as STARTUP, by what they agreed on: see [`outgoing::Form::index`].
    pub sessions: [AtomicU64; outgoing::FORMS.len()],
    /// Bytes that came in, as they travel but for TLS.
    pub received_bytes: AtomicU64,
    /// Bytes that went out, likewise.
    pub sent_bytes: AtomicU64,
    /// Connections refused because there were too many.
    pub refused: AtomicU64,
    /// Requests taken in.
    pub requests: AtomicU64,
    /// Requests refused because too much was under way.
    pub overloaded: AtomicU64,
    /// Answers dropped, and OVERLOADED sent, because too much waited to be read.
    pub answers_dropped: AtomicU64,
    /// Connections closed because a handshake or a frame did not come to its end.
    pub timeouts: AtomicU64,
    /// Frames that were no CQL.
    pub protocol_errors: AtomicU64,
    /// Connections that came to no agreement on TLS.
    pub tls_failures: AtomicU64,
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

/// An address that clients connect to.
#[derive(Clone)]
pub(super) struct Door {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    /// Connections without TLS are taken as well.
    takes_plain: bool,
}

impl Door {
    fn all(settings: &Settings) -> Result<Vec<Door>> {
        let options = &settings.client_encryption_options;
        let tls = encryption::acceptor(options)?;
        let at = |port| SocketAddr::new(settings.rpc_address, port);
        let main = at(settings.native_transport_port);
        Ok(match settings.native_transport_port_ssl {
            Some(port) if tls.is_some() => {
                vec![Door::plain(main), Door { address: at(port), tls, takes_plain: false }]
            }
            _ => vec![Door { address: main, tls, takes_plain: options.optional }],
        })
    }

    pub(super) fn plain(address: SocketAddr) -> Self {
        Door { address, tls: None, takes_plain: true }
    }
}

/// The listener for CQL clients.
pub struct NativeServer {
    pub(super) node: Arc<Node>,
    pub(super) world: Arc<World>,
    doors: Vec<Door>,
    pub(in crate::server) limits: NativeLimits,
    /// Memory of all connections.
    pub budget: Arc<Budget>,
    /// Who takes a large request apart.
    pub(in crate::server) large_requests: Arc<Semaphore>,
    pub(super) stage: watch::Sender<Stage>,
    /// Figures for the metrics page.
    pub figures: NativeFigures,
}

impl NativeServer {
    /// A server that does not listen yet.
    ///
    /// # Errors
    /// Certificates of `client_encryption_options` that cannot be read.
    pub fn new(node: Arc<Node>, world: Arc<World>, settings: &Settings) -> Result<Arc<Self>> {
        Ok(Arc::new(NativeServer {
            node,
            world,
            doors: Door::all(settings)?,
            limits: NativeLimits {
                frame_bytes: settings.native_transport_max_frame_size.bytes as usize,
                connections: settings.native_transport_max_concurrent_connections as usize,
            },
            budget: Arc::new(Budget::new(settings.native_transport_max_request_data_in_flight.bytes as usize)),
            large_requests: Arc::new(Semaphore::new(large_requests_max())),
            stage: watch::Sender::new(Stage::Open),
            figures: NativeFigures::default(),
        }))
    }

    /// Listens, and serves until `close`.
    pub async fn open(self: &Arc<Self>) -> Result<()> {
        for door in &self.doors {
            let address = door.address;
            let listener = listen(address).with_context(|| format!("listening on TCP {address} (CQL)"))?;
            tokio::spawn(self.clone().accept(listener, door.clone()));
        }
        Ok(())
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, door: Door) {
        let mut stage = self.stage.subscribe();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stage.wait_for(|s| *s != Stage::Open) => return,
            };
            match accepted {
                Ok((stream, _)) if self.figures.connections.load(Ordering::Relaxed) < self.limits.connections => {
                    self.serve(stream, &door);
                }
                Ok(_) => {
                    self.figures.refused.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to be closed.
                    tracing::warn!("a connection cannot be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Serves a connection until it ends.
    pub(super) fn serve(self: &Arc<Self>, stream: TcpStream, door: &Door) {
        let _ = stream.set_nodelay(true);
        let counted = Counted::new(self.clone());
        let peer = stream.peer_addr().ok().map(|address| address.ip());
        let server = self.clone();
        let Some(tls) = door.tls.clone() else {
            let (read, write) = stream.into_split();
            return serve_stream(server, counted, peer, read, write);
        };
        let takes_plain = door.takes_plain;
        let mut stage = self.stage.subscribe();
        tokio::spawn(async move {
            let serving = async {
                let mut first = [0];
                if takes_plain && stream.peek(&mut first).await? > 0 && first != [encryption::TLS_HANDSHAKE] {
                    let (read, write) = stream.into_split();
                    serve_stream(server.clone(), counted, peer, read, write);
                    return Ok(());
                }
                let stream = tls.accept(stream).await?;
                server.figures.tls_accepted.fetch_add(1, Ordering::Relaxed);
                let (read, write) = tokio::io::split(stream);
                serve_stream(server.clone(), counted, peer, read, write);
                Ok::<(), std::io::Error>(())
            };
            tokio::select! {
                served = tokio::time::timeout(TLS_TIMEOUT, serving) => {
                    if !matches!(served, Ok(Ok(()))) {
                        server.figures.tls_failures.fetch_add(1, Ordering::Relaxed);
                    }
                }
                _ = stage.wait_for(|s| *s == Stage::Closed) => {}
            }
        });
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
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), gone).await;
    }
}

/// Large requests that are taken apart and planned at a time: on half of the cores, so that small ones find another.
pub(in crate::server) fn large_requests_max() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// Connections inherit keepalive from the listener: a client whose machine has gone says no farewell.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
