//! What can go wrong, by what the caller can do about it.

use std::net::SocketAddr;

use starling_cql_lite::protocol::CqlError;
use starling_cql_lite::value::ValueError;

/// An error of the driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The server answered with an error.
    #[error("{0}")]
    Server(#[from] CqlError),
    /// No host took the request; it was carried out nowhere.
    #[error("no host is available{}", tried(.attempts))]
    NoHostAvailable {
        /// Each host that was tried, with what it said.
        attempts: Vec<(SocketAddr, String)>,
    },
    /// The connection broke after the request was sent: it may or may not have been carried out.
    #[error("the connection to {host} broke after the request was sent, its outcome is unknown: {reason}")]
    OutcomeUnknown {
        /// The host.
        host: SocketAddr,
        /// How the connection broke.
        reason: String,
    },
    /// No answer in time: the request may or may not have been carried out.
    #[error("no answer from {host} within {timeout_ms} ms, the outcome is unknown")]
    Timeout {
        /// The host that was asked last.
        host: SocketAddr,
        /// The time it was given, in milliseconds.
        timeout_ms: u64,
    },
    /// The server's bytes are not what the protocol says.
    #[error("protocol violation: {0}")]
    Protocol(String),
    /// A value does not fit its type.
    #[error("{0}")]
    Value(#[from] ValueError),
    /// The statement wants another number of values.
    #[error("the statement has {expected} bind markers but {given} values were given")]
    ValueCount {
        /// Bind markers of the statement.
        expected: usize,
        /// Values given.
        given: usize,
    },
    /// A result has no such column, or it is of another type.
    #[error("column {0}")]
    Column(String),
    /// A contact point's name does not resolve, or is not of the form `host` or `host:port`.
    #[error("contact point {contact_point}: {reason}")]
    ContactPoint {
        /// As it was given.
        contact_point: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl DriverError {
    /// The server's error, if it is one.
    pub fn server(&self) -> Option<&CqlError> {
        match self {
            DriverError::Server(error) => Some(error),
            _ => None,
        }
    }
}

fn tried(attempts: &[(SocketAddr, String)]) -> String {
    let mut text = String::new();
    for (host, reason) in attempts {
        text.push_str(if text.is_empty() { ": " } else { "; " });
        text.push_str(&format!("{host}: {reason}"));
    }
    text
}
