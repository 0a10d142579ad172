//! What the log needs done without anybody asking: deciders that are dead make room, what was accepted is brought to an
//! end, nodes that did not come in are forgotten, members that are leaving leave.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use starling_planted::{Bug, is_planted};
use starling_ring::{HostId, Member};

use super::change::ChangeRequest;
use super::deciders::choose;
use super::{Cluster, Metadata, Random};
use crate::message::{ClusterMessage, Destination};

/// Between two looks, in milliseconds.
const LOOK_EVERY_MS: u64 = 1_000;
/// What was accepted here and not decided after this time is brought to an end, in milliseconds; up to as much again is
/// added at random, so that not all deciders do it at once.
const UNDECIDED_AFTER_MS: u64 = 3_000;

/// Former members that are called, the latest ones. More: nodes that were away for longer are told; each waits longer
/// for its turn, one a second.
const FORMER_CALLED_MAX: usize = 32;

pub(super) struct Upkeep {
    next_look_ms: u64,
    /// Counts calls at former members.
    calls: usize,
    undecided_since_ms: Option<u64>,
    /// Since when others are not alive.
    down_since_ms: BTreeMap<HostId, u64>,
}

impl Upkeep {
    pub(super) fn new(now_ms: u64) -> Self {
        Upkeep {
            next_look_ms: now_ms + LOOK_EVERY_MS,
            calls: 0,
            undecided_since_ms: None,
            down_since_ms: BTreeMap::new(),
        }
    }
}

impl Cluster {
    pub(super) fn tick_upkeep(&mut self, now_ms: u64, random: Random<'_>) {
        if now_ms < self.upkeep.next_look_ms {
            return;
        }
        self.upkeep.next_look_ms = now_ms + LOOK_EVERY_MS;
        let Some(metadata) = self.metadata.clone() else { return };
        self.note_down(now_ms, &metadata);
        let is_first = self.is_first_live_decider(&metadata);
        if is_first {
            self.call_former(&metadata);
        }
        // What waits for somebody to leave must not keep this node from taking it out.
        if self.proposing.is_busy() && !self.proposing.is_blocked() {
            return;
        }
        if self.is_undecided_for_long(now_ms, random) {
            // A decider's own promise says what it accepted: that is what is proposed, whatever is asked for here.
            self.request_first(now_ms, ChangeRequest::settle(metadata.position.next()));
        } else if is_first && let Some(change) = self.due_change(now_ms, &metadata) {
            self.request_first(now_ms, change);
        }
    }

    /// A node that was taken out while it was away may know nobody who is still there: it is told where it was.
    fn call_former(&mut self, metadata: &Metadata) {
        self.upkeep.calls = self.upkeep.calls.wrapping_add(1);
        let recent = metadata.former.len().min(FORMER_CALLED_MAX);
        let Some(former) = metadata.former.iter().rev().nth(self.upkeep.calls % recent.max(1)) else { return };
        let address = SocketAddr::new(former.listen_address, former.storage_port);
        let is_taken = |member: &Member| SocketAddr::new(member.listen_address, member.storage_port) == address;
        if !metadata.admitted().any(is_taken) {
            self.send_to(Destination::Address(address), ClusterMessage::Call);
        }
    }

    fn note_down(&mut self, now_ms: u64, metadata: &Metadata) {
        let down: Vec<HostId> =
            metadata.admitted().map(|member| member.host_id).filter(|host| !self.is_alive(*host)).collect();
        self.upkeep.down_since_ms.retain(|host, _| down.contains(host));
        for host in down {
            self.upkeep.down_since_ms.entry(host).or_insert(now_ms);
        }
    }

    fn is_undecided_for_long(&mut self, now_ms: u64, random: Random<'_>) -> bool {
        if !self.has_undecided() {
            self.upkeep.undecided_since_ms = None;
            return false;
        }
        let since_ms = *self.upkeep.undecided_since_ms.get_or_insert(now_ms);
        now_ms >= since_ms + UNDECIDED_AFTER_MS + random() % UNDECIDED_AFTER_MS
    }

    /// One node is to do what is due; that two think so for a while does no harm.
    fn is_first_live_decider(&self, metadata: &Metadata) -> bool {
        let live = metadata.deciders.iter().copied().filter(|host| self.is_alive(*host));
        live.min() == Some(self.host_id())
    }

    fn due_change(&self, now_ms: u64, metadata: &Metadata) -> Option<ChangeRequest> {
        let down_for_ms = |host: HostId| self.upkeep.down_since_ms.get(&host).map_or(0, |since| now_ms - since);
        let has_tables = metadata.has_user_tables();
        if let Some(host) = metadata.leaving.iter().next().filter(|_| !has_tables) {
            return Some(ChangeRequest::end_leave(*host));
        }
        let mut joining = metadata.joining.iter().map(|joiner| joiner.member.host_id);
        let is_late =
            |host: &HostId| down_for_ms(*host) >= self.config.join_expires_ms && !is_planted(Bug::JoinNeverExpires);
        if let Some(host) = joining.find(is_late) {
            return Some(ChangeRequest::expire_join(host));
        }
        let is_gone = |host: HostId| down_for_ms(host) >= self.config.decider_replaced_after_ms;
        if metadata.deciders.iter().any(|host| is_gone(*host)) {
            let better = choose(&metadata.eligible(), &metadata.deciders, |host| self.is_alive(host));
            let dead = |of: &[HostId]| of.iter().filter(|host| !self.is_alive(**host)).count();
            if dead(&better) < dead(&metadata.deciders) {
                return Some(ChangeRequest::choose_deciders());
            }
        }
        None
    }

    /// Whether the log can go on: a majority of those that decide is alive.
    pub fn has_majority(&self) -> bool {
        let deciders = self.deciders();
        let alive = deciders.iter().filter(|host| self.is_alive(**host)).count();
        alive >= super::deciders::majority(deciders.len())
    }
}
