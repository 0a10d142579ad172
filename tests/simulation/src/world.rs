//! The world: one queue of events in simulated time, and everything that happens in it.

mod asking;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use starling_node::assembly::PendingRead;
use starling_node::assembly::client::{ClientRequest, ClientResponse, ClientSink, ClientTicket};
use starling_node::message::{Destination, PeerMessage, wire};
use starling_ring::HostId;
use xxhash_rust::xxh3::Xxh3Default;

use crate::clients::{self, Client, Doing, SETUP};
use crate::ddl::{self, SideElements};
use crate::machine::{Machine, Plant};
use crate::nemesis::{self, Fault};
use crate::network::{Network, Weather};
use crate::oracle::{Oracle, Outcome};
use crate::outside::Effect;
use crate::random::Random;
use crate::wide::Owner;

const CLUSTER_TICK_US: u64 = 100_000;
/// How often a node purges.
const PURGE_US: u64 = 15_000_000;
/// A client gives up on an answer after this; what became of its write is then unknown.
const CLIENT_PATIENCE_US: u64 = 15_000_000;
/// After the faults everything must come good within this.
const HEALING_US: u64 = 90_000_000;
/// Forming the cluster and making the table must not take longer.
const SETUP_US: u64 = 60_000_000;

/// How one seed went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was not as promised; the run ends at the first.
    pub violations: Vec<String>,
    /// Simulated microseconds.
    pub simulated_us: u64,
    /// Operations that clients began and that ended, whatever way.
    pub operations: u64,
    /// Those that were answered with success.
    pub acknowledged: u64,
    /// Reads of replicas that waited for their turn.
    pub reads_in_turn: u64,
    /// Faults of the nemesis.
    pub faults: u64,
    /// Messages sent between nodes.
    pub messages: u64,
    /// Hash over every event: equal traces are equal runs.
    pub trace: u64,
}

enum Event {
    Deliver { from: usize, to: usize, bytes: Arc<[u8]> },
    ClusterTick { node: usize, life: u32 },
    ShardTime { node: usize, life: u32, shard: usize },
    CommitWrite { node: usize, life: u32 },
    CommitAcknowledge { node: usize, life: u32 },
    ReadTurn { node: usize, life: u32, read: Box<PendingRead> },
    Purge { node: usize, life: u32 },
    Start { node: usize },
    ClientStep { client: usize },
    ClientArrives { client: usize, request: u64, life: u32, body: Box<ClientRequest> },
    ClientAnswered { client: usize, request: u64, response: Box<ClientResponse> },
    ClientGivesUp { client: usize, request: u64 },
    Nemesis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Setup,
    Faults,
    Healing,
    Final,
}

/// A cluster, its clients and its nemesis.
pub struct World {
    seed: u64,
    random: Random,
    now_us: Arc<AtomicU64>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: HashMap<u64, Event>,
    next_event: u64,
    machines: Vec<Machine>,
    by_host: HashMap<HostId, usize>,
    network: Network,
    clients: Vec<Client>,
    keys: i32,
    oracle: Oracle,
    side: SideElements,
    trace: Xxh3Default,
    phase: Phase,
    last_timestamp: i64,
    next_request: u64,
    next_final_key: i32,
    operations: u64,
    acknowledged: u64,
    reads_in_turn: u64,
    faults: u64,
    messages: u64,
    is_calm: bool,
}

