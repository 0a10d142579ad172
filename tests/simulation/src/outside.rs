//! The outside of a simulated node: what it asks for is noted, and carried out by the world when it is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use starling_node::assembly::client::{ClientEvent, ClientResponse, ClientSink};
use starling_node::assembly::{CommitTicket, Outside, PendingRead};
use starling_node::cluster::Records;
use starling_node::message::{Destination, ReplicaFailure, Stamped};
use starling_storage::engine::Durability;
use starling_storage::model::Mutation;
use starling_storage::store::Store;

use crate::random::Random;

/// Something that a node asked for.
pub enum Effect {
    /// Send a message.
    Send(Destination, Stamped),
    /// Commit a mutation.
    Commit(Mutation, CommitTicket),
    /// Carry out a read when it is its turn.
    ReadLater(PendingRead),
    /// Look at a shard's deadlines at this time.
    Wake(usize, u64),
    /// Answer a client's request.
    Respond(u64, ClientResponse),
    /// Open for clients.
    Ready,
    /// Cannot go on.
    Fatal(String),
}

/// A machine's wall clock, which outlives its nodes.
#[derive(Debug, Default)]
pub struct Clock {
    /// How far it is ahead of the true time.
    pub ahead_us: AtomicI64,
    /// How much it gains in a million microseconds.
    pub drift_ppm: AtomicI64,
}

impl Clock {
    fn read_us(&self, true_us: u64) -> i64 {
        let gained_us = true_us as i64 / 1_000 * self.drift_ppm.load(Ordering::Relaxed) / 1_000;
        EPOCH_US + true_us as i64 + self.ahead_us.load(Ordering::Relaxed) + gained_us
    }
}

/// The seams of one life of one simulated node.
pub struct SimulatedOutside {
    effects: Mutex<Vec<Effect>>,
    random: Mutex<Random>,
    now_us: Arc<AtomicU64>,
    clock: Arc<Clock>,
    store: Arc<Store>,
}

/// Simulated time zero as a wall clock has it: 2026-01-01.
pub const EPOCH_US: i64 = 1_767_225_600_000_000;

impl SimulatedOutside {
    /// A fresh life.
    pub fn new(now_us: Arc<AtomicU64>, seed: u64, clock: Arc<Clock>, store: Arc<Store>) -> Arc<Self> {
        Arc::new(SimulatedOutside {
            effects: Mutex::new(Vec::new()),
            random: Mutex::new(Random::new(seed)),
            now_us,
            clock,
            store,
        })
    }

    /// What was asked for since the last call.
    pub fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut *self.effects.lock())
    }

    fn note(&self, effect: Effect) {
        self.effects.lock().push(effect);
    }
}

impl Outside for SimulatedOutside {
    fn monotonic_us(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }

    fn wall_us(&self) -> i64 {
        self.clock.read_us(self.monotonic_us())
    }

    fn random(&self) -> u64 {
        self.random.lock().bits()
    }

    fn send(&self, to: Destination, message: Stamped) {
        self.note(Effect::Send(to, message));
    }

    fn commit(&self, mutation: Mutation, ticket: CommitTicket) -> Result<(), ReplicaFailure> {
        self.note(Effect::Commit(mutation, ticket));
        Ok(())
    }

    fn read_later(&self, read: PendingRead) -> Result<(), ReplicaFailure> {
        self.note(Effect::ReadLater(read));
        Ok(())
    }

    fn persist(&self, records: Records) -> Result<(), String> {
        let entries: Vec<_> = records.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
        self.store.put_meta_all(&entries, Durability::Sync).map_err(|error| error.to_string())
    }

    fn publish(&self, _event: ClientEvent) {}

    fn wake_at(&self, shard: usize, at_ms: u64) {
        self.note(Effect::Wake(shard, at_ms));
    }

    fn on_ready(&self) {
        self.note(Effect::Ready);
    }

    fn on_fatal(&self, reason: String) {
        self.note(Effect::Fatal(reason));
    }
}

impl ClientSink for SimulatedOutside {
    fn respond(&self, request: u64, response: ClientResponse) {
        self.note(Effect::Respond(request, response));
    }
}
