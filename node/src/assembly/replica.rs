//! This node as a replica: the one door through which mutations and reads reach its data, whoever sent them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use starling_planted::{Bug, is_planted};
use starling_ring::HostId;
use starling_storage::canonical::digest;
use starling_storage::engine::EngineError;
use starling_storage::model::{Mutation, ReadCommand, ReadResult};
use starling_storage::store::{Refusal, StoreError};

use super::outside::{CommitTicket, PendingRead};
use super::{Node, View};
use crate::coordinate::Answer;
use crate::message::{
    Destination, Fence, Payload, PeerMessage, ReplicaAnswer, ReplicaFailure, ReplicaRequest, ReplyTo,
};

/// A read that has to walk more rows than this, or to look at more places, is left to other threads, which begin anew:
/// a slice just above costs twice its work, one of 1,000 rows a quarter more. 256 take about 0.2 ms. Fewer: gossip and
/// others' requests wait less; more: fewer reads change threads. 16 to 4,096.
const BRIEF_ROWS_MAX: u32 = 256;

impl Node {
    /// A coordinator asks.
    pub(super) fn on_request(
        &self,
        from: HostId,
        coordinator: HostId,
        reply_to: ReplyTo,
        fence: Fence,
        request: ReplicaRequest,
    ) {
        let Some(view) = self.view() else { return };
        if fence.position > view.metadata.position {
            self.with_cluster(|cluster, now_ms| cluster.fetch_if_newer(now_ms, coordinator, fence.position));
        }
        match request {
            ReplicaRequest::Mutate { mutation, forward_to } => {
                self.forward(coordinator, reply_to, fence, &mutation, forward_to);
                let ticket = CommitTicket { coordinator, reply_to };
                if let Err(refused) = self.mutate(&view, fence, mutation, ticket) {
                    self.answer(coordinator, reply_to, refused);
                }
            }
            ReplicaRequest::Read { command, digest_only } => {
                if let Err(refused) = self.read_for(&view, fence, from, reply_to, command, digest_only) {
                    self.answer(from, reply_to, refused);
                }
            }
        }
    }

    /// Passes a write on to the other replicas of this datacentre; they answer the coordinator.
    fn forward(
        &self,
        coordinator: HostId,
        reply_to: ReplyTo,
        fence: Fence,
        mutation: &Payload,
        forward_to: Vec<HostId>,
    ) {
        for host in forward_to {
            let request = ReplicaRequest::Mutate { mutation: mutation.clone(), forward_to: Vec::new() };
            let message = PeerMessage::Request { coordinator, reply_to, fence, request };
            self.send(Destination::Host(host), message);
        }
    }

    fn mutate(&self, view: &View, fence: Fence, payload: Payload, ticket: CommitTicket) -> Result<(), ReplicaAnswer> {
        let mutation = Mutation::decode(&payload.0).map_err(|_| ReplicaFailure::Malformed)?;
        view.check_write(fence, ticket.coordinator, &mutation)?;
        if !is_planted(Bug::LateWriteAfterTruncate) {
            self.store.check_table(mutation.table).map_err(refused)?;
        }
        Ok(self.commit(mutation, ticket)?)
    }

    /// Queues a mutation for commit; `on_committed` answers.
    pub(super) fn commit(&self, mutation: Mutation, ticket: CommitTicket) -> Result<(), ReplicaFailure> {
        if is_planted(Bug::AcknowledgeBeforeApplying) {
            self.on_committed(ticket, Ok(()));
            let nowhere = CommitTicket { coordinator: HostId(uuid::Uuid::nil()), ..ticket };
            return self.outside.commit(mutation, nowhere);
        }
        self.outside.commit(mutation, ticket)
    }

    /// A commit has ended: durable as the node's mode promises, or failed.
    pub fn on_committed(&self, ticket: CommitTicket, outcome: Result<(), ReplicaFailure>) {
        if ticket.coordinator == self.local {
            let answer = outcome.map_or_else(Answer::Failed, |()| Answer::Applied);
            self.on_answer(ticket.reply_to, self.local, answer);
        } else {
            let answer = outcome.map_or_else(ReplicaAnswer::Failed, |()| ReplicaAnswer::Applied);
            self.answer(ticket.coordinator, ticket.reply_to, answer);
        }
    }

    fn answer(&self, to: HostId, reply_to: ReplyTo, answer: ReplicaAnswer) {
        self.send(Destination::Host(to), PeerMessage::Answer { reply_to, answer });
    }

