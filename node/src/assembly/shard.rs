//! The operations that one shard coordinates: started, answered, timed out. Pure bookkeeping around
//! `coordinate`; the caller sends the orders and goes on with what ended.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use starling_cql_lite::protocol::error::CqlError;
use starling_ring::HostId;
use starling_storage::model::ReadResult;

use super::reading::ReadRun;
use super::timers::Timers;
use super::writing::WriteRun;
use crate::cluster::LogPosition;
use crate::coordinate::{Answer, Instant, Latencies, Order, ReadCoordination, SpeculationConfig, WriteCoordination};
use crate::message::{OperationId, ReplyTo};

/// An operation under way.
pub enum Operation {
    /// A write and whom to tell.
    Write(WriteCoordination, WriteRun),
    /// One command of a read, and the read that it is part of.
    Read(Box<ReadCoordination>, Box<ReadRun>),
}

/// An operation that has ended.
pub enum Ended {
    /// A write.
    Write(WriteRun, Result<(), CqlError>),
    /// One command of a read; the read may go on.
    Read(Box<ReadRun>, Result<ReadResult, CqlError>),
    /// Neither: this replica says that the owners have changed, at the latest by this entry. It is to begin anew.
    Stale(HostId, LogPosition, Operation),
}

/// Hashes operation numbers, which this node makes itself, in sequence: one multiplication spreads them.
#[derive(Default)]
struct SequenceHasher(u64);

impl Hasher for SequenceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}

struct Slot {
    operation: Operation,
    /// The timer that counts; others of this operation are out of date.
    look_at_ms: u64,
}

/// What a replica's answer led to.
#[derive(Default)]
pub struct Answered {
    /// It ended the operation.
    pub ended: Option<Ended>,
    /// The shard has to look at the operation sooner than it knew.
    pub wake_ms: Option<u64>,
}

/// Orders of one operation.
pub type Orders = (OperationId, Vec<Order>);

/// One shard.
pub struct Shard {
    index: u8,
    next_sequence: u64,
    operations: HashMap<u64, Slot, BuildHasherDefault<SequenceHasher>>,
    timers: Timers,
    /// How quickly replicas answer.
    pub latencies: Latencies,
    /// When replicas are asked in addition.
    pub speculation: SpeculationConfig,
}

impl Shard {
    /// Shard `index`. Operations are numbered from `first_sequence`, which differs between lives of a node, so
    /// that an answer to an earlier life's operation finds nothing.
    pub fn new(index: u8, first_sequence: u64) -> Self {
        Shard {
            index,
            next_sequence: first_sequence,
            operations: HashMap::default(),
            timers: Timers::default(),
            latencies: Latencies::default(),
            speculation: SpeculationConfig::default(),
        }
    }

    /// Operations under way.
    pub fn operation_count(&self) -> usize {
        self.operations.len()
    }

    /// Deadlines that are remembered.
    pub fn timer_count(&self) -> usize {
        self.timers.len()
    }

    /// Whether an operation is under way.
    pub fn is_open(&self, operation: OperationId) -> bool {
        self.operations.contains_key(&operation.0)
    }

    /// Takes an operation in. Answers its number and when its shard has to look at it at the latest.
    pub fn insert(&mut self, operation: Operation) -> (OperationId, u64) {
        let id = OperationId::new(self.index, self.next_sequence);
        self.next_sequence += 1;
        let deadline_ms = operation.next_deadline_ms();
        self.operations.insert(id.0, Slot { operation, look_at_ms: u64::MAX });
        self.set_timer(id.0, 0);
        (id, deadline_ms)
    }

    /// Sees to it that the operation is looked at when it wants to be. Answers when, if that is sooner than before.
    fn set_timer(&mut self, id: u64, earliest_ms: u64) -> Option<u64> {
        let slot = self.operations.get_mut(&id)?;
        let at_ms = slot.operation.next_deadline_ms().max(earliest_ms);
        if at_ms >= slot.look_at_ms {
            return None;
        }
        slot.look_at_ms = at_ms;
        let operations = &self.operations;
        self.timers.set(at_ms, id, |id| operations.contains_key(&id));
        Some(at_ms)
    }

