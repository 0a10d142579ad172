//! The seams to the outside: clock, random source, network, committing disk, clients. The server and the
//! simulation each have their own.

use std::sync::Arc;

use starling_ring::HostId;
use starling_storage::model::{Mutation, ReadCommand};

use super::client::ClientEvent;
use crate::cluster::Records;
use crate::message::{Destination, ReplicaFailure, ReplyTo, Stamped};

/// Where the outcome of a commit belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitTicket {
    /// Who coordinates the write; may be this node.
    pub coordinator: HostId,
    /// Which of its parts.
    pub reply_to: ReplyTo,
}

/// A replica's read that others must not wait for.
#[derive(Clone, Debug)]
pub struct PendingRead {
    /// Who coordinates it; may be this node.
    pub coordinator: HostId,
    /// Where the answer belongs.
    pub reply_to: ReplyTo,
    /// What to read.
    pub command: Arc<ReadCommand>,
    /// Answer with a digest.
    pub digest_only: bool,
    /// Monotonic time at which it came.
    pub came_us: u64,
}

/// What the node asks of the world. Calls must not call back into the node on the same stack.
pub trait Outside: Send + Sync {
    /// Monotonic microseconds since some moment.
    fn monotonic_us(&self) -> u64;
    /// Microseconds since 1970 as this machine's clock has it.
    fn wall_us(&self) -> i64;
    /// 64 random bits.
    fn random(&self) -> u64;
    /// Sends a message, or drops it.
    fn send(&self, to: Destination, message: Stamped);
    /// Queues a mutation for commit; `Node::on_committed` with the ticket says how it ended. An error at once
    /// means that it was not taken and never will be.
    fn commit(&self, mutation: Mutation, ticket: CommitTicket) -> Result<(), ReplicaFailure>;
    /// Keeps a long read apart from what must not wait for it: `Node::on_pending_read` is to be called with it, in
    /// turn and elsewhere. An error at once means that it was not taken and never will be.
    fn read_later(&self, read: PendingRead) -> Result<(), ReplicaFailure>;
    /// Makes records durable, all or none, before it returns; failing to is fatal for the node.
    fn persist(&self, records: Records) -> Result<(), String>;
    /// Tells clients that registered for events.
    fn publish(&self, event: ClientEvent);
    /// `Node::on_shard_time` wants to be called for this shard at this monotonic time (or earlier).
    fn wake_at(&self, shard: usize, at_ms: u64);
    /// Opened: joined and known to all live members.
    fn on_ready(&self);
    /// The node cannot go on.
    fn on_fatal(&self, reason: String);
}
