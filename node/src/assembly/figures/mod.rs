//! What the node counts of its clients' requests: relaxed atomics, nothing allocated or locked. Pure: durations come in
//! as arguments.

mod histogram;

use std::sync::atomic::{AtomicU64, Ordering};

use starling_cql_lite::ast::Statement;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::ConsistencyLevel;

pub use histogram::{BOUNDS_US, Histogram, HistogramValues};

use crate::plan::{Operation as Planned, Prepared};

/// What a request asks for, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of CQL's statements")]
pub enum OperationKind {
    /// SELECT of named partitions.
    Read,
    /// SELECT over token ranges.
    Scan,
    /// SELECT from a system table, answered from memory.
    System,
    Write,
    Batch,
    Truncate,
    Schema,
    Describe,
    Use,
    Prepare,
    /// It failed before it was known what it is.
    Unknown,
}

impl OperationKind {
    /// All of them.
    pub const ALL: [OperationKind; 11] = [
        OperationKind::Read,
        OperationKind::Scan,
        OperationKind::System,
        OperationKind::Write,
        OperationKind::Batch,
        OperationKind::Truncate,
        OperationKind::Schema,
        OperationKind::Describe,
        OperationKind::Use,
        OperationKind::Prepare,
        OperationKind::Unknown,
    ];

    /// As the metrics page has it.
    pub fn name(self) -> &'static str {
        match self {
            OperationKind::Read => "read",
            OperationKind::Scan => "scan",
            OperationKind::System => "system",
            OperationKind::Write => "write",
            OperationKind::Batch => "batch",
            OperationKind::Truncate => "truncate",
            OperationKind::Schema => "schema",
            OperationKind::Describe => "describe",
            OperationKind::Use => "use",
            OperationKind::Prepare => "prepare",
            OperationKind::Unknown => "unknown",
        }
    }

    /// Of a statement that is not bound yet.
    pub(super) fn expected(prepared: &Prepared) -> Self {
        match prepared {
            prepared if prepared.is_read() => OperationKind::Read,
            prepared if prepared.is_modification() => OperationKind::Write,
            prepared if prepared.is_batch() => OperationKind::Batch,
            _ => OperationKind::Unknown,
        }
    }

    /// Of a bound statement.
    pub(super) fn of(planned: &Planned, is_batch: bool) -> Self {
        match planned {
            Planned::Write(_) | Planned::ReadThenWrite(_) if is_batch => OperationKind::Batch,
            Planned::Write(_) | Planned::ReadThenWrite(_) => OperationKind::Write,
            Planned::Read(read) if read.is_virtual() => OperationKind::System,
            Planned::Read(read) if read.is_scan() => OperationKind::Scan,
            Planned::Read(_) => OperationKind::Read,
            Planned::Use(_) => OperationKind::Use,
            Planned::Truncate { .. } => OperationKind::Truncate,
            Planned::Other(statement) if matches!(**statement, Statement::Describe(_)) => OperationKind::Describe,
            Planned::Other(_) => OperationKind::Schema,
        }
    }

    /// Whether its consistency level means anything.
    pub fn has_level(self) -> bool {
        matches!(self, OperationKind::Read | OperationKind::Scan | OperationKind::Write | OperationKind::Batch)
    }
}

/// How a request ended, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Success,
    /// Too few replicas answered in time; a write may be there.
    Timeout,
    /// Too few replicas were alive; nothing was done.
    Unavailable,
    /// Replicas failed; a write may be there.
    Failure,
    /// Too much was under way; nothing was done.
    Overloaded,
    /// The request is wrong: syntax, names, values, permissions.
    Invalid,
    /// A prepared statement that is not known (any more); the client prepares it again.
    Unprepared,
    /// Anything else.
    Error,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 8] = [
        Outcome::Success,
        Outcome::Timeout,
        Outcome::Unavailable,
        Outcome::Failure,
        Outcome::Overloaded,
        Outcome::Invalid,
        Outcome::Unprepared,
        Outcome::Error,
    ];

    /// As the metrics page has it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Timeout => "timeout",
            Outcome::Unavailable => "unavailable",
            Outcome::Failure => "failure",
            Outcome::Overloaded => "overloaded",
            Outcome::Invalid => "invalid",
            Outcome::Unprepared => "unprepared",
            Outcome::Error => "error",
        }
    }
}

