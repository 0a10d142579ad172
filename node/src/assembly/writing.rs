//! Writes of clients: from mutations to their replicas, to the answer.

use std::sync::atomic::Ordering;

use starling_cql_lite::protocol::error::CqlError;
use starling_ring::{ConsistencyLevel, Requirement};

use super::client::{ClientResponse, ClientTicket};
use super::shard::Operation;
use super::{FailurePlant, Node, View};
use crate::coordinate::{WriteCoordination, WriteLeg, replicas_of};
use crate::plan::{TableMutation, WriteOperation};

/// Who waits for a write.
pub struct WriteRun {
    ticket: ClientTicket,
}

impl Node {
    pub(super) fn run_write(&self, view: &View, ticket: ClientTicket, write: WriteOperation, level: ConsistencyLevel) {
        let legs: Result<Vec<WriteLeg>, CqlError> =
            write.mutations.into_iter().map(|mutation| self.write_leg(view, mutation, level)).collect();
        let kind = write.kind;
        let legs = match legs {
            Ok(legs) if legs.is_empty() => return ticket.respond(ClientResponse::Void),
            Ok(legs) => legs,
            Err(error) => return ticket.fail(error),
        };
        let now_ms = self.now().us / 1_000;
        let deadline_ms = now_ms + self.config.write_timeout_ms;
        let local_datacenter = view.topology().datacenter_of(view.local_index).unwrap_or(u16::MAX);
        let mut orders = Vec::new();
        let write = match WriteCoordination::start(
            legs,
            kind,
            self.local,
            local_datacenter,
            now_ms,
            deadline_ms,
            &mut orders,
        ) {
            Ok(write) => write,
            Err(error) => return self.finish_write(WriteRun { ticket }, Err(error)),
        };
        let run = WriteRun { ticket };
        if let Err(Operation::Write(_, run)) = self.start_operation(Operation::Write(write, run), orders) {
            self.finish_write(run, Err(self.overloaded()));
        }
    }

    fn write_leg(&self, view: &View, mutation: TableMutation, level: ConsistencyLevel) -> Result<WriteLeg, CqlError> {
        let TableMutation { table, mutation } = mutation;
        let name = &table.keyspace;
        let known = view.schema().keyspaces.get(name).zip(view.placement(name));
        let (keyspace, placement) = known.ok_or_else(|| CqlError::invalid("the table was dropped meanwhile"))?;
        let requirement = Requirement::for_write(level, &keyspace.replication, view.topology(), &view.local_datacenter)
            .map_err(|e| CqlError::Invalid(e.to_string()))?;
        let encoded = mutation.encode();
        let (size, max) = (encoded.len(), self.config.mutation_size_bytes_max);
        if size > max {
            return Err(CqlError::Invalid(format!(
                "Mutation of {size} bytes is too large for the maximum size of {max}"
            )));
        }
        let token = mutation.partition.token;
        let replicas = replicas_of(view.topology(), placement, token, &|i| view.is_alive(i));
        let requirement = self.planted(requirement, view);
        Ok(WriteLeg { mutation: Some(mutation), encoded, replicas, requirement })
    }

    /// The requirement, or with the planted bug one answer less.
    pub(super) fn planted(&self, requirement: Requirement, view: &View) -> Requirement {
        if self.plant == Some(FailurePlant::OneAnswerTooFew) && requirement.required() > 1 {
            let fewer = starling_ring::ReplicationStrategy::Simple { replication_factor: 1 };
            let level = requirement.level();
            return Requirement::for_write(level, &fewer, view.topology(), &view.local_datacenter)
                .unwrap_or(requirement);
        }
        requirement
    }

    pub(super) fn finish_write(&self, run: WriteRun, outcome: Result<(), CqlError>) {
        self.count(&self.figures.writes, outcome.as_ref().err());
        match outcome {
            Ok(()) => run.ticket.respond(ClientResponse::Void),
            Err(error) => run.ticket.fail(error),
        }
    }

    pub(super) fn count(&self, figures: &[std::sync::atomic::AtomicU64; 3], error: Option<&CqlError>) {
        let place = match error {
            None => 0,
            Some(CqlError::WriteTimeout { .. } | CqlError::ReadTimeout { .. }) => 1,
            Some(_) => 2,
        };
        figures[place].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn overloaded(&self) -> CqlError {
        self.figures.overloaded.fetch_add(1, Ordering::Relaxed);
        CqlError::Overloaded("Too many requests are under way on this node; nothing was done".into())
    }
}
