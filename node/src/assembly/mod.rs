//! One node, put together of the pure parts: client requests in, orders to replicas out, answers in, answers
//! to clients out. Whoever calls it carries out what it asks of the `Outside`: the server, or the simulation.
//!
//! Locks: the cluster state has one (rarely taken), each shard has one (held for bookkeeping only, never while
//! data is read, encoded or sent).

mod asked;
pub mod client;
mod ddl;
mod depths;
mod execute;
mod fence;
pub mod figures;
pub mod log;
mod news;
mod outside;
mod parked;
mod prepared;
mod reading;
mod replica;
pub(crate) use replica::storage_failure as replica_failure;
mod shard;
mod timekeeping;
mod timers;
mod traces;
mod turn;
mod view;
mod writing;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use starling_ring::HostId;
use starling_storage::model::{Mutation, ReadResult, TableRef};
use starling_storage::store::Store;
use uuid::Uuid;

use crate::cluster::{Cluster, ClusterAction};
use crate::coordinate::{Answer, Instant, Order, Work};
use crate::message::{
    Destination, OperationId, Payload, PeerMessage, ReplicaAnswer, ReplicaFailure, ReplicaRequest, ReplyTo, Stamped,
};
use crate::system::Listing;
use crate::time::Stamp;
use ddl::PendingChange;
pub use depths::{Depth, Depths};
use figures::Figures;
pub use outside::{CommitTicket, Outside, PendingRead};
use shard::{Ended, Shard};
pub use timekeeping::{CEILING_KEY, ClockFigures};
use turn::Turn;
pub use view::View;

/// Settings of coordination, in milliseconds and bytes.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// How long a read of single partitions is waited for.
    pub read_timeout_ms: u64,
    /// How long a scan is waited for.
    pub range_timeout_ms: u64,
    /// How long a write is waited for.
    pub write_timeout_ms: u64,
    /// Largest encoded mutation; a larger write is refused. Bounds: below the link's message limit.
    pub mutation_size_bytes_max: usize,
    /// Batches over several partitions that are larger than this are warned of, in bytes.
    pub batch_size_bytes_warn: usize,
    /// Batches over several partitions that are larger than this are refused, in bytes.
    pub batch_size_bytes_max: usize,
    /// Unlogged batches over more partitions than this are warned of.
    pub batch_partitions_warn: usize,
    /// Operations that one shard coordinates at a time; beyond it requests are refused as OVERLOADED.
    pub operations_per_shard_max: usize,
    /// Prepared statements kept; beyond it an older one is dropped, and its client prepares it again.
    pub prepared_max: usize,
    /// What `system_views.settings` shows.
    pub settings: Listing,
    /// What they may take in memory, texts and plans: bytes. Less means that clients prepare more often.
    pub prepared_bytes_max: usize,
    /// How far clocks may differ, in microseconds. More forgives worse clocks; what they say of order is worth less.
    /// 100,000 and more.
    pub max_clock_skew_us: u64,
}

impl Default for NodeConfig {
    fn default() -> Self {
        NodeConfig {
            read_timeout_ms: 5_000,
            range_timeout_ms: 10_000,
            write_timeout_ms: 2_000,
            mutation_size_bytes_max: 16 << 20,
            batch_size_bytes_warn: 64 << 10,
            batch_size_bytes_max: 1 << 20,
            batch_partitions_warn: 10,
            operations_per_shard_max: 32_768,
            prepared_max: 10_000,
            settings: Listing::new(),
            prepared_bytes_max: 16 << 20,
            max_clock_skew_us: 2_000_000,
        }
    }
}

/// A node.
pub struct Node {
    local: HostId,
    config: NodeConfig,
    outside: Arc<dyn Outside>,
    store: Arc<Store>,
    cluster: Mutex<Cluster>,
    view: RwLock<Option<Arc<View>>>,
    shards: Vec<Mutex<Shard>>,
    next_shard: AtomicU64,
    prepared: prepared::PreparedStatements,
    traces: traces::Traces,
    changes: Mutex<HashMap<u64, PendingChange>>,
    listeners: Mutex<HashMap<u64, log::ChangeListener>>,
    parked: parked::Parked,
    addresses: RwLock<Arc<HashMap<HostId, SocketAddr>>>,
    next_change: AtomicU64,
    time: timekeeping::Timekeeper,
    /// The cluster state could not be stored: it takes no part in anything any more.
    is_halted: AtomicBool,
    /// Counters for the metrics page.
    pub figures: Figures,
}

