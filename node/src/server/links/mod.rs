//! Links to other nodes: one QUIC endpoint, a connection per peer, a lane per kind of traffic.

mod connection;
pub mod hello;
pub mod lane;
pub mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use starling_ring::HostId;
use tokio::runtime::Handle;

use crate::message::{Destination, PeerMessage};
use crate::settings::ServerEncryptionOptions;
use connection::Link;
use hello::Greeting;

/// Messages kept for a peer while its link is being made; more are dropped.
const PENDING_MAX: usize = 4_096;
/// Connections kept per peer (both sides may dial at once).
const LINKS_PER_PEER_MAX: usize = 4;

/// Takes what arrives. Called on the link's task: must not block.
pub trait Inbox: Send + Sync {
    /// A message from the node that the link's handshake named.
    fn on_peer_message(&self, from: HostId, message: PeerMessage);
    /// Where a member's endpoint is.
    fn internode_address(&self, host: HostId) -> Option<SocketAddr>;
}

/// Figures of all links.
#[derive(Default)]
pub struct LinkFigures {
    /// Messages handed to a lane.
    pub sent: AtomicU64,
    /// Messages that arrived.
    pub received: AtomicU64,
    /// Messages that no lane took (peer away, queue full).
    pub dropped: AtomicU64,
}

#[derive(Default)]
struct Peer {
    links: Vec<Arc<Link>>,
    dialing: bool,
    pending: Vec<PeerMessage>,
}

/// All links of this node.
pub struct Links {
    endpoint: quinn::Endpoint,
    greeting: Greeting,
    runtime: Handle,
    inbox: OnceLock<std::sync::Weak<dyn Inbox>>,
    peers: Mutex<HashMap<Destination, Peer>>,
    /// Figures for the metrics page.
    pub figures: LinkFigures,
}

impl Links {
    /// Opens the endpoint. `start` begins to accept.
    pub fn bind(address: SocketAddr, greeting: Greeting, options: &ServerEncryptionOptions) -> Result<Arc<Self>> {
        let (server, client) = tls::Credentials::load(options)?.quic()?;
        let mut endpoint =
            quinn::Endpoint::server(server, address).with_context(|| format!("listening on UDP {address}"))?;
        endpoint.set_default_client_config(client);
        Ok(Arc::new(Links {
            endpoint,
            greeting,
            runtime: Handle::current(),
            inbox: OnceLock::new(),
            peers: Mutex::new(HashMap::new()),
            figures: LinkFigures::default(),
        }))
    }

    /// Begins to accept connections and to deliver to `inbox`.
    pub fn start(self: &Arc<Self>, inbox: std::sync::Weak<dyn Inbox>) {
        let _ = self.inbox.set(inbox);
        let links = self.clone();
        self.runtime.spawn(async move {
            while let Some(incoming) = links.endpoint.accept().await {
                let links = links.clone();
                tokio::spawn(async move {
                    if let Err(error) = links.accept(incoming).await {
                        tracing::debug!("a connection between nodes was not accepted: {error:#}");
                    }
                });
            }
        });
    }

    /// Closes the endpoint and all links.
    pub async fn close(&self) {
        self.endpoint.close(0u32.into(), b"shutdown");
        let patience = std::time::Duration::from_millis(300);
        let _ = tokio::time::timeout(patience, self.endpoint.wait_idle()).await;
    }

    fn inbox(&self) -> Option<Arc<dyn Inbox>> {
        self.inbox.get().and_then(std::sync::Weak::upgrade)
    }

    /// Sends a message, making the link first if there is none. What cannot be sent is dropped and counted:
    /// whoever needs an answer has a timeout.
    pub fn send(self: &Arc<Self>, to: Destination, message: PeerMessage) {
        let mut peers = self.peers.lock();
        let peer = peers.entry(to).or_default();
        if let Some(link) = peer.links.last().cloned() {
            drop(peers);
            self.push(&link, &message);
            return;
        }
        if peer.pending.len() >= PENDING_MAX {
            self.figures.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            peer.pending.push(message);
        }
        if !peer.dialing {
            peer.dialing = true;
            drop(peers);
            self.spawn_dial(to);
        }
    }

    fn push(&self, link: &Link, message: &PeerMessage) {
        match link.lane(message.lane()).push(message) {
            Ok(()) => self.figures.sent.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                tracing::debug!("message dropped: {error}");
                self.figures.dropped.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    fn spawn_dial(self: &Arc<Self>, to: Destination) {
        let links = self.clone();
        self.runtime.spawn(async move {
            let outcome = links.dial(to).await;
            let mut peers = links.peers.lock();
            let Some(peer) = peers.get_mut(&to) else { return };
            peer.dialing = false;
            let pending = std::mem::take(&mut peer.pending);
            let link = peer.links.last().cloned();
            if peer.links.is_empty() {
                peers.remove(&to);
            }
            drop(peers);
            match link {
                Some(link) => pending.iter().for_each(|m| links.push(&link, m)),
                None => {
                    links.figures.dropped.fetch_add(pending.len() as u64, Ordering::Relaxed);
                    if let Err(error) = outcome {
                        tracing::debug!(?to, "cannot be reached: {error:#}");
                    }
                }
            }
        });
    }

    /// Makes a link known under its peer's identity (and under the address that was dialled for a seed).
    fn register(&self, destinations: &[Destination], link: &Arc<Link>) {
        let mut peers = self.peers.lock();
        for destination in destinations {
            let peer = peers.entry(*destination).or_default();
            peer.links.push(link.clone());
            if peer.links.len() > LINKS_PER_PEER_MAX {
                peer.links.remove(0).close();
            }
            if !peer.dialing {
                for message in std::mem::take(&mut peer.pending) {
                    self.push(link, &message);
                }
            }
        }
    }

    fn forget(&self, link: &Arc<Link>) {
        let mut peers = self.peers.lock();
        peers.retain(|_, peer| {
            peer.links.retain(|l| !Arc::ptr_eq(l, link));
            !peer.links.is_empty() || peer.dialing
        });
    }

    /// Bytes that wait in all lanes together.
    pub fn queued_bytes(&self) -> usize {
        let peers = self.peers.lock();
        peers
            .iter()
            .filter(|(to, _)| matches!(to, Destination::Host(_)))
            .flat_map(|(_, peer)| peer.links.iter())
            .map(|link| link.queued_bytes())
            .sum()
    }
}
