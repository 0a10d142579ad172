//! Bound writes, and those among them that wait for what lists hold.

use std::sync::Arc;

use starling_cql_lite::ast::BatchKind;
use starling_cql_lite::protocol::error::{CqlError, WriteType};
use starling_storage::model::{ReadCommand, ReadResult};

use super::batch::{BatchPlan, Merged};
use super::list_state::{ListRead, ListStates};
use super::modification::Modification;
use super::operation::{TableMutation, WriteOperation};
use super::values::{BindContext, BoundValue, Entropy, Environment};
use super::write::{self, WriteTimes};
use crate::schema::Table;
use crate::time::Stamp;

/// What is written, with the values of its markers.
#[derive(Debug)]
pub(crate) enum BoundWrite {
    /// One statement.
    Single(Box<Modification>, Vec<BoundValue>),
    /// A BATCH statement.
    Batch(Box<BatchPlan>, Vec<BoundValue>),
    /// A BATCH message.
    Message(BatchKind, Vec<(Modification, Vec<BoundValue>)>),
}

/// A write that depends on what lists hold: run each of its commands, feed the answers, then finish.
#[derive(Debug)]
pub struct PendingWrite {
    write: BoundWrite,
    context: BindContext,
    read: ListRead,
}

impl PendingWrite {
    pub(crate) fn new(write: BoundWrite, context: &BindContext) -> Result<PendingWrite, CqlError> {
        let mut read = ListRead::new(context.now_s);
        let entropy = Entropy::new(context.entropy);
        let mut add = |modification: &Modification, values: &[BoundValue]| {
            read.add(modification, &context.environment(values, &entropy))
        };
        match &write {
            BoundWrite::Single(modification, values) => add(modification, values)?,
            BoundWrite::Batch(batch, values) => {
                batch.modifications.iter().try_for_each(|modification| add(modification, values))?;
            }
            BoundWrite::Message(_, parts) => {
                parts.iter().try_for_each(|(modification, values)| add(modification, values))?;
            }
        }
        Ok(PendingWrite { write, context: context.clone(), read })
    }

    /// The table of the next command.
    pub fn table(&self) -> Option<&Arc<Table>> {
        self.read.table()
    }

    /// The next command; `None`: all was read.
    pub fn next_command(&self) -> Option<ReadCommand> {
        self.read.next_command()
    }

    /// Takes the merged answer to the last command.
    ///
    /// # Errors
    /// A server error for an answer that is damaged.
    pub fn feed(&mut self, result: &ReadResult) -> Result<(), CqlError> {
        self.read.feed(result)
    }

    /// The write, with a stamp that is later than what was read.
    ///
    /// # Errors
    /// As [`super::Prepared::bind`], and Invalid for an index that a list does not have.
    pub fn finish(self, stamp: Stamp) -> Result<WriteOperation, CqlError> {
        let context = &BindContext { stamp, ..self.context };
        let lists = self.read.into_states();
        let entropy = Entropy::new(context.entropy);
        let environment = |values| context.environment(values, &entropy);
        match &self.write {
            BoundWrite::Single(modification, values) => single(modification, &environment(values), context, &lists),
            BoundWrite::Batch(batch, values) => batch.bind(&environment(values), WriteTimes::of(context), &lists),
            BoundWrite::Message(kind, parts) => {
                let parts = parts.iter().map(|(modification, values)| (modification, values.as_slice()));
                message(*kind, parts, context, &lists)
            }
        }
    }
}

/// The write of one statement.
pub(crate) fn single(
    modification: &Modification,
    environment: &Environment<'_>,
    context: &BindContext,
    lists: &ListStates,
) -> Result<WriteOperation, CqlError> {
    let table = &modification.info.table;
    let mutations = write::mutations(modification, environment, WriteTimes::of(context), lists)?;
    let kind = if mutations.len() > 1 { WriteType::UnloggedBatch } else { WriteType::Simple };
    let with_table = |mutation| TableMutation { table: Arc::clone(table), mutation };
    Ok(WriteOperation { mutations: mutations.into_iter().map(with_table).collect(), kind, is_batch: false })
}

/// The write of a BATCH message.
pub(crate) fn message<'a>(
    kind: BatchKind,
    parts: impl Iterator<Item = (&'a Modification, &'a [BoundValue])>,
    context: &BindContext,
    lists: &ListStates,
) -> Result<WriteOperation, CqlError> {
    let entropy = Entropy::new(context.entropy);
    let times = WriteTimes::of(context);
    let mut merged = Merged::default();
    for (modification, values) in parts {
        let environment = context.environment(values, &entropy);
        for mutation in write::mutations(modification, &environment, times, lists)? {
            merged.add(&modification.info.table, mutation)?;
        }
    }
    merged.finish(kind)
}
