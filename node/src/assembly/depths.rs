//! How full the node's queues and caches are, and how full they may be.

use std::sync::atomic::Ordering;

use super::Node;
use super::parked::PARKED_MAX;
use crate::cluster::CHANGES_WAITING_MAX;

/// What something holds, and how much it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Now.
    pub now: u64,
    /// At most.
    pub limit: u64,
}

impl Depth {
    /// From sizes.
    pub fn new(now: usize, limit: usize) -> Self {
        Depth { now: now as u64, limit: limit as u64 }
    }
}

/// All that is bounded in the pure part of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Operations under way, in all shards; each shard has an equal part of the limit.
    pub operations: Depth,
    /// Deadlines that are remembered: a few for each operation at most.
    pub timers: u64,
    /// Prepared statements.
    pub prepared: Depth,
    /// Bytes of their texts.
    pub prepared_bytes: Depth,
    /// Prepared statements dropped in favour of others, ever.
    pub prepared_evicted: u64,
    /// Changes of schema or membership that wait for their turn at this node.
    pub changes: Depth,
    /// Operations that wait for the log.
    pub parked: Depth,
}

impl Node {
    /// How full everything is.
    pub fn depths(&self) -> Depths {
        let (mut operations, mut timers) = (0, 0);
        for shard in &self.shards {
            let shard = shard.lock();
            operations += shard.operation_count();
            timers += shard.timer_count();
        }
        let (shards, per_shard) = (self.shards.len(), self.config.operations_per_shard_max);
        let (prepared, prepared_bytes) = self.prepared.size();
        Depths {
            operations: Depth::new(operations, shards * per_shard),
            timers: timers as u64,
            prepared: Depth::new(prepared, self.config.prepared_max.max(1)),
            prepared_bytes: Depth::new(prepared_bytes, self.config.prepared_bytes_max),
            prepared_evicted: self.prepared.evicted.load(Ordering::Relaxed),
            changes: Depth::new(self.cluster.lock().changes_waiting(), CHANGES_WAITING_MAX),
            parked: Depth::new(self.parked_count(), PARKED_MAX),
        }
    }
}
