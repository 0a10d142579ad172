//! Collects an answer: fragments come in reading order, limits say when to stop. The same code reads the
//! engine, partitions in memory, and the merged answers of replicas.

use bytes::Bytes;
use starling_planted::{Bug, is_planted};
use starling_ring::Token;

use crate::canonical::{Horizon, partition_is_empty, reduce_row, row_is_empty};
use crate::header::Header;
use crate::key;
use crate::live::{is_live, live_static_row};
use crate::model::{CellContent, Partition, PartitionCut, Position, ReadCommand, ReadResult, ReadTarget, Row, Slice};
use crate::ranges;

/// After this many fragments that are in no answer (purgeable, shadowed) a read stops and says where.
const DEAD_FRAGMENTS_MAX: u32 = 20_000;

/// What to do after a fragment was collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Go on.
    Continue,
    /// This partition has met its limit: on to the next.
    NextPartition,
    /// A limit of the whole read is met.
    Stop,
}

pub(crate) struct Collector<'a> {
    command: &'a ReadCommand,
    horizon: Horizon,
    result: ReadResult,
    open: Option<Open>,
    live_rows: u32,
    size_bytes: usize,
    dead_fragments: u32,
    /// Rows that may still be walked before the read is given up.
    rows_left: Option<u32>,
    is_given_up: bool,
}

/// The partition being walked.
struct Open {
    token: Token,
    key: Bytes,
    /// Reduced, but with every deletion still in it.
    header: Header,
    /// In reading order.
    rows: Vec<(Bytes, Row)>,
    live_rows: u32,
    /// What it adds to the answer besides its rows, until that is counted.
    size_bytes: usize,
}

/// What is to be walked of a partition: the slices that lie beyond the resume position, ascending.
pub(crate) fn regions(command: &ReadCommand, token: Token, key: &[u8]) -> Vec<Slice> {
    // No composed key reaches the end of this slice.
    let whole = || vec![Slice { start: Bytes::new(), end: Bytes::from_static(&[0xFF; 4]) }];
    let mut slices = if command.slices.is_empty() { whole() } else { command.slices.clone() };
    if let Some(resume) = &command.resume {
        match (resume.token, resume.key.as_ref()).cmp(&(token, key)) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Greater => slices.clear(),
            std::cmp::Ordering::Equal => match &resume.clustering {
                None => slices.clear(),
                Some(last) if command.reversed => limit_end(&mut slices, last),
                Some(last) => limit_start(&mut slices, &key::successor(last)),
            },
        }
    }
    slices.retain(|slice| slice.start < slice.end);
    slices
}

fn limit_start(slices: &mut [Slice], start: &Bytes) {
    for slice in slices.iter_mut().filter(|slice| slice.start < *start) {
        slice.start = start.clone();
    }
}

fn limit_end(slices: &mut [Slice], end: &Bytes) {
    for slice in slices.iter_mut().filter(|slice| slice.end > *end) {
        slice.end = end.clone();
    }
}

/// About how much a row adds to an answer. It depends on the canonical row alone, so replicas that agree stop
/// at the same place.
fn row_size_bytes(key: &[u8], row: &Row) -> usize {
    let content = |content: &CellContent| match content {
        CellContent::Live { value, .. } => value.len(),
        CellContent::Counter { shards } => shards.len(),
        CellContent::Tombstone { .. } => 8,
    };
    let cells = row.columns.iter().flat_map(|column| &column.cells);
    let cells: usize = cells.map(|cell| 8 + cell.path.as_ref().map_or(0, Bytes::len) + content(&cell.content)).sum();
    16 + key.len() + cells
}

impl<'a> Collector<'a> {
    pub(crate) fn new(command: &'a ReadCommand) -> Self {
        let grace_s = if is_planted(Bug::AnswerWithoutDeletions) { 0 } else { command.gc_grace_s };
        Collector {
            command,
            horizon: Horizon::new(command.now_s, grace_s),
            result: ReadResult::default(),
            open: None,
            live_rows: 0,
            size_bytes: 0,
            dead_fragments: 0,
            rows_left: None,
            is_given_up: false,
        }
    }

    /// Gives the read up when more rows than this have to be walked for it.
    pub(crate) fn within(self, rows_max: Option<u32>) -> Self {
        Collector { rows_left: rows_max, ..self }
    }

    /// Whether the read was given up: what was collected is no answer.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// A partition begins; what is known of its header is needed before its rows.
    pub(crate) fn begin(&mut self, token: Token, key: Bytes, mut header: Header) {
        header.reduce(&self.horizon);
        let static_row = header.static_row.as_ref();
        let size_bytes = 32 + key.len() + static_row.map_or(0, |row| row_size_bytes(&[], row));
        self.open = Some(Open { token, key, header, rows: Vec::new(), live_rows: 0, size_bytes });
    }

