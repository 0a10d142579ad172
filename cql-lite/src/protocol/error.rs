//! The errors that a client can be told of, each with the fields that the protocol gives it.

use std::net::IpAddr;

use bytes::Bytes;
use starling_ring::ConsistencyLevel;
use thiserror::Error;

use super::wire::DecodeError;

/// What kind of write timed out or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteType {
    /// One partition, not batched.
    Simple,
    /// A logged batch whose log was written.
    Batch,
    /// An unlogged batch.
    UnloggedBatch,
    /// A counter update.
    Counter,
    /// The log of a logged batch.
    BatchLog,
    /// A conditional write's Paxos.
    Cas,
    /// A materialized view's update.
    View,
    /// Change data capture ran out of space.
    Cdc,
}

const WRITE_TYPES: [(WriteType, &str); 8] = [
    (WriteType::Simple, "SIMPLE"),
    (WriteType::Batch, "BATCH"),
    (WriteType::UnloggedBatch, "UNLOGGED_BATCH"),
    (WriteType::Counter, "COUNTER"),
    (WriteType::BatchLog, "BATCH_LOG"),
    (WriteType::Cas, "CAS"),
    (WriteType::View, "VIEW"),
    (WriteType::Cdc, "CDC"),
];

impl WriteType {
    /// The protocol's name.
    pub fn name(self) -> &'static str {
        WRITE_TYPES.iter().find(|(ty, _)| *ty == self).map_or("SIMPLE", |(_, name)| name)
    }

    /// The write type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        WRITE_TYPES.iter().find(|(_, known)| *known == name).map(|(ty, _)| *ty)
    }
}

/// Why a replica failed, by Cassandra's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FailureCode(pub u16);

impl FailureCode {
    /// Nothing more is known.
    pub const UNKNOWN: FailureCode = FailureCode(0x00);
    /// The replica and the coordinator do not know the same schema.
    pub const INCOMPATIBLE_SCHEMA: FailureCode = FailureCode(0x03);
}

/// A replica that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FailedReplica {
    /// Its address.
    pub address: IpAddr,
    /// Why.
    pub code: FailureCode,
}

