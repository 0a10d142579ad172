//! What a member keeps of each other member (and of itself).

use super::detector::ArrivalWindow;
use super::state::EndpointState;
use crate::HostId;

/// Whether a member is believed alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    /// Nothing that proves life was heard since it was made known; counts as not alive.
    Unheard,
    Alive,
    /// Probed because of its silence, at this time; still counts as alive.
    Suspect {
        since_ms: u64,
    },
    Down,
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) host: HostId,
    pub(super) state: EndpointState,
    pub(super) arrivals: ArrivalWindow,
    pub(super) liveness: Liveness,
    /// The heartbeat that last proved it alive.
    pub(super) proven_heartbeat: u64,
    /// The round until which its digest goes into every message, because its values changed.
    pub(super) hot_until: u64,
    /// The number of the message that mentions it already.
    pub(super) mentioned: u64,
}

impl Peer {
    pub(super) fn new(host: HostId, estimate_ms: u64) -> Peer {
        Peer {
            host,
            state: EndpointState::default(),
            arrivals: ArrivalWindow::new(estimate_ms),
            liveness: Liveness::Unheard,
            proven_heartbeat: 0,
            hot_until: 0,
            mentioned: 0,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.liveness, Liveness::Alive | Liveness::Suspect { .. })
    }
}