    /// Reads for another node, now or when it is its turn.
    fn read_for(
        &self,
        view: &View,
        fence: Fence,
        coordinator: HostId,
        reply_to: ReplyTo,
        command: Payload,
        digest_only: bool,
    ) -> Result<(), ReplicaAnswer> {
        let command = ReadCommand::decode(&command.0).map_err(|_| ReplicaFailure::Malformed)?;
        view.check_read(fence, coordinator, &command)?;
        match self.read_briefly(&command)? {
            Some(result) => self.answer(coordinator, reply_to, encoded(&result, digest_only)),
            None => self.read_later(coordinator, reply_to, Arc::new(command), digest_only)?,
        }
        Ok(())
    }

    /// Reads this node's own data for a request that it coordinates; `None`: when it is its turn. A turn that
    /// `is_long` already begins no read.
    pub(super) fn read_locally(
        &self,
        reply_to: ReplyTo,
        command: Arc<ReadCommand>,
        digest_only: bool,
        is_long: bool,
    ) -> Option<Answer> {
        let read = if is_long { Ok(None) } else { self.read_briefly(&command) };
        match read {
            Ok(Some(result)) => Some(answer_of(result, digest_only)),
            Ok(None) => self.read_later(self.local, reply_to, command, digest_only).err().map(Answer::Failed),
            Err(failure) => Some(Answer::Failed(failure)),
        }
    }

    /// Reads, unless others would have to wait for it.
    fn read_briefly(&self, command: &ReadCommand) -> Result<Option<ReadResult>, ReplicaFailure> {
        if command.is_scan() {
            return Ok(None);
        }
        self.store.read_within(command, BRIEF_ROWS_MAX).map_err(|error| storage_failure(&error))
    }

    fn read_later(
        &self,
        coordinator: HostId,
        reply_to: ReplyTo,
        command: Arc<ReadCommand>,
        digest_only: bool,
    ) -> Result<(), ReplicaFailure> {
        let came_us = self.now().us;
        self.outside.read_later(PendingRead { coordinator, reply_to, command, digest_only, came_us })
    }

    /// It is the turn of a read that was put off.
    pub fn on_pending_read(&self, read: PendingRead) {
        let PendingRead { coordinator, reply_to, command, digest_only, came_us } = read;
        let is_local = coordinator == self.local;
        let is_late = if is_local {
            let shard = self.shards.get(reply_to.operation.shard());
            !shard.is_some_and(|shard| shard.lock().is_open(reply_to.operation))
        } else {
            let timeout_ms = self.config.range_timeout_ms.max(self.config.read_timeout_ms);
            self.now().us.saturating_sub(came_us) >= timeout_ms.saturating_mul(1_000)
        };
        if is_late {
            // Nobody waits for it any more: the time belongs to those that are waited for.
            self.figures.late_reads.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let read = self.store.read(&command).map_err(|error| storage_failure(&error));
        if is_local {
            let answer = read.map_or_else(Answer::Failed, |result| answer_of(result, digest_only));
            self.on_answer(reply_to, self.local, answer);
        } else {
            let answer = read.map_or_else(ReplicaAnswer::Failed, |result| encoded(&result, digest_only));
            self.answer(coordinator, reply_to, answer);
        }
    }
}

fn answer_of(result: ReadResult, digest_only: bool) -> Answer {
    if digest_only { Answer::Digest(digest(&result)) } else { Answer::Data(result) }
}

fn encoded(result: &ReadResult, digest_only: bool) -> ReplicaAnswer {
    if digest_only { ReplicaAnswer::Digest(digest(result)) } else { ReplicaAnswer::Data(Payload(result.encode())) }
}

pub(crate) fn storage_failure(error: &StoreError) -> ReplicaFailure {
    match error {
        StoreError::Refused(refusal) => refused(*refusal),
        StoreError::Overloaded => ReplicaFailure::Overloaded,
        // For each write: who watches the disk logs it once.
        StoreError::Engine(EngineError::Full(_)) => ReplicaFailure::DiskFull,
        error => {
            tracing::error!("storage failed: {error}");
            ReplicaFailure::Storage
        }
    }
}

/// A table that is not there: gone, or not heard of yet.
pub(crate) fn refused(refusal: Refusal) -> ReplicaFailure {
    match refusal {
        Refusal::Behind => ReplicaFailure::Behind,
        Refusal::Gone => ReplicaFailure::Gone,
    }
}