impl Node {
    /// A node at its start. `first_sequence` must be above every operation number of its earlier lives; `clock_ceiling` is
    /// what they kept under [`CEILING_KEY`], 0 if there is none.
    pub fn new(
        config: NodeConfig,
        cluster: Cluster,
        store: Arc<Store>,
        outside: Arc<dyn Outside>,
        shard_count: u8,
        first_sequence: u64,
        clock_ceiling: Stamp,
    ) -> Self {
        let time = timekeeping::Timekeeper::new(config.max_clock_skew_us, clock_ceiling);
        let node = Node {
            local: cluster.host_id(),
            prepared: prepared::PreparedStatements::new(config.prepared_max, config.prepared_bytes_max),
            config,
            outside,
            store,
            traces: traces::Traces::default(),
            cluster: Mutex::new(cluster),
            view: RwLock::new(None),
            shards: (0..shard_count.max(1)).map(|i| Mutex::new(Shard::new(i, first_sequence))).collect(),
            next_shard: AtomicU64::new(0),
            changes: Mutex::new(HashMap::new()),
            listeners: Mutex::new(HashMap::new()),
            parked: parked::Parked::default(),
            addresses: RwLock::default(),
            next_change: AtomicU64::new(1),
            time,
            is_halted: AtomicBool::new(false),
            figures: Figures::default(),
        };
        node.with_cluster(|_, _| ());
        node
    }

    /// This node's identity.
    pub fn host_id(&self) -> HostId {
        self.local
    }

    /// What requests see at this moment; `None` before the node is a member.
    pub fn view(&self) -> Option<Arc<View>> {
        self.view.read().clone()
    }

    /// Whether the node is open for clients.
    pub fn is_ready(&self) -> bool {
        self.time.is_open()
    }

    /// Why it is not a member yet.
    pub fn waiting_reason(&self) -> String {
        let cluster = self.cluster.lock();
        cluster.waiting_reason().unwrap_or("no member has answered yet").to_string()
    }

    /// Gossip rounds begun.
    pub fn gossip_rounds(&self) -> u64 {
        self.cluster.lock().gossip_rounds()
    }

    /// Operations under way.
    pub fn operations(&self) -> usize {
        self.shards.iter().map(|s| s.lock().operation_count()).sum()
    }

    /// Where the endpoint of a member, or of a node on its way in, is.
    pub fn internode_address(&self, host: HostId) -> Option<SocketAddr> {
        self.addresses.read().get(&host).copied()
    }

    fn now(&self) -> Instant {
        Instant { us: self.outside.monotonic_us() }
    }

    /// Runs `act` on the cluster state and carries out what it asks for, in order.
    fn with_cluster<T>(&self, act: impl FnOnce(&mut Cluster, u64) -> T) -> T {
        let now_ms = self.outside.monotonic_us() / 1_000;
        let mut cluster = self.cluster.lock();
        cluster.note_wall_ms(self.outside.wall_us() / 1_000);
        let result = act(&mut cluster, now_ms);
        for action in cluster.take_actions() {
            // What follows a failed write to disk would promise what a restart forgets.
            if !self.is_halted.load(Ordering::Relaxed) {
                self.perform(&cluster, action);
            }
        }
        result
    }

    fn perform(&self, cluster: &Cluster, action: ClusterAction) {
        match action {
            ClusterAction::Send(to, message) => self.send(to, message),
            ClusterAction::Persist(records) => {
                if let Err(reason) = self.outside.persist(records) {
                    self.is_halted.store(true, Ordering::Relaxed);
                    self.outside.on_fatal(format!("cluster metadata cannot be stored: {reason}"));
                }
            }
            ClusterAction::ViewChanged => self.rebuild_view(cluster),
            ClusterAction::Ready => self.on_known_to_all(),
            ClusterAction::ChangeDone(ticket, outcome) => self.on_change_done(ticket, outcome),
            ClusterAction::Waiting(reason) => tracing::warn!(reason, "not let in yet; asking again"),
            ClusterAction::Fatal(reason) => self.outside.on_fatal(reason),
        }
    }

