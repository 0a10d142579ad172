//! Outcomes of coordination as CQL's errors, with their fields.

use starling_cql_lite::protocol::error::{CqlError, WriteType};
use starling_ring::{Requirement, Tally, Unavailable};

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

pub(super) fn write_failure(tally: &Tally, write_type: WriteType) -> CqlError {
    let level = tally.requirement().level();
    CqlError::write_failure(level, tally.received(), tally.required(), tally.failures(), write_type)
}

pub(super) fn read_timeout(tally: &Tally, data_present: bool) -> CqlError {
    CqlError::read_timeout(tally.requirement().level(), tally.received(), tally.required(), data_present)
}

pub(super) fn read_failure(tally: &Tally, data_present: bool) -> CqlError {
    let level = tally.requirement().level();
    CqlError::read_failure(level, tally.received(), tally.required(), tally.failures(), data_present)
}
