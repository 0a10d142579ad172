//! Links to other nodes: one QUIC endpoint, a connection per peer, a lane per kind of traffic.

pub mod authority;
mod connection;
pub mod figures;
pub mod hello;
pub mod lane;
mod peers;
mod reset;
pub mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use starling_ring::HostId;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::message::{Destination, MESSAGE_KINDS, Stamped};
use crate::settings::ServerEncryptionOptions;
use connection::{Link, NotNow};
use hello::Greeting;
use peers::{Peers, Route};
use tls::Credentials;

/// Handshakes at a time before strangers have to prove their address first, and before they are ignored.
const HANDSHAKES_UNPROVEN_MAX: usize = 64;
const HANDSHAKES_MAX: usize = 256;
/// How long a closing node waits until its peers have what it sent.
const CLOSE_PATIENCE: Duration = Duration::from_millis(300);
/// At most one warning about refused connections in this time.
const WARNING_PAUSE: Duration = Duration::from_secs(1);

/// Takes what arrives. Called on the link's task: must not block.
pub trait Inbox: Send + Sync {
    /// A message from the node that the link's handshake named.
    fn on_peer_message(&self, from: HostId, message: Stamped);
    /// A node that greeted, whether or not it is then refused, is a member of this cluster.
    fn on_cluster_heard(&self, cluster_id: Uuid);
    /// Where a member's endpoint is.
    fn internode_address(&self, host: HostId) -> Option<SocketAddr>;
}

/// Figures of all links.
#[derive(Default)]
pub struct LinkFigures {
    /// Messages handed to a lane.
    pub sent: AtomicU64,
    /// Messages that were to be sent, by kind: those sent, and those dropped.
    pub offered: [AtomicU64; MESSAGE_KINDS.len()],
    /// Messages that arrived, by kind.
    pub received: [AtomicU64; MESSAGE_KINDS.len()],
    /// Bytes of messages that arrived.
    pub received_bytes: AtomicU64,
    /// Messages that no lane took (peer away, queue full).
    pub dropped: AtomicU64,
    /// Links that ended because the peer, restarted, did not know their connection any more.
    pub reset: AtomicU64,
}

/// All links of this node.
pub struct Links {
    endpoint: quinn::Endpoint,
    greeting: Mutex<Greeting>,
    runtime: Handle,
    inbox: OnceLock<Weak<dyn Inbox>>,
    peers: Mutex<Peers>,
    handshakes: Arc<()>,
    warned: Mutex<Option<Instant>>,
    /// Figures for the metrics page.
    pub figures: LinkFigures,
}

impl Links {
    /// Opens the endpoint. `start` begins to accept.
    pub fn bind(address: SocketAddr, greeting: Greeting, options: &ServerEncryptionOptions) -> Result<Arc<Self>> {
        Self::bind_with(address, greeting, &Credentials::load(options)?)
    }

    /// The same with credentials at hand.
    pub fn bind_with(address: SocketAddr, greeting: Greeting, credentials: &Credentials) -> Result<Arc<Self>> {
        let (server, client) = credentials.quic()?;
        let socket = std::net::UdpSocket::bind(address).with_context(|| format!("listening on UDP {address}"))?;
        let config = credentials.reset().endpoint(socket.local_addr()?);
        let mut endpoint = quinn::Endpoint::new(config, Some(server), socket, Arc::new(quinn::TokioRuntime))?;
        endpoint.set_default_client_config(client);
        Ok(Arc::new(Links {
            endpoint,
            greeting: Mutex::new(greeting),
            runtime: Handle::current(),
            inbox: OnceLock::new(),
            peers: Mutex::default(),
            handshakes: Arc::new(()),
            warned: Mutex::new(None),
            figures: LinkFigures::default(),
        }))
    }

    /// Begins to accept connections and to deliver to `inbox`.
    pub fn start(self: &Arc<Self>, inbox: Weak<dyn Inbox>) {
        let _ = self.inbox.set(inbox);
        let links = self.clone();
        self.runtime.spawn(async move {
            while let Some(incoming) = links.endpoint.accept().await {
                links.admit(incoming);
            }
        });
    }

    /// This node is a member of that cluster: every greeting from now on says so. Links to members of others end, and
    /// so do those on which neither side could say yet.
    pub fn set_cluster(&self, cluster_id: Uuid) {
        let known = self.greeting.lock().cluster_id.replace(cluster_id);
        if known == Some(cluster_id) {
            return;
        }
        let links = self.peers.lock().all();
        links.iter().for_each(|link| link.check_cluster(cluster_id));
    }

    fn admit(self: &Arc<Self>, incoming: quinn::Incoming) {
        let under_way = Arc::strong_count(&self.handshakes) - 1;
        if under_way >= HANDSHAKES_MAX {
            return incoming.ignore();
        }
        if under_way >= HANDSHAKES_UNPROVEN_MAX && !incoming.remote_address_validated() {
            // It is not validated, so it can be asked to retry.
            let _ = incoming.retry();
            return;
        }
        let (links, counted) = (self.clone(), self.handshakes.clone());
        self.runtime.spawn(async move {
            if let Err(error) = links.accept(incoming).await {
                links.warn_seldom("a connection between nodes was not accepted", &error);
            }
            drop(counted);
        });
    }