    fn rebuild_view(&self, cluster: &Cluster) {
        self.note_addresses(cluster);
        let previous = self.view();
        match View::build(cluster, previous.as_ref()) {
            Ok(Some(view)) => {
                let tables: Vec<TableRef> = view.user_tables().map(|t| t.table).collect();
                self.store.set_tables(&tables, view.metadata.schema.next_table_id);
                let view = Arc::new(view);
                let events = previous.map(|p| view.events_since(&p)).unwrap_or_default();
                *self.view.write() = Some(view);
                self.time.company_changed();
                events.into_iter().for_each(|event| self.outside.publish(event));
            }
            Ok(None) => {}
            Err(error) => self.outside.on_fatal(format!("cluster metadata is not consistent: {error}")),
        }
    }

    fn note_addresses(&self, cluster: &Cluster) {
        let Some(metadata) = cluster.metadata() else { return };
        let address = |m: &starling_ring::Member| (m.host_id, SocketAddr::new(m.listen_address, m.storage_port));
        *self.addresses.write() = Arc::new(metadata.admitted().map(address).collect());
    }

    /// Time has passed: gossip, joining, changes. To be called every 50 to 200 ms.
    pub fn on_cluster_time(&self) {
        let mut random = || self.outside.random();
        self.with_cluster(|cluster, now_ms| cluster.tick(now_ms, &mut random));
        self.tend_clock();
        self.resume_parked();
    }

    /// Looks at the deadlines of one shard. Answers when to look again.
    pub fn on_shard_time(&self, shard: usize) -> Option<u64> {
        let now = self.now();
        let (ended, orders, next_ms) = self.shards.get(shard)?.lock().on_time(now);
        let mut turn = Turn::default();
        turn.note(now);
        turn.ended = ended;
        for (operation, orders) in orders {
            self.carry_out(operation, orders, &mut turn);
        }
        self.finish(turn);
        next_ms
    }

    /// Number of shards.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// A message from another node.
    pub fn on_peer_message(&self, from: HostId, stamped: Stamped) {
        let Stamped { stamp, message } = stamped;
        // One that is beyond the allowed skew is counted, and not followed.
        let _ = self.observe(stamp);
        match message {
            PeerMessage::Request { coordinator, reply_to, fence, request } => {
                self.on_request(from, coordinator, reply_to, fence, request);
            }
            PeerMessage::Answer { reply_to, answer } => {
                let answer = match answer {
                    ReplicaAnswer::Applied => Answer::Applied,
                    ReplicaAnswer::Digest(digest) => Answer::Digest(digest),
                    ReplicaAnswer::Failed(failure) => Answer::Failed(failure),
                    ReplicaAnswer::Stale(position) => Answer::Stale(position),
                    ReplicaAnswer::Data(payload) => {
                        ReadResult::decode(&payload.0).map_or(Answer::Failed(ReplicaFailure::Malformed), Answer::Data)
                    }
                };
                self.on_answer(reply_to, from, answer);
            }
            PeerMessage::Clock(message) => self.on_clock_message(from, message),
            PeerMessage::Gossip { .. } | PeerMessage::Cluster(..) => {
                let mut random = || self.outside.random();
                self.with_cluster(|cluster, now_ms| cluster.receive(now_ms, from, message, &mut random));
            }
        }
    }

    /// A member of a cluster called at this node's address, or answered it.
    pub fn on_cluster_heard(&self, cluster_id: Uuid) {
        self.with_cluster(|cluster, _| cluster.on_cluster_heard(cluster_id));
    }

    fn on_answer(&self, reply_to: ReplyTo, from: HostId, answer: Answer) {
        let mut turn = Turn::default();
        self.deliver(reply_to, from, answer, &mut turn);
        self.finish(turn);
    }

