//! Outcomes of coordination as CQL's errors, with their fields.

use starling_cql_lite::protocol::error::{CqlError, FailedReplica, FailureCode, WriteType};
use starling_ring::{Requirement, Tally, Unavailable};

use super::replicas::Replica;
use crate::message::ReplicaFailure;

/// Counts a replica as failed, and keeps its name if its answer would have counted.
pub(super) fn note_failure(
    tally: &mut Tally,
    failures: &mut Vec<FailedReplica>,
    replica: &Replica,
    reason: Option<ReplicaFailure>,
) {
    let before = tally.failures();
    tally.failed(replica.datacenter);
    if tally.failures() > before {
        failures.push(FailedReplica { address: replica.address, code: code(reason) });
    }
}

fn code(reason: Option<ReplicaFailure>) -> FailureCode {
    match reason {
        Some(ReplicaFailure::Behind | ReplicaFailure::Gone) => FailureCode::INCOMPATIBLE_SCHEMA,
        Some(
            ReplicaFailure::Overloaded | ReplicaFailure::Storage | ReplicaFailure::DiskFull | ReplicaFailure::Malformed,
        )
        | None => FailureCode::UNKNOWN,
    }
}

pub(crate) fn unavailable(error: Unavailable) -> CqlError {
    CqlError::Unavailable {
        message: error.to_string(),
        consistency: error.level,
        required: error.required,
        alive: error.alive,
    }
}

pub(super) fn nobody_alive(requirement: &Requirement) -> CqlError {
    CqlError::unavailable(requirement.level(), requirement.required(), 0)
}

pub(super) fn write_timeout(tally: &Tally, write_type: WriteType) -> CqlError {
    CqlError::write_timeout(tally.requirement().level(), tally.received(), tally.required(), write_type)
}

pub(super) fn write_failure(tally: &Tally, failures: &[FailedReplica], write_type: WriteType) -> CqlError {
    let level = tally.requirement().level();
    CqlError::write_failure(level, tally.received(), tally.required(), tally.failures(), write_type)
        .with_failures(failures.to_vec())
}

pub(super) fn read_timeout(tally: &Tally, data_present: bool) -> CqlError {
    CqlError::read_timeout(tally.requirement().level(), tally.received(), tally.required(), data_present)
}

pub(super) fn read_failure(tally: &Tally, failures: &[FailedReplica], data_present: bool) -> CqlError {
    let level = tally.requirement().level();
    CqlError::read_failure(level, tally.received(), tally.required(), tally.failures(), data_present)
        .with_failures(failures.to_vec())
}
