//! The world of the log: one queue of events in simulated time, and everything that happens in it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Arguments;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use starling_node::cluster::{ChangeError, Cluster, ClusterAction, LogPosition, Metadata};
use starling_node::message::{Destination, PeerMessage, wire};
use starling_planted::plant;
use starling_ring::HostId;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::clients::Asked;
use super::machine::{Machine, address};
use super::operator::Request;
use super::oracle::Oracle;
use super::recovery::Recovery;
use super::shape::Shape;
use crate::network::{Network, Weather};
use crate::random::Random;
use crate::trace::{Brief, Trace};
use crate::world::{Manner, Report};

const TICK_US: u64 = 100_000;
/// After the faults everything must come good within this.
pub(super) const HEALING_US: u64 = 120_000_000;
/// Between two looks whether all is good again.
const LOOK_US: u64 = 250_000;

pub(super) enum Event {
    Deliver {
        from: usize,
        to: usize,
        bytes: Rc<[u8]>,
    },
    /// A member's link reaches a machine that is not the one it looks for.
    Greeting {
        to: usize,
        cluster_id: Uuid,
    },
    Tick {
        node: usize,
        life: u32,
    },
    Start {
        node: usize,
    },
    ClientStep {
        client: usize,
    },
    Nemesis,
    Operator,
    Recover,
    Look,
    /// In a calm world a bug is planted when the cluster has formed: letting a node in tells it of things twice.
    Plant,
}

struct Due {
    at_us: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_us, other.number).cmp(&(self.at_us, self.number))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Faults,
    Healing,
    /// All is well again: one more change, and then everybody has it.
    Last {
        wish: u64,
    },
    Over,
}

/// A cluster of nothing but membership and schema, its clients and its operator.
pub struct LogWorld {
    seed: u64,
    pub(super) random: Random,
    pub(super) now_us: u64,
    queue: BinaryHeap<Due>,
    next_number: u64,
    pub(super) shape: Shape,
    pub(super) machines: Vec<Machine>,
    by_host: BTreeMap<HostId, usize>,
    by_address: BTreeMap<SocketAddr, usize>,
    pub(super) network: Network,
    pub(super) clients: Vec<Option<Asked>>,
    pub(super) requests: BTreeMap<u64, Request>,
    pub(super) next_wish: u64,
    pub(super) oracle: Oracle,
    pub(super) trace: Trace,
    manner: Manner,
    pub(super) phase: Phase,
    pub(super) end_us: u64,
    pub(super) recovery: Option<Recovery>,
    pub(super) members_asked_to_leave: usize,
    operations_begun: u64,
    pub(super) operations: u64,
    pub(super) acknowledged: u64,
    pub(super) faults: u64,
    messages: u64,
}

