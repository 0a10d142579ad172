//! Reads of clients: command after command at the consistency level until a page is full.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use starling_cql_lite::protocol::error::CqlError;
use starling_ring::placement::Placement;
use starling_ring::{ConsistencyLevel, Requirement, Token};
use starling_storage::model::{ReadCommand, ReadResult, ReadTarget};
use starling_storage::store::read_partitions;

use super::asked::Asked;
use super::client::{ClientResponse, Descriptions, RowsMetadata};
use super::figures::Locality;
use super::shard::Operation;
use super::turn::Turn;
use super::{Node, View};
use crate::coordinate::{ReadCoordination, errors, plan_read};
use crate::plan::{ReadOperation, ReadProgress};
use crate::system::{self, ClusterView};

/// A read under way, between and during its commands.
pub struct ReadRun {
    asked: Asked,
    view: Arc<View>,
    keyspace: String,
    requirement: Requirement,
    progress: ReadProgress,
    descriptions: Descriptions,
    deadline_ms: u64,
    /// The present command covers its token range only up to here.
    covered_to: Option<Token>,
    speculated: u32,
    mismatched: bool,
    is_arrival_counted: bool,
}

impl ReadRun {
    /// Remembers how a command went.
    pub fn note(&mut self, read: &ReadCoordination) {
        self.speculated += read.speculated;
        self.mismatched |= read.mismatched;
    }

    /// The next command, cut to a range with one set of replicas; `None`: the page is complete.
    fn next_command(&mut self) -> Option<ReadCommand> {
        let mut command = self.progress.next_command()?;
        self.covered_to = None;
        if let ReadTarget::TokenRange { start, end } = command.target {
            let end = end_of_same_replicas(&self.view, &self.keyspace, start, end);
            command.target = ReadTarget::TokenRange { start, end };
            self.covered_to = Some(end);
        }
        Some(command)
    }
}

/// A token that has the replicas of the target.
fn token_of(target: &ReadTarget) -> Token {
    match target {
        ReadTarget::Partition { token, .. } => *token,
        ReadTarget::TokenRange { end, .. } => *end,
    }
}

/// The furthest token up to `end` for which the replicas are those of the first range after `start`.
fn end_of_same_replicas(view: &View, keyspace: &str, start: Token, end: Token) -> Token {
    let ranges = view.placement(keyspace).map(Placement::scan_ranges).unwrap_or_default();
    ranges.iter().find(|(_, to, _)| *to > start).map_or(end, |(_, to, _)| end.min(*to))
}

impl Node {
    pub(super) fn run_read(
        &self,
        view: &Arc<View>,
        asked: Asked,
        operation: ReadOperation,
        level: ConsistencyLevel,
        descriptions: Descriptions,
    ) {
        if operation.is_virtual() {
            let response = self.read_virtual(view, operation, descriptions);
            return self.respond(asked, response.unwrap_or_else(ClientResponse::Error));
        }
        if level.is_serial() {
            // A quorum read would look the same, but promises less.
            let message =
                format!("Consistency level {level} is not supported yet: there are no lightweight transactions");
            return self.fail(asked, CqlError::Invalid(message));
        }
        let keyspace = operation.table().keyspace.clone();
        let Some(known) = view.schema().keyspaces.get(&keyspace) else {
            return self.fail(asked, CqlError::Invalid(format!("Keyspace {keyspace} does not exist")));
        };
        let requirement =
            match Requirement::for_read(level, &known.replication, view.topology(), &view.local_datacenter) {
                Ok(requirement) => self.planted(requirement, view),
                Err(error) => return self.fail(asked, CqlError::Invalid(error.to_string())),
            };
        let timeout_ms = if operation.is_scan() { self.config.range_timeout_ms } else { self.config.read_timeout_ms };
        if !operation.is_single_partition() {
            self.count_arrival(&asked, Locality::Several);
        }
        let run = ReadRun {
            deadline_ms: asked.began_us / 1_000 + timeout_ms,
            is_arrival_counted: !operation.is_single_partition(),
            asked,
            view: view.clone(),
            keyspace,
            requirement,
            progress: ReadProgress::new(operation),
            descriptions,
            covered_to: None,
            speculated: 0,
            mismatched: false,
        };
        let mut turn = Turn::default();
        self.next_read(Box::new(run), &mut turn);
        self.finish(turn);
    }

    /// A command of a read has ended.
    pub(super) fn on_command_read(
        &self,
        mut run: Box<ReadRun>,
        outcome: Result<ReadResult, CqlError>,
        turn: &mut Turn,
    ) {
        match outcome.and_then(|result| run.progress.feed(result, run.covered_to)) {
            Ok(()) => self.next_read(run, turn),
            Err(error) => self.answer_read(*run, Err(error)),
        }
    }

