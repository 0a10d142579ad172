//! Opening for clients: not before every live member knows this node, and this node sees them alive.

use std::collections::{BTreeMap, BTreeSet};

use starling_ring::HostId;

use super::{Cluster, ClusterAction, LogPosition};
use crate::message::ClusterMessage;

/// Between two rounds of announcements, in milliseconds.
const ROUND_MS: u64 = 100;

pub(super) struct Announcing {
    /// When there was first somebody to announce to; joining may have taken long before that.
    since_ms: Option<u64>,
    next_round_ms: u64,
    known_by: BTreeSet<HostId>,
    /// When each member last answered anything at all.
    heard_ms: BTreeMap<HostId, u64>,
    ready: bool,
}

impl Announcing {
    pub(super) fn new(now_ms: u64) -> Self {
        Announcing {
            since_ms: None,
            next_round_ms: now_ms,
            known_by: BTreeSet::new(),
            heard_ms: BTreeMap::new(),
            ready: false,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }
}

impl Cluster {
    pub(super) fn tick_announcing(&mut self, now_ms: u64) {
        if self.announcing.ready {
            return;
        }
        let Some(metadata) = self.metadata.clone() else { return };
        let own = self.host_id();
        if metadata.member(own).is_none() {
            return;
        }
        let since_ms = *self.announcing.since_ms.get_or_insert(now_ms);
        let patient = now_ms < since_ms + self.config.announce_patience_ms;
        let missing: Vec<HostId> = metadata
            .members
            .iter()
            .filter(|m| !metadata.lost.contains(&m.host_id))
            .map(|m| m.host_id)
            .filter(|h| *h != own && !(self.announcing.known_by.contains(h) && self.gossiper.is_alive(*h)))
            .collect();
        // A silent member holds the opening up only for a while; one that answers but does not know this node
        // yet holds it up until it does.
        let patience_ms = self.config.announce_patience_ms;
        let answers = |h: &HostId| self.announcing.heard_ms.get(h).is_some_and(|at| now_ms < at + patience_ms);
        let waits = missing.iter().any(|h| patient || answers(h));
        if !waits {
            self.announcing.ready = true;
            self.actions.push_back(ClusterAction::Ready);
        } else if now_ms >= self.announcing.next_round_ms {
            self.announcing.next_round_ms = now_ms + ROUND_MS;
            for host in missing {
                self.send(host, ClusterMessage::Announce);
            }
        }
    }

    pub(super) fn answer_announce(&mut self, now_ms: u64, from: HostId, position: LogPosition) {
        let known = self.metadata.as_ref().is_some_and(|m| m.member(from).is_some())
            && self.gossiper.is_alive(from)
            && self.position() >= position;
        self.send(from, ClusterMessage::AnnounceAnswer { known });
        self.fetch_if_newer(now_ms, from, position);
    }

    pub(super) fn on_announce_answer(&mut self, now_ms: u64, from: HostId, known: bool, position: LogPosition) {
        self.announcing.heard_ms.insert(from, now_ms);
        let current = position <= self.position();
        // And seen alive from here too: a node that opens can reach everybody, for a schema change say.
        if known && current && self.gossiper.is_alive(from) {
            self.announcing.known_by.insert(from);
        }
        self.fetch_if_newer(now_ms, from, position);
        self.tick_announcing(now_ms);
    }
}