    /// The next row of the partition, in reading order.
    pub(crate) fn row(&mut self, clustering: Bytes, mut row: Row) -> Flow {
        let Some(open) = &mut self.open else {
            return Flow::Stop;
        };
        match &mut self.rows_left {
            Some(0) => {
                self.is_given_up = true;
                return Flow::Stop;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        reduce_row(&mut row, open.header.covering(&clustering), &self.horizon);
        // What is in no answer moves no limit but its own: replicas that still hold it stop where the others do.
        let is_dead = row_is_empty(&row);
        if is_dead {
            self.dead_fragments += 1;
        } else {
            self.size_bytes += std::mem::take(&mut open.size_bytes) + row_size_bytes(&clustering, &row);
            if is_live(&row, self.command.now_s) {
                self.live_rows += 1;
                open.live_rows += 1;
            }
            open.rows.push((clustering.clone(), row));
        }
        let is_partition_limit_met = open.live_rows >= self.command.per_partition_limit.max(1);
        if !self.command.has_clustering {
            // Its only row: the end of the partition looks at the limits.
            return Flow::Continue;
        }
        if self.limit_is_met(is_dead) {
            self.close(Some(clustering), true);
            return Flow::Stop;
        }
        if is_partition_limit_met {
            self.close(Some(clustering), false);
            return Flow::NextPartition;
        }
        Flow::Continue
    }

    /// The partition was walked to its end.
    pub(crate) fn end(&mut self) -> Flow {
        let Some(open) = &self.open else {
            return Flow::Stop;
        };
        let (token, key) = (open.token, open.key.clone());
        let found = self.result.partitions.len();
        let live_rows = open.live_rows;
        self.close(None, false);
        match self.result.partitions.get(found) {
            None => self.dead_fragments += 1,
            // A live static row without live rows makes one row of the answer.
            Some(partition) if live_rows == 0 && self.command.slices.is_empty() => {
                let resumed = self.command.resume.as_ref().is_some_and(|r| r.token == token && r.key == key);
                if !resumed && live_static_row(partition, self.command.now_s).is_some() {
                    self.live_rows += 1;
                }
            }
            Some(_) => {}
        }
        let is_dead = self.result.partitions.len() == found;
        if self.limit_is_met(is_dead) && matches!(self.command.target, ReadTarget::TokenRange { .. }) {
            self.result.truncated_at = Some(Position { token, key, clustering: None });
            return Flow::Stop;
        }
        Flow::Continue
    }

    /// The answer.
    pub(crate) fn finish(self) -> ReadResult {
        self.result
    }

    fn limit_is_met(&self, is_dead: bool) -> bool {
        if is_dead {
            return self.dead_fragments >= DEAD_FRAGMENTS_MAX;
        }
        self.live_rows >= self.command.row_limit.max(1) || self.size_bytes >= self.command.size_limit_bytes as usize
    }

    /// Moves the open partition to the answer. `last` is the last clustering key walked, unless it was walked
    /// to its end.
    fn close(&mut self, last: Option<Bytes>, stops: bool) {
        let Some(Open { token, key, mut header, mut rows, size_bytes, .. }) = self.open.take() else {
            return;
        };
        let command = self.command;
        if command.reversed {
            rows.reverse();
        }
        if !header.range_tombstones.is_empty() {
            let mut regions = regions(command, token, &key);
            match &last {
                Some(last) if command.reversed => limit_start(&mut regions, last),
                Some(last) => limit_end(&mut regions, &key::successor(last)),
                None => {}
            }
            regions.retain(|region| region.start < region.end);
            header.drop_purgeable(&self.horizon);
            header.range_tombstones = ranges::within(&header.range_tombstones, &regions);
        } else {
            header.drop_purgeable(&self.horizon);
        }
        let Header { deletion, range_tombstones, static_row } = header;
        let partition = Partition { token, key, deletion, range_tombstones, static_row, rows };
        let is_empty = partition_is_empty(&partition);
        if let Some(clustering) = last {
            if stops {
                let key = partition.key.clone();
                self.result.truncated_at = Some(Position { token, key, clustering: Some(clustering) });
            } else if !is_empty {
                let index = u32::try_from(self.result.partitions.len()).unwrap_or(u32::MAX);
                self.result.cuts.push(PartitionCut { partition: index, clustering });
            }
        }
        if !is_empty {
            self.size_bytes += size_bytes;
            self.result.partitions.push(partition);
        }
    }
}