impl World {
    /// The world of a seed, with a bug planted or without.
    pub fn new(seed: u64, plant: Option<Plant>) -> Self {
        let mut random = Random::new(seed);
        let nodes = random.between(3, 5) as usize;
        let machines: Vec<Machine> = (0..nodes).map(|n| Machine::new(n, &mut random, plant)).collect();
        let by_host = machines.iter().enumerate().map(|(n, m)| (m.host_id, n)).collect();
        let mut clients: Vec<Client> = (0..random.between(3, 6)).map(|_| Client::new(&mut random)).collect();
        // Some clients own wide partitions; the first makes the tables, and has registers.
        for (number, client) in clients.iter_mut().enumerate().skip(1).step_by(2) {
            client.owner = Some(Owner::new(number as i32, 1, asking::CLOCKS, &mut random));
        }
        World {
            seed,
            keys: random.between(2, 12) as i32,
            random,
            now_us: Arc::new(AtomicU64::new(0)),
            queue: BinaryHeap::new(),
            events: HashMap::new(),
            next_event: 0,
            machines,
            by_host,
            network: Network::new(),
            clients,
            oracle: Oracle::default(),
            side: SideElements::default(),
            trace: Xxh3Default::new(),
            phase: Phase::Setup,
            last_timestamp: 0,
            next_request: 0,
            next_final_key: 0,
            operations: 0,
            acknowledged: 0,
            reads_in_turn: 0,
            faults: 0,
            messages: 0,
            is_calm: false,
        }
    }

    /// The same without any fault.
    pub fn calmed(self) -> Self {
        World { is_calm: true, ..self }
    }

    fn now(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }

    fn at(&mut self, at_us: u64, event: Event) {
        let number = self.next_event;
        self.next_event += 1;
        self.events.insert(number, event);
        self.queue.push(Reverse((at_us.max(self.now()), number)));
    }

    fn after(&mut self, delay_us: u64, event: Event) {
        self.at(self.now() + delay_us, event);
    }

    /// Runs the seed: `seconds` of load and faults, then healing and the last check.
    pub fn run(mut self, seconds: u64) -> Report {
        for node in 0..self.machines.len() {
            self.after(node as u64 * 5_000, Event::Start { node });
        }
        self.after(1_000_000, Event::ClientStep { client: 0 });
        let end_us = SETUP_US + seconds * 1_000_000;
        while self.oracle.violations().is_empty() {
            let Some(Reverse((at_us, number))) = self.queue.pop() else {
                break;
            };
            self.now_us.store(at_us, Ordering::Relaxed);
            if self.phase == Phase::Setup && at_us > SETUP_US {
                self.oracle.violation(at_us, "the cluster did not form, or its table was not made, in time".into());
            } else if self.phase == Phase::Faults && at_us >= end_us {
                self.begin_healing();
            } else if at_us >= end_us + 2 * HEALING_US {
                self.oracle.violation(
                    at_us,
                    "after all faults had ended, reads at ALL were not answered, or schemas differ".into(),
                );
            }
            if let Some(event) = self.events.remove(&number) {
                self.handle(event);
            }
            let is_read = self.phase == Phase::Final && self.next_final_key > self.keys && self.owners_have_ended();
            if is_read && self.has_one_schema() {
                break;
            }
        }
        Report {
            seed: self.seed,
            violations: self.oracle.violations().to_vec(),
            simulated_us: self.now(),
            operations: self.operations,
            acknowledged: self.acknowledged,
            reads_in_turn: self.reads_in_turn,
            faults: self.faults,
            messages: self.messages,
            trace: self.trace.digest(),
        }
    }

    /// Whether all nodes have one schema; then it must be what clients were told.
    fn has_one_schema(&mut self) -> bool {
        let logs: Vec<_> = self.machines.iter().filter_map(|m| m.life.as_ref()?.node.log()).collect();
        let Some(first) = logs.first().filter(|_| logs.len() == self.machines.len()) else { return false };
        if logs.iter().any(|log| log.metadata.position != first.metadata.position) {
            return false;
        }
        let now = self.now();
        let differs = logs.iter().any(|log| log.metadata != first.metadata);
        let problem = if differs { Some("two schemas".into()) } else { self.side.problem(&first.metadata.schema) };
        problem.into_iter().for_each(|problem| self.oracle.violation(now, problem));
        true
    }