    /// Sends what is queued, then closes all links and the endpoint.
    pub async fn close(&self) {
        let open = self.peers.lock().all();
        open.iter().for_each(|link| link.finish());
        let written = async {
            while !open.iter().all(|link| link.is_written()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, written).await;
        self.endpoint.close(0u32.into(), b"shutdown");
        let _ = tokio::time::timeout(CLOSE_PATIENCE, self.endpoint.wait_idle()).await;
    }

    fn inbox(&self) -> Option<Arc<dyn Inbox>> {
        self.inbox.get().and_then(Weak::upgrade)
    }

    /// Sends a message, making the link first if there is none. What cannot be sent is dropped and counted:
    /// whoever needs an answer has a timeout.
    pub fn send(self: &Arc<Self>, to: Destination, message: Stamped) {
        self.figures.offered[message.message.kind()].fetch_add(1, Ordering::Relaxed);
        let route = self.peers.lock().route(to, &message, Instant::now());
        match route {
            Route::Link(link) => match link.lane(message.message.lane()).push(&message) {
                Ok(()) => self.count_sent(1),
                Err(error) => self.count_dropped(1, &error),
            },
            Route::Kept { dial } => {
                if dial {
                    self.spawn_dial(to);
                }
            }
            Route::Dropped(error) => self.count_dropped(1, &error),
        }
    }

    fn count_sent(&self, count: u64) {
        self.figures.sent.fetch_add(count, Ordering::Relaxed);
    }

    fn count_dropped(&self, count: u64, why: &dyn std::fmt::Display) {
        if count > 0 {
            tracing::debug!("{count} messages dropped: {why}");
            self.figures.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Dials a peer again whose restart ended the link, instead of losing the next message to the attempt. Once: if that
    /// fails, it is the next message that dials.
    fn dial_again(self: &Arc<Self>, host: HostId) {
        let to = Destination::Host(host);
        if self.peers.lock().may_dial_again(to, Instant::now()) {
            self.spawn_dial(to);
        }
    }

    fn spawn_dial(self: &Arc<Self>, to: Destination) {
        let links = self.clone();
        self.runtime.spawn(async move {
            let outcome = links.dial(to).await;
            let lost = links.peers.lock().dialled(to, outcome.is_ok(), Instant::now());
            if let Err(error) = outcome {
                links.count_dropped(lost, &format!("{error:#}"));
                links.warn_seldom("a connection to another node was not made", &error);
            }
        });
    }

    /// Makes a link known under its peer's identity (and under the address that was dialled for a seed).
    fn register(&self, destinations: &[Destination], link: &Arc<Link>) {
        let mut superseded = Vec::new();
        let mut kept = Vec::new();
        let mut peers = self.peers.lock();
        for destination in destinations {
            kept.extend(peers.add(*destination, link, &mut superseded));
        }
        drop(peers);
        superseded.iter().for_each(|link| _ = link.close());
        for (lane, frames) in kept {
            match link.lane(lane).push_frames(&frames) {
                Ok(()) => self.count_sent(frames.count()),
                Err(error) => self.count_dropped(frames.count(), &error),
            }
        }
    }

    fn forget(&self, link: &Arc<Link>) {
        self.peers.lock().remove(link);
    }

    /// Bytes that wait in all lanes together.
    pub fn queued_bytes(&self) -> usize {
        self.peers.lock().all().iter().map(|link| link.queued_bytes()).sum()
    }

    /// Connections that are open.
    pub fn open_links(&self) -> usize {
        self.peers.lock().all().len()
    }

    /// Refused handshakes and greetings are for whoever runs the node; silence is gossip's business.
    fn warn_seldom(&self, what: &str, error: &anyhow::Error) {
        let mut warned = self.warned.lock();
        let now = Instant::now();
        if !is_refusal(error) || warned.is_some_and(|at| now < at + WARNING_PAUSE) {
            tracing::debug!("{what}: {error:#}");
        } else {
            *warned = Some(now);
            tracing::warn!("{what}: {error:#}");
        }
    }
}

fn is_refusal(error: &anyhow::Error) -> bool {
    use quinn::ConnectionError::{ApplicationClosed, ConnectionClosed, LocallyClosed, Reset, TimedOut};
    !error.chain().any(|cause| {
        let silent = matches!(cause.downcast_ref(), Some(LocallyClosed | Reset | TimedOut));
        let shutdown =
            matches!(cause.downcast_ref(), Some(ApplicationClosed(close)) if close.error_code == 0u32.into());
        // An attempt that its dialler gave up, for a faster one or for good.
        let given_up = matches!(cause.downcast_ref(), Some(ConnectionClosed(close))
            if close.error_code == quinn::TransportErrorCode::APPLICATION_ERROR);
        silent
            || shutdown
            || given_up
            || cause.is::<NotNow>()
            || cause.is::<tokio::time::error::Elapsed>()
            || cause.is::<quinn::ConnectError>()
    })
}
