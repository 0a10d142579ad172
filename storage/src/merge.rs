//! The merge of fragments: commutative, associative, idempotent and total; it never reads a clock.
//!
//! Every part is a join. A cell, marker or deletion is the greater of two in a total order that starts with
//! the write timestamp; rows and partitions join part by part. An expired cell is still an expiring cell here:
//! only readers judge time.

use std::cmp::{Ordering, Reverse};

use starling_planted::{Bug, is_planted};

use crate::model::{Cell, CellContent, ColumnData, Deletion, Expiry, Marker, Partition, Row};
use crate::ranges;

/// Order of deletions: timestamp, then the later local deletion time, then the issue stamp.
pub fn compare_deletions(a: &Deletion, b: &Deletion) -> Ordering {
    let rank = |d: &Deletion| (d.timestamp_us, d.local_deletion_time_s, d.issue_stamp);
    rank(a).cmp(&rank(b))
}

/// Later expiry, then the lower TTL; a thing that expires beats one that does not.
fn compare_expiries(a: &Option<Expiry>, b: &Option<Expiry>) -> Ordering {
    let rank = |e: &Option<Expiry>| e.map(|e| (e.expires_at_s, Reverse(e.ttl_s)));
    rank(a).cmp(&rank(b))
}

/// Order of cells of one column and path: timestamp; on a tie a tombstone beats an expiring cell beats a live
/// one, then the later expiry, the lower TTL, the larger value.
pub fn compare_cells(a: &Cell, b: &Cell) -> Ordering {
    a.timestamp_us.cmp(&b.timestamp_us).then_with(|| compare_contents(&a.content, &b.content))
}

fn compare_contents(a: &CellContent, b: &CellContent) -> Ordering {
    let rank = |content: &CellContent| match content {
        CellContent::Counter { .. } => 0,
        CellContent::Live { expiry: None, .. } => 1,
        CellContent::Live { expiry: Some(_), .. } => 2,
        CellContent::Tombstone { .. } => 3,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (CellContent::Live { value, expiry }, CellContent::Live { value: other, expiry: others }) => {
            compare_expiries(expiry, others).then_with(|| value.cmp(other))
        }
        (
            CellContent::Tombstone { local_deletion_time_s: a, issue_stamp: x },
            CellContent::Tombstone { local_deletion_time_s: b, issue_stamp: y },
        ) => (a, x).cmp(&(b, y)),
        (CellContent::Counter { shards: a }, CellContent::Counter { shards: b }) => a.cmp(b),
        // The ranks differ, so this is not reached.
        _ => Ordering::Equal,
    })
}

fn compare_markers(a: &Marker, b: &Marker) -> Ordering {
    a.timestamp_us.cmp(&b.timestamp_us).then_with(|| compare_expiries(&a.expiry, &b.expiry))
}

fn keep_greater<T>(into: &mut Option<T>, other: Option<T>, compare: impl Fn(&T, &T) -> Ordering) {
    if let Some(other) = other {
        match into {
            Some(ours) if compare(ours, &other) != Ordering::Less => {}
            _ => *into = Some(other),
        }
    }
}

/// Joins two deletions.
pub fn merge_deletion(into: &mut Option<Deletion>, other: Option<Deletion>) {
    keep_greater(into, other, compare_deletions);
}

/// Joins two ascending vectors without repeats; what compares equal is joined by `merge`.
fn merge_sorted<T>(into: &mut Vec<T>, other: Vec<T>, compare: impl Fn(&T, &T) -> Ordering, merge: impl Fn(&mut T, T)) {
    let appends = match (into.last(), other.first()) {
        (Some(last), Some(first)) => compare(last, first) == Ordering::Less,
        _ => true,
    };
    if appends {
        if into.is_empty() {
            *into = other;
        } else {
            into.extend(other);
        }
        return;
    }
    // Fragments of one row usually name the same columns: joined in place.
    if into.len() == other.len() && into.iter().zip(&other).all(|(a, b)| compare(a, b) == Ordering::Equal) {
        for (ours, theirs) in into.iter_mut().zip(other) {
            merge(ours, theirs);
        }
        return;
    }
    let mut merged = Vec::with_capacity(into.len() + other.len());
    let mut theirs = other.into_iter().peekable();
    for mut ours in std::mem::take(into) {
        while let Some(lower) = theirs.next_if(|t| compare(t, &ours) == Ordering::Less) {
            merged.push(lower);
        }
        if let Some(same) = theirs.next_if(|t| compare(t, &ours) == Ordering::Equal) {
            merge(&mut ours, same);
        }
        merged.push(ours);
    }
    merged.extend(theirs);
    *into = merged;
}

fn merge_cell(into: &mut Cell, other: Cell) {
    let is_tie = into.timestamp_us == other.timestamp_us;
    if compare_cells(into, &other) == Ordering::Less && !(is_tie && is_planted(Bug::FirstOfEqualStays)) {
        *into = other;
    }
}

/// Joins two fragments of one column.
pub fn merge_column(into: &mut ColumnData, other: ColumnData) {
    merge_deletion(&mut into.deletion, other.deletion);
    merge_sorted(&mut into.cells, other.cells, |a, b| a.path.cmp(&b.path), merge_cell);
}

/// Joins two fragments of one row.
pub fn merge_row(into: &mut Row, other: Row) {
    keep_greater(&mut into.marker, other.marker, compare_markers);
    merge_deletion(&mut into.deletion, other.deletion);
    merge_sorted(&mut into.columns, other.columns, |a, b| a.column.cmp(&b.column), merge_column);
}

/// Joins two optional rows.
pub fn merge_optional_row(into: &mut Option<Row>, other: Option<Row>) {
    match (into.as_mut(), other) {
        (Some(ours), Some(theirs)) => merge_row(ours, theirs),
        (None, theirs) => *into = theirs,
        (Some(_), None) => {}
    }
}

/// Joins two fragments of one partition (same token and key). Range tombstones come out normalised.
pub fn merge_partition(into: &mut Partition, other: Partition) {
    merge_deletion(&mut into.deletion, other.deletion);
    if !other.range_tombstones.is_empty() || !into.range_tombstones.is_empty() {
        if into.range_tombstones.is_empty() || !is_planted(Bug::LoseRangeDeletions) {
            into.range_tombstones.extend(other.range_tombstones);
        }
        ranges::normalise(&mut into.range_tombstones);
    }
    merge_optional_row(&mut into.static_row, other.static_row);
    merge_sorted(&mut into.rows, other.rows, |a, b| a.0.cmp(&b.0), |ours, theirs| merge_row(&mut ours.1, theirs.1));
}