    fn note(&mut self, kind: u8, a: u64, b: u64) {
        let mut bytes = [0u8; 25];
        bytes[0] = kind;
        bytes[1..9].copy_from_slice(&self.now().to_be_bytes());
        bytes[9..17].copy_from_slice(&a.to_be_bytes());
        bytes[17..].copy_from_slice(&b.to_be_bytes());
        self.trace.update(&bytes);
    }

    fn is_life(&self, node: usize, life: u32) -> bool {
        self.machines[node].lives == life && self.machines[node].life.is_some()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, bytes } => self.deliver(from, to, &bytes),
            Event::ClusterTick { node, life } if self.is_life(node, life) => {
                if let Some(life) = &self.machines[node].life {
                    life.node.clone().on_cluster_time();
                }
                self.after(CLUSTER_TICK_US, Event::ClusterTick { node, life });
                self.carry_out(node);
            }
            Event::ShardTime { node, life, shard } if self.is_life(node, life) => self.shard_time(node, shard),
            Event::CommitWrite { node, life } if self.is_life(node, life) => {
                self.machines[node].write_batch();
                let delay_us = self.random.between(10, 600);
                self.after(delay_us, Event::CommitAcknowledge { node, life });
            }
            Event::ReadTurn { node, life, read } if self.is_life(node, life) => {
                self.reads_in_turn += 1;
                if let Some(life) = &self.machines[node].life {
                    life.node.clone().on_pending_read(*read);
                    self.carry_out(node);
                }
            }
            Event::CommitAcknowledge { node, life } if self.is_life(node, life) => {
                if let Some(life) = &mut self.machines[node].life {
                    life.commit_is_due = false;
                }
                self.machines[node].acknowledge();
                self.carry_out(node);
            }
            Event::Purge { node, life } if self.is_life(node, life) => self.purge(node, life),
            Event::Start { node } => self.start(node),
            Event::ClientStep { client } => self.client_step(client),
            Event::ClientArrives { client, request, life, body } => {
                self.client_arrives(client, request, life, *body);
            }
            Event::ClientAnswered { client, request, response } => {
                self.client_answered(client, request, Some(&response));
            }
            Event::ClientGivesUp { client, request } => self.client_answered(client, request, None),
            Event::Nemesis => self.nemesis(),
            Event::ClusterTick { .. }
            | Event::ShardTime { .. }
            | Event::CommitWrite { .. }
            | Event::ReadTurn { .. }
            | Event::Purge { .. }
            | Event::CommitAcknowledge { .. } => {}
        }
    }

    fn start(&mut self, node: usize) {
        if self.machines[node].life.is_some() {
            return;
        }
        self.note(1, node as u64, 0);
        let seed_node = self.machines[0].address;
        let now_us = self.now_us.clone();
        if let Err(error) = self.machines[node].start(&now_us, seed_node) {
            let now = self.now();
            self.oracle.violation(now, format!("node {node} does not start: {error}"));
            return;
        }
        let life = self.machines[node].lives;
        self.after(0, Event::ClusterTick { node, life });
        self.after(PURGE_US, Event::Purge { node, life });
        self.carry_out(node);
    }

    fn purge(&mut self, node: usize, life: u32) {
        if let Err(error) = self.machines[node].purge() {
            let now = self.now();
            self.oracle.violation(now, format!("node {node} cannot purge: {error}"));
        }
        self.after(PURGE_US, Event::Purge { node, life });
    }

    fn crash(&mut self, node: usize) {
        self.note(2, node as u64, 0);
        self.machines[node].crash();
        // Clients notice that their connection is gone; what became of their requests they do not know.
        let asked: Vec<(usize, u64)> =
            self.clients.iter().enumerate().filter(|(_, c)| c.node == node).map(|(n, c)| (n, c.request)).collect();
        for (client, request) in asked.into_iter().filter(|(_, request)| *request != 0) {
            self.after(1_000, Event::ClientGivesUp { client, request });
        }
    }

    fn deliver(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let host = self.machines[from].host_id;
        let Some(life) = &self.machines[to].life else { return };
        let node = life.node.clone();
        match wire::decode::<PeerMessage>(bytes) {
            Ok(message) => node.on_peer_message(host, message),
            Err(error) => {
                let now = self.now();
                self.oracle.violation(now, format!("a message from node {from} does not decode: {error}"));
            }
        }
        self.carry_out(to);
    }

    fn shard_time(&mut self, node: usize, shard: usize) {
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
    fn carry_out(&mut self, node: usize) {
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
                let number = self.machines[node].lives;
                let delay_us = self.random.between(50, 3_000);
                let Some(life) = &mut self.machines[node].life else {
                    return;
                };
                let full = life.committer.enqueue(mutation, ticket).is_err();
                let due = !std::mem::replace(&mut life.commit_is_due, true);
                if full {
                    let now = self.now();
                    self.oracle.violation(now, "a committer's queue is full".into());
                } else if due {
                    self.after(delay_us, Event::CommitWrite { node, life: number });
                }
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
                    self.after(delay_us, Event::ClientAnswered { client, request, response: Box::new(response) });
                }
            }
            Effect::Ready => {
                if let Some(life) = &mut self.machines[node].life {
                    life.ready = true;
                }
            }
            Effect::Fatal(reason) => {
                let now = self.now();
                self.oracle.violation(now, format!("node {node} gave up: {reason}"));
            }
        }
    }

    fn send(&mut self, from: usize, to: Destination, message: &PeerMessage) {
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

    fn nemesis(&mut self) {
        if self.phase != Phase::Faults || self.is_calm {
            return;
        }
        let pause_us = self.random.between(2_000_000, 16_000_000);
        self.after(pause_us, Event::Nemesis);
        let fault = nemesis::draw(&mut self.random, self.machines.len());
        self.faults += 1;
        self.note(4, self.faults, 0);
        match fault {
            Fault::Partition { side, one_way } => {
                let others: Vec<usize> = (0..self.machines.len()).filter(|n| !side.contains(n)).collect();
                self.network.partition(&side, &others, one_way);
            }
            Fault::Heal => self.network.heal(),
            Fault::Weather(weather) => self.network.weather = weather,
            Fault::Crash { node, back_after_us } => self.power_cycle(&[node], back_after_us),
            Fault::CrashMany { nodes, back_after_us } => self.power_cycle(&nodes, back_after_us),
        }
    }

    fn power_cycle(&mut self, nodes: &[usize], back_after_us: u64) {
        for &node in nodes {
            if self.machines[node].life.is_some() {
                self.crash(node);
                self.after(back_after_us, Event::Start { node });
            }
        }
    }

    fn begin_healing(&mut self) {
        self.phase = Phase::Healing;
        self.network.heal();
        self.network.weather = Weather::calm();
        for node in 0..self.machines.len() {
            self.after(0, Event::Start { node });
        }
    }

    fn client_step(&mut self, client: usize) {
        if self.phase == Phase::Healing && self.all_ready() {
            self.phase = Phase::Final;
        }
        if self.phase == Phase::Setup && !self.all_ready() {
            self.after(100_000, Event::ClientStep { client });
            return;
        }
        let open: Vec<usize> =
            (0..self.machines.len()).filter(|&n| self.machines[n].life.as_ref().is_some_and(|l| l.ready)).collect();
        if open.is_empty() {
            self.after(200_000, Event::ClientStep { client });
            return;
        }
        let (doing, body) = match self.next_of_owner(client) {
            Some(body) => (Doing::Owning, body),
            None => self.next_of_client(client),
        };
        let node = open[self.random.below(open.len() as u64) as usize];
        if let Doing::Writing { key, timestamp } = doing {
            let deletes = matches!(&body, ClientRequest::Query { text, .. } if text.starts_with("DELETE"));
            self.oracle.write_begins(key, timestamp, deletes);
        }
        self.next_request += 1;
        let request = self.next_request;
        let life = self.machines[node].lives;
        let asking = &mut self.clients[client];
        asking.doing = doing;
        asking.request = request;
        asking.node = node;
        let delay_us = self.random.between(50, 1_000);
        self.after(delay_us, Event::ClientArrives { client, request, life, body: Box::new(body) });
        self.after(CLIENT_PATIENCE_US, Event::ClientGivesUp { client, request });
    }

    fn all_ready(&self) -> bool {
        self.machines.iter().all(|m| m.life.as_ref().is_some_and(|l| l.ready))
    }

    fn client_arrives(&mut self, client: usize, request: u64, life: u32, body: ClientRequest) {
        let node = self.clients[client].node;
        if self.clients[client].request != request || !self.is_life(node, life) {
            return;
        }
        let Some(life) = &self.machines[node].life else { return };
        let sink: Arc<dyn ClientSink> = life.outside.clone();
        let running = life.node.clone();
        running.on_client_request(ClientTicket { sink, request }, &self.clients[client].session, body);
        self.carry_out(node);
    }

    /// The answer to a client, or that it will never come.
    fn client_answered(&mut self, client: usize, request: u64, response: Option<&ClientResponse>) {
        if self.clients[client].request != request {
            return;
        }
        let now = self.now();
        let asking = &mut self.clients[client];
        asking.request = 0;
        let think_us = asking.think_us;
        let doing = std::mem::replace(&mut asking.doing, Doing::Thinking);
        self.operations += u64::from(!matches!(doing, Doing::Thinking | Doing::Setup { .. }));
        match doing {
            Doing::Thinking => {}
            Doing::Setup { step } => return self.setup_answered(client, step, response),
            Doing::Writing { key, timestamp } => {
                let outcome = response.map_or(Outcome::Unknown, clients::write_outcome);
                self.acknowledged += u64::from(outcome == Outcome::Acknowledged);
                self.oracle.write_ends(key, timestamp, outcome);
                self.note(5, key as u64, outcome as u64);
            }
            Doing::Owning => self.acknowledged += u64::from(self.owner_answered(client, response)),
            Doing::Changing { element, step } => {
                let outcome = response.map_or(Outcome::Unknown, ddl::outcome);
                self.acknowledged += u64::from(outcome == Outcome::Acknowledged);
                self.side.answered(element, step, outcome);
                self.note(7, step as u64, outcome as u64);
            }
            Doing::Reading { key, floor } => {
                if let Some(Ok(value)) = response.map(clients::read_value) {
                    self.note(6, key as u64, value.unwrap_or(0) as u64);
                    self.acknowledged += 1;
                    self.oracle.read_ends(key, floor, value, now);
                    if self.phase == Phase::Final && key == self.next_final_key {
                        self.next_final_key += 1;
                    }
                }
            }
        }
        let pause_us = self.random.between(think_us.0, think_us.1);
        self.after(pause_us, Event::ClientStep { client });
    }

    fn setup_answered(&mut self, client: usize, step: usize, response: Option<&ClientResponse>) {
        let made = match response {
            Some(ClientResponse::Error(starling_cql_lite::protocol::error::CqlError::AlreadyExists { .. })) => true,
            Some(ClientResponse::Error(_)) | None => false,
            Some(_) => true,
        };
        let step = if made { step + 1 } else { step };
        if step < SETUP.len() {
            self.clients[client].doing = Doing::Setup { step };
            self.after(200_000, Event::ClientStep { client });
            return;
        }
        self.phase = Phase::Faults;
        self.after(1_000_000, Event::Nemesis);
        for client in 0..self.clients.len() {
            let pause_us = self.random.below(500_000);
            self.after(pause_us, Event::ClientStep { client });
        }
    }
}
