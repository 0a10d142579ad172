//! Who is alive: signs of life, suspicion, probes and convictions.

use super::gossiper::{Gossiper, shuffle_front};
use super::message::GossipMessage;
use super::peer::Liveness;
use super::state::{EndpointState, StateKey};
use crate::HostId;

/// News from gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LivenessEvent {
    /// A member is alive that was not known to be.
    Up(HostId),
    /// A member that was alive is believed dead.
    Down(HostId),
    /// A member has published a value.
    StateChanged {
        /// The member.
        host: HostId,
        /// Which value.
        key: StateKey,
    },
}

impl Gossiper {
    /// Takes in how far a member has come. `from` says so; `is_witness`: it is the member itself, or has had
    /// an answer from it just now. Others may repeat what is long past.
    pub(super) fn hear(
        &mut self,
        now_ms: u64,
        (from, is_witness): (HostId, bool),
        i: usize,
        generation: u64,
        heartbeat: u64,
    ) {
        let peer = &mut self.peers[i];
        let known = (peer.state.generation, peer.state.heartbeat);
        if (generation, heartbeat) <= known {
            return;
        }
        let is_restart = known.0 > 0 && generation > known.0;
        if generation > known.0 {
            peer.state = EndpointState::started(generation);
        }
        peer.state.heartbeat = heartbeat;
        let is_proof = is_witness
            || is_restart
            || match peer.liveness {
                // The first word of a member may be old: life shows in progress.
                Liveness::Unheard => known.0 > 0,
                Liveness::Alive | Liveness::Suspect { .. } => true,
                // So may be its last ones, which come late by detours. The living beat on all the while.
                Liveness::Down => {
                    let missed = peer.arrivals.silence_ms(now_ms) / self.config.interval_ms.max(1);
                    heartbeat.saturating_sub(peer.proven_heartbeat) >= missed.div_ceil(2)
                }
            };
        if !is_proof {
            if peer.liveness == Liveness::Down && self.checks.len() < self.config.max_probes_per_round {
                self.checks.push((peer.host, from));
            }
            return;
        }
        peer.proven_heartbeat = heartbeat;
        let was = std::mem::replace(&mut peer.liveness, Liveness::Alive);
        if matches!(was, Liveness::Alive | Liveness::Suspect { .. }) {
            peer.arrivals.arrival(now_ms);
        } else {
            peer.arrivals.restart(now_ms);
            self.events.push(LivenessEvent::Up(peer.host));
        }
        if is_restart || was == Liveness::Down {
            // News for others, too.
            self.heat(i);
        }
    }

    /// Finds out whether members believed dead of whom something was heard are back: asks them, and asks
    /// whoever spoke of them to do the same.
    pub(super) fn check(&mut self, out: &mut Vec<(HostId, GossipMessage)>) {
        let requester = self.host();
        while let Some((target, witness)) = self.checks.get(self.checks_sent).copied() {
            self.checks_sent += 1;
            self.send(target, GossipMessage::Ping { requester }, out);
            if witness != target {
                self.send(witness, GossipMessage::PingRequest { target }, out);
            }
        }
    }

    /// Probes whoever has been silent for too long, and convicts whoever was probed in vain.
    pub(super) fn detect(&mut self, now_ms: u64, rng: &mut dyn FnMut() -> u64, out: &mut Vec<(HostId, GossipMessage)>) {
        let (mut suspects, mut probed) = (Vec::new(), Vec::new());
        for i in (0..self.peers.len()).filter(|&i| i != self.own) {
            let peer = &mut self.peers[i];
            match peer.liveness {
                // Up to one interval the silence is none.
                Liveness::Alive if peer.arrivals.silence_ms(now_ms) > self.config.interval_ms => {
                    let phi = peer.arrivals.phi(now_ms, self.config.interval_ms);
                    if phi >= self.config.phi_convict_threshold {
                        suspects.push(i);
                    }
                }
                Liveness::Suspect { since_ms } if now_ms - since_ms >= self.config.probe_timeout_ms => {
                    peer.liveness = Liveness::Down;
                    self.events.push(LivenessEvent::Down(peer.host));
                }
                Liveness::Suspect { .. } => probed.push(i),
                _ => {}
            }
        }
        // If there are more than may be probed at once, the others' turn comes in a later round.
        shuffle_front(&mut suspects, self.config.max_probes_per_round, rng);
        for i in suspects {
            self.peers[i].liveness = Liveness::Suspect { since_ms: now_ms };
            probed.push(i);
        }
        // Once more in each round until the verdict: a probe may be lost.
        for i in probed {
            self.probe(i, rng, out);
        }
    }

    fn probe(&mut self, suspect: usize, rng: &mut dyn FnMut() -> u64, out: &mut Vec<(HostId, GossipMessage)>) {
        let target = self.peers[suspect].host;
        let requester = self.host();
        self.send(target, GossipMessage::Ping { requester }, out);
        let is_helper = |&i: &usize| i != self.own && self.peers[i].liveness == Liveness::Alive;
        let mut helpers: Vec<usize> = (0..self.peers.len()).filter(is_helper).collect();
        shuffle_front(&mut helpers, self.config.probe_helpers, rng);
        for i in helpers {
            self.send(self.peers[i].host, GossipMessage::PingRequest { target }, out);
        }
    }

    pub(super) fn receive_probe(
        &mut self,
        now_ms: u64,
        from: HostId,
        message: GossipMessage,
        out: &mut Vec<(HostId, GossipMessage)>,
    ) {
        match message {
            GossipMessage::Ping { requester } if self.position(requester).is_some() => {
                // A new heartbeat: the answer is news whatever the requester has heard.
                let (own, host) = (self.own, self.host());
                self.peers[own].state.heartbeat += 1;
                let digest = self.peers[own].state.digest(host);
                self.send(from, GossipMessage::Pong { requester, digest }, out);
            }
            GossipMessage::Pong { requester, digest } => {
                let Some(i) = self.position(digest.host) else {
                    return;
                };
                if i != self.own && digest.generation < u64::MAX {
                    self.hear(now_ms, (from, true), i, digest.generation, digest.heartbeat);
                }
                // Only whoever was asked itself is passed on, so that no pong goes round in circles.
                if requester != self.host() && digest.host == from && self.position(requester).is_some() {
                    self.send(requester, GossipMessage::Pong { requester, digest }, out);
                }
            }
            GossipMessage::PingRequest { target } if target != self.host() && self.position(target).is_some() => {
                self.send(target, GossipMessage::Ping { requester: from }, out);
            }
            _ => {}
        }
    }
}
