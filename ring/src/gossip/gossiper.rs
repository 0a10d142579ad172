//! One member's side of gossip: its rounds, and what goes out.

use super::GossipConfig;
use super::liveness::LivenessEvent;
use super::message::{Digest, GossipMessage};
use super::peer::{Liveness, Peer};
use super::state::{EndpointState, StateKey, VersionedValue};
use crate::HostId;

/// Why a value cannot be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GossipError {
    /// It is too large.
    #[error("a gossip value of {size_bytes} bytes is larger than {max_bytes}")]
    ValueTooLarge {
        /// Its size.
        size_bytes: usize,
        /// What is allowed.
        max_bytes: usize,
    },
    /// There are as many keys as allowed.
    #[error("no more than {0} gossip keys can be published")]
    TooManyKeys(usize),
}

/// The state machine of gossip on one member. Calls say what time it is; messages to send come back.
#[derive(Clone, Debug)]
pub struct Gossiper {
    pub(super) config: GossipConfig,
    /// Members in order of host id, this one among them.
    pub(super) peers: Vec<Peer>,
    /// Its own place in `peers`.
    pub(super) own: usize,
    pub(super) round: u64,
    /// Places in `peers` whose values changed lately, the latest last.
    pub(super) hot: Vec<usize>,
    /// Where the next message's window of digests begins.
    cursor: usize,
    /// The number of the latest message built.
    pub(super) message_number: u64,
    /// Bytes sent since the last tick.
    spent_bytes: usize,
    last_now_ms: u64,
    /// Time for which this process itself stood still: no silence of others is counted in it.
    excused_ms: u64,
    pub(super) events: Vec<LivenessEvent>,
    /// Members believed dead that somebody has heard of since the last tick, and who it was.
    pub(super) checks: Vec<(HostId, HostId)>,
    /// How many of them were asked.
    pub(super) checks_sent: usize,
}

/// What syns may take of a round's bytes, in tenths; the rest is for answers.
const SYN_TENTHS: usize = 5;
/// What all but probes may take of them.
const EXCHANGE_TENTHS: usize = 9;

impl Gossiper {
    /// A member that knows nobody yet. `generation` must be higher at each start (its time will do); should
    /// it not be, the member raises it by itself once others tell it.
    pub fn new(mut config: GossipConfig, host: HostId, generation: u64, now_ms: u64) -> Gossiper {
        config.max_value_bytes = config.max_value_bytes.min(config.max_round_bytes / 16);
        let mut own = Peer::new(host, config.interval_ms);
        own.state.generation = generation.clamp(1, u64::MAX - 1);
        own.liveness = Liveness::Alive;
        Gossiper {
            config,
            peers: vec![own],
            own: 0,
            round: 0,
            hot: Vec::new(),
            cursor: 0,
            message_number: 0,
            spent_bytes: 0,
            last_now_ms: now_ms,
            excused_ms: 0,
            events: Vec::new(),
            checks: Vec::new(),
            checks_sent: 0,
        }
    }

    /// Says who the members are. Newcomers count as not alive until heard of; whoever is not in the list is
    /// forgotten, and what is heard from or of them is ignored from now on.
    pub fn set_members(&mut self, now_ms: u64, members: &[HostId]) {
        let now_ms = self.observe(now_ms);
        let own = self.host();
        let mut hosts = members.to_vec();
        hosts.push(own);
        hosts.sort_unstable();
        hosts.dedup();
        // Heartbeats come by detours in larger clusters.
        let estimate_ms = self.config.interval_ms * (4 + u64::from(hosts.len().ilog2())) / 4;
        let mut known = std::mem::take(&mut self.peers).into_iter().peekable();
        for host in hosts {
            while known.next_if(|peer| peer.host < host).is_some() {}
            self.peers.push(known.next_if(|peer| peer.host == host).unwrap_or_else(|| {
                let mut peer = Peer::new(host, estimate_ms);
                peer.arrivals.restart(now_ms);
                peer
            }));
        }
        self.own = self.position(own).unwrap_or(0);
        self.cursor = self.own;
        let mut hot: Vec<usize> = (0..self.peers.len()).filter(|&i| self.peers[i].hot_until >= self.round).collect();
        hot.sort_by_key(|&i| self.peers[i].hot_until);
        self.hot = hot;
    }

