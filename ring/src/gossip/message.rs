//! What members tell each other, and how many bytes it takes.

use serde::{Deserialize, Serialize};

use super::state::{StateKey, VersionedValue};
use crate::HostId;

/// How far somebody's knowledge of a member goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The member.
    pub host: HostId,
    /// Its generation.
    pub generation: u64,
    /// Its newest heartbeat heard of.
    pub heartbeat: u64,
    /// Its newest version known.
    pub version: u64,
}

/// Values that a member published after `from_version`, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The member.
    pub host: HostId,
    /// Its generation.
    pub generation: u64,
    /// Whoever is not that far yet cannot use it.
    pub from_version: u64,
    /// In ascending order of version.
    pub values: Vec<(StateKey, VersionedValue)>,
}

/// A gossip message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GossipMessage {
    /// Begins an exchange.
    Syn {
        /// Some of what the sender knows.
        digests: Vec<Digest>,
    },
    /// Answers a Syn.
    Ack {
        /// Where the answering side is behind, or ahead.
        digests: Vec<Digest>,
        /// What the other side lacks.
        deltas: Vec<Delta>,
    },
    /// Answers an Ack.
    Ack2 {
        /// Where this side is behind.
        digests: Vec<Digest>,
        /// What the other side lacks.
        deltas: Vec<Delta>,
    },
    /// Answers an Ack2; nothing follows.
    Final {
        /// What the other side lacks.
        deltas: Vec<Delta>,
    },
    /// Asks for a Pong.
    Ping {
        /// Who wants to know.
        requester: HostId,
    },
    /// A sign of life, passed on to the requester.
    Pong {
        /// Who wants to know.
        requester: HostId,
        /// The digest of the member that was asked.
        digest: Digest,
    },
    /// Asks the receiver to ping somebody on the sender's behalf.
    PingRequest {
        /// Whom to ping.
        target: HostId,
    },
}

/// Size of a host id: a length and 16 bytes.
const HOST_BYTES: usize = 17;

/// Size of a number in bincode's variable encoding.
fn number_size_bytes(number: u64) -> usize {
    match number {
        0..=250 => 1,
        251..=0xFFFF => 3,
        0x1_0000..=0xFFFF_FFFF => 5,
        _ => 9,
    }
}

impl Digest {
    pub(super) fn size_bytes(&self) -> usize {
        HOST_BYTES
            + number_size_bytes(self.generation)
            + number_size_bytes(self.heartbeat)
            + number_size_bytes(self.version)
    }
}

impl Delta {
    pub(super) fn size_bytes(&self) -> usize {
        // Room for the longest count of values is allowed for.
        let head = HOST_BYTES + number_size_bytes(self.generation) + number_size_bytes(self.from_version) + 5;
        head + self.values.iter().map(|(_, versioned)| Delta::value_size_bytes(versioned)).sum::<usize>()
    }

    pub(super) fn value_size_bytes(versioned: &VersionedValue) -> usize {
        let length = versioned.value.len();
        1 + number_size_bytes(versioned.version) + number_size_bytes(length as u64) + length
    }
}

impl GossipMessage {
    /// Bytes allowed for a message's kind and the lengths of its lists.
    pub(super) const OVERHEAD_BYTES: usize = 11;

    /// Upper bound of the size in bincode's standard configuration.
    pub fn size_bytes(&self) -> usize {
        let digests_size = |digests: &[Digest]| digests.iter().map(Digest::size_bytes).sum::<usize>();
        let deltas_size = |deltas: &[Delta]| deltas.iter().map(Delta::size_bytes).sum::<usize>();
        GossipMessage::OVERHEAD_BYTES
            + match self {
                GossipMessage::Syn { digests } => digests_size(digests),
                GossipMessage::Ack { digests, deltas } | GossipMessage::Ack2 { digests, deltas } => {
                    digests_size(digests) + deltas_size(deltas)
                }
                GossipMessage::Final { deltas } => deltas_size(deltas),
                GossipMessage::Ping { .. } | GossipMessage::PingRequest { .. } => HOST_BYTES,
                GossipMessage::Pong { digest, .. } => HOST_BYTES + digest.size_bytes(),
            }
    }
}
