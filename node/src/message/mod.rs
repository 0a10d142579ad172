//! Messages between nodes. Pure. Their bytes are described in docs/FORMATS.md.

pub mod payload;
pub mod wire;

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use starling_ring::gossip::GossipMessage;
use starling_ring::{HostId, Member};
use uuid::Uuid;

pub use payload::Payload;

use crate::cluster::{Entry, LogPosition, Metadata};
use crate::paxos::{Answer, Ballot};
use crate::time::Stamp;

/// Version of the messages below; the first byte of every frame. Another version is refused by name.
pub const MESSAGE_VERSION: u8 = 3;

/// Whom a message goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// A node by identity: a member, or one that wrote to us.
    Host(HostId),
    /// Whoever answers at an address: a seed whose identity is not known yet.
    Address(SocketAddr),
}

/// Number of a request in flight at its coordinator: the coordinating shard in the top byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OperationId(pub u64);

impl OperationId {
    /// The `sequence`th operation of `shard`.
    pub fn new(shard: u8, sequence: u64) -> Self {
        OperationId((u64::from(shard) << 56) | (sequence & ((1 << 56) - 1)))
    }

    /// The shard that coordinates it.
    pub fn shard(self) -> usize {
        (self.0 >> 56) as usize
    }
}

/// Where an answer belongs: an operation and which of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The operation.
    pub operation: OperationId,
    /// Part of the operation: a mutation of a batch, a round of a read, a repair.
    pub leg: u32,
}

/// Why a replica did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicaFailure {
    /// It has not learned of the table or incarnation yet: try again shortly.
    Behind,
    /// The table or incarnation is gone there: the coordinator is behind.
    Gone,
    /// Its queue is full.
    Overloaded,
    /// Its disk or data failed.
    Storage,
    /// There is too little space on its disk.
    DiskFull,
    /// The request did not decode.
    Malformed,
}

/// What a coordinator knows of who owns what a request is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The last entry of the log that it has.
    pub position: LogPosition,
    /// The last change of the range's replicas, as it knows it.
    pub changed_at: LogPosition,
}

/// A request to a replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReplicaRequest {
    /// Apply a mutation and answer when it is as durable as the node's mode says.
    Mutate {
        /// Encoded `Mutation`.
        mutation: Payload,
        /// Other replicas of the same datacentre to pass it on to; they answer the coordinator.
        forward_to: Vec<HostId>,
    },
    /// Read data, or only its digest.
    Read {
        /// Encoded `ReadCommand`.
        command: Payload,
        /// Answer with a digest.
        digest_only: bool,
    },
}

/// A replica's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReplicaAnswer {
    /// The mutation is applied and durable.
    Applied,
    /// Encoded `ReadResult`.
    Data(Payload),
    /// Digest of the `ReadResult`.
    Digest(u128),
    /// It was not done.
    Failed(ReplicaFailure),
    /// It was not done: the owners of the data have changed since the coordinator looked. It has to fetch the log, at
    /// least up to here.
    Stale(LogPosition),
}

/// Where the sender of a message about membership and schema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stance {
    /// Its cluster; `None`: it belongs to none yet.
    pub cluster_id: Option<Uuid>,
    /// The last entry that it has.
    pub position: LogPosition,
}

impl From<ReplicaFailure> for ReplicaAnswer {
    fn from(failure: ReplicaFailure) -> Self {
        ReplicaAnswer::Failed(failure)
    }
}

