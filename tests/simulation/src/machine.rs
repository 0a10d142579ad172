//! A simulated machine: a disk that outlives crashes, and one life of a node after another.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use starling_node::assembly::{CEILING_KEY, CommitTicket, Node, NodeConfig, Outside as _};
use starling_node::cluster::{Cluster, ClusterConfig, Identity, StoredLog, journal};
use starling_node::message::ReplicaFailure;
use starling_ring::{HostId, Member, Token};
use starling_storage::committer::{Committer, CommitterLimits, Pending};
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::engine::{Durability, Engine, EngineError, Space};
use starling_storage::model::{ReadCommand, ReadResult};
use starling_storage::store::{PurgeCommand, Refusal, Store, StoreError, StoreSettings};
use uuid::Uuid;

use crate::nemesis::clock_error_us;
use crate::outside::{Clock, SimulatedOutside};
use crate::random::Random;
use crate::shape::{Clocks, Shape};

const GENERATION_KEY: &[u8] = b"node/generation";
const SHARDS: u8 = 2;

/// A node while it runs.
pub struct Life {
    pub node: Arc<Node>,
    pub outside: Arc<SimulatedOutside>,
    store: Arc<Store>,
    pub committer: Committer<CommitTicket>,
    /// Written, to be acknowledged.
    written: Vec<(CommitTicket, Result<(), ReplicaFailure>)>,
    pub commit_is_due: bool,
    pub wakes: Vec<u64>,
    pub ready: bool,
}

fn node_config() -> NodeConfig {
    NodeConfig::default()
}

/// A machine.
pub struct Machine {
    pub host_id: HostId,
    pub address: SocketAddr,
    engine: Arc<MemoryEngine>,
    engine_settings: MemorySettings,
    pub life: Option<Life>,
    /// Number of the present or next life.
    pub lives: u32,
    pub clock: Arc<Clock>,
    datacenter: String,
    seed: u64,
    /// It does nothing before this time.
    pub paused_until_us: u64,
    /// What a commit takes longer at present.
    pub disk_delay_us: u64,
    /// It has lost its disk, and is another node now, which the cluster does not let in.
    pub is_wiped: bool,
}