    fn next_read(&self, mut run: Box<ReadRun>, turn: &mut Turn) {
        let Some(command) = run.next_command() else {
            return self.answer_read(*run, Ok(()));
        };
        let now = self.now();
        turn.note(now);
        // A read of what this node holds itself may never wait, so that no timer would end it.
        if now.us / 1_000 >= run.deadline_ms {
            let error = CqlError::read_timeout(run.requirement.level(), 0, run.requirement.required(), false);
            return self.answer_read(*run, Err(error));
        }
        let view = run.view.clone();
        let Some(placement) = view.placement(&run.keyspace) else {
            return self.answer_read(*run, Err(CqlError::invalid("the keyspace was dropped meanwhile")));
        };
        let replicas = placement.replicas(token_of(&command.target));
        self.count_read_arrival(&mut run, replicas.contains(&view.local_index));
        // Liveness as of now: the read may have waited for others of its commands.
        let current = self.view();
        let liveness = current.as_ref().filter(|c| c.metadata.epoch == view.metadata.epoch).unwrap_or(&view);
        let spread = self.outside.random();
        let shard = self.pick_shard();
        let mut orders = Vec::new();
        let started = {
            let mut shard = self.shards[shard].lock();
            let plan = plan_read(
                view.topology(),
                replicas,
                view.local_index,
                &run.requirement,
                &shard.latencies,
                spread,
                &|i| liveness.is_alive(i),
            );
            match plan {
                Err(unavailable) => Err((run, errors::unavailable(unavailable))),
                // A keyspace without replicas here (a factor of 0): nobody could answer.
                Ok(plan) if plan.contacts.is_empty() => {
                    let level = run.requirement.level();
                    Err((run, CqlError::unavailable(level, 1, 0)))
                }
                Ok(_) if shard.operation_count() >= self.config.operations_per_shard_max => {
                    Err((run, self.overloaded()))
                }
                Ok(plan) => {
                    let requirement = run.requirement.clone();
                    let deadline_ms = run.deadline_ms;
                    let patience_ms = plan.patience_ms(&shard.latencies, &shard.speculation);
                    let read = ReadCoordination::start(
                        Arc::new(command),
                        plan,
                        requirement,
                        now,
                        deadline_ms,
                        patience_ms,
                        &mut orders,
                    );
                    Ok(shard.insert(Operation::Read(Box::new(read), run)))
                }
            }
        };
        match started {
            Ok((id, at_ms)) => {
                self.outside.wake_at(shard, at_ms);
                self.carry_out(id, orders, turn);
            }
            Err((run, error)) => self.answer_read(*run, Err(error)),
        }
    }

    /// Counts where a read of one partition arrived, with the first of its commands.
    fn count_read_arrival(&self, run: &mut ReadRun, is_local: bool) {
        if !std::mem::replace(&mut run.is_arrival_counted, true) {
            self.count_arrival(&run.asked, if is_local { Locality::Local } else { Locality::Remote });
        }
    }

    fn answer_read(&self, run: ReadRun, outcome: Result<(), CqlError>) {
        self.figures.speculative_reads.fetch_add(u64::from(run.speculated), Ordering::Relaxed);
        self.figures.read_repairs.fetch_add(u64::from(run.mismatched), Ordering::Relaxed);
        let response = outcome.and_then(|()| rows(run.progress, run.descriptions));
        self.respond(run.asked, response.unwrap_or_else(ClientResponse::Error));
    }
}

impl Node {
    /// A system table: made up from the view, then read like any other.
    fn read_virtual(
        &self,
        view: &View,
        operation: ReadOperation,
        descriptions: Descriptions,
    ) -> Result<ClientResponse, CqlError> {
        let is_of_traces = operation.table().keyspace == "system_traces";
        let traces = if is_of_traces { self.traces.sessions() } else { Vec::new() };
        let cluster = ClusterView {
            traces: &traces,
            cluster_name: &view.metadata.cluster_name,
            local: view.local,
            members: view.topology().members(),
            schema: view.schema(),
            schema_version: view.schema_version(),
            gossip_generation: 1,
            settings: &self.config.settings,
        };
        let partitions = system::rows(operation.table(), &cluster);
        let mut progress = ReadProgress::new(operation);
        while let Some(command) = progress.next_command() {
            progress.feed(read_partitions(&command, &partitions), None)?;
        }
        rows(progress, descriptions)
    }
}

fn rows(progress: ReadProgress, descriptions: Descriptions) -> Result<ClientResponse, CqlError> {
    let metadata = RowsMetadata::Select(progress.operation().metadata());
    Ok(ClientResponse::Rows { metadata, page: progress.finish()?, descriptions })
}
