//! One request on its way: which host is asked, and what happens when it does not answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use starling_cql_lite::protocol::client::{Response, ResponseFrame};
use starling_cql_lite::protocol::request::QueryParameters;
use starling_cql_lite::protocol::{CqlError, Request};
use starling_ring::{ConsistencyLevel, Token};
use tokio::time::Instant;

use crate::DriverError;
use crate::connection::{Connection, Failure};
use crate::session::Inner;

/// What limits a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub deadline: Instant,
    /// For the message if it passes.
    pub timeout_ms: u64,
    /// Whether it may be sent again after it may have been carried out.
    pub repeatable: bool,
}

impl Limits {
    pub fn new(timeout_ms: u64, repeatable: bool) -> Limits {
        Limits { deadline: Instant::now() + Duration::from_millis(timeout_ms), timeout_ms, repeatable }
    }
}

/// A connection and the host at its other end.
#[derive(Clone)]
pub(crate) struct Asked {
    pub host: SocketAddr,
    pub connection: Arc<Connection>,
}

/// Why one host gave no answer.
pub(crate) enum Unanswered {
    /// The request can go to the next host.
    GoOn(String),
    /// It cannot.
    Stop(DriverError),
}

/// Sends a request to the session's hosts, one after the other, until one answers.
pub(crate) async fn ask(
    inner: &Inner,
    request: &Request<'_>,
    route: Option<(&str, Token)>,
    limits: Limits,
) -> Result<(Asked, ResponseFrame), DriverError> {
    let mut attempts = Vec::new();
    let picture = inner.picture();
    for host in picture.plan(route, inner.next_turn()) {
        let opened = tokio::time::timeout_at(limits.deadline, host.connection()).await;
        let connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(reason)) => {
                attempts.push((host.address, reason));
                continue;
            }
            Err(_) => {
                attempts.push((host.address, "not connected in time".to_owned()));
                break;
            }
        };
        let asked = Asked { host: host.address, connection };
        match ask_one(inner, &asked, request, limits).await {
            Ok(frame) => return Ok((asked, frame)),
            Err(Unanswered::GoOn(reason)) => attempts.push((host.address, reason)),
            Err(Unanswered::Stop(error)) => return Err(error),
        }
    }
    Err(DriverError::NoHostAvailable { attempts })
}

/// Sends a request to one host.
pub(crate) async fn ask_one(
    inner: &Inner,
    asked: &Asked,
    request: &Request<'_>,
    limits: Limits,
) -> Result<ResponseFrame, Unanswered> {
    let keyspace = inner.keyspace();
    if let Some(keyspace) = keyspace.as_deref().filter(|keyspace| !asked.connection.is_in_keyspace(keyspace)) {
        use_keyspace(asked, keyspace, limits).await?;
    }
    let answer = asked.connection.request_after(request, &inner.stamp);
    match tokio::time::timeout_at(limits.deadline, answer).await {
        Ok(Ok(frame)) => match frame.response {
            // It took no part in the request: it is joining, or its clock is not good enough to coordinate.
            Response::Error(CqlError::IsBootstrapping(reason)) => Err(Unanswered::GoOn(reason)),
            _ => Ok(frame),
        },
        Ok(Err(Failure::NotSent(reason))) => Err(Unanswered::GoOn(reason)),
        Ok(Err(Failure::Broken(reason))) if limits.repeatable => Err(Unanswered::GoOn(reason)),
        Ok(Err(Failure::Broken(reason))) => {
            Err(Unanswered::Stop(DriverError::OutcomeUnknown { host: asked.host, reason }))
        }
        Err(_) => {
            asked.connection.note_silence();
            let timeout_ms = limits.timeout_ms;
            Err(Unanswered::Stop(DriverError::Timeout { host: asked.host, timeout_ms }))
        }
    }
}

/// Makes a connection use the session's keyspace.
async fn use_keyspace(asked: &Asked, keyspace: &str, limits: Limits) -> Result<(), Unanswered> {
    let query = format!("USE \"{}\"", keyspace.replace('"', "\"\""));
    let request = Request::Query { query: &query, parameters: QueryParameters::new(ConsistencyLevel::One) };
    match tokio::time::timeout_at(limits.deadline, asked.connection.request(&request)).await {
        Ok(Ok(frame)) => match frame.response {
            Response::SetKeyspace(keyspace) => {
                asked.connection.note_keyspace(&keyspace);
                Ok(())
            }
            Response::Error(CqlError::IsBootstrapping(reason)) => Err(Unanswered::GoOn(reason)),
            Response::Error(error) => Err(Unanswered::Stop(DriverError::Server(error))),
            _ => Err(Unanswered::Stop(DriverError::Protocol("USE was not answered by SetKeyspace".to_owned()))),
        },
        Ok(Err(Failure::NotSent(reason) | Failure::Broken(reason))) => Err(Unanswered::GoOn(reason)),
        Err(_) => {
            asked.connection.note_silence();
            Err(Unanswered::GoOn("USE was not answered in time".to_owned()))
        }
    }
}