    fn deliver(&self, reply_to: ReplyTo, from: HostId, answer: Answer, turn: &mut Turn) {
        let Some(shard) = self.shards.get(reply_to.operation.shard()) else {
            return;
        };
        let mut orders = Vec::new();
        let now = self.now();
        turn.note(now);
        let answered = shard.lock().on_answer(now, reply_to, from, answer, &mut orders);
        turn.ended.extend(answered.ended);
        if let Some(at_ms) = answered.wake_ms {
            self.outside.wake_at(reply_to.operation.shard(), at_ms);
        }
        if !orders.is_empty() {
            self.carry_out(reply_to.operation, orders, turn);
        }
    }

    /// Sends orders to their replicas; those for this node are carried out here, but of long reads, which have their
    /// turn later. What ends by that is left in `turn`.
    fn carry_out(&self, operation: OperationId, orders: Vec<Order>, turn: &mut Turn) {
        let mut local = Vec::new();
        for order in orders {
            if order.to == self.local {
                local.push(order);
                continue;
            }
            let reply_to = ReplyTo { operation, leg: order.leg };
            let request = match order.work {
                Work::Mutate { encoded, forward_to, .. } => {
                    ReplicaRequest::Mutate { mutation: Payload(encoded), forward_to }
                }
                Work::Read { command, digest_only } => {
                    let command = Payload(command.encode());
                    ReplicaRequest::Read { command, digest_only }
                }
            };
            let message = PeerMessage::Request { coordinator: self.local, reply_to, fence: order.fence, request };
            self.send(Destination::Host(order.to), message);
        }
        // After the sends: the others work while this node does its own part.
        for order in local {
            let reply_to = ReplyTo { operation, leg: order.leg };
            match order.work {
                Work::Mutate { mutation, encoded, .. } => {
                    let decoded = mutation.map_or_else(|| Mutation::decode(&encoded), Ok);
                    let ticket = CommitTicket { coordinator: self.local, reply_to };
                    let decoded = decoded.map_err(|_| ReplicaAnswer::Failed(ReplicaFailure::Malformed));
                    let checked = decoded.and_then(|mutation| {
                        self.check_own(|view| view.check_write(order.fence, self.local, &mutation))?;
                        Ok(self.commit(mutation, ticket)?)
                    });
                    if let Err(refused) = checked {
                        self.deliver(reply_to, self.local, not_done(&refused), turn);
                    }
                }
                Work::Read { command, digest_only } => {
                    let checked = self.check_own(|view| view.check_read(order.fence, self.local, &command));
                    if let Err(refused) = checked {
                        self.deliver(reply_to, self.local, not_done(&refused), turn);
                    } else if let Some(answer) = self.read_locally(reply_to, command, digest_only, turn.is_long()) {
                        self.deliver(reply_to, self.local, answer, turn);
                    }
                }
            }
        }
    }

    /// An operation may have begun before this node learnt that it owns the data no more.
    fn check_own(&self, check: impl FnOnce(&View) -> Result<(), ReplicaAnswer>) -> Result<(), ReplicaAnswer> {
        self.view.read().as_ref().map_or(Ok(()), |view| check(view))
    }

    /// Goes on with what has ended: answers clients, starts the next command of a read.
    fn finish(&self, mut turn: Turn) {
        while let Some(over) = turn.ended.pop() {
            match over {
                Ended::Write(run, outcome) => self.finish_write(run, outcome),
                Ended::Read(run, outcome) => self.on_command_read(run, outcome, &mut turn),
                Ended::Stale(from, position, operation) => self.park(from, position, operation),
            }
        }
    }
}

/// What a replica's refusal is to the coordination of a request.
fn not_done(refused: &ReplicaAnswer) -> Answer {
    match refused {
        ReplicaAnswer::Stale(position) => Answer::Stale(*position),
        ReplicaAnswer::Failed(failure) => Answer::Failed(*failure),
        ReplicaAnswer::Applied | ReplicaAnswer::Data(_) | ReplicaAnswer::Digest(_) => {
            Answer::Failed(ReplicaFailure::Malformed)
        }
    }
}