/// An error as the protocol carries it. The message is what a user reads; the constructors word it as
/// Cassandra does.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CqlError {
    /// 0x0000: something unexpected in the server.
    #[error("{0}")]
    Server(String),
    /// 0x000A: the client broke the protocol.
    #[error("{0}")]
    Protocol(String),
    /// 0x0100: wrong user name or password.
    #[error("{0}")]
    BadCredentials(String),
    /// 0x1000: not enough replicas are alive; nothing was attempted.
    #[error("{message}")]
    Unavailable {
        /// Text for people.
        message: String,
        /// Level of the request.
        consistency: ConsistencyLevel,
        /// Replicas that the level needs.
        required: u32,
        /// Replicas known to be alive.
        alive: u32,
    },
    /// 0x1001: the coordinator has too much to do.
    #[error("{0}")]
    Overloaded(String),
    /// 0x1002: the coordinator is still joining.
    #[error("{0}")]
    IsBootstrapping(String),
    /// 0x1003: TRUNCATE failed.
    #[error("{0}")]
    Truncate(String),
    /// 0x1100: a write was not acknowledged in time; it may have been applied.
    #[error("{message}")]
    WriteTimeout {
        /// Text for people.
        message: String,
        /// Level of the request.
        consistency: ConsistencyLevel,
        /// Replicas that acknowledged.
        received: u32,
        /// Replicas whose acknowledgement the level needs.
        block_for: u32,
        /// Kind of write.
        write_type: WriteType,
        /// How often a conditional write met another ([`WriteType::Cas`], v5); else 0.
        contentions: u16,
    },
    /// 0x1200: a read was not answered in time.
    #[error("{message}")]
    ReadTimeout {
        /// Text for people.
        message: String,
        /// Level of the request.
        consistency: ConsistencyLevel,
        /// Replicas that answered.
        received: u32,
        /// Replicas whose answer the level needs.
        block_for: u32,
        /// Whether the replica asked for data (rather than a digest) was among them.
        data_present: bool,
    },
    /// 0x1300: replicas refused or failed a read.
    #[error("{message}")]
    ReadFailure {
        /// Text for people.
        message: String,
        /// Level of the request.
        consistency: ConsistencyLevel,
        /// Replicas that answered.
        received: u32,
        /// Replicas whose answer the level needs.
        block_for: u32,
        /// Replicas that failed.
        num_failures: u32,
        /// The same one by one (v5); fewer where not all are known.
        failures: Vec<FailedReplica>,
        /// Whether the replica asked for data was among those that answered.
        data_present: bool,
    },
    /// 0x1400: a user-defined function failed.
    #[error("{message}")]
    FunctionFailure {
        /// Text for people.
        message: String,
        /// Keyspace of the function.
        keyspace: String,
        /// Its name.
        function: String,
        /// Types of its arguments.
        argument_types: Vec<String>,
    },
    /// 0x1500: replicas refused or failed a write.
    #[error("{message}")]
    WriteFailure {
        /// Text for people.
        message: String,
        /// Level of the request.
        consistency: ConsistencyLevel,
        /// Replicas that acknowledged.
        received: u32,
        /// Replicas whose acknowledgement the level needs.
        block_for: u32,
        /// Replicas that failed.
        num_failures: u32,
        /// The same one by one (v5); fewer where not all are known.
        failures: Vec<FailedReplica>,
        /// Kind of write.
        write_type: WriteType,
    },
    /// 0x1600: a write was refused since change data capture has no space left.
    #[error("{0}")]
    CdcWriteFailure(String),
    /// 0x1700: whether a conditional write happened is left to another that met it (v5; before it, a
    /// [`CqlError::WriteTimeout`]).
    #[error("{message}")]
    CasWriteUnknown {
        /// Text for people.
        message: String,
        /// Level of the request.
        consistency: ConsistencyLevel,
        /// Replicas that acknowledged.
        received: u32,
        /// Replicas whose acknowledgement the level needs.
        block_for: u32,
    },
    /// 0x2000: the text is not CQL.
    #[error("{0}")]
    Syntax(String),
    /// 0x2100: not permitted.
    #[error("{0}")]
    Unauthorized(String),
    /// 0x2200: CQL that makes no sense here: an unknown table, a wrong type.
    #[error("{0}")]
    Invalid(String),
    /// 0x2300: settings that are refused.
    #[error("{0}")]
    Config(String),
    /// 0x2400: the keyspace or table exists.
    #[error("{message}")]
    AlreadyExists {
        /// Text for people.
        message: String,
        /// The keyspace, or that of the table.
        keyspace: String,
        /// The table; empty for a keyspace.
        table: String,
    },
    /// 0x2500: EXECUTE of an id that this node does not know; the client prepares again.
    #[error("{message}")]
    Unprepared {
        /// Text for people.
        message: String,
        /// The id.
        id: Bytes,
    },
}

impl CqlError {
    /// The protocol's code.
    pub fn code(&self) -> i32 {
        match self {
            CqlError::Server(_) => 0x0000,
            CqlError::Protocol(_) => 0x000A,
            CqlError::BadCredentials(_) => 0x0100,
            CqlError::Unavailable { .. } => 0x1000,
            CqlError::Overloaded(_) => 0x1001,
            CqlError::IsBootstrapping(_) => 0x1002,
            CqlError::Truncate(_) => 0x1003,
            CqlError::WriteTimeout { .. } => 0x1100,
            CqlError::ReadTimeout { .. } => 0x1200,
            CqlError::ReadFailure { .. } => 0x1300,
            CqlError::FunctionFailure { .. } => 0x1400,
            CqlError::WriteFailure { .. } => 0x1500,
            CqlError::CdcWriteFailure(_) => 0x1600,
            CqlError::CasWriteUnknown { .. } => 0x1700,
            CqlError::Syntax(_) => 0x2000,
            CqlError::Unauthorized(_) => 0x2100,
            CqlError::Invalid(_) => 0x2200,
            CqlError::Config(_) => 0x2300,
            CqlError::AlreadyExists { .. } => 0x2400,
            CqlError::Unprepared { .. } => 0x2500,
        }
    }

    /// [`CqlError::Invalid`] of anything that becomes a string.
    pub fn invalid(message: impl Into<String>) -> Self {
        CqlError::Invalid(message.into())
    }

