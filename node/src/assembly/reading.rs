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
use crate::coordinate::{Instant, ReadCoordination, errors, plan_read};
use crate::plan::{PendingWrite, ReadOperation, ReadProgress};
use crate::system::{self, ClusterView};

/// A read under way, between and during its commands.
pub struct ReadRun {
    asked: Asked,
    view: Arc<View>,
    keyspace: String,
    requirement: Requirement,
    progress: Progress,
    deadline_ms: u64,
    /// The present command covers its token range only up to here.
    covered_to: Option<Token>,
    speculated: u32,
    mismatched: bool,
    is_arrival_counted: bool,
}

/// What a read is for.
#[allow(clippy::large_enum_variant, reason = "the run that holds it is boxed, and most are of the large kind")]
enum Progress {
    /// Rows for the client.
    Rows(ReadProgress, Descriptions),
    /// Lists that a write at this level depends on.
    Lists(Box<PendingWrite>, ConsistencyLevel),
}

impl ReadRun {
    /// Remembers how a command went.
    pub fn note(&mut self, read: &ReadCoordination) {
        self.speculated += read.speculated;
        self.mismatched |= read.mismatched;
    }

    /// The next command, cut to a range with one set of replicas; `None`: the page is complete.
    fn next_command(&mut self) -> Option<ReadCommand> {
        let mut command = match &self.progress {
            Progress::Rows(progress, _) => progress.next_command()?,
            Progress::Lists(pending, _) => pending.next_command()?,
        };
        self.covered_to = None;
        if let ReadTarget::TokenRange { start, end } = command.target {
            let end = end_of_same_replicas(&self.view, &self.keyspace, start, end);
            command.target = ReadTarget::TokenRange { start, end };
            self.covered_to = Some(end);
        }
        Some(command)
    }
}

