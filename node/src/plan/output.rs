//! The rows of a page while they come in: plain, aggregated or to be sorted.

use std::cmp::Ordering;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_storage::model::Partition;

use super::aggregate::Accumulator;
use super::errors::invalid;
use super::locate::order_bytes;
use super::page::Page;
use super::read::ReadOperation;
use super::row::RowValues;
use super::selector::{Selector, Surroundings};
use super::values::Entropy;

/// What a row costs besides its values, for the bounds on a page's size.
const CELL_OVERHEAD_BYTES: usize = 4;

/// Most bytes of one row that are not columns as they are stored: each selector may make a copy of a large value. Twice
/// the largest mutation.
const ROW_BUILT_BYTES_MAX: usize = 32 << 20;

/// Rows gathered so far.
#[derive(Debug)]
pub(crate) struct Output {
    cells: Vec<Option<Bytes>>,
    rows: u32,
    size_bytes: usize,
    /// For each row, where rows are to be sorted.
    sort_keys: Vec<Vec<Option<Vec<u8>>>>,
    group: Option<Group>,
    has_grouped: bool,
    entropy: Entropy,
}

#[derive(Debug)]
struct Group {
    partition_key: Bytes,
    first: RowValues,
    /// What GROUP BY's function makes of it.
    bucket: Option<Bytes>,
    accumulators: Vec<Accumulator>,
}

impl Output {
    /// Nothing yet.
    pub fn new(operation: &ReadOperation) -> Output {
        Output {
            cells: Vec::new(),
            rows: 0,
            size_bytes: 0,
            sort_keys: Vec::new(),
            group: None,
            has_grouped: false,
            // Not the stream that the constants were drawn from.
            entropy: Entropy::new(operation.entropy.wrapping_add(1)),
        }
    }

    /// Number of rows.
    pub fn row_count(&self) -> u32 {
        self.rows
    }

    /// About how many bytes the rows take.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Adds the row that the selectors make of raw values.
    pub fn push(&mut self, operation: &ReadOperation, values: &RowValues) -> Result<(), CqlError> {
        if !operation.plan.sort.is_empty() {
            let info = &operation.plan.info;
            let key = |column: usize| -> Result<Option<Vec<u8>>, CqlError> {
                values.value(column).map(|value| order_bytes(&info.column(column).cql_type, value)).transpose()
            };
            let keys: Result<Vec<_>, CqlError> = operation.plan.sort.iter().map(|sort| key(sort.column)).collect();
            self.sort_keys.push(keys?);
        }
        self.push_with(operation, values, &[])
    }

    fn push_with(
        &mut self,
        operation: &ReadOperation,
        values: &RowValues,
        aggregates: &[Option<Bytes>],
    ) -> Result<(), CqlError> {
        let around = Surroundings {
            constants: &operation.constants,
            aggregates,
            now_us: operation.now_us,
            entropy: &self.entropy,
        };
        let mut built_bytes = 0;
        for selector in &operation.plan.clause.selectors {
            let cell = selector.evaluate(values, &around)?;
            let size = cell.as_ref().map_or(0, Bytes::len);
            if !matches!(selector, Selector::Column(_)) {
                built_bytes += size;
            }
            if built_bytes > ROW_BUILT_BYTES_MAX {
                return Err(invalid(format!("A row of more than {ROW_BUILT_BYTES_MAX} bytes would be built")));
            }
            self.size_bytes += CELL_OVERHEAD_BYTES + size;
            self.cells.push(cell);
        }
        self.rows += 1;
        Ok(())
    }

    /// Whether a row does not belong to the open group.
    pub fn begins_group(
        &self,
        operation: &ReadOperation,
        partition: &Partition,
        values: &RowValues,
    ) -> Result<bool, CqlError> {
        let Some(group) = &self.group else { return Ok(true) };
        let plan = &operation.plan;
        let Some(grouping) = &plan.grouping else { return Ok(false) };
        let by_value = grouping.clustering_columns - usize::from(grouping.last.is_some());
        let differs = |&column: &usize| group.first.value(column) != values.value(column);
        if group.partition_key != partition.key || plan.info.clustering.iter().take(by_value).any(differs) {
            return Ok(true);
        }
        Ok(group.bucket != self.bucket(operation, values)?)
    }

