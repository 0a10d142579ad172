//! A read on its way: a state machine that says which command to run next, takes the replicas' merged
//! answers, and ends with a page. It runs nothing itself.

mod walk;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::Token;
use starling_storage::model::{Partition, Position, ReadCommand, ReadResult, ReadTarget};

use super::errors::invalid;
use super::output::Output;
use super::page::Page;
use super::paging::PagingState;
use super::read::ReadOperation;
use super::row::RowValues;

/// Rows fetched at once where not every row read is a row returned, or where the client does not page.
const FETCH_ROWS: u32 = 5_000;
/// A replica's answer ends soon after this many bytes.
const ANSWER_BYTES: u32 = 1 << 20;
/// A page ends soon after this many bytes of values, however few rows it has.
const PAGE_BYTES: usize = 4 << 20;
/// A result that the client did not ask for in pages may not be larger than this.
const UNPAGED_BYTES_MAX: usize = 16 << 20;

/// Runs a [`ReadOperation`]: while [`ReadProgress::next_command`] gives a command, run it and
/// [`ReadProgress::feed`] its answer; then [`ReadProgress::finish`].
#[derive(Debug)]
pub struct ReadProgress {
    operation: ReadOperation,
    output: Output,
    values: RowValues,
    /// Which target is being walked.
    target: usize,
    /// Where the next command starts within it.
    resume: Option<Position>,
    /// Exclusive start of what is left of a token range.
    scan_start: Option<Token>,
    /// The partition that the walk is in.
    current: Option<Current>,
    /// Rows (or groups) that LIMIT still allows.
    limit_left: Option<u32>,
    /// The last row that went into a group.
    last_grouped: Option<LastRow>,
    state: State,
}

/// Where the last row of the open group was.
#[derive(Debug)]
struct LastRow {
    target: usize,
    position: Position,
    taken: u32,
}

/// What is known of the partition that the walk is in.
#[derive(Debug, Default)]
struct Current {
    key: Bytes,
    /// Rows returned of it.
    taken: u32,
    /// Whether any live row was seen.
    has_rows: bool,
    /// Its static row, while no live row was seen and it is not known to be over.
    static_only: Option<Partition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// More to read.
    Reading,
    /// The page is full; the next starts there.
    PageFull(Box<PagingState>),
    /// Everything was read.
    Done,
}

/// What to do after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Row,
    Partition,
    Stop,
}

impl ReadProgress {
    /// Begins, or goes on where the paging state says.
    pub fn new(operation: ReadOperation) -> ReadProgress {
        let mut progress = ReadProgress {
            output: Output::new(&operation),
            values: RowValues::default(),
            target: 0,
            resume: None,
            scan_start: None,
            current: None,
            limit_left: operation.limit,
            last_grouped: None,
            state: if operation.targets.is_empty() { State::Done } else { State::Reading },
            operation,
        };
        if let Some(resume) = progress.operation.resume.take() {
            progress.target = resume.target as usize;
            progress.limit_left = resume.limit_left;
            progress.current = Some(Current {
                key: resume.position.key.clone(),
                taken: resume.taken_of_partition,
                has_rows: resume.partition_has_rows,
                static_only: None,
            });
            progress.resume = Some(resume.position);
            progress.skip_finished_target();
        }
        progress
    }

    /// The operation that is run.
    pub fn operation(&self) -> &ReadOperation {
        &self.operation
    }

    /// The next command, or `None` once the page is ready.
    ///
    /// A command over a token range may be run on its beginning alone; say so in [`ReadProgress::feed`].
    pub fn next_command(&self) -> Option<ReadCommand> {
        if self.state != State::Reading {
            return None;
        }
        let plan = &self.operation.plan;
        let target = match self.operation.targets.get(self.target)? {
            ReadTarget::TokenRange { start, end } => {
                // With a resume position the range starts just before its token.
                let resumed = self.resume.as_ref().map(|position| Token(position.token.0.saturating_sub(1)));
                ReadTarget::TokenRange { start: resumed.or(self.scan_start).unwrap_or(*start), end: *end }
            }
            partition => partition.clone(),
        };
        Some(ReadCommand {
            table: plan.info.table.table,
            has_clustering: plan.layout.len() > 0,
            gc_grace_s: plan.info.table.options.gc_grace_s,
            target,
            slices: self.operation.slices.clone(),
            reversed: plan.reversed,
            row_limit: self.row_limit(),
            per_partition_limit: self.fetch_per_partition(),
            size_limit_bytes: ANSWER_BYTES,
            now_s: self.operation.now_s,
            resume: self.resume.clone(),
        })
    }

    /// Whether every live row that replicas count is a row of the answer.
    fn is_plain(&self) -> bool {
        self.operation.filters.is_empty() && !self.operation.plan.aggregates()
    }

    fn row_limit(&self) -> u32 {
        if !self.is_plain() {
            return FETCH_ROWS;
        }
        if !self.operation.plan.sort.is_empty() {
            return self.operation.limit.unwrap_or(u32::MAX).min(FETCH_ROWS);
        }
        let page = match self.operation.page_size {
            Some(size) => size.saturating_sub(self.output.row_count()),
            None => FETCH_ROWS,
        };
        self.limit_left.unwrap_or(u32::MAX).min(page).max(1)
    }

