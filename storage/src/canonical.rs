//! The canonical form of a partition: what digests, Merkle trees and answers are made of.
//!
//! Shadowed data is gone, range tombstones are normalised, expiring cells keep their stored expiry, and what
//! may be purged at the read's `now` is left out, after it has shadowed what it shadows. Replicas that fold,
//! expire and purge at different moments so agree.

use xxhash_rust::xxh3::xxh3_128;

use crate::model::{CellContent, ColumnData, Deletion, Expiry, Partition, ReadResult, Row};
use crate::ranges;

/// The times a row is judged against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Seconds since 1970 against which expiry is judged.
    pub now_s: i64,
    /// Tombstones made, and cells expired, before this second may go.
    pub purge_before_s: i64,
}

impl Horizon {
    /// The horizon of a read at `now_s` of a table with this `gc_grace_seconds`.
    pub fn new(now_s: i64, gc_grace_s: u32) -> Self {
        Horizon { now_s, purge_before_s: now_s.saturating_sub(i64::from(gc_grace_s)) }
    }

    /// A horizon before which nothing may go: shadowing only.
    pub fn keep_all() -> Self {
        Horizon { now_s: i64::MIN, purge_before_s: i64::MIN }
    }

    /// Whether a deletion may go, once what it shadows is gone.
    pub fn may_purge_deletion(&self, deletion: &Deletion) -> bool {
        deletion.local_deletion_time_s < self.purge_before_s
    }

    fn may_purge_expired(&self, expiry: &Option<Expiry>) -> bool {
        expiry.is_some_and(|expiry| expiry.expires_at_s < self.purge_before_s)
    }

    fn may_purge_content(&self, content: &CellContent) -> bool {
        match content {
            CellContent::Live { expiry, .. } => self.may_purge_expired(expiry),
            CellContent::Tombstone { local_deletion_time_s, .. } => *local_deletion_time_s < self.purge_before_s,
            CellContent::Counter { .. } => false,
        }
    }
}

fn timestamp(deletion: Option<Deletion>) -> Option<i64> {
    deletion.map(|deletion| deletion.timestamp_us)
}

/// Reduces a row to its canonical form under the deletion that covers it.
pub fn reduce_row(row: &mut Row, covering: Option<Deletion>, horizon: &Horizon) {
    if row.deletion.is_some_and(|own| timestamp(covering) >= Some(own.timestamp_us)) {
        row.deletion = None;
    }
    let shadow = timestamp(row.deletion).max(timestamp(covering));
    if row.marker.is_some_and(|marker| shadow >= Some(marker.timestamp_us) || horizon.may_purge_expired(&marker.expiry))
    {
        row.marker = None;
    }
    row.columns.retain_mut(|column| {
        reduce_column(column, shadow, horizon);
        column.deletion.is_some() || !column.cells.is_empty()
    });
    row.deletion = row.deletion.filter(|deletion| !horizon.may_purge_deletion(deletion));
}

fn reduce_column(column: &mut ColumnData, shadow: Option<i64>, horizon: &Horizon) {
    if column.deletion.is_some_and(|own| shadow >= Some(own.timestamp_us)) {
        column.deletion = None;
    }
    let shadow = timestamp(column.deletion).max(shadow);
    column.cells.retain(|cell| shadow < Some(cell.timestamp_us) && !horizon.may_purge_content(&cell.content));
    column.deletion = column.deletion.filter(|deletion| !horizon.may_purge_deletion(deletion));
}

/// Whether a row says nothing at all.
pub fn row_is_empty(row: &Row) -> bool {
    row.marker.is_none() && row.deletion.is_none() && row.columns.is_empty()
}

/// Whether a partition says nothing at all.
pub fn partition_is_empty(partition: &Partition) -> bool {
    partition.deletion.is_none()
        && partition.range_tombstones.is_empty()
        && partition.static_row.is_none()
        && partition.rows.is_empty()
}

/// Reduces a partition to its canonical form at `now_s`. With nothing left it is empty
/// ([`partition_is_empty`]).
pub fn reduce_partition(partition: &mut Partition, horizon: &Horizon) {
    let whole = partition.deletion;
    ranges::normalise(&mut partition.range_tombstones);
    ranges::drop_shadowed(&mut partition.range_tombstones, whole);
    let tombstones = &partition.range_tombstones;
    partition.rows.retain_mut(|(key, row)| {
        reduce_row(row, ranges::greater(whole, ranges::covering(tombstones, key)), horizon);
        !row_is_empty(row)
    });
    if let Some(row) = &mut partition.static_row {
        reduce_row(row, whole, horizon);
    }
    partition.static_row = partition.static_row.take().filter(|row| !row_is_empty(row));
    partition.range_tombstones.retain(|t| !horizon.may_purge_deletion(&t.deletion));
    partition.deletion = whole.filter(|deletion| !horizon.may_purge_deletion(deletion));
}

/// The canonical form of a partition at `now_s`.
pub fn canonical(mut partition: Partition, now_s: i64, gc_grace_s: u32) -> Partition {
    reduce_partition(&mut partition, &Horizon::new(now_s, gc_grace_s));
    partition
}

/// Digest of an answer: XXH3 (128 bits) of its encoding. The answer is in canonical form, as reads return it.
pub fn digest(result: &ReadResult) -> u128 {
    xxh3_128(&result.encode())
}
