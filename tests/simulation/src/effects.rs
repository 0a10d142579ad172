//! What nodes ask for, carried out: messages, commits, reads in turn, answers.

use std::sync::Arc;

use starling_node::message::{Destination, Stamped, wire};

use starling_storage::engine::EngineError;
use starling_storage::store::StoreError;

use crate::oracle::{clocks, rest};
use crate::outside::Effect;
use crate::trace::Brief;
use crate::world::{Event, PURGE_US, World};

impl World {
    pub(crate) fn start(&mut self, node: usize) {
        if self.machines[node].life.is_some() {
            return;
        }
        self.note(1, node as u64, 0);
        let now = self.now();
        self.trace.say(now, format_args!("node {node} starts"));
        // A node that is its own only seed would found a cluster, if nobody called it in time.
        let is_lost_seed = node == 0 && self.machines[node].is_wiped;
        let seed_node = self.machines[usize::from(is_lost_seed)].address;
        let now_us = self.now_us.clone();
        if let Err(error) = self.machines[node].start(&now_us, seed_node) {
            if matches!(error, StoreError::Engine(EngineError::Full(_))) {
                // Whatever starts it tries again.
                return self.after(1_000_000, Event::Start { node });
            }
            self.violation(format!("node {node} does not start: {error}"));
            return;
        }
        let life = self.machines[node].lives;
        self.after(0, Event::ClusterTick { node, life });
        self.after(PURGE_US, Event::Purge { node, life });
        self.carry_out(node);
    }

    pub(crate) fn purge(&mut self, node: usize, life: u32) {
        let is_ill = self.machines[node].is_disk_ill();
        match self.machines[node].purge() {
            // Of a damaged value it cannot tell, and an ill disk takes nothing.
            Ok(()) | Err(StoreError::Engine(EngineError::Corrupt(_))) => {}
            Err(_) if is_ill => {}
            Err(error) => self.violation(format!("node {node} cannot purge: {error}")),
        }
        if let Some(problem) = rest::overflow(&self.machines[node]) {
            self.violation(format!("node {node} has too much under way: {problem}"));
        }
        self.after(PURGE_US, Event::Purge { node, life });
    }

    pub(crate) fn crash(&mut self, node: usize) {
        self.note(2, node as u64, 0);
        let now = self.now();
        self.trace.say(now, format_args!("node {node} crashes"));
        let in_a_write = self.random.one_in(2);
        self.machines[node].crash(in_a_write);
        // Clients notice that their connection is gone; what became of their requests they do not know.
        let asked: Vec<(usize, u64)> =
            self.clients.iter().enumerate().filter(|(_, c)| c.node == node).map(|(n, c)| (n, c.request)).collect();
        for (client, request) in asked.into_iter().filter(|(_, request)| *request != 0) {
            self.after(1_000, Event::ClientGivesUp { client, request, is_lost: true });
        }
    }

    pub(crate) fn deliver(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let host = self.machines[from].host_id;
        let Some(life) = &self.machines[to].life else { return };
        let node = life.node.clone();
        match wire::decode::<Stamped>(bytes) {
            Ok(message) => {
                let now = self.now();
                self.trace.say(now, format_args!("node {to} <- node {from}: {}", Brief(&message.message)));
                let before = node.last_stamp();
                node.on_peer_message(host, message);
                self.check_clock(to, before);
            }
            Err(error) => self.violation(format!("a message from node {from} does not decode: {error}")),
        }
        self.carry_out(to);
    }

    /// Whoever has heard of a stamp is not drawn too far.
    pub(crate) fn check_clock(&mut self, node: usize, before: u64) {
        if let Some(problem) = clocks::drawn_too_far(&self.machines[node], before) {
            self.violation(format!("node {node}: {problem}"));
        }
    }

