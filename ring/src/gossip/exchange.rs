//! What a member does with what it hears: reconciling digests, taking deltas in, answering.

use super::gossiper::Gossiper;
use super::liveness::LivenessEvent;
use super::message::{Delta, Digest, GossipMessage};
use super::state::EndpointState;
use crate::HostId;

/// What came of comparing digests.
#[derive(Default)]
struct Comparison {
    /// Members of whom the other side has newer values.
    behind: Vec<usize>,
    /// Members of whom this side heard a newer heartbeat.
    fresher: Vec<usize>,
    /// What the other side lacks.
    deltas: Vec<Delta>,
    /// Room left in the answer.
    room_bytes: usize,
}

impl Gossiper {
    /// Takes in a message from `from`. Answers the messages to send. What breaks the bounds, and what comes
    /// from a stranger, is ignored.
    pub fn receive(&mut self, now_ms: u64, from: HostId, message: GossipMessage) -> Vec<(HostId, GossipMessage)> {
        let now_ms = self.observe(now_ms);
        let mut out = Vec::new();
        let is_sound = message.size_bytes() <= self.config.max_round_bytes;
        if !is_sound || from == self.host() || self.position(from).is_none() {
            return out;
        }
        match message {
            GossipMessage::Syn { digests } => {
                let answer = self.answer_syn(now_ms, from, &digests);
                self.send(from, answer, &mut out);
            }
            GossipMessage::Ack { digests, deltas } => {
                self.apply(now_ms, from, deltas);
                let comparison = self.compare(now_ms, from, &digests);
                let (digests, deltas) = self.requests(comparison);
                if !digests.is_empty() || !deltas.is_empty() {
                    self.send(from, GossipMessage::Ack2 { digests, deltas }, &mut out);
                }
            }
            GossipMessage::Ack2 { digests, deltas } => {
                self.apply(now_ms, from, deltas);
                let deltas = self.compare(now_ms, from, &digests).deltas;
                if !deltas.is_empty() {
                    self.send(from, GossipMessage::Final { deltas }, &mut out);
                }
            }
            GossipMessage::Final { deltas } => self.apply(now_ms, from, deltas),
            probe => self.receive_probe(now_ms, from, probe, &mut out),
        }
        self.check(&mut out);
        out
    }

    fn answer_syn(&mut self, now_ms: u64, from: HostId, digests: &[Digest]) -> GossipMessage {
        let comparison = self.compare(now_ms, from, digests);
        let fresher = comparison.fresher.clone();
        let mut room_bytes = comparison.room_bytes;
        let (mut answer, deltas) = self.requests(comparison);
        room_bytes -= answer.iter().map(Digest::size_bytes).sum::<usize>().min(room_bytes);
        // Nobody the syn mentioned is news, unless this side is ahead, and then the delta is on its way.
        let mut hot_room_bytes = room_bytes / 2;
        room_bytes -= hot_room_bytes;
        self.mention(self.own, &mut room_bytes, &mut answer);
        for i in (0..self.hot.len()).rev() {
            if !self.mention(self.hot[i], &mut hot_room_bytes, &mut answer) {
                break;
            }
        }
        room_bytes += hot_room_bytes;
        for i in fresher {
            self.peers[i].mentioned = 0;
            if !self.mention(i, &mut room_bytes, &mut answer) {
                break;
            }
        }
        GossipMessage::Ack { digests: answer, deltas }
    }

    /// Digests that ask for what this side lacks, and the deltas for the other.
    fn requests(&mut self, comparison: Comparison) -> (Vec<Digest>, Vec<Delta>) {
        let mut room_bytes = comparison.room_bytes;
        let mut digests = Vec::new();
        for i in comparison.behind {
            let digest = self.peers[i].state.digest(self.peers[i].host);
            match room_bytes.checked_sub(digest.size_bytes()) {
                Some(left) => room_bytes = left,
                None => break,
            }
            digests.push(digest);
        }
        (digests, comparison.deltas)
    }

    /// Learns heartbeats from digests, and finds who is behind. Everybody in them counts as mentioned.
    fn compare(&mut self, now_ms: u64, from: HostId, digests: &[Digest]) -> Comparison {
        self.message_number += 1;
        let room_bytes = self.answer_room_bytes();
        let mut comparison = Comparison { room_bytes, ..Comparison::default() };
        // Deltas leave room for digests.
        let mut delta_room_bytes = room_bytes / 2;
        let mut next = 0;
        for digest in digests {
            let Some(i) = self.position_near(next, digest.host) else {
                continue;
            };
            next = i + 1;
            if self.peers[i].mentioned == self.message_number || digest.generation == u64::MAX {
                continue;
            }
            self.peers[i].mentioned = self.message_number;
            if i == self.own {
                self.refute(digest);
            } else {
                self.hear(now_ms, (from, from == digest.host), i, digest.generation, digest.heartbeat);
            }
            let state = &self.peers[i].state;
            let have = (state.generation, state.version);
            let is_fresher = (state.generation, state.heartbeat) > (digest.generation, digest.heartbeat);
            if have < (digest.generation, digest.version) {
                // The request says the heartbeat, too.
                comparison.behind.push(i);
                continue;
            }
            if is_fresher {
                comparison.fresher.push(i);
            }
            if have > (digest.generation, digest.version) {
                let from_version = if state.generation == digest.generation { digest.version } else { 0 };
                if let Some(delta) = state.delta(digest.host, from_version, delta_room_bytes) {
                    let size_bytes = delta.size_bytes();
                    delta_room_bytes = delta_room_bytes.saturating_sub(size_bytes);
                    comparison.room_bytes = comparison.room_bytes.saturating_sub(size_bytes);
                    comparison.deltas.push(delta);
                }
            }
        }
        comparison
    }

    /// Somebody knows more of this member than it does itself: it has started with an old generation. It
    /// raises its own above the one that is known, so that what it publishes now counts.
    fn refute(&mut self, digest: &Digest) {
        let own = &mut self.peers[self.own].state;
        let is_ahead = digest.generation > own.generation
            || digest.generation == own.generation
                && (digest.heartbeat > own.heartbeat || digest.version > own.version);
        if is_ahead {
            own.generation = digest.generation.saturating_add(1).min(u64::MAX - 1);
            self.heat(self.own);
        }
    }

    fn apply(&mut self, now_ms: u64, from: HostId, deltas: Vec<Delta>) {
        for delta in deltas {
            let Some(i) = self.position(delta.host) else {
                continue;
            };
            let is_usable = i != self.own && delta.generation < u64::MAX;
            if !is_usable || !EndpointState::is_sound(&delta, &self.config) {
                continue;
            }
            if delta.generation > self.peers[i].state.generation {
                self.hear(now_ms, (from, from == delta.host), i, delta.generation, 0);
            }
            let state = &mut self.peers[i].state;
            if delta.generation != state.generation || delta.from_version > state.version {
                continue;
            }
            let before = state.version;
            for (key, versioned) in delta.values {
                if versioned.version > state.version && state.set(key, versioned, self.config.max_keys) {
                    self.events.push(LivenessEvent::StateChanged { host: delta.host, key });
                }
            }
            if state.version > before {
                self.heat(i);
            }
        }
    }
}
