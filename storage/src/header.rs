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

    /// Joins another fragment, and leaves the range tombstones as they lie: normalising after each of many fragments
    /// would cost their number times all the tombstones there are.
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn deleted_from(start: &'static [u8], end: &'static [u8], timestamp_us: i64) -> Header {
        let deletion = Deletion { timestamp_us, local_deletion_time_s: 1, issue_stamp: 0 };
        let range = RangeTombstone { start: Bytes::from_static(start), end: Bytes::from_static(end), deletion };
        Header { range_tombstones: vec![range], ..Header::default() }
    }

    #[test]
    fn what_was_gathered_in_any_order_is_the_same_once_normalised() {
        let parts = [deleted_from(b"a", b"e", 5), deleted_from(b"c", b"g", 7), deleted_from(b"g", b"k", 7)];
        let joined = |order: [usize; 3]| {
            let mut header = Header::default();
            order.into_iter().for_each(|i| header.gather(parts[i].clone()));
            header.normalise();
            header
        };
        let expected = vec![
            deleted_from(b"a", b"c", 5).range_tombstones.remove(0),
            deleted_from(b"c", b"k", 7).range_tombstones.remove(0),
        ];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            assert_eq!(joined(order).range_tombstones, expected);
        }
    }
}
