//! Coordination of one read or one write over its replicas, as pure state machines: told what arrived and
//! what time it is, they say what to send and how it ended.

pub(crate) mod errors;
mod latency;
mod read;
mod replicas;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::HostId;
use starling_storage::model::{Mutation, ReadCommand, ReadResult};

use crate::cluster::LogPosition;
use crate::message::Fence;

pub use latency::{Latencies, SpeculationConfig};
pub use read::{Instant, ReadCoordination};
pub use replicas::{ReadPlan, Replica, plan_read, replicas_of};
pub use write::{WriteCoordination, WriteLeg};

/// Work for a replica, which may be this node.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "lives from one function to the next; a box would be an allocation")]
pub enum Work {
    /// Apply a mutation.
    Mutate {
        /// The mutation, if the replica is this node and has not been asked before.
        mutation: Option<Mutation>,
        /// The same, encoded once for all replicas.
        encoded: Bytes,
        /// Replicas of the receiver's datacentre that it passes the mutation on to.
        forward_to: Vec<HostId>,
    },
    /// Read.
    Read {
        /// What.
        command: Arc<ReadCommand>,
        /// A digest will do.
        digest_only: bool,
    },
}

/// A piece of work for one replica.
#[derive(Clone, Debug)]
pub struct Order {
    /// The replica.
    pub to: HostId,
    /// Part of the operation that the answer belongs to.
    pub leg: u32,
    /// What is known of who owns the data.
    pub fence: Fence,
    /// What it shall do.
    pub work: Work,
}

/// A replica's answer, decoded.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Applied and durable.
    Applied,
    /// What it has.
    Data(ReadResult),
    /// Digest of what it has.
    Digest(u128),
    /// Not done.
    Failed(crate::message::ReplicaFailure),
    /// Not done: the owners have changed since the coordinator looked, at the latest by this entry of the log.
    Stale(LogPosition),
}

/// How an operation ended.
pub type Outcome<T> = Result<T, CqlError>;

/// Between two attempts at a replica that has not heard of a table yet, in milliseconds.
const BEHIND_RETRY_MS: u64 = 50;
