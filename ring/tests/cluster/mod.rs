//! A simulated cluster of gossipers: rounds of one second, messages that arrive at once or are lost.

#![allow(dead_code)] // Each test uses a part of it.

use std::collections::VecDeque;

use starling_ring::HostId;
use starling_ring::gossip::{GossipConfig, GossipMessage, Gossiper, LivenessEvent, StateKey};
use uuid::Uuid;

pub fn host(number: usize) -> HostId {
    HostId(Uuid::from_u128(number as u128 + 1))
}

/// Steele and Vigna's SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

pub struct Cluster {
    pub nodes: Vec<Gossiper>,
    /// Nodes that neither act nor hear.
    pub is_stopped: Vec<bool>,
    /// Pairs that cannot reach each other are in different groups.
    pub group: Vec<u8>,
    pub random: Random,
    pub loss_percent: u64,
    pub now_ms: u64,
    /// Bytes that each node sent since its tick, and the most that one ever did.
    pub sent_bytes: Vec<usize>,
    pub most_sent_bytes: usize,
    pub total_sent_bytes: usize,
    /// In what order the nodes' rounds begin.
    order: Vec<usize>,
}

impl Cluster {
    pub fn new(size: usize, seed: u64) -> Cluster {
        let hosts: Vec<HostId> = (0..size).map(host).collect();
        let nodes = (0..size).map(|i| {
            let mut node = Gossiper::new(GossipConfig::default(), host(i), 1_700_000_000_000, 0);
            node.set_members(0, &hosts);
            node
        });
        let mut cluster = Cluster {
            nodes: nodes.collect(),
            is_stopped: vec![false; size],
            group: vec![0; size],
            random: Random(seed),
            loss_percent: 0,
            now_ms: 0,
            sent_bytes: vec![0; size],
            most_sent_bytes: 0,
            total_sent_bytes: 0,
            order: (0..size).collect(),
        };
        cluster.reseed(seed);
        cluster
    }

    /// Goes on with other chances.
    pub fn reseed(&mut self, seed: u64) {
        self.random = Random(seed);
        for i in (1..self.order.len()).rev() {
            let pick = (self.random.next() % (i as u64 + 1)) as usize;
            self.order.swap(i, pick);
        }
    }

    /// One second: each node ticks once, at its own moment.
    pub fn round(&mut self) {
        let size = self.nodes.len();
        for turn in 0..size {
            let i = self.order[turn];
            let now_ms = self.now_ms + (turn * 1000 / size) as u64;
            if self.is_stopped[i] {
                continue;
            }
            self.sent_bytes[i] = 0;
            let random = &mut self.random;
            let messages = self.nodes[i].tick(now_ms, &mut || random.next());
            let mut queue: VecDeque<(usize, HostId, GossipMessage)> = VecDeque::new();
            queue.extend(messages.into_iter().map(|(to, message)| (i, to, message)));
            while let Some((from, to, message)) = queue.pop_front() {
                self.sent_bytes[from] += message.size_bytes();
                self.total_sent_bytes += message.size_bytes();
                self.most_sent_bytes = self.most_sent_bytes.max(self.sent_bytes[from]);
                let receiver = to.0.as_u128() as usize - 1;
                let is_lost = self.random.next() % 100 < self.loss_percent
                    || self.is_stopped[receiver]
                    || self.group[from] != self.group[receiver];
                if is_lost {
                    continue;
                }
                let answers = self.nodes[receiver].receive(now_ms, host(from), message);
                queue.extend(answers.into_iter().map(|(to, message)| (receiver, to, message)));
            }
        }
        self.now_ms += 1000;
    }

    pub fn rounds(&mut self, count: usize) {
        (0..count).for_each(|_| self.round());
    }

    /// Rounds until `is_done`, at most `limit`.
    pub fn rounds_until(&mut self, limit: usize, is_done: impl Fn(&Cluster) -> bool) -> Option<usize> {
        for round in 0..=limit {
            if is_done(self) {
                return Some(round);
            }
            self.round();
        }
        None
    }

    pub fn running(&self) -> impl Iterator<Item = &Gossiper> {
        self.nodes.iter().zip(&self.is_stopped).filter(|(_, stopped)| !**stopped).map(|(node, _)| node)
    }

    pub fn is_alive_to_all(&self, number: usize) -> bool {
        self.running().all(|node| node.is_alive(host(number)))
    }

    pub fn is_dead_to_all(&self, number: usize) -> bool {
        self.running().all(|node| !node.is_alive(host(number)))
    }

    pub fn everyone_is_alive(&self) -> bool {
        (0..self.nodes.len()).all(|number| self.is_alive_to_all(number))
    }

    pub fn everyone_has(&self, number: usize, key: StateKey, value: &[u8]) -> bool {
        self.running().all(|node| node.state(host(number)).and_then(|state| state.value(key)) == Some(value))
    }

    /// Down events since the last call.
    pub fn convictions(&mut self) -> Vec<HostId> {
        let events = self.nodes.iter_mut().flat_map(Gossiper::take_events);
        events
            .filter_map(|event| match event {
                LivenessEvent::Down(host) => Some(host),
                _ => None,
            })
            .collect()
    }
}
