//! Walks the rows of an answer: limits, filters, groups, and the row that static columns alone make.

use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_storage::live::{self, LiveRow};
use starling_storage::model::{Partition, Position};

use super::{Current, LastRow, Next, ReadProgress, State};

impl ReadProgress {
    /// A partition of an answer begins, or goes on from the answer before.
    pub(super) fn enter(&mut self, partition: &Partition) -> Result<(), CqlError> {
        if self.current.as_ref().is_some_and(|current| current.key == partition.key) {
            return Ok(());
        }
        self.leave()?;
        self.current = Some(Current { key: partition.key.clone(), ..Current::default() });
        Ok(())
    }

    /// The current partition is over: static columns alone make a row of their own.
    pub(super) fn leave(&mut self) -> Result<(), CqlError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let Some(partition) = current.static_only.filter(|_| !current.has_rows) else {
            return Ok(());
        };
        let statics = live::live_static_row(&partition, self.operation.now_s);
        if statics.is_none() {
            return Ok(());
        }
        self.current = Some(Current { key: partition.key.clone(), ..Current::default() });
        let shape = &self.operation.plan.shape;
        self.values.set_partition(shape, &partition, statics.as_ref())?;
        self.row(&partition, None)?;
        if self.state == State::Reading {
            self.current = None;
        }
        Ok(())
    }

    pub(super) fn walk(&mut self, partition: &Partition, truncated_at: Option<&Position>) -> Result<Next, CqlError> {
        let plan = Arc::clone(&self.operation.plan);
        let now_s = self.operation.now_s;
        let statics = live::live_static_row(partition, now_s);
        self.values.set_partition(&plan.shape, partition, statics.as_ref())?;
        let mut rows = live::live_rows(partition, now_s);
        let mut next = Next::Row;
        while let Some(row) = if plan.reversed { rows.next_back() } else { rows.next() } {
            if let Some(current) = &mut self.current {
                current.has_rows = true;
                current.static_only = None;
            }
            next = self.row(partition, Some(&row))?;
            if next != Next::Row {
                break;
            }
        }
        let goes_on =
            truncated_at.is_some_and(|position| position.key == partition.key && position.clustering.is_some());
        if let Some(current) = &mut self.current
            && !current.has_rows
            && statics.is_some()
            && self.operation.slices.is_empty()
        {
            current.static_only = Some(header_of(partition));
        }
        if next == Next::Row && !goes_on {
            self.leave()?;
        }
        Ok(if self.state == State::Reading { next } else { Next::Stop })
    }

    /// One live row, or static columns alone.
    fn row(&mut self, partition: &Partition, row: Option<&LiveRow<'_>>) -> Result<Next, CqlError> {
        if self.partition_is_exhausted() {
            return Ok(Next::Partition);
        }
        let plan = Arc::clone(&self.operation.plan);
        self.values.set_row(&plan.shape, &plan.layout, row)?;
        for filter in &self.operation.filters {
            if !filter.passes(&plan.info, |column| self.values.value(column))? {
                return Ok(Next::Row);
            }
        }
        if plan.aggregates() {
            return self.aggregate(partition, row);
        }
        self.output.push(&self.operation, &self.values)?;
        if let Some(current) = &mut self.current {
            current.taken += 1;
        }
        if let Some(left) = self.limit_left.as_mut().filter(|_| plan.sort.is_empty()) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.state = State::Done;
                return Ok(Next::Stop);
            }
        }
        if self.page_is_full()? {
            let partition_done = self.partition_is_exhausted() || row.is_none() || plan.layout.len() == 0;
            let clustering = row.map(|row| Bytes::copy_from_slice(row.clustering)).filter(|_| !partition_done);
            self.stop_after(Position { token: partition.token, key: partition.key.clone(), clustering });
            return Ok(Next::Stop);
        }
        Ok(Next::Row)
    }

    /// A row that goes into an aggregate. A page of groups ends before the row that begins the next group.
    fn aggregate(&mut self, partition: &Partition, row: Option<&LiveRow<'_>>) -> Result<Next, CqlError> {
        if self.output.begins_group(&self.operation, partition, &self.values)? {
            if self.output.close_group(&self.operation)? && self.ends_with_group(partition)? {
                return Ok(Next::Stop);
            }
            let groups = self.current.as_ref().map_or(0, |current| current.taken);
            if self.operation.per_partition_limit.is_some_and(|limit| groups >= limit) {
                return Ok(Next::Partition);
            }
            if let Some(current) = &mut self.current {
                current.taken += 1;
            }
            self.output.open_group(&self.operation, partition, &self.values)?;
        }
        self.output.add_to_group(&self.operation, &self.values)?;
        if let Some(current) = self.current.as_mut().filter(|_| self.operation.plan.distinct) {
            // Of a partition that DISTINCT selects, one row counts.
            current.taken = 1;
        }
        if self.operation.plan.grouping.is_some() {
            let clustering = row.map(|row| Bytes::copy_from_slice(row.clustering));
            self.last_grouped = Some(LastRow {
                target: self.target,
                position: Position { token: partition.token, key: partition.key.clone(), clustering },
                taken: self.current.as_ref().map_or(0, |current| current.taken),
            });
        }
        Ok(Next::Row)
    }

    /// After a group became a row: whether the limit or the page ends here. `next`: the partition of the row
    /// that begins the group after.
    fn ends_with_group(&mut self, next: &Partition) -> Result<bool, CqlError> {
        if let Some(left) = &mut self.limit_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.state = State::Done;
                return Ok(true);
            }
        }
        if !self.page_is_full()? {
            return Ok(false);
        }
        let Some(LastRow { target, mut position, taken }) = self.last_grouped.take() else {
            return Ok(false);
        };
        if position.key != next.key {
            position.clustering = None;
        }
        self.target = target;
        self.current = Some(Current { key: position.key.clone(), taken, has_rows: true, static_only: None });
        self.stop_after(position);
        Ok(true)
    }
}

/// A partition without its rows.
fn header_of(partition: &Partition) -> Partition {
    Partition {
        token: partition.token,
        key: partition.key.clone(),
        deletion: partition.deletion,
        range_tombstones: Vec::new(),
        static_row: partition.static_row.clone(),
        rows: Vec::new(),
    }
}
