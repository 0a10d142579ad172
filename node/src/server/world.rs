//! The outside of a real node: clocks, links, committers and clients.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use starling_ring::HostId;
use starling_storage::engine::{Durability, EngineError};
use starling_storage::model::Mutation;
use starling_storage::store::{Store, StoreError};
use starling_storage::threads::{CommitFigures, CommitterThreads, Completion};
use tokio::sync::watch;
use uuid::Uuid;

use super::clock;
use super::disk_space::DiskSpace;
use super::links::{Inbox, Links};
use super::native::events::EventListeners;
use super::read_pool::{self, ReadPool};
use crate::assembly::client::ClientEvent;
use crate::assembly::{CommitTicket, Node, Outside, PendingRead};
use crate::cluster::Records;
use crate::message::{Destination, ReplicaFailure, Stamped};

/// Told when a mutation is committed.
pub struct Committed {
    node: Weak<Node>,
    ticket: CommitTicket,
}

impl Completion for Committed {
    fn complete(self, outcome: Result<(), StoreError>) {
        if let Some(node) = self.node.upgrade() {
            node.on_committed(self.ticket, outcome.map_err(|error| crate::assembly::replica_failure(&error)));
        }
    }
}

/// How far the node has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not open yet.
    Starting,
    /// Open for clients.
    Ready,
    /// It cannot go on.
    Fatal(String),
}

/// The real world, as the node sees it.
pub struct World {
    pub links: Arc<Links>,
    pub store: Arc<Store>,
    pub listeners: EventListeners,
    pub progress: watch::Sender<Progress>,
    node: Arc<OnceLock<Weak<Node>>>,
    committers: parking_lot::RwLock<Option<CommitterThreads<Committed>>>,
    timers: Vec<watch::Sender<u64>>,
    /// Threads of long reads.
    pub readers: ReadPool,
    /// Of the data.
    pub disk: DiskSpace,
}

/// No timer is set.
pub const NEVER_MS: u64 = u64::MAX;

impl World {
    pub fn new(
        links: Arc<Links>,
        store: Arc<Store>,
        committers: CommitterThreads<Committed>,
        shards: usize,
        disk: DiskSpace,
    ) -> std::io::Result<Arc<Self>> {
        let node: Arc<OnceLock<Weak<Node>>> = Arc::default();
        let reader = node.clone();
        let readers = ReadPool::start(read_pool::default_threads(), move |read| {
            if let Some(node) = reader.get().and_then(Weak::upgrade) {
                node.on_pending_read(read);
            }
        })?;
        Ok(Arc::new(World {
            links,
            store,
            listeners: EventListeners::default(),
            progress: watch::Sender::new(Progress::Starting),
            node,
            committers: parking_lot::RwLock::new(Some(committers)),
            timers: (0..shards).map(|_| watch::Sender::new(NEVER_MS)).collect(),
            readers,
            disk,
        }))
    }

    /// Ties the knot: whom commits and messages are told to.
    pub fn attach(&self, node: &Arc<Node>) {
        let _ = self.node.set(Arc::downgrade(node));
    }

    /// Watches the earliest deadline of a shard.
    pub fn timer(&self, shard: usize) -> watch::Receiver<u64> {
        self.timers[shard].subscribe()
    }

    /// Forgets the deadline of a shard, which is being looked at.
    pub fn clear_timer(&self, shard: usize) {
        self.timers[shard].send_if_modified(|at_ms| {
            *at_ms = NEVER_MS;
            false
        });
    }

    /// Commits what is queued and takes no more.
    pub fn close_committers(&self) {
        let committers = self.committers.write().take();
        drop(committers);
    }

    /// Lets idle committers fold what reads have noticed.
    pub fn nudge_committers(&self) {
        if let Some(committers) = &*self.committers.read() {
            committers.nudge();
        }
    }

    /// Why this node must end, if its storage says so. A node that answers reads and takes part but can write nothing
    /// is worse than one that is seen to be down; only where the disk is full the reads are worth keeping.
    pub fn storage_verdict(&self) -> Option<String> {
        let committers = self.committers.read();
        verdict(self.store.engine().failure(), committers.as_ref().is_none_or(CommitterThreads::is_running))
    }

    /// What the committers tell of themselves; nothing once they are closed.
    pub fn commit_figures(&self) -> CommitFigures {
        self.committers.read().as_ref().map(CommitterThreads::figures).unwrap_or_default()
    }
}

fn verdict(failure: Option<EngineError>, committers_run: bool) -> Option<String> {
    match failure {
        Some(EngineError::Full(_)) => None,
        Some(failure) => Some(format!("storage failed: {failure}")),
        None if !committers_run => Some("a committer has ended: writes cannot be taken any more".into()),
        None => None,
    }
}

impl Outside for World {
    fn monotonic_us(&self) -> u64 {
        clock::monotonic_us()
    }

    fn wall_us(&self) -> i64 {
        clock::wall_us()
    }

    fn random(&self) -> u64 {
        clock::random()
    }

    fn send(&self, to: Destination, message: Stamped) {
        self.links.send(to, message);
    }

    fn commit(&self, mutation: Mutation, ticket: CommitTicket) -> Result<(), ReplicaFailure> {
        if !self.disk.takes_writes() {
            return Err(ReplicaFailure::DiskFull);
        }
        let node = self.node.get().cloned().ok_or(ReplicaFailure::Overloaded)?;
        let committers = self.committers.read();
        let committers = committers.as_ref().ok_or(ReplicaFailure::Overloaded)?;
        let taken = committers.submit(mutation, Committed { node, ticket });
        taken.map_err(|(_, error)| crate::assembly::replica_failure(&error))
    }

    fn read_later(&self, read: PendingRead) -> Result<(), ReplicaFailure> {
        self.readers.submit(read)
    }

    fn persist(&self, records: Records) -> Result<(), String> {
        let entries: Vec<_> = records.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
        self.store.put_meta_all(&entries, Durability::Sync).map_err(|error| error.to_string())
    }

    fn publish(&self, event: ClientEvent) {
        self.listeners.publish(&event);
    }

    fn wake_at(&self, shard: usize, at_ms: u64) {
        if let Some(timer) = self.timers.get(shard) {
            timer.send_if_modified(|earliest| {
                let earlier = at_ms < *earliest;
                if earlier {
                    *earliest = at_ms;
                }
                earlier
            });
        }
    }

    fn on_ready(&self) {
        self.advance(Progress::Ready);
    }

    fn on_fatal(&self, reason: String) {
        tracing::error!("{reason}");
        self.advance(Progress::Fatal(reason));
    }
}

impl World {
    fn advance(&self, to: Progress) {
        self.progress.send_if_modified(|progress| {
            let change = !matches!(progress, Progress::Fatal(_)) && *progress != to;
            if change {
                *progress = to;
            }
            change
        });
    }
}

impl Inbox for Node {
    fn on_peer_message(&self, from: HostId, message: Stamped) {
        Node::on_peer_message(self, from, message);
    }

    fn on_cluster_heard(&self, cluster_id: Uuid) {
        Node::on_cluster_heard(self, cluster_id);
    }

    fn internode_address(&self, host: HostId) -> Option<SocketAddr> {
        Node::internode_address(self, host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_storage_is_the_end_but_a_full_disk_is_not() {
        assert_eq!(verdict(None, true), None);
        assert_eq!(verdict(Some(EngineError::Full("no space".into())), true), None);
        assert!(verdict(Some(EngineError::Io("fsync".into())), true).is_some());
        assert!(verdict(Some(EngineError::Corrupt("block".into())), true).is_some());
        assert!(verdict(None, false).is_some());
    }
}
