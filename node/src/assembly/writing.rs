//! Writes of clients: from mutations to their replicas, to the answer.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use starling_cql_lite::protocol::error::CqlError;
use starling_planted::{Bug, is_planted};
use starling_ring::{ConsistencyLevel, Requirement};

use super::asked::Asked;
use super::client::ClientResponse;
use super::figures::Locality;
use super::shard::Operation;
use super::{Node, View};
use crate::coordinate::{WriteCoordination, WriteLeg, replicas_of};
use crate::plan::{TableMutation, WriteOperation};

/// Who waits for a write.
pub struct WriteRun {
    asked: Asked,
    warnings: Vec<String>,
}

impl Node {
    pub(super) fn run_write(&self, view: &View, asked: Asked, write: WriteOperation, level: ConsistencyLevel) {
        let now_us = asked.began_us;
        self.run_write_from(view, asked, write, level, now_us);
    }

    /// A write that begins at `now_us`: later than its request came, if it had to read first.
    pub(super) fn run_write_from(
        &self,
        view: &View,
        asked: Asked,
        write: WriteOperation,
        level: ConsistencyLevel,
        now_us: u64,
    ) {
        let tables = if write.is_batch && write.mutations.len() > 1 { table_names(&write) } else { String::new() };
        let legs: Result<Vec<WriteLeg>, CqlError> =
            write.mutations.into_iter().map(|mutation| self.write_leg(view, mutation, level)).collect();
        let (kind, is_batch) = (write.kind, write.is_batch);
        let legs = match legs {
            Ok(legs) if legs.is_empty() => return self.respond(asked, ClientResponse::Void),
            Ok(legs) => legs,
            Err(error) => return self.fail(asked, error),
        };
        let warnings = match self.check_batch(&legs, is_batch, tables) {
            Ok(warnings) => warnings,
            Err(error) => return self.fail(asked, error),
        };
        self.count_arrival(&asked, self.locality(&legs));
        let now_ms = now_us / 1_000;
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
            Err(error) => return self.finish_write(WriteRun { asked, warnings }, Err(error)),
        };
        let run = WriteRun { asked, warnings };
        if let Err(Operation::Write(_, run)) = self.start_operation(Operation::Write(write, run), orders) {
            self.finish_write(run, Err(self.overloaded()));
        }
    }

    /// Refuses a batch that is too large; says what the client is to be warned of. Batches of one partition are bounded
    /// by the size of a mutation.
    fn check_batch(&self, legs: &[WriteLeg], is_batch: bool, tables: String) -> Result<Vec<String>, CqlError> {
        if !is_batch || legs.len() < 2 {
            return Ok(Vec::new());
        }
        let size: usize = legs.iter().map(|leg| leg.encoded.len()).sum();
        let (warn, max) = (self.config.batch_size_bytes_warn, self.config.batch_size_bytes_max);
        if size > max {
            return Err(CqlError::Invalid(format!("Batch too large: {size} bytes, at most {max} are allowed")));
        }
        let mut warnings = Vec::new();
        if size > warn {
            warnings.push(format!(
                "Batch for {tables} is of size {size}, exceeding specified threshold of {warn} by {}.",
                size - warn
            ));
        }
        if legs.len() > self.config.batch_partitions_warn {
            warnings.push(format!(
                "Unlogged batch covering {} partitions detected against {tables}. You should use a logged batch for \
                 atomicity, or asynchronous writes for performance.",
                legs.len()
            ));
        }
        Ok(warnings)
    }

    pub(super) fn write_leg(
        &self,
        view: &View,
        mutation: TableMutation,
        level: ConsistencyLevel,
    ) -> Result<WriteLeg, CqlError> {
        let TableMutation { table, mutation } = mutation;
        let name = &table.keyspace;
        let known = view.schema().keyspaces.get(name).zip(view.ranges(name));
        let (keyspace, ranges) = known.ok_or_else(|| CqlError::invalid("the table was dropped meanwhile"))?;
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
        let replicas = replicas_of(view.topology(), &ranges.placement, token, &|i| view.is_alive(i));
        let requirement = self.planted(requirement, view);
        let fence = view.fence(ranges, token);
        Ok(WriteLeg { mutation: Some(mutation), encoded, replicas, requirement, fence })
    }

    /// The requirement, or with the planted bug one answer less.
    pub(super) fn planted(&self, requirement: Requirement, view: &View) -> Requirement {
        if is_planted(Bug::OneAnswerTooFew) && requirement.required() > 1 {
            let fewer = starling_ring::ReplicationStrategy::Simple { replication_factor: 1 };
            let level = requirement.level();
            return Requirement::for_write(level, &fewer, view.topology(), &view.local_datacenter)
                .unwrap_or(requirement);
        }
        requirement
    }

    pub(super) fn finish_write(&self, run: WriteRun, outcome: Result<(), CqlError>) {
        let done = |()| ClientResponse::Void.with_warnings(run.warnings);
        self.respond(run.asked, outcome.map_or_else(ClientResponse::Error, done));
    }

    fn locality(&self, legs: &[WriteLeg]) -> Locality {
        match legs {
            [leg] if leg.replicas.iter().any(|replica| replica.host == self.local) => Locality::Local,
            [_] => Locality::Remote,
            _ => Locality::Several,
        }
    }

    pub(super) fn overloaded(&self) -> CqlError {
        self.figures.overloaded.fetch_add(1, Ordering::Relaxed);
        CqlError::Overloaded("Too many requests are under way on this node; nothing was done".into())
    }
}

/// As warnings name them.
fn table_names(write: &WriteOperation) -> String {
    let names: BTreeSet<String> =
        write.mutations.iter().map(|part| format!("{}.{}", part.table.keyspace, part.table.name)).collect();
    let names: Vec<String> = names.into_iter().collect();
    format!("table{} [{}]", if names.len() > 1 { "s" } else { "" }, names.join(", "))
}