impl Machine {
    pub fn new(number: usize, random: &mut Random, shape: &Shape) -> Self {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number as u8 + 1)), 7000);
        let settings = MemorySettings {
            seed: random.bits(),
            flush_one_in: random.between(50, 400) as u32,
            compact_one_in: random.between(50, 400) as u32,
        };
        let clock = Clock::default();
        clock.ahead_us.store(clock_error_us(random, shape, number), Ordering::Relaxed);
        if shape.clocks != Clocks::Good {
            clock.drift_ppm.store(random.below(400) as i64 - 200, Ordering::Relaxed);
        }
        Machine {
            host_id: HostId(Uuid::from_u64_pair(random.bits(), number as u64)),
            address,
            engine: Arc::new(MemoryEngine::new(settings)),
            engine_settings: settings,
            life: None,
            lives: 0,
            clock: Arc::new(clock),
            datacenter: shape.datacenter(number),
            seed: random.bits(),
            paused_until_us: 0,
            disk_delay_us: 0,
            is_wiped: false,
        }
    }

    /// All that is on its disk is lost, also who it was.
    pub fn wipe(&mut self, random: &mut Random) {
        self.is_wiped = true;
        self.host_id = HostId(Uuid::from_u64_pair(random.bits(), self.host_id.0.as_u64_pair().1));
        self.engine = Arc::new(MemoryEngine::new(MemorySettings { seed: random.bits(), ..self.engine_settings }));
    }

    /// Starts a life with what is on the disk.
    pub fn start(&mut self, now_us: &Arc<AtomicU64>, seed_node: SocketAddr) -> Result<(), StoreError> {
        self.lives += 1;
        let engine: Arc<dyn Engine> = self.engine.clone();
        let settings = StoreSettings { header_filter_bytes: 16 << 10, ..StoreSettings::default() };
        let store = Arc::new(Store::open(engine, settings)?);
        let before = store.get_meta(GENERATION_KEY)?.and_then(|b| b[..].try_into().ok()).map_or(0, u64::from_be_bytes);
        let generation = before + 1;
        store.put_meta(GENERATION_KEY, &generation.to_be_bytes())?;
        let stored = StoredLog::load(store.scan_meta(journal::PREFIX, None, usize::MAX)?);
        let stored = stored.map_err(|damaged| StoreError::Engine(EngineError::Corrupt(damaged.to_string())))?;
        let life_seed = self.seed.wrapping_add(u64::from(self.lives));
        let outside = SimulatedOutside::new(now_us.clone(), life_seed, self.clock.clone(), store.clone());
        let identity = self.identity(generation, seed_node);
        let now_ms = now_us.load(std::sync::atomic::Ordering::Relaxed) / 1_000;
        let cluster = Cluster::new(ClusterConfig::default(), identity, stored, now_ms);
        let first_sequence = generation << 36;
        let config = node_config();
        let ceiling = store.get_meta(CEILING_KEY)?.and_then(|b| b[..].try_into().ok()).map_or(0, u64::from_be_bytes);
        let node = Node::new(config, cluster, store.clone(), outside.clone(), SHARDS, first_sequence, ceiling);
        self.life = Some(Life {
            node: Arc::new(node),
            outside,
            store,
            committer: Committer::new(CommitterLimits::default()),
            written: Vec::new(),
            commit_is_due: false,
            wakes: vec![u64::MAX; usize::from(SHARDS)],
            ready: false,
        });
        Ok(())
    }

    /// How far the nodes' clocks may differ.
    pub fn max_clock_skew_us(&self) -> u64 {
        node_config().max_clock_skew_us
    }

    fn identity(&self, generation: u64, seed_node: SocketAddr) -> Identity {
        Identity {
            member: Member { datacenter: self.datacenter.clone(), ..Member::at(self.host_id, self.address.ip()) },
            generation,
            cluster_name: "simulation".into(),
            num_tokens: 4,
            seeds: vec![seed_node],
            cluster_id_if_founding: Uuid::from_u64_pair(self.seed, 1),
            replaces: None,
        }
    }

    /// The power goes: the life ends, and what was not synced is lost. `in_a_write`: what was queued was being written, and
    /// may be on the disk or not.
    pub fn crash(&mut self, in_a_write: bool) {
        if in_a_write {
            self.write_batch(Durability::NoSync);
        }
        self.life = None;
        self.engine.crash();
    }

    /// The next write fails, and with it all that follow in this life.
    pub fn fail_disk(&mut self) {
        self.engine.fail_next(EngineError::Io("the disk does not answer".into()));
    }

    /// There is no space any more, or again.
    pub fn set_full(&mut self, is_full: bool) {
        self.engine.set_full(is_full);
    }

    /// Whether its disk fails, or has no space.
    pub fn is_disk_ill(&self) -> bool {
        self.engine.is_ill()
    }

    /// Some value is damaged.
    pub fn damage(&self) {
        self.engine.damage(Space::Rows);
    }

    /// Whoever runs the machine sees to its disk and its clock.
    pub fn mend(&mut self) {
        self.clock.ahead_us.store(0, Ordering::Relaxed);
        self.clock.drift_ppm.store(0, Ordering::Relaxed);
        self.set_full(false);
        self.disk_delay_us = 0;
        self.engine.mend();
    }

    /// What its disk holds under a key of a table, if it runs: for oracles.
    pub fn read(&self, command: &ReadCommand) -> Option<Result<ReadResult, StoreError>> {
        self.life.as_ref().map(|life| life.store.read(command))
    }

    /// Removes what is deleted or expired, as the server does now and then.
    pub fn purge(&self) -> Result<(), StoreError> {
        let Some(life) = &self.life else { return Ok(()) };
        let Some(view) = life.node.view() else { return Ok(()) };
        for table in view.user_tables() {
            let command = PurgeCommand {
                table: table.table,
                gc_grace_s: table.options.gc_grace_s,
                now_s: life.outside.wall_us().div_euclid(1_000_000),
                start: Token::MIN,
                end: Token::MAX,
                resume: None,
                partitions_max: usize::MAX,
            };
            match life.store.purge(&command) {
                Ok(_) | Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes the next batch of commits to disk.
    pub fn write_batch(&mut self, durability: Durability) {
        let Some(life) = &mut self.life else { return };
        let mut batch: Vec<Pending<CommitTicket>> = Vec::new();
        life.committer.take_batch(&mut batch);
        let outcome = life.store.commit_each(batch.iter().map(|p| &p.mutation), durability);
        life.committer.complete(&batch);
        for (index, pending) in batch.into_iter().enumerate() {
            let outcome = match &outcome {
                Ok(committed) => match committed.refused.iter().find(|(i, _)| *i == index) {
                    Some((_, Refusal::Behind)) => Err(ReplicaFailure::Behind),
                    Some((_, Refusal::Gone)) => Err(ReplicaFailure::Gone),
                    None => Ok(()),
                },
                Err(_) => Err(ReplicaFailure::Storage),
            };
            life.written.push((pending.ticket, outcome));
        }
        // A failed fold leaves the fragments as they were.
        let _ = life.store.fold_pending(0, 4);
    }

    /// Tells of what was written.
    pub fn acknowledge(&mut self) {
        let Some(life) = &mut self.life else { return };
        let written = std::mem::take(&mut life.written);
        let node = life.node.clone();
        for (ticket, outcome) in written {
            node.on_committed(ticket, outcome);
        }
    }
}