    /// What GROUP BY's function makes of a row.
    fn bucket(&self, operation: &ReadOperation, values: &RowValues) -> Result<Option<Bytes>, CqlError> {
        let Some(last) = operation.plan.grouping.as_ref().and_then(|grouping| grouping.last.as_ref()) else {
            return Ok(None);
        };
        let around = Surroundings {
            constants: &operation.constants,
            aggregates: &[],
            now_us: operation.now_us,
            entropy: &self.entropy,
        };
        last.evaluate(values, &around)
    }

    /// Opens a group with its first row.
    pub fn open_group(
        &mut self,
        operation: &ReadOperation,
        partition: &Partition,
        values: &RowValues,
    ) -> Result<(), CqlError> {
        self.has_grouped = true;
        self.group = Some(Group {
            partition_key: partition.key.clone(),
            first: values.clone(),
            bucket: self.bucket(operation, values)?,
            accumulators: operation.plan.clause.aggregates.iter().map(|aggregate| aggregate.start()).collect(),
        });
        Ok(())
    }

    /// Adds a row to the open group.
    pub fn add_to_group(&mut self, operation: &ReadOperation, values: &RowValues) -> Result<(), CqlError> {
        let Some(group) = &mut self.group else { return Ok(()) };
        let around = Surroundings {
            constants: &operation.constants,
            aggregates: &[],
            now_us: operation.now_us,
            entropy: &self.entropy,
        };
        for (aggregate, accumulator) in operation.plan.clause.aggregates.iter().zip(&mut group.accumulators) {
            match &aggregate.argument {
                None => accumulator.add(Some(&Bytes::new()))?,
                Some(argument) => accumulator.add(argument.evaluate(values, &around)?.as_ref())?,
            }
        }
        Ok(())
    }

    /// Makes a row of the open group, if there is one; says whether there was.
    pub fn close_group(&mut self, operation: &ReadOperation) -> Result<bool, CqlError> {
        let Some(group) = self.group.take() else {
            return Ok(false);
        };
        let results: Result<Vec<Option<Bytes>>, CqlError> =
            group.accumulators.into_iter().map(Accumulator::finish).collect();
        self.push_with(operation, &group.first, &results?)?;
        Ok(true)
    }

    /// The page; `last`: everything was read.
    pub fn finish(mut self, operation: &ReadOperation, last: bool) -> Result<Page, CqlError> {
        let plan = &operation.plan;
        if plan.aggregates() && last {
            self.close_group(operation)?;
            if plan.grouping.is_none() && !self.has_grouped {
                // Aggregates of nothing: one row that says so.
                self.group = Some(Group {
                    partition_key: Bytes::new(),
                    first: RowValues::default(),
                    bucket: None,
                    accumulators: plan.clause.aggregates.iter().map(|aggregate| aggregate.start()).collect(),
                });
                self.close_group(operation)?;
            }
        }
        let width = plan.clause.columns.len();
        if !plan.sort.is_empty() {
            self.sort(operation, width);
        }
        Ok(Page { width, cells: self.cells, paging_state: None })
    }

    fn sort(&mut self, operation: &ReadOperation, width: usize) {
        let descending: Vec<bool> = operation.plan.sort.iter().map(|sort| sort.descending).collect();
        let rows: Vec<Vec<Option<Bytes>>> = self.cells.chunks(width.max(1)).map(<[_]>::to_vec).collect();
        let mut keyed: Vec<_> = std::mem::take(&mut self.sort_keys).into_iter().zip(rows).collect();
        keyed.sort_by(|a, b| compare_keys(&a.0, &b.0, &descending));
        keyed.truncate(operation.limit.map_or(usize::MAX, |limit| limit as usize));
        self.cells = keyed.into_iter().flat_map(|(_, row)| row).collect();
    }
}

/// The order of rows that are sorted over several partitions: null first, then by ordered bytes.
fn compare_keys(a: &[Option<Vec<u8>>], b: &[Option<Vec<u8>>], descending: &[bool]) -> Ordering {
    a.iter()
        .zip(b)
        .zip(descending)
        .map(|((a, b), descending)| if *descending { b.cmp(a) } else { a.cmp(b) })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