impl LogWorld {
    /// The world of a seed, with a bug planted or without.
    pub fn new(seed: u64, manner: &Manner) -> Self {
        let mut random = Random::new(seed ^ 0x1065_EED5);
        let shape = Shape::drawn(&mut random);
        let shape = if manner.is_calm { shape.calmed() } else { shape };
        let mut network = Network::new();
        if shape.is_calm {
            network.weather = Weather { delay_us: (500, 500), ..Weather::calm() };
        }
        LogWorld {
            seed,
            random,
            now_us: 0,
            queue: BinaryHeap::new(),
            next_number: 0,
            clients: (0..shape.clients).map(|_| None).collect(),
            shape,
            machines: Vec::new(),
            by_host: BTreeMap::new(),
            by_address: BTreeMap::new(),
            network,
            requests: BTreeMap::new(),
            next_wish: 0,
            oracle: Oracle::default(),
            trace: Trace::new(manner.with_lines),
            manner: manner.clone(),
            phase: Phase::Faults,
            end_us: 0,
            recovery: None,
            members_asked_to_leave: 0,
            operations_begun: 0,
            operations: 0,
            acknowledged: 0,
            faults: 0,
            messages: 0,
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_us / 1_000
    }

    pub(super) fn after(&mut self, delay_us: u64, event: Event) {
        let number = self.next_number;
        self.next_number += 1;
        self.queue.push(Due { at_us: self.now_us + delay_us, number, event });
    }

    /// Runs the seed: `seconds` of changes and faults, then healing and the last check.
    pub fn run(mut self, seconds: u64) -> Report {
        self.end_us = seconds * 1_000_000;
        self.begin();
        while self.oracle.violations.all().is_empty() && self.phase != Phase::Over {
            let Some(due) = self.queue.pop() else { break };
            self.now_us = due.at_us;
            if self.phase == Phase::Faults && self.now_us >= self.end_us {
                self.begin_healing();
            }
            self.handle(due.event);
        }
        Report {
            seed: self.seed,
            violations: self.oracle.violations.all().to_vec(),
            simulated_us: self.now_us,
            operations_begun: self.operations_begun,
            operations: self.operations,
            acknowledged: self.acknowledged,
            reads_in_turn: 0,
            faults: self.faults,
            messages: self.messages,
            trace: self.trace.digest(),
            lines: self.trace.into_lines(),
        }
    }

    fn begin(&mut self) {
        plant(self.manner.plant.filter(|_| !self.shape.is_calm));
        // In a calm world one after another, and one seed: members that are all asked to let a node in are rivals.
        let seeds: Vec<SocketAddr> = (0..if self.shape.is_calm { 1 } else { 3 }).map(address).collect();
        let apart_us = if self.shape.is_calm { 4_000_000 } else { 0 };
        for place in 0..self.shape.first as u64 {
            let number = self.add_machine(seeds.clone());
            let delay_us = place * apart_us + self.random.below(200_000);
            self.after(delay_us, Event::Start { node: number });
        }
        let formed_us = 4_000_000 + apart_us * self.shape.first as u64;
        for client in 0..self.clients.len() {
            let delay_us = formed_us + self.random.below(4_000_000);
            self.after(delay_us, Event::ClientStep { client });
        }
        if self.shape.is_calm {
            self.after(formed_us, Event::Plant);
        } else {
            self.after(4_000_000, Event::Operator);
            let delay_us = self.random.between(500_000, 8_000_000);
            self.after(delay_us, Event::Nemesis);
        }
        if self.shape.trouble == super::shape::Trouble::Recovery {
            let delay_us = self.random.between(self.end_us / 4, self.end_us / 2);
            self.after(delay_us, Event::Recover);
        }
        self.after(LOOK_US, Event::Look);
    }

    /// A new machine, known to the others by host id and address.
    pub(super) fn add_machine(&mut self, seeds: Vec<SocketAddr>) -> usize {
        let number = self.machines.len();
        let machine = Machine::new(number, &self.shape, seeds, &mut self.random);
        self.by_host.insert(machine.host(), number);
        self.by_address.insert(machine.address(), number);
        self.machines.push(machine);
        number
    }

    /// From now on this machine is found at `at`, and who was there is gone.
    pub(super) fn move_to(&mut self, node: usize, at: SocketAddr) {
        if let Some(holder) = self.by_address.get(&at).copied() {
            self.crash(holder);
            self.machines[holder].is_wiped = true;
        }
        let own = self.machines[node].address();
        self.by_address.remove(&own);
        self.machines[node].identity.member.listen_address = at.ip();
        self.machines[node].identity.member.rpc_address = at.ip();
        self.by_address.insert(at, node);
    }

    pub(super) fn place_of(&self, host: HostId) -> Option<usize> {
        self.by_host.get(&host).copied()
    }

    pub(super) fn note(&mut self, kind: u8, a: u64, b: u64) {
        self.trace.note(self.now_us, kind, a, b);
    }

    /// What happened, for who asked for lines.
    pub(super) fn say(&mut self, what: Arguments<'_>) {
        self.trace.say(self.now_us, what);
    }

    /// Counts a fault; whether it is left out.
    pub(super) fn skips_fault(&mut self) -> bool {
        self.faults += 1;
        self.manner.skipped_faults.contains(&self.faults)
    }

    /// Counts an operation of a client or of the operator; whether it is left out.
    pub(super) fn skips_operation(&mut self) -> bool {
        self.operations_begun += 1;
        self.manner.skipped_operations.contains(&self.operations_begun)
    }

    pub(super) fn violation(&mut self, what: String) {
        self.say(format_args!("VIOLATION {what}"));
        self.oracle.violations.note(self.now_us, what);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, bytes } => self.deliver(from, to, &bytes),
            Event::Greeting { to, cluster_id } => {
                if let Some(life) = &mut self.machines[to].life {
                    life.on_cluster_heard(cluster_id);
                    self.carry_out(to);
                }
            }
            Event::Tick { node, life } => {
                if self.machines[node].lives == life && self.machines[node].life.is_some() {
                    let now_ms = self.now_ms();
                    self.machines[node].tick(now_ms);
                    self.after(TICK_US, Event::Tick { node, life });
                    self.carry_out(node);
                }
            }
            Event::Start { node } => self.start(node),
            Event::ClientStep { client } => self.client_step(client),
            Event::Nemesis => self.nemesis(),
            Event::Operator => self.operate(),
            Event::Recover => self.tick_recovery(),
            Event::Plant => plant(self.manner.plant),
            Event::Look => {
                self.look();
                self.after(LOOK_US, Event::Look);
            }
        }
    }

    pub(super) fn start(&mut self, node: usize) {
        if !self.machines[node].may_start() {
            return;
        }
        self.note(1, node as u64, 0);
        self.say(format_args!("node {node} ({}) starts", self.machines[node].host()));
        let (config, now_ms) = (self.shape.config.clone(), self.now_ms());
        if let Err(problem) = self.machines[node].start(&config, now_ms) {
            return self.violation(format!("node {node} does not start: {problem}"));
        }
        self.machines[node].began_at = self.oracle.history.newest().map_or(LogPosition::ZERO, |newest| newest.position);
        let life = self.machines[node].lives;
        let delay_us = self.random.below(TICK_US);
        self.after(delay_us, Event::Tick { node, life });
        self.carry_out(node);
    }

    /// The power goes; what clients had asked of it they will never know.
    pub(super) fn crash(&mut self, node: usize) {
        if self.machines[node].life.is_none() {
            return;
        }
        self.note(2, node as u64, 0);
        self.say(format_args!("node {node} crashes"));
        self.observe(node);
        self.machines[node].crash();
        self.forget_requests(node);
    }

    fn deliver(&mut self, from: usize, to: usize, bytes: &[u8]) {
        if self.machines[to].life.is_none() {
            return;
        }
        let (host, now_ms) = (self.machines[from].host(), self.now_ms());
        match wire::decode::<PeerMessage>(bytes) {
            Ok(message) => {
                self.trace.say(self.now_us, format_args!("node {to} <- node {from}: {}", Brief(&message)));
                self.machines[to].receive(now_ms, host, message);
            }
            Err(error) => self.violation(format!("a message from node {from} does not decode: {error}")),
        }
        self.carry_out(to);
    }

    /// Carries out what a node asked for, in order; it may die between any two of them. Answers whether it lives.
    pub(super) fn carry_out(&mut self, node: usize) -> bool {
        let Some(life) = &mut self.machines[node].life else { return false };
        let actions = life.take_actions();
        if actions.is_empty() {
            return true;
        }
        let stores = actions.iter().any(|action| matches!(action, ClusterAction::Persist(_)));
        let crash_per_mille = if stores && self.phase == Phase::Faults { self.shape.crash_per_mille } else { 0 };
        for action in actions {
            if crash_per_mille > 0 && self.random.per_mille(crash_per_mille) && !self.skips_fault() {
                self.trace.say(self.now_us, format_args!("fault {}: a crash in the middle of a step", self.faults));
                self.crash(node);
                let delay_us = self.random.between(20_000, 6_000_000);
                self.after(delay_us, Event::Start { node });
            }
            if self.machines[node].life.is_none() {
                return false;
            }
            self.act(node, action);
        }
        let machine = &mut self.machines[node];
        machine.shown = machine.shown.max(machine.life.as_ref().map_or(LogPosition::ZERO, Cluster::position));
        self.observe(node);
        self.machines[node].life.is_some()
    }

    /// Shows the oracle what the node has now, as far as it is on its disk: of what is only in its memory, and in no
    /// message, nothing follows.
    pub(super) fn observe(&mut self, node: usize) {
        let machine = &mut self.machines[node];
        let Some(life) = &machine.life else { return };
        let Some(metadata) = life.metadata() else { return };
        let (position, from) = (metadata.position.min(machine.shown), machine.observed);
        if position == from {
            return;
        }
        machine.observed = position;
        machine.is_member |= metadata.member(machine.identity.member.host_id).is_some();
        let entries = life.entries().filter(|entry| entry.position > from && entry.position <= position);
        self.oracle.observe(self.now_us, metadata, entries, position);
        if position < from {
            self.violation(format!("node {node} went back from {from} to {position}"));
        }
    }

    fn act(&mut self, node: usize, action: ClusterAction) {
        match action {
            ClusterAction::Send(to, message) => self.send(node, to, &message),
            ClusterAction::Persist(records) => self.machines[node].persist(records),
            ClusterAction::ViewChanged | ClusterAction::Waiting(_) => {}
            ClusterAction::Ready => self.machines[node].is_ready = true,
            ClusterAction::ChangeDone(ticket, outcome) => {
                self.observe(node);
                self.change_done(ticket, outcome);
            }
            ClusterAction::Fatal(reason) => {
                self.observe(node);
                self.gave_up(node, reason);
            }
        }
    }

    fn change_done(&mut self, ticket: u64, outcome: Result<Arc<Metadata>, ChangeError>) {
        let told = outcome.as_ref().map(|metadata| metadata.position.to_string());
        self.trace.say(self.now_us, format_args!("request {ticket} is answered: {told:?}"));
        if self.requests.contains_key(&ticket) {
            self.member_change_done(ticket, outcome);
        } else {
            self.wish_done(ticket, outcome);
        }
    }

    fn send(&mut self, from: usize, to: Destination, message: &PeerMessage) {
        if let PeerMessage::Cluster(_, inner) = message {
            self.oracle.sends(self.now_us, self.machines[from].host(), inner);
        }
        let place = match to {
            Destination::Host(host) => self.by_host.get(&host).copied(),
            Destination::Address(at) => self.by_address.get(&at).copied(),
        };
        let (Some(to), Ok(bytes)) = (place, wire::encode(message)) else { return };
        self.messages += 1;
        self.note(3, ((from as u64) << 8) | to as u64, xxh3_64(&bytes));
        let target = self.machines[to].address();
        let holder = self.by_address.get(&target).copied().unwrap_or(to);
        let bytes: Rc<[u8]> = bytes.into();
        for delay_us in self.network.fate(&mut self.random, from, to) {
            if holder == to {
                self.after(delay_us, Event::Deliver { from, to, bytes: bytes.clone() });
            } else if let Some(cluster_id) = self.cluster_of(from) {
                self.after(delay_us, Event::Greeting { to: holder, cluster_id });
            }
        }
    }

    fn cluster_of(&self, node: usize) -> Option<Uuid> {
        Some(self.machines[node].life.as_ref()?.metadata()?.cluster_id)
    }
}