    /// A replica's answer.
    pub fn on_answer(
        &mut self,
        now: Instant,
        reply_to: ReplyTo,
        from: HostId,
        answer: Answer,
        orders: &mut Vec<Order>,
    ) -> Answered {
        let id = reply_to.operation.0;
        let Some(slot) = self.operations.get_mut(&id) else {
            return Answered::default();
        };
        if let Answer::Stale(position) = answer {
            let stale = self.operations.remove(&id).map(|slot| Ended::Stale(from, position, slot.operation));
            return Answered { ended: stale, wake_ms: None };
        }
        let failed = matches!(answer, Answer::Failed(_));
        let ended = match &mut slot.operation {
            Operation::Write(write, _) => {
                let outcome = write.on_answer(now.us / 1_000, reply_to.leg, from, &answer);
                outcome.and_then(|outcome| self.end_write(id, outcome))
            }
            Operation::Read(read, _) => {
                let outcome = read.on_answer(now, reply_to.leg, from, answer, &mut self.latencies, orders);
                outcome.and_then(|outcome| self.end_read(id, outcome))
            }
        };
        // Only a failure can want a look sooner: to ask that replica again.
        let wake_ms = if failed && ended.is_none() { self.set_timer(id, 0) } else { None };
        Answered { ended, wake_ms }
    }

    fn end_write(&mut self, id: u64, outcome: Result<(), CqlError>) -> Option<Ended> {
        match self.operations.remove(&id)?.operation {
            Operation::Write(_, run) => Some(Ended::Write(run, outcome)),
            Operation::Read(..) => None,
        }
    }

    fn end_read(&mut self, id: u64, outcome: Result<ReadResult, CqlError>) -> Option<Ended> {
        match self.operations.remove(&id)?.operation {
            Operation::Read(read, mut run) => {
                run.note(&read);
                Some(Ended::Read(run, outcome))
            }
            Operation::Write(..) => None,
        }
    }

    /// Looks at what is due. Answers what has ended, what is to be sent, and when to look again.
    pub fn on_time(&mut self, now: Instant) -> (Vec<Ended>, Vec<Orders>, Option<u64>) {
        let now_ms = now.us / 1_000;
        let (mut ended, mut orders) = (Vec::new(), Vec::new());
        while let Some((at_ms, id)) = self.timers.pop_due(now_ms) {
            let Some(slot) = self.operations.get_mut(&id).filter(|slot| slot.look_at_ms == at_ms) else {
                continue;
            };
            slot.look_at_ms = u64::MAX;
            let mut sends = Vec::new();
            let over = match &mut slot.operation {
                Operation::Write(write, _) => {
                    let outcome = write.on_time(now_ms, &mut sends);
                    outcome.and_then(|outcome| self.end_write(id, outcome))
                }
                Operation::Read(read, _) => {
                    let outcome = read.on_time(now, &mut sends);
                    outcome.and_then(|outcome| self.end_read(id, outcome))
                }
            };
            match over {
                Some(over) => ended.push(over),
                None => {
                    self.set_timer(id, now_ms + 1);
                }
            }
            if !sends.is_empty() {
                orders.push((OperationId(id), sends));
            }
        }
        let operations = &self.operations;
        let next_ms = self.timers.next_ms(|id| operations.contains_key(&id));
        (ended, orders, next_ms)
    }
}

impl Operation {
    /// When its client is told that it took too long.
    pub fn deadline_ms(&self) -> u64 {
        match self {
            Operation::Write(write, _) => write.deadline_ms(),
            Operation::Read(read, _) => read.deadline_ms(),
        }
    }

    fn next_deadline_ms(&self) -> u64 {
        match self {
            Operation::Write(write, _) => write.next_deadline_ms(),
            Operation::Read(read, _) => read.next_deadline_ms(),
        }
    }
}
