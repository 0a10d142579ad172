//! Traces of requests that asked for one: the last few, kept by the node that coordinated them.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use super::Node;
use super::client::{BatchStatement, ClientRequest, Parameters};
use crate::system::TraceSession;

/// Traces kept; older ones go. With their texts they take a few MB at most.
const TRACES_MAX: usize = 1_000;
/// Longest text of a statement in a trace, in bytes; the rest is left out.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// The last traces, oldest first.
#[derive(Default)]
pub(super) struct Traces {
    sessions: Mutex<VecDeque<(TraceSession, u64)>>,
}

impl Traces {
    /// All of them.
    pub(super) fn sessions(&self) -> Vec<TraceSession> {
        self.sessions.lock().iter().map(|(session, _)| session.clone()).collect()
    }
}

impl Node {
    /// Begins to trace a request. Answers the trace's id, a time-based UUID.
    pub fn begin_trace(&self, client: Option<IpAddr>, request: &ClientRequest) -> Uuid {
        let random = (u128::from(self.outside.random()) << 64) | u128::from(self.outside.random());
        let wall_us = self.outside.wall_us();
        let id = Uuid::from_slice(&crate::plan::timeuuid::unique(wall_us, random)).unwrap_or_default();
        let (request, parameters) = self.describe(request);
        let session = TraceSession {
            id,
            client,
            request,
            parameters,
            started_at_ms: wall_us.div_euclid(1_000),
            duration_us: None,
        };
        let mut sessions = self.traces.sessions.lock();
        while sessions.len() >= TRACES_MAX {
            sessions.pop_front();
        }
        sessions.push_back((session, self.outside.monotonic_us()));
        id
    }

    /// A traced request was answered.
    pub fn end_trace(&self, id: Uuid) {
        let now_us = self.outside.monotonic_us();
        let mut sessions = self.traces.sessions.lock();
        if let Some((session, started_us)) = sessions.iter_mut().rev().find(|(session, _)| session.id == id) {
            session.duration_us = Some(now_us.saturating_sub(*started_us));
        }
    }

    fn describe(&self, request: &ClientRequest) -> (&'static str, Vec<(String, String)>) {
        match request {
            ClientRequest::Query { text, parameters } => ("Execute CQL3 query", told(text, parameters)),
            ClientRequest::Prepare { text, .. } => {
                ("Preparing CQL3 query", vec![("query".to_owned(), shortened(text).to_owned())])
            }
            ClientRequest::Execute { id, parameters, .. } => {
                let entry = self.prepared.get(id);
                let text = entry.map_or_else(|| Arc::from(""), |entry| entry.text);
                ("Execute CQL3 prepared query", told(&text, parameters))
            }
            ClientRequest::Batch { statements, parameters, .. } => {
                let first = statements.iter().find_map(|(statement, _)| match statement {
                    BatchStatement::Text(text) => Some(text.as_str()),
                    BatchStatement::Prepared(_) => None,
                });
                ("Execute batch of CQL3 queries", told(first.unwrap_or_default(), parameters))
            }
        }
    }
}

fn told(text: &str, parameters: &Parameters) -> Vec<(String, String)> {
    let mut told = vec![("consistency_level".to_owned(), parameters.consistency.to_string())];
    told.extend(parameters.page_size.map(|size| ("page_size".to_owned(), size.to_string())));
    told.push(("query".to_owned(), shortened(text).to_owned()));
    told
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}