    /// Publishes a value of this member.
    pub fn set_local(&mut self, key: StateKey, value: Vec<u8>) -> Result<(), GossipError> {
        let max_bytes = self.config.max_value_bytes;
        if value.len() > max_bytes {
            return Err(GossipError::ValueTooLarge { size_bytes: value.len(), max_bytes });
        }
        let state = &mut self.peers[self.own].state;
        if state.value(key) == Some(&value) {
            return Ok(());
        }
        let version = state.version + 1;
        if !state.set(key, VersionedValue { version, value }, self.config.max_keys) {
            return Err(GossipError::TooManyKeys(self.config.max_keys));
        }
        self.heat(self.own);
        Ok(())
    }

    /// This member's host id.
    pub fn host(&self) -> HostId {
        self.peers[self.own].host
    }

    /// Its generation, which may have been raised.
    pub fn generation(&self) -> u64 {
        self.peers[self.own].state.generation
    }

    /// All members, this one among them, in order.
    pub fn members(&self) -> impl Iterator<Item = HostId> + '_ {
        self.peers.iter().map(|peer| peer.host)
    }

    /// What is known of a member; `None` if it is none, or nothing was heard of it yet.
    pub fn state(&self, host: HostId) -> Option<&EndpointState> {
        let state = &self.peers[self.position(host)?].state;
        (state.generation > 0).then_some(state)
    }

    /// Whether a member is believed alive (this one always is).
    pub fn is_alive(&self, host: HostId) -> bool {
        self.position(host).is_some_and(|i| self.peers[i].is_alive())
    }

    /// How suspicious the silence of a member is (see [`GossipConfig::phi_convict_threshold`]).
    pub fn phi(&self, now_ms: u64, host: HostId) -> Option<f64> {
        let peer = &self.peers[self.position(host)?];
        let now_ms = now_ms.max(self.last_now_ms).saturating_sub(self.excused_ms);
        (peer.host != self.host()).then(|| peer.arrivals.phi(now_ms, self.config.interval_ms))
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<LivenessEvent> {
        std::mem::take(&mut self.events)
    }

    /// Begins a round: call it every [`GossipConfig::interval_ms`]. Answers the messages to send.
    pub fn tick(&mut self, now_ms: u64, rng: &mut dyn FnMut() -> u64) -> Vec<(HostId, GossipMessage)> {
        let now_ms = self.observe(now_ms);
        self.round += 1;
        self.spent_bytes = 0;
        self.checks.clear();
        self.checks_sent = 0;
        self.peers[self.own].state.heartbeat += 1;
        let (peers, round) = (&self.peers, self.round);
        self.hot.retain(|&i| peers[i].hot_until >= round);
        let mut out = Vec::new();
        let targets = self.targets(rng);
        let budget_bytes = self.config.max_round_bytes * SYN_TENTHS / 10 / targets.len().max(1);
        for target in targets {
            let digests = self.window(budget_bytes);
            self.send(target, GossipMessage::Syn { digests }, &mut out);
        }
        self.detect(now_ms, rng, &mut out);
        out
    }

    /// Live members at random, and one that is not (or more if too few are alive), for it may be back.
    fn targets(&self, rng: &mut dyn FnMut() -> u64) -> Vec<HostId> {
        let others = (0..self.peers.len()).filter(|&i| i != self.own);
        let (mut live, mut rest): (Vec<usize>, Vec<usize>) = others.partition(|&i| self.peers[i].is_alive());
        shuffle_front(&mut live, self.config.fanout, rng);
        let wanted = (self.config.fanout - live.len().min(self.config.fanout)).max(1);
        shuffle_front(&mut rest, wanted, rng);
        live.into_iter().chain(rest).map(|i| self.peers[i].host).collect()
    }

    /// Digests for a syn: this member's, those that changed lately in half of the room, then the next ones
    /// in turn.
    fn window(&mut self, budget_bytes: usize) -> Vec<Digest> {
        self.message_number += 1;
        let mut room_bytes = budget_bytes.saturating_sub(GossipMessage::OVERHEAD_BYTES);
        let mut digests = Vec::with_capacity((room_bytes / 22).min(self.peers.len()));
        self.mention(self.own, &mut room_bytes, &mut digests);
        let mut hot_room_bytes = room_bytes / 2;
        room_bytes -= hot_room_bytes;
        for i in (0..self.hot.len()).rev() {
            if !self.mention(self.hot[i], &mut hot_room_bytes, &mut digests) {
                break;
            }
        }
        room_bytes += hot_room_bytes;
        for _ in 0..self.peers.len() {
            if !self.mention(self.cursor, &mut room_bytes, &mut digests) {
                break;
            }
            self.cursor = (self.cursor + 1) % self.peers.len();
        }
        digests
    }

    /// Adds the digest of a member heard of, once per message; `false` if there is no room for it.
    pub(super) fn mention(&mut self, i: usize, room_bytes: &mut usize, digests: &mut Vec<Digest>) -> bool {
        let peer = &mut self.peers[i];
        if peer.mentioned == self.message_number || peer.state.generation == 0 {
            return true;
        }
        let digest = peer.state.digest(peer.host);
        match room_bytes.checked_sub(digest.size_bytes()) {
            None => false,
            Some(left) => {
                *room_bytes = left;
                peer.mentioned = self.message_number;
                digests.push(digest);
                true
            }
        }
    }

    /// Sends a message unless the round's bytes are spent, as if it had been lost.
    pub(super) fn send(&mut self, to: HostId, message: GossipMessage, out: &mut Vec<(HostId, GossipMessage)>) {
        let spent_bytes = self.spent_bytes + message.size_bytes();
        if spent_bytes <= self.config.max_round_bytes {
            self.spent_bytes = spent_bytes;
            out.push((to, message));
        }
    }

    /// Room for one answer in what is left of the round's bytes.
    pub(super) fn answer_room_bytes(&self) -> usize {
        let left = (self.config.max_round_bytes * EXCHANGE_TENTHS / 10).saturating_sub(self.spent_bytes);
        left.min(self.config.max_round_bytes / 4).saturating_sub(GossipMessage::OVERHEAD_BYTES)
    }

    /// A member's values changed: its digest goes first for long enough to reach everybody.
    pub(super) fn heat(&mut self, i: usize) {
        let rounds = 4 + u64::from(self.peers.len().ilog2());
        self.peers[i].hot_until = self.round + rounds;
        self.hot.retain(|&each| each != i);
        self.hot.push(i);
    }

    pub(super) fn position(&self, host: HostId) -> Option<usize> {
        self.peers.binary_search_by_key(&host, |peer| peer.host).ok()
    }

    /// The same with a guess: digests mostly come in the members' order.
    pub(super) fn position_near(&self, guess: usize, host: HostId) -> Option<usize> {
        match self.peers.get(guess) {
            Some(peer) if peer.host == host => Some(guess),
            _ => self.position(host),
        }
    }

    /// Takes note of the time. A gap in which not even the tick was called is this process's own pause, not
    /// the others' silence. Answers the detector's time, in which such gaps are missing.
    pub(super) fn observe(&mut self, now_ms: u64) -> u64 {
        let now_ms = now_ms.max(self.last_now_ms);
        let gap_ms = now_ms - self.last_now_ms;
        if gap_ms > 2 * self.config.interval_ms {
            self.excused_ms += gap_ms - self.config.interval_ms;
        }
        self.last_now_ms = now_ms;
        now_ms - self.excused_ms
    }
}

/// Moves `count` elements chosen at random to the front and drops the rest.
pub(super) fn shuffle_front(list: &mut Vec<usize>, count: usize, rng: &mut dyn FnMut() -> u64) {
    for i in 0..count.min(list.len()) {
        let pick = i + (rng() % (list.len() - i) as u64) as usize;
        list.swap(i, pick);
    }
    list.truncate(count);
}