impl From<&CqlError> for Outcome {
    fn from(error: &CqlError) -> Self {
        match error {
            CqlError::WriteTimeout { .. } | CqlError::ReadTimeout { .. } => Outcome::Timeout,
            CqlError::Unavailable { .. } => Outcome::Unavailable,
            CqlError::ReadFailure { .. } | CqlError::WriteFailure { .. } | CqlError::FunctionFailure { .. } => {
                Outcome::Failure
            }
            CqlError::Overloaded(_) => Outcome::Overloaded,
            CqlError::Invalid(_)
            | CqlError::Syntax(_)
            | CqlError::Unauthorized(_)
            | CqlError::Config(_)
            | CqlError::AlreadyExists { .. } => Outcome::Invalid,
            CqlError::Unprepared { .. } => Outcome::Unprepared,
            _ => Outcome::Error,
        }
    }
}

/// Where a request for one partition arrived; or that it was for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// At a replica of its partition.
    Local,
    /// At a node that has to ask others.
    Remote,
    /// It is for more than one partition: there is no best node.
    Several,
}

/// Levels, and one place for requests to which a level means nothing.
const LEVELS: usize = ConsistencyLevel::ALL_LEVELS.len() + 1;

/// What is counted of one kind of operation.
#[derive(Debug, Default)]
struct OperationFigures {
    /// By level, then outcome.
    ended: [[AtomicU64; Outcome::ALL.len()]; LEVELS],
    durations: Histogram,
    /// By locality, then unprepared and prepared.
    localities: [[AtomicU64; 2]; 3],
}

/// Counters of one node.
#[derive(Debug, Default)]
pub struct Figures {
    operations: [OperationFigures; OperationKind::ALL.len()],
    /// Replicas asked in addition because another was slow.
    pub speculative_reads: AtomicU64,
    /// Reads whose replicas disagreed and were repaired.
    pub read_repairs: AtomicU64,
    /// Requests refused because too much was under way.
    pub overloaded: AtomicU64,
    /// Reads of this node's own data that were put off and not carried out, because nobody waited for them any more.
    pub late_reads: AtomicU64,
}

impl Figures {
    /// A request has ended.
    pub(super) fn ended(
        &self,
        operation: OperationKind,
        level: Option<ConsistencyLevel>,
        outcome: Outcome,
        duration_us: u64,
    ) {
        let figures = &self.operations[operation as usize];
        let level = level.filter(|_| operation.has_level()).map_or(LEVELS - 1, |level| usize::from(level.code()));
        if let Some(outcomes) = figures.ended.get(level) {
            outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        }
        figures.durations.record(duration_us);
    }

    /// It is known where a request arrived.
    pub(super) fn arrived(&self, operation: OperationKind, is_prepared: bool, locality: Locality) {
        self.operations[operation as usize].localities[locality as usize][usize::from(is_prepared)]
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Requests of an operation that ended so. `level`: `None` for operations to which a level means nothing.
    pub fn requests(&self, operation: OperationKind, level: Option<ConsistencyLevel>, outcome: Outcome) -> u64 {
        let level = level.map_or(LEVELS - 1, |level| usize::from(level.code()));
        let outcomes = self.operations[operation as usize].ended.get(level);
        outcomes.map_or(0, |outcomes| outcomes[outcome as usize].load(Ordering::Relaxed))
    }

    /// How long requests of an operation took, whatever their outcome.
    pub fn durations(&self, operation: OperationKind) -> HistogramValues {
        self.operations[operation as usize].durations.values()
    }

    /// Where requests of an operation arrived.
    pub fn arrivals(&self, operation: OperationKind, is_prepared: bool, locality: Locality) -> u64 {
        self.operations[operation as usize].localities[locality as usize][usize::from(is_prepared)]
            .load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_and_outcome_has_a_counter_of_its_own() {
        let figures = Figures::default();
        let levels = ConsistencyLevel::ALL_LEVELS;
        for level in levels {
            for outcome in Outcome::ALL {
                figures.ended(OperationKind::Write, Some(level), outcome, 10);
                assert_eq!(figures.requests(OperationKind::Write, Some(level), outcome), 1, "{level} {outcome:?}");
            }
        }
        figures.ended(OperationKind::Prepare, Some(ConsistencyLevel::One), Outcome::Success, 10);
        assert_eq!(figures.requests(OperationKind::Prepare, None, Outcome::Success), 1, "its level means nothing");
        assert_eq!(figures.durations(OperationKind::Write).count(), 11 * 8);
    }

    #[test]
    fn places_are_those_of_the_lists() {
        assert!(OperationKind::ALL.iter().enumerate().all(|(place, one)| *one as usize == place));
        assert!(Outcome::ALL.iter().enumerate().all(|(place, one)| *one as usize == place));
        let mut names: Vec<&str> = OperationKind::ALL.iter().map(|one| one.name()).collect();
        names.dedup();
        assert_eq!(names.len(), OperationKind::ALL.len());
    }
}
