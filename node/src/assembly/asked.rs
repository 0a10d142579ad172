//! A client's request on its way through the node: whom to answer, and as what it is counted.

use starling_cql_lite::protocol::error::CqlError;
use starling_ring::ConsistencyLevel;

use super::Node;
use super::client::{ClientRequest, ClientResponse, ClientTicket};
use super::figures::{Locality, OperationKind, Outcome};

/// A request that was asked and is not answered. One that is lost, because a thread panicked that had it in hand, is
/// answered with an error.
pub struct Asked {
    /// Whom to answer, until that is done.
    ticket: Option<ClientTicket>,
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
        Asked { ticket: Some(ticket), began_us, operation, level, is_prepared }
    }

    /// Hands the request on; what is left answers nobody.
    pub fn take(&mut self) -> Self {
        Asked { ticket: self.ticket.take(), ..*self }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let message = "The request was lost by a failure within the node; a write may be applied or not";
            ticket.respond(ClientResponse::Error(CqlError::Server(message.into())));
        }
    }
}

impl Node {
    /// Counts a request as ended, and answers it: who has the answer finds it counted.
    pub(super) fn respond(&self, mut asked: Asked, response: ClientResponse) {
        let outcome = match &response {
            ClientResponse::Error(error) => Outcome::from(error),
            _ => Outcome::Success,
        };
        let duration_us = self.now().us.saturating_sub(asked.began_us);
        self.figures.ended(asked.operation, asked.level, outcome, duration_us);
        if let Some(ticket) = asked.ticket.take() {
            ticket.respond(response);
        }
    }

    pub(super) fn fail(&self, asked: Asked, error: CqlError) {
        self.respond(asked, ClientResponse::Error(error));
    }

    pub(super) fn count_arrival(&self, asked: &Asked, locality: Locality) {
        self.figures.arrived(asked.operation, asked.is_prepared, locality);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::super::client::ClientSink;
    use super::*;

    #[derive(Default)]
    struct Answers(Mutex<Vec<(u64, bool)>>);

    impl ClientSink for Answers {
        fn respond(&self, request: u64, response: ClientResponse) {
            self.0.lock().push((request, matches!(response, ClientResponse::Error(CqlError::Server(_)))));
        }
    }

    #[test]
    fn a_request_that_is_lost_is_answered_once() {
        let answers = Arc::new(Answers::default());
        let prepare = ClientRequest::Prepare { text: String::new(), keyspace: None };
        let ticket = ClientTicket { sink: answers.clone(), request: 7 };
        let mut asked = Asked::new(ticket, &prepare, 0);
        let taken = asked.take();
        drop(asked);
        assert!(answers.0.lock().is_empty(), "it was handed on");
        drop(taken);
        assert_eq!(*answers.0.lock(), [(7, true)]);
    }
}
