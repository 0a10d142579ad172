//! What a bound statement comes to: the one thing that its executor has to do.

use std::sync::Arc;

use starling_cql_lite::ast::Statement;
use starling_cql_lite::protocol::error::WriteType;
use starling_storage::model::Mutation;

use super::pending::PendingWrite;
use super::read::ReadOperation;
use crate::schema::Table;

/// A mutation with its table, whose keyspace says where it is replicated.
#[derive(Clone, Debug, PartialEq)]
pub struct TableMutation {
    /// The table.
    pub table: Arc<Table>,
    /// The mutation; its issue stamp is 0 until a coordinator issues it.
    pub mutation: Mutation,
}

/// A write: all its mutations must be acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteOperation {
    /// One for each partition and table; none if there is nothing to write.
    pub mutations: Vec<TableMutation>,
    /// What clients are told in case it times out or fails.
    pub kind: WriteType,
    /// It came as a batch.
    pub is_batch: bool,
}

/// A bound statement.
#[derive(Debug)]
pub enum Operation {
    /// INSERT, UPDATE, DELETE or BATCH.
    Write(WriteOperation),
    /// A write that depends on what lists hold: those are read first.
    ReadThenWrite(Box<PendingWrite>),
    /// SELECT.
    Read(Box<ReadOperation>),
    /// USE of a keyspace that exists.
    Use(String),
    /// TRUNCATE of a table that exists and may be written.
    Truncate {
        /// The table.
        table: Arc<Table>,
        /// The statement, as the schema's changes take it.
        statement: Arc<Statement>,
    },
    /// DESCRIBE, a schema change, or something about roles and permissions: as parsed.
    Other(Arc<Statement>),
}
