//! The world: one queue of events in simulated time, and everything that happens in it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use starling_node::assembly::PendingRead;
use starling_node::assembly::client::{ClientRequest, ClientResponse};
use starling_planted::{Bug, plant};
use starling_ring::HostId;
use starling_storage::engine::Durability;

use crate::clients::Client;
use crate::ddl::SideElements;
use crate::machine::Machine;
use crate::network::Network;
use crate::oracle::Oracle;
use crate::owning::with_owners;
use crate::random::Random;
use crate::shape::Shape;
use crate::trace::Trace;

pub(crate) const CLUSTER_TICK_US: u64 = 100_000;
/// How often a node purges.
pub(crate) const PURGE_US: u64 = 15_000_000;
/// A client gives up on an answer after this; what became of its write is then unknown.
pub(crate) const CLIENT_PATIENCE_US: u64 = 15_000_000;
/// After the faults everything must come good within this.
const HEALING_US: u64 = 180_000_000;
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
    /// Operations that clients began.
    pub operations_begun: u64,
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
    /// What happened, in lines, if that was asked for.
    pub lines: Vec<String>,
}

/// How a seed is run.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The bug that is planted, in a build that can.
    pub plant: Option<Bug>,
    /// No faults, a calm network, one client of registers and one of wide partitions.
    pub is_calm: bool,
    /// What happens is told in lines.
    pub with_lines: bool,
    /// Faults that are left out, by their number.
    pub skipped_faults: BTreeSet<u64>,
    /// Operations that are left out, by their number.
    pub skipped_operations: BTreeSet<u64>,
}

pub(crate) enum Event {
    Deliver { from: usize, to: usize, bytes: Arc<[u8]> },
    ClusterTick { node: usize, life: u32 },
    ShardTime { node: usize, life: u32, shard: usize },
    CommitWrite { node: usize, life: u32 },
    CommitAcknowledge { node: usize, life: u32 },
    ReadTurn { node: usize, life: u32, read: Box<PendingRead> },
    Purge { node: usize, life: u32 },
    Start { node: usize },
    Restart { node: usize, life: u32 },
    SpaceAgain { node: usize },
    DiskFast { node: usize },
    CheckLevel { key: i32, timestamp: i64 },
    ClientStep { client: usize },
    ClientArrives { client: usize, request: u64, life: u32, body: Box<ClientRequest> },
    ClientAnswered { client: usize, request: u64, stamp: u64, response: Box<ClientResponse> },
    ClientGivesUp { client: usize, request: u64, is_lost: bool },
    Nemesis,
}

