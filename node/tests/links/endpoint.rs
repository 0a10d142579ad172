//! A node's links with an inbox that keeps what arrives.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use starling_node::cluster::LogPosition;
use starling_node::message::{
    ClusterMessage, Destination, OperationId, Payload, PeerMessage, ReplicaAnswer, ReplyTo, Stamped, Stance,
};
use starling_node::server::links::hello::Greeting;
use starling_node::server::links::tls::Credentials;
use starling_node::server::links::{Inbox, Links};
use starling_ring::HostId;
use uuid::Uuid;

/// How long anything may take before it counts as hung: a guard, not a measure.
pub const HANG_GUARD: Duration = Duration::from_secs(30);
/// Every test binds here with a port from the system.
pub const ANY_PORT: &str = "127.0.21.1:0";

/// What arrived, and where peers are.
#[derive(Default)]
pub struct Keeper {
    arrived: Mutex<Vec<(HostId, Stamped)>>,
    addresses: Mutex<HashMap<HostId, SocketAddr>>,
    clusters: Mutex<BTreeSet<Uuid>>,
}

impl Inbox for Keeper {
    fn on_peer_message(&self, from: HostId, message: Stamped) {
        self.arrived.lock().push((from, message));
    }

    fn on_cluster_heard(&self, cluster_id: Uuid) {
        self.clusters.lock().insert(cluster_id);
    }

    fn internode_address(&self, host: HostId) -> Option<SocketAddr> {
        self.addresses.lock().get(&host).copied()
    }
}

/// One end.
pub struct Endpoint {
    pub host_id: HostId,
    pub address: SocketAddr,
    pub links: Arc<Links>,
    keeper: Arc<Keeper>,
}

/// A host id that stands for `number`.
pub fn host(number: u128) -> HostId {
    HostId(Uuid::from_u128(number))
}

/// A cluster id that stands for `number`.
pub fn cluster(number: u128) -> Uuid {
    Uuid::from_u128(number << 64)
}

/// A free port, held by nobody: for peers that are to come later.
pub fn free_address() -> SocketAddr {
    free_address_at(1)
}

/// The same where no other test binds: a port that stays free for long must not be given to somebody else.
pub fn free_address_at(last: u8) -> SocketAddr {
    std::net::UdpSocket::bind(SocketAddr::from(([127, 0, 21, last], 0))).unwrap().local_addr().unwrap()
}

impl Endpoint {
    /// Opens the links of host `number` in its first life, under the development authority in `authority`.
    pub fn open(number: u128, authority: &Path) -> Endpoint {
        // Somebody else may be given the port meanwhile.
        let mut tries = (0..16).filter_map(|_| Endpoint::try_open_at(free_address(), number, 1, authority).ok());
        tries.next().unwrap()
    }

    /// The same at an address and in a life.
    pub fn open_at(address: SocketAddr, number: u128, generation: u64, authority: &Path) -> Endpoint {
        Endpoint::try_open_at(address, number, generation, authority).unwrap()
    }

    fn try_open_at(
        address: SocketAddr,
        number: u128,
        generation: u64,
        authority: &Path,
    ) -> Result<Endpoint, anyhow::Error> {
        let host_id = host(number);
        let greeting = Greeting { host_id, generation, cluster_name: "links".into(), cluster_id: None };
        let credentials = Credentials::for_development(authority).unwrap();
        let links = Links::bind_with(address, greeting, &credentials)?;
        let keeper = Arc::new(Keeper::default());
        let inbox: Arc<dyn Inbox> = keeper.clone();
        links.start(Arc::downgrade(&inbox));
        Ok(Endpoint { host_id, address, links, keeper })
    }

    /// Tells it where a host is.
    pub fn learn(&self, host: HostId, address: SocketAddr) {
        self.keeper.addresses.lock().insert(host, address);
    }

    /// Sends to a host.
    pub fn send(&self, to: HostId, message: Stamped) {
        self.links.send(Destination::Host(to), message);
    }

    /// What has arrived so far, with its sender.
    pub fn arrived(&self) -> Vec<(HostId, Stamped)> {
        self.keeper.arrived.lock().clone()
    }

    /// The clusters that peers said they are members of.
    pub fn clusters_heard(&self) -> Vec<Uuid> {
        self.keeper.clusters.lock().iter().copied().collect()
    }

    /// How many messages have arrived.
    pub fn count(&self) -> usize {
        self.keeper.arrived.lock().len()
    }

    /// Messages that no link took.
    pub fn dropped(&self) -> u64 {
        self.links.figures.dropped.load(Ordering::Relaxed)
    }

    /// Messages handed to a link.
    pub fn sent(&self) -> u64 {
        self.links.figures.sent.load(Ordering::Relaxed)
    }
}

/// A message of the control lane.
pub fn control(number: u64) -> Stamped {
    let position = LogPosition { epoch: number, ..LogPosition::FIRST };
    let message = PeerMessage::Cluster(Stance { cluster_id: None, position }, ClusterMessage::Fetch);
    Stamped { stamp: number, message }
}

/// A message of the data lane with so much in it.
pub fn data(number: u64, size_bytes: usize) -> Stamped {
    let reply_to = ReplyTo { operation: OperationId(number), leg: 0 };
    let answer = ReplicaAnswer::Data(Payload(vec![7; size_bytes].into()));
    Stamped { stamp: number, message: PeerMessage::Answer { reply_to, answer } }
}

/// Asks again and again until the answer is yes.
pub async fn wait_until(what: &str, mut answer: impl FnMut() -> bool) {
    let started = Instant::now();
    while !answer() {
        assert!(started.elapsed() < HANG_GUARD, "hung waiting until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
