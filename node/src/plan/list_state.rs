//! Writes that depend on what a list holds: which rows to read first, and what was found there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_storage::live::{LiveRow, live_rows, live_static_row};
use starling_storage::model::{ColumnId, ReadCommand, ReadResult, ReadTarget, Slice, TableRef};

use super::clustering;
use super::elements::{Part, parts};
use super::errors::invalid;
use super::locate;
use super::modification::Modification;
use super::restriction::PartitionRestriction;
use super::slices;
use super::values::Environment;
use crate::schema::{ColumnKind, Table};

/// An answer of a replica ends soon after this many bytes.
const ANSWER_BYTES: u32 = 1 << 20;
/// Most bytes of lists that one write may depend on. As much as an unpaged result.
const LISTS_BYTES_MAX: usize = 16 << 20;
/// What an element costs besides its value.
const ELEMENT_OVERHEAD_BYTES: usize = std::mem::size_of::<Part>() + 16;

/// Lists by table, partition key, clustering key (none: static) and column.
#[derive(Debug, Default)]
pub(crate) struct ListStates {
    lists: HashMap<(TableRef, Bytes, Option<Bytes>, ColumnId), Vec<Part>>,
}

impl ListStates {
    /// A list's elements, in order; none if it is null.
    pub fn of(&self, table: TableRef, key: &Bytes, clustering: Option<&Bytes>, column: ColumnId) -> &[Part] {
        let place = (table, key.clone(), clustering.cloned(), column);
        self.lists.get(&place).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A row to be read, or the static row of a partition.
#[derive(Debug)]
struct Wanted {
    table: Arc<Table>,
    key: Bytes,
    token: starling_ring::Token,
    /// Composed clustering keys; `None`: the static row.
    slices: Option<Vec<Slice>>,
}

/// Reads the lists that a write depends on: run each command, feed its answer.
#[derive(Debug, Default)]
pub struct ListRead {
    wanted: VecDeque<Wanted>,
    resume: Option<starling_storage::model::Position>,
    now_s: i64,
    states: ListStates,
    size_bytes: usize,
}

impl ListRead {
    pub(crate) fn new(now_s: i64) -> ListRead {
        ListRead { now_s, ..ListRead::default() }
    }

    /// Adds what a modification depends on.
    pub(crate) fn add(&mut self, modification: &Modification, environment: &Environment<'_>) -> Result<(), CqlError> {
        let PartitionRestriction::Keys(choices) = &modification.restrictions.partition else {
            return Ok(());
        };
        let info = &modification.info;
        let reads = |assignments: &[super::assignment::Assignment]| {
            assignments.iter().any(|assignment| assignment.reads_list(info))
        };
        let (of_rows, of_statics) = (reads(&modification.regular), reads(&modification.statics));
        let prefixes = match of_rows {
            true => {
                clustering::clustering_prefixes(info, &modification.layout, &modification.restrictions, environment)?
            }
            false => Vec::new(),
        };
        let has_clustering = modification.layout.len() > 0;
        for key in locate::partition_keys(info, choices, environment)? {
            let token = starling_ring::Token::from_key(&key);
            let wanted = |slices| Wanted { table: Arc::clone(&info.table), key: key.clone(), token, slices };
            if of_statics {
                self.wanted.push_back(wanted(None));
            }
            if of_rows {
                let rows = prefixes.iter().filter(|_| has_clustering).map(|prefix| slices::point(prefix, true));
                self.wanted.push_back(wanted(Some(rows.collect())));
            }
        }
        Ok(())
    }

    /// The table of the next command.
    pub fn table(&self) -> Option<&Arc<Table>> {
        self.wanted.front().map(|wanted| &wanted.table)
    }

    /// The next command; `None`: all was read.
    pub fn next_command(&self) -> Option<ReadCommand> {
        let wanted = self.wanted.front()?;
        let row_limit = if wanted.slices.is_some() { u32::MAX } else { 1 };
        Some(ReadCommand {
            table: wanted.table.table,
            has_clustering: wanted.table.has_clustering(),
            gc_grace_s: wanted.table.options.gc_grace_s,
            target: ReadTarget::Partition { token: wanted.token, key: wanted.key.clone() },
            slices: wanted.slices.clone().unwrap_or_default(),
            reversed: false,
            row_limit,
            per_partition_limit: row_limit,
            size_limit_bytes: ANSWER_BYTES,
            now_s: self.now_s,
            resume: self.resume.clone(),
        })
    }

    /// Takes the merged answer to the last command.
    ///
    /// # Errors
    /// A server error for an answer that is damaged; Invalid for lists that are too large.
    pub fn feed(&mut self, result: &ReadResult) -> Result<(), CqlError> {
        let Some(wanted) = self.wanted.front() else {
            return Ok(());
        };
        let table = Arc::clone(&wanted.table);
        let is_static = wanted.slices.is_none();
        for partition in &result.partitions {
            if is_static {
                if let Some(row) = live_static_row(partition, self.now_s) {
                    self.note(&table, &partition.key, None, &row)?;
                }
                continue;
            }
            for row in live_rows(partition, self.now_s) {
                self.note(&table, &partition.key, Some(Bytes::copy_from_slice(row.clustering)), &row)?;
            }
        }
        self.resume = result.truncated_at.clone().filter(|position| !is_static && position.clustering.is_some());
        if self.resume.is_none() {
            self.wanted.pop_front();
        }
        Ok(())
    }

    fn note(
        &mut self,
        table: &Table,
        key: &Bytes,
        clustering: Option<Bytes>,
        row: &LiveRow<'_>,
    ) -> Result<(), CqlError> {
        for column in &table.columns {
            let here = (column.kind == ColumnKind::Static) == clustering.is_none();
            if column.kind.is_primary_key() || !here || !matches!(column.cql_type, CqlType::List(_)) {
                continue;
            }
            let found = parts(&column.cql_type, row.cells_of(column.id))?;
            self.size_bytes += found.iter().map(|part| ELEMENT_OVERHEAD_BYTES + part.value.len()).sum::<usize>();
            if self.size_bytes > LISTS_BYTES_MAX {
                return Err(invalid(format!(
                    "The write depends on lists of more than {LISTS_BYTES_MAX} bytes, which would have to be read"
                )));
            }
            if !found.is_empty() {
                self.states.lists.insert((table.table, key.clone(), clustering.clone(), column.id), found);
            }
        }
        Ok(())
    }

    pub(crate) fn into_states(self) -> ListStates {
        self.states
    }
}