    /// [`CqlError::Unavailable`], worded as Cassandra does.
    pub fn unavailable(consistency: ConsistencyLevel, required: u32, alive: u32) -> Self {
        let message = format!("Cannot achieve consistency level {consistency}");
        CqlError::Unavailable { message, consistency, required, alive }
    }

    /// [`CqlError::WriteTimeout`], worded as Cassandra does.
    pub fn write_timeout(consistency: ConsistencyLevel, received: u32, block_for: u32, write_type: WriteType) -> Self {
        let message = timed_out(received);
        CqlError::WriteTimeout { message, consistency, received, block_for, write_type, contentions: 0 }
    }

    /// [`CqlError::CasWriteUnknown`], worded as Cassandra does.
    pub fn cas_write_unknown(consistency: ConsistencyLevel, received: u32, block_for: u32) -> Self {
        let message = format!("CAS operation result is unknown - proposal accepted by {received} but not a quorum.");
        CqlError::CasWriteUnknown { message, consistency, received, block_for }
    }

    /// [`CqlError::ReadTimeout`], worded as Cassandra does.
    pub fn read_timeout(consistency: ConsistencyLevel, received: u32, block_for: u32, data_present: bool) -> Self {
        let message = timed_out(received);
        CqlError::ReadTimeout { message, consistency, received, block_for, data_present }
    }

    /// [`CqlError::ReadFailure`], worded as Cassandra does.
    pub fn read_failure(
        consistency: ConsistencyLevel,
        received: u32,
        block_for: u32,
        num_failures: u32,
        data_present: bool,
    ) -> Self {
        let message = failed(received, num_failures);
        CqlError::ReadFailure {
            message,
            consistency,
            received,
            block_for,
            num_failures,
            failures: Vec::new(),
            data_present,
        }
    }

    /// [`CqlError::WriteFailure`], worded as Cassandra does.
    pub fn write_failure(
        consistency: ConsistencyLevel,
        received: u32,
        block_for: u32,
        num_failures: u32,
        write_type: WriteType,
    ) -> Self {
        let message = failed(received, num_failures);
        CqlError::WriteFailure {
            message,
            consistency,
            received,
            block_for,
            num_failures,
            failures: Vec::new(),
            write_type,
        }
    }

    /// With the replicas that failed, where the error counts them.
    #[must_use]
    pub fn with_failures(mut self, replicas: Vec<FailedReplica>) -> Self {
        if let CqlError::ReadFailure { failures, .. } | CqlError::WriteFailure { failures, .. } = &mut self {
            *failures = replicas;
        }
        self
    }

    /// [`CqlError::AlreadyExists`] of a keyspace.
    pub fn keyspace_exists(keyspace: &str) -> Self {
        let message = format!("Cannot add existing keyspace \"{keyspace}\"");
        CqlError::AlreadyExists { message, keyspace: keyspace.to_owned(), table: String::new() }
    }

    /// [`CqlError::AlreadyExists`] of a table.
    pub fn table_exists(keyspace: &str, table: &str) -> Self {
        let message = format!("Cannot add already existing table \"{table}\" to keyspace \"{keyspace}\"");
        CqlError::AlreadyExists { message, keyspace: keyspace.to_owned(), table: table.to_owned() }
    }

    /// [`CqlError::Unprepared`], worded as Cassandra does.
    pub fn unprepared(id: Bytes) -> Self {
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let message = format!(
            "Prepared query with ID {hex} not found (either the query was not prepared on this host (maybe the \
             host has been restarted?) or you have prepared too many queries and it has been evicted from the \
             internal cache)"
        );
        CqlError::Unprepared { message, id }
    }
}

fn timed_out(received: u32) -> String {
    format!("Operation timed out - received only {received} responses.")
}

fn failed(received: u32, failures: u32) -> String {
    format!("Operation failed - received {received} responses and {failures} failures")
}

impl From<DecodeError> for CqlError {
    fn from(error: DecodeError) -> Self {
        CqlError::Protocol(error.to_string())
    }
}

impl From<crate::value::ValueError> for CqlError {
    fn from(error: crate::value::ValueError) -> Self {
        CqlError::Invalid(error.to_string())
    }
}
