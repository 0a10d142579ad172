//! What clients ask and are answered, apart from the bytes of the protocol.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use starling_cql_lite::ast::BatchKind;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_ring::ConsistencyLevel;

use crate::plan::{BoundValue, BoundValues, Page, Prepared, ResultColumn, ResultMetadata};
use crate::schema::change::SchemaChange;
use crate::time::Stamp;

/// Identifier of a prepared statement: a hash of keyspace and text, so all nodes give it the same.
pub type StatementId = [u8; 16];

/// What comes with a query.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Consistency level.
    pub consistency: ConsistencyLevel,
    /// Values of the bind markers.
    pub values: BoundValues,
    /// Rows per page; `None`: no paging.
    pub page_size: Option<u32>,
    /// Where the page before ended.
    pub paging_state: Option<Bytes>,
    /// The client's timestamp for writes, in microseconds.
    pub timestamp_us: Option<i64>,
    /// What the answer says of the result's columns.
    pub descriptions: Descriptions,
    /// Keyspace of names without one, instead of the session's.
    pub keyspace: Option<Arc<str>>,
    /// Seconds since 1970 against which expiry is judged and from which it is counted, instead of the clock's.
    pub now_s: Option<i64>,
    /// The latest stamp that the client has been told: what is done for it is later.
    pub stamp: Option<Stamp>,
}

/// What an answer says of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptions {
    /// All.
    Full,
    /// Only their number: the client knows them.
    Omitted,
    /// All, under a new id: the client knows older ones.
    Changed(StatementId),
}

/// A statement in a protocol batch.
#[derive(Clone, Debug)]
pub enum BatchStatement {
    /// By text.
    Text(String),
    /// Prepared before.
    Prepared(Bytes),
}

impl BatchStatement {
    /// Whether it was prepared before.
    pub fn is_prepared(&self) -> bool {
        matches!(self, BatchStatement::Prepared(_))
    }
}

/// What a client asks.
#[derive(Clone, Debug)]
pub enum ClientRequest {
    /// Run a statement.
    Query {
        /// Its text.
        text: String,
        /// Values and options.
        parameters: Parameters,
    },
    /// Prepare a statement.
    Prepare {
        /// Its text.
        text: String,
        /// Keyspace of names without one, instead of the session's.
        keyspace: Option<Arc<str>>,
    },
    /// Run a prepared statement.
    Execute {
        /// What `Prepare` answered.
        id: Bytes,
        /// The id of the columns that the client knows; `None` before protocol version 5.
        metadata_id: Option<Bytes>,
        /// Values and options.
        parameters: Parameters,
    },
    /// Run several writes together.
    Batch {
        /// Kind.
        kind: BatchKind,
        /// Statements with their values.
        statements: Vec<(BatchStatement, Vec<BoundValue>)>,
        /// Options; the values are with the statements.
        parameters: Parameters,
    },
}

impl ClientRequest {
    /// The latest stamp that the client has been told, if it says so.
    pub fn stamp(&self) -> Option<Stamp> {
        match self {
            ClientRequest::Query { parameters, .. }
            | ClientRequest::Execute { parameters, .. }
            | ClientRequest::Batch { parameters, .. } => parameters.stamp,
            ClientRequest::Prepare { .. } => None,
        }
    }
}

/// Descriptions of a result's columns.
pub enum RowsMetadata {
    /// Those of a SELECT.
    Select(ResultMetadata),
    /// Columns of text that no table has: DESCRIBE's.
    Text(&'static [&'static str]),
}

impl RowsMetadata {
    /// Keyspace and table of the columns.
    pub fn table(&self) -> (&str, &str) {
        match self {
            RowsMetadata::Select(plan) => (&plan.table().keyspace, &plan.table().name),
            RowsMetadata::Text(_) => ("system", "describe"),
        }
    }

    /// What the client is warned of.
    pub fn warnings(&self) -> Vec<String> {
        match self {
            RowsMetadata::Select(plan) => plan.warnings(),
            RowsMetadata::Text(_) => Vec::new(),
        }
    }

    /// The columns.
    pub fn columns(&self) -> Vec<ResultColumn> {
        match self {
            RowsMetadata::Select(plan) => plan.columns().to_vec(),
            RowsMetadata::Text(names) => {
                let column = |name: &&str| ResultColumn { name: (*name).to_owned(), cql_type: CqlType::Text };
                names.iter().map(column).collect()
            }
        }
    }
}

/// What a client is answered.
pub enum ClientResponse {
    /// Done, nothing to show.
    Void,
    /// Rows.
    Rows {
        /// Column descriptions.
        metadata: RowsMetadata,
        /// The rows and where the next page starts.
        page: Page,
        /// What to say of the columns.
        descriptions: Descriptions,
    },
    /// The session's keyspace changed.
    SetKeyspace(String),
    /// A statement was prepared.
    Prepared {
        /// Its id.
        id: StatementId,
        /// Id of its result's columns.
        metadata_id: StatementId,
        /// What it is.
        prepared: Arc<Prepared>,
    },
    /// The schema changed.
    SchemaChange(SchemaChange),
    /// An answer with warnings for the user.
    Warned(Box<ClientResponse>, Vec<String>),
    /// It was not done, or is not known to be, as the error says.
    Error(CqlError),
}

impl ClientResponse {
    /// The answer with warnings, if there are any.
    pub fn with_warnings(self, warnings: Vec<String>) -> Self {
        if warnings.is_empty() { self } else { ClientResponse::Warned(Box::new(self), warnings) }
    }
}

/// News that clients may register for.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A member came (`NEW_NODE`).
    NewNode(IpAddr, u16),
    /// A member left (`REMOVED_NODE`).
    RemovedNode(IpAddr, u16),
    /// A member is seen alive.
    Up(IpAddr, u16),
    /// A member is seen dead.
    Down(IpAddr, u16),
    /// The schema changed.
    Schema(SchemaChange),
}

/// Takes answers. Called from any thread; must not block.
pub trait ClientSink: Send + Sync {
    /// The answer to the request with this number.
    fn respond(&self, request: u64, response: ClientResponse);
}

/// Where an answer goes.
#[derive(Clone)]
pub struct ClientTicket {
    /// The client's connection.
    pub sink: Arc<dyn ClientSink>,
    /// Number of the request there.
    pub request: u64,
}

impl ClientTicket {
    pub(super) fn respond(&self, response: ClientResponse) {
        self.sink.respond(self.request, response);
    }
}

/// State of a client's connection.
#[derive(Default)]
pub struct Session {
    keyspace: Mutex<Option<Arc<str>>>,
}

impl Session {
    /// The keyspace of the last USE.
    pub fn keyspace(&self) -> Option<Arc<str>> {
        self.keyspace.lock().clone()
    }

    /// Remembers a USE.
    pub fn set_keyspace(&self, keyspace: &str) {
        *self.keyspace.lock() = Some(Arc::from(keyspace));
    }
}