    pub(crate) fn shard_time(&mut self, node: usize, shard: usize) {
        let now_ms = self.now() / 1_000;
        let Some(life) = &mut self.machines[node].life else {
            return;
        };
        if life.wakes[shard] > now_ms {
            return;
        }
        life.wakes[shard] = u64::MAX;
        let next_ms = life.node.clone().on_shard_time(shard);
        if let Some(next_ms) = next_ms {
            self.wake(node, shard, next_ms);
        }
        self.carry_out(node);
    }

    fn wake(&mut self, node: usize, shard: usize, at_ms: u64) {
        let number = self.machines[node].lives;
        let Some(life) = &mut self.machines[node].life else {
            return;
        };
        if at_ms < life.wakes[shard] {
            life.wakes[shard] = at_ms;
            self.at(at_ms * 1_000, Event::ShardTime { node, life: number, shard });
        }
    }

    /// Carries out what a node asked for.
    pub(crate) fn carry_out(&mut self, node: usize) {
        loop {
            let Some(life) = &self.machines[node].life else { return };
            let effects = life.outside.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.effect(node, effect);
            }
        }
    }

    fn effect(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Send(to, message) => self.send(node, to, &message),
            Effect::Wake(shard, at_ms) => self.wake(node, shard, at_ms),
            Effect::Commit(mutation, ticket) => {
                let Some(life) = &mut self.machines[node].life else {
                    return;
                };
                if life.committer.enqueue(mutation, ticket).is_err() {
                    return self.violation("a committer's queue is full".into());
                }
                self.commit_soon(node);
            }
            Effect::ReadLater(read) => {
                let life = self.machines[node].lives;
                let delay_us = self.random.between(10, 2_000);
                self.after(delay_us, Event::ReadTurn { node, life, read: Box::new(read) });
            }
            Effect::Respond(request, response) => {
                let client = self.clients.iter().position(|c| c.request == request);
                if let Some(client) = client {
                    let delay_us = self.random.between(50, 1_000);
                    let stamp = self.machines[node].life.as_ref().map_or(0, |life| life.node.last_stamp());
                    let response = Box::new(response);
                    self.after(delay_us, Event::ClientAnswered { client, request, stamp, response });
                }
            }
            Effect::Ready if self.machines[node].is_wiped => {
                self.violation(format!("node {node} was let in with an empty disk"));
            }
            Effect::Ready => {
                if let Some(life) = &mut self.machines[node].life {
                    life.ready = true;
                }
            }
            // Its disk takes nothing: that it stops is right. It is started again, and there is space then.
            Effect::Fatal(_) if self.machines[node].is_disk_ill() => {
                self.machines[node].set_full(false);
                self.power_cycle(&[node], 2_000_000);
            }
            Effect::Fatal(_) if self.machines[node].is_wiped => self.crash(node),
            Effect::Fatal(reason) => self.violation(format!("node {node} gave up: {reason}")),
        }
    }

    /// Writes what is queued in a while, if that is not on its way already.
    pub(crate) fn commit_soon(&mut self, node: usize) {
        let number = self.machines[node].lives;
        let delay_us = self.random.between(50, 3_000) + self.machines[node].disk_delay_us;
        let Some(life) = self.machines[node].life.as_mut().filter(|life| life.committer.waiting() > 0) else { return };
        if !std::mem::replace(&mut life.commit_is_due, true) {
            self.after(delay_us, Event::CommitWrite { node, life: number });
        }
    }

    fn send(&mut self, from: usize, to: Destination, message: &Stamped) {
        let to = match to {
            Destination::Host(host) => self.by_host.get(&host).copied(),
            Destination::Address(address) => self.machines.iter().position(|m| m.address == address),
        };
        let (Some(to), Ok(bytes)) = (to, wire::encode(message)) else {
            return;
        };
        self.messages += 1;
        self.note(3, ((from as u64) << 8) | to as u64, xxhash_rust::xxh3::xxh3_64(&bytes));
        let bytes: Arc<[u8]> = bytes.into();
        for delay_us in self.network.fate(&mut self.random, from, to) {
            self.after(delay_us, Event::Deliver { from, to, bytes: bytes.clone() });
        }
    }
}
