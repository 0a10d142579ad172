//! BATCH: modifications that are applied together.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::ast::{self, BatchKind, BatchStatementKind};
use starling_cql_lite::protocol::error::{CqlError, WriteType};
use starling_storage::merge::merge_partition;
use starling_storage::model::{Mutation, Partition, TableRef};

use super::attributes::Attributes;
use super::cells::check_cells;
use super::errors::{invalid, unsupported};
use super::list_state::ListStates;
use super::modification::{self, Modification};
use super::names;
use super::operation::{TableMutation, WriteOperation};
use super::term::Terms;
use super::values::Environment;
use super::variables::Variables;
use super::write::{self, Given, WriteTimes};
use crate::schema::{Schema, Table};

/// A prepared BATCH statement.
#[derive(Clone, Debug)]
pub(crate) struct BatchPlan {
    pub kind: BatchKind,
    pub attributes: Attributes,
    pub modifications: Vec<Modification>,
}

/// Prepares a BATCH statement.
pub(crate) fn prepare(
    schema: &Schema,
    session: Option<&str>,
    variables: &mut Variables,
    batch: &ast::Batch,
) -> Result<BatchPlan, CqlError> {
    check_kind(batch.kind)?;
    if batch.using.ttl.is_some() {
        return Err(invalid("Global TTL on the BATCH statement is not supported."));
    }
    let own_timestamp = |kind: &BatchStatementKind| match kind {
        BatchStatementKind::Insert(insert) => insert.using.timestamp.is_some(),
        BatchStatementKind::Update(update) => update.using.timestamp.is_some(),
        BatchStatementKind::Delete(delete) => delete.timestamp.is_some(),
    };
    if batch.using.timestamp.is_some() && batch.statements.iter().any(|statement| own_timestamp(&statement.kind)) {
        return Err(invalid("Timestamp must be set either on BATCH or individual statements"));
    }
    let mut modifications = Vec::with_capacity(batch.statements.len());
    for statement in &batch.statements {
        let table = match &statement.kind {
            BatchStatementKind::Insert(insert) => &insert.table,
            BatchStatementKind::Update(update) => &update.table,
            BatchStatementKind::Delete(delete) => &delete.table,
        };
        let info = Arc::new(names::table(schema, session, table)?);
        modifications.push(match &statement.kind {
            BatchStatementKind::Insert(insert) => modification::insert(&info, variables, insert)?,
            BatchStatementKind::Update(update) => modification::update(&info, variables, update)?,
            BatchStatementKind::Delete(delete) => modification::delete(&info, variables, delete)?,
        });
    }
    let attributes = match (modifications.first(), &batch.using.timestamp) {
        (Some(first), Some(_)) => {
            let info = Arc::clone(&first.info);
            Attributes::prepare(&mut Terms { info: &info, variables }, batch.using.timestamp.as_ref(), None)?
        }
        // Nothing to stamp; a marker would have no table to be described with.
        _ => Attributes::default(),
    };
    Ok(BatchPlan { kind: batch.kind, attributes, modifications })
}

/// Refuses the kinds of batches that need what is not there.
pub(crate) fn check_kind(kind: BatchKind) -> Result<(), CqlError> {
    match kind {
        BatchKind::Counter => Err(unsupported("COUNTER BATCH")),
        BatchKind::Logged | BatchKind::Unlogged => Ok(()),
    }
}

impl BatchPlan {
    /// The batch's mutations.
    pub fn bind(
        &self,
        environment: &Environment<'_>,
        times: WriteTimes,
        lists: &ListStates,
    ) -> Result<WriteOperation, CqlError> {
        let given = self.attributes.timestamp_us(environment)?.map_or(times.given, Given::ByBatch);
        let times = WriteTimes { given, ..times };
        let mut merged = Merged::default();
        for modification in &self.modifications {
            for mutation in write::mutations(modification, environment, times, lists)? {
                merged.add(&modification.info.table, mutation)?;
            }
        }
        merged.finish(self.kind)
    }
}

/// Most rows, ranges and whole partitions that one batch may write. `IN` multiplies: a short batch may name more than memory holds.
const BATCH_ROWS_MAX: usize = 100_000;

/// Most partitions that one batch may write to: each is a mutation of its own in its replicas' queues, which hold a few
/// more, and a batch that never fits would fail again and again.
const BATCH_PARTITIONS_MAX: usize = 10_000;

/// The writes of a batch to one partition.
struct Part {
    table: Arc<Table>,
    mutation: Mutation,
    /// Further fragments of the partition, joined at the end.
    more: Vec<Partition>,
}

/// Mutations by table and partition.
#[derive(Default)]
pub(crate) struct Merged {
    parts: Vec<Part>,
    places: HashMap<(TableRef, Bytes), usize>,
    rows: usize,
    cells: usize,
}

impl Merged {
    /// Adds one, to be merged with what there is of its partition.
    ///
    /// # Errors
    /// Invalid once there are too many rows or cells.
    pub fn add(&mut self, table: &Arc<Table>, mutation: Mutation) -> Result<(), CqlError> {
        self.cells += write::cells_in(&mutation.partition);
        check_cells(self.cells)?;
        self.rows += (mutation.partition.rows.len() + mutation.partition.range_tombstones.len()).max(1);
        if self.rows > BATCH_ROWS_MAX {
            return Err(invalid(format!("Batch too large: it writes more than {BATCH_ROWS_MAX} rows")));
        }
        let place = (mutation.table, mutation.partition.key.clone());
        let partitions = self.parts.len();
        match self.places.get(&place).and_then(|&index| self.parts.get_mut(index)) {
            Some(known) => known.more.push(mutation.partition),
            None if partitions >= BATCH_PARTITIONS_MAX => {
                return Err(invalid(format!(
                    "Batch too large: it writes to more than {BATCH_PARTITIONS_MAX} partitions"
                )));
            }
            None => {
                self.places.insert(place, self.parts.len());
                self.parts.push(Part { table: Arc::clone(table), mutation, more: Vec::new() });
            }
        }
        Ok(())
    }

    /// The write. A logged batch of one partition is atomic as it is; others need a log.
    pub fn finish(self, kind: BatchKind) -> Result<WriteOperation, CqlError> {
        if kind == BatchKind::Logged && self.parts.len() > 1 {
            return Err(invalid(
                "Logged batches over more than one partition are not supported yet; use BEGIN UNLOGGED BATCH",
            ));
        }
        let kind = if self.parts.len() > 1 { WriteType::UnloggedBatch } else { WriteType::Simple };
        let joined = |Part { table, mut mutation, more }: Part| {
            if let Some(more) = join(more) {
                merge_partition(&mut mutation.partition, more);
            }
            TableMutation { table, mutation }
        };
        Ok(WriteOperation { mutations: self.parts.into_iter().map(joined).collect(), kind, is_batch: true })
    }
}

/// Merges fragments of one partition pair by pair: one after the other, each would move all rows before it.
fn join(mut fragments: Vec<Partition>) -> Option<Partition> {
    while fragments.len() > 1 {
        let mut pairs = fragments.into_iter();
        fragments = Vec::with_capacity(pairs.len().div_ceil(2));
        while let Some(mut first) = pairs.next() {
            if let Some(second) = pairs.next() {
                merge_partition(&mut first, second);
            }
            fragments.push(first);
        }
    }
    fragments.pop()
}
