//! A client's request on its way through the node: whom to answer, and as what it is counted.

use starling_cql_lite::protocol::error::CqlError;
use starling_ring::ConsistencyLevel;

use super::Node;
use super::client::{ClientRequest, ClientResponse, ClientTicket};
use super::figures::{Locality, OperationKind, Outcome};

/// A request that was asked and is not answered.
#[derive(Clone)]
pub struct Asked {
    ticket: ClientTicket,
    /// Monotonic time at which it came.
    pub began_us: u64,
    /// What it turned out to be.
    pub operation: OperationKind,
    level: Option<ConsistencyLevel>,
    is_prepared: bool,
}

impl Asked {
    /// A request that has just come: what it is is not known yet, but of PREPARE and BATCH.
    pub fn new(ticket: ClientTicket, request: &ClientRequest, began_us: u64) -> Self {
        let (operation, level, is_prepared) = match request {
            ClientRequest::Query { parameters, .. } => (OperationKind::Unknown, Some(parameters.consistency), false),
            ClientRequest::Execute { parameters, .. } => (OperationKind::Unknown, Some(parameters.consistency), true),
            ClientRequest::Prepare { .. } => (OperationKind::Prepare, None, false),
            ClientRequest::Batch { statements, parameters, .. } => {
                let is_prepared = statements.iter().all(|(statement, _)| statement.is_prepared());
                (OperationKind::Batch, Some(parameters.consistency), is_prepared)
            }
        };
        Asked { ticket, began_us, operation, level, is_prepared }
    }
}

impl Node {
    /// Counts a request as ended, and answers it: who has the answer finds it counted.
    pub(super) fn respond(&self, asked: Asked, response: ClientResponse) {
        let outcome = match &response {
            ClientResponse::Error(error) => Outcome::from(error),
            _ => Outcome::Success,
        };
        let duration_us = self.now().us.saturating_sub(asked.began_us);
        self.figures.ended(asked.operation, asked.level, outcome, duration_us);
        asked.ticket.respond(response);
    }

    pub(super) fn fail(&self, asked: Asked, error: CqlError) {
        self.respond(asked, ClientResponse::Error(error));
    }

    pub(super) fn count_arrival(&self, asked: &Asked, locality: Locality) {
        self.figures.arrived(asked.operation, asked.is_prepared, locality);
    }
}