/// Membership and schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClusterMessage {
    /// A node asks to become a member.
    Join {
        /// Name of the cluster that it means.
        cluster_name: String,
        /// The applicant; its tokens are chosen by whoever answers.
        applicant: Member,
        /// How many tokens it wants.
        num_tokens: u16,
        /// Address of the dead member whose place it takes.
        replaces: Option<IpAddr>,
    },
    /// Answer to `Join`.
    JoinAnswer(JoinAnswer),
    /// To a decider: promise to accept nothing below this ballot for the decree at `position`.
    Prepare {
        /// The decree.
        position: LogPosition,
        /// The attempt.
        ballot: Ballot,
    },
    /// To a decider: accept this.
    Accept {
        /// The attempt.
        ballot: Ballot,
        /// The value; the decree is the one at its position.
        entry: Box<Entry>,
    },
    /// A decider's answer.
    Answer {
        /// The decree.
        position: LogPosition,
        /// The attempt that is answered.
        ballot: Ballot,
        /// The answer.
        answer: Box<Answer<Entry>>,
    },
    /// Decided entries, in order.
    Entries(Vec<Entry>),
    /// Everything that is decided, in place of entries.
    Snapshot(Box<Metadata>),
    /// The sender has durably adopted everything up to where it stands.
    Adopted,
    /// Send what the sender lacks.
    Fetch,
    /// Do you know that I am a member and alive?
    Announce,
    /// Answer to `Announce`.
    AnnounceAnswer {
        /// The sender is a member here and seen alive.
        known: bool,
    },
    /// A member calls at a seed: if that has lost its disk, it learns that there is a cluster.
    Call,
    /// The receiver is not part of this cluster (any more).
    Refused {
        /// What to do.
        reason: String,
    },
}

/// Answer to a request to join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum JoinAnswer {
    /// The applicant is a member of this metadata.
    Welcome(Box<Metadata>),
    /// The answering node is itself no member (yet).
    NotMember,
    /// Not now; try again shortly.
    Later {
        /// Why.
        reason: String,
    },
    /// Never like this; a person has to do something.
    Refused {
        /// What to do.
        reason: String,
        /// Whatever else the answering node may learn: it may be behind, and know of nodes that have left.
        is_final: bool,
    },
}

/// Comparing wall clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockMessage {
    /// What time is it?
    Ask {
        /// The asker's monotonic clock, in microseconds: comes back with the answer.
        asked_us: u64,
    },
    /// Answer.
    Answer {
        /// Of the question.
        asked_us: u64,
        /// Microseconds since 1970 by the sender's wall clock.
        wall_us: i64,
    },
}

/// A message on its way, with its sender's hybrid clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// The last stamp that the sender had issued or heard of.
    pub stamp: Stamp,
    /// The message.
    pub message: PeerMessage,
}

/// Everything that travels between nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PeerMessage {
    /// To a replica. Answers go to `coordinator`.
    Request {
        /// Who coordinates (not always the sender: remote datacentres forward).
        coordinator: HostId,
        /// Where the answer belongs.
        reply_to: ReplyTo,
        /// What the coordinator knows of who owns the data.
        fence: Fence,
        /// What to do.
        request: ReplicaRequest,
    },
    /// From a replica to its coordinator.
    Answer {
        /// Where it belongs.
        reply_to: ReplyTo,
        /// The answer.
        answer: ReplicaAnswer,
    },
    /// Gossip within one cluster.
    Gossip {
        /// Nodes of another cluster ignore it.
        cluster_id: Uuid,
        /// The exchange.
        message: GossipMessage,
    },
    /// Membership and schema.
    Cluster(Stance, ClusterMessage),
    /// Wall clocks.
    Clock(ClockMessage),
}

/// Kinds of traffic, each on lanes of its own so that one cannot hold up another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Gossip, membership, schema.
    Control,
    /// Requests to replicas and their answers.
    Data,
}

/// Names of the kinds of messages, for the metrics page.
pub const MESSAGE_KINDS: [&str; 6] = ["mutate", "read", "answer", "gossip", "cluster", "clock"];

impl PeerMessage {
    /// Its place in [`MESSAGE_KINDS`].
    pub fn kind(&self) -> usize {
        match self {
            PeerMessage::Request { request: ReplicaRequest::Mutate { .. }, .. } => 0,
            PeerMessage::Request { request: ReplicaRequest::Read { .. }, .. } => 1,
            PeerMessage::Answer { .. } => 2,
            PeerMessage::Gossip { .. } => 3,
            PeerMessage::Cluster(..) => 4,
            PeerMessage::Clock(_) => 5,
        }
    }

    /// The lane it travels on.
    pub fn lane(&self) -> Lane {
        match self {
            PeerMessage::Gossip { .. } | PeerMessage::Cluster(..) | PeerMessage::Clock(_) => Lane::Control,
            PeerMessage::Request { .. } | PeerMessage::Answer { .. } => Lane::Data,
        }
    }
}