    /// Rows that may be returned of each partition.
    fn partition_limit(&self) -> Option<u32> {
        let limit = self.operation.per_partition_limit;
        if self.operation.plan.sort.is_empty() {
            return limit;
        }
        // Where rows are sorted afterwards, LIMIT bounds what any one partition can contribute.
        limit.into_iter().chain(self.operation.limit).min()
    }

    fn fetch_per_partition(&self) -> u32 {
        let first_alone = self.operation.plan.distinct && self.operation.filters.is_empty();
        self.partition_limit().filter(|_| self.is_plain() || first_alone).unwrap_or(u32::MAX)
    }

    /// Takes the merged answer to the last command. `covered_to`: the command was only run up to this token
    /// of its range; `None`: on all of it.
    ///
    /// # Errors
    /// A server error for an answer that is damaged; Invalid for a result that is too large.
    pub fn feed(&mut self, result: ReadResult, covered_to: Option<Token>) -> Result<(), CqlError> {
        if self.state != State::Reading {
            return Ok(());
        }
        let truncated_at = result.truncated_at;
        for partition in &result.partitions {
            self.enter(partition)?;
            if self.state != State::Reading || self.walk(partition, truncated_at.as_ref())? == Next::Stop {
                return Ok(());
            }
        }
        let Some(mut position) = truncated_at else {
            self.leave()?;
            if self.state == State::Reading {
                self.resume = None;
                self.advance(covered_to);
            }
            return Ok(());
        };
        let within = self.current.as_ref().is_some_and(|current| current.key == position.key);
        if !within || position.clustering.is_none() {
            self.leave()?;
        } else if self.partition_is_exhausted() {
            position.clustering = None;
        }
        if self.state == State::Reading {
            self.resume = Some(position);
            self.skip_finished_target();
        }
        Ok(())
    }

    /// Whether the current partition may contribute no more rows.
    fn partition_is_exhausted(&self) -> bool {
        let taken = self.current.as_ref().map_or(0, |current| current.taken);
        // Elsewhere the limit counts groups, and the last one may go on.
        let counts_rows = self.operation.plan.grouping.is_none() || self.operation.plan.distinct;
        counts_rows && self.partition_limit().is_some_and(|limit| taken >= limit)
    }

    /// The page, once [`ReadProgress::next_command`] gives `None`.
    ///
    /// # Errors
    /// As [`ReadProgress::feed`]; a server error if the read is not over.
    pub fn finish(self) -> Result<Page, CqlError> {
        let paging_state = match &self.state {
            State::PageFull(state) => Some(state.encode()),
            State::Done => None,
            State::Reading => return Err(CqlError::Server("the read is not over".to_owned())),
        };
        let last = paging_state.is_none();
        let mut page = self.output.finish(&self.operation, last)?;
        page.paging_state = paging_state;
        Ok(page)
    }

    /// On to the next target, or to the rest of a token range.
    fn advance(&mut self, covered_to: Option<Token>) {
        if let (Some(ReadTarget::TokenRange { end, .. }), Some(covered)) =
            (self.operation.targets.get(self.target), covered_to)
            && covered < *end
        {
            self.scan_start = Some(covered);
            return;
        }
        self.scan_start = None;
        self.target += 1;
        if self.target >= self.operation.targets.len() {
            self.state = State::Done;
        }
    }

    /// A position after a whole partition ends a target that is that partition.
    fn skip_finished_target(&mut self) {
        let over = self.resume.as_ref().is_some_and(|position| position.clustering.is_none());
        if over && matches!(self.operation.targets.get(self.target), Some(ReadTarget::Partition { .. })) {
            self.resume = None;
            self.advance(None);
        }
    }

    fn page_is_full(&self) -> Result<bool, CqlError> {
        let bytes = self.output.size_bytes();
        match self.operation.page_size {
            Some(size) if self.operation.plan.sort.is_empty() => {
                Ok(self.output.row_count() >= size || bytes >= PAGE_BYTES)
            }
            _ if bytes > UNPAGED_BYTES_MAX => {
                Err(invalid(format!("The result is larger than {UNPAGED_BYTES_MAX} bytes: read it in pages")))
            }
            _ => Ok(false),
        }
    }

    fn stop_after(&mut self, position: Position) {
        let current = self.current.as_ref();
        self.state = State::PageFull(Box::new(PagingState {
            table: self.operation.plan.info.table.table,
            // Bounded by the product of INs, far below 2^32.
            target: self.target as u32,
            limit_left: self.limit_left,
            taken_of_partition: current.map_or(0, |current| current.taken),
            partition_has_rows: current.is_some_and(|current| current.has_rows),
            position,
        }));
        self.end_if_nothing_is_left();
    }

    /// A full page after the last row that there can be is the last page.
    fn end_if_nothing_is_left(&mut self) {
        let State::PageFull(state) = &self.state else { return };
        let is_partition = matches!(self.operation.targets.get(self.target), Some(ReadTarget::Partition { .. }));
        let last_target = self.target + 1 >= self.operation.targets.len();
        let slices = &self.operation.slices;
        let last_slice = if self.operation.plan.reversed { slices.first() } else { slices.last() };
        let at_last_row = || {
            let last_row = last_slice.and_then(|slice| slice.single_row());
            last_row.is_some() && last_row == state.position.clustering.as_ref()
        };
        let over = is_partition && last_target && (state.position.clustering.is_none() || at_last_row());
        if over && self.operation.plan.grouping.is_none() {
            self.state = State::Done;
        }
    }
}
