//! What the links tell of themselves, for the metrics page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use starling_ring::HostId;

use super::lane::QUEUE_MAX_BYTES;
use super::peers::PENDING_MAX_BYTES;
use super::{HANDSHAKES_MAX, Links};
use crate::message::Lane;

/// Bounds of the links' queues.
pub struct LinkLimits {
    /// Bytes of one lane of one link.
    pub lane_bytes: usize,
    /// Bytes kept for one peer while its link is being made.
    pub kept_bytes: usize,
    /// Handshakes under way.
    pub handshakes: usize,
}

/// The bounds.
pub const LIMITS: LinkLimits =
    LinkLimits { lane_bytes: QUEUE_MAX_BYTES, kept_bytes: PENDING_MAX_BYTES, handshakes: HANDSHAKES_MAX };

/// The links to one peer: usually one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerFigures {
    /// How many.
    pub links: usize,
    /// Bytes that wait in the fullest lane of gossip, membership and schema.
    pub control_bytes: usize,
    /// Bytes that wait in the fullest lane of requests and answers.
    pub data_bytes: usize,
    /// The shortest round trip time of its links.
    pub round_trip: Duration,
}

impl Links {
    /// What there is to say of each peer that is linked.
    pub fn peers(&self) -> BTreeMap<HostId, PeerFigures> {
        let links = self.peers.lock().all();
        let mut peers: BTreeMap<HostId, PeerFigures> = BTreeMap::new();
        for link in links {
            let peer = peers.entry(link.host_id).or_default();
            let round_trip = link.round_trip();
            peer.round_trip = if peer.links == 0 { round_trip } else { peer.round_trip.min(round_trip) };
            peer.links += 1;
            peer.control_bytes = peer.control_bytes.max(link.lane(Lane::Control).depth_bytes());
            peer.data_bytes = peer.data_bytes.max(link.lane(Lane::Data).depth_bytes());
        }
        peers
    }

    /// Bytes kept for the peer that most waits for while its link is being made.
    pub fn most_kept_bytes(&self) -> usize {
        self.peers.lock().most_kept_bytes()
    }

    /// Handshakes of others under way.
    pub fn handshakes(&self) -> usize {
        Arc::strong_count(&self.handshakes) - 1
    }
}
