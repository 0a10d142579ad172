//! What is known of a partition besides its rows: its deletion, range tombstones and static row.

use crate::canonical::{Horizon, reduce_row, row_is_empty};
use crate::merge::{merge_deletion, merge_optional_row};
use crate::model::{Deletion, Partition, RangeTombstone, Row};
use crate::ranges;

/// The header of a partition, or a fragment of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Partition deletion.
    pub deletion: Option<Deletion>,
    /// Range tombstones.
    pub range_tombstones: Vec<RangeTombstone>,
    /// Static columns.
    pub static_row: Option<Row>,
}

impl Header {
    /// The header part of a mutation; `None` if it touches rows alone.
    pub fn of(partition: &Partition) -> Option<Header> {
        let header = Header {
            deletion: partition.deletion,
            range_tombstones: partition.range_tombstones.clone(),
            static_row: partition.static_row.clone(),
        };
        (!header.is_empty()).then_some(header)
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.deletion.is_none() && self.range_tombstones.is_empty() && self.static_row.is_none()
    }

    /// Joins another fragment; range tombstones come out normalised.
    pub fn merge(&mut self, other: Header) {
        self.gather(other);
        self.normalise();
    }

    /// [`Header::merge`] that leaves the range tombstones as they lie: normalising after each of many fragments would
    /// cost their number times all the tombstones there are.
    pub(crate) fn gather(&mut self, other: Header) {
        merge_deletion(&mut self.deletion, other.deletion);
        self.range_tombstones.extend(other.range_tombstones);
        merge_optional_row(&mut self.static_row, other.static_row);
    }

    /// Brings the range tombstones into their unique form.
    pub(crate) fn normalise(&mut self) {
        ranges::normalise(&mut self.range_tombstones);
    }

    /// Applies shadowing within the header and normalises it. Deletions stay, whatever their age: they are
    /// still needed to shadow rows. The static row is fully reduced.
    pub fn reduce(&mut self, horizon: &Horizon) {
        ranges::normalise(&mut self.range_tombstones);
        ranges::drop_shadowed(&mut self.range_tombstones, self.deletion);
        if let Some(row) = &mut self.static_row {
            reduce_row(row, self.deletion, horizon);
        }
        self.static_row = self.static_row.take().filter(|row| !row_is_empty(row));
    }

    /// Drops the deletions that may go, once all that they shadow is gone.
    pub fn drop_purgeable(&mut self, horizon: &Horizon) {
        self.range_tombstones.retain(|t| !horizon.may_purge_deletion(&t.deletion));
        self.deletion = self.deletion.filter(|deletion| !horizon.may_purge_deletion(deletion));
    }

    /// The deletion that covers a row of a reduced header.
    pub fn covering(&self, clustering: &[u8]) -> Option<Deletion> {
        ranges::greater(self.deletion, ranges::covering(&self.range_tombstones, clustering))
    }
}
