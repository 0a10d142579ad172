//! Who is linked how: the links of each destination, and what waits while one is being made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Link;
use super::lane::{Frames, LaneError};
use crate::message::{Destination, Lane, Stamped};

/// Bytes kept for a peer while its link is being made; more are dropped. Bounds: one gossip message to the memory of
/// the machine divided by its peers.
pub(super) const PENDING_MAX_BYTES: usize = 8 << 20;
/// Connections kept per peer (both sides may dial at once).
const LINKS_PER_PEER_MAX: usize = 4;
/// After a failure nothing is dialled for so long: handshakes are dear, and a peer that refuses does so quickly.
const DIAL_PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Peer {
    links: Vec<Arc<Link>>,
    dialing: bool,
    not_before: Option<Instant>,
    control: Frames,
    data: Frames,
}

/// What becomes of a message.
pub enum Route {
    /// It goes to this link.
    Link(Arc<Link>),
    /// It is kept until there is a link; whether that has to be dialled.
    Kept {
        /// Dial now.
        dial: bool,
    },
    /// It is dropped.
    Dropped(RouteError),
}

/// Why a message is dropped before there is a link.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// Too many bytes wait for the link.
    #[error("too much waits for a link that is being made")]
    Full,
    /// The last attempt failed a moment ago.
    #[error("the last attempt failed a moment ago")]
    Paused,
    /// Not encodable.
    #[error(transparent)]
    Lane(#[from] LaneError),
}

/// The links of every destination.
#[derive(Default)]
pub struct Peers(HashMap<Destination, Peer>);

impl Peers {
    /// Decides about a message for `to`; it is encoded here if it has to be kept.
    pub fn route(&mut self, to: Destination, message: &Stamped, now: Instant) -> Route {
        let peer = self.0.entry(to).or_default();
        if let Some(link) = peer.links.iter().rev().find(|link| link.is_open()) {
            return Route::Link(link.clone());
        }
        if peer.not_before.is_some_and(|at| now < at) {
            return Route::Dropped(RouteError::Paused);
        }
        match peer.keep(message) {
            Ok(()) => Route::Kept { dial: !std::mem::replace(&mut peer.dialing, true) },
            Err(error) => Route::Dropped(error),
        }
    }

    /// Whether a peer whose link was lost is to be dialled without a message to it: not if there is a link, or an
    /// attempt under way, or one that failed a moment ago.
    pub fn may_dial_again(&mut self, to: Destination, now: Instant) -> bool {
        let peer = self.0.entry(to).or_default();
        let is_linked = peer.links.iter().any(|link| link.is_open());
        let is_paused = peer.not_before.is_some_and(|at| now < at);
        !is_linked && !is_paused && !std::mem::replace(&mut peer.dialing, true)
    }

    /// An attempt to dial has ended; answers how many messages were lost with it.
    pub fn dialled(&mut self, to: Destination, made: bool, now: Instant) -> u64 {
        let Some(peer) = self.0.get_mut(&to) else { return 0 };
        peer.dialing = false;
        if made || !peer.links.is_empty() {
            return 0;
        }
        peer.not_before = Some(now + DIAL_PAUSE);
        peer.take_kept().iter().map(|(_, frames)| frames.count()).sum()
    }

    /// Adds a link; answers what was kept for it. Links that it replaces go to `superseded`.
    pub fn add(&mut self, to: Destination, link: &Arc<Link>, superseded: &mut Vec<Arc<Link>>) -> [(Lane, Frames); 2] {
        let peer = self.0.entry(to).or_default();
        // A link to an earlier life of the same node leads nowhere.
        let is_old = |l: &Arc<Link>| l.host_id == link.host_id && l.generation < link.generation;
        superseded.extend(peer.links.extract_if(.., |l| is_old(l)));
        peer.links.push(link.clone());
        if peer.links.len() > LINKS_PER_PEER_MAX {
            superseded.push(peer.links.remove(0));
        }
        peer.not_before = None;
        peer.take_kept()
    }

    /// Forgets a link that has ended.
    pub fn remove(&mut self, link: &Arc<Link>) {
        self.0.retain(|_, peer| {
            peer.links.retain(|l| !Arc::ptr_eq(l, link));
            !peer.links.is_empty() || peer.dialing
        });
    }

    /// Bytes kept for the peer that most waits for.
    pub fn most_kept_bytes(&self) -> usize {
        self.0.values().map(|peer| peer.control.size_bytes() + peer.data.size_bytes()).max().unwrap_or(0)
    }

    /// Every link once.
    pub fn all(&self) -> Vec<Arc<Link>> {
        let mut links: Vec<Arc<Link>> = self.0.values().flat_map(|peer| peer.links.iter().cloned()).collect();
        links.sort_unstable_by_key(Arc::as_ptr);
        links.dedup_by_key(|link| Arc::as_ptr(link));
        links
    }
}

impl Peer {
    fn keep(&mut self, message: &Stamped) -> Result<(), RouteError> {
        if self.control.size_bytes() + self.data.size_bytes() >= PENDING_MAX_BYTES {
            return Err(RouteError::Full);
        }
        match message.message.lane() {
            Lane::Control => self.control.push(message)?,
            Lane::Data => self.data.push(message)?,
        }
        Ok(())
    }

    fn take_kept(&mut self) -> [(Lane, Frames); 2] {
        [(Lane::Control, std::mem::take(&mut self.control)), (Lane::Data, std::mem::take(&mut self.data))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_dialled_again_once() {
        let to = Destination::Host(starling_ring::HostId(uuid::Uuid::from_u128(1)));
        let (mut peers, now) = (Peers::default(), Instant::now());
        assert!(peers.may_dial_again(to, now));
        assert!(!peers.may_dial_again(to, now), "an attempt is under way");
        assert_eq!(peers.dialled(to, false, now), 0);
        assert!(!peers.may_dial_again(to, now), "one failed a moment ago");
        assert!(peers.may_dial_again(to, now + DIAL_PAUSE));
    }
}
