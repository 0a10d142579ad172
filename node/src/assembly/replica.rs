//! This node as a replica: the one door through which mutations and reads reach its data, whoever sent them.

use starling_ring::HostId;
use starling_storage::canonical::digest;
use starling_storage::model::{Mutation, ReadCommand};
use starling_storage::store::{Refusal, StoreError};

use super::outside::CommitTicket;
use super::{FailurePlant, Node};
use crate::coordinate::Answer;
use crate::message::{Destination, Payload, PeerMessage, ReplicaAnswer, ReplicaFailure, ReplicaRequest, ReplyTo};

impl Node {
    /// A coordinator asks.
    pub(super) fn on_request(
        &self,
        from: HostId,
        coordinator: HostId,
        reply_to: ReplyTo,
        epoch: u64,
        request: ReplicaRequest,
    ) {
        let Some(view) = self.view() else { return };
        if epoch > view.metadata.epoch {
            self.with_cluster(|cluster, now_ms| cluster.fetch_if_newer(now_ms, coordinator, epoch));
        }
        match request {
            ReplicaRequest::Mutate { mutation, forward_to } => {
                self.forward(coordinator, reply_to, epoch, &mutation, forward_to);
                let ticket = CommitTicket { coordinator, reply_to };
                if let Err(failure) = self.mutate(mutation, ticket) {
                    self.answer(coordinator, reply_to, ReplicaAnswer::Failed(failure));
                }
            }
            ReplicaRequest::Read { command, digest_only } => {
                let answer = self.read_encoded(command, digest_only);
                self.answer(from, reply_to, answer.unwrap_or_else(ReplicaAnswer::Failed));
            }
        }
    }

    /// Passes a write on to the other replicas of this datacentre; they answer the coordinator.
    fn forward(&self, coordinator: HostId, reply_to: ReplyTo, epoch: u64, mutation: &Payload, forward_to: Vec<HostId>) {
        for host in forward_to {
            let request = ReplicaRequest::Mutate { mutation: mutation.clone(), forward_to: Vec::new() };
            let message = PeerMessage::Request { coordinator, reply_to, epoch, request };
            self.outside.send(Destination::Host(host), message);
        }
    }

    fn mutate(&self, payload: Payload, ticket: CommitTicket) -> Result<(), ReplicaFailure> {
        let mutation = Mutation::decode(&payload.0).map_err(|_| ReplicaFailure::Malformed)?;
        self.store.check_table(mutation.table).map_err(refused)?;
        self.commit(mutation, ticket)
    }

    /// Queues a mutation for commit; `on_committed` answers.
    pub(super) fn commit(&self, mutation: Mutation, ticket: CommitTicket) -> Result<(), ReplicaFailure> {
        if self.plant == Some(FailurePlant::AcknowledgeBeforeApplying) {
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
        self.outside.send(Destination::Host(to), PeerMessage::Answer { reply_to, answer });
    }

    fn read_encoded(&self, command: Payload, digest_only: bool) -> Result<ReplicaAnswer, ReplicaFailure> {
        let command = ReadCommand::decode(&command.0).map_err(|_| ReplicaFailure::Malformed)?;
        let result = self.store.read(&command).map_err(|e| storage_failure(&e))?;
        if digest_only {
            return Ok(ReplicaAnswer::Digest(digest(&result)));
        }
        Ok(ReplicaAnswer::Data(Payload(result.encode())))
    }

    /// Reads this node's own data for a request that it coordinates.
    pub(super) fn read_locally(&self, command: &ReadCommand, digest_only: bool) -> Answer {
        match self.store.read(command) {
            Ok(result) if digest_only => Answer::Digest(digest(&result)),
            Ok(result) => Answer::Data(result),
            Err(error) => Answer::Failed(storage_failure(&error)),
        }
    }
}

pub(crate) fn storage_failure(error: &StoreError) -> ReplicaFailure {
    match error {
        StoreError::Refused(refusal) => refused(*refusal),
        StoreError::Overloaded => ReplicaFailure::Overloaded,
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