/// A read of what this node holds itself may never wait, so that no timer would end it.
fn check_deadline(run: &ReadRun, now: Instant) -> Result<(), CqlError> {
    if now.us / 1_000 >= run.deadline_ms {
        return Err(CqlError::read_timeout(run.requirement.level(), 0, run.requirement.required(), false));
    }
    Ok(())
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
        if let Err(error) = self.check_clock() {
            return self.fail(asked, error);
        }
        if level.is_serial() {
            // A quorum read would look the same, but promises less.
            let message =
                format!("Consistency level {level} is not supported yet: there are no lightweight transactions");
            return self.fail(asked, CqlError::Invalid(message));
        }
        let keyspace = operation.table().keyspace.clone();
        let progress = Progress::Rows(ReadProgress::new(operation), descriptions);
        self.begin_read(view, asked, keyspace, level, progress);
    }

    fn begin_read(
        &self,
        view: &Arc<View>,
        asked: Asked,
        keyspace: String,
        level: ConsistencyLevel,
        progress: Progress,
    ) {
        let requirement = match self.read_requirement(view, &keyspace, level) {
            Ok(requirement) => requirement,
            Err(error) => return self.fail(asked, error),
        };
        let (timeout_ms, is_arrival_counted) = match &progress {
            Progress::Rows(rows, _) if rows.operation().is_single_partition() => (self.config.read_timeout_ms, false),
            Progress::Rows(rows, _) => {
                self.count_arrival(&asked, Locality::Several);
                let is_scan = rows.operation().is_scan();
                (if is_scan { self.config.range_timeout_ms } else { self.config.read_timeout_ms }, true)
            }
            // The write counts it.
            Progress::Lists(..) => (self.config.read_timeout_ms, true),
        };
        let run = ReadRun {
            deadline_ms: asked.began_us / 1_000 + timeout_ms,
            is_arrival_counted,
            asked,
            view: view.clone(),
            keyspace,
            requirement,
            progress,
            covered_to: None,
            speculated: 0,
            mismatched: false,
        };
        let mut turn = Turn::default();
        self.next_read(Box::new(run), &mut turn);
        self.finish(turn);
    }

    /// What a read of a keyspace needs at a level.
    fn read_requirement(&self, view: &View, keyspace: &str, level: ConsistencyLevel) -> Result<Requirement, CqlError> {
        let known = view.schema().keyspaces.get(keyspace);
        let known = known.ok_or_else(|| CqlError::Invalid(format!("Keyspace {keyspace} does not exist")))?;
        Requirement::for_read(level, &known.replication, view.topology(), &view.local_datacenter)
            .map(|requirement| self.planted(requirement, view))
            .map_err(|error| CqlError::Invalid(error.to_string()))
    }

    /// Reads the lists that a write depends on, then writes. Both take the level, as in Cassandra.
    pub(super) fn run_read_then_write(
        &self,
        view: &Arc<View>,
        asked: Asked,
        pending: Box<PendingWrite>,
        level: ConsistencyLevel,
    ) {
        if level == ConsistencyLevel::Any {
            let message =
                format!("A write that depends on what a list holds reads it, and consistency {level} has no reads");
            return self.fail(asked, CqlError::Invalid(message));
        }
        let Some(keyspace) = pending.table().map(|table| table.keyspace.clone()) else {
            return self.write_after_read(view, asked, pending, level);
        };
        self.begin_read(view, asked, keyspace, level, Progress::Lists(pending, level));
    }

    fn write_after_read(&self, view: &View, asked: Asked, pending: Box<PendingWrite>, level: ConsistencyLevel) {
        // What was read is before what is written.
        let stamp = match self.issue_stamp() {
            Ok(stamp) => stamp,
            Err(error) => return self.fail(asked, error),
        };
        match pending.finish(stamp) {
            Ok(write) => self.run_write_from(view, asked, write, level, self.now().us),
            Err(error) => self.fail(asked, error),
        }
    }

    /// A command of a read has ended.
    pub(super) fn on_command_read(
        &self,
        mut run: Box<ReadRun>,
        outcome: Result<ReadResult, CqlError>,
        turn: &mut Turn,
    ) {
        let fed = outcome.and_then(|result| match &mut run.progress {
            Progress::Rows(progress, _) => progress.feed(result, run.covered_to),
            Progress::Lists(pending, _) => pending.feed(&result),
        });
        match fed {
            Ok(()) => self.next_read(run, turn),
            Err(error) => self.answer_read(*run, Err(error)),
        }
    }

    /// Puts a read on the newest view, to begin its present command anew.
    pub(super) fn renew(&self, run: &mut ReadRun, view: Arc<View>) -> Result<(), CqlError> {
        run.requirement = self.read_requirement(&view, &run.keyspace, run.requirement.level())?;
        run.view = view;
        Ok(())
    }

    pub(super) fn next_read(&self, mut run: Box<ReadRun>, turn: &mut Turn) {
        let Some(command) = run.next_command() else {
            return self.answer_read(*run, Ok(()));
        };
        let now = self.now();
        turn.note(now);
        if let Err(error) = self.change_keyspace(&mut run).and_then(|()| check_deadline(&run, now)) {
            return self.answer_read(*run, Err(error));
        }
        let view = run.view.clone();
        let Some(ranges) = view.ranges(&run.keyspace) else {
            return self.answer_read(*run, Err(CqlError::invalid("the keyspace was dropped meanwhile")));
        };
        let replicas = ranges.placement.replicas(token_of(&command.target));
        self.count_read_arrival(&mut run, replicas.contains(&view.local_index));
        // Liveness as of now: the read may have waited for others of its commands.
        let current = self.view();
        let liveness = current.as_ref().filter(|c| c.metadata.position == view.metadata.position).unwrap_or(&view);
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
                Ok(mut plan) => {
                    plan.fence = view.read_fence(ranges, &command.target);
                    plan.repairs = view.table(command.table.id).is_none_or(|table| table.options.repairs_reads());
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

    /// A batch may depend on lists of several keyspaces: each has its replicas.
    fn change_keyspace(&self, run: &mut ReadRun) -> Result<(), CqlError> {
        let Progress::Lists(pending, level) = &run.progress else { return Ok(()) };
        let next = pending.table().map(|table| &table.keyspace).filter(|name| **name != run.keyspace);
        if let Some(keyspace) = next.cloned() {
            run.requirement = self.read_requirement(&run.view, &keyspace, *level)?;
            run.keyspace = keyspace;
        }
        Ok(())
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
        let (progress, descriptions) = match run.progress {
            Progress::Rows(progress, descriptions) => (progress, descriptions),
            Progress::Lists(pending, level) => {
                return match outcome {
                    // Owners as they are now: the read may have taken long.
                    Ok(()) => self.write_after_read(&self.view().unwrap_or(run.view), run.asked, pending, level),
                    Err(error) => self.fail(run.asked, error),
                };
            }
        };
        let response = outcome.and_then(|()| rows(progress, descriptions));
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
            lagging: &self.lagging(view),
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