impl Event {
    /// The node that a pause puts it off for.
    fn node(&self) -> Option<usize> {
        match self {
            Event::Deliver { to: node, .. }
            | Event::ClusterTick { node, .. }
            | Event::ShardTime { node, .. }
            | Event::CommitWrite { node, .. }
            | Event::CommitAcknowledge { node, .. }
            | Event::Purge { node, .. }
            | Event::ReadTurn { node, .. } => Some(*node),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Setup,
    Faults,
    Healing,
    Final,
}

/// A cluster, its clients and its nemesis.
pub struct World {
    seed: u64,
    pub(crate) shape: Shape,
    pub(crate) manner: Manner,
    pub(crate) random: Random,
    pub(crate) now_us: Arc<AtomicU64>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: HashMap<u64, Event>,
    next_event: u64,
    pub(crate) machines: Vec<Machine>,
    pub(crate) by_host: HashMap<HostId, usize>,
    pub(crate) network: Network,
    pub(crate) clients: Vec<Client>,
    pub(crate) oracle: Oracle,
    pub(crate) side: SideElements,
    pub(crate) trace: Trace,
    pub(crate) phase: Phase,
    /// When the faults end.
    pub(crate) end_us: u64,
    seconds: u64,
    pub(crate) last_timestamp: i64,
    pub(crate) next_request: u64,
    pub(crate) next_final_key: i32,
    pub(crate) operations_begun: u64,
    pub(crate) operations: u64,
    pub(crate) acknowledged: u64,
    pub(crate) reads_in_turn: u64,
    pub(crate) faults: u64,
    pub(crate) messages: u64,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, manner: Manner) -> Self {
        let mut random = Random::new(seed);
        let shape = Shape::drawn(&mut random, manner.is_calm);
        let machines: Vec<Machine> = (0..shape.nodes).map(|n| Machine::new(n, &mut random, &shape)).collect();
        let by_host = machines.iter().enumerate().map(|(n, m)| (m.host_id, n)).collect();
        let count = random.between(3, 6);
        let count = if shape.is_calm { 2 } else { count };
        let mut clients: Vec<Client> = (0..count).map(|_| Client::new(&mut random)).collect();
        if shape.is_calm {
            // Nobody asks before all replicas have what was written before.
            clients.iter_mut().for_each(|client| client.think_us = (30_000, 90_000));
        }
        let clients = with_owners(clients, &shape, &mut random);
        World {
            seed,
            shape,
            trace: Trace::new(manner.with_lines),
            manner,
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
            phase: Phase::Setup,
            end_us: u64::MAX,
            seconds: 0,
            last_timestamp: 0,
            next_request: 0,
            next_final_key: 0,
            operations_begun: 0,
            operations: 0,
            acknowledged: 0,
            reads_in_turn: 0,
            faults: 0,
            messages: 0,
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }

    pub(crate) fn at(&mut self, at_us: u64, event: Event) {
        let number = self.next_event;
        self.next_event += 1;
        self.events.insert(number, event);
        self.queue.push(Reverse((at_us.max(self.now()), number)));
    }

    pub(crate) fn after(&mut self, delay_us: u64, event: Event) {
        self.at(self.now() + delay_us, event);
    }

    /// Runs the seed: `seconds` of load and faults, then healing and the last check.
    pub fn run(mut self, seconds: u64) -> Report {
        self.seconds = seconds;
        plant(self.manner.plant);
        for node in 0..self.machines.len() {
            self.after(node as u64 * 5_000, Event::Start { node });
        }
        self.after(1_000_000, Event::ClientStep { client: 0 });
        while self.oracle.violations.all().is_empty() {
            let Some(Reverse((at_us, number))) = self.queue.pop() else {
                break;
            };
            self.now_us.store(at_us, Ordering::Relaxed);
            self.check_progress(at_us);
            if let Some(event) = self.events.remove(&number) {
                self.handle(event);
            }
            if self.all_is_read() && self.owners_have_ended() && self.is_well() {
                break;
            }
        }
        Report {
            seed: self.seed,
            violations: self.oracle.violations.all().to_vec(),
            simulated_us: self.now(),
            operations_begun: self.operations_begun,
            operations: self.operations,
            acknowledged: self.acknowledged,
            reads_in_turn: self.reads_in_turn,
            faults: self.faults,
            messages: self.messages,
            trace: self.trace.digest(),
            lines: self.trace.into_lines(),
        }
    }

    /// Setting up and healing have bounds.
    fn check_progress(&mut self, at_us: u64) {
        if self.phase == Phase::Setup && at_us > SETUP_US {
            self.violation("the cluster did not form, or its table was not made, in time".into());
        } else if self.phase == Phase::Faults && at_us >= self.end_us {
            self.begin_healing();
        } else if at_us >= self.end_us.saturating_add(HEALING_US) {
            let problem = self.unwell().unwrap_or_else(|| "reads at ALL are not answered".into());
            self.violation(format!("after all faults had ended, it did not come good: {problem}"));
        }
    }

    /// The cluster stands: the load begins, and the faults.
    pub(crate) fn begin_faults(&mut self) {
        self.phase = Phase::Faults;
        self.end_us = self.now() + self.seconds * 1_000_000;
        if !self.shape.is_calm {
            self.after(1_000_000, Event::Nemesis);
        }
    }

    pub(crate) fn violation(&mut self, what: String) {
        let now = self.now();
        self.trace.say(now, format_args!("VIOLATION {what}"));
        self.oracle.violations.note(now, what);
    }

    /// Whether all has come good; then what was promised is looked at once more.
    fn is_well(&mut self) -> bool {
        if self.unwell().is_some() {
            return false;
        }
        let problem = crate::oracle::schema::problem(&self.machines, &self.side);
        problem.into_iter().for_each(|problem| self.violation(problem));
        true
    }

    /// What is not yet as it should be in peace.
    fn unwell(&self) -> Option<String> {
        crate::oracle::schema::unsettled(&self.machines).or_else(|| crate::oracle::rest::unrest(&self.machines))
    }

    pub(crate) fn note(&mut self, kind: u8, a: u64, b: u64) {
        self.trace.note(self.now(), kind, a, b);
    }

    fn is_life(&self, node: usize, life: u32) -> bool {
        self.machines[node].lives == life && self.machines[node].life.is_some()
    }

    fn handle(&mut self, event: Event) {
        if let Some(until_us) = event.node().map(|node| self.machines[node].paused_until_us)
            && until_us > self.now()
        {
            return self.at(until_us, event);
        }
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
                self.machines[node].write_batch(Durability::Sync);
                let delay_us = self.random.between(10, 600) + self.machines[node].disk_delay_us;
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
                // What came while the batch was written.
                self.commit_soon(node);
                self.carry_out(node);
            }
            Event::Purge { node, life } if self.is_life(node, life) => self.purge(node, life),
            Event::Start { node } => self.start(node),
            Event::ClientStep { client } => self.client_step(client),
            Event::ClientArrives { client, request, life, body } => {
                self.client_arrives(client, request, life, *body);
            }
            Event::ClientAnswered { client, request, stamp, response } => {
                self.client_told(client, request, stamp);
                self.client_answered(client, request, Some(&response));
            }
            Event::ClientGivesUp { client, request, is_lost } => self.client_gives_up(client, request, is_lost),
            Event::Restart { node, life } => {
                if self.is_life(node, life) {
                    self.power_cycle(&[node], 500_000);
                }
            }
            Event::SpaceAgain { node } => {
                self.machines[node].set_full(false);
            }
            Event::DiskFast { node } => self.machines[node].disk_delay_us = 0,
            Event::CheckLevel { key, timestamp } => self.check_level(key, timestamp),
            Event::Nemesis => self.nemesis(),
            Event::ClusterTick { .. }
            | Event::ShardTime { .. }
            | Event::CommitWrite { .. }
            | Event::ReadTurn { .. }
            | Event::Purge { .. }
            | Event::CommitAcknowledge { .. } => {}
        }
    }
}
